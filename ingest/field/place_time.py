"""Place and time, factorised: what a moment adds to every tile, from 64 numbers a tile instead of 512.

    S = O + E,  E = W2·z + b2,  z = relu(W1·m + b1),  m = place columns (of the tile) and time columns (of the moment)

    S·q   = O·q + z·(W2ᵀq) + b2·q
    ‖S‖²  = ‖O‖² + 2 O·b2 + 2 P·z + zᵀGz + 2 z·(W2ᵀb2) + ‖b2‖²,      P = O·W2,  G = W2ᵀW2

P, ‖O‖² and ‖O‖² + 2 O·b2 are kept per tile, with the place columns; O·q is one pass over the vectors for each query.

Tiles come in blocks of neighbours. A hidden unit that is on, or off, all over a block is a straight line in the p place
columns x there: z = Vᵀ[1, x]. So P·z is the product of P with p + 1 vectors a block, and zᵀGz a polynomial in x. Units
that switch within the block (few, where tiles are neighbours) are worked out tile by tile. Nothing is approximated:
a block of tiles from all over the world gives the same numbers, only later. It does not know files, areas or texts.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from trainer.encoding import When, encode
from trainer.errors import UsageError

if TYPE_CHECKING:
    from trainer.embedder import EncoderWeights

Floats = npt.NDArray[np.float32]
Degrees = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

PLACE_COLUMNS = {"sat2cap": 4, "cyclic": 4}
"""How many of an encoding's columns, the first ones, depend on the place alone; the others on the moment alone."""

_ANY_MOMENT = datetime(2015, 1, 1)  # place columns do not depend on it
_TOGETHER = 8  # moments at a time: [8, p + 1, 4096] floats stay in the second-level cache
_LEAST_SQUARE = np.float32(1e-12)  # ‖S‖² is a sum of terms of both signs, which rounding may bring to zero or below


@dataclass(frozen=True)
class FieldEncoder:
    """A model's encoder of place and time.

    Attributes:
        encoding: Name of the encoding, a key of `PLACE_COLUMNS`.
        weights: E = w2·relu(w1·m + b1) + b2.
    """

    encoding: str
    weights: "EncoderWeights"

    @property
    def hidden(self) -> int:
        """Width between the layers, h."""
        return len(self.weights.b1)

    @property
    def fingerprint(self) -> str:
        """Changes when any of it does."""
        digest = hashlib.sha256(self.encoding.encode())
        for array in (self.weights.w1, self.weights.b1, self.weights.w2, self.weights.b2):
            digest.update(np.ascontiguousarray(array, dtype=np.float32).tobytes())
        return digest.hexdigest()

    @property
    def places(self) -> int:
        """How many columns the place has, p.

        Raises:
            UsageError: The encoding is not one whose place and time stand apart.
        """
        try:
            return PLACE_COLUMNS[self.encoding]
        except KeyError:
            known = ", ".join(PLACE_COLUMNS)
            raise UsageError(f"encoding {self.encoding!r} cannot be factorised: known are {known}") from None

    @cached_property
    def squares(self) -> tuple[Floats, Floats, np.float32]:
        """G, [h, h]; W2ᵀb2, [h]; ‖b2‖²."""
        # sums of hundreds of products, rounded once
        w2, b2 = (np.asarray(a, np.float64) for a in (self.weights.w2, self.weights.b2))
        return (w2.T @ w2).astype(np.float32), (w2.T @ b2).astype(np.float32), np.float32(b2 @ b2)

    def place(self, lat: Degrees, lon: Degrees) -> Floats:
        """Place columns, float32 [n, p], of degrees [n]; zeros where they are NaN."""
        known = np.isfinite(lat) & np.isfinite(lon)
        columns = np.zeros((len(lat), self.places), np.float32)
        if known.any():
            encoded = encode(self.encoding, lat=lat[known], lon=lon[known], when=_ANY_MOMENT)
            columns[known] = encoded.values[:, : self.places]
        return columns

    def factors(self, vectors: Floats) -> tuple[Floats, Floats]:
        """Of n tiles, [n, d]: P, [n, h], and O·b2, [n]."""
        return vectors @ self.weights.w2, vectors @ self.weights.b2


