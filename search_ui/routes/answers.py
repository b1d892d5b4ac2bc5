"""Routes that answer questions as documents: search, ground view, map, calendar, places, uploads."""

import tempfile
from pathlib import Path
from typing import Any

from search_ui.maps import snapshots as maps
from search_ui.routes.endpoint import Endpoint, Made, as_json
from search_ui.routes.parameters import Calendar, Ground, Map, Nothing, Place, Search, TileOf, Upload, place_of
from search_ui.search.query import Query
from search_ui.service.service import Found, Service
from trainer.errors import UsageError

_MEDIA = {
    "tif": "image/tiff; application=geotiff; profile=cloud-optimized",
    "png": "image/png",
    "parquet": "application/vnd.apache.parquet",
}


def found_document(service: Service, collection: str, found: Found) -> dict[str, Any]:
    """An answer in JSON types: that of the command line, whether there is nothing, and whom to credit."""
    return found.answer.as_dict() | {
        "nothing": found.nothing,
        "nearest": None if found.nearest is None else found.nearest.as_dict(),
        "attribution": service.attribution(collection),
    }


def _collections(service: Service, _: Nothing) -> Made:
    galleries = [{"name": name, "model_id": found.model_id} for name, found in service.named_galleries().items()]
    shown = [one.as_dict() for one in service.collections()]
    return as_json({"collections": shown, "galleries": galleries, "read_only": service.read_only})


def _search(service: Service, asked: Search) -> Made:
    found = service.search(asked.collection, asked.asked(service), asked.feedback())
    return as_json(found_document(service, asked.collection, found), service.attribution(asked.collection))


def _tile(service: Service, asked: TileOf) -> Made:
    if (asked.tile is None) == (asked.at is None):
        raise UsageError("give the tile, or a place in it: one of `tile` and `at`")
    place = place_of(asked.at)
    tile_id = asked.tile
    if place is not None:
        tile_id = service.tile_at(asked.collection, lat=place[0], lon=place[1])
    tile = service.tile(asked.collection, str(tile_id))
    return as_json(tile.as_dict(), tile.attribution)


def _ground(service: Service, asked: Ground) -> Made:
    view = service.look(asked.collection, asked.query(), asked.gallery)
    document = view.as_dict()
    for hit in document["hits"]:
        del hit["path"]  # of this machine
    return as_json(document, view.attribution)


def _map(service: Service, asked: Map) -> Made:
    query = asked.query(service)
    scores = service.scores(asked.collection, query, asked.feedback())
    provenance = service.engine.provenance(asked.collection).facts()
    credit = service.attribution(asked.collection)
    if asked.format == "json":
        columns = {
            name: [round(float(value), 6) for value in getattr(scores, name)]
            for name in ("lat", "lon", "size_m", "cosine", "relevance")
        }
        document = {"query": query.as_dict(), "note": scores.note, "provenance": provenance, "attribution": credit}
        return as_json(document | {"tile_id": scores.tile_id} | columns, credit)
    about = maps.About(maps.say_question(query), {"query": query.as_dict()} | provenance)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"map.{asked.format}"
        maps.write_scores(path, scores, about, value=asked.value, published=False)
        headers = {"Content-Disposition": f'attachment; filename="{path.name}"'}
        return Made(path.read_bytes(), _MEDIA[asked.format], credit, headers)


def _calendar(service: Service, asked: Calendar) -> Made:
    query: Query = asked.query(service)
    calendar = service.calendar(asked.collection, query, year=asked.year, top=asked.top)
    credit = service.attribution(asked.collection)
    return as_json(calendar.as_dict() | {"query": query.as_dict(), "attribution": credit}, credit)


def _place(service: Service, asked: Place) -> Made:
    found = service.place(asked.name)
    west, south, east, north = found.area.bounds
    document = {"says": found.says, "others": list(found.others), "bbox": [west, south, east, north]}
    return as_json(document | {"attribution": found.attribution}, found.attribution)


def _upload(service: Service, asked: Upload) -> Made:
    service.require_writable()
    return as_json({"id": service.uploads.keep(asked.content)})


def _tiles(service: Service, asked: Any) -> str:
    return service.version(asked.collection)


ENDPOINTS = (
    Endpoint(path="/api/collections", summary="What can be searched here", parameters=Nothing, work=_collections),
    Endpoint(
        path="/api/search",
        summary="The tiles most like a question",
        parameters=Search,
        work=_search,
        version=_tiles,
    ),
    Endpoint(
        path="/api/tile", summary="What is known of a tile", parameters=TileOf, work=_tile, version=_tiles, seconds=60
    ),
    Endpoint(
        path="/api/ground", summary="Photos most like what one would see in a tile", parameters=Ground, work=_ground
    ),
    Endpoint(
        path="/api/map",
        summary="Every tile with its scores, as JSON, GeoTIFF, GeoParquet or picture",
        parameters=Map,
        work=_map,
        lane="heavy",
        version=_tiles,
    ),
    Endpoint(
        path="/api/calendar",
        summary="A question over the months of a year and the hours of a day",
        parameters=Calendar,
        work=_calendar,
        lane="heavy",
        version=_tiles,
    ),
    Endpoint(path="/api/places", summary="A place by name or coordinates", parameters=Place, work=_place),
    Endpoint(
        path="/api/uploads",
        summary="Keep a picture to search with; the body is the file",
        parameters=Upload,
        work=_upload,
        method="POST",
        body=True,
    ),
)
