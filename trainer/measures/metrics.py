"""Measures of retrieval and of maps, with bootstrap intervals. NumPy only.

A statistic is computed as an array `[1 + draws]`: first of the sample as it is, then of each bootstrap draw, in which
the rows, or whole groups of them (photos of one place, tiles of one neighbourhood), are drawn with replacement. Two
statistics of the same rows share their draws, so averages and ratios of such arrays have honest intervals too;
`Estimate.of` turns an array into a value with its interval. A gallery is held fixed while its queries are drawn.

Nothing here knows models, files, places or concepts.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from trainer.errors import UsageError

Floats: TypeAlias = npt.NDArray[np.float64]
Vectors: TypeAlias = npt.NDArray[np.float32]
Ints: TypeAlias = npt.NDArray[np.int64]
Weights: TypeAlias = npt.NDArray[np.float64]
Weighted: TypeAlias = Callable[[Weights], Floats]  # weights [b, n] → the statistic of each row of weights, [b]

KS = (1, 5, 10, 50, 100)
DRAWS = 1000
INTERVAL = 0.95
TIE = 1e-6  # cosines of float32 vectors closer than this are equal
_CELLS = 4_000_000  # of weights held at once


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its bootstrap interval of 95 %; all NaN where it is not defined.

    Attributes:
        value: The statistic of the sample as it is.
        low: Lower end of the interval: the 2.5 % quantile of the draws.
        high: Upper end of the interval: the 97.5 % quantile.
    """

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, statistic: Floats) -> "Estimate":
        """From an array [1 + draws]; draws in which it is not defined are left out."""
        # a draw may hold no row of a kind that the statistic needs, such as none of a small group
        draws = statistic[1:][np.isfinite(statistic[1:])]
        if not np.isfinite(statistic[0]) or not len(draws):
            return cls(float(statistic[0]), float("nan"), float("nan"))
        low, high = np.quantile(draws, [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2])
        return cls(float(statistic[0]), float(low), float(high))


@dataclass(frozen=True, slots=True)
class Linear:
    """A statistic and what it would gain, to first order, by having a row once more.

    Attributes:
        value: Of the sample; NaN where it is not defined.
        influence: What the value would gain, to first order, by each row once more, float64 [n].
        limits: The lowest and highest value that the statistic can have.
    """

    value: float
    influence: Floats
    limits: tuple[float, float] = (0.0, 1.0)


def unit(vectors: npt.ArrayLike) -> Vectors:
    """Vectors of length 1, float32 [n, d]; a zero vector stays zero."""
    v = np.asarray(vectors, np.float32)
    length: Vectors = np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), np.float32(1e-12))
    return v / length


def ranks(queries: npt.ArrayLike, gallery: npt.ArrayLike, *, chunk: int = 1024) -> Floats:
    """Rank of each query's own item in the gallery by cosine, 1 is best; equal scores share the middle of their ranks.

    Args:
        queries: [n, d], need not be normalised.
        gallery: [n, d]; item i is the one that query i looks for, all others are wrong.
        chunk: Queries whose scores, [chunk, n], are held at once.

    Returns:
        float64 [n]; a model that gives the same vector for everything gets (n + 1) / 2 everywhere.
    """
    q, g = unit(queries), unit(gallery)
    if q.shape != g.shape:
        raise UsageError(f"queries {list(q.shape)} and gallery {list(g.shape)} differ: row i of both is one pair")
    found = np.empty(len(q))
    for start in range(0, len(q), chunk):
        rows = slice(start, start + chunk)
        scores = q[rows] @ g.T  # [chunk, n]
        own = np.take_along_axis(scores, np.arange(len(q))[rows, None], axis=1)
        better = (scores > own + TIE).sum(axis=1)
        # ties share the middle rank: a model that says the same of everything must not come out first, or last
        equal = (np.abs(scores - own) <= TIE).sum(axis=1)  # itself among them
        found[rows] = better + (equal + 1) / 2
    return found


