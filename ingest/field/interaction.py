"""How a moment turns each tile: the part of the formula that is M's, for a block of tiles.

    S·q   gains  y·(Cᵀq),      y = M g
    ‖S‖²  gains  y·(y + 2 Cᵀe)

beside what P has of it. M and e are straight lines in the place columns x of the block, but for units that switch
within it. Where no column changes (with the seasons' encoding: all farther than 28° from the equator, or nearer than
10°) one M serves all blocks, and of it only what y·y needs: M = QR, ‖M g‖ = ‖R g‖, and R is a triangle.

Singular vectors, of which fewer than r might do, gain nothing: the values of the bundled model's M fall from 1.5 to .1,
and one of .02 is worth 1e-5 of a cosine. It does not know e's own part, nor what is kept on a disk.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ingest.field.blocks import scratch
from ingest.field.encoder import Floats, Turning

if TYPE_CHECKING:
    from trainer.encoder import InteractionWeights

_WIDE = 32  # columns of the triangle at a time: fewer would be more products, more columns more that is zero
_PIECE = 480  # tiles of one product: OpenBLAS multiplies up to 100³ numbers as they lie
_TOGETHER = 960  # tiles at a time where there are several M: what one column gives is in the cache for the next


class _One:
    """One M for all tiles of a block.

    Args:
        m: M, float64 [r, r]; or, diagonal, [r].
        inner: Cᵀe, float64 [r].
        along: Cᵀq of b queries, [b, r].
    """

    def __init__(self, m: npt.NDArray[np.float64], inner: npt.NDArray[np.float64], along: Floats) -> None:
        lines = np.concatenate([2 * inner[None], along])  # of y, [1 + b, r]
        self._lines = (lines * m if m.ndim == 1 else lines @ m).T.astype(np.float32)  # of g, [r, 1 + b]
        factor = m if m.ndim == 1 else np.linalg.qr(m)[1].T
        self._factor = np.ascontiguousarray(factor, np.float32)  # by rows: half as long as by columns

    def add(self, g: Floats, columns: Floats, square: Floats, dots: Floats) -> None:  # noqa: ARG002 - it is 1
        """Adds M's part to ‖S‖², [n], and S·q, [b, n], of n tiles, g [n, r]; the only column is 1."""
        y = g * self._factor if self._factor.ndim == 1 else scratch(*g.shape)
        lines = np.empty((len(g), self._lines.shape[1]), np.float32)
        starts = range(0, y.shape[1], _WIDE) if self._factor.ndim > 1 else ()
        for pieces, product, line in _pieces(g, y, lines):
            np.matmul(pieces, self._lines, out=line)
            for first in starts:  # rows above are zero: three quarters of the work where r = 64
                some = slice(first, first + _WIDE)
                np.matmul(pieces[..., first:], self._factor[first:, some], out=product[..., some])
        square += np.vecdot(y, y)
        square += lines[:, 0]
        dots += lines[:, 1:].T


class _Several:
    """One M for each of the columns that M is a sum over: x, of which the first is 1, and units that switch.

    Args:
        m: [c, r, r]; or, diagonal, [c, r].
        inner: 2 Cᵀe in the columns, [c, r].
        along: Cᵀq of b queries, [b, r].
    """

    def __init__(self, m: Floats, inner: Floats, along: Floats) -> None:
        self._m = m if m.ndim == 2 else np.ascontiguousarray(m.transpose(0, 2, 1))
        self._inner, self._along = inner, along

    def add(self, g: Floats, columns: Floats, square: Floats, dots: Floats) -> None:
        """Adds M's part to ‖S‖², [n], and S·q, [b, n], of n tiles, g [n, r], columns [c, n]."""
        product = np.multiply if self._m.ndim == 2 else np.matmul
        for start in range(0, len(g), _TOGETHER):
            at = slice(start, start + _TOGETHER)
            n = len(g[at])
            both = scratch(2 * n, g.shape[1])
            y, other = both[:n], both[n:]
            product(g[at], self._m[0], out=y)
            for column, m in zip(columns[1:, at], self._m[1:], strict=True):
                product(g[at], m, out=other)
                other *= column[:, None]
                y += other
            dots[:, at] += self._along @ y.T
            np.matmul(columns[:, at].T, self._inner, out=other)
            other += y
            square[at] += np.vecdot(y, other)


