"""Areas as files: GeoJSON, GeoParquet and KML, chosen by the suffix, each with its provenance.

The provenance stands where that of hits does, see `search_ui.files.answers`. One feature an area: number · tiles ·
area_km2 · probability_mean · probability_max · threshold · lat, lon of a point inside.
"""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import shapely

from ingest.geo.geoparquet import geo_metadata, geometry_columns, write_table
from search_ui.files.kml import Placemark, write_kml
from search_ui.files.writing import check_name, write_whole
from search_ui.labels.areas import Area
from search_ui.search.provenance import Block

MEDIA = {
    ".geojson": "application/geo+json",
    ".parquet": "application/vnd.apache.parquet",
    ".kml": "application/vnd.google-earth.kml+xml",
}
_SCHEMA = pa.schema(
    [
        ("number", pa.int32()),
        ("tiles", pa.int32()),
        ("area_km2", pa.float64()),
        ("probability_mean", pa.float64()),
        ("probability_max", pa.float64()),
        ("threshold", pa.float64()),
        ("lat", pa.float64()),
        ("lon", pa.float64()),
    ]
)


def check_target(path: Path) -> None:
    """Refuse a file that areas cannot be written to, before any work is done for it.

    Raises:
        UsageError: Unknown suffix, missing folder, or the path is a folder.
    """
    check_name(path, MEDIA)


def write_areas(path: Path, areas: Sequence[Area], threshold: float, block: Block) -> None:
    """Write areas in the format of the path's suffix; the file appears whole or not at all.

    Raises:
        UsageError: As `check_target`.
        GroundcastError: The file cannot be written, such as on a full disk.
    """
    check_target(path)
    write_whole(path, areas_as(path.suffix.lower(), areas, threshold, block))


def areas_as(suffix: str, areas: Sequence[Area], threshold: float, block: Block) -> bytes:
    """Areas as the content of a file.

    Args:
        suffix: One of `MEDIA`.
        areas: The areas.
        threshold: The least probability of their tiles.
        block: Where they come from, in JSON types.
    """
    return _WRITERS[suffix](areas, threshold, block)


def _row(area: Area, threshold: float) -> dict[str, Any]:
    return {
        "number": area.number,
        "tiles": area.tiles,
        "area_km2": area.area_km2,
        "probability_mean": area.mean,
        "probability_max": area.highest,
        "threshold": threshold,
        "lat": area.lat,
        "lon": area.lon,
    }


def _geojson(areas: Sequence[Area], threshold: float, block: Block) -> bytes:
    features = [
        {
            "type": "Feature",
            "id": area.number,
            # RFC 7946, 3.1.6: outer rings anticlockwise
            "geometry": json.loads(shapely.to_geojson(shapely.orient_polygons(area.outline))),
            "properties": _row(area, threshold),
        }
        for area in areas
    ]
    document = {"type": "FeatureCollection", "provenance": block, "features": features}
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def _parquet(areas: Sequence[Area], threshold: float, block: Block) -> bytes:
    table = pa.Table.from_pylist([_row(area, threshold) for area in areas], schema=_SCHEMA)
    for name, column in geometry_columns([area.outline for area in areas]).items():
        table = table.append_column(name, column)
    sink = io.BytesIO()
    write_table(table.replace_schema_metadata({"geo": geo_metadata(), "provenance": json.dumps(block)}), sink)
    return sink.getvalue()


def _kml(areas: Sequence[Area], threshold: float, block: Block) -> bytes:
    marks = [
        Placemark(
            f"{area.number}. {area.area_km2:.3g} km²",
            {name: str(value) for name, value in _row(area, threshold).items()},
            area.outline,
        )
        for area in areas
    ]
    return write_kml(f"groundcast: {block['label_set']['name']}", block, marks)


_WRITERS: dict[str, Callable[[Sequence[Area], float, Block], bytes]] = {
    ".geojson": _geojson,
    ".parquet": _parquet,
    ".kml": _kml,
}
