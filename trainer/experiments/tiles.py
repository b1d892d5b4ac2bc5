"""Tiles with known truth: their scores for texts and moments, where they lie, and how maps of them are cut up.

Areas are groups of tiles with a degree or more of nothing between them: islands, say. Positions within an area are
metres east and north of its middle. Nothing here draws.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from trainer.earth import EQUATOR_DEGREE_M
from trainer.embedder import Embedder
from trainer.errors import UsageError
from trainer.measures import metrics
from trainer.measures.maps import Truth
from trainer.measures.metrics import Floats, Ints, Vectors
from trainer.shards.tars import Shards


@dataclass(frozen=True)
class Tiles:
    """n tiles, what is true there, and what the model makes of them.

    Attributes:
        shards: The shards that hold their pictures; row i of all columns is sample i.
        truth: What is to be seen in them.
        embedder: The model, for texts and for E.
        vectors: O, float32 [n, d].
        clip: What the frozen tower of photos makes of them, float32 [n, d].
    """

    shards: Shards
    truth: Truth
    embedder: Embedder
    vectors: Vectors
    clip: Vectors

    def __len__(self) -> int:
        """How many tiles there are."""
        return len(self.vectors)

    @property
    def lat(self) -> Floats:
        """Degrees north, [n]."""
        return np.asarray(self.shards.lat, np.float64)

    @property
    def lon(self) -> Floats:
        """Degrees east, [n]."""
        return np.asarray(self.shards.lon, np.float64)

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of texts, float32 [t, d]."""
        return metrics.unit(self.embedder.embed_texts(list(texts)))

    def scores(self, texts: Vectors, when: datetime | None = None, *, clip: bool = False) -> Floats:
        """Cosines, [n, t]: of S = O, of S at a moment, or of what CLIP makes of the tiles.

        A model that knows no time answers alike at all moments.
        """
        s = self.clip if clip else self.vectors
        if when is not None and self.embedder.has_encoder and not clip:
            s = self.embedder.at(s, lat=self.lat, lon=self.lon, when=when)
        return np.asarray(metrics.unit(s) @ texts.T, np.float64)

    def probability(self, concept: str, when: datetime | None = None) -> Floats:
        """That one sees a concept there, [n]; without a moment: whenever it is likeliest.

        Raises:
            UsageError: The truth does not say.
        """
        return column(self.truth, self.shards.keys, concept, when)

    @cached_property
    def area(self) -> Ints:
        """Number of each tile's area, 0, 1, … from the largest, [n]."""
        # a cell a degree: neighbours, corners too, are one area; islands an empty cell apart are not
        grid = np.zeros((182, 361), bool)
        row, col = np.floor(self.lat).astype(int) + 91, np.floor(self.lon).astype(int) + 180
        grid[row, col] = True
        label = ndimage.label(grid, np.ones((3, 3)))[0][row, col]
        # `label` numbers them as it meets them; rank by size, for the largest comes first
        numbers, counts = np.unique(label, return_counts=True)
        rank: Ints = np.empty(int(numbers.max()) + 1, np.int64)
        rank[numbers[np.argsort(-counts, kind="stable")]] = np.arange(len(numbers))
        return np.asarray(rank[label], np.int64)

    @cached_property
    def position_m(self) -> Floats:
        """Metres east and north of the middle of the tile's area, [n, 2]."""
        found = np.empty((len(self), 2))
        for number in np.unique(self.area):
            here = self.area == number
            # a plane around the area's middle: an area is a few degrees at most, and squares are kilometres
            lat, lon = self.lat[here], self.lon[here]
            found[here, 1] = (lat - lat.mean()) * EQUATOR_DEGREE_M
            found[here, 0] = (lon - lon.mean()) * EQUATOR_DEGREE_M * np.cos(np.radians(lat.mean()))
        return found

    @cached_property
    def step_m(self) -> float:
        """How far apart rows of tiles are, metres."""
        # rows of tiles have one latitude each; less than a metre is rounding, and the median ignores gaps between areas
        rows = np.unique(np.round(self.lat, 7))
        steps = np.diff(rows) * EQUATOR_DEGREE_M
        return float(np.median(steps[steps > 1])) if (steps > 1).any() else 480.0

    def squares(self, side_m: float) -> Ints:
        """Number of the square of this side that each tile lies in, counted within its area, [n]."""
        east, north = np.floor(self.position_m / side_m).astype(np.int64).T
        # the area is in the key: squares of two areas may have the same numbers
        return np.unique(np.stack([self.area, north, east]), axis=1, return_inverse=True)[1].ravel()


def column(truth: Truth, keys: npt.NDArray[np.str_], concept: str, when: datetime | None = None) -> Floats:
    """The probability of a concept at a moment for each key, [n].

    Raises:
        UsageError: The truth does not say it of all of them.
    """
    moment = np.datetime64("NaT") if when is None else np.datetime64(when, "s")
    # none where the truth does not know the concept: then no key is found, which is the error below
    numbers = np.flatnonzero(truth.concepts == concept)
    same = np.isnat(truth.when) if when is None else truth.when == moment
    rows = np.flatnonzero(same & np.isin(truth.concept, numbers))
    known: Mapping[str, float] = dict(
        zip(truth.tile_ids[truth.tile[rows]].tolist(), truth.probability[rows].tolist(), strict=True)
    )
    try:
        return np.array([known[key] for key in keys.tolist()])
    except KeyError as error:
        at = "whenever it is likeliest" if when is None else f"at {when:%Y-%m-%dT%H:%M}"
        raise UsageError(
            f"the truth does not say whether {concept!r} is seen {at} in tile {error.args[0]}: add it, or change the "
            "questions"
        ) from None


def means(values: npt.ArrayLike, group: Ints) -> Floats:
    """The mean of values in each group, in the order of their numbers, [groups]."""
    found: Floats = np.bincount(group, np.asarray(values, np.float64)) / np.bincount(group)
    return found
