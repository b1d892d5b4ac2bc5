"""How a moment turns each tile: the part of the formula that is M's, for a block of tiles.

    S·q   gains  (M g)·(Cᵀq)
    ‖S‖²  gains  (M g)·(M g + 2 CᵀO + 2 Cᵀe),      CᵀO = g + Bᵀō where C is B

M and e are straight lines in the place columns x of the block, but for units that switch within it. So for each product
of two columns there is one quadratic form in g, and one that is linear. Where no column changes (with the seasons'
encoding: all farther than 28° from the equator, or nearer than 10°) the one form gᵀ(MᵀM + M + Mᵀ)g serves all blocks:
half a product of g with an [r, r] matrix. Where units switch, and where C is not B, M·g is made of each tile.

It does not know e's own part, nor what is kept on a disk.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ingest.field.encoder import Floats, Turning

if TYPE_CHECKING:
    from trainer.encoder import InteractionWeights

Doubles = npt.NDArray[np.float64]

_WIDE = 16  # columns of a block, as many as the widest registers hold
_PIECE = 1_024  # tiles at a time: g and its product, of 64 numbers each, stay in the second-level cache


class _Form:
    """gᵀQg + l·g, which ‖S‖² gains, and a·g, which S·q gains.

    Args:
        quadratic: Q, symmetric, [r, r]; or, diagonal, [r].
        linear: l, [r].
        along: a, of b queries, [b, r].
    """

    def __init__(self, quadratic: Doubles, linear: Doubles, along: Doubles) -> None:
        self._lower = _lower(quadratic) if quadratic.ndim == 2 else []
        self._diagonal = quadratic.astype(np.float32)
        self._straight = np.concatenate([linear[None], along]).T.astype(np.float32)  # [r, 1 + b]

    def of(self, g: Floats) -> tuple[Floats, Floats]:
        """Of n tiles, what is for ‖S‖², [n], and for S·q, [b, n]."""
        if self._lower:
            y = np.empty_like(g)
            for start, block in zip(range(0, g.shape[1], _WIDE), self._lower, strict=True):
                np.matmul(g[:, start:], block, out=y[:, start : start + _WIDE])
        else:
            y = g * self._diagonal
        straight = g @ self._straight
        return np.vecdot(g, y) + straight[:, 0], straight[:, 1:].T


def _lower(q: Doubles) -> list[Floats]:
    """A symmetric Q, [r, r], as columns of blocks from the diagonal on: five eighths of the work for gᵀQg, r = 64."""
    blocks = []
    for start in range(0, len(q), _WIDE):
        block = q[start:, start : start + _WIDE].astype(np.float32)
        block[_WIDE:] *= 2  # what is below the diagonal stands for what is above
        blocks.append(block)
    return blocks


class Interaction:
    """M's part of the formula, for b unit queries.

    Args:
        met: Its arrays.
        turning: What `FieldEncoder` has made of them.
        queries: float32 [b, d].
    """

    def __init__(self, met: "InteractionWeights", turning: Turning, queries: Floats) -> None:
        self._weights, self._exact = met.weights, turning.exact
        self._tied, self._diagonal, self._rank = met.tied, met.diagonal, met.basis.shape[1]
        self._shift, self._inner, self._inner_b2 = turning.shift, turning.inner, turning.inner_b2
        self._along = queries @ met.out_basis  # qᵀC, [b, r]
        self._kept: dict[bytes, list[_Form]] = {}

    def add(
        self,
        directions: Floats,
        x: Floats,
        powers: Floats,
        v: Floats,
        z: Floats,
        units: npt.NDArray[np.intp],
        square: Floats,
        dots: Floats,
    ) -> None:
        """Adds M's part at one moment.

        Args:
            directions: Of n tiles, [n, r] or [n, 2 r].
            x: 1 and the place columns that change within the block, [k, n].
            powers: Products of any two rows of x, the first with all, the second with those from itself on, and so on.
            v: z in x, [k, h]: of the units that do not switch.
            z: Of those that do, [u, n].
            units: Which ones they are, [u].
            square: ‖S‖² so far, [n].
            dots: S·q so far, [b, n].
        """
        forms = self._forms(v) if self._tied and not len(units) else []
        for start in range(0, len(square), _PIECE):
            at = slice(start, start + _PIECE)
            for number, form in enumerate(forms):
                to_square, to_dots = form.of(directions[at])
                if number:  # the first power is 1
                    to_square, to_dots = to_square * powers[number, at], to_dots * powers[number, at]
                square[at] += to_square
                dots[:, at] += to_dots
            if not forms:
                self._add_each(directions[at], x[:, at], v, z[:, at], units, square[at], dots[:, at])

    def _forms(self, v: Floats) -> list[_Form]:
        """What is to be multiplied with each of the powers; kept where many blocks share it."""
        if (found := self._kept.get(key := v.tobytes())) is not None:
            return found
        m = np.tensordot(v.astype(np.float64), self._exact, 1)  # [k, r, r]; or, diagonal, [k, r]
        constant = 2 * (v @ self._inner.T).astype(np.float64)  # of Cᵀe + Bᵀō, [k, r]
        constant[0] += 2 * (self._inner_b2 + self._shift)
        forms = [self._form(m, constant, i, j) for i in range(len(v)) for j in range(i, len(v))]
        if len(v) == 1:
            self._kept[key] = forms
        return forms

    def _form(self, m: Doubles, constant: Doubles, i: int, j: int) -> _Form:
        """What x[i]·x[j] is multiplied with."""
        first, second = m[i], m[j]
        if self._diagonal:
            product, linear, along = first * second, first * constant[j], self._along * second
            other = second * constant[i]
        else:
            product, linear, along = first.T @ second, first.T @ constant[j], self._along @ second
            other = second.T @ constant[i]
        if i == 0:  # x[0] is 1
            product = product + second
        else:
            along = np.zeros_like(along)
        if i == j:
            return _Form(product + (second.T if i == 0 else 0), linear, along)
        return _Form(product + product.T, linear + other, along)

    def _add_each(
        self,
        directions: Floats,
        x: Floats,
        v: Floats,
        z: Floats,
        units: npt.NDArray[np.intp],
        square: Floats,
        dots: Floats,
    ) -> None:
        g = directions[:, : self._rank]
        y = np.zeros_like(g)  # M·g
        for column, weights in zip(x, np.tensordot(v, self._weights, 1), strict=True):
            y += column[:, None] * self._product(g, weights)
        for column, unit in zip(z, units, strict=True):
            y += column[:, None] * self._product(g, self._weights[unit])
        other = directions[:, self._rank :] if not self._tied else g + self._shift  # CᵀO
        other = other + x.T @ (v @ self._inner.T) + z.T @ self._inner[:, units].T + self._inner_b2
        other *= 2
        other += y
        square += np.vecdot(y, other)
        dots += self._along @ y.T

    def _product(self, g: Floats, m: Floats) -> Floats:
        return np.asarray(g * m if self._diagonal else g @ m.T, np.float32)
