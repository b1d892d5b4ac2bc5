"""The map of the search page: basemap, scores, tiles to click on, the hits with their numbers, the area.

A click is a selection of pydeck's chart. While something is selected Streamlit recolours every layer, so the layers'
ids change with what is open: the selection then means nothing any more and is dropped.

It does not know how scores or hits are found.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pydeck as pdk
import shapely
import streamlit as st
from shapely.geometry.base import BaseGeometry

from ingest.geo.geometry import Footprint
from search_ui.search.query import Hit
from search_ui.views.map.heat import Bounds

HEIGHT_PX = 500
_WIDTH_PX = 700  # roughly; the first view leaves room round it
_COLOURS = {"strong": [0, 114, 178], "possible": [86, 180, 233], "weak": [230, 159, 0], "nothing": [120, 120, 120]}
_WHITE, _DARK = [255, 255, 255, 255], [20, 24, 28, 255]


@dataclass(frozen=True)
class Drawn:
    """What is on the map.

    Attributes:
        style: URL of the basemap's style.
        bounds: Of the collection: what is seen first.
        tiles: URL of the tiles' outlines, to be clicked on; None: too many.
        picture: URL of the scores' picture and where it lies; None: not shown.
        opacity: How strongly that picture covers the ground, 0..1.
        hits: The hits, drawn as footprints with their ranks.
        chosen: Id and footprint of the tile that is open.
        area: The area that is searched, WGS84 degrees; None: everywhere.
    """

    style: str
    bounds: Bounds
    tiles: str | None
    picture: tuple[str, Bounds] | None
    opacity: float
    hits: Sequence[Hit]
    chosen: tuple[str, Footprint] | None
    area: BaseGeometry | None


def show(drawn: Drawn, *, focus: tuple[float, float, float] | None, key: str, alt: str) -> str | None:
    """Draw the map; returns the id of a tile that was clicked on just now.

    Args:
        drawn: Basemap, scores, tiles, hits and area to draw.
        focus: Latitude, longitude and zoom to move to; None: the whole collection. While it stays the same the map
            stays where the person has moved it.
        key: Streamlit's key of the widget: another one begins at its first view.
        alt: What the map shows, for those who cannot see it.
    """
    lat, lon, zoom = focus or fitting(drawn.bounds)
    deck = pdk.Deck(
        layers=_layers(drawn),
        initial_view_state=pdk.ViewState(latitude=lat, longitude=lon, zoom=zoom, pitch=0, bearing=0),
        map_style=drawn.style,
        map_provider=None,
        tooltip={"text": "{tile_id}"},
    )
    event = st.pydeck_chart(deck, height=HEIGHT_PX, on_select="rerun", selection_mode="single-object", key=key, alt=alt)
    return _clicked(event, _nonce(drawn))


def fitting(bounds: Bounds) -> tuple[float, float, float]:
    """Latitude, longitude and zoom at which all of a box is seen."""
    west, south, east, north = bounds
    east = east + 360 if east < west else east
    # Mercator ordinates; at zoom 0 deck.gl's world is 512 pixels wide, and twice that with each zoom
    top, bottom = (math.asinh(math.tan(math.radians(lat))) for lat in (north, south))
    wide, tall = max((east - west) / 360, 1e-7), max((top - bottom) / (2 * math.pi), 1e-7)
    zoom = min(math.log2(_WIDTH_PX / (512 * wide)), math.log2(HEIGHT_PX / (512 * tall))) - 0.2
    middle = math.degrees(math.atan(math.sinh((top + bottom) / 2)))
    return middle, (west + east) / 2, round(min(zoom, 16.0), 2)


def _nonce(drawn: Drawn) -> str:
    return drawn.chosen[0] if drawn.chosen else "none"


def _clicked(event: Any, nonce: str) -> str | None:
    """The tile of a selection, if it was made on the layers as they are now."""
    objects = event.get("selection", {}).get("objects", {}) if event else {}
    for layer, chosen in objects.items():
        # layers are named KIND/OPEN TILE: a selection of other names was made before the page changed, and is done with
        if layer.partition("/")[2] == nonce and chosen:
            tile = chosen[0].get("id") or chosen[0].get("tile_id")  # of a hit, of any tile
            return None if tile is None else str(tile)
    return None


def _layers(drawn: Drawn) -> list[pdk.Layer]:
    nonce = _nonce(drawn)
    layers = []
    if drawn.picture is not None:
        url, bounds = drawn.picture
        sharp = {"minFilter": "linear", "magFilter": "nearest"}
        layers.append(
            pdk.Layer(
                "BitmapLayer", id="scores", image=pdk.types.String(url), bounds=list(bounds),
                opacity=drawn.opacity, texture_parameters=sharp,
            )
        )  # fmt: skip
    if drawn.tiles is not None:
        seen_through = {
            # these are there to be clicked on, not to be seen
            "get_fill_color": [0, 0, 0, 1],
            "get_line_color": [255, 255, 255, 40],
            "line_width_max_pixels": 1,
        }
        layers.append(
            pdk.Layer(
                "PolygonLayer", data=pdk.types.String(drawn.tiles), id=f"tiles/{nonce}", get_polygon="ring",
                pickable=True, auto_highlight=True, highlight_color=[255, 255, 255, 90], stroked=False, **seen_through,
            )
        )  # fmt: skip
    layers += _outlines(drawn)
    if drawn.hits:
        layers += _numbers(drawn.hits, nonce)
    return layers


def _outlines(drawn: Drawn) -> list[pdk.Layer]:
    """The area, the hits' footprints and the tile that is open, dark under light, so that they show on any ground."""
    area = [] if drawn.area is None else [{"ring": ring} for ring in _rings(drawn.area)]
    hits = [{"ring": ring} for hit in drawn.hits for ring in _rings(Footprint(hit.lat, hit.lon, hit.size_m).polygon)]
    chosen = [] if drawn.chosen is None else [{"ring": ring} for ring in _rings(drawn.chosen[1].polygon)]
    layers = []
    for name, rings, colour, width in (
        ("area", area, [255, 255, 255, 230], 2),
        ("hits", hits, _WHITE, 2),
        ("open", chosen, [230, 0, 120, 255], 4),
    ):
        for part, ink, wide in (("under", _DARK, width + 2), ("over", colour, width)):
            if rings:
                layers.append(
                    pdk.Layer(
                        "PathLayer", rings, id=f"{name}-{part}", get_path="ring", get_color=ink, pickable=False,
                        width_units=pdk.types.String("pixels"), get_width=wide, joint_rounded=True,
                    )
                )  # fmt: skip
    return layers


