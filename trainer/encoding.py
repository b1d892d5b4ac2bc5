"""Encodings of place and time: the numbers that the dynamic encoder sees. NumPy only, vectorised over n samples.

Three encodings, by name: `sat2cap`, bit-compatible with the authors of the paper; `cyclic`, ours for a place on the
globe; and `seasonal`, ours for what goes with the sun: harmonics of the year and the day and their products, and of the
week. All take degrees (WGS84) and **wall-clock time at the place**. Nothing here knows the model, time zones or where a
time came from.

A time is a `datetime` (date and hour), a `date` (no hour), a `time` (no date) or `None`, where `MonthHour` and `Month`
are a `datetime` and a `date` that tell no weekday; or an array of `datetime64` with NaT where it is missing, of which
whole days have no hour. A missing value is never replaced by a made-up one:

- `sat2cap` has no way to say that something is missing, so where place, date or hour is, the sample is not `usable`:
  E is not added and S = O.
- `cyclic` carries a validity flag for each of the three; zeros stand where one is missing, and a sample is usable as
  soon as one of the three is known.
- `seasonal` is made of waves whose mean over the year, the week or the day is zero. So zeros where date, weekday or
  hour is missing are the mean over all it could be, and what is linear in them is averaged too. The weekday may be
  hidden by itself: a month has none.

Every encoding is affine in a few columns of the place (`place_columns`, `place_terms`): whoever scores many places at
one moment needs no more of them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from itertools import product
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from trainer.errors import AreaError, UsageError

Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]
When: TypeAlias = datetime | date | time | None

MINUTES_A_DAY = 24 * 60
MONTH_DAY = 15  # the middle of a month stands for it
DAYS_A_WEEK = 7
# Of `seasonal`: how many harmonics of the year, of the day, of the week, and of the day as they differ by weekday.
_YEARLY, _DAILY, _WEEKLY, _DAILY_BY_WEEKDAY = 3, 4, 3, 2
_NO_SEASONS, _SEASONS = 10.0, 28.0  # degrees from the equator: none nearer, all of them farther away
_YEAR_WAVES = 2 * _YEARLY + 2 * (_YEARLY // 2)
_WEEK_WAVES = 2 * _WEEKLY
DIMENSIONS = {
    "sat2cap": 12,
    "cyclic": 11,
    "seasonal": (1 + _YEAR_WAVES) * (1 + 2 * _DAILY) - 1 + _WEEK_WAVES * (1 + 2 * _DAILY_BY_WEEKDAY),
}
PLACE_COLUMNS = {"sat2cap": 4, "cyclic": 4, "seasonal": 2}


class Month(date):
    """A month at no hour, on any of its weekdays: its 15th, which equals no `date`."""

    @classmethod
    def of(cls, year: int, month: int) -> "Month":
        """That month; ValueError where there is none."""
        return cls(year, month, MONTH_DAY)

    def isoformat(self) -> str:
        """Such as 2025-07."""
        return f"{self.year:04d}-{self.month:02d}"

    __str__ = isoformat

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Month) and super().__eq__(other)

    def __ne__(self, other: object) -> bool:  # `date` has one of its own
        return not self == other

    def __hash__(self) -> int:
        return hash((Month, super().__hash__()))


class MonthHour(datetime):
    """An hour of a month, on any weekday: that of its 15th, which equals no `datetime`."""

    @classmethod
    def of(cls, year: int, month: int, hour: int, minute: int = 0) -> "MonthHour":
        """That hour of that month; ValueError where there is none."""
        return cls(year, month, MONTH_DAY, hour, minute)

    def date(self) -> Month:
        """The month."""
        return Month(self.year, self.month, self.day)

    def isoformat(self, sep: str = "T", timespec: str = "auto") -> str:
        """Such as 2025-07T12:00:00."""
        return f"{self.date().isoformat()}{sep}{self.time().isoformat(timespec)}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MonthHour) and super().__eq__(other)

    def __ne__(self, other: object) -> bool:  # `date` has one of its own
        return not self == other

    def __hash__(self) -> int:
        return hash((MonthHour, super().__hash__()))


def at_hour(day: date, clock: time) -> datetime:
    """A date at an hour; of a month, an hour of that month."""
    kind = MonthHour if isinstance(day, Month) else datetime
    return kind.combine(day, clock)


@dataclass(frozen=True, slots=True)
class Encoded:
    """The encoded samples.

    Attributes:
        values: float32 [n, DIMENSIONS[name]]; finite everywhere.
        usable: bool [n]; where False, E must not be added to O.
    """

    values: npt.NDArray[np.float32]
    usable: Bools


@dataclass(frozen=True, slots=True)
class _Samples:
    """n samples as columns; where a `has_…` is False, the value beside it is 0 or 1 and means nothing."""

    lat: Floats
    lon: Floats
    year: Floats
    month: Floats
    day: Floats
    day_of_year: Floats  # 0 on the first of January
    year_days: Floats  # 365 or 366
    weekday: Floats  # 0 on a Monday
    minute: Floats  # of the day
    has_place: Bools
    has_date: Bools
    has_hour: Bools
    has_weekday: Bools


def encode(
    name: str,
    *,
    lat: npt.ArrayLike | None = None,
    lon: npt.ArrayLike | None = None,
    when: When | Sequence[When] | npt.NDArray[np.datetime64] = None,
    known: tuple[Bools, Bools, Bools] | None = None,
    weekday: Bools | None = None,
) -> Encoded:
    """Encode n samples of place and time.

    Args:
        name: `sat2cap`, `cyclic` or `seasonal`.
        lat: Degrees north, scalar or [n]; None: no place.
        lon: Degrees east, scalar or [n]; None: no place.
        when: Wall-clock time at the place, one or n of them; see the module for the types.
        known: Masks of place, date and hour, bool [n] each: what is False is treated as missing (training drops them).
        weekday: Where False, bool [n], a date is treated as if it told no weekday (training drops it); None: nowhere.
            Only `seasonal` looks at weekdays.

    Raises:
        UsageError: An unknown encoding, an aware time, columns of different lengths.
        AreaError: A latitude or longitude that is NaN or out of range.
    """
    values, usable = _encoding(name)(_samples(lat, lon, when, known, weekday))
    return Encoded(values.astype(np.float32), usable)


def place_columns(name: str, *, lat: npt.ArrayLike, lon: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """What an encoding sees of n places, float32 [n, p]; where the place is missing zeros stand for it.

    `seasonal`: the hemisphere s, −1 … 1, and the tropics t, 0 … 1. Farther than 28° from the equator s is −1 or 1 and t
    is 0; nearer than 10° it is the other way round. The others: the first four of their values.
    """
    if name == "seasonal":
        return np.stack(_hemisphere(_degrees("latitude", lat, 90)), axis=1).astype(np.float32)
    return encode(name, lat=lat, lon=lon, when=_ANY_MOMENT).values[:, : PLACE_COLUMNS[name]]


@dataclass(frozen=True, slots=True)
class PlaceTerms:
    """An encoding at T moments as what it is in the place columns x, [p]: base + x·slope.

    Attributes:
        base: float32 [T, m].
        slope: float32 [T, p, m].
        usable: bool [T]: where the place is known.
        usable_nowhere: bool [T]: where it is not.
    """

    base: npt.NDArray[np.float32]
    slope: npt.NDArray[np.float32]
    usable: Bools
    usable_nowhere: Bools


def place_terms(name: str, whens: Sequence[When]) -> PlaceTerms:
    """An encoding at moments, as a function of `place_columns`; arguments as for `encode`."""
    # one question asks for its one moment some ten times
    return _terms_at(name, whens[0]) if len(whens) == 1 else _terms(name, whens)


@lru_cache(maxsize=256)
def _terms_at(name: str, when: When) -> PlaceTerms:
    return _terms(name, [when])


def _terms(name: str, whens: Sequence[When]) -> PlaceTerms:
    there, nowhere = (encode(name, lat=lat, lon=lat, when=list(whens)) for lat in (0.0, None))
    p, m = PLACE_COLUMNS[name], DIMENSIONS[name]
    if name != "seasonal":
        base = there.values.copy()
        base[:, :p] = 0
        slope = np.broadcast_to(np.eye(p, m, dtype=np.float32), (len(base), p, m))
        return PlaceTerms(base, slope, there.usable, nowhere.usable)
    north, south = (encode(name, lat=lat, lon=0.0, when=list(whens)).values for lat in (90.0, -90.0))
    slope = np.stack([(north - south) / 2, there.values - nowhere.values], axis=1)
    return PlaceTerms(nowhere.values, slope, there.usable, nowhere.usable)


def _encoding(name: str) -> "Callable[[_Samples], tuple[Floats, Bools]]":
    try:
        return _ENCODINGS[name]
    except KeyError:
        raise UsageError(f"encoding {name!r} is unknown: use one of {', '.join(_ENCODINGS)}") from None


def _sat2cap(s: _Samples) -> tuple[Floats, Bools]:
    """The authors' 12 values; 23 h = 00 h, 2015 = 2000 and +90° = −90° are theirs."""
    hour = np.floor(s.minute / 60)
    angles = (
        np.pi * s.lat / 90,
        np.pi * s.lon / 180,
        2 * np.pi * (s.year - 2015) / 15,
        2 * np.pi * s.month / 12,
        2 * np.pi * s.day / 31,
        2 * np.pi * hour / 23,
    )
    values = np.stack([f(a) for a in angles for f in (np.sin, np.cos)], axis=1)  # [n, 12]
    usable = s.has_place & s.has_date & s.has_hour
    return np.where(usable[:, None], values, 0.0), usable


