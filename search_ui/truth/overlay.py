"""Objects laid over tiles: in which tiles something is to be seen, and which tiles an object may be found by.

The rule. A tile is **positive** where objects cover at least `COVER` of it, where it holds at least half of an object,
or more of it than any other tile does; a point lies in the tiles that hold it. Where a share is given, polygons count
by their cover alone. A tile that objects touch without that is a **sliver**.

Areas are compared within a tile, in degrees: their ratio is that on the ground but for tiles of many kilometres. What
two polygons cover together counts once. It does not know scores.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from ingest.geo.footprints import Places, Squares
from trainer.errors import UsageError

COVER = 0.05
"""Share of a tile that objects cover, from which on it is positive."""

_HELD = 0.5  # of an object
_SAME = 1e-6  # shares that differ less are equal: tiles that overlap may hold the same object whole
_AT_ONCE = 100_000  # objects whose pieces are held at once

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Overlay:
    """m objects over n tiles.

    Attributes:
        positive: Tiles where something is to be seen, bool [n].
        sliver: Tiles that objects only touch, bool [n].
        of_object: The object of each pair, [p].
        of_tile: The positive tile by which it may be found, [p].
        off: Objects that lie on no tile at all.
        unfindable: Objects on tiles none of which is positive: they are smaller than the share that is asked for.
    """

    positive: Bools
    sliver: Bools
    of_object: Ints
    of_tile: Ints
    off: int
    unfindable: int


@dataclass(frozen=True)
class _Pieces:
    """What pairs of object and tile have in common."""

    object: Ints
    tile: Ints
    held: npt.NDArray[np.float64]  # share of the object
    cover: npt.NDArray[np.float64]  # share of the tile


def check_share(share: float | None) -> None:
    """Refuse a share of a tile that is none.

    Raises:
        UsageError: It is not above 0 and at most 1.
    """
    if share is not None and not 0 < share <= 1:
        raise UsageError(f"--min-share {share:g}: give a share of a tile above 0, at most 1")


def outlines(places: Places) -> npt.NDArray[np.object_]:
    """Outlines of tiles in degrees, split at ±180°, [n]."""
    return Squares.of(places).polygons()


def overlay(shapes: npt.NDArray[np.object_], tiles: npt.NDArray[np.object_], share: float | None = None) -> Overlay:
    """Lay objects over tiles.

    Args:
        shapes: Valid polygons and points in degrees, split at ±180°, [m].
        tiles: Outlines, the same, [n].
        share: The least share of a tile; None: the rule at the top.

    Raises:
        UsageError: The share is none.
    """
    check_share(share)
    found = _pieces(shapes, tiles)
    area = shapely.area(shapes)
    point = area[found.object] == 0
    most = np.zeros(len(shapes))
    np.maximum.at(most, found.object, found.held)
    own = point | (found.held >= _HELD) | (found.held >= most[found.object] - _SAME)
    covered = _covered(found, shapes, tiles, COVER if share is None else share)
    counts = covered[found.tile] & ((found.cover > _SAME) | point)
    if share is None:
        counts = own | (covered[found.tile] & (found.cover >= COVER))
    else:
        counts |= point
    positive = covered.copy()
    positive[found.tile[counts]] = True
    touched = np.zeros(len(tiles), np.bool_)
    touched[found.tile] = True
    on, findable = np.zeros((2, len(shapes)), np.bool_)
    on[found.object] = True
    findable[found.object[counts]] = True
    return Overlay(
        positive=positive,
        sliver=touched & ~positive,
        of_object=found.object[counts],
        of_tile=found.tile[counts],
        off=int((~on).sum()),
        unfindable=int((on & ~findable).sum()),
    )


def _pieces(shapes: npt.NDArray[np.object_], tiles: npt.NDArray[np.object_]) -> _Pieces:
    tree, size = shapely.STRtree(tiles), shapely.area(tiles)
    columns: list[tuple[Ints, Ints, npt.NDArray[np.float64], npt.NDArray[np.float64]]] = []
    for start in range(0, len(shapes), _AT_ONCE):
        some = shapes[start : start + _AT_ONCE]
        shapely.prepare(some)
        one, tile = tree.query(some, predicate="intersects")
        area = shapely.area(some)
        common = np.zeros(len(one))
        flat = area[one] == 0
        # a tile that lies inside needs no cutting, and of a large polygon most do
        inside = ~flat & shapely.contains_properly(some[one], tiles[tile])
        common[inside] = size[tile[inside]]
        cut = ~flat & ~inside
        common[cut] = shapely.area(shapely.intersection(some[one[cut]], tiles[tile[cut]]))
        held = np.where(flat, 1.0, common / np.where(flat, 1.0, area[one]))
        # only the border is shared: nothing of it is to be seen there
        real = flat | (common > 0)
        columns.append((one[real] + start, tile[real], held[real], common[real] / size[tile[real]]))
    joined = [np.concatenate(column) for column in zip(*columns, strict=True)] if columns else [np.empty(0)] * 4
    return _Pieces(joined[0].astype(np.int64), joined[1].astype(np.int64), joined[2], joined[3])


def _covered(found: _Pieces, shapes: npt.NDArray[np.object_], tiles: npt.NDArray[np.object_], share: float) -> Bools:
    """Tiles of which the objects cover so much together, bool [n]."""
    together = np.bincount(found.tile, found.cover, minlength=len(tiles))
    largest = np.zeros(len(tiles))
    np.maximum.at(largest, found.tile, found.cover)
    covered = largest >= share - _SAME
    # several objects reach it together: only then may it matter that they overlap
    doubtful = np.flatnonzero((together >= share - _SAME) & ~covered)
    if len(doubtful):
        order = np.argsort(found.tile, kind="stable")
        starts = np.searchsorted(found.tile[order], doubtful)
        ends = np.searchsorted(found.tile[order], doubtful, side="right")
        for tile, start, end in zip(doubtful.tolist(), starts.tolist(), ends.tolist(), strict=True):
            whole = shapely.intersection(shapely.union_all(shapes[found.object[order[start:end]]]), tiles[tile])
            covered[tile] = shapely.area(whole) >= (share - _SAME) * shapely.area(tiles[tile])
    return np.asarray(covered)
