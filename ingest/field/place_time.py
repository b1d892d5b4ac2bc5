"""Place and time, factorised: what a moment makes of every tile, from some 64 numbers a tile instead of 512.

    S = O + e + C·M·g,  e = W2·z + b2,  M = Σⱼ zⱼ·Mⱼ,  g = Bᵀ(O − ō),  z = relu(W1·m + b1), or W1·m + b1 itself

    S·q   = O·q + z·(W2ᵀq) + b2·q                                       + (M g)·(Cᵀq)
    ‖S‖²  = ‖O‖² + 2 O·b2 + 2 P·z + zᵀGz + 2 z·(W2ᵀb2) + ‖b2‖²          + (M g)·(M g + 2 Cᵀe)

with Pⱼ = O·(W2ⱼ + C·Mⱼ·g) and G = W2ᵀW2. P, g, ‖O‖² and ‖O‖² + 2 O·b2 are kept per tile, with the place columns that
m is affine in; O·q is one pass over the vectors for each query. What stands to the right is M's part (`interaction`),
which models that add the same to every tile do not have.

Tiles come in blocks of neighbours. A hidden unit that is on, or off, all over a block is a straight line in the place
columns x there: z = Vᵀ[1, x]; of columns that are the same all over the block none is left. So P·z is the product of P
with a vector a column, and zᵀGz a polynomial in x. Units that switch within the block (few, where tiles are neighbours)
are worked out tile by tile. Nothing is approximated: a block of tiles from all over the world gives the same numbers,
only later. It does not know files, areas or texts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ingest.field.encoder import FieldEncoder, Floats, Mask
from ingest.field.interaction import Interaction
from trainer.encoding import When, place_terms

_TOGETHER = 8  # moments at a time: [8, p + 1, 4096] floats stay in the second-level cache
_FEW = 4  # vectors by which the factors are multiplied the other way round
_FEW_TILES = 256  # of so few, and many moments, each is worked out by itself: no more numbers, in few products
_ROUNDING = np.float32(2e-7)
_LEAST_SQUARE = np.float32(1e-12)  # ‖S‖² is a sum of terms of both signs, which rounding may bring to zero or below


@dataclass(frozen=True)
class TileBlock:
    """A block of tiles, as columns.

    Attributes:
        dots: O·q, [b, n].
        squares: ‖O‖², [n].
        shifted: ‖O‖² + 2 O·b2, [n].
        factors: P, [n, h].
        directions: g, [n, r].
        place: Place columns, [n, p]; zeros where the place is unknown.
        placed: Whether the place is known, bool [n].
    """

    dots: Floats
    squares: Floats
    shifted: Floats
    factors: Floats
    directions: Floats
    place: Floats
    placed: Mask

    def plain(self) -> Floats:
        """cos(O, q), [b, n]."""
        return np.asarray(self.dots / np.sqrt(self.squares), np.float32)


class Moments:
    """The formula at T moments, for b unit queries.

    Args:
        encoder: The model's encoder of place and time.
        whens: T moments, wall-clock time at the place; where None, S = O.
        queries: Unit vectors, float32 [b, d].
    """

    def __init__(self, encoder: FieldEncoder, whens: Sequence[When], queries: Floats) -> None:
        w = encoder.weights
        terms = place_terms(encoder.encoding, whens)
        given = np.array([when is not None for when in whens])
        self._usable = terms.usable & given  # where the place is known
        self._usable_nowhere = terms.usable_nowhere & given
        self._slope = terms.slope @ w.w1.T  # [T, p, h]
        self._bias = (terms.base.astype(np.float64) @ w.w1.T + w.b1).astype(np.float32)  # [T, h]
        self._linear = w.activation == "linear"
        self._gram, self._cross, self._b2_square = encoder.squares
        self._along, self._b2_along = queries @ w.w2, queries @ w.b2  # qᵀW2, [b, h]; b2·q, [b]
        met, turning = w.interaction, encoder.turning
        self._interaction = None if met is None or turning is None else Interaction(met, turning, queries)

    def cosines(self, tiles: TileBlock, out: Floats) -> None:
        """cos(S, q) into `out`, [T, b, n]."""
        if len(tiles.squares) <= _FEW_TILES and len(out) > _TOGETHER:
            self._one_by_one(tiles, out)
        else:
            self._as_block(tiles, out)
        self._mend_unusable(tiles, out)

    def upper(self, tiles: TileBlock, slack: float) -> Floats:
        """At least cos(S, q) at the first moment, [b, n], where tiles.dots may be too low by `slack`·‖O‖; inf: any.

        ‖S‖² is taken without ‖M·g‖², which is the larger part of the work and never below zero.
        """
        x, middle, spread = _centred(tiles.place)
        at, farthest = slice(0, 1), np.abs(x[1:]).max(axis=1, initial=0)
        straight = _Straight(self, self._bias[at] + middle @ self._slope[at], spread @ self._slope[at], farthest)
        if straight.switching.any():
            return np.full(tiles.dots.shape, np.inf, np.float32)
        square, dots = straight.square(tiles.factors, x, _powers(x))[0], straight.dots(x)[0]
        if self._interaction is not None:
            self._interaction.add_lines(tiles.directions, x, straight.v[0], square, dots)
        square += tiles.shifted
        dots += tiles.dots + np.float32(slack) * np.sqrt(tiles.squares)
        np.maximum(dots, 0, out=dots)  # below zero a longer S is nearer
        found = dots / np.sqrt(np.maximum(square, _LEAST_SQUARE))
        used = self._used(tiles.placed, 0)
        return found if used.all() else np.where(used, found, tiles.plain() + np.float32(slack))

    def _one_by_one(self, tiles: TileBlock, out: Floats) -> None:
        """As written at the top, tile by tile."""
        slope = self._slope.transpose(1, 0, 2).reshape(self._slope.shape[1], -1)  # [p, T·h]
        for start in range(0, len(tiles.squares), _TOGETHER):
            at = slice(start, start + _TOGETHER)
            z = (tiles.place[at] @ slope).reshape(-1, *self._bias.shape)  # [n, T, h]
            z += self._bias
            if not self._linear:
                np.maximum(z, 0, out=z)
            others = z @ self._gram
            others += 2 * (tiles.factors[at, None] + self._cross)
            square = np.vecdot(z, others)
            square += self._b2_square + tiles.shifted[at, None]
            dots = z @ self._along.T  # [n, T, b]
            dots += self._b2_along + tiles.dots.T[at, None]
            if self._interaction is not None:
                self._interaction.add_at(tiles.directions[at], z, square, dots)
            np.maximum(square, _LEAST_SQUARE, out=square)
            out[:, :, at] = (dots / np.sqrt(square)[..., None]).transpose(1, 2, 0)

    def _as_block(self, tiles: TileBlock, out: Floats) -> None:
        x, middle, spread = _centred(tiles.place)
        powers, farthest = _powers(x), np.abs(x[1:]).max(axis=1, initial=0)
        for start in range(0, len(out), _TOGETHER):
            at = slice(start, start + _TOGETHER)
            level = self._bias[at] + middle @ self._slope[at]  # W1·m + b1 in the middle of the block, [t, h]
            straight = _Straight(self, level, spread @ self._slope[at], farthest)
            square = straight.square(tiles.factors, x, powers)  # [t, n]
            dots = straight.dots(x)  # [t, b, n]
            for t in range(len(level)):
                straight.add_rest(t, tiles, x, square[t], dots[t])
            square += tiles.shifted
            np.maximum(square, _LEAST_SQUARE, out=square)
            dots += tiles.dots
            np.divide(dots, np.sqrt(square, out=square)[:, None], out=out[at])

    def _mend_unusable(self, tiles: TileBlock, out: Floats) -> None:
        """S = O where the encoding has no use for what is known of place and moment."""
        everywhere = bool(tiles.placed.all())
        for t in (~(self._usable if everywhere else self._usable & self._usable_nowhere)).nonzero()[0].tolist():
            out[t] = np.where(self._used(tiles.placed, t), out[t], tiles.plain())

    def _used(self, placed: Mask, t: int) -> Mask:
        return np.asarray(np.where(placed, self._usable[t], self._usable_nowhere[t]), np.bool_)


class _Straight:
    """The units that are on all over a block, at t moments: z = Vᵀx with x = [1, place − middle], k numbers a tile.

    Args:
        of: The factorised formula, whose matrices are used here without the sums over cells.
        level: W1·m + b1 in the middle of the block, [t, h].
        slope: How it changes with each of the place columns that do, [t, k − 1, h].
        farthest: How far those go from the middle, [k − 1].
    """

    def __init__(self, of: Moments, level: Floats, slope: Floats, farthest: Floats) -> None:
        self.of, self.level, self.slope = of, level, slope
        # a hair more than true: a unit at its edge counts as switching, which is slower and never wrong
        reach = farthest @ np.abs(slope) * np.float32(1.00001)  # how far it goes up or down within the block, [t, h]
        # level ± reach bound a unit within the block: above zero it is on for all, below off for all, else it switches
        on = np.ones(level.shape, np.bool_) if of._linear else level > reach
        self.switching: Mask = ~on & (level > -reach)
        self.v = np.concatenate([level[:, None], slope], axis=1) * on[:, None]  # [t, k, h]
        self.vg = self.v @ of._gram

    def square(self, factors: Floats, x: Floats, powers: Floats) -> Floats:
        """2 P·z + zᵀGz + 2 z·(W2ᵀb2) + ‖b2‖², [t, n]."""
        of, (t, k, h) = self.of, self.v.shape
        q = self.vg @ self.v.transpose(0, 2, 1)  # [t, p + 1, p + 1], symmetric
        q *= 2 - np.eye(k, dtype=np.float32)  # what is above the diagonal stands for what is below
        q[:, 0] += 2 * self.v @ of._cross  # x[0] is 1: what is linear in x goes into the first row
        q[:, 0, 0] += of._b2_square
        square: Floats = q[:, *_above_diagonal(k)] @ powers
        # 2 P·z, [t, k, n] before the sum
        two_v = (2 * self.v).reshape(t * k, h)
        few = t * k < _FEW
        y = ((factors @ two_v.T).T if few else two_v @ factors.T).reshape(t, k, -1)
        if k > 1:
            y *= x
        square += y.sum(axis=1) if k > 1 else y[:, 0]  # x[0] is 1
        return square

    def dots(self, x: Floats) -> Floats:
        """E·q, [t, b, n]."""
        dots: Floats = (self.of._along @ self.v.transpose(0, 2, 1)) @ x
        dots += self.of._b2_along[:, None]
        return dots

    def add_rest(self, t: int, tiles: TileBlock, x: Floats, square: Floats, dots: Floats) -> None:
        """Adds, at one moment, the units that are on for some tiles of the block only, and M's part."""
        of, units = self.of, self.switching[t].nonzero()[0]
        z = np.empty((0, len(square)), np.float32)  # of those units, [u, n]
        if len(units):
            z = self.slope[t][:, units].T @ x[1:]
            z += self.level[t, units, None]
            np.maximum(z, 0, out=z)
            # with s the units that switch: (z + s)ᵀG(z + s) − zᵀGz = 2 sᵀGz + sᵀGs
            others = 2 * (self.vg[t][:, units].T @ x) + of._gram[np.ix_(units, units)] @ z
            square += np.einsum("kn,kn->n", z, others + 2 * (tiles.factors[:, units].T + of._cross[units, None]))
            dots += of._along[:, units] @ z
        if of._interaction is not None:
            of._interaction.add(tiles.directions, x, self.v[t], z, units, square, dots)


