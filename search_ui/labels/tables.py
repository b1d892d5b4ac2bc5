"""Labels as files: GeoJSON, GeoParquet and CSV, chosen by the suffix; what was written is read back as it was.

One row a label: tile_id · label (yes, no, unsure) · lat, lon (centre of the tile, degrees) · size_m · labelled_at
(UTC) · labelled_by. GeoJSON and GeoParquet have the centre as a point, WGS84, longitude first. The set's name,
collection and question stand in the file's provenance: a foreign member of GeoJSON, the metadata of Parquet, a column
of CSV.

Files of others are read that have ``label`` and either ``tile_id`` or a place; other columns are passed over. It does
not know which tiles there are.
"""

import csv
import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from ingest.catalog.labels import Label, LabelSet
from ingest.geo.geoparquet import POINTS, geo_metadata, geometry_columns, write_table
from search_ui.files.cells import FORMULA_STARTS
from search_ui.search.query import rfc3339
from trainer.errors import UploadError, reason

SUFFIXES = (".geojson", ".parquet", ".csv")
MAX_BYTES = 20 * 2**20
MOST_ROWS, MOST_UNPACKED = 100_000, 256 * 2**20
_ROWS_AT_ONCE = 64
MEDIA = {".geojson": "application/geo+json", ".parquet": "application/vnd.apache.parquet", ".csv": "text/csv"}

_SCHEMA = pa.schema(
    [
        ("tile_id", pa.string()),
        ("label", pa.string()),
        ("lat", pa.float64()),
        ("lon", pa.float64()),
        ("size_m", pa.float64()),
        ("labelled_at", pa.timestamp("us", "UTC")),
        ("labelled_by", pa.string()),
    ]
)
_DEGREES = ("OGC:CRS84", "EPSG:4326", "urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:EPSG::4326")


@dataclass(frozen=True)
class Row:
    """A row of a file as it stands there, checked for nothing.

    Attributes:
        number: Counted from 1, for messages.
        word: What it says of the tile.
        tile_id: None where it is not said.
        lat: Degrees; NaN where it is not said, or no number.
        lon: Degrees; likewise.
        size_m: Side of the tile that was meant, metres; NaN: not said.
        labelled_at: Aware UTC; None where it is not said.
        labelled_by: None where it is not said.
    """

    number: int
    word: str
    tile_id: str | None
    lat: float
    lon: float
    size_m: float
    labelled_at: datetime | None
    labelled_by: str | None


@dataclass(frozen=True)
class LabelFile:
    """A file of labels.

    Attributes:
        rows: In their order.
        name: Of the set that was written, where the file says so.
        collection: Of that set.
        question: Of that set.
    """

    rows: Sequence[Row]
    name: str | None = None
    collection: str | None = None
    question: dict[str, Any] = field(default_factory=dict)


def write_labels(suffix: str, found: LabelSet, labels: Sequence[Label], facts: dict[str, Any]) -> bytes:
    """A set as the content of a file.

    Args:
        suffix: One of `SUFFIXES`.
        found: The set.
        labels: Its labels.
        facts: Where its tiles come from, `search_ui.search.provenance.Provenance.facts`.
    """
    told = {"name": found.name, "collection": found.collection, "question": found.question}
    block = facts | {"label_set": told | {"created_at": rfc3339(found.created_at)}}
    return _WRITERS[suffix](labels, block)


def read_labels(content: bytes, name: str) -> LabelFile:
    """A file of labels.

    Args:
        content: Its bytes.
        name: What it is called: its suffix says what it is.

    Raises:
        UploadError: It is too large, of another kind or broken, or has no labels, or no places and no tiles.
    """
    suffix = name[name.rfind(".") :].lower() if "." in name else ""
    if suffix == ".json":
        suffix = ".geojson"
    if suffix not in _READERS:
        raise UploadError(f"'{name}' is no file of labels by its suffix '{suffix}': use one of {' '.join(SUFFIXES)}")
    if len(content) > MAX_BYTES:
        raise UploadError(f"'{name}' has {len(content) / 2**20:.1f} MiB, at most {MAX_BYTES >> 20} are taken")
    if not content.strip():
        raise UploadError(f"'{name}' is empty")
    try:
        table = _READERS[suffix](content, name)
    except (
        *(ValueError, LookupError, RecursionError, csv.Error, pa.ArrowException, shapely.GEOSException),
        *(TypeError, AttributeError),  # JSON of another shape: a number where an object is due
    ) as error:
        raise UploadError(f"'{name}' cannot be read as {suffix[1:]}: {reason(error)}") from error
    if not table.rows:
        raise UploadError(f"'{name}' has no row: a file of labels has one a tile")
    return table


