"""A map to draw a box or a polygon on; it gives a ring of places back.

It does not know what is searched there.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import streamlit as st

from search_ui.components.assets import asset

_HTML = """<div class="drawer">
<div class="bar"><button type="button">▭ Box</button><button type="button">⬠ Polygon</button>
<button type="button">Clear</button><button type="button" class="main">Search here</button>
<span class="said" role="status"></span></div>
<div class="map" style="height: 460px"></div></div>"""

Ring = list[tuple[float, float]]


@dataclass(frozen=True)
class Basemap:
    """What lies under a map.

    Attributes:
        tiles: URL of Web-Mercator tiles with {z}, {x} and {y}.
        bounds: West, south, east and north of what is shown first, degrees.
        attribution: Whom to credit for the tiles; shown on the map.
        maxZoom: The finest zoom level of the tiles.
    """

    tiles: str
    bounds: tuple[float, float, float, float]
    attribution: str = ""
    maxZoom: int = 17  # noqa: N815 - as the JavaScript reads it


@cache
def _component() -> Any:
    css = asset("slippy.css")
    js = asset("slippy.js", "area_drawer.js")
    return st.components.v2.component("groundcast_area_drawer", html=_HTML, css=css, js=js)


def draw_area(ground: Basemap, *, key: str, ring: Sequence[tuple[float, float]] = ()) -> Ring | None:
    """Show the map; returns the corners (longitude, latitude) in the run in which a person has drawn an area.

    Args:
        ground: The map to draw on, and what of it is seen first.
        key: Streamlit's key of the widget: another one begins anew.
        ring: Corners of an area that is there already.
    """
    data = asdict(ground) | {"ring": list(ring), "label": "map to draw an area on"}
    result = _component()(key=key, data=data, on_drawn_change=lambda: None)
    drawn = result.drawn
    return None if not drawn else [(float(lon), float(lat)) for lon, lat in drawn]
