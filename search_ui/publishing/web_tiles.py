"""A layer as PMTiles: all its pictures in Web Mercator, from the whole of it down to where a tile is a few pixels.

Format: PMTiles 3, PNG of 256 pixels; pictures without any colour are left out, but for that of the whole Earth. It does
not know what the colours mean.
"""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

from ingest.geo.footprints import Places, Squares
from search_ui.files.writing import whole_file
from search_ui.maps.heatmap import Drawing, HeatValues
from search_ui.maps.mercator import EQUATOR_M, MAX_LAT, MAX_ZOOM, TILE_PX, ordinate
from search_ui.publishing.extent import extent_of

_SEEN_PX = 8  # pixels across a tile at the deepest zoom, at least
_MOST = 20_000  # pictures


def write_pmtiles(path: Path, heat: HeatValues, *, name: str, attribution: str, told: dict[str, Any]) -> int:
    """Write a layer.

    Args:
        path: The file; it appears whole or not at all.
        heat: What is drawn, of at least one tile.
        name: Of the layer, for people.
        attribution: Whom to credit; empty: nobody.
        told: What else its metadata says, in JSON types.

    Returns:
        How many pictures it holds.

    Raises:
        GroundcastError: The file cannot be written, such as on a full disk.
    """
    deepest = _deepest(heat.places)
    drawing, written = Drawing(), 0
    with whole_file(path) as temporary, temporary.open("wb") as file:
        writer: Any = Writer(file)  # type: ignore[no-untyped-call]
        for z in range(deepest + 1):
            for x, y in _pictures(heat.places, z):
                picture = drawing.tile(heat, z, x, y)
                if z == 0 or _has_colour(picture):  # the format wants one at least
                    writer.write_tile(zxy_to_tileid(z, x, y), picture)
                    written += 1
        writer.finalize(_header(heat.places, deepest), _metadata(name, attribution, told))
    return written


def _has_colour(picture: bytes) -> bool:
    with Image.open(io.BytesIO(picture)) as opened:
        return bool(np.asarray(opened.convert("RGBA").getchannel("A")).any())


def _deepest(places: Places) -> int:
    """The zoom at which a tile of usual size is seen well, or the one before there are too many pictures."""
    size_m = float(np.median(places.size_m)) / np.cos(np.radians(min(abs(float(np.median(places.lat))), MAX_LAT)))
    wanted = np.log2(EQUATOR_M * _SEEN_PX / (size_m * TILE_PX))
    deepest = int(np.clip(np.ceil(wanted), 0, MAX_ZOOM))
    while deepest and len(_pictures(places, deepest)) > _MOST:
        deepest -= 1
    return deepest


def _pictures(places: Places, z: int) -> list[tuple[int, int]]:
    """Columns and rows of the pictures that tiles may touch, in the order of the file."""
    squares = Squares.of(places)
    up, along = squares.reach_deg()
    n = 1 << z
    west, east = ((squares.lon + side * along + 180) / 360 * n for side in (-1, 1))
    top, bottom = ((180 - ordinate(squares.lat + side * up)) / 360 * n for side in (1, -1))
    found: set[tuple[int, int]] = set()
    # Web Mercator ends before the poles
    inside = np.abs(squares.lat) <= MAX_LAT
    corners = np.stack([np.floor(side[inside]).astype(np.int64) for side in (west, east, top, bottom)], axis=1)
    for first, last, high, low in np.unique(corners, axis=0).tolist():
        columns = range(n) if last - first >= n else [x % n for x in range(first, last + 1)]
        found.update((x, y) for x in columns for y in range(max(high, 0), min(low, n - 1) + 1))
    return sorted(found, key=lambda picture: zxy_to_tileid(z, *picture))


def _header(places: Places, deepest: int) -> dict[str, Any]:
    extent = extent_of(places, np.empty(0, np.int64))
    west, south, east, north = extent.bbox
    around = (west + east) / 2 if west <= east else ((west + east) / 2 + 360) % 360 - 180
    if west > east:  # the format knows no box across ±180°
        west, east = -180.0, 180.0
    sides = {"min_lon_e7": west, "min_lat_e7": south, "max_lon_e7": east, "max_lat_e7": north}
    middle = {"center_lon_e7": around, "center_lat_e7": (south + north) / 2}
    degrees = {side: round(value * 1e7) for side, value in (sides | middle).items()}
    kinds = {"tile_type": TileType.PNG, "tile_compression": Compression.NONE}
    return {"version": 3, "center_zoom": max(0, deepest - 2), **kinds, **degrees}


def _metadata(name: str, attribution: str, told: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "type": "overlay", "format": "png", "attribution": attribution, "groundcast": told}
