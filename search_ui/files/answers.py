"""Answers as files: JSON, GeoJSON, CSV, GeoParquet and KML, chosen by the suffix, each with its provenance.

Where the provenance stands, so that it travels with the file and every reader still opens it as it is:

    .json      member ``provenance`` beside the hits
    .geojson   foreign member ``provenance`` of the FeatureCollection (RFC 7946, section 6.1)
    .csv       column ``provenance``: the same JSON in every row. Comment lines would stop QGIS and DuckDB, and make
               pandas cut cells at a ``#``; a second file gets lost. An answer without hits is a header alone
    .parquet   file metadata ``provenance`` as JSON, beside GeoParquet's ``geo``
    .kml       ``ExtendedData`` and ``description`` of the document

Geometry is the tile's footprint, WGS84 degrees, x = longitude, split at ±180°. It does not know how hits are found.
"""

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from shapely.geometry.base import BaseGeometry

from ingest.geo.footprints import Places, Squares
from ingest.geo.geometry import Footprint
from ingest.geo.geoparquet import geo_metadata, geometry_columns, write_table
from search_ui.files.cells import no_formula
from search_ui.files.kml import Placemark, write_kml
from search_ui.files.writing import check_name, write_whole
from search_ui.search.provenance import Block, Provenance
from search_ui.search.query import Answer, Hit, rfc3339

_SCHEMA = pa.schema(
    [
        ("rank", pa.int32()),
        ("tile_id", pa.string()),
        ("lat", pa.float64()),
        ("lon", pa.float64()),
        *((side, pa.float64()) for side in ("west", "south", "east", "north")),
        ("size_m", pa.float64()),
        ("cosine", pa.float64()),
        ("relevance", pa.float64()),
        ("grade", pa.string()),
        ("near", pa.string()),
        ("place", pa.float64()),
        ("likeliest", pa.string()),
        ("not_now", pa.bool_()),
        ("acquired_at", pa.timestamp("us", "UTC")),
        ("source", pa.string()),
        ("collection", pa.string()),
        ("model_id", pa.string()),
    ]
)


def check_target(path: Path) -> None:
    """Refuse a file that `write_answer` could not write, before any work is done for it.

    Raises:
        UsageError: unknown suffix, missing folder, or the path is a folder.
    """
    check_name(path, _WRITERS)


def write_answer(answer: Answer, path: Path, provenance: Provenance) -> None:
    """Write an answer in the format of the path's suffix; the file appears whole or not at all.

    Raises:
        UsageError: as `check_target`.
        GroundcastError: the file cannot be written, such as on a full disk.
    """
    check_target(path)
    write_whole(path, _WRITERS[path.suffix.lower()](answer, provenance.block(answer)))


def _footprint(hit: Hit) -> BaseGeometry:
    return Footprint(lat=hit.lat, lon=hit.lon, size_m=hit.size_m).polygon


def _row(hit: Hit) -> dict[str, Any]:
    """One hit as flat columns, in the order of the Parquet schema."""
    west, south, east, north = hit.bbox
    values = hit.as_dict() | {"west": west, "south": south, "east": east, "north": north, "size_m": hit.size_m}
    values["likeliest"] = None if hit.likeliest is None else str(hit.likeliest)
    return {name: _unicode(values[name]) for name in _SCHEMA.names}


def _unicode(value: Any) -> Any:
    """Replace what UTF-8 cannot hold: a path whose bytes are not Unicode must not cost the whole answer."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _write_json(answer: Answer, block: Block) -> bytes:
    return _json(answer.as_dict() | {"provenance": block})


def hit_features(hits: Sequence[Hit]) -> list[dict[str, Any]]:
    """Hits as GeoJSON features: their footprints, and as properties the columns of the Parquet file."""
    at = [np.array([getattr(hit, axis) for hit in hits], np.float64) for axis in ("lat", "lon", "size_m")]
    # RFC 7946, 3.1.6: outer rings anticlockwise
    outlines = shapely.to_geojson(shapely.orient_polygons(Squares.of(Places(*at)).polygons())) if len(hits) else ()
    return [
        {"type": "Feature", "id": hit.tile_id, "bbox": list(hit.bbox), "geometry": json.loads(outline),
         "properties": _row(hit)}
        for hit, outline in zip(hits, outlines, strict=True)
    ]  # fmt: skip


def _write_geojson(answer: Answer, block: Block) -> bytes:
    return _json({"type": "FeatureCollection", "provenance": block, "features": hit_features(answer.hits)})


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def _write_csv(answer: Answer, block: Block) -> bytes:
    columns = [*_SCHEMA.names, "provenance"]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns)  # ends lines with \r\n, so that both are quoted in a cell
    writer.writeheader()
    told = json.dumps(block, ensure_ascii=False)
    for hit in answer.hits:
        writer.writerow({name: no_formula(value) for name, value in _row(hit).items()} | {"provenance": told})
    return text.getvalue().encode("utf-8", "replace")


def hits_table(answer: Answer, block: Block) -> pa.Table:
    """An answer as Arrow, one row a hit, best first, as a Parquet file of it has it.

    Args:
        answer: Its hits.
        block: Of `Provenance.block`; with GeoParquet's ``geo`` it is the table's metadata, as JSON.
    """
    rows = [_row(hit) | {"acquired_at": hit.acquired_at} for hit in answer.hits]
    table = pa.Table.from_pylist(rows, schema=_SCHEMA)
    # all at once: of a hundred hits, one by one they take longer than the search
    lat, lon, size_m = (
        np.array([getattr(hit, axis) for hit in answer.hits], float) for axis in ("lat", "lon", "size_m")
    )
    outlines = Squares.of(Places(lat, lon, size_m)).polygons()
    for name, column in geometry_columns(outlines.tolist()).items():
        table = table.append_column(name, column)
    return table.replace_schema_metadata({"geo": geo_metadata(), "provenance": json.dumps(block)})


def _write_parquet(answer: Answer, block: Block) -> bytes:
    sink = io.BytesIO()
    write_table(hits_table(answer, block), sink)
    return sink.getvalue()


def _write_kml(answer: Answer, block: Block) -> bytes:
    marks = [
        Placemark(
            f"{hit.rank}. {hit.tile_id}",
            {name: str(value) for name, value in _row(hit).items() if value is not None},
            _footprint(hit),
            rfc3339(hit.acquired_at),
        )
        for hit in answer.hits
    ]
    return write_kml(f"groundcast: {block['collection']}", block, marks)


_WRITERS: dict[str, Callable[[Answer, Block], bytes]] = {
    ".json": _write_json,
    ".geojson": _write_geojson,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    ".kml": _write_kml,
}
