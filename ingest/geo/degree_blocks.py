"""Blocks of 1° of latitude and longitude, numbered: what splits hold out whole, so that no ground is seen twice."""

import numpy as np
import numpy.typing as npt

from ingest.geo.geometry import Floats

BLOCKS = 181 * 360
"""How many there are; latitude 90 has a row of its own."""


def blocks(*, lat: Floats, lon: Floats) -> npt.NDArray[np.int64]:
    """The number, 0 to `BLOCKS` − 1, of the block that each place lies in, int64 [n]; degrees, longitudes below 180."""
    return (np.floor(lat).astype(np.int64) + 90) * 360 + np.floor(lon).astype(np.int64) + 180
