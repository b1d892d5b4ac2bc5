"""A file of polygons and points as rows with columns: GeoJSON, GeoPackage, Shapefile, FlatGeobuf, KML, KMZ, GeoParquet.

Geometries come in WGS84 degrees, x = longitude, split at ±180°, whatever the file's reference system; polygons are
mended. A row that is neither, or lies nowhere, is passed over and counted by reason. KML has no columns here. It does
not know what the columns mean; `ingest.geo.area_file` reads the same files as one area.
"""

import logging
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from shapely.geometry.base import BaseGeometry

from ingest.geo.area_file import AREA_SUFFIXES, OF_GEOJSON, kml_content, named_crs, refuse_topology
from ingest.geo.degrees import doubtful_datum, no_way_from, parts_of, polygons_of, to_degrees
from ingest.geo.geometry import split_antimeridian
from ingest.geo.geoparquet import column_names, read_rows
from ingest.geo.kml import read_kml
from trainer.errors import AreaError, reason

SUFFIXES = (*AREA_SUFFIXES, ".fgb")
MOST_ROWS = 2_000_000
"""Of polygons and points near the ground that is asked about; more would not fit into memory."""

LINES, EMPTY, NOWHERE, FLAT = "lines", "without geometry", "coordinates that are NaN or infinite", "without extent"
_POINTS, _POLYGONS = (0, 4), (3, 6)  # shapely's numbers of their types
_COLLECTION = 7
_log = logging.getLogger(__name__)

Shapes = npt.NDArray[np.object_]
Box = tuple[float, float, float, float]


@dataclass
class FeatureSet:
    """n polygons and points, each a row of a file.

    Attributes:
        shapes: Polygons, multipolygons, points or multipoints in WGS84 degrees, [n].
        columns: Of the rows by name, [n] each.
        extent: The box of all rows of the file, WGS84 degrees, split at ±180°; None: it has none.
        mended: How many outlines crossed themselves and were made valid.
        passed_over: How many rows of the file are not among the n, by reason.
        notes: Sentences that a person should read.
    """

    shapes: Shapes = field(default_factory=lambda: np.empty(0, np.object_))
    columns: dict[str, npt.NDArray[np.object_]] = field(default_factory=dict)
    extent: BaseGeometry | None = None
    mended: int = 0
    passed_over: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Layer:
    """Rows of one layer in its own reference system, and the box of all of them."""

    where: str
    crs: str
    shapes: Shapes
    columns: dict[str, npt.NDArray[np.object_]]
    bounds: Box | None


def read_features(path: Path, columns: Sequence[str] = (), *, near: Box | None = None) -> FeatureSet:
    """Read the polygons and points of a file.

    Args:
        path: The file; of several layers those that have the columns.
        columns: Which columns beside the geometries.
        near: West, south, east, north in degrees: rows elsewhere may be left out, uncounted.

    Raises:
        AreaError: The file cannot be read, holds no row, lacks a column, has no known reference system, or coordinates
            off the globe; or there are more than `MOST_ROWS` rows near.
    """
    if not path.is_file():
        raise AreaError(f"'{path}' does not exist, or is not a file")
    if path.suffix.lower() not in SUFFIXES:
        raise AreaError(f"'{path}' has the suffix '{path.suffix}': use one of {' '.join(SUFFIXES)}")
    if path.stat().st_size == 0:
        raise AreaError(f"'{path}' is empty (0 bytes)")
    found = FeatureSet()
    layers = _layers(path, list(dict.fromkeys(columns)), near, found.notes)
    kept = [(layer, *_placed(layer, found)) for layer in layers]
    if kept:
        found.shapes = np.concatenate([shapes[usable] for _, shapes, usable in kept])
        found.columns = {
            name: np.concatenate([layer.columns[name][usable] for layer, _, usable in kept]) for name in columns
        }
    found.extent = _extent(layers, found.shapes)
    if found.mended:
        found.notes.append(f"{found.mended:,} outlines crossed themselves and were made valid")
    found.notes += [f"{count:,} rows passed over: {why}" for why, count in found.passed_over.items()]
    return found