# -- writing -----------------------------------------------------------------------------------------------------------


def record(label: Label) -> dict[str, Any]:
    """A label in JSON types."""
    return {
        "tile_id": label.tile_id,
        "label": label.verdict,
        "lat": label.lat,
        "lon": label.lon,
        "size_m": label.size_m,
        "labelled_at": rfc3339(label.labelled_at),
        "labelled_by": label.labelled_by,
    }


def _geojson(labels: Sequence[Label], block: dict[str, Any]) -> bytes:
    features = [
        {
            "type": "Feature",
            "id": label.tile_id,
            "geometry": {"type": "Point", "coordinates": [label.lon, label.lat]},
            "properties": record(label),
        }
        for label in labels
    ]
    document = {"type": "FeatureCollection", "provenance": block, "features": features}
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def _csv(labels: Sequence[Label], block: dict[str, Any]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, [*_SCHEMA.names, "provenance"])
    writer.writeheader()
    told = json.dumps(block, ensure_ascii=False)
    for label in labels:
        writer.writerow({name: _no_formula(value) for name, value in record(label).items()} | {"provenance": told})
    return text.getvalue().encode("utf-8", "replace")


def _no_formula(value: Any) -> Any:
    """An apostrophe before text that a spreadsheet would compute; `_formula` takes it away again."""
    return "'" + value if isinstance(value, str) and value.startswith((*FORMULA_STARTS, "'")) else value


