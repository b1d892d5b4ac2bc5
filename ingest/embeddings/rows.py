"""Rows of a table of embeddings as tiles: names, places, dates and vectors of what is sound, and why the rest is not.

It knows neither files nor the archive.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ingest.embeddings.dates import moments_of, parse_moment_utc
from ingest.embeddings.geo_header import GeoHeader
from ingest.embeddings.layouts import Roles
from ingest.embeddings.major_tom import cell_squares
from ingest.embeddings.outlines import WHY, GroundSquares, Reasons, checked, squares_of_wkb, undecided
from ingest.embeddings.quantised import Rule

if TYPE_CHECKING:
    import pyarrow as pa

Floats = npt.NDArray[np.float32]

SENTINEL_2_M = 10.0
"""Side of the pixels that Major TOM cuts its patches from, metres."""
_WORST = 0.01  # of a vector's length that float16 may cost it; it costs 0.0003 unless numbers are tiny

WHY_VECTOR = {
    "no_vector": "it has no vector",
    "wrong_length": "its vector is of another length than the others",
    "not_finite": "its vector has numbers that are missing, NaN or infinite",
    "zero_vector": "its vector is zero, which has no direction",
    "not_float16": "its vector has numbers beyond 65,504 or so small that float16, which the archive keeps, loses them",
    "no_id": "it has no id, or one that is blank, over 200 characters long, or has control characters",
    "duplicate_id": "a row before it has the same id",
}


@dataclass(frozen=True)
class RowReading:
    """How rows are read.

    Attributes:
        roles: What the columns are.
        header: Of the geometry column; None: places come from other columns.
        dim: Numbers in a stored vector.
        rule: How whole numbers become floats; None: they are floats, or a column says by what they are multiplied.
        side_m: Side of the square around a point; None: a point is no footprint.
        told_date: A date for rows that say none.
        origin: What rows that say nothing else are of.
    """

    roles: Roles
    header: GeoHeader | None
    dim: int
    rule: Rule | None = None
    side_m: float | None = None
    told_date: str | None = None
    origin: str | None = None


@dataclass(frozen=True)
class TileRows:
    """m sound rows of n, and why the others are not.

    Attributes:
        columns: Of the archive, by name, [m].
        vectors: float32 [m, d].
        reasons: [n], a key of `WHY` or `WHY_VECTOR`, None where a row is sound.
        unread_dates: Rows whose date could not be read; they have none.
    """

    columns: dict[str, Any]
    vectors: Floats
    reasons: Reasons
    unread_dates: int


def why(reason: str) -> str:
    """A reason code as a sentence about a row."""
    return WHY_VECTOR.get(reason) or WHY[reason]


def tile_rows(table: "pa.Table", reading: RowReading, ids: Sequence[str], barred: Reasons) -> TileRows:
    """Rows of a table.

    Args:
        table: The columns of `Roles.read`, n rows.
        reading: How they are read.
        ids: Names of the tiles, [n].
        barred: Rows that are out already, with the reason, such as a second one of the same name.
    """
    import pyarrow as pa

    roles, reasons = reading.roles, barred.copy()
    vectors, told = vectors_of(table, reading)
    _add(reasons, told)
    squares = _squares(table, reading)
    _add(reasons, squares.reasons)
    sound = np.flatnonzero(undecided(reasons))
    dates, unread = _dates(table, reading)
    rows = pa.array(sound)

    def column(name: str | None) -> Any:
        return pa.nulls(len(sound)) if name is None else table[name].combine_chunks().take(rows)

    origin = column(roles.origin).cast(pa.string())
    norm = {}
    if roles.norm is not None:
        norm["norm"] = column(roles.norm).cast(pa.float32()).fill_null(np.nan).to_numpy(zero_copy_only=False)
    columns = {
        "tile_id": [ids[row] for row in sound.tolist()],
        "lat": squares.lat[sound],
        "lon": squares.lon[sound],
        "size_m": squares.size_m[sound],
        "acquired_at": dates.take(rows),
        "gsd_m": column(roles.gsd_m).cast(pa.float32()),
        "valid_fraction": column(roles.valid_fraction).cast(pa.float32()),
        "origin": origin.fill_null(reading.origin) if reading.origin else origin,
    } | norm
    return TileRows(columns, vectors[sound], reasons, unread)


def vectors_of(table: "pa.Table", reading: RowReading) -> tuple[Floats, Reasons]:
    """Vectors, float32 [n, d], and why a row has none that can be kept."""
    roles = reading.roles
    stored, reasons = _stored(table, reading)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is what is looked for
        vectors = stored.astype(np.float32) if reading.rule is None else reading.rule.floats(stored)
        if roles.scale is not None and reading.rule is None:
            scales = table[roles.scale].combine_chunks().to_numpy(zero_copy_only=False).astype(np.float32)
            vectors *= scales[:, None]
        _mark(reasons, ~np.isfinite(stored if stored.dtype == np.float64 else vectors).all(axis=1), "not_finite")
    _add(reasons, not_kept(vectors))
    return vectors, reasons


def not_kept(vectors: Floats) -> Reasons:
    """Why float16, as the archive keeps it, cannot hold vectors, float32 [n, d]: a key of `WHY_VECTOR` or None, [n]."""
    reasons = np.full(len(vectors), None, np.object_)
    with np.errstate(over="ignore", invalid="ignore"):
        _mark(reasons, ~vectors.any(axis=1), "zero_vector")
        kept = vectors.astype(np.float16)
        lost = np.linalg.norm(np.where(np.isfinite(kept), kept, np.float16(0)).astype(np.float32) - vectors, axis=1)
        _mark(reasons, ~(lost <= _WORST * np.linalg.norm(vectors, axis=1)) | np.isinf(lost), "not_float16")
    return reasons


def _stored(table: "pa.Table", reading: RowReading) -> tuple[npt.NDArray[Any], Reasons]:
    """Numbers as they are stored, [n, d], zeros where a row has none; and why it has none."""
    import pyarrow.compute as pc

    roles, n = reading.roles, table.num_rows
    reasons = np.full(n, None, np.object_)
    if len(roles.vector) > 1:
        each = []
        for name in roles.vector:
            values, missing = _plain(table[name].combine_chunks())
            _mark(reasons, missing, "not_finite")
            each.append(values)
        return np.column_stack(each) if n else np.empty((0, len(each)), np.float32), reasons
    column = table[roles.vector[0]].combine_chunks()
    column = getattr(column, "storage", column)
    lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False).astype(np.float64)  # NaN where null
    _mark(reasons, np.isnan(lengths), "no_vector")
    _mark(reasons, lengths != reading.dim, "wrong_length")
    good = undecided(reasons)
    flat, missing = _plain((column if good.all() else column.filter(good)).flatten())
    stored = flat.reshape(-1, reading.dim)
    if not good.all():
        stored = np.zeros((n, reading.dim), flat.dtype)
        stored[good] = flat.reshape(-1, reading.dim)
    if missing.any():
        partly = np.zeros(n, np.bool_)
        partly[good] = missing.reshape(-1, reading.dim).any(axis=1)
        _mark(reasons, partly, "not_finite")
    return stored, reasons


def _plain(numbers: "pa.Array") -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Numbers in the type that they are stored in, 0 where one is null, and where; whole ones stay whole."""
    missing = np.asarray(numbers.is_null().to_numpy(zero_copy_only=False), np.bool_)
    return (numbers.fill_null(0) if missing.any() else numbers).to_numpy(zero_copy_only=False), missing


