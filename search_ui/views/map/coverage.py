"""The map of a collection, by pydeck: where its tiles are, and where some failed. It does not know why they did."""

import base64
import math
from collections.abc import Sequence

import pydeck as pdk
import streamlit as st

from search_ui.maps.heatmap import Drawing
from search_ui.service.service import Service, Shown
from search_ui.views.map.backdrop import Bounds, bounds_of, style_of
from search_ui.views.map.heat import covered_values

HEIGHT_PX, _WIDTH_PX = 300, 480  # the width is a guess, by which the first view is chosen
_PX = 1_024
MOST = 2_000  # failures that are drawn
_FAILED = [214, 39, 40, 230]


def coverage_map(service: Service, shown: Shown, failures: Sequence[tuple[float, float, str]]) -> None:
    """Draw it.

    Args:
        service: Knows the tiles.
        shown: The collection.
        failures: Latitude, longitude and a sentence of tiles that failed.
    """
    url, bounds = _covered(service, shown.name, service.version(shown.name))
    points = [{"at": [lon, lat], "says": says} for lat, lon, says in failures]
    layers = [
        pdk.Layer("BitmapLayer", id="tiles", image=pdk.types.String(url), bounds=list(bounds), opacity=0.4),
        pdk.Layer(
            "ScatterplotLayer", points, id="failed", get_position="at", get_fill_color=_FAILED, stroked=True,
            radius_units=pdk.types.String("pixels"), get_radius=5, get_line_color=[255, 255, 255, 255],
            line_width_units=pdk.types.String("pixels"), get_line_width=1, pickable=True,
        ),
    ]  # fmt: skip
    lat, lon, zoom = _fitting(bounds_of(shown))
    deck = pdk.Deck(
        layers=layers if points else layers[:1],
        initial_view_state=pdk.ViewState(latitude=lat, longitude=lon, zoom=zoom),
        map_style=style_of(shown),
        map_provider=None,
        tooltip={"text": "{says}"},
    )
    failed = f", and {len(points):,} that failed" if points else ""
    says = f"Map of the tiles of {shown.name} that can be searched{failed}"
    st.pydeck_chart(deck, height=HEIGHT_PX, key=f"coverage {shown.name}", alt=says)
    more = f" Red: {len(points):,} that failed; a hover says why." if points else ""
    st.caption(f"Coloured: tiles that can be searched.{more}")


@st.cache_data(max_entries=64, show_spinner=False)
def _covered(_service: Service, name: str, version: str) -> tuple[str, Bounds]:  # noqa: ARG001 - tells it apart
    """The tiles as a picture at an address of its own, and its bounds: drawn once, not at each run of the page."""
    bitmap = Drawing().whole(covered_values(_service, name), _PX)
    return "data:image/png;base64," + base64.b64encode(bitmap.png).decode(), bitmap.bounds


def _fitting(bounds: Bounds) -> tuple[float, float, float]:
    """Latitude, longitude and zoom at which all of a box is seen."""
    west, south, east, north = bounds
    east = east + 360 if east < west else east
    # Mercator ordinates; at zoom 0 deck.gl's world is 512 pixels wide, and twice that with each zoom
    top, bottom = (math.asinh(math.tan(math.radians(lat))) for lat in (north, south))
    wide, tall = max((east - west) / 360, 1e-7), max((top - bottom) / (2 * math.pi), 1e-7)
    zoom = min(math.log2(_WIDTH_PX / (512 * wide)), math.log2(HEIGHT_PX / (512 * tall))) - 0.2
    return math.degrees(math.atan(math.sinh((top + bottom) / 2))), (west + east) / 2, round(min(zoom, 16.0), 2)
