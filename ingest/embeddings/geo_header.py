"""What a GeoParquet file says of its geometry column: its reference system, the kinds and the box of its geometries.

A file that contradicts the format is refused here, before a row is read, with the sentence that says how: a footprint
that lies elsewhere than meant is found on no map. It reads no rows.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyproj

from trainer.errors import SourceError, reason

_VERSIONS = ("0.", "1.0", "1.1", "2.0")
# on an ellipsoid by four formulas; beside the great circle a way of 100 km differs by centimetres
_EDGES = ("spherical", "vincenty", "thomas", "andoyer", "karney")
_HINT = "write it anew with GeoPandas, ogr2ogr or DuckDB"


@dataclass(frozen=True)
class GeoHeader:
    """Of the primary geometry column.

    Attributes:
        column: Its name.
        crs: Its reference system; None: longitude and latitude of WGS84.
        kinds: Types of geometry that it says it has, such as ``Polygon`` or ``Point Z``; empty: it does not say.
        box: West, south, east and north, in its own units, that it says all of it lies in.
        anticlockwise: It says that outer rings run so, and holes the other way.
        spherical: Its edges are the shortest ways over the globe, not straight in longitude and latitude.
    """

    column: str
    crs: pyproj.CRS | None
    kinds: frozenset[str] = frozenset()
    box: tuple[float, float, float, float] | None = None
    anticlockwise: bool = False
    spherical: bool = False

    @property
    def shown_crs(self) -> str:
        """For people."""
        return "longitude and latitude" if self.crs is None else self.crs.to_string()[:60]


def read_header(
    metadata: Mapping[bytes, bytes], columns: Mapping[str, Any], where: str, given: str | None = None
) -> GeoHeader | None:
    """The header of a file; None: it is not GeoParquet.

    Args:
        metadata: Of the file, key and value.
        columns: What columns the file has.
        where: Which file it is, for messages.
        given: A reference system that a person names, whatever the file says.

    Raises:
        SourceError: It contradicts the format, or itself.
    """
    stored = metadata.get(b"geo")
    if stored is None:
        return None
    try:
        geo = json.loads(stored.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise SourceError(f"{where}: its GeoParquet metadata is no UTF-8 ({error.reason}): {_HINT}") from error
    except ValueError as error:
        raise SourceError(f"{where}: its GeoParquet metadata is no JSON ({error}): {_HINT}") from error
    if not isinstance(geo, dict):
        raise SourceError(f"{where}: its GeoParquet metadata is no JSON object: {_HINT}")
    version = geo.get("version")
    if not isinstance(version, str) or not version.startswith(_VERSIONS):
        raise SourceError(f"{where}: GeoParquet version {version!r} is not known, 0.x to 2.0 are: {_HINT}")
    name, told = geo.get("primary_column"), geo.get("columns")
    if not isinstance(name, str) or not isinstance(told, dict) or name not in told or name not in columns:
        raise SourceError(f"{where}: its primary geometry column {name!r} is not among its columns: {_HINT}")
    column = told[name]
    if not isinstance(column, dict):
        raise SourceError(f"{where}: its GeoParquet metadata says nothing of column {name!r}: {_HINT}")
    if column.get("encoding") != "WKB":
        raise SourceError(f"{where}: geometries as {column.get('encoding')!r} are not read: write them as WKB")
    crs = _crs(column, where, given)
    _check_epoch(column, crs, version, where)
    kinds = column.get("geometry_types", [])
    if not isinstance(kinds, list) or not all(isinstance(kind, str) for kind in kinds):
        raise SourceError(f"{where}: geometry_types {kinds!r} is no list of names: {_HINT}")
    anticlockwise = column.get("orientation") == "counterclockwise"
    spherical = _spherical(column, crs, where)
    return GeoHeader(name, crs, frozenset(kinds), _box(column, where), anticlockwise, spherical)


def _crs(column: Mapping[str, Any], where: str, given: str | None) -> pyproj.CRS | None:
    if given is not None:  # whoever says it knows better than the file, which may be wrong
        return parse_crs(given, where)
    # what is not named is OGC:CRS84; null says that it is not known
    told = column.get("crs", "OGC:CRS84")
    if told is None:
        raise SourceError(f"{where}: it says that its reference system is not known: set it, or pass --crs")
    if isinstance(told, dict) and "type" not in told:
        raise SourceError(f"{where}: its reference system is no PROJJSON, it has no type: {_HINT}")
    return parse_crs(told if isinstance(told, str) else json.dumps(told), where)


def parse_crs(told: str, where: str) -> pyproj.CRS | None:
    """A reference system as people or files write it; None: longitude and latitude of WGS84.

    Raises:
        SourceError: There is no such system.
    """
    try:
        crs = pyproj.CRS.from_user_input(told)
    except pyproj.exceptions.CRSError as error:
        raise SourceError(
            f"{where}: unknown reference system ({reason(error)[:120]}): set it, or pass --crs"
        ) from error
    if not (crs.is_geographic or crs.is_projected):
        raise SourceError(
            f"{where}: reference system {crs.name!r} says nothing of places on the ground: set one of longitude and "
            "latitude or a projected one, or pass --crs"
        )
    try:
        pyproj.Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
    except pyproj.exceptions.ProjError as error:
        raise SourceError(
            f"{where}: reference system {crs.name!r} is not of the Earth ({reason(error)[:120]})"
        ) from error
    # x is longitude in every GeoParquet file, whatever order the system itself has
    same = crs.is_geographic and crs.to_epsg() == 4326
    return None if same or crs.to_string() in ("OGC:CRS84", "OGC:CRS84h") else crs


def _spherical(column: Mapping[str, Any], crs: pyproj.CRS | None, where: str) -> bool:
    edges = column.get("edges", "planar")
    if edges == "planar":
        return False
    if edges not in _EDGES:
        raise SourceError(f"{where}: its edges are {edges!r}, which is none of planar, {', '.join(_EDGES)}: {_HINT}")
    if crs is not None and not crs.is_geographic:
        raise SourceError(
            f"{where}: it says that edges are {edges}, and its coordinates are projected, in which they are straight: "
            f"{_HINT}"
        )
    return True


def _check_epoch(column: Mapping[str, Any], crs: pyproj.CRS | None, version: str, where: str) -> None:
    named = [name for name in ("epoch", "coordinate_epoch") if column.get(name) is not None]
    if "coordinate_epoch" in named and not version.startswith("2."):
        raise SourceError(f"{where}: it says version {version} and has coordinate_epoch, which 2.0 brought: {_HINT}")
    moves = crs is not None and crs.datum is not None and "dynamic" in crs.datum.type_name.casefold()
    if named and not moves:
        raise SourceError(
            f"{where}: it gives an epoch of coordinates ({column[named[0]]}), and its reference system is none that "
            f"moves with the plates: {_HINT}"
        )


def _box(column: Mapping[str, Any], where: str) -> tuple[float, float, float, float] | None:
    told = column.get("bbox")
    if told is None:
        return None
    numbers = isinstance(told, list) and all(isinstance(one, int | float) for one in told)
    if not numbers or len(told) not in (4, 6):
        raise SourceError(f"{where}: its box {told!r} is not of 4 or 6 numbers: {_HINT}")
    half = len(told) // 2
    return float(told[0]), float(told[1]), float(told[half]), float(told[half + 1])
