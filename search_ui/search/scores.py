"""Scores of every tile of an area as columns: at one moment, or at many.

Nothing here computes a score; the engine does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainer.encoding import When

Degrees = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Scores:
    """n tiles at one moment.

    Attributes:
        tile_id: Ids of the tiles in their grid, [n].
        lat: Centres, degrees north, [n].
        lon: Centres, degrees east, [n].
        size_m: Sides, metres, [n].
        cosine: float32 [n].
        relevance: Chance that one would see it there, float32 [n], 0..1; NaN: it cannot be told, for the model is not
            here.
        when: The moment; None: any time.
        note: What a person should read beside them.
    """

    tile_id: Sequence[str]
    lat: Degrees
    lon: Degrees
    size_m: Floats
    cosine: Floats
    relevance: Floats
    when: When
    note: str | None = None

    @property
    def rated(self) -> bool:
        """Whether there is a relevance, of all tiles or none."""
        return not len(self.relevance) or not bool(np.isnan(self.relevance[0]))

    @property
    def nbytes(self) -> int:
        """Memory, about: places and sizes as they come out of a filter, and the number of each row."""
        return len(self.cosine) * (8 + 8 + 8 + 4 + 4 + 4)


@dataclass(frozen=True)
class Frames:
    """n tiles at T moments.

    Attributes:
        tile_id: Ids of the tiles in their grid, [n].
        lat: Centres, degrees north, [n].
        lon: Centres, degrees east, [n].
        size_m: Sides, metres, [n].
        whens: The moments, T of them.
        cosine: float32 [T, n].
        note: What a person should read beside them.
    """

    tile_id: Sequence[str]
    lat: Degrees
    lon: Degrees
    size_m: Floats
    whens: tuple[When, ...]
    cosine: Floats
    note: str | None = None
