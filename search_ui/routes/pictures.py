"""Routes that answer with imagery: XYZ tiles, chips of tiles, ground photos."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from search_ui.routes.exchange import CurrentExchange, MeasuredRoute, in_lane
from search_ui.routes.parameters import (
    ChipParameters,
    CollectionName,
    Column,
    PhotoParameters,
    Row,
    VersionParameters,
    Zoom,
)
from search_ui.service.answers import Shown

router = APIRouter(route_class=MeasuredRoute)
_HOUR, _DAY = 3_600, 86_400


class WebP(Response):
    """A picture."""

    media_type = "image/webp"


def tile_json(shown: Shown, tiles: str, name: str, *, last: int) -> dict[str, Any]:
    """TileJSON 3.0.0 of a layer over a collection.

    Args:
        shown: The collection.
        tiles: Address of the tiles, with {z}, {x} and {y}.
        name: Of the layer, for people.
        last: The zoom beyond which tiles show nothing more.
    """
    document: dict[str, Any] = {
        "tilejson": "3.0.0",
        "name": name,
        "attribution": shown.attribution or "",
        "scheme": "xyz",
        "tiles": [tiles],
        "minzoom": 0,
        "maxzoom": last,
    }
    if shown.bounds is not None:
        west, south, east, north = shown.bounds
        whole = east > 180  # a box of TileJSON does not cross ±180°
        document["bounds"] = [-180, south, 180, north] if whole else [west, south, east, north]
    return document


@router.get("/tiles/{collection}.json")
@in_lane("fast")
def imagery_tile_json(
    exchange: CurrentExchange, collection: CollectionName, _: Annotated[VersionParameters, Query()]
) -> Response:
    """TileJSON 3.0.0 of a collection's imagery, which maps of other makers read."""
    exchange.tag(exchange.service.imagery_version(collection), seconds=60)
    shown = exchange.service.shown(collection)
    tiles = f"{exchange.base}tiles/{shown.name}/{{z}}/{{x}}/{{y}}.webp"
    return exchange.json(tile_json(shown, tiles, shown.name, last=shown.max_zoom), shown.attribution)


@router.get("/tiles/{collection}/{z:int}/{x:int}/{y:int}.webp", response_class=WebP)
@in_lane("pictures")
def map_tile(
    exchange: CurrentExchange,
    collection: CollectionName,
    z: Zoom,
    x: Column,
    y: Row,
    _: Annotated[VersionParameters, Query()],
) -> Response:
    """Imagery as XYZ tiles in Web Mercator, transparent where there is none."""
    service = exchange.service
    exchange.tag(service.imagery_version(collection), seconds=_HOUR)
    return exchange.file(service.map_tile(collection, z, x, y), WebP.media_type, service.attribution(collection))


@router.get("/chips/{collection}/{tile_id:path}.webp", response_class=WebP)
@in_lane("pictures")
def chip(
    exchange: CurrentExchange,
    collection: CollectionName,
    tile_id: Annotated[str, Path(max_length=200, description="Its id.")],
    asked: Annotated[ChipParameters, Query()],
) -> Response:
    """The overhead picture of a tile."""
    service = exchange.service
    exchange.tag(service.imagery_version(collection), seconds=_DAY)
    content = service.chip(collection, tile_id, px=asked.px)
    return exchange.file(content, WebP.media_type, service.attribution(collection))


@router.get("/photos/{gallery}/{photo_id:path}.webp", response_class=WebP)
@in_lane("pictures")
def photo(
    exchange: CurrentExchange,
    gallery: Annotated[str, Path(max_length=200, description="Name of the gallery.")],
    photo_id: Annotated[str, Path(max_length=1_000, description="Its id in the gallery.")],
    asked: Annotated[PhotoParameters, Query()],
) -> Response:
    """A ground photo."""
    exchange.tag(exchange.service.gallery_version(gallery), seconds=_DAY)
    return exchange.file(exchange.service.photo(gallery, photo_id, px=asked.px), WebP.media_type)
