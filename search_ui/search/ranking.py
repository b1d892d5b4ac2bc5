"""The best rows of many scores, and of tiles that overlap only the best.

It does not know where scores come from.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from trainer.earth import MEAN_DEGREE_M

SCORE_DIGITS = 6  # of a float32 cosine; what is equal to them is a tie
_STRETCHES = 16  # times as many stretches of rows as are wanted: few of the best then share one
_LEAST = 16  # rows of a stretch: with fewer there is nothing to gain
OVERLAP = 0.1  # of the smaller tile's area: two tiles that share more show one place


Rows = npt.NDArray[np.int64]
Columns = npt.NDArray[np.floating]


def best_rows(score: npt.NDArray[np.float32], count: int, ids: Callable[[Rows], list[str]]) -> Rows:
    """Rows of the largest scores, best first, ties by id; `count` of them or, with the ties of the last, more.

    Args:
        score: [n]; what is not finite is never among the best.
        count: How many are wanted.
        ids: Gives the ids of rows; asked for those near the top alone.
    """
    usable = _promising(score, count)
    usable = usable[np.isfinite(score[usable])]
    if count < len(usable):
        # sort only what can be among the best; a partition of all is linear
        floor = np.partition(score[usable], len(usable) - count)[len(usable) - count]
        # with room for rounding, so that every tie of the last one is there and ids decide, not the order of rows
        usable = usable[score[usable] >= floor - 10.0**-SCORE_DIGITS]
    rounded = np.round(score[usable], SCORE_DIGITS)
    order = np.lexsort((np.array(ids(usable), dtype=object), -rounded)) if len(usable) else usable  # last key first
    return usable[order].astype(np.int64)


def _promising(score: npt.NDArray[np.float32], count: int) -> Rows:
    """Rows that can be among the best or tie with the last of them: where there are many, few of all."""
    length = len(score) // (_STRETCHES * count)  # rows of a stretch
    if length < _LEAST:
        return np.arange(len(score))
    highest = score[: length * _STRETCHES * count].reshape(-1, length).max(axis=1)
    if not np.isfinite(highest).all():
        return np.arange(len(score))
    # `count` stretches have a row as good as that, so as many rows are
    floor = np.partition(highest, len(highest) - count)[len(highest) - count]
    return np.flatnonzero(score >= floor - 10.0**-SCORE_DIGITS)


def distinct(lat: Columns, lon: Columns, size_m: Columns, most: int) -> Rows:
    """Which of tiles in order of rank to keep, so that no two overlap by more than `OVERLAP`; at most `most`.

    Args:
        lat: Centres in order of rank, degrees north, [n].
        lon: Degrees east, [n].
        size_m: Sides, metres, [n].
        most: Stop when so many are kept.
    """
    kept = np.empty(min(most, len(lat)), np.int64)
    count = 0
    # greedy from the best: a tile gives way to better ones alone
    for row in range(len(lat)):
        others = kept[:count]
        if not np.any(_shared(lat, lon, size_m, row, others) > OVERLAP):
            kept[count] = row
            count += 1
            if count == most:
                break
    return kept[:count]


def _shared(lat: Columns, lon: Columns, size_m: Columns, row: int, others: Rows) -> Columns:
    """Area that a tile shares with each other, as a fraction of the smaller one."""
    north = np.abs(lat[others] - lat[row]) * MEAN_DEGREE_M
    # on a plane, which is near enough to tell an overlap; the shorter way round the globe
    turn = np.abs(lon[others] - lon[row])
    east = np.minimum(turn, 360 - turn) * MEAN_DEGREE_M * np.cos(np.radians(lat[row]))
    smaller, both = np.minimum(size_m[others], size_m[row]), (size_m[others] + size_m[row]) / 2
    sides = [np.clip(both - away, 0, smaller) for away in (north, east)]
    shared: Columns = sides[0] * sides[1] / smaller**2
    return shared
