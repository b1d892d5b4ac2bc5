"""How a moment turns each tile: the part of the formula that is M's, for a block of tiles.

    S·q   gains  (M g)·(Cᵀq)
    ‖S‖²  gains  (M g)·(M g + 2 CᵀO + 2 Cᵀe),      CᵀO = g + Bᵀō where C is B

M and e are straight lines in the place columns x of the block, but for units that switch within it: M·g is a sum of
products of g with a matrix for each column that changes. Where none does (with the seasons' encoding: anywhere but
near the equator) all tiles of a block have the one M, and what is added is one quadratic form: gᵀ(MᵀM + M + Mᵀ)g and
a part that is linear in g, one product of g with an [r, r] matrix.

It does not know e's own part, nor what is kept on a disk.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ingest.field.encoder import Floats

if TYPE_CHECKING:
    from trainer.embedder import InteractionWeights

_PIECE = 1_024  # tiles at a time: g and its product, half a megabyte, stay in the second-level cache


class Interaction:
    """M's part of the formula, for b unit queries.

    Args:
        met: Its arrays.
        w2: [d, h].
        b2: [d].
        queries: float32 [b, d].
    """

    def __init__(self, met: "InteractionWeights", w2: Floats, b2: Floats, queries: Floats) -> None:
        self._weights = met.weights
        self._tied, self._diagonal, self._rank = met.tied, met.diagonal, met.basis.shape[1]
        self._shift = met.mean @ met.basis  # Bᵀō, [r]
        self._inner = met.out_basis.T @ w2  # CᵀW2, [r, h]
        self._inner_b2 = met.out_basis.T @ b2  # Cᵀb2, [r]
        self._along = queries @ met.out_basis  # qᵀC, [b, r]

    def add(
        self,
        directions: Floats,
        x: Floats,
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
            v: z in them, [k, h]: of the units that do not switch.
            z: Of those that do, [u, n].
            units: Which ones they are, [u].
            square: ‖S‖² so far, [n].
            dots: S·q so far, [b, n].
        """
        one = self._tied and len(v) == 1 and not len(units)
        form = self._form(v[0]) if one else None
        for start in range(0, len(square), _PIECE):
            at = slice(start, start + _PIECE)
            if form is not None:
                self._add_form(directions[at], *form, square[at], dots[:, at])
            else:
                self._add_each(directions[at], x[:, at], v, z[:, at], units, square[at], dots[:, at])

    def _form(self, z: Floats) -> tuple[Floats, Floats, Floats]:
        """Where M is the same for all: the quadratic form, [r, r] or [r]; the linear one, [r]; q's, [b, r]."""
        m = np.tensordot(z.astype(np.float64), self._weights, 1)
        constant = 2 * (self._inner @ z + self._inner_b2 + self._shift)
        if self._diagonal:
            quadratic, linear, along = m * m + 2 * m, m * constant, self._along * m
        else:
            quadratic, linear, along = m.T @ m + m + m.T, m.T @ constant, self._along @ m
        return quadratic.astype(np.float32), linear.astype(np.float32), along.astype(np.float32)

    def _add_form(
        self, g: Floats, quadratic: Floats, linear: Floats, along: Floats, square: Floats, dots: Floats
    ) -> None:
        y = g * quadratic if self._diagonal else g @ quadratic
        y += linear
        square += np.vecdot(g, y)
        dots += along @ g.T

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
