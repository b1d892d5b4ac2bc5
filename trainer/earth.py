"""The Earth in numbers, and where the sun stands above it. Every constant of the planet stands here once.

The ellipsoid is WGS84 (NIMA TR8350.2). It knows no geometry: that is `ingest.geo`.
"""

from datetime import datetime

import numpy as np
import numpy.typing as npt

EQUATOR_RADIUS_M = 6_378_137.0
"""Semi-major axis a of WGS84; also the radius of Web Mercator's sphere."""
ECCENTRICITY_2 = 0.0066943799901413165
"""Squared eccentricity e² of WGS84."""
POLAR_CURVATURE_M = 6_399_593.6258
"""Radius of curvature at a pole, a²/b: a degree of latitude is nowhere longer than there."""
MEAN_RADIUS_M = 6_371_000.0
"""Of the sphere that stands for the Earth where a few parts in a thousand do not matter."""
SHORTEST_DEGREE_M = 110_574.0
"""A degree of latitude at the equator; nowhere is one shorter."""
MEAN_DEGREE_M = 111_195.0
"""A degree of a great circle on the sphere of `MEAN_RADIUS_M`."""
EQUATOR_DEGREE_M = 111_319.491
"""A degree of longitude at the equator; elsewhere times the cosine of the latitude."""
TROPIC_DEG = 23.44
"""Latitude of the tropics: how far the axis is tilted."""
YEAR_DAYS = 365.2425
"""Mean length of a year of the Gregorian calendar."""

Floats = npt.NDArray[np.float32]
Moments = datetime | np.datetime64 | npt.NDArray[np.datetime64]


def sun_position(*, lat: npt.ArrayLike, lon: npt.ArrayLike, when: Moments) -> tuple[Floats, Floats]:
    """Where the sun stands, to about a degree (equation of time by Whitman's three terms; no refraction).

    A clock is taken for that of the longitude's own zone: whole hours from Greenwich, no daylight saving.

    Args:
        lat: Degrees north, [n].
        lon: Degrees east, [n].
        when: Wall-clock time at the place, one or [n].

    Returns:
        Altitude above the horizon and azimuth clockwise from north, degrees, float32 [n] each.
    """
    phi, east = np.radians(np.asarray(lat, float)), np.asarray(lon, float)
    day, hour = day_and_hour(when)
    turn = 2 * np.pi * (day - 81) / YEAR_DAYS  # 0 at the equinox of March
    equation_h = (9.87 * np.sin(2 * turn) - 7.53 * np.cos(turn) - 1.5 * np.sin(turn)) / 60
    solar_h = hour + east / 15 - np.round(east / 15) + equation_h  # what a sundial shows
    hour_angle = np.radians(15 * (solar_h - 12))
    declination = np.radians(TROPIC_DEG) * np.sin(turn)
    # the sun's direction in the local frame of up, north and east
    up = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(hour_angle)
    to_north = np.cos(phi) * np.sin(declination) - np.sin(phi) * np.cos(declination) * np.cos(hour_angle)
    to_east = -np.cos(declination) * np.sin(hour_angle)
    altitude = np.degrees(np.arcsin(np.clip(up, -1, 1)))
    azimuth = np.degrees(np.arctan2(to_east, to_north)) % 360
    return altitude.astype(np.float32), azimuth.astype(np.float32)


def sun_altitude_deg(*, lat: npt.ArrayLike, lon: npt.ArrayLike, when: Moments) -> Floats:
    """Height of the sun above the horizon in degrees, float32 [n]; arguments as in `sun_position`."""
    return sun_position(lat=lat, lon=lon, when=when)[0]


def day_and_hour(when: Moments) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Day of the year from 0, with the share of the day behind the point, and hour of the day, float64 [n] each."""
    moments = np.asarray(when, "datetime64[s]")
    midnight = moments.astype("datetime64[D]")
    hour = (moments - midnight).astype(float) / 3600
    day = (midnight - moments.astype("datetime64[Y]").astype("datetime64[D]")).astype(float)
    return day + hour / 24, hour