def _numbers(hits: Sequence[Hit], nonce: str) -> list[pdk.Layer]:
    """The rank of each hit in a disc of its grade's colour."""
    points = [
        {
            "id": hit.tile_id,
            "at": [hit.lon, hit.lat],
            "rank": str(hit.rank),
            "colour": _COLOURS[hit.grade],
            "tile_id": f"{hit.rank} · {hit.grade} · relevance {hit.relevance:.2f}",
        }
        for hit in reversed(hits)  # the best on top
    ]
    pixels = pdk.types.String("pixels")
    return [
        pdk.Layer(
            "ScatterplotLayer", points, id=f"ranks/{nonce}", get_position="at", get_fill_color="colour",
            get_line_color=_WHITE, stroked=True, radius_units=pixels, get_radius=11, line_width_units=pixels,
            get_line_width=2, pickable=True,
        ),
        pdk.Layer(
            "TextLayer", points, id="rank-numbers", get_position="at", get_text="rank", get_size=13,
            get_color=_WHITE, font_weight=700, get_text_anchor=pdk.types.String("middle"),
            get_alignment_baseline=pdk.types.String("center"), pickable=False,
        ),
    ]  # fmt: skip


def _rings(shape: BaseGeometry) -> list[list[list[float]]]:
    """The outlines of polygons, [lon, lat]."""
    parts = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"]
    if shapely.get_num_coordinates(shape) > 5_000:  # a country's coast need not be drawn to the metre
        parts = [part.simplify(0.002) for part in parts]
    return [shapely.get_coordinates(part.exterior).round(6).tolist() for part in parts]