def _squares(table: "pa.Table", reading: RowReading) -> GroundSquares:
    """Where rows lie: by columns of middles and sides, else by outlines, else by middles and a size, else by cells."""
    roles, n = reading.roles, table.num_rows
    none = np.full(n, None, np.object_)

    def numbers(name: str) -> npt.NDArray[np.float64]:
        return np.asarray(table[name].combine_chunks().cast("float64").to_numpy(zero_copy_only=False), np.float64)

    middles = roles.lat is not None and roles.lon is not None
    if middles and roles.size_m is not None:
        assert roles.lat and roles.lon  # noqa: S101 - for the type checker
        return checked(numbers(roles.lat), numbers(roles.lon), numbers(roles.size_m), none)
    if roles.geometry is not None and reading.header is not None:
        stored = np.array([*table[roles.geometry].to_pylist(), None], np.object_)[:-1]
        return squares_of_wkb(stored, reading.header, reading.side_m)
    cells = cell_squares(table[roles.cell].to_pylist()) if roles.cell is not None else None
    if middles:
        assert roles.lat and roles.lon  # noqa: S101
        side = cells[2] if cells else np.full(n, np.nan)
        if roles.pixels is not None:
            side = _pixels_wide(table[roles.pixels].to_pylist()) * SENTINEL_2_M
        elif reading.side_m is not None:
            side = np.full(n, reading.side_m)
        return checked(numbers(roles.lat), numbers(roles.lon), side, none)
    assert cells is not None  # noqa: S101 - what has no place at all is refused when it is opened
    return checked(*cells, none)


def _pixels_wide(boxes: Sequence[Sequence[int] | None]) -> npt.NDArray[np.float64]:
    """How wide boxes of pixels are, given as left, top, right and bottom, [n]; NaN where there is none."""
    sound = [box is not None and len(box) == 4 and None not in box for box in boxes]
    return np.array([box[2] - box[0] if good and box else np.nan for box, good in zip(boxes, sound, strict=True)])


def _dates(table: "pa.Table", reading: RowReading) -> "tuple[pa.Array, int]":
    import pyarrow as pa

    kind = pa.timestamp("us", "UTC")
    told = None if reading.told_date is None else parse_moment_utc(reading.told_date)
    if reading.roles.date is None:
        return pa.array([told] * table.num_rows, kind), 0
    dates, unread = moments_of(table[reading.roles.date].combine_chunks())
    return (dates if told is None else dates.fill_null(pa.scalar(told, kind))), unread


def _add(reasons: Reasons, others: Reasons) -> None:
    open_ = undecided(reasons)
    reasons[open_] = others[open_]


def _mark(reasons: Reasons, where: Any, reason: str) -> None:
    reasons[where & undecided(reasons)] = reason