def _cyclic(s: _Samples) -> tuple[Floats, Bools]:
    """Unit-sphere x, y, z, flag; sin, cos of the day of the year, year line, flag; sin, cos of the minutes, flag."""
    phi, lam = np.radians(s.lat), np.radians(s.lon)
    season = 2 * np.pi * s.day_of_year / s.year_days
    clock = 2 * np.pi * s.minute / MINUTES_A_DAY
    year = np.clip((s.year - 2015) / 15, -1, 1)  # 2000 … 2030; a line, so that no two years are the same
    place, day, hour = (m.astype(np.float64) for m in (s.has_place, s.has_date, s.has_hour))
    columns = (
        *(place * c for c in (np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi))),
        place,
        *(day * c for c in (np.sin(season), np.cos(season), year)),
        day,
        *(hour * c for c in (np.sin(clock), np.cos(clock))),
        hour,
    )
    return np.stack(columns, axis=1), s.has_place | s.has_date | s.has_hour  # [n, 11]


def _seasonal(s: _Samples) -> tuple[Floats, Bools]:
    """Waves of the year, of the day, of both, of the week, and of week and day.

    Odd harmonics of the year turn round with the hemisphere, and fade near the equator; even ones do not, but have
    terms of their own there.
    """
    place, day, hour = (m.astype(np.float64) for m in (s.has_place, s.has_date, s.has_hour))
    week = (s.has_date & s.has_weekday).astype(np.float64)
    hemisphere, tropics = (place * column for column in _hemisphere(s.lat))
    season = 2 * np.pi * s.day_of_year / s.year_days
    years: list[Floats] = []
    for k in range(1, _YEARLY + 1):
        for factor in (hemisphere,) if k % 2 else (np.ones_like(place), tropics):
            years += [day * factor * f(k * season) for f in (np.sin, np.cos)]
    days = [hour * c for c in _waves(2 * np.pi * s.minute / MINUTES_A_DAY, _DAILY)]
    weeks = [week * c for c in _waves(2 * np.pi * s.weekday / DAYS_A_WEEK, _WEEKLY)]
    by_weekday = [a * b for a, b in product(weeks, days[: 2 * _DAILY_BY_WEEKDAY])]
    columns = (*years, *days, *(a * b for a, b in product(years, days)), *weeks, *by_weekday)
    return np.stack(columns, axis=1), s.has_place | s.has_date | s.has_hour  # [n, DIMENSIONS["seasonal"]]


