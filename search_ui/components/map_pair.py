"""Maps in step: one or several side by side over the same ground, moved together, and played like a film.

It does not know what the pictures show.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import streamlit as st

from search_ui.components.area_drawer import Basemap
from search_ui.components.assets import asset

_HTML = """<div class="pair">
<div class="bar"><button type="button">▶ Play</button>
<input type="range" min="0" value="0" step="1" aria-label="moment"><span class="said" role="status"></span></div>
<div class="row"></div></div>"""
_CSS = """.row { display: grid; grid-auto-flow: column; grid-auto-columns: 1fr; gap: 0.75rem; }"""


@dataclass(frozen=True)
class Frame:
    """A picture for one map.

    Attributes:
        url: Of the picture, in Web-Mercator rows.
        name: What stands on the map.
        alt: What it shows, for those who cannot see it.
    """

    url: str
    name: str
    alt: str


@cache
def _component() -> Any:
    css = asset("slippy.css") + _CSS
    return st.components.v2.component("groundcast_map_pair", html=_HTML, css=css, js=asset("slippy.js", "map_pair.js"))


def show_maps(
    ground: Basemap,
    picture: tuple[float, float, float, float],
    frames: Sequence[Sequence[Frame]],
    *,
    key: str,
    opacity: float = 0.8,
    height: int = 420,
    start: int = 0,
) -> None:
    """Show maps.

    Args:
        ground: The tiles that lie under all maps, and what is seen first.
        picture: West, south, east and north of every picture, degrees.
        frames: For each moment one picture a map; more than one moment can be played.
        key: Streamlit's key of the widget: another one begins anew.
        opacity: How strongly the pictures cover the ground, 0..1.
        height: Height of each map, pixels.
        start: Number in `frames` of the moment shown first.
    """
    data = asdict(ground) | {
        "picture": list(picture),
        "frames": [[asdict(frame) for frame in maps] for maps in frames],
        "opacity": opacity,
        "height": height,
        "start": start,
    }
    _component()(key=key, data=data)
