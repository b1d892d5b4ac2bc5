"""Which tiles of one collection lie under a tile of another, by the ground that they share; grids need not be the same.

It does not know scores.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from ingest.geo.footprints import Places, Squares
from trainer.errors import UsageError

LEAST_COVER = 0.5
"""Share of a tile that tiles of the other collection must cover."""

_SIZES = 2.0  # tiles whose sides differ more do not show the same
_SAME = 1e-3  # of a side: so far apart, two tiles are one
_APART = 0.95  # of a side: so far apart, two tiles hardly lie over each other

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pairing:
    """Tiles of `after` and those of `before` under them.

    Attributes:
        rows: Tiles of `after` that have enough of `before` under them, [m].
        of: For each pair, which of those m it belongs to, [p].
        under: The tile of `before`, [p].
        weight: Share of the ground of the tile, of all pairs of a tile together 1, [p].
        lost: Tiles of `before` under none of the m.
        same_grid: Each of the m has the very tile of `before` under it.
    """

    rows: Ints
    of: Ints
    under: Ints
    weight: Floats
    lost: int
    same_grid: bool

    def mean(self, values: npt.NDArray[np.floating]) -> Floats:
        """What values of `before`, [n], are under each of the m tiles, by the ground shared, [m]."""
        shared = self.weight * values[self.under].astype(np.float64)
        return np.asarray(np.bincount(self.of, shared, minlength=len(self.rows)), np.float64)


def pair(before: Places, after: Places) -> Pairing:
    """Pair tiles by the ground that they share.

    Raises:
        UsageError: The tiles are of very different sizes, or too few share ground.
    """
    one, other = (float(np.median(places.size_m)) for places in (before, after))
    if max(one, other) > _SIZES * min(one, other):
        raise UsageError(
            f"the tiles before are of {one:g} m, those after of {other:g} m: what is to be seen in them is another "
            "thing. Ingest one of the two anew with the --tile-size-m of the other"
        )
    squares = [Squares.of(places) for places in (before, after)]
    under, over = (square.polygons() for square in squares)
    of, below = shapely.STRtree(under).query(over, predicate="intersects")
    up, along = squares[1].reach_deg()
    near = np.maximum(
        np.abs(before.lat[below] - after.lat[of]) / up[of],
        np.abs((before.lon[below] - after.lon[of] + 180) % 360 - 180) / along[of],
    )
    same = (near < 2 * _SAME) & (np.abs(before.size_m[below] / after.size_m[of] - 1) < _SAME)
    exact = np.zeros(len(over), np.bool_)
    exact[of[same]] = True
    # of a tile that is there in both, its neighbours say nothing
    useful = same | ~exact[of]
    of, below, same = of[useful], below[useful], same[useful]
    shared = np.where(same, shapely.area(over[of]), 0.0)
    cut = ~same
    shared[cut] = shapely.area(shapely.intersection(over[of[cut]], under[below[cut]]))
    share = shared / shapely.area(over)[of]
    together = np.bincount(of, share, minlength=len(over))
    covered = together >= LEAST_COVER
    largest = np.zeros(len(over))
    np.maximum.at(largest, of, share)
    # several tiles reach it together: only then may it matter that they lie over each other
    doubtful = covered & (largest < LEAST_COVER)
    if doubtful.any() and _overlap(before, under, np.unique(below[doubtful[of]])):
        covered[doubtful] = _union_share(of, below, under, over, np.flatnonzero(doubtful)) >= LEAST_COVER
    rows = np.flatnonzero(covered)
    place = np.full(len(over), -1)
    place[rows] = np.arange(len(rows))
    kept = (place[of] >= 0) & (share > 0)
    return Pairing(
        rows=rows,
        of=place[of[kept]],
        under=below[kept].astype(np.int64),
        weight=(share / np.maximum(together[of], 1e-12))[kept],
        lost=len(under) - len(np.unique(below[kept])),
        same_grid=bool(exact[rows].all()) if len(rows) else False,
    )


def _overlap(places: Places, outlines: npt.NDArray[np.object_], some: Ints) -> bool:
    """Whether any of some tiles lies over another by so much that it matters."""
    one, other = shapely.STRtree(outlines[some]).query(outlines[some])
    a, b = some[one[one < other]], some[other[one < other]]
    up, along = Squares.of(places).reach_deg()
    away = np.maximum(
        np.abs(places.lat[a] - places.lat[b]) / (up[a] + up[b]),
        np.abs((places.lon[a] - places.lon[b] + 180) % 360 - 180) / (along[a] + along[b]),
    )
    return bool((away < _APART).any())


def _union_share(
    of: Ints, below: Ints, under: npt.NDArray[np.object_], over: npt.NDArray[np.object_], some: Ints
) -> Floats:
    """The share of some tiles that others cover together, what several cover counted once."""
    order = np.argsort(of, kind="stable")
    starts, ends = (np.searchsorted(of[order], some, side=side) for side in ("left", "right"))
    shared = [
        shapely.area(shapely.intersection(shapely.union_all(under[below[order[start:end]]]), over[row]))
        for row, start, end in zip(some.tolist(), starts.tolist(), ends.tolist(), strict=True)
    ]
    share: Floats = np.array(shared) / shapely.area(over[some])
    return share
