"""Which tile of a collection a label is of: that of its id, else the one that holds its place and is of its size.

It does not know how labels are kept or written.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from ingest.field.scorer import ExactScorer
from ingest.geo.footprints import Places, Squares, authalic, offsets_m
from ingest.index.protocol import Filter

_SIZES = 2.0
"""Tiles that differ more in their sides do not show the same: a label of one says little of the other."""

Degrees = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sought:
    """n places whose tiles are sought.

    Attributes:
        tile_id: Ids, where they are known.
        lat: Degrees north; NaN where unknown, [n].
        lon: Degrees east; NaN where unknown, [n].
        size_m: Sides of the tiles that were meant, metres; NaN: any, [n].
    """

    tile_id: Sequence[str | None]
    lat: Degrees
    lon: Degrees
    size_m: Degrees


@dataclass(frozen=True)
class Matched:
    """The tiles of n places.

    Attributes:
        rows: Of the field; −1: none, [n].
        by_place: Where the id was none of the collection's, or missing, and the place decided, bool [n].
        other_size: No tile, because the one there is much larger or smaller, bool [n].
    """

    rows: Rows
    by_place: npt.NDArray[np.bool_]
    other_size: npt.NDArray[np.bool_]


def match(columns: ExactScorer, sought: Sought) -> Matched:
    """Find the tiles of places."""
    known = [None if tile_id is None else columns.row(tile_id) for tile_id in sought.tile_id]
    rows = np.array([-1 if row is None else row for row in known], np.int64)
    rest = np.flatnonzero((rows < 0) & np.isfinite(sought.lat) & np.isfinite(sought.lon))
    found = holding(columns, lat=sought.lat[rest], lon=sought.lon[rest])
    ratio = sought.size_m[rest] / np.where(found < 0, np.nan, columns.size_m[found].astype(np.float64))
    other = (ratio > _SIZES) | (ratio < 1 / _SIZES)  # NaN is neither
    by_place, other_size = np.zeros((2, len(rows)), np.bool_)
    rows[rest] = np.where(other, -1, found)
    by_place[rest] = (found >= 0) & ~other
    other_size[rest] = other
    return Matched(rows, by_place, other_size)


def holding(columns: ExactScorer, *, lat: Degrees, lon: Degrees) -> Rows:
    """Rows of the tiles that hold places, −1 where none does; of several the one whose middle is nearest, int64 [n]."""
    found = np.full(len(lat), -1, np.int64)
    if not len(lat) or not columns.n:
        return found
    # of a million tiles few lie where labels do
    points = shapely.MultiPoint(np.column_stack([lon, lat]))
    near = columns.rows(Filter(area=points, reach_m=float(columns.size_m.max()) / 2 * 2**0.5))
    assert near is not None  # noqa: S101 - there is an area
    if not len(near):
        return found
    squares = Squares.of(Places(columns.lat[near], columns.lon[near], columns.size_m[near]))
    up, along = squares.reach_deg()
    boxes = shapely.box(squares.lon - along, squares.lat - up, squares.lon + along, squares.lat + up)
    tree = shapely.STRtree(boxes)
    # once more a turn to either side: boxes go on beyond ±180°
    turns = np.tile(np.arange(len(lat)), 3)
    shifted = np.concatenate([lon, lon - 360, lon + 360])
    of, tile = tree.query(shapely.points(shifted, lat[turns]), predicate="intersects")
    place, pairs = turns[of], squares.take(tile)
    away = np.radians(lon[place] - pairs.lon)
    sine, cosine = authalic(lat[place])
    east, north = offsets_m(pairs, sine=sine, cosine=cosine, east_sine=np.sin(away), east_cosine=np.cos(away))
    reach = np.maximum(np.abs(east), np.abs(north))
    inside = reach <= pairs.half_m * (1 + 1e-9)
    # the nearest last, so that it stays
    order = np.argsort(-reach[inside], kind="stable")
    found[place[inside][order]] = near[tile[inside][order]]
    return found
