"""What every store of a Web-Mercator pyramid's tiles has in common: its interface, and where tiles lie.

A store hands out encoded pictures by zoom, column and row (from the north). It does not decode or place them.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

log = logging.getLogger(__name__)
LAT_LIMIT = 85.0511287798066  # where the square Web-Mercator world ends
_FAR = 3  # levels: what fills in where the next ones lack tiles is imagery of its own
MANY = 20_000  # tiles, of which not every one is looked up to tell where they lie
_TOO_WIDE = 10  # times the area of its tiles: bounds that a program filled in
Indexes = npt.NDArray[np.int64]  # columns and rows from the north, [n, 2]


class TileStore(Protocol):
    """Encoded tiles.

    Attributes:
        uri: Where the tiles are, without secrets.
        zooms: Zoom levels it may have, ascending.
        attribution: The credit to show, if it says so.
        sparse: It knows at once which tiles it lacks, so that looking for others costs nothing.
    """

    uri: str
    zooms: tuple[int, ...]
    attribution: str | None
    sparse: bool

    def get(self, z: int, x: int, y: int) -> bytes | None:
        """The encoded tile, or None.

        Raises:
            ItemError: It is there, or may be, and cannot be had.
        """

    def name(self, z: int, x: int, y: int) -> str:
        """What to call a tile in messages."""

    def coverage(self) -> BaseGeometry:
        """Where there are tiles, degrees."""

    def fingerprint(self) -> str:
        """Changes when the tiles change."""

    def close(self) -> None:
        """Close files and connections."""


def tile_bounds(z: int, x: Any, y: Any) -> tuple[Any, Any, Any, Any]:
    """West, south, east and north in degrees of tiles, numbers or arrays."""
    n = 2.0**z
    west, east = x / n * 360 - 180, (x + 1) / n * 360 - 180
    # the inverse of y = asinh(tan φ)
    north, south = (np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * row / n)))) for row in (y, y + 1))
    return west, south, east, north


def tile_boxes(tiles: Mapping[int, Indexes]) -> npt.NDArray[np.object_]:
    """A box in degrees for each of the tiles, by zoom, [n]."""
    return np.concatenate([shapely.box(*tile_bounds(z, *places.T.astype(np.float64))) for z, places in tiles.items()])


def tiles_area(tiles: Mapping[int, Indexes]) -> BaseGeometry:
    """The area of tiles, by zoom: degrees."""
    return shapely.union_all(tile_boxes(tiles))


def true_area(
    uri: str, said: BaseGeometry | None, bounds: Sequence[float] | None, tiles: dict[int, Indexes]
) -> BaseGeometry:
    """The area that is said, if all tiles lie in it and it is not far wider than they are; else theirs."""
    area = tiles_area(tiles)
    if said is not None and shapely.intersects(said, tile_boxes(tiles)).all() and said.area <= _TOO_WIDE * area.area:
        return said
    if bounds is not None:
        log.warning(
            "%s: it says that it lies at %s, but its tiles lie at %s: these are believed",
            uri, [round(v, 6) for v in bounds], [round(v, 6) for v in area.bounds],
        )  # fmt: skip
    return area


def telling(tiles: Mapping[int, Indexes]) -> dict[int, Indexes]:
    """The tiles without those that have far finer ones below: a pyramid over a town begins with one of the Earth."""
    none = np.empty((0, 2), np.int64)
    left, finer = {}, none
    for z in range(max(tiles), min(tiles) - 1, -1):
        finer = np.unique(np.concatenate([finer >> 1, tiles.get(z + _FAR, none) >> _FAR]), axis=0)
        own = tiles.get(z, none)
        kept = own[~np.isin(_keys(own), _keys(finer))]
        if len(kept):
            left[z] = kept
    return left


def _keys(places: Indexes) -> npt.NDArray[np.int64]:
    return places[:, 0] << 31 | places[:, 1]
