"""GeoParquet 1.1 as it is written and read here: metadata, the box of each geometry in a column beside it, geometries.

By the boxes' statistics a reader skips the row groups that lie elsewhere. It does not know what else a file holds.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from trainer.errors import AreaError, reason

if TYPE_CHECKING:  # a search reads no Parquet, so pyarrow is imported where a file is
    import pyarrow as pa

_SIDES = ("xmin", "ymin", "xmax", "ymax")
FOOTPRINTS, POINTS = ("Polygon", "MultiPolygon"), ("Point",)


def bbox_type() -> "pa.StructType":
    """The type of the column ``bbox``."""
    import pyarrow as pa

    return pa.struct([(side, pa.float64()) for side in _SIDES])


def geo_metadata(kinds: Sequence[str] = FOOTPRINTS, bbox: Sequence[float] | None = None) -> str:
    """The ``geo`` entry, JSON, of a table with columns ``geometry``, WKB in degrees, and ``bbox``.

    Without a CRS it means OGC:CRS84: WGS84, longitude first.

    Args:
        kinds: Which geometries there are.
        bbox: West, south, east and north of all of them, degrees; west > east across ±180°; None: it is not told.
    """
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": list(kinds),
        "covering": {"bbox": {side: ["bbox", side] for side in _SIDES}},
    }
    if bbox is not None:
        column["bbox"] = list(bbox)
    return json.dumps({"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}})


def file_metadata(told: Mapping[str, Any]) -> dict[str, bytes]:
    """What a table of footprints carries: its ``geo`` entry, and what else is told of it, as JSON."""
    texts = {"geo": geo_metadata()} | {name: json.dumps(value, ensure_ascii=False) for name, value in told.items()}
    return {name: text.encode("utf-8", "replace") for name, text in texts.items()}


def read_geometries(path: Path) -> tuple[str | None, list[BaseGeometry]]:
    """The reference system and the geometries of a GeoParquet file's primary column, in the file's own coordinates.

    Returns:
        As pyproj reads it, None where the file says that it is not known; and the geometries, without missing ones.

    Raises:
        AreaError: It is no GeoParquet file, broken, or of geometries that are not WKB.
    """
    crs, shapes, _ = read_rows(path)
    return crs, [shape for shape in shapes if shape is not None]


def read_rows(
    path: Path, columns: Sequence[str] = ()
) -> tuple[str | None, npt.NDArray[np.object_], dict[str, npt.NDArray[np.object_]]]:
    """The rows of a GeoParquet file: reference system, geometries and some columns.

    Args:
        path: The file.
        columns: Which columns beside the geometries; those that the file lacks are left out.

    Returns:
        The reference system as pyproj reads it, None where the file says that it is not known; the geometries, None
        where there is none, [n]; and the columns by name, [n].

    Raises:
        AreaError: It is no GeoParquet file, broken, or of geometries that are not WKB.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            stored = (file.metadata.metadata or {}).get(b"geo")
            if stored is None:
                raise AreaError(
                    f"area file '{path}' is Parquet without the metadata of GeoParquet: "
                    "write it with GeoPandas, ogr2ogr or DuckDB's spatial extension"
                )
            geo = json.loads(stored)
            name = geo["primary_column"]
            column = geo["columns"][name]
            if column["encoding"] != "WKB":
                raise AreaError(
                    f"area file '{path}': geometries as {column['encoding']!r} are not read: write them as WKB"
                )
            wanted = [one for one in columns if one in file.schema_arrow.names and one != name]
            table = file.read(columns=[name, *wanted])
            shapes = shapely.from_wkb(table[name].to_numpy(), on_invalid="fix")
            found = {one: np.array([*table[one].to_pylist(), None], np.object_)[:-1] for one in wanted}
    except (pa.ArrowException, OSError, ValueError, LookupError, TypeError, shapely.errors.ShapelyError) as error:
        raise AreaError(f"area file '{path}' cannot be read: {reason(error)}") from error
    crs = column.get("crs", "OGC:CRS84")  # a system that is not named is this one, a null says that it is not known
    known = crs if crs is None or isinstance(crs, str) else json.dumps(crs)
    return known, np.array([*shapes, None], np.object_)[:-1], found


def column_names(path: Path) -> list[str]:
    """Names of the columns of a Parquet file.

    Raises:
        AreaError: It cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return list(pq.read_schema(path).names)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise AreaError(f"area file '{path}' cannot be read: {reason(error)}") from error


def geometry_columns(shapes: Sequence[BaseGeometry | None]) -> "dict[str, pa.Array]":
    """The columns ``bbox`` and ``geometry`` of some shapes, null where there is none."""
    import pyarrow as pa

    outlines = np.array([*shapes, None], np.object_)[:-1]  # None keeps NumPy from taking geometries for sequences
    return {"bbox": boxes(outlines), "geometry": pa.array(shapely.to_wkb(outlines).tolist(), pa.binary())}


def boxes(shapes: npt.NDArray[np.object_]) -> "pa.StructArray":
    """The box of each geometry, null where there is none, [n].

    A footprint across ±180° is two polygons; their box spans the globe, coarse and never wrong.
    """
    import pyarrow as pa

    bounds = shapely.bounds(shapes)
    sides = [pa.array(side) for side in bounds.T]
    nowhere = pa.array(np.isnan(bounds[:, 0]))
    return pa.StructArray.from_arrays(sides, fields=list(bbox_type()), mask=nowhere)


def write_table(table: "pa.Table", sink: Any) -> None:
    """Write a table as Parquet to a file or path, each page with its checksum.

    Without rows it has no row group either: one of nothing would be a group whose boxes are not known.
    """
    import pyarrow.parquet as pq

    with pq.ParquetWriter(sink, table.schema, compression="zstd", write_page_checksum=True) as writer:
        if table.num_rows:
            writer.write_table(table)
