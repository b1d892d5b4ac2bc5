"""Polygons of any reference system as polygons in WGS84 degrees: mended, split at ±180°, a pole inside where it is.

An edge in degrees goes the shorter way round the globe: a ring from 179 to −179 is 2° wide, as everybody who draws one
means it, whatever RFC 7946 says of straight lines; 179 to 181 is the same. An edge from −180 to 180 itself is the
whole turn. It does not know files.
"""

import math
import re
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry, BaseMultipartGeometry

from ingest.geo.geometry import split_antimeridian
from trainer.earth import EQUATOR_RADIUS_M
from trainer.errors import AreaError

Points = npt.NDArray[np.float64]  # [n, 2] or [2]

_CODED = re.compile(r"(?:.*/)?epsg(?:\.xml#|::|/)(\d+)/?", re.IGNORECASE)  # …/gml/srs/epsg.xml#4326
_NO_DEGREES = 720  # beyond it no longitude is meant, however often it goes round
_SURE_VERTICES = 500  # up to so many, any outline is mended in about a second
# about five seconds of work each, by the costs that `_check_tangle` names
_MAX_CROSSINGS = 300_000
_MAX_OVERLAPS = 100_000_000
_EDGE_PARTS = 64
"""Edges of a projected area are cut into pieces of 1/64 of its extent before they are bent into degrees."""


def parts_of(shape: BaseGeometry) -> list[BaseGeometry]:
    """What a shape is made of, however nested; an empty one is a part of itself."""
    if shape.is_empty or not isinstance(shape, BaseMultipartGeometry):
        return [shape]
    return [part for inner in shape.geoms for part in parts_of(inner)]


def polygons_of(shape: BaseGeometry) -> list[Polygon]:
    """The polygons in a shape, whatever it is nested in."""
    return [part for part in parts_of(shape) if isinstance(part, Polygon) and not part.is_empty]


def to_degrees(polygons: list[Polygon], crs: str, where: str) -> tuple[list[Polygon], int]:
    """Mend polygons and bring them into WGS84 degrees, split at ±180°.

    Args:
        polygons: In the units of `crs`, x first.
        crs: As pyproj takes it.
        where: Of which file they are, for messages.

    Returns:
        Valid polygons within ±180 and ±90, and how many of those given jump across ±180°.

    Raises:
        AreaError: An unknown reference system, coordinates off the globe, or an outline too tangled to be mended.
    """
    try:
        own = pyproj.CRS.from_user_input(crs)
    except pyproj.exceptions.CRSError as error:
        raise AreaError(f"{where} names an unknown reference system: {error}") from error
    degrees: list[Polygon] = []
    jumps = 0
    for polygon in polygons:
        if own.is_geographic:
            plain = polygon if own.to_epsg() == 4326 else _transformed(polygon, own)
            _check_range(plain, where)
            crosses = _jumps(plain)
            jumps += crosses
            degrees += _unwrapped(plain, where) if crosses else _mended(plain, where)
        else:
            degrees += [part for piece in _mended(polygon, where) for part in _unprojected(piece, own, where)]
    for polygon in degrees:
        _check_range(polygon, where)
    return [part for polygon in degrees for part in polygons_of(split_antimeridian(polygon))], jumps


def crs_called(name: str) -> str | None:
    """A reference system as pyproj takes it, by a name that files have for it; None: there is none."""
    coded = _CODED.fullmatch(name)
    for spelling in (name, f"OGC:{name}", *([f"EPSG:{coded[1]}"] if coded else [])):  # a bare CRS84
        try:
            found = pyproj.CRS.from_user_input(spelling)
        except pyproj.exceptions.CRSError:
            continue
        if found.geodetic_crs is not None:  # not one of heights alone
            return spelling
    return None


