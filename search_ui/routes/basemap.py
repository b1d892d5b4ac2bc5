"""A map style that needs no internet: plain sea, on it what the collections themselves show, and the owner's map file.

MapLibre's style specification 8. Names, roads and borders come from the file of the setting `basemap`, whose tiles are
handed on from here. An online raster below the imagery may be asked for, `online=osm`; nothing is loaded from elsewhere
unless it is.
"""

import html
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field

from search_ui.routes.basemap_layers import INKS, SOURCE, Theme, above, below
from search_ui.routes.exchange import CurrentExchange, Exchange, MeasuredRoute, in_lane
from search_ui.routes.parameters import Column, Name, NothingElse, Parameters, Row, VersionParameters, Zoom
from search_ui.service.service import Shown
from trainer.errors import MissingError

if TYPE_CHECKING:
    from ingest.sources.tiles.vector import VectorTiles

router = APIRouter(route_class=MeasuredRoute)
_DAY = 86_400
_NO_FILE = "this server has no map file: `basemap` in its settings names one"

_OSM = {
    "type": "raster",
    "tiles": ["https://tile.openstreetmap.org/{z}/{x}/{y}.png"],
    "tileSize": 256,
    "maxzoom": 19,
    "attribution": "© OpenStreetMap contributors",
}


class Mvt(Response):
    """A vector tile."""

    media_type = "application/vnd.mapbox-vector-tile"


class StyleParameters(Parameters):
    """A map style."""

    collection: Name | None = Field(None, description="Only this collection; all of them if missing.")
    theme: Theme = Field("light", description="Of what is not imagery.")
    online: Literal["osm"] | None = Field(None, description="A map below, loaded from the internet by the browser.")
    plain: bool = Field(False, description="Without the names, roads and borders of the server's map file.")
    opacity: float = Field(1.0, ge=0, le=1, description="Of the imagery.")


@router.get("/basemap/style.json")
@in_lane("fast")
def style(exchange: CurrentExchange, asked: Annotated[StyleParameters, Query()]) -> Response:
    """A map style without internet."""
    service = exchange.service
    shown = service.collections() if asked.collection is None else [service.shown(asked.collection)]
    sources: dict[str, Any] = {} if asked.online is None else {"online": _OSM}
    sources |= {f"imagery-{one.name}": _source(exchange, one) for one in shown if one.bounds is not None}
    layers: list[dict[str, Any]] = [
        {"id": "sea", "type": "background", "paint": {"background-color": INKS[asked.theme].sea}}
    ]
    drawn = [
        {
            "id": name,
            "type": "raster",
            "source": name,
            "paint": {"raster-opacity": 1.0 if name == "online" else asked.opacity},
        }
        for name in sources
    ]
    file = None if asked.plain or asked.online else service.basemap
    if file is None:
        layers += drawn
    else:
        sources[SOURCE] = _file_source(exchange, file)
        layers += [*below(asked.theme), *drawn, *above(asked.theme)]
    credit = " · ".join(dict.fromkeys(one.attribution for one in shown if one.attribution))
    return exchange.json({"version": 8, "name": "groundcast", "sources": sources, "layers": layers}, credit)


@router.get("/basemap/tiles.json")
@in_lane("fast")
def file_tile_json(exchange: CurrentExchange, _: NothingElse) -> Response:
    """TileJSON 3.0.0 of the server's map file."""
    file = exchange.service.basemap
    if file is None:
        raise MissingError(_NO_FILE)
    source = {name: value for name, value in _file_source(exchange, file).items() if name != "type"}
    layers = sorted({one["source-layer"] for one in (*below("light"), *above("light"))})
    # of each layer what the styles draw it by; the file may hold more
    told = {"vector_layers": [{"id": name, "fields": {}} for name in layers], "name": "basemap", "scheme": "xyz"}
    return exchange.json({"tilejson": "3.0.0"} | told | source, file.attribution)


@router.get("/basemap/tiles/{z:int}/{x:int}/{y:int}.mvt", response_class=Mvt)
@in_lane("fast")
def tile(exchange: CurrentExchange, z: Zoom, x: Column, y: Row, _: Annotated[VersionParameters, Query()]) -> Response:
    """A vector tile of the server's map file; nothing where it has none."""
    file = exchange.service.basemap
    if file is None:
        raise MissingError(_NO_FILE)
    exchange.tag(file.version, seconds=_DAY)
    content = file.get(z, x, y)
    if content is None:
        return Response(status_code=204, headers={"Cache-Control": f"private, max-age={_DAY}"})
    return exchange.file(
        content, Mvt.media_type, file.attribution, {"Content-Encoding": file.encoding} if file.encoding else {}
    )


def _file_source(exchange: Exchange, file: "VectorTiles") -> dict[str, Any]:
    return {
        "type": "vector",
        "tiles": [f"{exchange.base}basemap/tiles/{{z}}/{{x}}/{{y}}.mvt?v={file.version}"],
        "minzoom": file.min_zoom,
        "maxzoom": file.max_zoom,
        "bounds": list(file.bounds),
        "attribution": html.escape(file.attribution or "© OpenStreetMap contributors", quote=False),
    }


def _source(exchange: Exchange, shown: Shown) -> dict[str, Any]:
    assert shown.bounds is not None  # noqa: S101 - asked of those alone
    west, south, east, north = shown.bounds
    version = exchange.service.imagery_version(shown.name)
    bounds = [-180.0, south, 180.0, north] if east > 180 else [west, south, east, north]
    return {
        "type": "raster",
        "tiles": [f"{exchange.base}tiles/{shown.name}/{{z}}/{{x}}/{{y}}.webp?v={version}"],
        "tileSize": 256,
        "maxzoom": shown.max_zoom,
        "bounds": bounds,
        "attribution": html.escape(shown.attribution or "", quote=False),  # maps take it for HTML
    }
