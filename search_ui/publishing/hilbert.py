"""Places in the order of a Hilbert curve over the whole globe: neighbours in a file are neighbours on the map.

The curve is that of PMTiles (https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md, "Tile ID"), at level 24 of
plain longitude and latitude: cells of 2.4 m at the equator. It does not depend on which places there are, so that files
of several collections can be merged by it.
"""

import numpy as np
import numpy.typing as npt

LEVEL = 24
_BLOCK = 32_768  # places at a time: what is worked with stays in the processor's cache


def hilbert_keys(
    *, lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64], level: int = LEVEL
) -> npt.NDArray[np.uint64]:
    """Where places lie on the curve.

    Args:
        lat: Degrees north, [n].
        lon: Degrees east, [n], -180 to 180.
        level: Halvings of each axis, 1 to 31.

    Returns:
        uint64 [n], below 4^level.
    """
    lat, lon = np.asarray(lat, float), np.asarray(lon, float)
    key = np.empty(lat.shape, np.uint64)
    for start in range(0, len(lat), _BLOCK):
        some = slice(start, start + _BLOCK)
        key[some] = _keys(lat[some], lon[some], level)
    return key


def _keys(lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64], level: int) -> npt.NDArray[np.uint64]:
    side = np.uint64(1 << level)
    x = _cells((lon + 180) / 360, side)
    y = _cells((90 - lat) / 180, side)  # rows count from the north, as those of map tiles do
    key = np.zeros(x.shape, np.uint64)
    half = side >> np.uint64(1)
    while half:
        right, low = (x & half) > 0, (y & half) > 0
        quadrant = (np.uint64(3) * right) ^ low.astype(np.uint64)
        key += half * half * quadrant
        # each quadrant is a curve of its own: two of them are mirrored at the diagonal, one of those turned round too
        flip, rest = right & ~low, half - np.uint64(1)
        x, y = (np.where(flip, rest - (axis & rest), axis) for axis in (x, y))
        x, y = np.where(low, x, y), np.where(low, y, x)
        half >>= np.uint64(1)
    return key


def _cells(share: npt.NDArray[np.float64], side: np.uint64) -> npt.NDArray[np.uint64]:
    """Which of so many cells a share of an axis, 0..1, lies in."""
    return np.clip(np.floor(share * float(side)), 0, float(side) - 1).astype(np.uint64)