def _layers(path: Path, columns: list[str], near: Box | None, notes: list[str]) -> list[_Layer]:
    suffix = path.suffix.lower()
    if suffix in (".kml", ".kmz"):
        if columns:
            raise AreaError(f"'{path}': columns of KML are not read ({columns[0]!r}): convert it to GeoJSON")
        try:
            shapes = np.array([*read_kml(kml_content(path, notes.append), notes.append), None], np.object_)[:-1]
        except AreaError as error:
            raise AreaError(f"'{path}' cannot be read: {error}") from error
        return [_Layer(f"'{path}'", "EPSG:4326", shapes, {}, _bounds(shapes))]
    if suffix in (".parquet", ".geoparquet"):
        _check_columns(path, columns, column_names(path))
        crs, shapes, values = read_rows(path, columns)
        if len(shapes) > MOST_ROWS:
            raise _too_many(path, len(shapes))
        return [_Layer(f"'{path}'", _known(crs, path, None), shapes, values, _bounds(shapes))]
    named = None
    if suffix in (".geojson", ".json"):
        refuse_topology(path)
        named = named_crs(path)
    return _layers_of_gdal(path, columns, near, notes, named)


def _layers_of_gdal(
    path: Path, columns: list[str], near: Box | None, notes: list[str], named: str | None
) -> list[_Layer]:
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, GeometryError

    layers, known = [], set()
    try:
        with warnings.catch_warnings():  # GDAL warns of open rings, which are closed here; NaN is passed over below
            warnings.simplefilter("ignore")
            for name, kind in pyogrio.list_layers(path):
                if kind is None:  # a table without geometry
                    continue
                told = pyogrio.read_info(path, layer=name, force_feature_count=True, force_total_bounds=True)
                have = [str(one) for one in told["fields"]]
                known.update(have)
                if not set(columns) <= set(have):
                    notes.append(f"layer {str(name)!r} is passed over: it has no column {_missing(columns, have)!r}")
                    continue
                crs = _known(named if named and told["crs"] in OF_GEOJSON else told["crs"], path, str(name))
                box = None if near is None else _in_units(near, crs)
                meta, _, wkb, values = pyogrio.raw.read(path, layer=name, columns=columns, bbox=box, force_2d=True)
                if len(wkb) > MOST_ROWS:
                    raise _too_many(path, len(wkb))
                shapes = np.asarray(shapely.from_wkb(wkb, on_invalid="fix"))
                named_values = zip(meta["fields"], values, strict=True)
                read = {str(one): np.asarray(column, np.object_) for one, column in named_values}
                bounds = told.get("total_bounds")
                layers.append(_Layer(_where(path, str(name)), crs, shapes, read, bounds))
    except (
        *(DataSourceError, DataLayerError, FeatureError, GeometryError, shapely.errors.ShapelyError),
        UnicodeDecodeError,  # a name of a layer or column
    ) as error:
        raise AreaError(f"'{path}' cannot be read: {reason(error)}") from error
    if not layers:
        _check_columns(path, columns, sorted(known))
        raise AreaError(f"'{path}' holds no layer with geometry: give polygons or points")
    return layers


def _where(path: Path, layer: str) -> str:
    return f"'{path}'" + (f", layer '{layer}'" if layer != path.stem else "")


def _known(crs: Any, path: Path, layer: str | None) -> str:
    if crs is None:
        how = "put its .prj beside it" if path.suffix.lower() == ".shp" else "set it, or export it as GeoJSON"
        raise AreaError(f"{_where(path, layer or path.stem)} names no reference system: {how}")
    return str(crs)


def _too_many(path: Path, count: int) -> AreaError:
    return AreaError(f"'{path}' holds {count:,} rows there, at most {MOST_ROWS:,} are taken: cut it to the area")


def _missing(columns: Sequence[str], have: Sequence[str]) -> str:
    return next(one for one in columns if one not in have)


def _check_columns(path: Path, columns: Sequence[str], have: Sequence[str]) -> None:
    if set(columns) <= set(have):
        return
    there = ", ".join(have[:40]) + (f" and {len(have) - 40} more" if len(have) > 40 else "")
    raise AreaError(f"'{path}' has no column {_missing(columns, have)!r}; it has: {there or 'none'}")


def _bounds(shapes: Shapes) -> Box | None:
    west, south, east, north = shapely.total_bounds(shapes).tolist()
    return (west, south, east, north) if np.isfinite([west, south, east, north]).all() else None