def weights(n: int, *, groups: npt.ArrayLike | None = None, draws: int = DRAWS, seed: int = 0) -> Iterator[Weights]:
    """How often each of n rows is drawn: first all once, then in each bootstrap draw; yields float64 [b, n].

    Args:
        n: How many rows the sample has.
        groups: Label of each row, [n]; rows of one group are drawn together.
        draws: How many bootstrap draws follow.
        seed: Same seed, same draws.
    """
    yield np.ones((1, n))
    if n == 0:
        yield np.ones((draws, 0))
        return
    # whole groups are drawn: rows of one place are no independent evidence, and by rows intervals would be too narrow
    group = _group_numbers(n, groups)
    for counts in _counts(int(group.max()) + 1, draws, seed, width=n):
        yield counts[:, group]


def bootstrap(
    statistic: Weighted, n: int, *, groups: npt.ArrayLike | None = None, draws: int = DRAWS, seed: int = 0
) -> Floats:
    """A statistic of the sample and of its bootstrap draws, float64 [1 + draws]; NaN where it is not defined."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.concatenate([statistic(w) for w in weights(n, groups=groups, draws=draws, seed=seed)])


def mean(values: npt.ArrayLike) -> Weighted:
    """The mean of values [n]: recall of hits, accuracy of choices."""
    v = np.asarray(values, np.float64)
    return lambda w: (w @ v) / w.sum(axis=1)


def median(values: npt.ArrayLike) -> Weighted:
    """The median of values [n]; of an even number, the mean of the middle two."""
    v = np.asarray(values, np.float64)
    order = np.argsort(v, kind="stable")

    def of(w: Weights) -> Floats:
        if not len(v):
            return np.full(len(w), np.nan)
        total = np.cumsum(w[:, order], axis=1)
        half = total[:, -1:] / 2
        # weights count rows, so half of them may fall between two values (mean of both) or within one (that one twice)
        lower, upper = (total < half).sum(axis=1), (total <= half).sum(axis=1)
        middle: Floats = (v[order[lower]] + v[order[np.minimum(upper, len(v) - 1)]]) / 2
        return middle

    return of


def linear_bootstrap(statistics: Sequence[Linear], groups: Sequence[Ints], counts: Floats) -> Floats:
    """The mean of statistics in bootstrap draws, to first order: cheap where thousands of maps are scored.

    Each draw moves the mean by the influence of the groups that it holds more or less often, within the limits.

    Args:
        statistics: One or more, each of rows of its own.
        groups: Number of each row's group, for each statistic.
        counts: How often each draw holds each group, see `group_counts`.

    Returns:
        float64 [1 + draws], as `bootstrap`.
    """
    value = float(np.mean([s.value for s in statistics]))
    # θ* ≈ θ + Σ (count − 1)·influence, the infinitesimal jackknife's linear form: one product for all draws
    moved = np.zeros(counts.shape[1])  # by a whole group, drawn once more
    for s, group in zip(statistics, groups, strict=True):
        moved += np.bincount(group, s.influence, minlength=len(moved)) / len(statistics)
    low, high = statistics[0].limits
    return np.append(value, np.clip(value + (counts - 1) @ moved, low, high))


def group_counts(n_groups: int, *, draws: int = DRAWS, seed: int = 0) -> Floats:
    """How often each bootstrap draw holds each group, float64 [draws, n_groups]."""
    return np.concatenate(list(_counts(n_groups, draws, seed)))


def auroc(scores: npt.ArrayLike, probability: npt.ArrayLike) -> Linear:
    """Area under the ROC curve; equal scores count half.

    Args:
        scores: [n], higher means more likely.
        probability: [n], 0 or 1; or between, then a row counts as both, by its probability, and even the truth itself
            stays below 1.
    """
    order, runs, p = _by_score(scores, probability)
    # by run of equal scores; a row of probability p is p of a positive and 1 − p of a negative
    positive, negative = np.bincount(runs, p, minlength=1), np.bincount(runs, 1 - p, minlength=1)
    below, above = np.cumsum(negative) - negative / 2, p.sum() - np.cumsum(positive) + positive / 2
    both = p.sum() * (1 - p).sum()
    if both == 0:
        return Linear(float("nan"), np.full(len(p), np.nan))
    area = float((positive * below).sum() / both)
    # derivative of area = U / (P·N) by the weight of one row, U the weight of pairs in the right order
    change = p * (below[runs] - area * (1 - p).sum()) + (1 - p) * (above[runs] - area * p.sum())
    return Linear(area, _unsorted(change / both, order))


def average_precision(scores: npt.ArrayLike, probability: npt.ArrayLike) -> Linear:
    """Area under the steps of precision over recall; rows of equal score come in together. Arguments as for `auroc`."""
    order, runs, p = _by_score(-np.asarray(scores, np.float64), probability)
    if not p.sum():
        return Linear(float("nan"), np.full(len(p), np.nan))
    positive, seen = np.bincount(runs, p), np.cumsum(np.bincount(runs))
    precision = np.cumsum(positive) / seen
    area = float((positive * precision).sum() / p.sum())
    # one more row changes the precision of its own run and of every later one: sums from there to the end
    after, drop = (np.cumsum((positive * x / seen)[::-1])[::-1] for x in (np.ones(len(seen)), precision))
    change = p * (precision[runs] - area) + p * after[runs] - drop[runs]
    return Linear(area, _unsorted(change / p.sum(), order))


def spearman(a: npt.ArrayLike, b: npt.ArrayLike) -> Linear:
    """Rank correlation; equal values share the middle of their ranks. In a draw, rows keep the ranks of the sample."""
    x, y = middle_ranks(a), middle_ranks(b)
    if not len(x) or x.std() == 0 or y.std() == 0:
        return Linear(float("nan"), np.full(len(x), np.nan))
    # on standardised ranks the influence of a row on a correlation is uv − ρ(u² + v²)/2
    u, v = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    rho = float((u * v).mean())
    return Linear(rho, (u * v - rho * (u**2 + v**2) / 2) / len(x), (-1.0, 1.0))


def middle_ranks(values: npt.ArrayLike) -> Floats:
    """Rank of each value, 1 is the smallest; equal values share the middle of their ranks, [n]."""
    _, inverse, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    # a run that ends at rank c with m members has ranks c − m + 1 … c, their middle c − (m − 1)/2
    middle: Floats = (np.cumsum(counts) - (counts - 1) / 2)[inverse.ravel()]
    return middle


def recalls(found: Floats, ks: Sequence[int] = KS) -> dict[str, Weighted]:
    """`R@k` for each k, and `median`, of the ranks of one direction."""
    return {f"R@{k}": mean(found <= k) for k in ks} | {"median": median(found)}


def _by_score(scores: npt.ArrayLike, probability: npt.ArrayLike) -> tuple[Ints, Ints, Floats]:
    """Order of rising score, the number of the run of equal scores of each row in it, and its probability."""
    s, p = np.asarray(scores, np.float64), np.asarray(probability, np.float64)
    if s.shape != p.shape or s.ndim != 1:
        raise UsageError(f"scores {list(s.shape)} and probabilities {list(p.shape)} must be columns of one length")
    if len(p) and not (np.isfinite(s).all() and p.min() >= 0 and p.max() <= 1):
        raise UsageError("scores must be finite and probabilities within 0..1; some are not: check the truth's columns")
    order = np.argsort(s, kind="stable")
    runs = np.cumsum(np.diff(s[order], prepend=s[order][:1]) > 0, dtype=np.int64)
    return order, runs, p[order]  # [n] each


def _unsorted(values: Floats, order: Ints) -> Floats:
    """Values in the order of the rows again."""
    found = np.empty_like(values)
    found[order] = values
    return found


def _group_numbers(n: int, groups: npt.ArrayLike | None) -> Ints:
    """0, 1, … for each row's group, [n]."""
    return np.arange(n) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1].ravel()


def _counts(n_groups: int, draws: int, seed: int, width: int | None = None) -> Iterator[Floats]:
    """How often each group is drawn, [b, n_groups]; few enough at once for rows of this width."""
    rng = np.random.default_rng(seed)
    at_once = max(1, _CELLS // max(width or n_groups, 1))
    for start in range(0, draws, at_once):
        b = min(at_once, draws - start)
        # each draw counts in a range of its own: one `bincount` for all of them
        drawn = rng.integers(0, n_groups, (b, n_groups)) + n_groups * np.arange(b)[:, None]
        yield np.bincount(drawn.ravel(), minlength=b * n_groups).reshape(b, n_groups).astype(np.float64)
