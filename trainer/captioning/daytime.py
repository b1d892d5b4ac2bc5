"""What people call a moment at a place: the season and the part of the day, said in a caption and found in one.

A part of the day follows the sun, so that it says what one sees: night where it is more than 6° below the horizon, else
morning until noon, afternoon until 17 h, evening after. A season is that of the months (December to February: winter),
the other way round in the south; between the tropics there is none. The clock is taken for that of the longitude's
time zone. Nothing here knows captioners or models.
"""

import re
from collections.abc import Iterable
from datetime import date, datetime, time
from typing import TypeAlias

from trainer.earth import TROPIC_DEG, sun_altitude_deg
from trainer.encoding import When

Slot: TypeAlias = tuple[str | None, str | None]  # a season and a part of the day

PARTS = ("night", "morning", "afternoon", "evening")
SEASONS = ("winter", "spring", "summer", "autumn")
_TWILIGHT_DEG = -6.0
_EQUINOX = date(2023, 3, 21)
_SAID_PARTS = {
    "night": ("at night", "by night", "night sky", "in the dark", *(f"{season} night" for season in SEASONS)),
    "morning": ("morning", "sunrise", "dawn", "first light"),
    "noon": ("noon", "midday", "middle of the day"),
    "afternoon": ("afternoon",),
    "evening": ("evening", "dusk", "sunset", "sun goes down"),
}


def part_of_day(when: When, *, lat: float, lon: float) -> str | None:
    """One of `PARTS`; None where the moment has no hour. Without a date the sun is that of an equinox.

    Args:
        when: Wall-clock time at the place.
        lat: Degrees north.
        lon: Degrees east.
    """
    if not isinstance(when, datetime | time):
        return None
    hour = when.hour + when.minute / 60
    moment = when if isinstance(when, datetime) else datetime.combine(_EQUINOX, when)
    if sun_altitude_deg(lat=lat, lon=lon, when=moment) < _TWILIGHT_DEG:
        return "night"
    return "morning" if hour < 12 else "afternoon" if hour < 17 else "evening"


def season(when: When, *, lat: float) -> str | None:
    """One of `SEASONS`; None where the moment has no date, and between the tropics.

    Args:
        when: Wall-clock time at the place.
        lat: Degrees north.
    """
    if not isinstance(when, date) or abs(lat) < TROPIC_DEG:
        return None
    # December % 12 is 0: December to February are 0, and two seasons on in the south
    return SEASONS[(when.month % 12 // 3 + (2 if lat < 0 else 0)) % 4]


def slot(when: When, *, lat: float, lon: float) -> Slot:
    """Season and part of the day of a moment as far as it tells them; arguments as for `season` and `part_of_day`."""
    return season(when, lat=lat), part_of_day(when, lat=lat, lon=lon)


def say(named_season: str | None, part: str | None) -> str:
    """The end of a sentence: `on a summer morning`, `in winter`, `at night`; empty where nothing is known."""
    if named_season and part:
        return f"on a{'n' * (named_season[0] == 'a')} {named_season} {part}"
    if named_season:
        return f"in {named_season}"
    if part:
        return "at night" if part == "night" else f"in the {part}"
    return ""


def dated(caption: str, when: When, *, lat: float, lon: float) -> str:
    """A caption that says season and part of the day as far as they are known and it does not say them yet."""
    named = None if said_seasons(caption) else season(when, lat=lat)
    part = None if said_parts(caption) else part_of_day(when, lat=lat, lon=lon)
    return f"{caption} {say(named, part)}".rstrip()


def said_parts(caption: str) -> frozenset[str]:
    """The parts of the day that a caption names: of `PARTS`, and `noon`."""
    return frozenset(part for part, words in _SAID_PARTS.items() if says(caption, words))


def said_seasons(caption: str) -> frozenset[str]:
    """The seasons that a caption names."""
    return frozenset(season for season in SEASONS if says(caption, (season,)))


def untrue(known: Slot) -> list[str]:
    """What a caption of a moment must not say: the words for every other season and part of the day.

    Args:
        known: One of `SEASONS` and one of `PARTS`; where one is None any may be named.
    """
    named_season, part = known
    seasons = [other for other in SEASONS if named_season not in (None, other)]
    parts = [words for other, words in _SAID_PARTS.items() if part not in (None, other)]
    return [*seasons, *(word for words in parts for word in words)]


def says(caption: str, words: Iterable[str]) -> bool:
    """Whether a caption holds one of some words or phrases, whole: an afternoon is no noon."""
    return re.search(rf"\b(?:{'|'.join(words)})\b", caption.lower()) is not None
