"""A file of polygons as one area: GeoJSON, KML, KMZ, GeoPackage, Shapefile, GeoParquet.

The result is a polygon or multipolygon in WGS84 degrees, x = longitude, split at ±180°. What is passed over, or taken
for something else than it says, is told. It does not know tiles or searches.
"""

import json
import logging
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyproj
import shapely
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from ingest.geo.degrees import crs_called, doubtful_datum, no_way_from, parts_of, polygons_of, to_degrees
from ingest.geo.geoparquet import read_geometries
from ingest.geo.kml import read_kml
from trainer.errors import AreaError, reason

AREA_SUFFIXES = (".geojson", ".json", ".kml", ".kmz", ".gpkg", ".shp", ".parquet", ".geoparquet")

OF_GEOJSON = ("EPSG:4326", "EPSG:4979", None)  # as GDAL says it: WGS84, with heights too
_MAX_KML = 200 << 20  # bytes, unpacked
_log = logging.getLogger(__name__)

Layer = tuple[str, str | None, list[BaseGeometry]]  # name, CRS, shapes


def read_area_file(path: Path, tell: Callable[[str], None] = _log.warning) -> BaseGeometry:
    """Read every polygon of a file as one area; crossed outlines are mended.

    Where there is no polygon, closed lines are taken for outlines. Other lines and points are passed over.

    Args:
        path: The file.
        tell: Called with a line for what was passed over, or taken for something else than it says.

    Raises:
        AreaError: The file cannot be read, has no polygon, no known reference system, or coordinates off the globe.
    """
    if not path.is_file():
        raise AreaError(f"area file '{path}' does not exist, or is not a file")
    if path.suffix.lower() not in AREA_SUFFIXES:
        raise AreaError(f"area file '{path}' has the suffix '{path.suffix}': use one of {' '.join(AREA_SUFFIXES)}")
    if path.stat().st_size == 0:
        raise AreaError(f"area file '{path}' is empty (0 bytes)")
    layers = _read_layers(path, tell)
    for layer, _, shapes in layers:
        _check_finite(shapes, _where(path, layer))
    closed = not any(polygons_of(shape) for _, _, shapes in layers for shape in shapes)
    polygons: list[Polygon] = []
    taken = others = jumps = 0
    doubts: dict[str, str] = {}
    for layer, crs, shapes in layers:
        kept = [polygon for shape in shapes for polygon in polygons_of(shape)]
        rest = [part for shape in shapes for part in parts_of(shape) if not polygons_of(part)]
        rings = [ring for part in rest if closed and (ring := _ring(part)) is not None]
        taken, others = taken + len(rings), others + len(rest) - len(rings)
        if kept or rings:
            degrees, across = to_degrees(kept + rings, _known(crs, path, layer), _where(path, layer))
            polygons, jumps = polygons + degrees, jumps + across
            inner = degrees[0].representative_point() if degrees else shapely.Point(0, 0)
            if datum := doubtful_datum(pyproj.CRS.from_user_input(crs), lat=inner.y, lon=inner.x):
                doubts[_where(path, layer)] = datum
    if not polygons:
        found = f"only {others} points, open lines or empty shapes" if others else "nothing"
        raise AreaError(f"area file '{path}' holds {found} and no polygon: draw the outline of an area, closed")
    _tell_of(path, taken, others, jumps, tell)
    for where, datum in doubts.items():
        tell(f"{where}: {no_way_from(datum)}")
    area = shapely.union_all(polygons)
    if area.is_empty or area.area == 0:
        raise AreaError(f"area file '{path}' holds polygons without any extent")
    return area


def _tell_of(path: Path, taken: int, others: int, jumps: int, tell: Callable[[str], None]) -> None:
    if taken:
        tell(f"area file '{path}' has no polygon: its closed lines ({taken}) are taken for outlines")
    if others:
        tell(f"area file '{path}': points, lines and empty shapes are passed over ({others})")
    if jumps:
        tell(f"area file '{path}': outlines that jump at ±180° ({jumps}) are taken across it, the short way")


def _where(path: Path, layer: str) -> str:
    return f"area file '{path}'" + (f", layer '{layer}'" if layer != path.stem else "")


def _known(crs: str | None, path: Path, layer: str) -> str:
    if crs is None:
        how = "put its .prj beside it" if path.suffix.lower() == ".shp" else "set it, or export it as GeoJSON"
        raise AreaError(f"{_where(path, layer)} names no reference system: {how}")
    return crs


