"""Dot products of float16 vectors with float32 queries, exact to float32 rounding, near the speed of reading them.

NumKong multiplies float16 with float16, one row after the other, so that the next rows are read while one is worked on.
One query goes in as two float16 vectors, its rounded value and 2048 times what rounding took away, which together hold
22 bits. Several queries are a matrix product: the vectors are then converted piece by piece.

One query has this one way on every processor. On a core of an EPYC, held to AVX-512 and to AVX2, a million × 512 took
79 and 118 ms at the least; conversion by pieces and BLAS 93 and 107, which is no gain where there is AVX-512 and a
tenth where there is not; int8 copies 38 and 41, but they take half the disk more and leave all scores but the few
that are computed again inexact.

It does not know where vectors come from.
"""

import numkong
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Halves = npt.NDArray[np.float16]

_REST = np.float32(2048)  # 2¹¹, the digits of a float16
_PIECE = 512  # rows at a time: half a megabyte, which stays in the second-level cache


class Dots:
    """b queries, prepared.

    Args:
        queries: float32 [b, d], values of at most 65,504.
    """

    def __init__(self, queries: Floats) -> None:
        self._queries = queries
        self._halves: Halves | None = None
        if len(queries) == 1:
            rounded = queries.astype(np.float16)
            # scaled up, else it would fall among float16's subnormals and lose its bits
            rest = (queries - rounded.astype(np.float32)) * _REST
            self._halves = np.concatenate([rounded, rest.astype(np.float16)])

    def of(self, vectors: Halves, rows: slice | npt.NDArray[np.int64], out: Floats) -> None:
        """Dot products with some rows of float16 vectors [n, d], into `out`, [b, rows]."""
        if self._halves is not None and out.size:
            both = np.asarray(numkong.cdist(vectors[rows], self._halves, "dot"))  # float64 [rows, 2]
            np.add(both[:, 0], both[:, 1] / _REST, out=out[0], casting="same_kind")
            return
        n = out.shape[1]
        floats = np.empty((min(n, _PIECE), vectors.shape[1]), np.float32)
        for start in range(0, n, _PIECE):
            stop = min(start + _PIECE, n)
            chosen = slice(rows.start + start, rows.start + stop) if isinstance(rows, slice) else rows[start:stop]
            numkong.astype(vectors[chosen], "float32", out=floats[: stop - start])
            np.matmul(self._queries, floats[: stop - start].T, out=out[:, start:stop])
