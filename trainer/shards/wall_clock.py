"""Times as cameras and programs write them, read into the wall clock at the place and how far it is ahead of UTC.

Read are year, month, day with ``:``, ``-``, ``/``, ``.`` or nothing between, or day.month.year; then an hour with
minutes, with seconds and their fraction, with AM or PM where they stand; then ``Z`` or an offset. A date without an
hour is no moment: no hour is made up. It does not know where a time comes from.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

LOCAL_AHEAD_OF_UTC = (timedelta(hours=-12, minutes=-5), timedelta(hours=14, minutes=5))
"""Zones run from UTC−12 to UTC+14; five minutes for a camera's clock."""

_DAY = (
    r"(?:(?P<y1>\d{4})(?P<sign>[:/.-])(?P<m1>\d{1,2})(?P=sign)\s?(?P<d1>\d{1,2})"
    r"|(?P<d2>\d{1,2})\.(?P<m2>\d{1,2})\.(?P<y2>\d{4}))"
)
_FRACTION, _ZONE = r"(?:[.,:](?P<fraction>\d{1,9}))?", r"(?:\s?(?P<zone>[Zz]|UTC|GMT|[+-]\d{2}(?::?\d{2})?))?"
_CLOCK = (
    rf"(?P<hour>\d{{1,2}})(?P<between>[:.])(?P<minute>\d{{2}})(?:(?P=between)(?P<second>\d{{2}}){_FRACTION})?"
    r"(?:\s?(?P<half>[AaPp])\.?[Mm]\.?)?"
)
_SPACED = re.compile(rf"{_DAY}(?:\s?[T_,]\s?|\s+){_CLOCK}{_ZONE}", re.ASCII)
# all digits of each, so that a count of seconds is none of these
_SOLID = re.compile(
    r"(?P<y1>\d{4})(?P<m1>\d{2})(?P<d1>\d{2})[T_ -]?(?P<hour>\d{2}):?(?P<minute>\d{2})"
    rf"(?::?(?P<second>\d{{2}}){_FRACTION})?{_ZONE}",
    re.ASCII,
)
_PADDED = re.compile(r"(?<=[:\s])\s(?=\d(?:[:\s]|$))")  # 2021: 7: 4  8: 5: 0
_DATE = re.compile(rf"(?:{_DAY}|\d{{8}})[\sT:]*", re.ASCII)


@dataclass(frozen=True)
class WallClock:
    """A moment at a place.

    Attributes:
        local: Naive, as the clock on the wall shows it.
        ahead: Of UTC; None where the text does not say it.
    """

    local: datetime
    ahead: timedelta | None = None

    @property
    def utc(self) -> datetime | None:
        """The same moment, aware; None where it is not known how far the clock is ahead."""
        if self.ahead is None or not LOCAL_AHEAD_OF_UTC[0] <= self.ahead <= LOCAL_AHEAD_OF_UTC[1]:
            return None
        return self.local.replace(tzinfo=timezone(self.ahead)).astimezone(UTC)


def parse_wall_clock(text: str) -> WallClock | None:
    """Read a date with a time of day; None for anything less, such as all zeros, the 31st of June, or a date alone."""
    text = _PADDED.sub("0", text.strip())
    found = _SPACED.fullmatch(text) or _SOLID.fullmatch(text)
    if found is None:
        return None
    parts = found.groupdict()
    year, month, day = (int(parts[f"{name}1"] or parts[f"{name}2"]) for name in "ymd")
    hour, half = int(parts["hour"]), parts.get("half")
    if half and hour <= 12:  # 18:05 PM is written too
        hour = hour % 12 + 12 * (half in "Pp")
    clock = hour, int(parts["minute"]), int(parts["second"] or 0), microseconds(parts["fraction"])
    try:
        local = datetime(year, month, day, *clock)
    except ValueError:
        return None
    if not 1 < year < 9999:  # these stand for unknown, and have hours that are in no year of UTC
        return None
    return WallClock(local, parse_offset(parts["zone"] or ""))


def has_no_hour(text: str) -> bool:
    """Is it a date, and nothing of the time of day?"""
    return _DATE.fullmatch(text.strip()) is not None


def parse_offset(text: str) -> timedelta | None:
    """Read ``Z``, ``+02:00``, ``-0330``, ``+02``: how far a clock is ahead of UTC."""
    if text.upper() in ("Z", "UTC", "GMT"):
        return timedelta(0)
    found = re.fullmatch(r"([+-])(\d{2}):?([0-5]\d)?", text, re.ASCII)
    if found is None:
        return None
    return timedelta(hours=int(found[2]), minutes=int(found[3] or 0)) * (-1 if found[1] == "-" else 1)


def microseconds(digits: str | None) -> int:
    """Read what stands behind the point of a second: .5 is 500,000."""
    return int(digits[:6].ljust(6, "0")) if digits and digits.isascii() and digits.isdigit() else 0
