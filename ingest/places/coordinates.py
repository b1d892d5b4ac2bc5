"""Coordinates as people write them, read into latitude and longitude (WGS84 degrees).

Decimal degrees, degrees with minutes and seconds, hemisphere letters (`ingest.places.angles`), links of maps
(`ingest.places.links`), plus codes (`ingest.places.plus_codes`), ISO 6709, ``POINT (lon lat)``, ``lat=… lon=…``, UTM
and MGRS. Without letters the order is latitude, longitude, as in ``--near``; where that cannot be, it is an error and
never the other order. What is no coordinate at all, such as a name, is None.

It does not know places: a short plus code needs somebody to say near what it lies.
"""

import math
import re

from ingest.places.angles import HELP, MAX_CHARS, NUMBER, LatLon, angle, clean, parse_angles
from ingest.places.links import parse_link
from ingest.places.plus_codes import parse_plus_code
from trainer.errors import AreaError, reason

_KEY = re.compile(r"\b(lat(?:itude)?|lon(?:g(?:itude)?)?|lng)\b", re.IGNORECASE)
_LABEL = re.compile(r"^(?:coord(?:inate)?s?|gps|location|position|loc|@)\s?[:=]?\s?(?=[-+\d(NSEW])", re.IGNORECASE)
_VIEW = re.compile(rf"^({NUMBER}),\s?({NUMBER}),\d{{1,9}}(?:\.\d{{1,9}})?[zmad]\b")  # 27.63,85.52,15z
_ISO_6709 = re.compile(
    r"^([+-])(\d{2,6}(?:\.\d{1,15})?)([+-])(\d{3,7}(?:\.\d{1,15})?)(?:[+-][\d.]{1,12})?(?:CRS\w*)?/?$"
)
# well-known text has the longitude first
_POINT = re.compile(
    rf"^(?:SRID=4326;)?\s?POINT\s?(?:Z|M|ZM)?\s?\(\s?({NUMBER})\s({NUMBER})(?:\s{NUMBER}){{0,2}}\s?\)$", re.IGNORECASE
)
_UTM = re.compile(
    r"^(?:UTM\s)?(\d{1,2})\s?([C-HJ-NP-X]|NORTH|SOUTH)[\s,]\s?(0?\d{6}(?:\.\d{1,6})?)\s?M?E?[\s,]\s?"
    r"(\d{1,8}(?:\.\d{1,6})?)\s?M?N?$",
    re.IGNORECASE,
)
_UTM_BANDS = "CDEFGHJKLMNPQRSTUVWX"  # of 8° each from 80° south on, the last of 12°
# no I and O; A, B, Y and Z are round the poles
_MGRS = re.compile(r"^(?:\d{1,2}[C-HJ-NP-X]|[ABYZ])[A-HJ-NP-Z]{2}((?:\d\d){1,5})$")


def parse_coordinates(text: str) -> LatLon | None:
    """Read one place written as coordinates.

    Returns:
        Latitude −90..90 and longitude −180..180, or None where the text is no coordinate at all. Squares (MGRS, plus
        codes) give their middle.

    Raises:
        AreaError: It is a coordinate that cannot be: off the globe, minutes of 60, two latitudes, a short link.
    """
    # a plus code may be letters, and so may a short link
    if len(text) > MAX_CHARS or not ("://" in text or any(char.isdigit() or char == "+" for char in text)):
        return None
    # a link as it stands: its brackets and signs are its own
    text = " ".join(text.split())
    found = parse_link(text)
    if found is None:
        text = _LABEL.sub("", clean(text))
        readers = (_from_keys, _from_view, _from_iso, _from_point, parse_plus_code, _from_mgrs, _from_utm, parse_angles)
        found = next((place for read in readers if (place := read(clean(text))) is not None), None)
    return None if found is None else _on_globe(*found, text)


def show(lat: float, lon: float) -> str:
    """Degrees with letters, which can be read in one way only: ``27.63000°N 85.52000°E``."""
    return f"{abs(lat):.5f}°{'N' if lat >= 0 else 'S'} {abs(lon):.5f}°{'E' if lon >= 0 else 'W'}"


def _on_globe(lat: float, lon: float, text: str) -> LatLon:
    shown = text[:60]
    if not (math.isfinite(lat) and math.isfinite(lon)):
        raise AreaError(f"coordinates '{shown}' are not finite: {HELP}")
    if abs(lat) > 90:
        swapped = abs(lat) <= 180 and abs(lon) <= 90
        raise AreaError(
            f"coordinates '{shown}' have a latitude of {lat:g}, and it goes from -90 to 90"
            + (f"; the order is latitude, longitude: write {lon:g},{lat:g}" if swapped else f": {HELP}")
        )
    if abs(lon) > 180:
        raise AreaError(f"coordinates '{shown}' have a longitude of {lon:g}, and it goes from -180 to 180: {HELP}")
    return lat, lon


