"""What a moment makes of a tile, fitted in closed form: e and M by least squares, over many photos of few tiles.

    G ≈ s·O + e(t) + C·M(t)·g,    g = Bᵀ(s·O − ō),    e and M linear in f = [1, m], m the encoded place and time

B are the principal directions of O, across t, the direction of texts that ask for nothing: no photo tells where a
moment should lie along it, and it would make every text likelier at some moments than at others. e stays across it too.
Where C is B (tied), what M gives within B is fitted together with e; outside there is e alone. Untied, C are the
directions along which a fit in the whole space moves tiles apart most; diagonal, each direction is fitted by itself.

With few tiles of many photos the sums are products of two small ones, one of moments and one of the tile, so that any
number of photos costs one pass. What is found is compressed to h numbers a moment, z = W1·m + b1, those that carry
most, and folded into the encoder: divided by s, because S / s is as good as S, so O stays as it is.

It does not know files, towers or where the photos come from.
"""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg
import torch

from trainer.encoder import Interaction
from trainer.errors import SettingsError
from trainer.model import DynamicEncoder

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

_AT_ONCE = 512  # tiles


@dataclass(frozen=True, slots=True)
class Seen:
    """n photos of u tiles.

    Attributes:
        o: O of the tiles, float [u, d].
        tile: Tile of each photo, int64 [n].
        encoded: Place and time of each, float [n, m]; zeros where it is hidden.
        targets: Unit vectors of the photos, float [n, d].
    """

    o: npt.NDArray[Any]
    tile: Rows
    encoded: npt.NDArray[Any]
    targets: npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Ridge:
    """What keeps least squares from learning noise.

    Attributes:
        scale: s, how much of O stands in what is fitted.
        level: Of e, as a share of the mean square of its features.
        turn: Of M, as a share of the mean square of g.
        gain: How much larger than least squares make it e becomes, for they make small what they are unsure of; and the
            more all moments have in common, the less the length of S, which a cosine divides by, differs among them.
    """

    scale: float = 0.8
    level: float = 1e-3
    turn: float = 0.1
    gain: float = 1.5


@dataclass(frozen=True, slots=True)
class Fitted:
    """e and M as functions of f = [1, m], and what they stand on; as if s were 1.

    Attributes:
        basis: B, [d, r].
        out_basis: C, [d, r].
        mean: ō, [d].
        level: [k, d]: e = f·level.
        turn: [k, r, r], of f, out, in; diagonal: [k, r]; without interaction [k, 0, 0].
        weight: Mean of f·fᵀ over the photos, [k, k].
        spread: Root mean square of g, [r].
    """

    basis: Floats
    out_basis: Floats
    mean: Floats
    level: Floats
    turn: Floats
    weight: Floats
    spread: Floats

    def predicted(self, o: npt.NDArray[Any], encoded: npt.NDArray[Any]) -> Floats:
        """S of O, [n, d], at one place and moment, [m]."""
        f = np.concatenate([[1.0], encoded])
        s: Floats = o + f @ self.level
        if self.turn.shape[1]:
            turn = np.tensordot(f, self.turn, 1)
            s += ((o - self.mean) @ self.basis @ (turn.T if turn.ndim == 2 else np.diag(turn))) @ self.out_basis.T
        return s


