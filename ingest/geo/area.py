"""What a person may give as an area or as dates, read into geometry and UTC moments.

An area is a box ``W,S,E,N``, a circle ``LAT,LON,KM``, or a file of polygons: GeoJSON, KML, KMZ, GeoPackage,
Shapefile, GeoParquet. The result is a polygon or multipolygon in WGS84 degrees, x = longitude, split at ±180°.

Edges between vertices are straight in the file's own coordinates, as RFC 7946 has it for GeoJSON: a ring in degrees
from 170 to −170 therefore goes the long way round; write 170 to 190, or two polygons. It does not know tiles or
searches.
"""

import math
import warnings
from datetime import UTC, date, datetime, time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry, BaseMultipartGeometry

from ingest.geo.geometry import box, disc, split_antimeridian
from ingest.geo.geoparquet import read_geometries
from trainer.errors import AreaError, reason

AREA_SUFFIXES = (".geojson", ".json", ".kml", ".kmz", ".gpkg", ".shp", ".parquet", ".geoparquet")

Points = npt.NDArray[np.float64]  # [n, 2] or [2]

_SURE_VERTICES = 500  # up to so many, any outline is mended in about a second
# about five seconds of work each, by the costs that `_check_tangle` names
_MAX_CROSSINGS = 300_000
_MAX_OVERLAPS = 100_000_000
_EDGE_PARTS = 64
"""Edges of a projected area are cut into pieces of 1/64 of its extent before they are bent into degrees."""


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


def read_area_file(path: Path) -> BaseGeometry:
    """Read every polygon of a file as one area; crossed outlines are mended, points and lines are passed over.

    Raises:
        AreaError: the file cannot be read, has no polygon, no known reference system, or coordinates off the globe.
    """
    if not path.is_file():
        raise AreaError(f"area file '{path}' does not exist, or is not a file")
    if path.suffix.lower() not in AREA_SUFFIXES:
        raise AreaError(f"area file '{path}' has the suffix '{path.suffix}': use one of {' '.join(AREA_SUFFIXES)}")
    if path.stat().st_size == 0:
        raise AreaError(f"area file '{path}' is empty (0 bytes)")
    polygons: list[Polygon] = []
    others = 0
    for layer, crs, shapes in _read_layers(path):
        where = f"area file '{path}'" + (f", layer '{layer}'" if layer != path.stem else "")
        _check_finite(shapes, where)
        kept = [polygon for shape in shapes for polygon in _polygons(shape)]
        others += sum(not _polygons(shape) and not shape.is_empty for shape in shapes)
        polygons += _to_degrees(kept, crs, where)
    if not polygons:
        found = f"only {others} points or lines" if others else "nothing"
        raise AreaError(f"area file '{path}' holds {found} and no polygon; for a point use --near LAT,LON,KM")
    area = shapely.union_all(polygons)
    if area.is_empty or area.area == 0:
        raise AreaError(f"area file '{path}' holds polygons without any extent")
    return area


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


def _read_layers(path: Path) -> list[tuple[str, str | None, list[BaseGeometry]]]:
    """Read (layer name, CRS or None, shapes) of every layer; a KML folder is a layer."""
    if path.suffix.lower() in (".parquet", ".geoparquet"):
        return [(path.stem, *read_geometries(path))]
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, GeometryError

    layers: list[tuple[str, str | None, list[BaseGeometry]]] = []
    try:
        with warnings.catch_warnings():  # GDAL warns of open rings, which are closed here; NaN is refused below
            warnings.simplefilter("ignore")
            for name, kind in pyogrio.list_layers(path):
                if kind is None:  # a table without geometry
                    continue
                meta, _, wkb, _ = pyogrio.raw.read(path, layer=name, columns=[], force_2d=True)
                shapes = [shape for shape in shapely.from_wkb(wkb, on_invalid="fix") if shape is not None]
                layers.append((str(name), meta["crs"], shapes))
    except (
        *(DataSourceError, DataLayerError, FeatureError, GeometryError, shapely.errors.ShapelyError),
        UnicodeDecodeError,  # a name of a layer or column
    ) as error:
        raise AreaError(f"area file '{path}' cannot be read: {reason(error)}") from error
    return layers


def _check_finite(shapes: list[BaseGeometry], where: str) -> None:
    for number, shape in enumerate(shapes, 1):
        if not np.isfinite(shapely.get_coordinates(shape)).all():
            raise AreaError(f"{where}: shape {number} has a coordinate that is NaN or infinite")


def _polygons(shape: BaseGeometry) -> list[Polygon]:
    """The polygons in a shape, whatever it is nested in."""
    if isinstance(shape, Polygon):
        return [] if shape.is_empty else [shape]
    if isinstance(shape, BaseMultipartGeometry):
        return [polygon for part in shape.geoms for polygon in _polygons(part)]
    return []


def _to_degrees(polygons: list[Polygon], crs: str | None, where: str) -> list[Polygon]:
    """Mend polygons and bring them into WGS84 degrees, split at ±180°."""
    if not polygons:
        return []
    if crs is None:
        raise AreaError(f"{where} names no reference system: add one (a Shapefile needs its .prj)")
    try:
        own = pyproj.CRS.from_user_input(crs)
    except pyproj.exceptions.CRSError as error:
        raise AreaError(f"{where} names an unknown reference system: {error}") from error
    mended = [part for polygon in polygons for part in _mended(polygon, where)]
    if own.is_geographic:
        degrees = [polygon if own.to_epsg() == 4326 else _transformed(polygon, own) for polygon in mended]
    else:
        degrees = [part for polygon in mended for part in _unprojected(polygon, own, where)]
    for polygon in degrees:
        _check_range(polygon, where)
    return [part for polygon in degrees for part in _polygons(split_antimeridian(polygon))]


def _mended(polygon: Polygon, where: str) -> list[Polygon]:
    """Valid polygons: what a crossed outline encloses, its holes left out."""
    if shapely.get_num_coordinates(polygon) > _SURE_VERTICES:
        _check_tangle(polygon, where)
    if polygon.is_valid:
        return [polygon]
    return _polygons(shapely.make_valid(polygon, method="structure"))  # the other method takes hours for a scribble


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
    shell, *holes = [_ring_area(shapely.get_coordinates(ring)) for ring in (bent.exterior, *bent.interiors)]
    return _polygons(shapely.difference(shell, shapely.union_all(holes)))


def _ring_area(ring: Points) -> BaseGeometry:
    """Fill a dense ring [n, 2] in degrees that may run across ±180° or round a pole; split at ±180°."""
    lon = np.unwrap(ring[:, 0], period=360.0)
    run = np.column_stack([lon, ring[:, 1]])
    if abs(lon[-1] - lon[0]) > 180:  # once round the globe: it is closed along the pole
        pole = math.copysign(90.0, ring[np.abs(ring[:, 1]).argmax(), 1])
        run = np.vstack([run, [lon[-1], pole], [lon[0], pole], run[:1]])
    return split_antimeridian(shapely.make_valid(Polygon(run)))