def doubtful_datum(crs: pyproj.CRS, *, lat: float, lon: float) -> str | None:
    """The name of a datum from which no way to WGS84 is known at a place, where PROJ takes degrees as they stand.

    None where there is one; on the ellipsoids of WGS84 and GRS80, whose datums are within a few metres; and on a
    sphere, which has no datum that anybody means.
    """
    return _doubtful(crs, round(lat), round(lon))


def no_way_from(datum: str) -> str:
    """What to say of a `doubtful_datum`."""
    return (
        f"no way from its datum, {datum}, to WGS84 is known here: it is taken as it stands, and may lie hundreds of "
        "metres off"
    )


@lru_cache(maxsize=256)  # of a thousand files in one system each asks, and PROJ takes 40 ms
def _doubtful(crs: pyproj.CRS, lat: int, lon: int) -> str | None:
    own = crs.geodetic_crs
    if crs.is_bound or own is None or own.ellipsoid is None or own.datum is None:  # bound: the file says the way
        return None
    size_m, flatness = own.ellipsoid.semi_major_metre, own.ellipsoid.inverse_flattening
    if flatness == 0 or (abs(size_m - EQUATOR_RADIUS_M) < 1 and abs(flatness - 298.257) < 0.001):
        return None
    way = pyproj.Transformer.from_crs(own, "EPSG:4326", always_xy=True)
    way.transform(lon, lat)
    try:
        used = way.get_last_used_operation()
    except pyproj.exceptions.ProjError:  # there is but one
        used = way
    return str(own.datum.name) if "ballpark" in used.description.lower() else None


def place_in_degrees(*, lat: float, lon: float, crs: str) -> tuple[float, float]:
    """Latitude and longitude in WGS84 of a place in degrees of another geodetic system, as pyproj takes it."""
    east, north = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(lon, lat)
    return float(north), float(east)


def _jumps(polygon: Polygon) -> bool:
    """Does an edge go more than half round the globe, and is it not the whole turn along the edge of the map?"""
    lon = shapely.get_coordinates(polygon.exterior)[:, 0]
    steps = np.abs(np.diff(lon))
    return bool((steps > 180).any()) and not _is_turn(polygon)


def _is_turn(polygon: Polygon) -> bool:
    """Is it an area all round the globe, whose outline goes along the map's edge, from −180 to 180?

    A ring that was only cut at ±180° goes over that edge and back: the short way, it has an extent.
    """
    ring = shapely.get_coordinates(polygon.exterior)
    steps = np.abs(np.diff(ring[:, 0]))
    if not (np.abs(steps - 360) < 1e-9).any():
        return False
    lon = np.unwrap(ring[:, 0], period=360.0)
    closes = abs(lon[-1] - lon[0]) < 180
    return not closes or bool(np.ptp(lon) < 1e-9)


def _unwrapped(polygon: Polygon, where: str) -> list[Polygon]:
    """A polygon whose edges jump at ±180°, the short way; one that goes once round the globe holds the nearer pole."""
    shell, *holes = [
        _ring_area(shapely.get_coordinates(ring), where) for ring in (polygon.exterior, *polygon.interiors)
    ]
    return polygons_of(shapely.difference(shell, shapely.union_all(holes)))


def _mended(polygon: Polygon, where: str) -> list[Polygon]:
    """Valid polygons: what a crossed outline encloses, its holes left out."""
    if shapely.get_num_coordinates(polygon) > _SURE_VERTICES:
        _check_tangle(polygon, where)
    if polygon.is_valid:
        return [polygon]
    return polygons_of(shapely.make_valid(polygon, method="structure"))  # the other method takes hours for a scribble


