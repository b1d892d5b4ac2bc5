"""A map style that needs no internet: plain sea, and on it what the collections themselves show.

MapLibre's style specification 8. An online raster below it may be asked for, `online=osm`; nothing is loaded from
elsewhere unless it is.
"""

import html
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field

from search_ui.routes.exchange import CurrentExchange, Exchange, MeasuredRoute, in_lane
from search_ui.routes.parameters import Name, Parameters
from search_ui.service.service import Shown

router = APIRouter(route_class=MeasuredRoute)

SEA = {"light": "#aecbd6", "dark": "#16242c"}
_OSM = {
    "type": "raster",
    "tiles": ["https://tile.openstreetmap.org/{z}/{x}/{y}.png"],
    "tileSize": 256,
    "maxzoom": 19,
    "attribution": "© OpenStreetMap contributors",
}


class StyleParameters(Parameters):
    """A map style."""

    collection: Name | None = Field(None, description="Only this collection; all of them if missing.")
    theme: Literal["light", "dark"] = Field("light", description="Of what is not imagery.")
    online: Literal["osm"] | None = Field(None, description="A map below, loaded from the internet by the browser.")
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
        {"id": "sea", "type": "background", "paint": {"background-color": SEA[asked.theme]}}
    ]
    for name in sources:
        opacity = 1.0 if name == "online" else asked.opacity
        layers.append({"id": name, "type": "raster", "source": name, "paint": {"raster-opacity": opacity}})
    credit = " · ".join(dict.fromkeys(one.attribution for one in shown if one.attribution))
    return exchange.json({"version": 8, "name": "groundcast", "sources": sources, "layers": layers}, credit)


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