def _ring(shape: BaseGeometry) -> Polygon | None:
    """What a closed line encloses; None for any other shape."""
    is_ring = shape.geom_type in ("LineString", "LinearRing") and shape.is_closed and len(shape.coords) > 3
    return Polygon(shape.coords) if is_ring else None


def _read_layers(path: Path, tell: Callable[[str], None]) -> list[Layer]:
    """Read (layer name, CRS or None, shapes) of every layer."""
    suffix = path.suffix.lower()

    def passed_over(what: str) -> None:
        tell(f"area file '{path}': {what}")

    if suffix in (".kml", ".kmz"):
        try:
            return [(path.stem, "EPSG:4326", read_kml(kml_content(path, passed_over), passed_over))]
        except AreaError as error:
            raise AreaError(f"area file '{path}' cannot be read: {error}") from error
    if suffix in (".parquet", ".geoparquet"):
        return [(path.stem, *read_geometries(path))]
    if suffix in (".geojson", ".json"):
        refuse_topology(path)
        layers = _layers_of_gdal(path)
        named = named_crs(path) if all(crs in OF_GEOJSON for _, crs, _ in layers) else None
        return layers if named is None else [(name, named, shapes) for name, _, shapes in layers]
    return _layers_of_gdal(path)


def kml_content(path: Path, tell: Callable[[str], None]) -> bytes:
    """The text of a KML; of a KMZ, which is a zip archive, that of its first document.

    Raises:
        AreaError: It cannot be read.
    """
    try:
        if path.suffix.lower() == ".kml":
            return path.read_bytes()
        with zipfile.ZipFile(path) as archive:
            documents = [one for one in archive.infolist() if one.filename.lower().endswith(".kml")]
            if not documents:
                raise AreaError("no .kml is in it")
            if len(documents) > 1:
                tell(f"of its {len(documents)} .kml the first alone is read, {documents[0].filename}")
            with archive.open(documents[0]) as file:  # what it says of its size may not be so
                content = file.read(_MAX_KML + 1)
            if len(content) > _MAX_KML:
                raise AreaError(f"its .kml has more than {_MAX_KML >> 20} MiB: simplify it")
            return content
    # the last: it is encrypted, or packed in a way that is not known
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise AreaError(reason(error)) from error


def refuse_topology(path: Path) -> None:
    """Refuse TopoJSON, which has shared edges for outlines: another format, whatever the suffix.

    Raises:
        AreaError: It is.
    """
    with path.open("rb") as file:
        head = file.read(1 << 16)
    if b'"Topology"' not in head:
        return
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return  # which is told by who reads it
    if isinstance(document, dict) and document.get("type") == "Topology":
        raise AreaError(f"area file '{path}' is TopoJSON: convert it to GeoJSON, such as with mapshaper or topo2geo")


def named_crs(path: Path) -> str | None:
    """The reference system that a GeoJSON names; of one that GDAL does not know it takes the degrees for WGS84.

    Raises:
        AreaError: It names one that is not known.
    """
    content = path.read_bytes()
    if b'"crs"' not in content:
        return None
    try:
        document = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):  # several documents, one a line
        return None
    said = document.get("crs") if isinstance(document, dict) else None
    if not isinstance(said, dict):
        return None
    properties = said.get("properties")
    named = ""
    if isinstance(properties, dict):  # a number of EPSG's stood there in the first years of the format
        named = str(properties.get("name") or f"EPSG:{properties.get('code')}")
    found = crs_called(named)
    if found is None:
        shown = json.dumps(said)
        raise AreaError(
            f"area file '{path}' names the reference system {shown[:100]}, which is not known: name it by an EPSG "
            "code, or transform the file to longitude and latitude and leave the name out"
        )
    return found


def _layers_of_gdal(path: Path) -> list[Layer]:
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, GeometryError

    layers: list[Layer] = []
    try:
        with warnings.catch_warnings():  # GDAL warns of open rings, which are closed here; NaN is refused below
            warnings.simplefilter("ignore")
            for name, kind in pyogrio.list_layers(path):
                if kind is None:  # a table without geometry
                    continue
                meta, _, wkb, _ = pyogrio.raw.read(path, layer=name, columns=[], force_2d=True)
                # a feature without geometry is one that is empty, and so counted
                shapes = [shape or shapely.MultiPoint() for shape in shapely.from_wkb(wkb, on_invalid="fix")]
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
