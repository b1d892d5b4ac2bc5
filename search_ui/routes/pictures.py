"""Routes that answer with imagery: XYZ tiles, chips of tiles, ground photos."""

from typing import Any

from search_ui.routes.endpoint import BASE, Endpoint, Made, as_json
from search_ui.routes.parameters import Chip, MapTile, OfCollection, Photo
from search_ui.service.service import Service

_WEBP = "image/webp"
_HOUR, _DAY = 3_600, 86_400


def _map_tile(service: Service, asked: MapTile) -> Made:
    content = service.map_tile(asked.collection, asked.z, asked.x, asked.y)
    return Made(content, _WEBP, service.attribution(asked.collection))


def _chip(service: Service, asked: Chip) -> Made:
    content = service.chip(asked.collection, asked.tile_id, px=asked.px)
    return Made(content, _WEBP, service.attribution(asked.collection))


def _photo(service: Service, asked: Photo) -> Made:
    return Made(service.photo(asked.gallery, asked.photo_id, px=asked.px), _WEBP)


def _tile_json(service: Service, asked: OfCollection) -> Made:
    """TileJSON 3.0.0, which maps of other makers read."""
    shown = service.shown(asked.collection)
    document: dict[str, Any] = {
        "tilejson": "3.0.0",
        "name": shown.name,
        "attribution": shown.attribution or "",
        "scheme": "xyz",
        "tiles": [f"{BASE}tiles/{shown.name}/{{z}}/{{x}}/{{y}}.webp"],
        "maxzoom": shown.max_zoom,
    }
    if shown.bounds is not None:
        west, south, east, north = shown.bounds
        whole = east > 180  # a box of TileJSON does not cross ±180°
        document["bounds"] = [-180, south, 180, north] if whole else [west, south, east, north]
    return as_json(document, shown.attribution)


def _imagery(service: Service, asked: Any) -> str:
    return service.imagery_version(asked.collection)


def _gallery(service: Service, asked: Photo) -> str:
    return service.gallery_version(asked.gallery)


ENDPOINTS = (
    Endpoint(
        path="/tiles/{collection}.json",
        summary="TileJSON of a collection's imagery",
        parameters=OfCollection,
        work=_tile_json,
        version=_imagery,
        seconds=60,
    ),
    Endpoint(
        path="/tiles/{collection}/{z:int}/{x:int}/{y:int}.webp",
        summary="Imagery as XYZ tiles in Web Mercator, transparent where there is none",
        parameters=MapTile,
        work=_map_tile,
        media=_WEBP,
        lane="pictures",
        version=_imagery,
        seconds=_HOUR,
    ),
    Endpoint(
        path="/chips/{collection}/{tile_id:path}.webp",
        summary="The overhead picture of a tile",
        parameters=Chip,
        work=_chip,
        media=_WEBP,
        lane="pictures",
        version=_imagery,
        seconds=_DAY,
    ),
    Endpoint(
        path="/photos/{gallery}/{photo_id:path}.webp",
        summary="A ground photo",
        parameters=Photo,
        work=_photo,
        media=_WEBP,
        lane="pictures",
        version=_gallery,
        seconds=_DAY,
    ),
)
