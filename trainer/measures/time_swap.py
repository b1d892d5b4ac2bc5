"""The time swap: of two photos of one place, which is that of a given tile, place and moment? NumPy only.

It measures whether a model knows *when*: where the two photos share the tile, what the tile alone says favours the same
photo both times, so that a model without time is right half of the time. Nothing here knows models or files.
"""

import numpy as np
import numpy.typing as npt

from trainer.measures.metrics import TIE, Floats, Ints, unit


def moments_apart(
    place: npt.ArrayLike,
    when: npt.NDArray[np.datetime64],
    *,
    hours: float = 6,
    days: float = 91,
    limit: int = 20_000,
    seed: int = 0,
) -> tuple[Ints, Ints, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Pairs of photos of one place taken at another hour or in another season.

    Args:
        place: Label of each photo's place, [n].
        when: Wall-clock time of each, datetime64 [n]; NaT: not known, the photo is in no pair.
        hours: Another hour is at least so far round the clock: a quarter of the day.
        days: Another season is at least so far round the year: a quarter of it.
        limit: No more pairs than these, drawn at random.
        seed: Decides which pairs are drawn where there are more than `limit`.

    Returns:
        Rows a and b of each pair, [p]; whether their hours differ, bool [p]; whether their seasons differ, bool [p].
    """
    labels = np.unique(np.asarray(place), return_inverse=True)[1].ravel()
    known = np.flatnonzero(~np.isnat(when))
    # photos of one place side by side: pairs are rows 1, 2, … apart within a run
    rows = known[np.argsort(labels[known], kind="stable")]
    first, second = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for step in range(1, int(np.bincount(labels[rows]).max()) if len(rows) else 0):
        a, b = rows[:-step], rows[step:]
        same = labels[a] == labels[b]
        first.append(a[same])
        second.append(b[same])
    a, b = np.concatenate(first), np.concatenate(second)
    # round the circle: 23 h and 1 h are two hours apart, December and January a month
    by_hour = _round(_hour(when[a]), _hour(when[b]), 24.0) >= hours
    by_season = _round(_day(when[a]), _day(when[b]), 365.25) >= days
    kept = np.flatnonzero(by_hour | by_season)
    if len(kept) > limit:
        kept = np.sort(np.random.default_rng(seed).choice(kept, limit, replace=False))
    return a[kept], b[kept], by_hour[kept], by_season[kept]


def time_swap(s: npt.ArrayLike, ground: npt.ArrayLike, a: Ints, b: Ints) -> Floats:
    """Of two photos of one place, is the right one chosen from tile, place and time? 1 yes, 0 no, ½ no difference.

    Args:
        s: What the model expects for each photo's tile, place and time, [n, d].
        ground: The photos' vectors, [n, d]; need not be normalised.
        a: One photo of each pair, [p].
        b: The other photo of each pair, [p].

    Returns:
        Two choices a pair, the one for a's time then the one for b's, float64 [p, 2].
    """
    q, g = unit(s), unit(ground)
    # by how much S at a photo's own time prefers that photo to the other one, [p, 2]
    lead = np.stack([((g[x] - g[y]) * q[x]).sum(axis=1) for x, y in ((a, b), (b, a))], axis=1)
    return np.where(np.abs(lead) <= TIE, 0.5, (lead > 0).astype(np.float64))


def _round(a: Floats, b: Floats, circle: float) -> Floats:
    """How far apart on a circle."""
    apart = np.abs(a - b) % circle
    return np.minimum(apart, circle - apart)


def _hour(when: npt.NDArray[np.datetime64]) -> Floats:
    hours: Floats = (when - when.astype("datetime64[D]")) / np.timedelta64(1, "h")
    return hours


def _day(when: npt.NDArray[np.datetime64]) -> Floats:
    days: Floats = (when - when.astype("datetime64[Y]")) / np.timedelta64(1, "D")
    return days
