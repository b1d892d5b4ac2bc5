"""Season and what goes on at a moment, for many places at once.

A clock on the sandbox planet shows zone time: whole hours from Greenwich, the nearest to the longitude, no daylight
saving. The climate is a formula of latitude and height: winter in the north is summer in the south, and the equator has
neither. It does not know where on the planet a concept's places are.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from ingest.sandbox.concepts import CONCEPTS, Kind
from trainer.earth import YEAR_DAYS, Floats, Moments, day_and_hour, sun_altitude_deg

_SLOTS = 96  # quarters of an hour
_EDGE_H = 0.5  # people come and go over half an hour around the hours of a profile
_MOST = 0.97  # nobody sees everything


@dataclass(frozen=True)
class Season:
    """The season at n places.

    Attributes:
        snow: Share of the ground under snow, float32 [n].
        leaf: How much leaf deciduous trees bear, 0 bare to 1, float32 [n].
        autumn: How coloured the leaves are, 0 green to 1, float32 [n].
        blossom: How much fruit trees are in bloom, 0..1, float32 [n].
        warmth: 0 frost or little above (≤ 4 °C) to 1 hot (≥ 22 °C), float32 [n].
    """

    snow: Floats
    leaf: Floats
    autumn: Floats
    blossom: Floats
    warmth: Floats


def season(*, lat: npt.ArrayLike, elevation_m: npt.ArrayLike, when: Moments) -> Season:
    """The season at places.

    Args:
        lat: Degrees north, [n].
        elevation_m: Metres above the sea, [n].
        when: Wall-clock time at the place, one or [n].
    """
    kinds = _kinds(lat, elevation_m, when)
    return Season(
        snow=kinds["snow"].astype(np.float32),
        leaf=kinds["leaf"].astype(np.float32),
        autumn=kinds["autumn"].astype(np.float32),
        blossom=kinds["blossom"].astype(np.float32),
        warmth=kinds["warmth"].astype(np.float32),
    )


def activity(*, lat: npt.ArrayLike, lon: npt.ArrayLike, elevation_m: npt.ArrayLike, when: Moments) -> Floats:
    """Probability that each concept is there to be seen at a moment, where its place is.

    Args:
        lat: Degrees north, [n].
        lon: Degrees east, [n].
        elevation_m: Metres above the sea, [n].
        when: Wall-clock time at the place, one or [n].

    Returns:
        float32 [n, 45], columns in the order of `concepts.NAMES`.
    """
    altitude = np.atleast_1d(sun_altitude_deg(lat=lat, lon=lon, when=when))
    weekday = _weekday(when)
    _, hour = day_and_hour(when)
    slot = np.minimum((hour * _SLOTS / 24).astype(np.int64), _SLOTS - 1)
    levels = _timetable()[weekday, slot]  # [n, 45], or [45] for one moment
    seen: Floats = (_MOST * levels * _light_factor(altitude) * _season_factor(_kinds(lat, elevation_m, when))).astype(
        np.float32
    )
    return seen


def peak_activity(*, lat: npt.ArrayLike, elevation_m: npt.ArrayLike) -> Floats:
    """The largest `activity` over the year, float32 [n, 45]; to within 50 m of height and ¼° of latitude."""
    lats = np.round(np.atleast_1d(np.asarray(lat, float)) * 4) / 4
    heights = np.maximum(np.round(np.atleast_1d(np.asarray(elevation_m, float)) / 50) * 50, 0)
    cells, row = np.unique(np.stack(np.broadcast_arrays(lats, heights), axis=1), axis=0, return_inverse=True)
    peaks = np.stack([_peak(float(lat_), float(height)) for lat_, height in cells])
    return peaks[row.reshape(-1)]


@cache
def _peak(lat: float, elevation_m: float) -> Floats:
    """The largest activity over the year on the meridian of a zone, whatever the weekday, float32 [45]."""
    noons = _year() + np.timedelta64(12, "h")
    factor = _season_factor(_kinds(np.full(len(noons), lat), elevation_m, noons))  # [days, 45]
    peak: Floats = np.max(_MOST * _best_hour(lat) * factor, axis=0).astype(np.float32)
    return peak


@cache
def _best_hour(lat: float) -> npt.NDArray[np.float64]:
    """Hours and light together at the best time of each sampled day, [days, 45]."""
    days, half_hours = _year(), np.arange(0, _SLOTS, 2)
    moments = (days[:, None] + (half_hours * 900).astype("timedelta64[s]")).reshape(-1)
    altitude = sun_altitude_deg(lat=np.full(len(moments), lat), lon=np.zeros(len(moments)), when=moments)
    levels = np.tile(_timetable().max(axis=0)[half_hours], (len(days), 1))  # [days * 48, 45]
    lit = levels * _light_factor(altitude)
    best: npt.NDArray[np.float64] = lit.reshape(len(days), len(half_hours), -1).max(axis=1)
    return best


def _year() -> npt.NDArray[np.datetime64]:
    """Days of a year, six apart, at midnight."""
    return np.datetime64("2023-01-01T00:00:00") + np.arange(0, 365, 6).astype("timedelta64[D]")


def _light_factor(altitude: Floats) -> npt.NDArray[np.float64]:
    """Factor of each concept by the height of the sun, [n, 45]."""
    light = _ramp(altitude, -6, 2)[:, None]  # from civil twilight to the sun above the horizon
    day, night, _, _ = _profiles()
    return night + (day - night) * light


def _season_factor(kinds: dict[Kind, npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    """Factor of each concept by the season, [n, 45]."""
    _, _, off, which = _profiles()
    return off + (1 - off) * np.stack([kinds[kind] for kind in which], axis=1)


def _weekday(when: Moments) -> npt.NDArray[np.int64]:
    """0 = Monday."""
    days = np.asarray(when, "datetime64[D]").astype(np.int64)
    return (days + 3) % 7  # 1970-01-01 was a Thursday


def _kinds(lat: npt.ArrayLike, elevation_m: npt.ArrayLike, when: Moments) -> dict[Kind, npt.NDArray[np.float64]]:
    """How far each kind of season is on, 0..1, [n]; `warmth` beside them."""
    lats, heights = np.broadcast_arrays(
        np.atleast_1d(np.asarray(lat, float)), np.maximum(np.asarray(elevation_m, float), 0)
    )
    day, _ = day_and_hour(when)
    away = np.abs(lats)
    # 0 is the middle of winter, .5 the middle of summer
    phase = ((day - 18) / YEAR_DAYS + np.where(lats < 0, 0.5, 0.0)) % 1
    tilt = np.sin(np.radians(away)) ** 2
    # the year's mean, a swing that grows with latitude, and 6.5 °C less for each kilometre of height
    celsius = 27 - 30 * tilt - 18 * tilt * np.cos(2 * np.pi * (phase - 0.02)) - 0.0065 * heights
    warmth, snow = _ramp(celsius, 4, 22), _ramp(-celsius, -1.5, 3)
    late = ((away - 45) + 0.02 * heights) / YEAR_DAYS  # spring comes a day later a degree and 50 m, autumn earlier
    spring, fall = phase - late, phase + late
    seasons = _ramp(away, 14, 26)  # none in the tropics

    def of(part: npt.NDArray[np.float64], tropics: npt.NDArray[np.float64] | float) -> npt.NDArray[np.float64]:
        return seasons * part + (1 - seasons) * tropics

    mild = _ramp(warmth, 0.04, 0.3)
    twice = phase % 0.5  # the tropics sow and reap twice a year
    return {
        "always": np.ones_like(phase),
        "warm": _ramp(warmth, 0.42, 0.68),
        "mild": mild,
        "grazing": mild * (1 - snow),
        "no_snow": 1 - snow,
        "snow": snow,
        "leaf": of(_ramp(spring, 0.22, 0.33) * (1 - _ramp(fall, 0.75, 0.86)), 1.0),
        "autumn": of(_bump(fall, 0.64, 0.70, 0.80, 0.86), 0.0),
        "blossom": of(_bump(spring, 0.20, 0.24, 0.31, 0.36), 0.0),
        "harvest": of(_bump(spring, 0.43, 0.48, 0.59, 0.65), _bump(twice, 0.08, 0.12, 0.2, 0.24)),
        "ploughing": of(
            np.maximum(_bump(spring, 0.11, 0.15, 0.23, 0.27), _bump(fall, 0.65, 0.68, 0.79, 0.84)),
            _bump(twice, 0.28, 0.32, 0.4, 0.44),
        ),
        # long holidays in the middle of summer, in the tropics too
        "term": of(1 - _bump(phase, 0.46, 0.48, 0.58, 0.60), 1 - _bump(phase, 0.46, 0.48, 0.58, 0.60)),
        "warmth": warmth,
    }


def _ramp(value: npt.ArrayLike, low: float, high: float) -> npt.NDArray[np.float64]:
    """0 below `low`, 1 above `high`, smooth between."""
    share = np.clip((np.asarray(value, float) - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share))


def _bump(value: npt.NDArray[np.float64], up: float, on: float, off: float, down: float) -> npt.NDArray[np.float64]:
    """1 from `on` to `off`, 0 before `up` and after `down`."""
    return _ramp(value, up, on) * (1 - _ramp(value, off, down))


@cache
def _timetable() -> npt.NDArray[np.float64]:
    """Level of every concept by weekday and quarter of an hour, [7, 96, 45]."""
    hour = (np.arange(_SLOTS) + 0.5) * 24 / _SLOTS
    table = np.zeros((7, _SLOTS, len(CONCEPTS)))
    for column, concept in enumerate(CONCEPTS):
        for days, begin, end, level in concept.profile.spans:
            # hours that reach midnight go on into the next day
            opened = np.ones_like(hour) if begin <= 0 else _ramp(hour, begin - _EDGE_H, begin + _EDGE_H)
            closed = np.zeros_like(hour) if end >= 24 else _ramp(hour, end - _EDGE_H, end + _EDGE_H)
            for day in days:
                row = table[int(day), :, column]
                np.maximum(row, level * opened * (1 - closed), out=row)
    return table


@cache
def _profiles() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64], tuple[Kind, ...]]:
    """Factor by day, factor by night, rest out of season, [45] each, and the kind of season of each concept."""
    profiles = [concept.profile for concept in CONCEPTS]
    return (
        np.array([profile.day for profile in profiles]),
        np.array([profile.night for profile in profiles]),
        np.array([profile.off_season for profile in profiles]),
        tuple(profile.season for profile in profiles),
    )