def _waves(angle: Floats, count: int) -> list[Floats]:
    """Sine and cosine of the first harmonics of an angle."""
    return [f(k * angle) for k in range(1, count + 1) for f in (np.sin, np.cos)]


def _hemisphere(lat: Floats) -> tuple[Floats, Floats]:
    """Hemisphere −1 … 1 and tropics 0 … 1 of latitudes, [n]; see `place_columns`."""
    share = np.clip((np.abs(lat) - _NO_SEASONS) / (_SEASONS - _NO_SEASONS), 0, 1)
    seasons = share * share * (3 - 2 * share)
    return np.sign(lat) * seasons, 1 - seasons


_ENCODINGS: dict[str, Callable[[_Samples], tuple[Floats, Bools]]] = {
    "sat2cap": _sat2cap,
    "cyclic": _cyclic,
    "seasonal": _seasonal,
}
_ANY_MOMENT = datetime(2025, 1, 1)


def _samples(
    lat: npt.ArrayLike | None,
    lon: npt.ArrayLike | None,
    when: When | Sequence[When] | npt.NDArray[np.datetime64],
    known: tuple[Bools, Bools, Bools] | None,
    weekday: Bools | None,
) -> _Samples:
    """Bring place and time to columns of one length."""
    if (lat is None) != (lon is None):
        raise AreaError("a place needs both lat and lon: give both, or neither")
    lats = _degrees("latitude", lat, 90)
    lons = _degrees("longitude", lon, 180)
    days, minutes, has_date, has_hour, has_weekday = _time_columns(when)
    told = [*(known or ()), *(() if weekday is None else (weekday,))]
    lengths = {len(c) for c in (lats, lons, days) if len(c) != 1} | {len(m) for m in told}
    n = max(lengths, default=1)
    if lengths - {n}:
        raise UsageError(f"columns of place and time differ in length: {sorted(lengths)}")
    every = np.ones(n, bool)
    masks = (*(known or (every,) * 3), every if weekday is None else weekday)
    present = (np.array([lat is not None]), has_date, has_hour, has_weekday)
    columns = (lats, lons, *_calendar(days), minutes)
    return _Samples(
        *(np.broadcast_to(c.astype(np.float64), n) for c in columns),
        *(np.broadcast_to(p, n) & m for p, m in zip(present, masks, strict=True)),
    )