def _check_tangle(polygon: Polygon, where: str) -> None:
    """Refuse an outline that crosses itself so often that mending it would not end.

    Estimated from a few edges, each compared with all others. Mending takes 15 µs a crossing; to find out whether
    there is any takes 0.05 µs for each pair of edges whose boxes overlap.
    """
    ends = np.concatenate([shapely.get_coordinates(ring) for ring in (polygon.exterior, *polygon.interiors)])
    starts, ends = ends[:-1], ends[1:]  # the few edges between rings do not matter here
    # fewer of a long outline, so that 16 million comparisons are not passed by much
    some = np.random.default_rng(0).integers(0, len(starts), max(8, min(64, 16_000_000 // len(starts))))
    low, high = np.minimum(starts, ends), np.maximum(starts, ends)
    overlaps = crossings = 0
    for i in some:
        near = np.flatnonzero(((low <= high[i]) & (high >= low[i])).all(axis=1))
        overlaps += len(near)
        crossings += int(_cross(starts[i], ends[i], starts[near], ends[near]).sum())
    share = len(starts) / 2 / len(some)  # half: a crossing is seen from both of its edges
    if crossings * share > _MAX_CROSSINGS or overlaps * share > _MAX_OVERLAPS:
        raise AreaError(
            f"{where} has an outline of {len(starts):,} vertices that is tangled, running over itself too often to be "
            "mended: simplify it, or draw it anew"
        )


def _cross(start: Points, end: Points, starts: Points, ends: Points) -> npt.NDArray[np.bool_]:
    """Which edges [n] properly cross one edge."""

    def side(a: Points, b: Points, c: Points) -> npt.NDArray[np.float64]:
        along, across = b - a, c - a
        return np.asarray(along[..., 0] * across[..., 1] - along[..., 1] * across[..., 0], dtype=np.float64)

    # each edge has its ends on both sides of the other
    apart = side(start, end, starts) * side(start, end, ends) < 0
    return np.asarray(apart & (side(starts, ends, start) * side(starts, ends, end) < 0), dtype=np.bool_)


def _check_range(polygon: Polygon, where: str) -> None:
    west, south, east, north = polygon.bounds
    shown = f"bounds {west:g}, {south:g}, {east:g}, {north:g}"
    if max(abs(side) for side in polygon.bounds) > _NO_DEGREES:
        raise AreaError(
            f"{where} is not in degrees ({shown}), and nothing says in which reference system it is: "
            "write that into the file, or transform it to EPSG:4326"
        )
    if south < -90 or north > 90:
        raise AreaError(f"{where} has a latitude outside ±90 ({shown}): are latitude and longitude swapped?")
    if west < -360 or east > 360 or east - west > 360:
        raise AreaError(f"{where} has longitudes that go round more than once ({shown})")


def _transformed(polygon: Polygon, own: pyproj.CRS) -> Polygon:
    to_wgs84 = pyproj.Transformer.from_crs(own, "EPSG:4326", always_xy=True)
    return shapely.transform(polygon, lambda xy: np.column_stack(to_wgs84.transform(xy[:, 0], xy[:, 1])))


def _unprojected(polygon: Polygon, own: pyproj.CRS, where: str) -> list[Polygon]:
    """Bend the edges of a projected polygon into degrees; longitudes may run past ±180°, and a pole may be inside."""
    west, south, east, north = polygon.bounds
    dense = shapely.segmentize(polygon, max(east - west, north - south) / _EDGE_PARTS)
    bent = _transformed(dense, own)
    if not np.isfinite(shapely.get_coordinates(bent)).all():
        raise AreaError(f"{where} has coordinates outside the range of its reference system '{own.name}'")
    return _unwrapped(bent, where)


def _ring_area(ring: Points, where: str) -> BaseGeometry:
    """Fill a ring [n, 2] in degrees that may run across ±180° or round a pole; split at ±180°."""
    lon = np.unwrap(ring[:, 0], period=360.0)
    run = np.column_stack([lon, ring[:, 1]])
    if abs(lon[-1] - lon[0]) > 180:  # once round the globe: it is closed along the pole
        pole = math.copysign(90.0, ring[np.abs(ring[:, 1]).argmax(), 1])
        run = np.vstack([run, [lon[-1], pole], [lon[0], pole], run[:1]])
    parts = _mended(Polygon(run), where)
    return split_antimeridian(shapely.union_all(parts)) if parts else Polygon()