@dataclass(frozen=True)
class TileBlock:
    """A block of tiles, as columns.

    Attributes:
        dots: O·q, [b, n].
        squares: ‖O‖², [n].
        shifted: ‖O‖² + 2 O·b2, [n].
        factors: P, [n, h].
        place: Place columns, [n, p]; zeros where the place is unknown.
        placed: Whether the place is known, bool [n].
    """

    dots: Floats
    squares: Floats
    shifted: Floats
    factors: Floats
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
        w, p = encoder.weights, encoder.places
        # time columns are the same everywhere; whether they are of use may hang on whether the place is known
        there = encode(encoder.encoding, lat=0.0, lon=0.0, when=list(whens))
        nowhere = encode(encoder.encoding, when=list(whens))
        given = np.array([when is not None for when in whens])
        self._usable = there.usable & given  # where the place is known
        self._usable_nowhere = nowhere.usable & given
        self._w_place = np.ascontiguousarray(w.w1[:, :p].T)  # [p, h]
        self._bias = (there.values[:, p:].astype(np.float64) @ w.w1[:, p:].T + w.b1).astype(np.float32)  # [T, h]
        self._w2, self._b2 = w.w2, w.b2
        self._gram, self._cross, self._b2_square = encoder.squares
        self._along, self._b2_along = queries @ w.w2, queries @ w.b2  # qᵀW2, [b, h]; b2·q, [b]

    def add(self, vectors: Floats, place: Floats, placed: Mask) -> None:
        """Makes S of O, [n, d], in place, at the first moment."""
        e = np.maximum(place @ self._w_place + self._bias[0], 0) @ self._w2.T + self._b2
        vectors += np.where(self._used(placed, 0)[:, None], e, np.float32(0))

    def cosines(self, tiles: TileBlock, out: Floats) -> None:
        """cos(S, q) into `out`, [T, b, n]."""
        x, middle = _centred(tiles.place)
        # a hair more than true: a unit at its edge counts as switching, which is slower and never wrong
        reach = np.abs(x[1:]).max(axis=1, initial=0) @ np.abs(self._w_place) * np.float32(1.00001)  # [h]
        powers = _powers(x)
        for start in range(0, len(out), _TOGETHER):
            at = slice(start, start + _TOGETHER)
            level = self._bias[at] + middle @ self._w_place  # W1·m + b1 in the middle of the block, [t, h]
            straight = _Straight(self, level, reach)
            square = straight.square(tiles.factors, x, powers)  # [t, n]
            dots = straight.dots(x)  # [t, b, n]
            for t in np.flatnonzero(straight.switching.any(axis=1)):
                straight.add_switching(int(t), tiles.factors, x, square, dots)
            square += tiles.shifted
            np.maximum(square, _LEAST_SQUARE, out=square)
            dots += tiles.dots
            np.divide(dots, np.sqrt(square, out=square)[:, None], out=out[at])
        self._mend_unusable(tiles, out)

    def _mend_unusable(self, tiles: TileBlock, out: Floats) -> None:
        """S = O where the encoding has no use for what is known of place and moment."""
        everywhere = bool(tiles.placed.all())
        for t in np.flatnonzero(~(self._usable if everywhere else self._usable & self._usable_nowhere)):
            out[t] = np.where(self._used(tiles.placed, int(t)), out[t], tiles.plain())

    def _used(self, placed: Mask, t: int) -> Mask:
        return np.asarray(np.where(placed, self._usable[t], self._usable_nowhere[t]), np.bool_)


class _Straight:
    """The units that are on all over a block, at t moments: z = Vᵀx with x = [1, place − middle], p + 1 numbers a tile.

    Args:
        of: The factorised formula, whose matrices are used here without the sums over cells.
        level: W1·m + b1 in the middle of the block, [t, h].
        reach: How far it goes up or down within the block, [h].
    """

    def __init__(self, of: Moments, level: Floats, reach: Floats) -> None:
        self.of, self.level = of, level
        # level ± reach bound a unit within the block: above zero it is on for all, below off for all, else it switches
        on = level > reach
        self.switching: Mask = ~on & (level > -reach)
        slopes = np.broadcast_to(of._w_place, (len(level), *of._w_place.shape))
        self.v = np.concatenate([level[:, None], slopes], axis=1) * on[:, None]  # [t, p + 1, h]
        self.vg = self.v @ of._gram

    def square(self, factors: Floats, x: Floats, powers: Floats) -> Floats:
        """2 P·z + zᵀGz + 2 z·(W2ᵀb2) + ‖b2‖², [t, n]."""
        of, (t, k, h) = self.of, self.v.shape
        q = self.vg @ self.v.transpose(0, 2, 1)  # [t, p + 1, p + 1], symmetric
        q *= 2 - np.eye(k, dtype=np.float32)  # what is above the diagonal stands for what is below
        q[:, 0] += 2 * self.v @ of._cross  # x[0] is 1: what is linear in x goes into the first row
        q[:, 0, 0] += of._b2_square
        square: Floats = q[:, *_above_diagonal(k)] @ powers
        # 2 P·z, [t, p + 1, n] before the sum
        y = ((2 * self.v).reshape(t * k, h) @ factors.T).reshape(t, k, -1)
        y *= x
        square += y.sum(axis=1)
        return square

    def dots(self, x: Floats) -> Floats:
        """E·q, [t, b, n]."""
        dots: Floats = (self.of._along @ self.v.transpose(0, 2, 1)) @ x
        dots += self.of._b2_along[:, None]
        return dots

    def add_switching(self, t: int, factors: Floats, x: Floats, square: Floats, dots: Floats) -> None:
        """Adds the units that are on for some tiles of the block only, at one moment."""
        of, units = self.of, np.flatnonzero(self.switching[t])
        z = of._w_place[:, units].T @ x[1:]  # [k, n]
        z += self.level[t, units, None]
        np.maximum(z, 0, out=z)
        # with s the units that switch: (z + s)ᵀG(z + s) − zᵀGz = 2 sᵀGz + sᵀGs
        others = 2 * (self.vg[t][:, units].T @ x) + of._gram[np.ix_(units, units)] @ z
        square[t] += np.einsum("kn,kn->n", z, others + 2 * (factors[:, units].T + of._cross[units, None]))
        dots[t] += of._along[:, units] @ z


def _centred(place: Floats) -> tuple[Floats, Floats]:
    """[1, place − middle], [p + 1, n], and the middle, [p]."""
    x = np.ones((place.shape[1] + 1, len(place)), np.float32)
    x[1:] = place.T
    middle = (x[1:].min(axis=1) + x[1:].max(axis=1)) / 2
    x[1:] -= middle[:, None]
    return x, middle


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
