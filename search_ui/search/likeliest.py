"""When a thing is likeliest to be seen somewhere: a span of months, a span of hours, and the best moment of all.

    May to October, 10 to 18 h      November to February      20 to 4 h      June, 6 h

Both spans are whole turns of a circle cut once, so either may run across the new year or midnight. The hours are those
of some of these months, and of any weekday. So where it is not now, and the moment lies in both spans all the same, it
is said what keeps it away:

    16 to 8 h, in July 20 to 4 h            in that month the hours are others
    10 to 20 h, on other days of the week   on that weekday it is not
    4 to 20 h, best in June at 12 h         neither

It does not know how the chances are made.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from trainer.encoding import MonthHour, When

Floats = npt.NDArray[np.float32]

HOURS = tuple(range(0, 24, 2))
TYPICAL = tuple(MonthHour.of(2025, month, hour) for month in range(1, 13) for hour in HOURS)
"""The moments at which a tile is looked at: every second hour of each month."""

LIKELY = 0.5  # chance of "now" from which on a moment belongs to the span

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

Span = tuple[int, int]
Hemisphere = Literal["north", "south"]


@dataclass(frozen=True)
class Likeliest:
    """When a thing is likeliest.

    Attributes:
        months: First and last month, 1 to 12; last < first across the new year; None: all the year.
        hours: First and last hour, local wall-clock time, 0 to 23; last < first across midnight; None: all the day.
        month: The best one.
        hour: The best one in it.
        but: What is to be said besides of a moment that lies in both spans and is not one of them; empty: nothing.
        hemisphere: Of which places this is said, where there are such on both sides of the equator; None: of all.
    """

    months: Span | None
    hours: Span | None
    month: int
    hour: int
    but: str = ""
    hemisphere: Hemisphere | None = None

    @classmethod
    def of(cls, now: Floats, *, missed: When = None, on_other_days: bool = False) -> "Likeliest":
        """From the chance that it is now at each of the `TYPICAL` moments, [144]: the spans round the best one.

        Args:
            now: The chances.
            missed: A moment at which it is not.
            on_other_days: Whether it is on other days of that week.
        """
        year = now.reshape(12, len(HOURS))
        month, hour = (int(i) for i in np.unravel_index(int(np.argmax(year)), year.shape))
        months = _span(year.max(axis=1) >= LIKELY, month)
        hours = _hours(year[_within(months, 12)].max(axis=0), hour)
        found = cls(
            months=None if months is None else (months[0] + 1, months[1] + 1), hours=hours, month=month + 1,
            hour=HOURS[hour],
        )  # fmt: skip
        return found if missed is None else replace(found, but=found._but(year, missed, on_other_days))

    def _but(self, year: Floats, missed: When, on_other_days: bool) -> str:
        """What keeps it away at a moment in both spans; year [12, 12]."""
        clock = missed.time() if isinstance(missed, datetime) else missed if isinstance(missed, time) else None
        month = missed.month if isinstance(missed, date) else None
        in_months = month is None or self.months is None or (month - self.months[0]) % 12 <= _length(self.months, 12)
        if not (in_months and _in_hours(self.hours, clock)):
            return ""
        if on_other_days:
            return "on other days of the week"
        if month is not None and clock is not None and year[month - 1].max() >= LIKELY:
            then = _hours(year[month - 1], int(year[month - 1].argmax()))
            if not _in_hours(then, clock):
                return f"in {_MONTHS[month - 1]} {_say_hours(then)}"
        return f"best in {_MONTHS[self.month - 1]} at {self.hour} h"

    def __str__(self) -> str:
        """Say it, such as `May to October, 10 to 18 h`."""
        months = None if self.months is None else " to ".join(dict.fromkeys(_MONTHS[m - 1] for m in self.months))
        spans = ", ".join(filter(None, (months, _say_hours(self.hours)))) or "at any time"
        side = None if self.hemisphere is None else f"{self.hemisphere} of the equator"
        return ", ".join(filter(None, (spans, self.but, side)))

    def as_dict(self) -> dict[str, Any]:
        """Say it in JSON types."""
        return {
            "months": None if self.months is None else list(self.months),
            "hours": None if self.hours is None else list(self.hours),
            "best": {"month": self.month, "hour": self.hour},
            "hemisphere": self.hemisphere,
            "says": str(self),
        }


def say_not_now(likeliest: Likeliest) -> str:
    """The sentence of every answer that is "not now"."""
    return f"not now: here it is likeliest {likeliest}"


def _span(likely: npt.NDArray[np.bool_], best: int) -> Span | None:
    """First and last of the neighbours of `best` on a circle that are likely; None: all of them are."""
    if likely.all():
        return None
    n = len(likely)
    first = last = best
    while likely[(first - 1) % n] and (first - 1) % n != last:
        first = (first - 1) % n
    while likely[(last + 1) % n] and (last + 1) % n != first:
        last = (last + 1) % n
    return first, last


def _hours(likely: Floats, best: int) -> Span | None:
    """The hours round the best of `HOURS`, of the chances at each."""
    found = _span(likely >= LIKELY, best)
    return None if found is None else (HOURS[found[0]], HOURS[found[1]])


def _in_hours(span: Span | None, clock: time | None) -> bool:
    if span is None or clock is None:
        return True
    return (clock.hour * 60 + clock.minute - span[0] * 60) % (24 * 60) <= _length(span, 24) * 60


def _length(span: Span, n: int) -> int:
    return (span[1] - span[0]) % n


def _say_hours(span: Span | None) -> str | None:
    return None if span is None else " to ".join(dict.fromkeys(str(h) for h in span)) + " h"


def _within(span: Span | None, n: int) -> npt.NDArray[np.int64]:
    """The numbers of a span on a circle of n."""
    if span is None:
        return np.arange(n)
    return (span[0] + np.arange(_length(span, n) + 1)) % n