def _in_units(near: Box, crs: str) -> Box | None:
    """A box of degrees in a layer's units; None where it cannot be said: then all rows are read."""
    west, south, east, north = near
    if west > east:
        return None
    try:
        own = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True)
        left, bottom, right, top = own.transform_bounds(west, south, east, north)
    except pyproj.exceptions.ProjError:
        return None
    box = float(left), float(bottom), float(right), float(top)
    return box if np.isfinite(box).all() and left < right else None


def _placed(layer: _Layer, found: FeatureSet) -> tuple[Shapes, npt.NDArray[np.bool_]]:
    """Shapes in degrees, [n], and which of them are polygons or points; the others are counted."""
    shapes = layer.shapes.copy()
    kind = np.asarray(shapely.get_type_id(shapes))
    for row in np.flatnonzero(kind == _COLLECTION).tolist():
        shapes[row] = _gathered(shapes[row])
    kind = np.asarray(shapely.get_type_id(shapes))
    empty = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    polygonal, pointed = np.isin(kind, _POLYGONS) & ~empty, np.isin(kind, _POINTS) & ~empty
    lost = np.zeros(len(shapes), np.bool_)
    usable = polygonal | pointed
    lost[usable] = ~np.isfinite(shapely.bounds(shapes[usable])).all(axis=1)
    usable &= ~lost
    _count(found, EMPTY, empty)
    _count(found, LINES, ~empty & ~polygonal & ~pointed)
    _count(found, NOWHERE, lost)
    flat = np.zeros(len(shapes), np.bool_)
    for rows, bring in ((polygonal & usable, _polygons), (pointed & usable, _points)):
        at = np.flatnonzero(rows)
        if len(at):
            shapes[at], gone = bring(shapes[at], layer, found)
            flat[at[gone]] = True
    _count(found, FLAT, flat)
    if usable.any():
        inner = shapely.get_coordinates(shapes[np.flatnonzero(usable & ~flat)[:1]])
        lon, lat = inner[0] if len(inner) else (0.0, 0.0)
        if datum := doubtful_datum(pyproj.CRS.from_user_input(layer.crs), lat=float(lat), lon=float(lon)):
            found.notes.append(f"{layer.where}: {no_way_from(datum)}")
    return shapes, usable & ~flat


def _count(found: FeatureSet, why: str, rows: npt.NDArray[np.bool_]) -> None:
    if rows.any():
        found.passed_over[why] += int(rows.sum())


def _gathered(shape: BaseGeometry) -> BaseGeometry:
    """The polygons of a collection, else its points, else the collection."""
    polygons = polygons_of(shape)
    if polygons:
        return shapely.MultiPolygon(polygons)
    points = [part for part in parts_of(shape) if isinstance(part, shapely.Point) and not part.is_empty]
    return shapely.MultiPoint(points) if points else shape


def _polygons(shapes: Shapes, layer: _Layer, found: FeatureSet) -> tuple[Shapes, npt.NDArray[np.bool_]]:
    """Polygons in degrees, and which of them have no extent.

    Nearly all are valid and small: they are transformed together. The others go through `to_degrees`, one by one.
    """
    own = _crs(layer)
    valid = np.asarray(shapely.is_valid(shapes))
    found.mended += int((~valid).sum())
    plain = shapes
    if not (own.is_geographic and own.to_epsg() == 4326):
        plain = _transformed(shapes, own)
    west, south, east, north = shapely.bounds(plain).T
    with np.errstate(invalid="ignore"):
        ordinary = valid & (west >= -180) & (east <= 180) & (south >= -90) & (north <= 90) & (east - west < 180)
        # the edges of what is larger are bent by the projection, and have to be cut first
        ordinary &= own.is_geographic | (np.maximum(east - west, north - south) < 0.1)
    if not own.is_geographic:
        _check_metres(shapes, own, layer)
    made = plain.copy()
    for row in np.flatnonzero(~ordinary).tolist():
        degrees, _ = to_degrees(polygons_of(shapes[row]), layer.crs, f"{layer.where}, row {row + 1}")
        made[row] = shapely.MultiPolygon() if not degrees else shapely.union_all(degrees)
    gone = np.asarray(shapely.area(made) == 0)
    return made, gone


