"""Dates of rows as moments in UTC, whatever type a column has. A date that cannot be read is none, and is counted."""

import math
from datetime import UTC, datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from trainer.errors import SourceError

if TYPE_CHECKING:
    import pyarrow as pa

_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}  # in units of a column of timestamps
_YEARS_S = [
    round((datetime(*day, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    for day in ((1, 1, 1), (9999, 12, 31))
]
"""The first and the last day of a `datetime`, seconds since 1970."""


def moments_of(column: "pa.Array") -> "tuple[pa.Array, int]":
    """A column of dates as timestamps in UTC, null where there is none, and how many could not be read.

    A date without a time zone is UTC; a day is its first moment. Texts are ISO 8601, with signs or without. One before
    the year 1 or after 9999, such as milliseconds that are called seconds, cannot be read.

    Raises:
        SourceError: It is no column of dates.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, target = column.type, pa.timestamp("us", "UTC")
    if pa.types.is_dictionary(kind):
        column, kind = column.dictionary_decode(), kind.value_type
    if pa.types.is_null(kind):
        return pa.nulls(len(column), target), 0
    if pa.types.is_timestamp(kind):
        found, lost = _within(column, _SECOND[kind.unit])
        # digits below a microsecond are cut, as every clock of imagery allows
        plain = pc.cast(found, pa.timestamp("us", kind.tz), safe=False)
        return (plain if kind.tz is None else plain.cast(pa.timestamp("us", "UTC"))).cast(target), lost
    if pa.types.is_date(kind):
        days, lost = _within(column.cast(pa.date32()), Fraction(1, 86_400))
        return days.cast(pa.timestamp("us")).cast(target), lost
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _read(column, target)
    raise SourceError(f"dates of type {kind} are not read: give a column of timestamps, days or ISO 8601 texts")


def parse_moment_utc(text: str) -> datetime | None:
    """One date as ISO 8601 says it, in UTC; None where it is none."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):  # in UTC it is of no year that there is
        return None


def _within(column: "pa.Array", second: int | Fraction) -> "tuple[pa.Array, int]":
    """Dates of the years 1 to 9999, others null, and how many those are; `second` is in the column's units."""
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = column.cast(pa.int32()).cast(pa.int64()) if pa.types.is_date32(column.type) else column.cast(pa.int64())
    most = 2**63 - 1  # nanoseconds end before the years do
    first, last = (max(-most, min(math.floor(end * second), most)) for end in _YEARS_S)
    inside = pc.and_(pc.greater_equal(plain, first), pc.less_equal(plain, last))
    found = pc.if_else(inside, column, pa.scalar(None, column.type))
    return found, found.null_count - column.null_count


def _read(column: "pa.Array", target: Any) -> "tuple[pa.Array, int]":
    import pyarrow as pa

    # a file of a scene has one date a million times
    coded = column.dictionary_encode()
    known = pa.array([parse_moment_utc(text) for text in coded.dictionary.to_pylist()], target)
    found = known.take(coded.indices)
    return found, found.null_count - column.null_count
