"""One photographer's photos that show the same thing: the same photo twice, and bursts.

Photos come in the order of photographer and moment. It does not know pictures.
"""

from collections import deque

import numpy as np
import numpy.typing as npt

from ingest.pairs.metadata.columns import Floats, Hashes, Moments
from trainer.earth import MEAN_DEGREE_M

Mask = npt.NDArray[np.bool_]


def repeated(key: Hashes, photo: Hashes) -> Mask:
    """Which photos [n] were there before: the same photographer and the same id."""
    order = np.lexsort((np.arange(len(key)), photo, key))  # of equal ones the first row comes first, and stays
    same = np.zeros(len(key), bool)
    same[order[1:]] = (key[order[1:]] == key[order[:-1]]) & (photo[order[1:]] == photo[order[:-1]])
    return same


def in_burst(key: Hashes, taken: Moments, *, lat: Floats, lon: Floats, within_m: float, within_s: float) -> Mask:
    """Which photos [n] follow one that is kept, by the same photographer, so soon and so near.

    Args:
        key: Of the photographer; rows of one stand side by side.
        taken: In the order of time within a photographer's; NaT is in no burst.
        lat: Degrees, [n].
        lon: Degrees, [n].
        within_m: Up to so many metres from the kept one is near.
        within_s: Up to so many seconds after it is soon.
    """
    seconds = taken.astype(np.int64)
    follows = np.zeros(len(key), bool)
    follows[1:] = (key[1:] == key[:-1]) & ~np.isnat(taken[1:]) & ~np.isnat(taken[:-1])
    follows[1:] &= seconds[1:] - seconds[:-1] <= within_s
    dropped = np.zeros(len(key), bool)
    kept: deque[int] = deque()  # of the present run: kept photos that are recent
    for row in np.flatnonzero(follows).tolist():
        # a new run: the photo before follows none, so it is kept
        if not follows[row - 1]:
            kept.clear()
            kept.append(row - 1)
        while kept and seconds[row] - seconds[kept[0]] > within_s:
            kept.popleft()
        dropped[row] = any(_metres(lat, lon, row, other) <= within_m for other in kept)
        if not dropped[row]:
            kept.append(row)
    return dropped


def _metres(lat: Floats, lon: Floats, a: int, b: int) -> float:
    """Distance between two rows that are not far apart."""
    east = (lon[a] - lon[b] + 180) % 360 - 180
    return float(MEAN_DEGREE_M * np.hypot(lat[a] - lat[b], east * np.cos(np.radians(lat[a]))))
