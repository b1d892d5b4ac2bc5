"""Dot products of float16 vectors with float32 queries, exact to float32 rounding.

Vectors are converted to float32 by NumKong, piece by piece, and multiplied by NumPy's BLAS: one way for one query and
for many, on every processor.

Tried on a million × 512, one query, in milliseconds of processor time with AVX-512 and held to AVX2, on two cores of an
EPYC that others shared: this 94 and 99; NumKong's product of float16 with the query as two float16 vectors 93 and 128;
pieces of 512 rows 106 and 110, of 4,096 rows 124 and 113; reading alone 42 to 48. On a core alone: NumKong's packed
product with both halves at once, which is the fastest in the cache (47), 138 from memory; the query rounded to
float16, which errs by 4e-5, 47 and 64; NumPy's own conversion 850; int8 copies 38 and 41, but they take half the disk
more and leave all scores but the few that are computed again inexact.

It does not know where vectors come from.
"""

import numkong
import numpy as np
import numpy.typing as npt

from ingest.field.blocks import scratch

Floats = npt.NDArray[np.float32]
Halves = npt.NDArray[np.float16]

_PIECE = 1_024  # rows at a time: two megabytes of 512 floats each


def rough_products(queries: Halves, vectors: Halves) -> Floats:
    """Dot products of b rounded queries, float16 [b, d], with vectors, float16 [n, d]: float32 [b, n].

    Exact for those queries, to float32 rounding: off by |q − rounded|·|v| at most from those of q.
    """
    found: Floats = np.asarray(numkong.cdist(vectors, queries, "dot"), np.float32).reshape(len(vectors), -1).T
    return found


def dot_products(queries: Floats, vectors: Halves, rows: slice | npt.NDArray[np.int64], out: Floats) -> None:
    """Dot products of b queries, float32 [b, d], with some rows of vectors, float16 [n, d], into `out`, [b, rows]."""
    n = out.shape[1]
    floats = scratch(min(n, _PIECE), vectors.shape[1])
    for start in range(0, n, _PIECE):
        stop = min(start + _PIECE, n)
        chosen = slice(rows.start + start, rows.start + stop) if isinstance(rows, slice) else rows[start:stop]
        numkong.astype(vectors[chosen], "float32", out=floats[: stop - start])
        np.matmul(queries, floats[: stop - start].T, out=out[:, start:stop])