def _from_keys(text: str) -> LatLon | None:
    """``lat=27.63, lon=85.52``, ``{"lng": 85.52, "lat": 27.63}``: in either order, each with its own sign or letter."""
    start, *named = _KEY.split(text)
    if len(named) != 4 or start.strip(" {\"'([") or named[0][:2].lower() == named[2][:2].lower():
        return None
    values = {named[i][:2].lower(): named[i + 1].strip(" :=,;&{}[]()\"'") for i in (0, 2)}
    letters = {"la": "NS", "lo": "EW", "ln": "EW"}
    both = " ".join(
        value if value[-1:].upper() in tuple(letters[key]) or value[:1].upper() in tuple(letters[key])
        else f"{value.lstrip('+-')} {letters[key][value.startswith('-')]}"
        for key, value in values.items()
    )  # fmt: skip
    return parse_angles(both)


def _from_view(text: str) -> LatLon | None:
    found = _VIEW.match(text)
    return None if found is None else (float(found[1]), float(found[2]))


def _from_point(text: str) -> LatLon | None:
    found = _POINT.match(text)
    return None if found is None else (float(found[2]), float(found[1]))


def _from_iso(text: str) -> LatLon | None:
    """ISO 6709: ±DD.DD±DDD.DD/, ±DDMM.MM±DDDMM.MM/, ±DDMMSS±DDDMMSS/."""
    found = _ISO_6709.match(text)
    if found is None:
        return None
    angles = []
    for sign, digits, width in ((found[1], found[2], 2), (found[3], found[4], 3)):
        whole, _, fraction = digits.partition(".")
        if (len(whole) - width) % 2 or len(whole) < width:
            return None  # such as +27.6+85.5, which is a plain pair
        parts = [whole[:width], *(whole[i : i + 2] for i in range(width, len(whole), 2))]
        parts[-1] += f".{fraction or 0}"
        angles.append(angle([sign + parts[0], *parts[1:]], text))
    return angles[0], angles[1]


def _from_mgrs(text: str) -> LatLon | None:
    square = text.upper().removeprefix("MGRS ").replace(" ", "")
    found = _MGRS.match(square)
    if found is None:
        return None
    import mgrs  # 5 ms, and hardly ever asked for

    half = len(found[1]) // 2
    head, east, north = square[: -2 * half], found[1][:half], found[1][half:]
    # five digits each are a metre; fewer name a square, whose middle is meant
    middle = square if half == 5 else f"{head}{east}{'5'.ljust(5 - half, '0')}{north}{'5'.ljust(5 - half, '0')}"
    try:
        lat, lon = mgrs.MGRS().toLatLon(middle)
    except Exception as error:  # the library has its own, and not one tree
        raise AreaError(f"'{text[:40]}' looks like MGRS, but there is no such square ({reason(error)})") from error
    return float(lat), float(lon)


def _from_utm(text: str) -> LatLon | None:
    found = _UTM.match(text)
    if found is None:
        return None
    zone, band, east, north = int(found[1]), found[2].upper(), float(found[3]), float(found[4])
    if not (1 <= zone <= 60 and 100_000 <= east < 1_000_000 and north <= 10_000_000):
        raise AreaError(
            f"'{text[:40]}' looks like UTM, but zone, easting or northing cannot be: write 45R 354130 3057430"
        )
    if band == "S" and 3_540_000 <= north <= 4_430_000:
        raise AreaError(
            f"'{text[:40]}': S is the band north of 32° or the southern half: write 'north' or 'south' instead"
        )
    southern = band in ("SOUTH", "S") or (len(band) == 1 and band < "N")  # bands from N on lie north of the equator
    from pyproj import Transformer

    code = (32700 if southern else 32600) + zone  # EPSG has a code for each zone of UTM on WGS84
    lon, lat = Transformer.from_crs(f"EPSG:{code}", "EPSG:4326", always_xy=True).transform(east, north)
    at = _UTM_BANDS.find(band) if band not in ("N", "S") else -1  # which many write for the half of the Earth
    if at >= 0 and not 8 * at - 80.1 <= lat <= 8 * at - 71.9 + 4 * (band == "X"):
        raise AreaError(f"'{text[:40]}' looks like UTM, but its northing is not in band {band}: copy both again")
    return float(lat), float(lon)
