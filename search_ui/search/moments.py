"""Moments as a person writes them: wall-clock time at the place, of which the date or the hour may be missing.

    2025-07-14T18, 2025-07-14T18:30    a date and an hour: `datetime`
    2025-07-14                         a date, at no hour: `date`
    2025-07T18, 2025-07                the same of a month, on any weekday: `MonthHour`, `Month`; its 15th stands for it
    T18, 18:30                         an hour, on no date: `time`

So is each as `isoformat` writes it, such as 18:00:00: answers, links and kept questions say it that way.
It does not know time zones: 18 h is when the clocks there say so.
"""

import re
from datetime import date, datetime, time

from trainer.encoding import Month, MonthHour, When, at_hour
from trainer.errors import UsageError

_DATE = r"(?P<year>\d{4})-(?P<month>\d{1,2})(?:-(?P<day>\d{1,2}))?"
_HOUR = r"(?P<hour>\d{1,2})(?::(?P<minute>\d{2}))?(?::(?P<second>\d{2}))?"
_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?"
_FORMS = tuple(re.compile(form) for form in (rf"{_DATE}(?:[T ]{_HOUR})?", rf"T{_HOUR}", _CLOCK))


def parse_moment(text: str) -> When:
    """Read a moment.

    Raises:
        UsageError: It is no moment, has a time zone, or is not in the calendar (February 30, hour 24).
    """
    match = next((found for form in _FORMS if (found := form.fullmatch(text.strip()))), None)
    if match is None:
        raise UsageError(
            f"moment {text[:40]!r} cannot be read: write 2025-07-14T18, 2025-07-14, 2025-07 or T18, "
            "wall-clock time at the place without a zone"
        )
    fields = {name: int(value) for name, value in match.groupdict().items() if value is not None}
    try:
        day = None if "year" not in fields else _day(fields)
        clock = time(fields["hour"], fields.get("minute", 0), fields.get("second", 0)) if "hour" in fields else None
    except ValueError as error:
        raise UsageError(f"moment {text[:40]!r} does not exist: {error}; hours go from 0 to 23") from error
    if day is not None and clock is not None:
        return at_hour(day, clock)
    return clock if day is None else day


def _day(fields: dict[str, int]) -> date:
    if "day" in fields:
        return date(fields["year"], fields["month"], fields["day"])
    return Month.of(fields["year"], fields["month"])


def say_moment(when: When) -> str:
    """A moment for a title, such as `14 July 2025, 18:00` or `July 2025`."""
    match when:
        case None:
            return "any time"
        case MonthHour():
            return f"{when:%B %Y}, {when:%H:%M}"
        case Month():
            return f"{when:%B %Y}"
        case datetime():
            return f"{when.day} {when:%B %Y}, {when:%H:%M}"
        case date():
            return f"{when.day} {when:%B %Y}"
        case _:
            return f"{when:%H:%M}"
