"""What a camera wrote into a photo: place, heading, times and owner, read from EXIF.

Local time and UTC are told apart: ``DateTimeOriginal`` is the wall clock of the camera, ``GPSDateStamp`` with
``GPSTimeStamp`` is UTC. A value that is missing or makes no sense stays missing, with a note that says why; nothing is
guessed: a position without its hemisphere, a date without its hour or a modification time are no value at all.

It does not know files, galleries or manifests.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from PIL import ExifTags, Image

_LOCAL_AHEAD_OF_UTC = (timedelta(hours=-12, minutes=-5), timedelta(hours=14, minutes=5))
"""Zones run from UTC−12 to UTC+14; five minutes for a camera's clock."""


@dataclass(frozen=True)
class CameraData:
    """What EXIF tells about one photo.

    Attributes:
        lat: Degrees WGS84, −90..90.
        lon: Degrees WGS84, −180..180.
        taken_local: Naive wall clock of the camera.
        taken_utc: Aware UTC.
        heading_deg: Where the camera looked, degrees clockwise from north, 0..360; uncorrected where the camera
            took magnetic north.
        owner: Artist, else the copyright notice.
        notes: (reason code, sentence) for each value that stood there and could not be used.
    """

    lat: float | None = None
    lon: float | None = None
    taken_local: datetime | None = None
    taken_utc: datetime | None = None
    heading_deg: float | None = None
    owner: str | None = None
    notes: tuple[tuple[str, str], ...] = ()


def read_exif(image: Image.Image) -> CameraData:
    """Read place, times, heading and owner of an opened picture; broken EXIF gives an empty result with a note."""
    try:
        top = image.getexif()
        camera, gps = top.get_ifd(ExifTags.IFD.Exif), top.get_ifd(ExifTags.IFD.GPSInfo)
    except Exception as error:  # noqa: BLE001  a damaged header fails in many ways, and its picture may still be good
        return CameraData(notes=(("exif_broken", f"EXIF cannot be read: {error}"),))
    notes: list[tuple[str, str]] = []
    lat, lon = _place(gps, notes)
    local = _local_time(camera, notes)
    # the satellites' clock before the one that a person set, and its zone
    utc = _gps_time(gps, local, notes) or _with_offset(local, camera)
    owner = _text(top.get(ExifTags.Base.Artist)) or _text(top.get(ExifTags.Base.Copyright))
    return CameraData(lat, lon, local, utc, _heading(gps), owner, tuple(notes))


