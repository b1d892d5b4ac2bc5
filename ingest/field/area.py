"""Which rows of a field touch an area, without looking at every row: neighbours in the file are neighbours on the map.

Rows are taken by blocks. A block that lies in the area as a whole needs no further test, one that lies away from it
neither; the footprints of the others are tested by `ingest.index.protocol.touching`. It does not know dates or vectors.
"""

from functools import cached_property

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from ingest.geo.outline import widened
from ingest.index.protocol import touching

Rows = npt.NDArray[np.int64]
Degrees = npt.NDArray[np.float64]

BLOCK = 1_024  # rows under one box
_MARGIN = 1e-9  # degrees; a block of one tile would be no polygon


class Whereabouts:
    """Where the rows are.

    Args:
        lat: Centres, degrees [n]; NaN where unknown.
        lon: Centres, degrees [n]; NaN where unknown.
        size_m: Sides of the footprints, metres [n]; 0 for photos.
    """

    def __init__(self, lat: Degrees, lon: Degrees, size_m: npt.NDArray[np.float32]) -> None:
        self._lat, self._lon, self._size_m = lat, lon, size_m

    def touching(self, area: BaseGeometry, reach_m: float) -> Rows:
        """Rows whose footprint touches an area, ascending, int64 [m].

        Args:
            area: WGS84 degrees, split at ±180°.
            reach_m: Half the diagonal of the largest footprint.
        """
        if area.is_empty or not len(self._lat):
            return np.empty(0, np.int64)
        # centres within reach of the area: a superset, the footprints themselves are tested last
        outline = widened(area, reach_m)
        # an index over the edges, built once: both are asked for thousands of boxes and points
        shapely.prepare(area)
        shapely.prepare(outline)
        within = shapely.covers(area, self._blocks)
        near = self._rows(shapely.intersects(outline, self._blocks) & ~within)
        near = near[_in_bounds(outline, self._lat[near], self._lon[near])]
        # where the area is boxes the bounds have said it already
        if not all(_is_box(part) for part in shapely.get_parts(area)):
            near = near[shapely.intersects_xy(outline, self._lon[near], self._lat[near])]
        sizes_m = self._size_m[near].astype(np.float64)
        near = near[touching(area, self._lat[near], self._lon[near], sizes_m)]
        # fmin skips NaN: a row without a place may be in a block that lies in the area, but is in no area
        sure = self._rows(within)
        return np.sort(np.concatenate([near, sure[np.isfinite(self._lat[sure])]]))

    def _rows(self, blocks: npt.NDArray[np.bool_]) -> Rows:
        """The rows of some blocks."""
        rows = (np.flatnonzero(blocks)[:, None] * BLOCK + np.arange(BLOCK)).ravel()
        return rows[rows < len(self._lat)].astype(np.int64)

    @cached_property
    def _blocks(self) -> npt.NDArray[np.object_]:
        """The box around the centres of each block, None where no place is known."""
        starts = np.arange(0, len(self._lat), BLOCK)
        south, west = (np.fmin.reduceat(degrees, starts) - _MARGIN for degrees in (self._lat, self._lon))
        north, east = (np.fmax.reduceat(degrees, starts) + _MARGIN for degrees in (self._lat, self._lon))
        boxes = np.full(len(starts), None, dtype=np.object_)
        known = np.isfinite(south)
        boxes[known] = shapely.box(west[known], south[known], east[known], north[known])
        return boxes


def _in_bounds(outline: BaseGeometry, lat: Degrees, lon: Degrees) -> npt.NDArray[np.bool_]:
    """Which points lie in the bounds of any part."""
    found = np.zeros(len(lat), np.bool_)
    for west, south, east, north in shapely.bounds(shapely.get_parts(outline)):
        found |= (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
    return found


def _is_box(area: BaseGeometry) -> bool:
    return bool(area.area > 0 and area.equals(area.envelope))
