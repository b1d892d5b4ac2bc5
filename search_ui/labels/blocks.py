"""Blocks of ground that are held out together, so that no label is judged by its neighbours.

Places near each other look alike, so labels held out one by one would flatter a classifier. Blocks are the cells of a
grid over the Earth (`ingest.geo.grid`), as large as leaves yes and no in several of them. Labels on either side of a
border may still be neighbours; larger blocks have fewer of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.geo.grid import MAX_SIZE_M, Grid

MOST_FOLDS = 5
_TILES = (64, 32, 16, 8, 4, 2, 1)  # sides that are tried, in tiles
CLOSE = 4
"""Blocks of fewer tiles along a side do not keep neighbours apart."""

Bools = npt.NDArray[np.bool_]
Split = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


@dataclass(frozen=True)
class Folds:
    """Labels that are held out in turn.

    Attributes:
        splits: Which labels are learnt from and which are held out, once for each fold.
        block_m: Side of the blocks, metres.
        blocks: In how many blocks the labels lie.
        close: Whether blocks are so small that neighbours stand on both sides of many a border.
    """

    splits: tuple[Split, ...]
    block_m: float
    blocks: int
    close: bool


def folds_of(yes: Bools, *, lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64], size_m: float) -> Folds | None:
    """The folds of labels; None where a side lies in fewer than two blocks however small.

    Args:
        yes: The labels, bool [n].
        lat: Centres of their tiles, degrees [n].
        lon: Centres of their tiles, degrees [n].
        size_m: Side of a tile, metres.
    """
    few: Folds | None = None
    for tiles, block_m, block in blocks_of(lat=lat, lon=lon, size_m=size_m):
        count = min(MOST_FOLDS, *(len(np.unique(block[side])) for side in (yes, ~yes)))
        made = _split(yes, block, count) if count > 1 else ()
        if made:
            few = Folds(made, block_m, len(np.unique(block)), tiles < CLOSE)
            if count == MOST_FOLDS:
                return few
    return few


def blocks_of(
    *, lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64], size_m: float
) -> Iterator[tuple[int, float, npt.NDArray[np.int64]]]:
    """Ever smaller blocks: their side in tiles and in metres, and which of them each place lies in, [n].

    Args:
        lat: Degrees [n].
        lon: Degrees [n].
        size_m: Side of a tile, metres.
    """
    for tiles in _TILES:
        side_m = min(tiles * size_m, MAX_SIZE_M)
        rows, columns = Grid(side_m, side_m).cells_at(lat=lat, lon=lon)
        yield tiles, side_m, rows * (int(columns.max(initial=0)) + 1) + columns


def _split(yes: Bools, block: npt.NDArray[np.int64], count: int) -> tuple[Split, ...]:
    """Splits in whole blocks, each with both sides to learn from; () where that cannot be."""
    from sklearn.model_selection import StratifiedGroupKFold

    cut = StratifiedGroupKFold(count, shuffle=True, random_state=0)
    splits = tuple(cut.split(np.zeros(len(yes)), yes, block))
    usable = all(0 < yes[learnt].sum() < len(learnt) and len(held) for learnt, held in splits)
    return splits if usable else ()
