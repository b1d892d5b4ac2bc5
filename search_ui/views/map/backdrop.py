"""What lies under the maps, and the addresses of pictures: routes of this same server.

It does not know how they are cut.
"""

import math
from typing import Any
from urllib.parse import quote

import streamlit as st

from search_ui.components.base_path import own
from search_ui.service.service import Shown
from search_ui.views.state.address import value
from trainer.earth import MEAN_DEGREE_M

_ENLARGED = 1.5  # zooms beyond which pixels show nothing more; MapLibre counts one less than tiles of 256 pixels do

Bounds = tuple[float, float, float, float]


def ground_of(shown: Shown) -> dict[str, Any]:
    """What any map of a collection shows, as arguments of `search_ui.components.map_view.MapData`."""
    return {
        "style": style_of(shown),
        "bounds": bounds_of(shown),
        "max_zoom": shown.max_zoom - 1 + _ENLARGED,
        "heat_zoom": max(1, shown.max_zoom - 1),
        "tile_m": shown.tile_m,
    }


def style_of(shown: Shown) -> str:
    """The basemap: the collection's own imagery, with the owner's map file or plain, or on an online map."""
    theme = "dark" if st.context.theme.type == "dark" else "light"
    more = {"OpenStreetMap": "&online=osm", "plain": "&plain=1"}.get(value("base"), "")
    return own(f"/basemap/style.json?collection={quote(shown.name)}&theme={theme}{more}")


def bounds_of(shown: Shown) -> Bounds:
    """What a map of the collection shows: its tiles whole, with a little room."""
    # without tiles: the inhabited world
    west, south, east, north = shown.bounds or (-180.0, -60.0, 180.0, 75.0)
    up = shown.tile_m / 2 / MEAN_DEGREE_M
    along = up / max(0.05, math.cos(math.radians((south + north) / 2)))  # degrees of longitude are shorter
    return west - along, south - up, east + along, north + up


def chip_url(collection: str, tile_id: str, px: int = 256) -> str:
    """The overhead picture of a tile."""
    return own(f"/chips/{quote(collection)}/{quote(tile_id, safe='')}.webp?px={px}")


def photo_url(gallery: str, photo_id: str, px: int = 256) -> str:
    """A ground photo."""
    return own(f"/photos/{quote(gallery)}/{quote(photo_id, safe='')}.webp?px={px}")