def fit(seen: Seen, *, interaction: Interaction, rank: int, neutral: npt.NDArray[Any], ridge: Ridge) -> Fitted:
    """Fit e and M.

    Args:
        seen: What was seen, and when.
        interaction: How the moment meets the tile, see `trainer.encoder.Form`.
        rank: Directions r; fewer where the tiles do not span as many.
        neutral: The direction that no moment may move along, [d].

    Raises:
        SettingsError: There is nothing to learn from.
    """
    if not len(seen.tile):
        raise SettingsError("there is no photo with a place and a time to fit moments to")
    d = seen.o.shape[1]
    o = ridge.scale * np.asarray(seen.o, np.float64)
    mean = o.mean(axis=0)
    across = np.eye(d) - np.outer(neutral, neutral) / np.dot(neutral, neutral)
    r = min(rank, len(o) - 1, d - 1) if interaction != "none" else 0
    basis = np.linalg.svd((o - mean) @ across, full_matrices=False)[2][:r].T  # [d, r]
    g = (o - mean) @ basis  # [u, r]
    sums = _Sums(seen, o, np.concatenate([np.ones((len(o), 1)), g], axis=1))
    level = sums.level(ridge.level) @ across  # [k, d]
    spread = np.sqrt(np.average(g**2, axis=0, weights=sums.photos))
    k = len(level)
    if interaction == "none":
        turn, out_basis = np.zeros((k, 0, 0)), basis
    elif interaction == "diagonal":
        inside, turn = sums.diagonal(basis, ridge)
        level, out_basis = level + (inside - level @ basis) @ basis.T, basis
    else:
        whole = sums.joint(ridge, across)  # [1 + r, k, d]
        out_basis = basis if interaction == "full" else _moved(whole[1:], sums.weight, spread, r)
        inside = whole @ out_basis  # [1 + r, k, r]
        level = level + (inside[0] - level @ out_basis) @ out_basis.T
        turn = inside[1:].transpose(1, 2, 0)  # [k, out, in]
    s = ridge.scale
    return Fitted(basis, out_basis, mean / s, ridge.gain * level / s, turn, sums.weight / len(seen.tile), spread / s)


class _Sums:
    """Normal equations over all photos, by tile: of f with itself, and of f with what is left of the targets."""

    def __init__(self, seen: Seen, o: Floats, q: Floats) -> None:
        u, k, d = len(o), seen.encoded.shape[1] + 1, o.shape[1]
        order = np.argsort(seen.tile, kind="stable")
        ends = np.searchsorted(seen.tile[order], np.arange(u + 1))
        self.q, self.photos = q, np.diff(ends)  # [u, 1 + r]; [u]
        self.weight = np.zeros((k, k))  # of f with f
        self.products = np.zeros((k, d))  # of f with the rest
        self._squares = np.zeros((k * k, q.shape[1] ** 2))
        self._crossed = np.zeros((k * d, q.shape[1]))
        for start in range(0, u, _AT_ONCE):
            tiles = range(start, min(u, start + _AT_ONCE))
            squares, crossed = np.zeros((len(tiles), k, k)), np.zeros((len(tiles), k, d))
            for i, t in enumerate(tiles):
                rows = order[ends[t] : ends[t + 1]]
                f = np.concatenate([np.ones((len(rows), 1)), seen.encoded[rows]], axis=1)
                squares[i], crossed[i] = f.T @ f, f.T @ (seen.targets[rows].astype(np.float64) - o[t])
            self.weight += squares.sum(axis=0)
            self.products += crossed.sum(axis=0)
            own = q[tiles.start : tiles.stop]
            self._squares += squares.reshape(len(tiles), -1).T @ (own[:, :, None] * own[:, None]).reshape(len(own), -1)
            self._crossed += crossed.reshape(len(tiles), -1).T @ own

    def level(self, ridge: float) -> Floats:
        """e alone, [k, d]."""
        found: Floats = scipy.linalg.solve(self.weight + self._of_level(ridge), self.products, assume_a="pos")
        return found

    def joint(self, ridge: Ridge, across: Floats) -> Floats:
        """e and M together in the whole space, [1 + r, k, d]."""
        k, n = len(self.weight), self.q.shape[1]
        left = self._squares.reshape(k, k, n, n).transpose(2, 0, 3, 1).reshape(n * k, n * k).copy()
        for i in range(n):
            own = slice(i * k, (i + 1) * k)
            left[own, own] += self._of_turn(ridge.turn) if i else self._of_level(ridge.level)
        right = self._crossed.reshape(k, -1, n).transpose(2, 0, 1).reshape(n * k, -1) @ across
        found: Floats = scipy.linalg.solve(left, right, assume_a="pos", overwrite_a=True, check_finite=False)
        return found.reshape(n, k, -1)

    def diagonal(self, basis: Floats, ridge: Ridge) -> tuple[Floats, Floats]:
        """e within B, [k, r], and M, [k, r]: each direction by itself."""
        k, n = len(self.weight), self.q.shape[1]
        squares = self._squares.reshape(k, k, n, n)
        crossed = self._crossed.reshape(k, -1, n)
        level, turn = np.zeros((k, n - 1)), np.zeros((k, n - 1))
        for a in range(1, n):
            pair = [0, a]
            left = squares[:, :, pair][:, :, :, pair].transpose(2, 0, 3, 1).reshape(2 * k, 2 * k).copy()
            left[:k, :k] += self._of_level(ridge.level)
            left[k:, k:] += self._of_turn(ridge.turn)
            right = np.concatenate([crossed[:, :, i] @ basis[:, a - 1] for i in pair])
            level[:, a - 1], turn[:, a - 1] = scipy.linalg.solve(left, right, assume_a="pos").reshape(2, k)
        return level, turn

    def _of_level(self, share: float) -> Floats:
        return share * float(self.weight.diagonal().mean()) * np.eye(len(self.weight))

    def _of_turn(self, share: float) -> Floats:
        g2 = float(np.average((self.q[:, 1:] ** 2).mean(axis=1), weights=self.photos))
        return share * g2 * (self.weight + self._of_level(1e-3))