def parse_local(text: str) -> datetime | None:
    """Read EXIF's ``YYYY:MM:DD HH:MM:SS`` as a naive datetime; None when it is not a moment, such as all zeros."""
    match = re.fullmatch(r"(\d{4})[:-](\d{2})[:-](\d{2})[ T](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?", text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    try:
        return datetime(year, month, day, hour, minute, second, _microseconds(match[7]))
    except ValueError:
        return None


def _place(gps: Mapping[int, Any], notes: list[tuple[str, str]]) -> tuple[float | None, float | None]:
    raw_lat, raw_lon = gps.get(ExifTags.GPS.GPSLatitude), gps.get(ExifTags.GPS.GPSLongitude)
    if raw_lat is None and raw_lon is None:
        return None, None
    status = _text(gps.get(ExifTags.GPS.GPSStatus))  # A: a valid fix, V: void
    lat = _degrees(raw_lat, gps.get(ExifTags.GPS.GPSLatitudeRef), "NS")
    lon = _degrees(raw_lon, gps.get(ExifTags.GPS.GPSLongitudeRef), "EW")
    if lat is None or lon is None:
        notes.append(("gps_unreadable", f"position {_shown(raw_lat)}, {_shown(raw_lon)} has a part that is missing"))
    elif not (abs(lat) <= 90 and abs(lon) <= 180):
        notes.append(("gps_out_of_range", f"position {lat}, {lon} is outside ±90, ±180"))
    elif status == "V":
        notes.append(("gps_void", f"the camera marked its position {lat:.5f}, {lon:.5f} as void"))
    elif lat == 0 and lon == 0 and status != "A":
        notes.append(("gps_zero", "position 0, 0 without a valid fix is what cameras write when they know none"))
    else:
        return lat, lon
    return None, None


def _degrees(value: Any, ref: Any, letters: str) -> float | None:
    """Degrees, minutes, seconds and the hemisphere as signed degrees; None when one of them is missing or no number."""
    hemisphere = _text(ref)
    parts = _numbers(value)
    if hemisphere is None or hemisphere[0].upper() not in letters or parts is None or not 1 <= len(parts) <= 3:
        return None
    # the sign is in the hemisphere, so a negative part is damage
    if min(parts) < 0 or max(parts[1:], default=0) > 60:
        return None
    degrees = math.fsum(part / float(60**power) for power, part in enumerate(parts))
    return -degrees if hemisphere[0].upper() == letters[1] and degrees else degrees  # no −0


def _heading(gps: Mapping[int, Any]) -> float | None:
    parts = _numbers(gps.get(ExifTags.GPS.GPSImgDirection))
    if parts is None or len(parts) != 1 or not 0 <= parts[0] <= 360:
        return None
    return parts[0] % 360


def _local_time(camera: Mapping[int, Any], notes: list[tuple[str, str]]) -> datetime | None:
    text = _text(camera.get(ExifTags.Base.DateTimeOriginal))
    if text is None or not re.search("[1-9]", text):  # cameras without a clock write blanks or zeros
        return None
    moment = parse_local(text)
    if moment is None:
        notes.append(("time_unreadable", f"DateTimeOriginal {text!r} is not a moment"))
        return None
    fraction = _text(camera.get(ExifTags.Base.SubsecTimeOriginal))
    return moment.replace(microsecond=_microseconds(fraction)) if fraction else moment


def _gps_time(gps: Mapping[int, Any], local: datetime | None, notes: list[tuple[str, str]]) -> datetime | None:
    day = _text(gps.get(ExifTags.GPS.GPSDateStamp))
    parts = _numbers(gps.get(ExifTags.GPS.GPSTimeStamp))
    if day is None or gps.get(ExifTags.GPS.GPSTimeStamp) is None or not re.search("[1-9]", day):
        return None
    match = re.fullmatch(r"(\d{4})[:-](\d{2})[:-](\d{2})", day)
    try:
        # a leap second is number 60
        if match is None or parts is None or len(parts) != 3 or min(parts) < 0 or parts[1] >= 60 or parts[2] >= 61:
            raise ValueError
        clock = timedelta(hours=parts[0], minutes=parts[1], seconds=round(parts[2], 6))
        if clock >= timedelta(days=1, seconds=1):
            raise ValueError
        utc = datetime(int(match[1]), int(match[2]), int(match[3]), tzinfo=UTC) + clock
    except (ValueError, OverflowError):
        notes.append(("gps_time_unreadable", f"GPS time {day!r} {_shown(parts)} is not a moment"))
        return None
    if local is not None:
        ahead = local - utc.replace(tzinfo=None)
        if not _LOCAL_AHEAD_OF_UTC[0] <= ahead <= _LOCAL_AHEAD_OF_UTC[1]:
            hours = abs(ahead) / timedelta(hours=1)
            between = f"GPS time {utc:%Y-%m-%dT%H:%M:%SZ} and camera time {local:%Y-%m-%dT%H:%M:%S}"
            notes.append(("times_disagree", f"{between} lie {hours:.1f} h apart, which no time zone explains"))
            return None
    return utc


def _with_offset(local: datetime | None, camera: Mapping[int, Any]) -> datetime | None:
    text = _text(camera.get(ExifTags.Base.OffsetTimeOriginal))
    match = re.fullmatch(r"([+-])(\d{2}):?([0-5]\d)", "+00:00" if text == "Z" else text or "")
    if local is None or match is None:
        return None
    ahead = timedelta(hours=int(match[2]), minutes=int(match[3])) * (-1 if match[1] == "-" else 1)
    if not _LOCAL_AHEAD_OF_UTC[0] <= ahead <= _LOCAL_AHEAD_OF_UTC[1]:
        return None
    return local.replace(tzinfo=timezone(ahead)).astimezone(UTC)


def _numbers(value: Any) -> list[float] | None:
    """One or more EXIF rationals as floats; None when one is no number, as 0/0 is none."""
    try:
        parts = [float(part) for part in (value if isinstance(value, tuple | list) else (value,))]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return parts if parts and all(math.isfinite(part) for part in parts) else None


def _text(value: Any) -> str | None:
    """Clean an EXIF string of NULs and blanks; None when nothing is left."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return None
    return value.replace("\0", " ").strip() or None


def _microseconds(digits: str | None) -> int:
    return int(digits[:6].ljust(6, "0")) if digits and digits.isascii() and digits.isdigit() else 0  # .5 is 500,000


def _shown(value: Any) -> str:
    return "missing" if value is None else str(value)[:60]