def _centred(place: Floats) -> tuple[Floats, Floats, Floats]:
    """Place columns, [n, p], as few as they are within a block, from its middle on.

    Columns that are the same all over the block are left out, and of two that are each other's opposite, such as the
    hemisphere and the tropics on one side of the equator, one.

    Returns:
        x: 1 and what is left, [k, n].
        middle: Of all columns, [p].
        spread: place − middle = spreadᵀ·x[1:], [k − 1, p].
    """
    x, flat, p = np.ones((place.shape[1] + 1, len(place)), np.float32), place.ravel(), place.shape[1]
    # each row is like the one before, as those of the seasons are far from the equator: seen at one look
    if (flat[p:] == flat[:-p]).all():
        return x[:1], place[0], np.empty((0, p), np.float32)
    x[1:] = place.T
    low, high = x[1:].min(axis=1), x[1:].max(axis=1)
    middle = (low + high) / 2
    x[1:] -= middle[:, None]
    kept: list[int] = []
    spread = np.zeros((len(middle), len(middle)), np.float32)
    for column in (low != high).nonzero()[0].tolist():
        twin = next((other for other in kept if _opposite(x[1 + column], x[1 + other])), None)
        if twin is None:
            kept.append(column)
            spread[column, column] = 1
        else:
            spread[twin, column] = -1
    return x if len(kept) == len(middle) else x[[0, *(1 + column for column in kept)]], middle, spread[kept]


def _opposite(one: Floats, other: Floats) -> bool:
    """Whether two columns within −1 … 1 are each other's opposite, to float32 rounding."""
    return bool(abs(one[0] + other[0]) <= _ROUNDING and np.abs(one + other).max() <= _ROUNDING)


def _powers(x: Floats) -> Floats:
    """Products of any two rows of x, [p + 1, n], in the order of `_above_diagonal`."""
    k = len(x)
    powers = np.empty((k * (k + 1) // 2, x.shape[1]), np.float32)
    start = 0
    for i in range(k):
        np.multiply(x[i], x[i:], out=powers[start : start + k - i])
        start += k - i
    return powers


@lru_cache
def _above_diagonal(k: int) -> tuple[npt.NDArray[np.intp], ...]:
    return np.triu_indices(k)
