"""Relevance: about how likely it is that what a text asks for is really to be seen in a tile, 0..1.

A cosine means nothing to a person: its level comes from the model, the text and the collection. Two numbers without
unit are made of it:

    place     cos(O, q) against all tiles of the collection, in standard deviations of the same text;
    neutral   cos(S, q) minus the mean cosine of a bank of neutral prompts *with the same tile*, minus the usual level
              of that difference, all divided by how far the neutral prompts themselves reach (`Usual.reach`).

and of the two, by logistic regression on the sandbox planet, whose truth is known, a probability. Shift or scale all
cosines of a model and nothing changes; where a text reaches no higher than neutral ones, as with random weights,
little is `strong`. The mean over the bank is the cosine with one vector, so the bank costs one more product,
and that only for the tiles it can still lift. How good it is, and its limits: docs/relevance.md.

It does not know texts, models or collections by name. It was measured with texts; what is asked by a picture gets a
number that orders the tiles and means less.
"""

import threading
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from trainer.encoding import When
from trainer.neutral_prompts import BANK

__all__ = ["BANK", "POSSIBLE", "STRONG", "WEAK", "Calibration", "Grade", "Usual", "chance", "grade"]

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Grade = Literal["strong", "possible", "weak", "nothing"]

STRONG, POSSIBLE, WEAK = 0.5, 0.25, 0.1  # from which relevance on

PLACE, NEUTRAL, BIAS = 0.43, 2.05, -5.40
"""The logistic regression; `python -m benchmarks.relevance` fits them and prints them."""

FURTHEST = 2.5
"""Of the second number: beyond it a text is easy for the model, not likelier to be true."""

SAMPLE = 6_000  # tiles, or tiles at moments, that tell what is usual
_MOMENTS = 24
_REACH = 0.999  # quantile
_MARGIN = 3.0  # standard deviations of the neutral prompts' mean: tiles that need more than that to matter are left
_LEAST = 1e-6  # a spread below it is rounding, not a spread
_SEED = 0


class CalibrationTiles(Protocol):
    """What a calibration needs of a field, or of a sample that stands for it."""

    @property
    def n(self) -> int:
        """How many tiles there are."""

    def predicted(self, rows: Rows, *, when: When) -> Floats:
        """See `ingest.field.scorer.ExactScorer.predicted`."""


class RelevanceColumns(Protocol):
    """What relevance needs of a field, or of a few of its rows."""

    def cosines(self, query: Floats, *, when: When = None, rows: Rows | None = None) -> Floats:
        """See `ingest.field.scorer.ExactScorer.cosines`."""


@dataclass(frozen=True)
class Usual:
    """How the unit vectors of a collection lie, at one kind of moment.

    Attributes:
        mean: float32 [d].
        covariance: float32 [d, d].
        reach: By how much a neutral prompt at its best (the 0.999 quantile) exceeds the bank's mean, beyond its own
            usual excess; the median over the bank, in cosine.
    """

    mean: Floats
    covariance: Floats
    reach: float

    def level(self, query: Floats) -> tuple[float, float]:
        """Mean and standard deviation of the cosine with a vector [d] of any length."""
        # var(q·s) = qᵀ C q: the spread of any text from one matrix, without another pass over the tiles
        variance = float(query @ self.covariance @ query)
        return float(self.mean @ query), max(variance, 0.0) ** 0.5  # below 0 by rounding alone


