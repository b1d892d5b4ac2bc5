"""Dot products of float16 vectors with float32 queries, exact to float32 rounding, near the speed of reading them.

NumKong's kernels multiply float16 with float16 and add up in float32. So a query goes in as two float16 vectors, its
rounded value and 2048 times what rounding took away, which together hold 22 bits; four columns side by side are quicker
than two, so zeros fill up. Many queries are a matrix product: the vectors are then converted piece by piece.

It does not know where vectors come from.
"""

import numkong
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Halves = npt.NDArray[np.float16]

_REST = np.float32(2048)  # 2¹¹, the digits of a float16
_FEW = 8  # queries up to which two float16 vectors each are quicker than converting the vectors
_PIECE = 512  # rows at a time: half a megabyte, which stays in the second-level cache


class Dots:
    """b queries, prepared.

    Args:
        queries: float32 [b, d], values of at most 65,504.

    Attributes:
        queries: How many, b.
    """

    def __init__(self, queries: Floats) -> None:
        self._columns, self.queries = queries, (b := len(queries))
        self._packed = None
        self._sum = np.eye(b, dtype=np.float32)  # puts the columns of each query together, [columns, b]
        if b <= _FEW:
            halves = np.zeros((-(-2 * b // 4) * 4, queries.shape[1]), np.float16)
            halves[:b] = queries
            halves[b : 2 * b] = (queries - halves[:b].astype(np.float32)) * _REST
            self._packed = numkong.dots_pack(halves)
            self._sum = np.zeros((len(halves), b), np.float32)
            self._sum[:b], self._sum[b : 2 * b] = np.eye(b), np.eye(b) / _REST

    def of(self, vectors: Halves, rows: slice | npt.NDArray[np.int64], out: Floats) -> None:
        """Dot products with some rows of float16 vectors [n, d], into `out`, [b, rows]."""
        n = out.shape[1]
        piece = np.empty((min(n, _PIECE), vectors.shape[1]), np.float16)
        parts = np.empty((n, len(self._sum)), np.float32)
        for start in range(0, n, _PIECE):
            stop = min(start + _PIECE, n)
            chosen = slice(rows.start + start, rows.start + stop) if isinstance(rows, slice) else rows[start:stop]
            here = piece[: stop - start]
            here[:] = vectors[chosen]  # in one stream; the kernel takes several rows in turns
            parts[start:stop] = self._product(here)
        np.matmul(self._sum.T, parts.T, out=out)

    def _product(self, vectors: Halves) -> Floats:
        """With every column of what the queries were made into, [n, columns]."""
        if self._packed is not None:
            return np.asarray(numkong.dots_packed(vectors, self._packed))
        floats = np.empty(vectors.shape, np.float32)
        numkong.astype(vectors, "float32", out=floats)
        return floats @ self._columns.T
