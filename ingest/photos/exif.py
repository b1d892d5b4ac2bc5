"""What a camera wrote into a photo: place, heading, times and owner, read from EXIF.

Local time and UTC are told apart: ``DateTimeOriginal`` is the wall clock of the camera, ``GPSDateStamp`` with
``GPSTimeStamp`` is UTC. A value that is missing or makes no sense stays missing, with a note that says why; nothing is
guessed: a position without its hemisphere, a date without its hour or a modification time are no value at all.

It does not know files, galleries or manifests.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from PIL import ExifTags, Image

from ingest.geo.degrees import place_in_degrees
from trainer.shards.wall_clock import (
    LOCAL_AHEAD_OF_UTC,
    WallClock,
    has_no_hour,
    microseconds,
    parse_offset,
    parse_wall_clock,
    why_implausible,
)

Notes = list[tuple[str, str]]
# datums that lie within a metre or two of it, as far as photos go
_AS_WGS84 = re.compile("WGS(19)?(72|84)|JGD2|NAD83|ETR[SF]|ITRF|CGCS2000|GDA94|PZ90")
_TOKYO = "EPSG:4301"


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

    def filled_from(self, other: "CameraData", whose: str) -> "CameraData":
        """This, with what it lacks from another witness, unless their times contradict each other.

        Args:
            other: What is known from elsewhere.
            whose: What that is, for notes.
        """
        notes = [*self.notes, *other.notes]
        local, utc = self.taken_local or other.taken_local, self.taken_utc or other.taken_utc
        if why := disagreement(local, utc, f"the time of {whose}"):
            notes.append(("times_disagree", why))
            local, utc = self.taken_local, self.taken_utc
        place = (self.lat, self.lon) if self.lat is not None else (other.lat, other.lon)
        return replace(
            self, lat=place[0], lon=place[1], taken_local=local, taken_utc=utc, owner=self.owner or other.owner,
            notes=tuple(notes),
        )  # fmt: skip


def read_exif(image: Image.Image) -> CameraData:
    """Read place, times, heading and owner of an opened picture; broken EXIF gives an empty result with a note."""
    try:
        top = image.getexif()
        camera, gps = top.get_ifd(ExifTags.IFD.Exif), top.get_ifd(ExifTags.IFD.GPSInfo)
    except Exception as error:  # noqa: BLE001  a damaged header fails in many ways, and its picture may still be good
        return CameraData(notes=(("exif_broken", f"EXIF cannot be read: {error}"),))
    notes: Notes = []
    lat, lon = _place(gps, notes)
    clock = _local_time(camera, notes)
    local = None if clock is None else clock.local
    # the satellites' clock before the one that a person set, and its zone
    utc = _gps_time(gps, local, notes) or (None if clock is None else clock.utc)
    owner = _text(top.get(ExifTags.Base.Artist)) or _text(top.get(ExifTags.Base.Copyright))
    return CameraData(lat, lon, local, utc, _heading(gps), owner, tuple(notes))


def clock_of(text: str, name: str, notes: Notes) -> WallClock | None:
    """Read a wall clock, with a note where something stands there that is none.

    Args:
        text: As it stands in the file.
        name: Of the value.
        notes: Get the note.
    """
    if not re.search("[1-9]", text):  # cameras without a clock write blanks or zeros
        return None
    clock = parse_wall_clock(text)
    if clock is None:
        why = "has no hour, and none is made up" if has_no_hour(text) else "is not a moment"
        notes.append(("time_unreadable", f"{name} {text[:60]!r} {why}"))
    elif doubt := why_implausible(clock.local):
        notes.append(("time_implausible", f"{name} {text[:60]!r} {doubt}"))
        return None
    return clock


def place_of(lat: float, lon: float, notes: Notes, *, is_sure: bool = False) -> tuple[float, float] | None:
    """A place, unless it is off the globe, or the one that programs write when they know none.

    Args:
        lat: Degrees.
        lon: Degrees.
        notes: Get the reason.
        is_sure: A fix of 0, 0 is said to be one.
    """
    if not (abs(lat) <= 90 and abs(lon) <= 180):
        notes.append(("gps_out_of_range", f"position {lat}, {lon} is outside ±90, ±180"))
    elif lat == 0 and lon == 0 and not is_sure:
        notes.append(("gps_zero", "position 0, 0 without a valid fix is what cameras write when they know none"))
    else:
        return lat, lon
    return None


def disagreement(local: datetime | None, utc: datetime | None, whose: str) -> str | None:
    """Why a wall clock and a moment cannot be of one photo; None where a time zone explains them."""
    if local is None or utc is None:
        return None
    ahead = local - utc.replace(tzinfo=None)
    if LOCAL_AHEAD_OF_UTC[0] <= ahead <= LOCAL_AHEAD_OF_UTC[1]:
        return None
    hours = abs(ahead) / timedelta(hours=1)
    between = f"{whose} {utc:%Y-%m-%dT%H:%M:%SZ} and camera time {local:%Y-%m-%dT%H:%M:%S}"
    return f"{between} lie {hours:.1f} h apart, which no time zone explains"


def _place(gps: Mapping[int, Any], notes: Notes) -> tuple[float | None, float | None]:
    raw_lat, raw_lon = gps.get(ExifTags.GPS.GPSLatitude), gps.get(ExifTags.GPS.GPSLongitude)
    if raw_lat is None and raw_lon is None:
        return None, None
    status = _text(gps.get(ExifTags.GPS.GPSStatus))  # A: a valid fix, V: void
    lat, lat_wrong = _degrees(raw_lat, gps.get(ExifTags.GPS.GPSLatitudeRef), "NS")
    lon, lon_wrong = _degrees(raw_lon, gps.get(ExifTags.GPS.GPSLongitudeRef), "EW")
    if lat is None or lon is None:
        wrong = [f"latitude {_shown(raw_lat)} {lat_wrong}"] if lat_wrong else []
        wrong += [f"longitude {_shown(raw_lon)} {lon_wrong}"] if lon_wrong else []
        notes.append(("gps_unreadable", f"position cannot be read: {', '.join(wrong)}"))
        return None, None
    if status == "V" and abs(lat) <= 90 and abs(lon) <= 180:
        notes.append(("gps_void", f"the camera marked its position {lat:.5f}, {lon:.5f} as void"))
        return None, None
    place = place_of(lat, lon, notes, is_sure=status == "A")
    return (None, None) if place is None else _in_wgs84(place, _text(gps.get(ExifTags.GPS.GPSMapDatum)), notes)


def _in_wgs84(place: tuple[float, float], datum: str | None, notes: Notes) -> tuple[float, float]:
    """A place of the datum that a receiver was set to; of one that is not known here, as it stands, with a note."""
    name = re.sub("[^A-Z0-9]", "", (datum or "").upper())
    if not re.search("[1-9A-Z]", name) or _AS_WGS84.search(name):
        return place
    if name.startswith("TOKYO"):
        return place_in_degrees(lat=place[0], lon=place[1], crs=_TOKYO)
    shown = repr(str(datum)[:40])
    why = f"the position is of the datum {shown}, which is not known here: it may lie hundreds of metres off"
    notes.append(("gps_datum", why))
    return place


def _degrees(value: Any, ref: Any, letters: str) -> tuple[float | None, str]:
    """Degrees, minutes, seconds and the hemisphere as signed degrees; or None, and why."""
    if value is None:
        return None, "is there without the other"
    hemisphere = (_text(ref) or "")[:1].upper()
    parts = _numbers(value)
    if parts is None or not 1 <= len(parts) <= 3:
        return None, "is not degrees, minutes and seconds"
    if hemisphere not in letters or not hemisphere:
        return None, f"has no {letters[0]} or {letters[1]}"
    if min(parts) < 0:
        return None, f"has a minus and the letter {hemisphere}, which is the sign"
    if max(parts[1:], default=0) > 60:
        return None, "has minutes or seconds of more than 60"
    degrees = math.fsum(part / float(60**power) for power, part in enumerate(parts))
    return (-degrees if hemisphere == letters[1] and degrees else degrees), ""  # no −0


def _heading(gps: Mapping[int, Any]) -> float | None:
    parts = _numbers(gps.get(ExifTags.GPS.GPSImgDirection))
    if parts is None or len(parts) != 1 or not 0 <= parts[0] <= 360:
        return None
    return parts[0] % 360


def _local_time(camera: Mapping[int, Any], notes: Notes) -> WallClock | None:
    text = _text(camera.get(ExifTags.Base.DateTimeOriginal))
    clock = None if text is None else clock_of(text, "DateTimeOriginal", notes)
    if clock is None:
        return None
    fraction = _text(camera.get(ExifTags.Base.SubsecTimeOriginal))
    ahead = parse_offset(_text(camera.get(ExifTags.Base.OffsetTimeOriginal)) or "")
    local = clock.local.replace(microsecond=microseconds(fraction)) if fraction else clock.local
    return WallClock(local, clock.ahead if ahead is None else ahead)


def _gps_time(gps: Mapping[int, Any], local: datetime | None, notes: Notes) -> datetime | None:
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
    if why := disagreement(local, utc, "GPS time"):
        notes.append(("times_disagree", why))
        return None
    return utc


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


def _shown(value: Any) -> str:
    return "missing" if value is None else str(value)[:60]