def _points(shapes: Shapes, layer: _Layer, _: FeatureSet) -> tuple[Shapes, npt.NDArray[np.bool_]]:
    """Points in degrees, longitudes within ±180."""
    own = _crs(layer)
    if not own.is_geographic:
        _check_metres(shapes, own, layer)
    made = shapes if own.is_geographic and own.to_epsg() == 4326 else _transformed(shapes, own)
    west, south, east, north = shapely.total_bounds(made).tolist()
    shown = f"bounds {west:g}, {south:g}, {east:g}, {north:g}"
    if not np.isfinite([west, south, east, north]).all():
        raise AreaError(f"{layer.where} has coordinates outside the range of its reference system '{own.name}'")
    if south < -90 or north > 90:
        raise AreaError(f"{layer.where} has a latitude outside ±90 ({shown}): are latitude and longitude swapped?")
    if west < -360 or east > 360:
        raise _no_degrees(layer, shown)
    if west < -180 or east > 180:
        made = shapely.transform(made, lambda xy: np.column_stack([(xy[:, 0] + 180) % 360 - 180, xy[:, 1]]))
    return made, np.zeros(len(made), np.bool_)


def _crs(layer: _Layer) -> pyproj.CRS:
    try:
        return pyproj.CRS.from_user_input(layer.crs)
    except pyproj.exceptions.CRSError as error:
        raise AreaError(f"{layer.where} names an unknown reference system: {error}") from error


def _check_metres(shapes: Shapes, own: pyproj.CRS, layer: _Layer) -> None:
    """Refuse degrees under the name of a projection: they would lie at its origin, where nothing is."""
    west, south, east, north = shapely.total_bounds(shapes).tolist()
    if max(abs(west), abs(east)) <= 180 and max(abs(south), abs(north)) <= 90:
        raise AreaError(
            f"{layer.where} has coordinates that look like degrees (bounds {west:g}, {south:g}, {east:g}, {north:g}), "
            f"and its reference system '{own.name}' has none: write EPSG:4326 into the file if they are"
        )


def _check_degrees(layer: _Layer) -> None:
    """Refuse metres under the name of a system of degrees."""
    if layer.bounds is None or not np.isfinite(layer.bounds).all() or not _crs(layer).is_geographic:
        return
    west, south, east, north = layer.bounds
    if west < -360 or east > 360:
        raise _no_degrees(layer, f"bounds {west:.10g}, {south:.10g}, {east:.10g}, {north:.10g}")


def _no_degrees(layer: _Layer, shown: str) -> AreaError:
    return AreaError(f"{layer.where} is not in degrees ({shown}): write its reference system into the file")


def _transformed(shapes: Shapes, own: pyproj.CRS) -> Shapes:
    way = pyproj.Transformer.from_crs(own, "EPSG:4326", always_xy=True)
    moved = shapely.transform(shapes, lambda xy: np.column_stack(way.transform(xy[:, 0], xy[:, 1])))
    return np.asarray(moved)


def _extent(layers: Sequence[_Layer], shapes: Shapes) -> BaseGeometry | None:
    """The box of all rows; one that would go more than half round the globe is taken the other way, by its rows."""
    for layer in layers:  # rows elsewhere were not read, so that nothing else has looked at where they lie
        _check_degrees(layer)
    boxes = [
        pyproj.Transformer.from_crs(layer.crs, "EPSG:4326", always_xy=True).transform_bounds(*layer.bounds)
        for layer in layers
        if layer.bounds is not None and np.isfinite(layer.bounds).all()
    ]
    if not boxes or not np.isfinite(boxes).all():
        boxes = [shapely.total_bounds(shapes).tolist()] if len(shapes) else []
    if not boxes:
        return None
    west, south, east, north = _joined(boxes)
    if not 0 <= east - west <= 180 and len(shapes):
        lon = np.sort(shapely.get_coordinates(shapes)[:, 0])
        gap = np.diff(np.append(lon, lon[0] + 360))
        last = int(gap.argmax())
        west, east = float(lon[(last + 1) % len(lon)]), float(lon[last])
        east += 360 * (east < west)
    return split_antimeridian(shapely.box(west, south, east, north))


def _joined(boxes: Sequence[Sequence[float]]) -> Box:
    west, south, east, north = np.array(boxes, float).T
    return float(west.min()), float(south.min()), float(east.max()), float(north.max())
