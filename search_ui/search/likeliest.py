"""When a thing is likeliest to be seen somewhere: a span of months, a span of hours, and the best moment of all.

    May to October, 10 to 18 h      November to February      20 to 4 h      June, 6 h

Both spans are whole turns of a circle cut once, so either may run across the new year or midnight. It does not know how
the chances are made.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from trainer.encoding import MonthHour

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
        hemisphere: Of which places this is said, where there are such on both sides of the equator; None: of all.
    """

    months: Span | None
    hours: Span | None
    month: int
    hour: int
    hemisphere: Hemisphere | None = None

    @classmethod
    def of(cls, now: Floats) -> "Likeliest":
        """From the chance that it is now at each of the `TYPICAL` moments, [144]: the spans round the best one."""
        year = now.reshape(12, len(HOURS))
        month, hour = (int(i) for i in np.unravel_index(int(np.argmax(year)), year.shape))
        months = _span(year.max(axis=1) >= LIKELY, month)
        hours = _span(year[_within(months, 12)].max(axis=0) >= LIKELY, hour)
        return cls(
            months=None if months is None else (months[0] + 1, months[1] + 1),
            hours=None if hours is None else (HOURS[hours[0]], HOURS[hours[1]]),
            month=month + 1,
            hour=HOURS[hour],
        )

    def __str__(self) -> str:
        """Say it, such as `May to October, 10 to 18 h`."""
        months = None if self.months is None else " to ".join(dict.fromkeys(_MONTHS[m - 1] for m in self.months))
        hours = None if self.hours is None else " to ".join(dict.fromkeys(str(h) for h in self.hours)) + " h"
        said = ", ".join(filter(None, (months, hours))) or "at any time"
        return said if self.hemisphere is None else f"{said}, {self.hemisphere} of the equator"

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


def _within(span: Span | None, n: int) -> npt.NDArray[np.int64]:
    """The numbers of a span on a circle of n."""
    if span is None:
        return np.arange(n)
    return (span[0] + np.arange((span[1] - span[0]) % n + 1)) % n
