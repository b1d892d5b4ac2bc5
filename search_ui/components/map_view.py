"""The map of every page: imagery, heat of one or two moments or of a film, pins, outlines to draw.

It keeps its view through reruns and pages. What is pointed at is told to the list beside it in the browser; a click, a
shape and the middle come back here. It does not know what the layers show.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any, Literal

import streamlit as st

from search_ui.components import maplibre
from search_ui.components.assets import asset
from search_ui.components.base_path import own
from trainer.earth import EQUATOR_RADIUS_M

# the library's styles are loaded into the shadow root in which the map is drawn
_LIBRARY = own(f"/maplibre/{maplibre.VERSION}")
_HTML = f"""<link rel="stylesheet" href="{_LIBRARY}/maplibre-gl.css">
<div class="gc-map" data-layout="one"><div class="panes"></div>
<div class="swipe"><input type="range" min="0" max="100" value="50" aria-label="divide between the two moments">
<span class="knob" aria-hidden="true">⇔</span></div>
<div class="player" hidden><button type="button">▶ Play</button>
<input type="range" min="0" value="0" step="1" aria-label="moment"><span class="said" role="status"></span></div>
<div class="legend" role="img" hidden></div><div class="where"></div><div class="tip" role="status" hidden></div>
<div class="waits" role="status" hidden>Loading the map …</div>
<div class="drawing" hidden></div><div class="failed" role="alert" hidden></div></div>"""

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class HeatOnMap:
    """Colours over the imagery.

    Attributes:
        tiles: URL of tiles of 512 pixels with {z}, {x} and {y}.
        name: What stands on the map, such as the moment.
    """

    tiles: str
    name: str


@dataclass(frozen=True)
class LegendOnMap:
    """What colours mean.

    Attributes:
        unit: Of the values.
        colours: From the lowest to the highest, CSS.
        marks: How far along, 0..1, and what stands there.
        clear: What has no colour.
    """

    unit: str
    colours: Sequence[str]
    marks: Sequence[tuple[float, str]]
    clear: str = ""


@dataclass(frozen=True)
class PlaceOnMap:
    """A tile that is open."""

    id: str
    lat: float
    lon: float
    size: float


@dataclass(frozen=True, kw_only=True)
class MapData:
    """What a map shows. Lengths are metres, places degrees, zooms MapLibre's (a world of 512 pixels).

    Attributes:
        name: Of the map: its view is kept under it.
        label: What it shows, for those who cannot see it.
        style: URL of the style of what lies under everything.
        bounds: What is seen at first: west, south, east, north.
        max_zoom: The nearest one can go.
        tile_m: Side of a tile of the collection.
        frames: Heat for one map, or two beside one another; several frames are a film.
        layout: How two lie: beside one another, or one over the other with a divider.
        start: Number of the frame shown first.
        strength: Opacity of the heat while tiles are small, 0..1.
        dim: Whether imagery under heat is darkened.
        heat_zoom: Beyond it heat tiles are enlarged.
        legend: What the colours mean.
        pins: URL of the places of the list; empty: none.
        at: URL that says of what a point is of; empty: nothing does.
        chosen: The tile that is open.
        area: GeoJSON of the area that is searched, drawn as a line.
        overlay: URL of a person's own GeoJSON; empty: none.
        marks: GeoJSON of outlines, each in its `colour`.
        drawing: What the button that takes a drawn shape says; empty: nobody draws.
        middle: The middle that was told last, latitude and longitude, if `tells_middle`.
        tells_middle: Whether the middle is told whenever the map has been moved.
        linked: Whether the address of the page holds the view.
    """

    name: str
    label: str
    style: str
    bounds: Bounds
    max_zoom: float
    tile_m: float
    frames: Sequence[Sequence[HeatOnMap]] = ((),)
    layout: Literal["beside", "swipe"] = "beside"
    start: int = 0
    strength: float = 0.9
    dim: bool = True
    heat_zoom: int = 16
    legend: LegendOnMap | None = None
    pins: str = ""
    at: str = ""
    chosen: PlaceOnMap | None = None
    area: dict[str, Any] | None = None
    overlay: str = ""
    marks: dict[str, Any] | None = None
    drawing: str = ""
    middle: tuple[float, float] | None = None
    tells_middle: bool = False
    linked: bool = False


@dataclass(frozen=True)
class TouchedMap:
    """What a person did with the map in this run.

    Attributes:
        opened: Id of the tile of a pin that was clicked on.
        clicked: Latitude and longitude of a click elsewhere.
        drawn: Corners (longitude, latitude) of a shape; empty: the drawing was given up.
        middle: Latitude and longitude of the middle, if that is told.
    """

    opened: str | None = None
    clicked: tuple[float, float] | None = None
    drawn: list[tuple[float, float]] | None = field(default=None)
    middle: tuple[float, float] | None = None


@cache
def _component() -> Any:
    js = asset("renewal.js", "map_style.js", "map_drawing.js", "map_furniture.js", "map.js")
    return st.components.v2.component("groundcast_map", html=_HTML, css=asset("map.css"), js=js)


def show_map(data: MapData, *, key: str, height: int | Literal["stretch"] = "stretch") -> TouchedMap:
    """Show the map; where its library is missing, say so.

    Args:
        data: What it shows.
        key: Streamlit's key of the widget.
        height: Pixels; or all that the container has.
    """
    if not maplibre.is_here():
        st.error(f"The map needs MapLibre GL JS {maplibre.VERSION}, which whoever runs this server has to install.")
        return TouchedMap()
    # callbacks that do nothing: named, they make what was done attributes of the result; a name that the server has let
    # go of is made again by the very run that it causes
    names = ("opened", "clicked", "drawn", "middle", "lapsed")
    nothing = {f"on_{name}_change": lambda: None for name in names}
    result = _component()(key=key, data=_told(data), height=height, **nothing)
    drawn = None if result.drawn is None else [(float(lon), float(lat)) for lon, lat in result.drawn]
    return TouchedMap(result.opened, _pair(result.clicked), drawn, _pair(result.middle))


def _pair(told: Sequence[float] | None) -> tuple[float, float] | None:
    return None if told is None else (float(told[0]), float(told[1]))


def _told(data: MapData) -> dict[str, Any]:
    """As map.js reads it."""
    south, north = data.bounds[1], data.bounds[3]
    middle_lat = (south + north) / 2
    return {
        "key": data.name,
        "library": f"{_LIBRARY}/maplibre-gl.mjs",
        "label": data.label,
        "style": data.style,
        "bounds": list(data.bounds),
        "maxZoom": data.max_zoom,
        "tile": data.tile_m,
        "middle": middle_lat,
        "frames": [[asdict(heat) for heat in frame] for frame in data.frames],
        "layout": data.layout,
        "start": data.start,
        "strength": data.strength,
        "dim": data.dim,
        "heatZoom": data.heat_zoom,
        "heatBounds": _inside(data.bounds),
        "fade": _fade(data.tile_m, middle_lat, data.max_zoom),
        "legend": None if data.legend is None else asdict(data.legend),
        "pins": data.pins,
        "at": data.at,
        "chosen": None if data.chosen is None else asdict(data.chosen),
        "area": data.area,
        "overlay": data.overlay,
        "marks": data.marks,
        "drawing": data.drawing,
        "middleTold": data.middle,
        "tellsMiddle": data.tells_middle,
        "linked": data.linked,
    }


def _fade(tile_m: float, lat: float, max_zoom: float) -> dict[str, float]:
    """From and to which zoom colours give way to the imagery: while a tile grows from 24 to 220 pixels."""
    first = math.log2(2 * math.pi * EQUATOR_RADIUS_M / 512 * math.cos(math.radians(lat)) * 24 / tile_m)
    first = max(0.0, min(first, max_zoom - 0.5))
    return {"from": first, "to": first + 3.2}


def _inside(bounds: Bounds) -> list[float]:
    """Bounds as a raster source takes them: across ±180° all round."""
    west, south, east, north = bounds
    return [-180.0, south, 180.0, north] if east > 180 or west < -180 or east < west else [west, south, east, north]
