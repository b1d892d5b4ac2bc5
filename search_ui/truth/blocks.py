"""Blocks of ground that bootstrap draws are made of: neighbouring tiles look alike, and are no independent evidence.

Blocks are the cells of a grid over the Earth, as large as leaves enough of them (block bootstrap; H. R. Künsch, *The
jackknife and the bootstrap for general stationary observations*, Annals of Statistics 17, 1989), and of a single tile
only where larger ones would be too few to be drawn from at all. What is alike across more ground than a block makes
intervals too narrow all the same.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from search_ui.labels.blocks import blocks_of

ENOUGH = 20
"""Blocks that positives, and that negatives, should lie in; fewer make an interval doubtful."""

LEAST = 5
"""So many are drawn from rather than single tiles, which are no blocks at all."""

_MOST = 20_000  # blocks: each draw counts all of them

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class BootstrapBlocks:
    """Blocks of n tiles.

    Attributes:
        number: The block of each tile, 0, 1, …, [n].
        side_m: Metres.
        count: How many blocks there are.
        with_yes: In how many of them something is to be seen.
        with_no: In how many of them a tile is without.
        single: Each is one tile, so that neighbours count as independent.
    """

    number: Ints
    side_m: float
    count: int
    with_yes: int
    with_no: int
    single: bool

    @property
    def few(self) -> bool:
        """Whether intervals made of them are doubtful."""
        return min(self.with_yes, self.with_no) < ENOUGH


def bootstrap_blocks(
    yes: Bools, *, lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64], size_m: float
) -> BootstrapBlocks:
    """The largest blocks of which `ENOUGH` hold a positive and `ENOUGH` a negative, else the smallest of several tiles.

    Where these leave fewer than `LEAST` of either, they are single tiles.

    Args:
        yes: Whether it is to be seen in each tile, bool [n], n at least 1.
        lat: Middles, degrees [n].
        lon: Middles, degrees [n].
        size_m: Side of a tile, metres.
    """
    best: BootstrapBlocks | None = None
    for tiles, side_m, block in blocks_of(lat=lat, lon=lon, size_m=size_m):
        _, number = np.unique(block, return_inverse=True)
        number = number.ravel().astype(np.int64)
        count = int(number.max()) + 1
        if best is not None and (count > _MOST or not best.few):
            break
        if tiles == 1 and best is not None and min(best.with_yes, best.with_no) >= LEAST:
            break
        with_yes, with_no = (len(np.unique(number[side])) for side in (yes, ~yes))
        best = BootstrapBlocks(number, side_m, count, with_yes, with_no, single=tiles == 1)
    assert best is not None  # noqa: S101 - the largest is always taken
    return best