def _calendar(days: npt.NDArray[np.datetime64]) -> tuple[npt.NDArray[np.int64], ...]:
    """Year, month (1…12), day of the month (1…31), day of the year (0…), days of the year, weekday (0 = Monday), [n].

    Args:
        days: datetime64[D] [n].
    """
    year, month = days.astype("datetime64[Y]"), days.astype("datetime64[M]")
    first, next_first = year.astype("datetime64[D]"), (year + 1).astype("datetime64[D]")
    return (
        year.astype(np.int64) + 1970,
        (month - year.astype("datetime64[M]")).astype(np.int64) + 1,
        (days - month.astype("datetime64[D]")).astype(np.int64) + 1,
        (days - first).astype(np.int64),
        (next_first - first).astype(np.int64),
        (days.astype(np.int64) + 3) % DAYS_A_WEEK,  # 1970-01-01 was a Thursday
    )


def _degrees(what: str, value: npt.ArrayLike | None, limit: float) -> Floats:
    """Degrees as a column [n]; zero stands for a missing place."""
    try:
        column = np.atleast_1d(np.asarray(0.0 if value is None else value, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise AreaError(f"{what} {value!r:.60} is no number of degrees, nor a column of them") from error
    bad = ~(np.abs(column) <= limit)  # so that NaN is bad too
    if bad.any():
        i = int(np.argmax(bad))
        raise AreaError(f"{what} {column[i]} of sample {i} is not within −{limit:g}..{limit:g} degrees")
    return column


def _time_columns(
    when: When | Sequence[When] | npt.NDArray[np.datetime64],
) -> tuple[npt.NDArray[np.datetime64], Floats, Bools, Bools, Bools]:
    """Day (datetime64[D]), minute of the day, has_date, has_hour, has_weekday; each [n] or [1]. 2000-01-01: missing."""
    if isinstance(when, np.ndarray | np.datetime64) and np.issubdtype(when.dtype, np.datetime64):
        unit = np.datetime_data(when.dtype)[0]
        if unit in ("Y", "M", "W"):
            raise UsageError(f"moments of type {when.dtype} are no days: give datetime64[D], or finer with an hour")
        moments = np.atleast_1d(when)
        present = ~np.isnat(moments)
        moments = np.where(present, moments, np.datetime64("2000-01-01")).astype("datetime64[m]")
        days = moments.astype("datetime64[D]")
        return days, (moments - days).astype(np.float64), present, present & (unit != "D"), present
    if isinstance(when, str | bytes) or not isinstance(when, Iterable | date | time | None):
        raise UsageError(f"{when!r} is not a moment: give a datetime, a date, a time or None")
    items = [when] if when is None or isinstance(when, date | time) else list(when)
    parts = [_split(item) for item in items]
    return (
        np.array([d or date(2000, 1, 1) for d, _ in parts], dtype="datetime64[D]"),
        np.array([(t.hour * 60 + t.minute) if t else 0 for _, t in parts], dtype=np.float64),
        np.array([d is not None for d, _ in parts], dtype=bool),
        np.array([t is not None for _, t in parts], dtype=bool),
        np.array([not isinstance(d, Month | None) for d, _ in parts], dtype=bool),
    )


def _split(when: When) -> tuple[date | None, time | None]:
    """Date and time of one moment."""
    if isinstance(when, datetime) and when != when:  # noqa: PLR0124 - pandas' NaT is a datetime, and not itself
        return None, None
    if isinstance(when, datetime | time) and when.tzinfo is not None:
        raise UsageError(f"time {when.isoformat()} has a zone: give the wall-clock time at the place, without one")
    if isinstance(when, datetime):
        return when.date(), when.time()
    if isinstance(when, date):
        return when, None
    if isinstance(when, time):
        return None, when
    if when is None:
        return None, None
    raise UsageError(f"{when!r} is not a moment: give a datetime, a date, a time or None")
