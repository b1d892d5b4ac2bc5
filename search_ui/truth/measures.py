"""How well scores tell tiles where something is to be seen from tiles where it is not, each number with its interval.

All are of tiles whose truth is known. What orders them is the cosine, as in an answer; what says how likely it is, is
the relevance. Beside each number stands what one reaches who knows nothing, and the most that anybody could.

    average precision   area under the steps of precision over recall
    ROC AUC             the chance that a positive tile is scored above a negative one
    precision@k         share of the k best that is positive; tiles of equal score share their places
    F1                  2 · precision · recall ÷ (precision + recall), by tiles; by objects recall is the share of
                        objects with a tile above the threshold, while precision is still that of tiles
    Brier score         mean of (relevance − 1 or 0)²
    ECE                 expected calibration error: the mean of |relevance − share of positives| over ten bins of
                        relevance, each as heavy as its tiles are many

Intervals are of 95 %, by bootstrap over blocks of ground; those of average precision and ROC AUC to first order
(`trainer.measures.metrics.linear_bootstrap`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from search_ui.labels.blocks import Folds
from search_ui.search.relevance.calibration import POSSIBLE, STRONG, WEAK
from trainer.measures.metrics import Estimate, auroc, average_precision, group_counts, linear_bootstrap

KS = (9, 50, 100)
BINS = 10
WORDS = {"strong": STRONG, "possible": POSSIBLE, "weak": WEAK}

_DIGITS = 4
_DEEPEST = 50  # times k: so far down the order the k best of a draw are sought

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class KnownTiles:
    """n tiles whose truth is known, and m objects that may be found by them.

    Attributes:
        yes: It is to be seen there, bool [n]; at least one is, and one is not.
        cosine: float64 [n].
        relevance: 0..1, float64 [n].
        block: The block of each tile, [n].
        of_object: The object of each pair of object and tile, 0 … m − 1, each at least once, [p].
        of_tile: The tile of it, 0 … n − 1, [p].
        folds: Tiles that are held out in turn; None: they lie too close together.
    """

    yes: Bools
    cosine: Floats
    relevance: Floats
    block: Ints
    of_object: Ints
    of_tile: Ints
    folds: Folds | None

    @property
    def objects(self) -> int:
        """How many objects there are."""
        return int(self.of_object.max(initial=-1)) + 1


@dataclass(frozen=True)
class Measured:
    """One number.

    Attributes:
        name: Such as ``roc_auc``, in the words of `search_ui.truth.report.NAMES`.
        estimate: The number and its interval.
        knows_nothing: What one reaches who knows no more than how many tiles are positive; None: there is no such.
        best: The best that there can be here.
    """

    name: str
    estimate: Estimate
    knows_nothing: float | None
    best: float | None

    def as_dict(self) -> dict[str, Any]:
        """Say it in JSON types."""
        return estimate_as_dict(self.estimate) | {"knows_nothing": _said(self.knows_nothing), "best": _said(self.best)}


@dataclass(frozen=True)
class Operating:
    """What comes of calling every tile yes that reaches a threshold.

    Attributes:
        name: How the threshold is chosen.
        of: What must reach it, `relevance` or `cosine`.
        threshold: The least; NaN: another in every fold.
        tiles: How many tiles reach it.
        rates: precision, recall, f1, object_recall and object_f1 with their intervals.
        above: Which tiles reach it, bool [n].
    """

    name: str
    of: str
    threshold: float
    tiles: int
    rates: dict[str, Estimate]
    above: Bools

    def as_dict(self) -> dict[str, Any]:
        """Say it in JSON types."""
        told = {"name": self.name, "of": self.of, "threshold": _said(self.threshold), "tiles": self.tiles}
        return told | {name: estimate_as_dict(estimate) for name, estimate in self.rates.items()}


@dataclass(frozen=True)
class Bin:
    """Tiles of about the same relevance.

    Attributes:
        low: From here.
        high: To here.
        tiles: How many there are.
        relevance: Their mean.
        share: The share of positives with its interval.
    """

    low: float
    high: float
    tiles: int
    relevance: float
    share: Estimate

    def as_dict(self) -> dict[str, Any]:
        """Say it in JSON types."""
        told = {"low": _said(self.low), "high": _said(self.high), "tiles": self.tiles}
        return told | {"relevance": _said(self.relevance), "positive": estimate_as_dict(self.share)}


@dataclass(frozen=True)
class Measures:
    """All numbers of one class."""

    numbers: tuple[Measured, ...]
    operating: tuple[Operating, ...]
    bins: tuple[Bin, ...]

    def number(self, name: str) -> Measured:
        """The number of a name."""
        return next(one for one in self.numbers if one.name == name)

    def as_dict(self) -> dict[str, Any]:
        """Say them in JSON types."""
        return {
            "measures": {one.name: one.as_dict() for one in self.numbers},
            "thresholds": [one.as_dict() for one in self.operating],
            "reliability": [one.as_dict() for one in self.bins],
        }


class Bootstrap:
    """Sums over tiles, as they are and in draws of whole blocks.

    Args:
        block: The block of each tile, 0, 1, …, [n].
        draws: How many.
        seed: Same seed, same draws.
    """

    def __init__(self, block: Ints, *, draws: int, seed: int) -> None:
        self.block = block
        self.counts = group_counts(int(block.max()) + 1, draws=draws, seed=seed)  # [draws, blocks]

    def sums(self, values: npt.ArrayLike) -> Floats:
        """The sum of values of tiles, [1 + draws]."""
        of_block = np.bincount(self.block, np.asarray(values, np.float64), minlength=self.counts.shape[1])
        return np.append(of_block.sum(), self.counts @ of_block)

    def mean(self, values: npt.ArrayLike, among: Bools | None = None) -> Floats:
        """The mean of values of tiles, of all or of some; [1 + draws], NaN where there is no tile."""
        some = np.ones(len(self.block)) if among is None else among.astype(float)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.sums(some * np.asarray(values, np.float64)) / self.sums(some))


def measure(sample: KnownTiles, *, draws: int, seed: int) -> Measures:
    """Measure everything.

    Args:
        sample: The tiles and objects.
        draws: Of the bootstrap.
        seed: Same seed, same intervals.
    """
    boot = Bootstrap(sample.block, draws=draws, seed=seed)
    operating = tuple(_operating(sample, boot))
    best = next((one for one in operating if one.name == BEST), None)
    share, one = float(sample.yes.mean()), 1.0
    guess = 2 * share / (1 + share)  # of who calls every tile yes
    numbers = [
        Measured("average_precision", _linear(average_precision, sample, boot), share, one),
        Measured("roc_auc", _linear(auroc, sample, boot), 0.5, one),
    ]
    numbers += [
        Measured(f"precision@{k}", Estimate.of(_precision_at(sample, boot, k)), share, min(one, sample.yes.sum() / k))
        for k in KS
        if k <= len(sample.yes)
    ]
    if best is not None:
        numbers.append(Measured("f1_best", best.rates["f1"], guess, one))
        if sample.objects:
            numbers.append(Measured("object_f1_best", best.rates["object_f1"], guess, one))
    square = (sample.relevance - sample.yes) ** 2
    numbers.append(Measured("brier", Estimate.of(boot.mean(square)), share * (1 - share), 0.0))
    numbers.append(
        Measured("ece", Estimate.of(expected_calibration_error(sample.relevance, sample.yes, boot)), 0.0, 0.0)
    )
    return Measures(tuple(numbers), operating, tuple(_bins(sample, boot)))


BEST, HELD_OUT = "best threshold", "threshold of other blocks"


def expected_calibration_error(relevance: Floats, yes: Bools, boot: Bootstrap) -> Floats:
    """Mean over bins, by their tiles, of |mean relevance − share of positives|, [1 + draws]."""
    gap = np.zeros(boot.counts.shape[0] + 1)
    for rows in (np.asarray(number == _bin_of(relevance)) for number in range(BINS)):
        if rows.any():
            gap = gap + np.abs(boot.sums(rows * (relevance - yes)))
    return np.asarray(gap / boot.sums(np.ones(len(yes))))


def estimate_as_dict(estimate: Estimate) -> dict[str, Any]:
    """A number and its interval in JSON types; null where it is not defined."""
    return {"value": _said(estimate.value), "low": _said(estimate.low), "high": _said(estimate.high)}


def _said(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), _DIGITS)


def _linear(statistic: Any, sample: KnownTiles, boot: Bootstrap) -> Estimate:
    return Estimate.of(linear_bootstrap([statistic(sample.cosine, sample.yes)], [sample.block], boot.counts))


def _precision_at(sample: KnownTiles, boot: Bootstrap, k: int) -> Floats:
    """Share of positives among the k best, [1 + draws]; of equal scores all count by their mean."""
    order = np.argsort(-sample.cosine, kind="stable")
    _, run = np.unique(-sample.cosine[order], return_inverse=True)
    share = (np.bincount(run, sample.yes[order]) / np.bincount(run))[run]
    deep = _DEEPEST * k  # a draw may lack the blocks of the first
    order, share = order[:deep], share[:deep]
    found = np.empty(len(boot.counts) + 1)
    found[0] = share[:k].mean()
    for draw, counts in enumerate(boot.counts, start=1):
        weight = counts[sample.block[order]]
        taken = np.clip(k - (np.cumsum(weight) - weight), 0, weight)
        found[draw] = (taken @ share) / taken.sum() if taken.any() else np.nan
    return found


def _operating(sample: KnownTiles, boot: Bootstrap) -> Iterator[Operating]:
    for name, least in WORDS.items():
        yield _at(sample, boot, name, "relevance", least, sample.relevance >= least)
    least = best_threshold(sample.yes, sample.cosine)
    yield _at(sample, boot, BEST, "cosine", least, sample.cosine >= least)
    if sample.folds is not None:
        above = np.zeros(len(sample.yes), np.bool_)
        for learnt, held in sample.folds.splits:
            above[held] = sample.cosine[held] >= best_threshold(sample.yes[learnt], sample.cosine[learnt])
        yield _at(sample, boot, HELD_OUT, "cosine", float("nan"), above)


def best_threshold(yes: Bools, score: Floats) -> float:
    """The threshold of the highest F1 by tiles."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, thresholds = precision_recall_curve(yes, score)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return float(thresholds[int(f1[:-1].argmax())])


