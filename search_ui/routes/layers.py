"""Routes that answer with scores on a map: XYZ tiles for a GIS, one bitmap for the app, and what the colours mean."""

from typing import Any

from search_ui.maps.heatmap import legend
from search_ui.routes.endpoint import Endpoint, Made, as_json
from search_ui.routes.parameters import HeatImage, HeatLayer, HeatTile, OfCollection, Outlines
from search_ui.service.service import Service

_PNG = "image/png"
_MINUTE = 60


def _tile(service: Service, asked: HeatTile) -> Made:
    content = service.heat_tile(
        asked.collection, asked.layer(service), asked.z, asked.x, asked.y, feedback=asked.feedback()
    )
    return Made(content, _PNG, service.attribution(asked.collection))


def _image(service: Service, asked: HeatImage) -> Made:
    made = service.heatmap(asked.collection, asked.layer(service), asked.feedback(), px=asked.px)
    told = {"X-Bounds": ",".join(f"{side:.8f}" for side in made.bounds)}
    told |= {"X-Low": f"{made.scale.low:.6g}", "X-High": f"{made.scale.high:.6g}"}
    return Made(made.png, _PNG, service.attribution(asked.collection), told)


def _legend(service: Service, asked: HeatLayer) -> Made:
    layer = asked.layer(service)
    heat = service.heat(asked.collection, layer, asked.feedback())
    credit = service.attribution(asked.collection)
    bounds = service.shown(asked.collection).bounds
    document: dict[str, Any] = {
        "query": layer.query.as_dict(),
        "minus_when": asked.minus_when,
        "tiles": len(heat.values),
        "bounds": bounds and list(bounds),
        "legend": legend(heat.scale),
        "note": heat.note,
        "attribution": credit,
    }
    return as_json(document, credit)


def _bounds(service: Service, asked: OfCollection) -> Made:
    shown = service.shown(asked.collection)
    document = {"bounds": shown.bounds and list(shown.bounds), "attribution": shown.attribution}
    return as_json(document, shown.attribution)


def _outlines(service: Service, asked: Outlines) -> Made:
    """One row a polygon: deck.gl reads it as it is."""
    rows = [{"tile_id": tile_id, "ring": ring} for tile_id, ring in service.outlines(asked.collection)]
    return as_json(rows, service.attribution(asked.collection))


def _tiles(service: Service, asked: Any) -> str:
    return service.version(asked.collection)


ENDPOINTS = (
    Endpoint(
        path="/scores/{collection}/bounds",
        summary="West, south, east and north of a collection, degrees; east lies beyond 180 across ±180°",
        parameters=OfCollection,
        work=_bounds,
        version=_tiles,
        seconds=_MINUTE,
    ),
    Endpoint(
        path="/footprints/{collection}.json",
        summary="Outlines of all tiles of a collection that is not too large: rows of tile_id and ring",
        parameters=Outlines,
        work=_outlines,
        lane="pictures",
        version=_tiles,
        seconds=_MINUTE,
    ),
    Endpoint(
        path="/scores/{collection}/legend.json",
        summary="What the colours of a heat map mean",
        parameters=HeatLayer,
        work=_legend,
        version=_tiles,
        seconds=_MINUTE,
    ),
    Endpoint(
        path="/scores/{collection}/image.png",
        summary="Scores of all tiles as one bitmap, rows as in Web Mercator; headers say its bounds and its scale",
        parameters=HeatImage,
        work=_image,
        media=_PNG,
        version=_tiles,
        seconds=_MINUTE,
    ),
    Endpoint(
        path="/scores/{collection}/{z:int}/{x:int}/{y:int}.png",
        summary="Scores as XYZ tiles in Web Mercator",
        parameters=HeatTile,
        work=_tile,
        media=_PNG,
        version=_tiles,
        seconds=_MINUTE,
    ),
)
