"""How far tiles reach in space and time: one box, which may cross ±180°, and the first and last moment known.

It does not know what is told of them.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
from shapely.geometry.base import BaseGeometry

from ingest.field.columns import NO_DATE, first_and_last
from ingest.geo.footprints import Places, Squares
from ingest.geo.geometry import box

_GLOBE = 360.0
_DIGITS = 7  # of a degree: a centimetre

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TileExtent:
    """Where and when tiles are.

    Attributes:
        bbox: West, south, east and north, degrees; west > east: it crosses ±180°.
        first: When the oldest imagery was taken, aware UTC; None: that is known of none.
        last: The same of the newest.
        undated: Tiles of which it is not known.
    """

    bbox: tuple[float, float, float, float]
    first: datetime | None
    last: datetime | None
    undated: int

    @property
    def outline(self) -> BaseGeometry:
        """The box as a geometry in degrees, split at ±180°."""
        return box(*self.bbox)


def extent_of(places: Places, acquired: npt.NDArray[np.int64]) -> TileExtent:
    """How far some tiles reach, at least one.

    Args:
        places: Centres and sides, [n].
        acquired: Microseconds since 1970 in UTC, [n]; `NO_DATE`: not known.
    """
    up, along = Squares.of(places).reach_deg()
    south = max(-90.0, float((places.lat - up).min()))
    north = min(90.0, float((places.lat + up).max()))
    west, east = _around(np.asarray(places.lon, float), along)
    first, last = first_and_last(acquired) or (None, None)
    return TileExtent((west, _down(south), east, _up(north)), first, last, int((acquired == NO_DATE).sum()))


def _around(lon: Floats, along: Floats) -> tuple[float, float]:
    """West and east of the shortest arc that holds all intervals."""
    if (along >= _GLOBE / 2).any():
        return -180.0, 180.0
    west = np.mod(lon - along + 180, _GLOBE)
    order = np.argsort(west)
    west, east = west[order], (west + 2 * along)[order]
    reached = np.maximum.accumulate(east)
    # the widest gap between what has been reached and the next one is what the arc leaves out
    gaps = np.append(west[1:], west[0] + _GLOBE) - reached
    widest = int(len(gaps) - 1 - np.argmax(gaps[::-1]))  # of equals the last: the one across ±180°
    if gaps[widest] < 2 * 10**-_DIGITS:  # tiles side by side all around touch but for the last digits of their edges
        return -180.0, 180.0
    first = (widest + 1) % len(gaps)
    start, end = _down(float(west[first]) - 180), _up(float(reached[widest]) - 180)
    return start, (end if end <= 180 else end - _GLOBE)


def _down(degrees: float) -> float:
    return float(max(np.floor(degrees * 10**_DIGITS) / 10**_DIGITS, -180))


def _up(degrees: float) -> float:
    return float(np.ceil(degrees * 10**_DIGITS) / 10**_DIGITS)
