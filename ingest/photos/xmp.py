"""Place and times that a program wrote as XMP, into a photo or into a file beside it.

The names are those of Adobe's XMP specification, part 2: ``exif:GPSLatitude`` and ``GPSLongitude`` as ``47,30.0N`` or
``47,30,15N``, ``exif:DateTimeOriginal`` and ``photoshop:DateCreated`` as ISO 8601, the wall clock at the place. It does
not know files, or what EXIF says.
"""

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

from PIL import Image

from ingest.photos.exif import CameraData, Notes, clock_of, place_of

_XMP_TAG = 700  # of TIFF
_ANGLE = re.compile(r"(\d{1,3})(?:,(\d{1,2}(?:\.\d+)?)(?:,(\d{1,2}(?:\.\d+)?))?|(\.\d+)?)([NSEW])", re.ASCII)
_NAMES = {
    f"{{{space}}}{name}": name
    for space, names in {
        "http://ns.adobe.com/exif/1.0/": ("GPSLatitude", "GPSLongitude", "DateTimeOriginal"),
        "http://ns.adobe.com/photoshop/1.0/": ("DateCreated",),
    }.items()
    for name in names
}


def read_xmp(packet: bytes) -> CameraData:
    """Read the place and the times of a packet; a broken one gives an empty result with a note."""
    # entities that name each other grow without bound while they are read (“billion laughs”), or name files
    if b"<!DOCTYPE" in packet or b"<!ENTITY" in packet:
        return CameraData(notes=(("xmp_broken", "XMP declares XML entities, which it never needs"),))
    try:
        root = ET.fromstring(packet.strip(b"\0 \r\n\t"))  # noqa: S314 - entities were refused above
    except (ET.ParseError, LookupError, ValueError) as error:  # an encoding that is not known, or of several bytes
        return CameraData(notes=(("xmp_broken", f"XMP cannot be read: {error}"),))
    notes: Notes = []
    values = dict(_values(root))
    lat, lon = values.get("GPSLatitude"), values.get("GPSLongitude")
    place = None if lat is None and lon is None else _place(lat, lon, notes)
    clock = None
    for name in ("DateTimeOriginal", "DateCreated"):
        if clock is None and name in values:
            clock = clock_of(values[name], name, notes)
    north, east = place or (None, None)
    return CameraData(
        north,
        east,
        taken_local=None if clock is None else clock.local,
        taken_utc=None if clock is None else clock.utc,
        notes=tuple(notes),
    )


def packet_of(image: Image.Image) -> bytes | None:
    """The packet in an opened picture."""
    tags = getattr(image, "tag_v2", {})
    found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or tags.get(_XMP_TAG)
    if isinstance(found, str):
        return found.encode()
    return found if isinstance(found, bytes) and found.strip(b"\0 ") else None


def _values(root: ET.Element) -> Iterator[tuple[str, str]]:
    """The values that we know, as attributes or as elements, the first of each last."""
    for element in reversed(list(root.iter())):
        if element.tag in _NAMES and element.text and element.text.strip():
            yield _NAMES[element.tag], element.text.strip()
        yield from ((_NAMES[name], value.strip()) for name, value in element.attrib.items() if name in _NAMES)


def _place(lat: str | None, lon: str | None, notes: Notes) -> tuple[float, float] | None:
    north, east = _angle(lat, "NS"), _angle(lon, "EW")
    if north is None or east is None:
        notes.append(("gps_unreadable", f"XMP position {lat}, {lon} is not two angles such as 47,30.0N"))
        return None
    return place_of(north, east, notes)


def _angle(text: str | None, letters: str) -> float | None:
    found = _ANGLE.fullmatch((text or "").replace(" ", "").upper())
    if found is None or found[5] not in letters:
        return None
    whole, minutes, seconds = float(found[1] + (found[4] or "")), float(found[2] or 0), float(found[3] or 0)
    if minutes > 60 or seconds > 60:
        return None
    degrees = math.fsum((whole, minutes / 60, seconds / 3600))
    return -degrees if found[5] == letters[1] and degrees else degrees