def _formula(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith((*FORMULA_STARTS, "'")) else text


def _parquet(labels: Sequence[Label], block: dict[str, Any]) -> bytes:
    rows = [record(label) | {"labelled_at": label.labelled_at} for label in labels]
    table = pa.Table.from_pylist(rows, schema=_SCHEMA)
    for name, column in geometry_columns([shapely.Point(label.lon, label.lat) for label in labels]).items():
        table = table.append_column(name, column)
    sink = io.BytesIO()
    write_table(table.replace_schema_metadata({"geo": geo_metadata(POINTS), "provenance": json.dumps(block)}), sink)
    return sink.getvalue()


# -- reading -----------------------------------------------------------------------------------------------------------


def _few(rows: int, name: str) -> None:
    if rows > MOST_ROWS:
        raise UploadError(f"'{name}' has more than {MOST_ROWS:,} rows, which is the most that are taken")


def _of_geojson(content: bytes, name: str) -> LabelFile:
    document = json.loads(content)
    if not isinstance(document, dict) or document.get("type") != "FeatureCollection":
        raise UploadError(f"'{name}' is no GeoJSON FeatureCollection: export the labels as points")
    crs = (document.get("crs") or {}).get("properties", {}).get("name", _DEGREES[0])
    if crs not in _DEGREES:
        raise UploadError(f"'{name}' is in {crs}: GeoJSON is in degrees, WGS84; export it so")
    records = []
    _few(len(document["features"]), name)
    for feature in document["features"]:
        record = dict(feature.get("properties") or {})
        geometry = feature.get("geometry") or {}
        # the geometry is the place; columns of that name may be rounded
        if geometry.get("type") == "Point":
            record["lon"], record["lat"] = geometry["coordinates"][:2]
        records.append(record)
    return _table(records, document.get("provenance"), name, placed=True)


def _of_csv(content: bytes, name: str) -> LabelFile:
    reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    records: list[dict[str, Any]] = []
    for record in reader:
        records.append({key: _formula(value) for key, value in record.items() if key and isinstance(value, str)})
        _few(len(records), name)  # at once: a small file may have millions
    told = json.loads(records[0]["provenance"]) if records and records[0].get("provenance") else None
    return _table(records, told, name, header=reader.fieldnames or ())


def _of_parquet(content: bytes, name: str) -> LabelFile:
    with pq.ParquetFile(io.BytesIO(content)) as file:
        _few(file.metadata.num_rows, name)
        metadata = file.schema_arrow.metadata or {}
        geo = json.loads(metadata[b"geo"]) if b"geo" in metadata else None
        place = geo["primary_column"] if geo else None
        wanted = [column for column in file.schema_arrow.names if column in {*_SCHEMA.names, place}]
        records: list[dict[str, Any]] = []
        unpacked = 0
        # a few rows at a time: each may be a text of megabytes that stands in the file once
        for batch in file.iter_batches(_ROWS_AT_ONCE, columns=wanted):
            unpacked += batch.nbytes
            if unpacked > MOST_UNPACKED:
                raise UploadError(
                    f"'{name}' unpacks to more than {MOST_UNPACKED >> 20} MiB: leave out columns that hold other things"
                )
            records += batch.to_pylist()
            _few(len(records), name)
    if geo is not None and place is not None:
        _degrees(geo["columns"][place], records, place, name)
    told = json.loads(metadata[b"provenance"]) if b"provenance" in metadata else None
    return _table(records, told, name, header=wanted, placed=place is not None)


def _degrees(column: dict[str, Any], records: list[dict[str, Any]], place: str, name: str) -> None:
    """Points of a GeoParquet file into ``lat`` and ``lon``."""
    if column["encoding"] != "WKB":
        raise UploadError(f"'{name}': geometries as {column['encoding']!r} are not read: write them as WKB")
    crs = column.get("crs", _DEGREES[0])  # not named: this one
    if crs is None:
        raise UploadError(f"'{name}' names no reference system: set it to WGS84, EPSG:4326")
    if crs not in _DEGREES:
        from pyproj import CRS

        if not CRS.from_user_input(crs).equals(CRS.from_user_input(_DEGREES[0]), ignore_axis_order=True):
            raise UploadError(f"'{name}' is in {CRS.from_user_input(crs).name}: write it in WGS84 degrees, EPSG:4326")
    for record in records:
        point = None if record[place] is None else shapely.from_wkb(record[place])
        if point is not None and point.geom_type == "Point" and not point.is_empty:
            record["lon"], record["lat"] = point.x, point.y


def _table(
    records: Sequence[dict[str, Any]],
    told: Any,
    name: str,
    *,
    header: Sequence[str] | None = None,
    placed: bool = False,
) -> LabelFile:
    """Rows of any of the formats."""
    columns = set(header) if header is not None else {key for record in records for key in record}
    if records and "label" not in columns:
        have = ", ".join(sorted(columns)[:12]) or "none"
        raise UploadError(f"'{name}' has no column 'label' (has: {have}): name the one that says yes, no or unsure so")
    if records and not placed and not ("tile_id" in columns or {"lat", "lon"} <= columns):
        raise UploadError(f"'{name}' says no place: it needs the columns lat and lon, degrees, or tile_id")
    rows = [
        Row(
            number=number,
            word=_text(record.get("label")) or "",
            tile_id=_text(record.get("tile_id")),
            lat=_number(record.get("lat")),
            lon=_number(record.get("lon")),
            size_m=_number(record.get("size_m")),
            labelled_at=_moment(record.get("labelled_at")),
            labelled_by=_text(record.get("labelled_by")),
        )
        for number, record in enumerate(records, start=1)
    ]
    said = told.get("label_set") if isinstance(told, dict) else None
    if not isinstance(said, dict):
        return LabelFile(rows)
    question = said.get("question")
    if not isinstance(question, dict):
        question = {}
    _text(json.dumps(question, ensure_ascii=False))
    return LabelFile(rows, _text(said.get("name")), _text(said.get("collection")), question)


def _text(value: Any) -> str | None:
    """What is said, None where nothing is.

    Raises:
        ValueError: It holds half of a character, which JSON can say and nothing can keep.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = text[max(0, error.start - 20) : error.end]
        raise ValueError(f"{half!r} holds half of a character: write the file anew as UTF-8") from error
    return text


def _number(value: Any) -> float:
    try:
        return math.nan if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _moment(value: Any) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:  # at the ends of the calendar
        return None


_WRITERS: dict[str, Callable[[Sequence[Label], dict[str, Any]], bytes]] = {
    ".geojson": _geojson,
    ".parquet": _parquet,
    ".csv": _csv,
}
_READERS: dict[str, Callable[[bytes, str], LabelFile]] = {
    ".geojson": _of_geojson,
    ".parquet": _of_parquet,
    ".csv": _of_csv,
}