def _at(sample: KnownTiles, boot: Bootstrap, name: str, of: str, threshold: float, above: Bools) -> Operating:
    hits, called, there = (boot.sums(rows) for rows in (above & sample.yes, above, sample.yes))
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = {"precision": hits / called, "recall": hits / there, "f1": 2 * hits / (called + there)}
        if sample.objects:
            found, home = _found(sample, above)
            # an object belongs to the block of its first tile, so that whole blocks are drawn of objects too
            of_block = (np.bincount(sample.block[home], weights, minlength=boot.counts.shape[1]) for weights in
                        (found.astype(float), np.ones(len(found))))  # fmt: skip
            some, all_ = (np.append(sums.sum(), boot.counts @ sums) for sums in of_block)
            recall, precision = some / all_, np.nan_to_num(rates["precision"])
            rates |= {"object_recall": recall}
            rates |= {"object_f1": np.nan_to_num(2 * precision * recall / (precision + recall))}
    return Operating(name, of, threshold, int(above.sum()), {n: Estimate.of(v) for n, v in rates.items()}, above)


def _found(sample: KnownTiles, above: Bools) -> tuple[Bools, Ints]:
    """Which objects have a tile above, bool [m], and the first tile of each, [m]."""
    found = np.zeros(sample.objects, np.bool_)
    found[sample.of_object[above[sample.of_tile]]] = True
    home = np.zeros(sample.objects, np.int64)
    home[sample.of_object[::-1]] = sample.of_tile[::-1]
    return found, home


def _bins(sample: KnownTiles, boot: Bootstrap) -> Iterator[Bin]:
    number = _bin_of(sample.relevance)
    for one in range(BINS):
        rows = np.asarray(number == one)
        if rows.any():
            share = Estimate.of(boot.mean(sample.yes, rows))
            mean = float(sample.relevance[rows].mean())
            yield Bin(one / BINS, (one + 1) / BINS, int(rows.sum()), mean, share)


def _bin_of(relevance: Floats) -> Ints:
    return np.minimum((relevance * BINS).astype(np.int64), BINS - 1)
