"""What is usual in a collection: how its tiles' unit vectors lie at moments of a kind, how far neutral prompts reach.

It does not know what is asked.
"""

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Protocol

import numpy as np
import numpy.typing as npt

from trainer.encoding import MONTH_DAY, When

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

SAMPLE = 6_000  # tiles, or tiles at moments, that tell what is usual
LEAST = 1e-6  # a spread below it is rounding, not a spread
_MOMENTS = 24
_REACH = 0.999  # quantile
_SEED = 0


class CalibrationTiles(Protocol):
    """What a calibration needs of a field, or of a sample that stands for it."""

    @property
    def n(self) -> int:
        """How many tiles there are."""

    def predicted(self, rows: Rows, *, when: When) -> Floats:
        """See `ingest.field.scorer.ExactScorer.predicted`."""


@dataclass(frozen=True)
class Usual:
    """How the unit vectors of a collection lie, at one kind of moment.

    Attributes:
        mean: float32 [d].
        covariance: float32 [d, d].
        among: The same among the tiles of one moment, the mean over the moments, float32 [d, d].
        reach: By how much a neutral prompt at its best (the 0.999 quantile) exceeds the bank's mean, beyond its own
            usual excess; the median over the bank, in cosine.
    """

    mean: Floats
    covariance: Floats
    among: Floats
    reach: float

    def level(self, query: Floats) -> tuple[float, float]:
        """Mean and standard deviation of the cosine with a vector [d] of any length."""
        return float(self.mean @ query), _deviation(self.covariance, query)

    def spread(self, query: Floats) -> float:
        """Standard deviation of the cosine with a vector [d] of any length among the tiles of one moment.

        What a moment changes for all of them alike plays no part in which of them is first.
        """
        return _deviation(self.among, query)


def usual_at(tiles: CalibrationTiles, when: When, bank: Floats) -> Usual:
    """What is usual at moments of the kind of `when`, all over the year and the day.

    Args:
        tiles: Of the collection.
        when: A date and an hour, one of them, or none: which of them does not matter.
        bank: Unit vectors of the neutral prompts, float32 [b, d].
    """
    return _usual(_sample(tiles, when), bank)


def _deviation(covariance: Floats, query: Floats) -> float:
    # var(q·s) = qᵀ C q: the spread of any text from one matrix, without another pass over the tiles
    variance = float(query @ covariance @ query)
    return float(np.sqrt(max(variance, 0.0)))  # below 0 by rounding alone


def _sample(tiles: CalibrationTiles, when: When) -> list[Floats]:
    """Unit vectors of tiles at each of some moments of the kind of `when`, all over the year and the day, [s, d]."""
    random = np.random.default_rng(_SEED)
    moments: list[When] = [None] if when is None else [_moment(i, when) for i in range(_MOMENTS)]
    each = min(tiles.n, SAMPLE // len(moments))
    return [
        _unit(tiles.predicted(np.sort(random.choice(tiles.n, each, replace=False)), when=moment)) for moment in moments
    ]


def _unit(vectors: Floats) -> Floats:
    """At length 1, without those that have no direction."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    some: Floats = (vectors / np.maximum(norms, LEAST))[norms[:, 0] > LEAST]
    return some


def _moment(number: int, like: When) -> When:
    """The middle of each month at two hours, so that the hours of the day come once each."""
    moment = datetime(2025, number // 2 + 1, MONTH_DAY, number * 7 % 24)  # 7 and 24 share no factor
    if isinstance(like, time):
        return moment.time()
    return moment if isinstance(like, datetime) or not isinstance(like, date) else moment.date()


def _usual(moments: list[Floats], bank: Floats) -> Usual:
    """Of unit vectors [s, d] at each moment."""
    vectors = np.concatenate(moments)
    if not len(vectors):
        none = np.zeros((bank.shape[1], bank.shape[1]), np.float32)
        return Usual(none[0], none, none, 0.0)  # no spread: every excess is 0
    centred, mean = _centred(vectors)
    within = np.concatenate([_centred(some)[0] for some in moments if len(some)])
    excess = centred @ (bank - bank.mean(axis=0)).T  # [s, b]
    # the quantile of each prompt; of these the median, which one prompt that truly fits here does not move
    place = min(len(excess) - 1, int(_REACH * len(excess)))
    reach = np.partition(excess, place, axis=0)[place]
    covariance = (centred.T @ centred / len(centred)).astype(np.float32)
    among = (within.T @ within / len(within)).astype(np.float32)
    return Usual(mean, covariance, among, float(np.median(reach)))


def _centred(vectors: Floats) -> tuple[Floats, Floats]:
    """Vectors [s, d] less their mean, and the mean."""
    mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    return vectors - mean, mean