class Interaction:
    """M's part of the formula, for b unit queries.

    Args:
        met: Its arrays.
        turning: What `FieldEncoder` has made of them.
        queries: float32 [b, d].
    """

    def __init__(self, met: "InteractionWeights", turning: Turning, queries: Floats) -> None:
        self._weights, self._turning, self._diagonal = met.weights, turning, met.diagonal
        self._along = queries @ met.out_basis  # qᵀC, [b, r]
        self._kept: dict[bytes, _One] = {}

    def add(
        self,
        g: Floats,
        x: Floats,
        v: Floats,
        z: Floats,
        units: npt.NDArray[np.intp],
        square: Floats,
        dots: Floats,
    ) -> None:
        """Adds M's part at one moment.

        Args:
            g: Of n tiles, [n, r].
            x: 1 and the place columns that change within the block, [k, n].
            v: z in x, [k, h]: of the units that do not switch.
            z: Of those that do, [u, n].
            units: Which ones they are, [u].
            square: ‖S‖² so far, [n].
            dots: S·q so far, [b, n].
        """
        met = self._one(v[0]) if len(v) == 1 and not len(units) else self._several(v, units)
        met.add(g, np.concatenate([x, z]), square, dots)

    def add_lines(self, g: Floats, x: Floats, v: Floats, square: Floats, dots: Floats) -> None:
        """Adds M's part but ‖M·g‖² where no unit switches, arguments as for `add`: what is left is linear in g."""
        k, r = len(v), g.shape[1]
        by = np.concatenate([self._inner(v), self._along])  # [k + b, r]
        m = np.tensordot(v, self._weights, 1)  # [k, r, r], or, diagonal, [k, r]
        lines = m[:, None] * by if self._diagonal else by @ m  # [k, k + b, r]
        found = (g @ np.ascontiguousarray(lines.reshape(-1, r).T)).reshape(-1, k, k + len(self._along))
        found = np.einsum("kn,nkc->cn", x, found) if k > 1 else found[:, 0].T  # [k + b, n]
        square += np.einsum("kn,kn->n", x, found[:k]) if k > 1 else found[0]
        dots += found[k:]

    def add_at(self, g: Floats, z: Floats, square: Floats, dots: Floats) -> None:
        """Adds M's part of n tiles at T moments: g [n, r], z [n, T, h]; to ‖S‖², [n, T], and S·q, [n, T, b]."""
        # first what each unit makes of a tile, Mⱼ·g: then a moment is one product more
        by_direction = self._turning.by_direction
        each = by_direction * g[:, None] if self._diagonal else (g @ by_direction).reshape(len(g), -1, g.shape[1])
        y = z @ each  # [n, T, r]
        inner = z @ self._turning.inner.T
        inner += self._turning.inner_b2
        inner *= 2
        inner += y
        square += np.vecdot(y, inner)
        dots += y @ self._along.T

    def _one(self, z: Floats) -> _One:
        """Of the same z everywhere, [h]; kept, for many blocks share it."""
        found = self._kept.get(key := z.tobytes())
        if found is None:
            inner = self._turning.inner @ z + self._turning.inner_b2
            found = _One(np.tensordot(z, self._turning.exact, 1), inner.astype(np.float64), self._along)
            self._kept[key] = found
        return found

    def _several(self, v: Floats, units: npt.NDArray[np.intp]) -> _Several:
        """Of z = vᵀx and of the units that switch."""
        m = np.concatenate([np.tensordot(v, self._weights, 1), self._weights[units]])
        return _Several(m, np.concatenate([self._inner(v), 2 * self._turning.inner[:, units].T]), self._along)

    def _inner(self, v: Floats) -> Floats:
        """2 Cᵀe in x, of which the first is 1, [k, r]."""
        inner: Floats = 2 * (v @ self._turning.inner.T)
        inner[0] += 2 * self._turning.inner_b2
        return inner


def _pieces(*arrays: Floats) -> Iterator[list[Floats]]:
    """Views of arrays of n rows each, [p, rows, …]: of the whole pieces, then of what is left.

    One call multiplies all pieces, so that threads hand the interpreter over once a block, not once a piece.
    """
    n = len(arrays[0])
    whole = n - n % _PIECE
    if whole:
        yield [array[:whole].reshape(-1, _PIECE, *array.shape[1:]) for array in arrays]
    if whole < n:
        yield [array[None, whole:] for array in arrays]
