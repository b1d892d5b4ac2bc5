"""Values of tiles as GeoParquet: one row a tile, its footprint as geometry, where it comes from in the file's metadata.

Columns: tile_id, lat, lon, the values, size_m, bbox, geometry (WKB, OGC:CRS84). File metadata: ``geo``, ``provenance``
and whatever explains the values, as JSON. Row group after row group is written, so memory does not grow with the file.
It does not know what the values mean.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from ingest.geo.footprints import Places, Squares
from ingest.geo.geoparquet import bbox_type, boxes, file_metadata
from search_ui.files.writing import cannot_write, whole_file

_GROUP = 100_000  # rows

Column = npt.NDArray[Any]


def write_tiles(
    path: Path,
    tile_id: Sequence[str],
    columns: Mapping[str, Column],
    *,
    places: Places,
    told: Mapping[str, Any],
) -> None:
    """Write values of tiles; the file appears whole or not at all.

    Args:
        path: The GeoParquet file; replaced if it is there.
        tile_id: Ids of the tiles, [n].
        columns: The values by name, [n], or [n, T] for a list of T in every row; NaN of floats becomes null.
        places: Centres and sides of the tiles, [n].
        told: Metadata of the file by name, each value written as JSON.

    Raises:
        GroundcastError: The file cannot be written, such as on a full disk.
    """
    schema = _schema(columns, told)
    try:
        with whole_file(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
            for start in range(0, len(tile_id), _GROUP):
                writer.write_table(_group(tile_id, columns, places, slice(start, start + _GROUP), schema))
    except pa.ArrowException as error:
        raise cannot_write(path, str(error)) from error


def tiles_table(
    tile_id: Sequence[str], columns: Mapping[str, Column], *, places: Places, told: Mapping[str, Any]
) -> pa.Table:
    """Values of tiles as Arrow, as a file of `write_tiles` has them; arguments as there."""
    schema = _schema(columns, told)
    groups = [
        _group(tile_id, columns, places, slice(start, start + _GROUP), schema)
        for start in range(0, len(tile_id), _GROUP)
    ]
    return pa.concat_tables(groups) if groups else schema.empty_table()


def _group(
    tile_id: Sequence[str], columns: Mapping[str, Column], places: Places, some: slice, schema: pa.Schema
) -> pa.Table:
    """Some rows."""
    here = Places(places.lat[some], places.lon[some], places.size_m[some])
    values = {name: _arrow(column[some]) for name, column in columns.items()}
    group = {"tile_id": list(tile_id[some]), "lat": here.lat, "lon": here.lon, **values}
    outlines = Squares.of(here).wkb()
    group |= {"size_m": here.size_m.astype(np.float64), "bbox": boxes(shapely.from_wkb(outlines))}
    group["geometry"] = outlines
    return pa.table(group, schema=schema)


def _schema(columns: Mapping[str, Column], told: Mapping[str, Any]) -> pa.Schema:
    fields = [("tile_id", pa.string()), ("lat", pa.float64()), ("lon", pa.float64())]
    fields += [(name, _kind(column)) for name, column in columns.items()]
    fields += [("size_m", pa.float64()), ("bbox", bbox_type()), ("geometry", pa.binary())]
    return pa.schema(fields, metadata=file_metadata(told))


def _kind(column: Column) -> pa.DataType:
    kind = pa.from_numpy_dtype(column.dtype)
    return pa.list_(kind, column.shape[1]) if column.ndim == 2 else kind


def _arrow(column: Column) -> pa.Array:
    if column.ndim == 2:
        flat = pa.array(np.ascontiguousarray(column).reshape(-1))
        return pa.FixedSizeListArray.from_arrays(flat, column.shape[1])
    return pa.array(column, from_pandas=column.dtype.kind == "f")  # NaN is null
