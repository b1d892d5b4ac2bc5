"""Routes that answer questions as documents: search, ground view, map, calendar, places, uploads."""

import math
import tempfile
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from ingest.places.areas import bbox_of
from search_ui.maps import snapshots as maps
from search_ui.routes.exchange import CurrentExchange, MeasuredRoute, in_lane
from search_ui.routes.parameters import (
    CalendarParameters,
    GroundParameters,
    MapParameters,
    NothingElse,
    PlaceParameters,
    SearchParameters,
    TileParameters,
    place_of,
)
from search_ui.service.service import Found, Service
from trainer.errors import UsageError

router = APIRouter(route_class=MeasuredRoute)
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


@router.get("/api/collections")
@in_lane("fast")
def collections(exchange: CurrentExchange, _: NothingElse) -> Response:
    """What can be searched here."""
    service = exchange.service
    galleries = [{"name": name, "model_id": found.model_id} for name, found in service.named_galleries().items()]
    shown = [one.as_dict() for one in service.collections()]
    return exchange.json({"collections": shown, "galleries": galleries, "read_only": service.read_only})


@router.get("/api/search")
@in_lane("fast")
def search(exchange: CurrentExchange, asked: Annotated[SearchParameters, Query()]) -> Response:
    """The tiles most like a question."""
    service = exchange.service
    exchange.tag(asked.version(service, asked.collection))
    found = service.search(asked.collection, asked.asked(service), asked.feedback(service, asked.collection))
    return exchange.json(found_document(service, asked.collection, found), service.attribution(asked.collection))


@router.get("/api/tile")
@in_lane("fast")
def tile(exchange: CurrentExchange, asked: Annotated[TileParameters, Query()]) -> Response:
    """What is known of a tile."""
    service = exchange.service
    exchange.tag(service.version(asked.collection), seconds=60)
    if (asked.tile is None) == (asked.at is None):
        raise UsageError("give the tile, or a place in it: one of `tile` and `at`")
    place = place_of(asked.at)
    tile_id = asked.tile
    if place is not None:
        tile_id = service.tile_at(asked.collection, lat=place[0], lon=place[1])
    known = service.tile(asked.collection, str(tile_id))
    return exchange.json(known.as_dict(), known.attribution)


@router.get("/api/ground")
@in_lane("fast")
def ground(exchange: CurrentExchange, asked: Annotated[GroundParameters, Query()]) -> Response:
    """Photos most like what one would see in a tile."""
    view = exchange.service.look(asked.collection, asked.query(), asked.gallery)
    document = view.as_dict()
    for hit in document["hits"]:
        del hit["path"]  # of this machine
    return exchange.json(document, view.attribution)


@router.get("/api/map")
@in_lane("heavy")
def score_map(exchange: CurrentExchange, asked: Annotated[MapParameters, Query()]) -> Response:
    """Every tile with its scores, as JSON, GeoTIFF, GeoParquet or picture."""
    service = exchange.service
    exchange.tag(asked.version(service, asked.collection))
    query = asked.query(service)
    scores = service.scores(asked.collection, query, asked.feedback(service, asked.collection))
    provenance = service.engine.provenance(asked.collection).facts()
    credit = service.attribution(asked.collection)
    if asked.format == "json":
        columns = {
            name: [None if math.isnan(value) else round(float(value), 6) for value in getattr(scores, name)]
            for name in ("lat", "lon", "size_m", "cosine", "relevance")
        }
        document = {"query": query.as_dict(), "note": scores.note, "provenance": provenance, "attribution": credit}
        return exchange.json(document | {"tile_id": list(scores.tile_id)} | columns, credit)
    about = maps.About(maps.say_question(query), {"query": query.as_dict()} | provenance)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"map.{asked.format}"
        maps.write_scores(path, scores, about, value=asked.value, published=False)
        headers = {"Content-Disposition": f'attachment; filename="{path.name}"'}
        return exchange.file(path.read_bytes(), _MEDIA[asked.format], credit, headers)


@router.get("/api/calendar")
@in_lane("heavy")
def calendar(exchange: CurrentExchange, asked: Annotated[CalendarParameters, Query()]) -> Response:
    """A question over the months of a year and the hours of a day."""
    service = exchange.service
    exchange.tag(asked.version(service, asked.collection))
    query = asked.query(service)
    feedback = asked.feedback(service, asked.collection)
    made = service.calendar(asked.collection, query, feedback, year=asked.year, top=asked.top)
    highest, likeliest = service.likeliest(asked.collection, query)
    told = {"place": round(highest, 4), "likeliest": None if likeliest is None else likeliest.as_dict()}
    credit = service.attribution(asked.collection)
    said = {"note": service.engine.caution(service.tiles(asked.collection)), "attribution": credit}
    return exchange.json(made.as_dict() | told | said | {"query": query.as_dict() | feedback.as_dict()}, credit)


@router.get("/api/places")
@in_lane("fast")
def place(exchange: CurrentExchange, asked: Annotated[PlaceParameters, Query()]) -> Response:
    """A place by name or coordinates."""
    found = exchange.service.place(asked.name)
    document = {"says": found.says, "others": list(found.others), "bbox": list(bbox_of(found.area))}
    return exchange.json(document | {"attribution": found.attribution}, found.attribution)


async def body_of(request: Request) -> bytes:
    """What was sent, whole."""
    return await request.body()


FILE = {"requestBody": {"required": True, "content": {"application/octet-stream": {}}}}


@router.post("/api/uploads", openapi_extra=FILE)
@in_lane("uploads")
def upload(exchange: CurrentExchange, content: Annotated[bytes, Depends(body_of)], _: NothingElse) -> Response:
    """Keep a picture to search with; the body is the file: PNG, JPEG, WebP or TIFF."""
    exchange.service.require_writable()
    return exchange.json({"id": exchange.service.uploads.keep(content)})
