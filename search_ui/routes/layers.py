"""Routes that answer with scores on a map: XYZ tiles for a GIS, one bitmap, and what the colours mean."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from search_ui.maps.heatmap import ProbabilityLayer, legend
from search_ui.maps.mercator import MAX_ZOOM
from search_ui.routes.exchange import CurrentExchange, Exchange, MeasuredRoute, in_lane
from search_ui.routes.parameters import (
    CollectionName,
    Column,
    HeatImageParameters,
    HeatParameters,
    NothingElse,
    Row,
    Zoom,
)
from search_ui.routes.pictures import tile_json

router = APIRouter(route_class=MeasuredRoute)
_MINUTE = 60


class Png(Response):
    """A picture."""

    media_type = "image/png"


@router.get("/scores/{collection}.json")
@in_lane("fast")
def heat_tile_json(
    exchange: CurrentExchange, collection: CollectionName, asked: Annotated[HeatParameters, Query()]
) -> Response:
    """TileJSON 3.0.0 of scores, which maps of other makers read; the question stands in the address of its tiles."""
    service = exchange.service
    asked.layer(service)  # what cannot be asked is told here, not by each tile
    shown = service.shown(collection)
    tiles = f"{exchange.base}scores/{shown.name}/{{z}}/{{x}}/{{y}}.png"
    value = asked.value if shown.words else "cosine"
    named = ", ".join(filter(None, (asked.q, asked.when))) or value
    document = tile_json(shown, f"{tiles}?{exchange.query}", f"{shown.name}: {named}", last=MAX_ZOOM)
    return exchange.json(document, shown.attribution)


@router.get("/scores/{collection}/bounds")
@in_lane("fast")
def bounds(exchange: CurrentExchange, collection: CollectionName, _: NothingElse) -> Response:
    """West, south, east and north of a collection, degrees; east lies beyond 180 across ±180°."""
    exchange.tag(exchange.service.version(collection), seconds=_MINUTE)
    shown = exchange.service.shown(collection)
    document = {"bounds": shown.bounds and list(shown.bounds), "attribution": shown.attribution}
    return exchange.json(document, shown.attribution)


@router.get("/scores/{collection}/legend.json")
@in_lane("fast")
def heat_legend(
    exchange: CurrentExchange, collection: CollectionName, asked: Annotated[HeatParameters, Query()]
) -> Response:
    """What the colours of a heat map mean."""
    service = exchange.service
    _tag(exchange, asked, collection)
    layer = asked.layer(service)
    heat = service.heat(collection, layer, asked.feedback(service, collection))
    credit = service.attribution(collection)
    around = service.shown(collection).bounds
    document: dict[str, Any] = {
        "query": None if isinstance(layer, ProbabilityLayer) else layer.query.as_dict(),
        "minus_when": asked.minus_when,
        "tiles": len(heat.values),
        "bounds": around and list(around),
        "legend": legend(heat.scale),
        "note": heat.note,
        "attribution": credit,
    }
    return exchange.json(document, credit)


@router.get("/scores/{collection}/image.png", response_class=Png)
@in_lane("fast")
def heat_image(
    exchange: CurrentExchange, collection: CollectionName, asked: Annotated[HeatImageParameters, Query()]
) -> Response:
    """Scores of all tiles as one bitmap, rows as in Web Mercator; headers say its bounds and its scale."""
    service = exchange.service
    _tag(exchange, asked, collection)
    made = service.heatmap(collection, asked.layer(service), asked.feedback(service, collection), px=asked.px)
    told = {"X-Bounds": ",".join(f"{side:.8f}" for side in made.bounds)}
    told |= {"X-Low": f"{made.scale.low:.6g}", "X-High": f"{made.scale.high:.6g}"}
    return exchange.file(made.png, Png.media_type, service.attribution(collection), told)


@router.get("/scores/{collection}/{z:int}/{x:int}/{y:int}.png", response_class=Png)
@in_lane("fast")
def heat_tile(
    exchange: CurrentExchange,
    collection: CollectionName,
    z: Zoom,
    x: Column,
    y: Row,
    asked: Annotated[HeatParameters, Query()],
) -> Response:
    """Scores as XYZ tiles in Web Mercator."""
    service = exchange.service
    _tag(exchange, asked, collection)
    content = service.heat_tile(collection, asked.layer(service), z, x, y, feedback=asked.feedback(service, collection))
    return exchange.file(content, Png.media_type, service.attribution(collection))


def _tag(exchange: Exchange, asked: HeatParameters, collection: str) -> None:
    """Labels are given one after the other, and each changes the map at once."""
    exchange.tag(asked.version(exchange.service, collection), seconds=0 if asked.labels else _MINUTE)
