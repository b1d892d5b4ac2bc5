"""Geometry on the WGS84 ellipsoid: footprints of tiles, boxes, discs, and areas that cross ±180° or hold a pole.

Shapes are shapely geometries in degrees, x = longitude and y = latitude, always inside −180..180: what crosses the
antimeridian is cut there into parts. It does not know rasters, grids or files.
"""

import math
import threading
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import Geod, Proj
from shapely.affinity import scale, translate
from shapely.geometry.base import BaseGeometry

from trainer.earth import SHORTEST_DEGREE_M
from trainer.errors import AreaError

Floats = npt.NDArray[np.float64]

MAX_DISC_M = 10_000_000.0  # a larger disc could hold both poles, and then has no single outside
_GEOD = Geod(ellps="WGS84")
_MAX_SEGMENTS = 64
_LEAST_DEGREE_M = 110_000  # of latitude: it is longer everywhere
_POLE_MARGIN_M = 0.01


@dataclass(frozen=True, slots=True)
class Footprint:
    """A square on the ground, north up at its centre, in its own Lambert azimuthal equal-area CRS.

    Attributes:
        lat: Latitude of the centre, degrees.
        lon: Longitude of the centre, degrees.
        size_m: Length of a side, metres.
    """

    lat: float
    lon: float
    size_m: float

    @property
    def crs(self) -> str:
        """The PROJ string of the local CRS, in metres, with its origin at the centre."""
        return f"+proj=laea +lat_0={self.lat!r} +lon_0={self.lon!r} +datum=WGS84 +units=m +no_defs"

    @property
    def bounds_m(self) -> tuple[float, float, float, float]:
        """Left, bottom, right and top in the local CRS, metres."""
        half = self.size_m / 2
        return -half, -half, half, half

    @property
    def polygon(self) -> BaseGeometry:
        """The outline in degrees, a Polygon, or a MultiPolygon where it crosses ±180°."""
        lons, lats = ring(lat=self.lat, size_m=self.size_m)
        return outline(lons + self.lon, lats)

    @property
    def bbox(self) -> tuple[float, float, float, float]:
        """West, south, east and north in degrees; west > east where it crosses ±180°."""
        if abs(self.lat) + self.size_m / _LEAST_DEGREE_M < 90:  # it holds no pole, and needs no polygon
            left, south, right, north = _reach(self.lat, self.size_m)
            west, east = left + self.lon, right + self.lon
            if west > -180 and east < 180:
                return west, south, east, north
        parts = shapely.get_parts(self.polygon)
        bounds = shapely.bounds(parts)  # [n, 4]
        south, north = float(bounds[:, 1].min()), float(bounds[:, 3].max())
        west, east = float(bounds[:, 0].min()), float(bounds[:, 2].max())
        # across ±180° and round no pole: from the part that ends at 180 to the one that begins at −180
        if len(parts) > 1 and max(abs(south), abs(north)) < 90:
            on_the_west = bounds[:, 0] <= -180
            west, east = float(bounds[~on_the_west, 0].min()), float(bounds[on_the_west, 2].max())
        return west, south, east, north

    def to_lonlat(self, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Longitudes (−180..180) and latitudes of points given in the local CRS, metres."""
        lons, lats = _laea(self.lat)(np.asarray(x, float), np.asarray(y, float), inverse=True)
        return (lons + self.lon + 180) % 360 - 180, lats

    def to_metres(self, *, lat: npt.ArrayLike, lon: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Metres east and north of the centre, in the local CRS, of points in degrees."""
        x, y = _laea(self.lat)((np.asarray(lon, float) - self.lon + 180) % 360 - 180, np.asarray(lat, float))
        return np.asarray(x), np.asarray(y)

    def contains(self, *, lat: npt.ArrayLike, lon: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Whether points in degrees lie in the square, its edge included (to a millimetre), bool of their shape."""
        x, y = self.to_metres(lat=lat, lon=lon)
        half = self.size_m / 2 + 1e-3
        inside: npt.NDArray[np.bool_] = (np.abs(x) <= half) & (np.abs(y) <= half)
        return inside


def _laea(lat: float) -> Proj:
    return _laea_of(lat, threading.get_ident())  # PROJ's objects are not to be shared between threads


@lru_cache(maxsize=256)  # the tiles of a row share a latitude
def _laea_of(lat: float, _thread: int) -> Proj:
    return Proj(proj="laea", lat_0=lat, lon_0=0, datum="WGS84", units="m")


@lru_cache(maxsize=10_000)  # the tiles of a row share a latitude
def _reach(lat: float, size_m: float) -> tuple[float, float, float, float]:
    """West, south, east and north of a footprint at longitude 0 that holds no pole."""
    lons, lats = ring(lat=lat, size_m=size_m)
    return float(lons.min()), float(lats.min()), float(lons.max()), float(lats.max())


def ring(*, lat: float, size_m: float) -> tuple[Floats, Floats]:
    """The outline of a square footprint at longitude 0, the same for every tile of a row of the grid.

    Args:
        lat: Latitude of its centre, degrees.
        size_m: Length of a side, metres.

    Returns:
        Longitudes relative to the centre and latitudes, each [k], anticlockwise, not closed. Sides are cut into
        enough segments that a chord leaves the true edge by less than a ten-thousandth of the side.
    """
    to_pole_m = max((90 - abs(lat)) * SHORTEST_DEGREE_M, size_m / 4)
    # A chord of size/n leaves a circle of radius r by (size/n)² / 8r: less than size/10,000 where n² ≥ 1250 size/r.
    segments = min(_MAX_SEGMENTS, max(1, math.ceil(math.sqrt(1250 * size_m / to_pole_m))))
    half = size_m / 2
    local = _laea(lat)
    if to_pole_m < size_m and abs(local(0, math.copysign(90, lat))[1]) <= half + _POLE_MARGIN_M:
        half += 2 * _POLE_MARGIN_M  # a pole on the very edge counts as inside, else its longitude is undefined
    steps = -half + 2 * half * np.arange(segments) / segments
    x = np.concatenate([steps, np.full(segments, half), -steps, np.full(segments, -half)])
    y = np.concatenate([np.full(segments, -half), steps, np.full(segments, half), -steps])
    lons, lats = local(x, y, inverse=True)
    return np.asarray(lons), np.asarray(lats)


def outline(lons: Floats, lats: Floats) -> BaseGeometry:
    """A polygon from an outline whose longitudes may jump at ±180° or wind around a pole."""
    unwrapped = np.unwrap(np.append(lons, lons[0]), period=360)
    # whole turns, until its middle lies within ±180°
    unwrapped -= 360 * np.round((unwrapped.min() + unwrapped.max()) / 720)
    if abs(unwrapped[-1] - unwrapped[0]) < 180:
        return split_antimeridian(shapely.Polygon(np.column_stack([unwrapped[:-1], lats])))
    # once round: it holds the pole, and is closed along it
    pole = math.copysign(90, lats.mean())
    edge = np.column_stack([unwrapped, np.append(lats, lats[0])])
    cap = [(unwrapped[-1], pole), (unwrapped[0], pole)]
    return split_antimeridian(shapely.Polygon(np.vstack([edge, cap])))


def box(west: float, south: float, east: float, north: float) -> BaseGeometry:
    """A box in degrees; with west > east it crosses ±180° and has two parts.

    Raises:
        AreaError: A coordinate is not a number or out of range, or the box is empty.
    """
    where = f"box {west},{south},{east},{north} (west,south,east,north)"
    if not all(math.isfinite(v) for v in (west, south, east, north)):
        raise AreaError(f"{where}: every side must be a number")
    if abs(south) > 90 or abs(north) > 90:
        raise AreaError(f"{where}: latitudes go from -90 to 90; are longitude and latitude swapped?")
    if abs(west) > 180 or abs(east) > 180:
        raise AreaError(f"{where}: longitudes go from -180 to 180; to cross ±180° give west > east")
    if south >= north or west == east:
        raise AreaError(f"{where}: it is empty; south must be below north, and west differ from east")
    if west < east:
        return shapely.box(west, south, east, north)
    parts = [shapely.box(w, south, e, north) for w, e in ((west, 180), (-180, east)) if w < e]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def disc(*, lat: float, lon: float, radius_m: float) -> BaseGeometry:
    """All points within a geodesic distance, as a polygon in degrees (180 corners, outside the true circle).

    Raises:
        AreaError: The centre or the radius is not a sensible number.
    """
    where = f"circle of {radius_m} m around latitude {lat}, longitude {lon}"
    if not (math.isfinite(lat) and math.isfinite(lon) and abs(lat) <= 90 and abs(lon) <= 180):
        raise AreaError(f"{where}: latitude goes from -90 to 90 and longitude from -180 to 180")
    if not 0 < radius_m <= MAX_DISC_M:
        raise AreaError(f"{where}: the radius must be above 0 and at most {MAX_DISC_M / 1000:.0f} km; or use a box")
    azimuths = np.arange(0, -360, -2.0)  # anticlockwise, as outlines are
    reach = np.full(azimuths.shape, radius_m / math.cos(math.radians(1)))  # corners outside, edges touch the circle
    lons, lats, _ = _GEOD.fwd(np.full_like(azimuths, lon), np.full_like(azimuths, lat), azimuths, reach)
    return outline(np.asarray(lons), np.asarray(lats))


def split_antimeridian(geom: BaseGeometry) -> BaseGeometry:
    """The same area with longitudes from −180 to 180, for a geometry whose longitudes run outside (−540..540)."""
    west, south, east, north = geom.bounds
    if west >= -180 and east <= 180:
        return geom
    if not (math.isfinite(west) and math.isfinite(east)) or west < -540 or east > 540:
        raise AreaError(f"longitudes from {west} to {east} cannot be understood: they go from -180 to 180")
    world = shapely.box(-180, min(south, -90), 180, max(north, 90))
    turns = (-360, 0, 360)
    parts = [shapely.intersection(translate(geom, turn), world) for turn in turns]
    # a line where the area only touches ±180° is no part of it, unless it is a line itself
    areal = [p for part in parts for p in shapely.get_parts(part) if p.area > 0 or geom.area == 0]
    return areal[0] if len(areal) == 1 else shapely.union_all(areal)


def buffer_m(geom: BaseGeometry, metres: float) -> BaseGeometry:
    """The area widened at least by a distance on the ground (more in places, never less).

    Near a pole every longitude is within reach, so there the result is a whole cap.
    """
    if metres <= 0 or geom.is_empty:
        return geom
    _, south, _, north = geom.bounds
    reach = 1.01 * metres / SHORTEST_DEGREE_M  # degrees; a hundredth more than round joins cut away
    top, bottom = north + reach, south - reach
    caps = []
    # what reaches over a pole comes down on its other side, to 180 − top degrees
    if top > 89.5:
        caps.append(shapely.box(-180, max(-90.0, min(north, 180 - top, 89.5) - reach), 180, 90))
    if bottom < -89.5:
        caps.append(shapely.box(-180, -90, 180, min(90.0, max(south, -180 - bottom, -89.5) + reach)))
    # of all latitudes within reach the one with the shortest degree of longitude: too wide elsewhere, never too narrow
    narrow = math.cos(math.radians(min(89.5, max(abs(top), abs(bottom)))))
    widened = [_buffer_part(part, reach, narrow) for part in shapely.get_parts(geom)]
    return shapely.union_all([*widened, *caps])


def _buffer_part(part: BaseGeometry, reach: float, narrow: float) -> BaseGeometry:
    """One part widened in degrees where a degree of longitude is `narrow` times one of latitude."""
    wide = scale(part, xfact=narrow, yfact=1, origin=(0, 0)).buffer(reach)
    west, south, east, north = scale(wide, xfact=1 / narrow, yfact=1, origin=(0, 0)).bounds
    if east - west >= 360:
        return shapely.box(-180, max(south, -90), 180, min(north, 90))
    degrees = scale(wide, xfact=1 / narrow, yfact=1, origin=(0, 0))
    return split_antimeridian(shapely.intersection(degrees, shapely.box(-540, -90, 540, 90)))


def distance_m(*, lat: float, lon: float, lats: npt.ArrayLike, lons: npt.ArrayLike) -> Floats:
    """Geodesic distances in metres from one place to many, float64 of the shape of `lats`."""
    to_lats, to_lons = np.asarray(lats, float), np.asarray(lons, float)
    _, _, metres = _GEOD.inv(np.full(to_lons.shape, lon), np.full(to_lats.shape, lat), to_lons, to_lats)
    return np.asarray(metres, dtype=np.float64)
