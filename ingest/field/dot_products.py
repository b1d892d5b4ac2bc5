"""Dot products of float16 vectors with float32 queries, exact to float32 rounding.

One query, where the processor has AVX-512: as two float16 vectors, itself rounded and what that lacks, which NumKong
multiplies with the stored vectors as it reads them. Else the vectors are converted to float32 by NumKong, piece by
piece, and multiplied by NumPy's BLAS.

Tried on a quarter of a million × 512 in memory, one query, in nanoseconds a vector on one core and on both, with
AVX-512 and held to AVX2: the halves 82, 45 and 119, 113; floats 83, 63 and 87, 107; reading alone 33, 32. NumKong's
packed product with both halves at once is the fastest in the cache, 47, and reads memory slowly: 138, 73. The rounded
query alone, which errs by 4e-5: 48, 40. NumPy's own conversion takes ten times as long; int8 copies would take half
the disk more and leave all scores but the few that are computed again inexact.

It does not know where vectors come from.
"""

import numkong
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Halves = npt.NDArray[np.float16]
Rows = slice | npt.NDArray[np.int64]

_PIECE = 1_024  # rows at a time: two megabytes of 512 floats each
_FINER = np.float32(2**11)  # what float16 lacks of a number is below this part of it


def dot_products(queries: Floats, vectors: Halves, rows: Rows, out: Floats) -> None:
    """Dot products of b queries, float32 [b, d], with some rows of vectors, float16 [n, d], into `out`, [b, rows]."""
    multiply = _by_halves if len(queries) == 1 and numkong.get_capabilities()["skylake"] else _by_floats
    for start in range(0, out.shape[1], _PIECE):
        stop = min(start + _PIECE, out.shape[1])
        chosen = slice(rows.start + start, rows.start + stop) if isinstance(rows, slice) else rows[start:stop]
        multiply(queries, vectors[chosen], out[:, start:stop])


def _by_halves(query: Floats, vectors: Halves, out: Floats) -> None:
    rounded = query.astype(np.float16)
    lacking = ((query - rounded) * _FINER).astype(np.float16)  # larger, or float16 would leave it few digits
    both = numkong.cdist(vectors, np.concatenate([rounded, lacking]), "dot", out_dtype="float32")
    products = np.asarray(both)  # [n, 2]
    out[0] = products[:, 0] + products[:, 1] / _FINER


def _by_floats(queries: Floats, vectors: Halves, out: Floats) -> None:
    floats = np.empty(vectors.shape, np.float32)
    numkong.astype(vectors, "float32", out=floats)
    np.matmul(queries, floats.T, out=out)