@dataclass
class Calibration:
    """What is usual in a collection; made once, used for every query. May be used from several threads.

    Attributes:
        bank: Unit vectors of the neutral prompts, float32 [b, d].
        neutral: Their mean, which is shorter than 1, [d].
    """

    bank: Floats
    neutral: Floats
    _tiles: CalibrationTiles
    _usual: dict[str, Usual] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, tiles: CalibrationTiles, bank: Floats) -> "Calibration":
        """Calibrate a collection.

        Args:
            tiles: The collection's field, or a sample of it; what is usual there is read when it is first needed.
            bank: The neutral prompts as the collection's model embeds them, float32 [b, d], of any length.
        """
        unit = (bank / np.maximum(np.linalg.norm(bank, axis=1, keepdims=True), _LEAST)).astype(np.float32)
        return cls(unit, unit.mean(axis=0), tiles)

    def relevance(
        self, columns: RelevanceColumns, query: Floats, cosine: Floats, *, when: When = None, rows: Rows | None = None
    ) -> Floats:
        """Relevance of rows, float32 [m], 0..1; 0 where there is no cosine.

        Args:
            columns: The field, or other columns of its collection.
            query: Unit vector, float32 [d].
            cosine: Of each of those rows with the query at the moment, [m].
            when: The moment of `cosine`; None: any time.
            rows: Which rows of `columns`; None: all.
        """
        if not len(cosine):
            return np.empty(0, np.float32)
        evidence = self._without_bank(columns, query, cosine, when, rows)
        usual = self.usual(when)
        level, spread = usual.level(self.neutral)
        margin = _over(_MARGIN * spread, usual.reach)
        # the rest stays `nothing` even if the bank scored `_MARGIN` deviations too low there: no product for them
        near = np.flatnonzero(chance(evidence + np.array([0, margin])) >= WEAK)
        if len(near):
            away = self._neutral(columns, when, near if rows is None else rows[near]) - level
            evidence[near, 1] -= _over(away, usual.reach)
        return np.where(np.isfinite(cosine), chance(evidence), np.float32(0))

    def evidence(
        self, columns: RelevanceColumns, query: Floats, cosine: Floats, *, when: When = None, rows: Rows | None = None
    ) -> Floats:
        """The two numbers of the module's description for each row, float32 [m, 2]; arguments as for `relevance`."""
        evidence = self._without_bank(columns, query, cosine, when, rows)
        usual = self.usual(when)
        away = self._neutral(columns, when, rows) - usual.level(self.neutral)[0]
        evidence[:, 1] -= _over(away, usual.reach)
        return np.minimum(evidence, [np.inf, FURTHEST], dtype=np.float32)

    def usual(self, when: When) -> Usual:
        """What is usual at moments of this kind: with date and hour, with date only, with hour only, or none."""
        kind = type(when).__name__
        # held while it is made: two threads would draw and multiply the same sample
        with self._lock:
            if kind not in self._usual:
                self._usual[kind] = _usual(_sample(self._tiles, when), self.bank)
            return self._usual[kind]

    def _without_bank(
        self, columns: RelevanceColumns, query: Floats, cosine: Floats, when: When, rows: Rows | None
    ) -> Floats:
        """The evidence of each row if the neutral prompts scored there what they score on the whole, [m, 2]."""
        # whether it is a place for it at all is asked without the moment
        place = cosine if when is None else columns.cosines(query, rows=rows)
        level, spread = self.usual(None).level(query)
        usual = self.usual(when)
        away = cosine - usual.level(query)[0]
        evidence = np.stack([_over(place - level, spread), _over(away, usual.reach)], axis=1)
        return np.nan_to_num(evidence).astype(np.float32)

    def _neutral(self, columns: RelevanceColumns, when: When, rows: Rows | None) -> Floats:
        """The mean of the bank's cosines with each row."""
        length = float(np.linalg.norm(self.neutral))
        return np.float32(length) * columns.cosines(self.neutral, when=when, rows=rows)


def chance(evidence: npt.NDArray[np.floating]) -> Floats:
    """The probability that two numbers a row, [m, 2], speak for, float32 [m]."""
    score = PLACE * evidence[:, 0] + NEUTRAL * np.minimum(evidence[:, 1], FURTHEST) + BIAS
    probability: Floats = (1 / (1 + np.exp(-np.clip(score, -30, 30)))).astype(np.float32)
    return probability


def grade(value: float) -> Grade:
    """A relevance in a word."""
    if value >= STRONG:
        return "strong"
    if value >= POSSIBLE:
        return "possible"
    return "weak" if value >= WEAK else "nothing"


def _over(value: Floats | float, spread: float) -> Floats:
    """A value in units of a spread; 0 where there is none."""
    return np.asarray(value, np.float32) / np.float32(spread if spread > _LEAST else np.inf)


def _sample(tiles: CalibrationTiles, when: When) -> Floats:
    """Unit vectors of tiles at moments of the kind of `when`, all over the year and the day, float32 [s, d]."""
    random = np.random.default_rng(_SEED)
    moments: list[When] = [None] if when is None else [_moment(i, when) for i in range(_MOMENTS)]
    each = min(tiles.n, SAMPLE // len(moments))
    drawn = [tiles.predicted(np.sort(random.choice(tiles.n, each, replace=False)), when=moment) for moment in moments]
    vectors = np.concatenate(drawn)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    some: Floats = (vectors / np.maximum(norms, _LEAST))[norms[:, 0] > _LEAST]
    return some


def _moment(number: int, like: When) -> When:
    """The middle of each month at two hours, so that the hours of the day come once each."""
    moment = datetime(2025, number // 2 + 1, 15, number * 7 % 24)  # 7 and 24 share no factor
    if isinstance(like, time):
        return moment.time()
    return moment if isinstance(like, datetime) or not isinstance(like, date) else moment.date()


def _usual(vectors: Floats, bank: Floats) -> Usual:
    """Of unit vectors [s, d]."""
    if not len(vectors):
        dim = bank.shape[1]
        return Usual(np.zeros(dim, np.float32), np.zeros((dim, dim), np.float32), 0.0)  # no spread: `_over` gives 0
    mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = vectors - mean
    excess = centred @ (bank - bank.mean(axis=0)).T  # [s, b]
    # the quantile of each prompt; of these the median, which one prompt that truly fits here does not move
    place = min(len(excess) - 1, int(_REACH * len(excess)))
    reach = np.partition(excess, place, axis=0)[place]
    return Usual(mean, centred.T @ centred / len(centred), float(np.median(reach)))
