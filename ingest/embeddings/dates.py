"""Dates of rows as moments in UTC, whatever type a column has. A date that cannot be read is none, and is counted."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from trainer.errors import SourceError

if TYPE_CHECKING:
    import pyarrow as pa

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY_S = 86_400


def moments_of(column: "pa.Array") -> "tuple[pa.Array, int]":
    """A column of dates as timestamps in UTC, null where there is none, and how many could not be read.

    A date without a time zone is UTC; a day is its first moment. Texts are ISO 8601, with signs or without.

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
        column, gone = _of_the_calendar(column, _PER_SECOND[kind.unit])
        # digits below a microsecond are cut, as every clock of imagery allows
        plain = pc.cast(column, pa.timestamp("us", kind.tz), safe=False)
        return (plain if kind.tz is None else plain.cast(pa.timestamp("us", "UTC"))).cast(target), gone
    if pa.types.is_date(kind):
        column, gone = _of_the_calendar(column.cast(pa.date32()), 1 / _DAY_S)
        return column.cast(pa.timestamp("us")).cast(target), gone
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _read(column, target)
    raise SourceError(f"dates of type {kind} are not read: give a column of timestamps, days or ISO 8601 texts")


def parse_moment_utc(text: str) -> datetime | None:
    """One date as ISO 8601 says it, in UTC; None where it is none."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):  # in UTC it may be of no year any more
        return None


def _of_the_calendar(column: "pa.Array", per_second: float) -> "tuple[pa.Array, int]":
    """Moments of the years 1 to 9998, null for others, such as milliseconds taken for seconds; how many those are."""
    import pyarrow as pa
    import pyarrow.compute as pc

    stored = column.cast(pa.int32() if pa.types.is_date32(column.type) else pa.int64())
    first, last = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * per_second) for year in (1, 9999))
    most = 2**63 - 1  # nanoseconds reach from 1677 to 2262
    known = pc.and_(pc.greater_equal(stored, max(first, -most)), pc.less(stored, min(last, most)))
    found = pc.if_else(known, column, pa.scalar(None, column.type))
    return found, found.null_count - column.null_count


def _read(column: "pa.Array", target: Any) -> "tuple[pa.Array, int]":
    import pyarrow as pa

    # a file of a scene has one date a million times
    coded = column.dictionary_encode()
    known = pa.array([parse_moment_utc(text) for text in coded.dictionary.to_pylist()], target)
    found = known.take(coded.indices)
    return found, found.null_count - column.null_count
