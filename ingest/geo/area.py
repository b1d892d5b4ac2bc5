"""What a person may write as an area or as dates, read into geometry and UTC moments.

An area is a box ``W,S,E,N``, a circle ``LAT,LON,KM`` or WKT, the result a polygon or multipolygon in WGS84 degrees, x =
longitude, split at ±180°. Files are for `ingest.geo.area_file`. It does not know tiles or searches.
"""

import math
from datetime import UTC, date, datetime, time

import shapely
from shapely.geometry.base import BaseGeometry

from ingest.geo.geometry import box, disc, split_antimeridian
from trainer.errors import AreaError


def parse_bbox(text: str) -> BaseGeometry:
    """Read ``W,S,E,N`` in degrees; west > east crosses ±180°.

    Raises:
        AreaError: not four numbers, or not a box on the globe.
    """
    west, south, east, north = _numbers(text, "box", "W,S,E,N", "85.51,27.62,85.53,27.64")
    if abs(south) > 90 or abs(north) > 90:
        raise AreaError(f"box '{text}' has a latitude outside ±90: the order is W,S,E,N, longitude first")
    if south >= north:
        raise AreaError(f"box '{text}' has its south {south} not below its north {north}: the order is W,S,E,N")
    area = box(west, south, east, north)
    if area.is_empty:  # from 180 to -180
        raise AreaError(f"box '{text}' is empty: west and east are the same meridian")
    return area


def parse_near(text: str) -> BaseGeometry:
    """Read ``LAT,LON,KM`` as a circle on the ground.

    Raises:
        AreaError: not three numbers, or not a circle on the globe.
    """
    lat, lon, km = _numbers(text, "circle", "LAT,LON,KM", "27.63,85.52,5")
    if abs(lat) > 90:
        raise AreaError(f"circle '{text}' has a latitude outside ±90: the order is LAT,LON,KM, latitude first")
    if abs(lon) > 180:
        raise AreaError(f"circle '{text}' has a longitude outside ±180: the order is LAT,LON,KM")
    if not 1e-6 <= km <= 10_000:
        raise AreaError(f"circle '{text}' has a radius of {km:g} km: give more than 0 (a millimetre) and at most 10000")
    return disc(lat=lat, lon=lon, radius_m=km * 1000)


def parse_wkt(text: str) -> BaseGeometry:
    """Read a polygon or several as WKT, longitude first; a ring that crosses itself is mended.

    Raises:
        AreaError: no WKT, or it has no extent, or leaves the globe.
    """
    try:
        shape = shapely.make_valid(shapely.from_wkt(text))
    except shapely.errors.ShapelyError as error:
        raise AreaError(f"the outline '{text[:40]}' is no WKT of a polygon: draw or write it again") from error
    if shape.is_empty or shape.area == 0:
        raise AreaError("the outline has no extent: draw it again")
    if shape.bounds[1] < -90 or shape.bounds[3] > 90:
        raise AreaError(f"the outline '{text[:40]}' has a latitude outside ±90: WKT has the longitude first")
    return split_antimeridian(shape)


def parse_date(text: str, *, end: bool = False) -> datetime:
    """Read ``YYYY-MM-DD`` or an ISO 8601 moment as aware UTC; a moment without a zone is UTC.

    Args:
        end: Take a date alone as the end of its day, so that a range includes its last day.

    Raises:
        AreaError: it is no date of the calendar.
    """
    text = text.strip()
    try:
        # 2020-08-31 or 20200831, a day without an hour
        if len(text) <= 10 and ":" not in text:
            day = date.fromisoformat(text)
            return datetime.combine(day, time.max if end else time.min, UTC)
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise AreaError(
            f"'{text[:40]}' is no date ({error}): write 2020-08-31, or a moment such as 2020-08-31T10:30Z"
        ) from error


def parse_dates(first: str | None, last: str | None) -> tuple[datetime | None, datetime | None]:
    """Read a range of dates, both ends inclusive, either may be missing.

    Raises:
        AreaError: an end is no date, or the range runs backwards.
    """
    start = None if first is None else parse_date(first)
    stop = None if last is None else parse_date(last, end=True)
    if start is not None and stop is not None and start > stop:
        raise AreaError(f"the dates run backwards: from {first} is after to {last}")
    return start, stop


def _numbers(text: str, what: str, names: str, example: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != len(names.split(",")) or not all(map(math.isfinite, numbers)):
        raise AreaError(f"{what} '{text}' cannot be understood: write {names}, such as {example}")
    return numbers