def _moved(turn: Floats, weight: Floats, spread: Floats, r: int) -> Floats:
    """The r directions, [d, r], along which M, [r, k, d], moves tiles apart most."""
    root = scipy.linalg.sqrtm(weight).real
    whole = np.einsum("kl,ild->ikd", root, turn * spread[:, None, None]).reshape(-1, turn.shape[2])
    return np.asarray(np.linalg.eigh(whole.T @ whole)[1][:, ::-1][:, :r])


def fold(fitted: Fitted, encoder: DynamicEncoder) -> float:
    """Put what was fitted into an encoder with a linear hidden layer, in place.

    Returns:
        The share of the change over moments that its h numbers carry.

    Raises:
        SettingsError: The encoder has another form.
    """
    form = encoder.form
    if form.activation != "linear":
        raise SettingsError('fitting moments needs activation = "linear": e and M are fitted in the encoding itself')
    k, d = fitted.level.shape
    r = fitted.basis.shape[1]
    if form.interaction != "none" and r < form.rank:
        raise SettingsError(f"rank = {form.rank}: the tiles span {r} directions only, use that")
    turn = fitted.turn * (fitted.spread if r else 1.0)
    whole = np.concatenate([fitted.level, turn.reshape(k, -1)], axis=1)  # [k, d + r²]
    values, vectors = np.linalg.eigh(fitted.weight)
    root = np.sqrt(np.maximum(values, values.max() * 1e-9))
    lefts, sizes, rights = np.linalg.svd((vectors * root).T @ whole, full_matrices=False)
    h = min(form.hidden, len(sizes))
    z_of_f = (vectors / root) @ lefts[:, :h]  # [k, h]
    of_z = sizes[:h, None] * rights[:h]  # [h, d + r²]
    found = {
        "fc1.weight": z_of_f[1:].T,
        "fc1.bias": z_of_f[0],
        "fc2.weight": of_z[:, :d].T,
        "fc2.bias": np.zeros(d),
    }
    if form.interaction != "none":
        moment = of_z[:, d:].reshape(h, *fitted.turn.shape[1:]) / fitted.spread
        found |= {"basis": fitted.basis, "mean": fitted.mean, "moment": moment}
    if form.interaction == "untied":
        found["out_basis"] = fitted.out_basis
    own = dict(encoder.named_parameters()) | dict(encoder.named_buffers())
    with torch.no_grad():
        for name, value in found.items():
            own[name].zero_()
            own[name][tuple(slice(n) for n in value.shape)] = torch.from_numpy(value.copy()).to(own[name])
    all_of_it = (sizes**2).sum()
    return float((sizes[:h] ** 2).sum() / all_of_it) if all_of_it else 1.0  # nothing changes: all of that is carried
