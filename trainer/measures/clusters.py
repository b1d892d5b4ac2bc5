"""Clusters of vectors and how well they stand apart: k-means and the silhouette. NumPy only.

The curve of the silhouette over k says how finely a space is organised: where it rises with k, small clusters are
real; where it falls, there is only coarse structure. Nothing here knows what the vectors mean.
"""

import numpy as np
import numpy.typing as npt

from trainer.errors import UsageError
from trainer.measures.metrics import Estimate, Floats, Ints, bootstrap, mean, unit

KS = (5, 10, 20, 50, 100)
SAMPLE = 2000  # vectors; all distances between them are held at once
_ROUNDS = 50


def kmeans(vectors: npt.ArrayLike, k: int, *, seed: int = 0, starts: int = 3) -> Ints:
    """The cluster of each vector, int64 [n]: Lloyd's algorithm from k-means++ starts, the best of some.

    Args:
        vectors: Points in Euclidean space, [n, d].
        k: Clusters, 1 … n.
        seed: Decides the starts: the same seed, the same clusters.
        starts: How many starts are tried; the one of the smallest squared distances is kept.
    """
    x = np.asarray(vectors, np.float64)
    if not 1 <= k <= len(x):
        raise UsageError(f"{len(x)} vectors cannot form {k} clusters: give k between 1 and {len(x)}")
    rng = np.random.default_rng(seed)
    runs = [_lloyd(x, _spread_starts(x, k, rng)) for _ in range(starts)]
    return min(runs, key=lambda run: run[1])[0]


def silhouette(vectors: npt.ArrayLike, labels: npt.ArrayLike) -> Floats:
    """Silhouette of each vector, −1 … 1, [n]: how much nearer its own cluster is than the next one, Euclidean.

    A vector alone in its cluster gets 0 (Rousseeuw 1987).
    """
    x = np.asarray(vectors, np.float64)
    label = np.unique(np.asarray(labels), return_inverse=True)[1].ravel()
    k = int(label.max()) + 1
    if k < 2:
        raise UsageError("one cluster has no silhouette: give at least two")
    # one product gives the sums over each cluster
    member = np.eye(k)[label]  # [n, k]
    size = member.sum(axis=0)
    total = np.sqrt(_squared(x, x)) @ member  # [n, k], sum of the distances to each cluster
    own_size = size[label]
    rows = np.arange(len(x))
    own = total[rows, label] / np.maximum(own_size - 1, 1)  # its distance to itself, 0, is in the sum, not in the mean
    # its own cluster is none of the others
    others = np.where(member > 0, np.inf, total / size)
    nearest = others.min(axis=1)
    widest = np.maximum(own, nearest)
    return np.where((own_size > 1) & (widest > 0), (nearest - own) / np.where(widest > 0, widest, 1), 0.0)


def silhouette_curve(
    vectors: npt.ArrayLike, ks: tuple[int, ...] = KS, *, sample: int = SAMPLE, draws: int = 1000, seed: int = 0
) -> dict[int, Estimate]:
    """Mean silhouette of the k-means clusters of a sample of the vectors' directions, for each k that it allows.

    The interval is that of the mean over the vectors; the clusters stay as they were found.
    """
    x = unit(vectors)
    if len(x) > sample:
        x = x[np.random.default_rng(seed).choice(len(x), sample, replace=False)]
    found = {k: silhouette(x, kmeans(x, k, seed=seed)) for k in ks if 2 <= k < len(x)}
    return {k: Estimate.of(bootstrap(mean(s), len(s), draws=draws, seed=seed)) for k, s in found.items()}


def _squared(a: Floats, b: Floats) -> Floats:
    """Squared distances, [n, m]."""
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T  # |a|² + |b|² − 2a·b, one product
    return np.asarray(np.maximum(squares, 0.0))  # below 0 by rounding alone


def _spread_starts(x: Floats, k: int, rng: np.random.Generator) -> Floats:
    """k-means++: each further centre is drawn by its squared distance to those so far, [k, d]."""
    centres = [x[rng.integers(len(x))]]
    nearest = _squared(x, centres[0][None])[:, 0]
    for _ in range(1, k):
        total = nearest.sum()
        # no distance left: all vectors stand on a centre, and any of them does
        i = rng.choice(len(x), p=nearest / total) if total > 0 else rng.integers(len(x))
        centres.append(x[i])
        nearest = np.minimum(nearest, _squared(x, x[i][None])[:, 0])
    return np.stack(centres)


def _lloyd(x: Floats, centres: Floats) -> tuple[Ints, float]:
    """Clusters and the sum of squared distances to their centres; an empty cluster takes the farthest vector."""
    label = np.full(len(x), -1)
    for _ in range(_ROUNDS):
        squares = _squared(x, centres)
        found = squares.argmin(axis=1)
        nearest = squares[np.arange(len(x)), found]
        for empty in np.setdiff1d(np.arange(len(centres)), found):
            far = int(nearest.argmax())
            found[far], nearest[far] = empty, 0.0  # taken: the next empty cluster takes another
        if np.array_equal(found, label):
            break
        label = found
        member = np.eye(len(centres))[label]
        centres = (member.T @ x) / np.maximum(member.sum(axis=0), 1)[:, None]
    return label, float(_squared(x, centres)[np.arange(len(x)), label].sum())
