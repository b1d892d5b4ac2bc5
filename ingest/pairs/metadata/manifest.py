"""A manifest of photos, CSV, TSV or Parquet, of any length: one row a photo, columns known by their names.

    path or url            the picture: a file, relative to the manifest's folder or absolute; or where it is fetched
    lat, lon               degrees WGS84; needed, since no picture is opened here
    id, taken_local, uploaded, accuracy, owner, owner_name, licence, page, title, description, tags

Names are read without regard to case, with the aliases of a gallery's manifest (`ingest.photos.manifest`). Other
columns are passed over and logged. CSV is separated by commas, semicolons or tabs, and may be compressed.
"""

import csv
import logging
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest.pairs.metadata.rows import Block, delimited, readable
from trainer.errors import SourceError

_KNOWN = {
    "id": "id", "path": "path", "filename": "path", "file": "path", "url": "url", "lat": "lat", "latitude": "lat",
    "lon": "lon", "lng": "lon", "longitude": "lon", "taken_local": "taken", "date_taken": "taken", "taken": "taken",
    "uploaded": "uploaded", "accuracy": "accuracy", "owner": "owner", "owner_name": "owner_name", "licence": "licence",
    "license": "licence", "page": "page", "title": "title", "description": "description", "tags": "tags",
}  # fmt: skip
_ROWS = 50_000

log = logging.getLogger(__name__)


def csv_blocks(path: Path, header: bytes) -> Iterator[Block]:
    """Rows of a CSV or TSV file whose first line is `header`.

    Raises:
        SourceError: It lacks a column that is needed, has one twice, or cannot be read to its end.
    """
    line = header.decode("utf-8-sig", "replace")  # -sig drops the mark that Excel begins with
    delimiter = max(",;\t", key=line.count)
    names = next(csv.reader([line], delimiter=delimiter), [])
    wanted = _wanted(path, names)
    for block in delimited(path, names=None, wanted=wanted, delimiter=delimiter, quoted=True):
        yield Block(_addressed(block.rows, path.parent), block.left_out)


def parquet_blocks(path: Path) -> Iterator[Block]:
    """Rows of a Parquet file.

    Raises:
        SourceError: As for `csv_blocks`.
    """
    with readable(path), pq.ParquetFile(path) as file:
        wanted = _wanted(path, file.schema_arrow.names)
        for batch in file.iter_batches(_ROWS, columns=list(wanted)):
            named = pa.RecordBatch.from_arrays([batch[name] for name in wanted], list(wanted.values()))
            yield Block(_addressed(named, path.parent))


def _wanted(path: Path, names: list[str]) -> dict[str, str]:
    """Our name of each column that we know."""
    known = {name: _KNOWN[name.strip().lower()] for name in names if name.strip().lower() in _KNOWN}
    ours = list(known.values())
    twice = sorted({name for name in ours if ours.count(name) > 1})
    if twice or len(set(names)) < len(names):
        raise SourceError(f"manifest '{path}' has more than one column for {', '.join(twice) or 'a name'}: keep one")
    if not {"lat", "lon"} <= set(ours) or not {"path", "url"} & set(ours):
        shown = ", ".join(names)[:200] or "none"
        raise SourceError(
            f"manifest '{path}' needs columns lat, lon, and path or url; it has {shown}. A folder of photos is read "
            "from their EXIF; a YFCC100M dump has 23 to 25 columns separated by tabs"
        )
    unknown = [name for name in names if name not in known]
    if unknown:
        log.info("%s: columns passed over: %s", path, ", ".join(unknown))
    return known


def _addressed(rows: pa.RecordBatch, folder: Path) -> pa.RecordBatch:
    """The rows with the address of each picture, and its id where the manifest gives none."""
    columns = {name: _text(rows[name]) for name in rows.schema.names if name not in ("path", "url")}
    none = pa.nulls(len(rows), pa.binary())
    url = _text(rows["url"]) if "url" in rows.schema.names else none
    path = _text(rows["path"]) if "path" in rows.schema.names else none
    below = pc.binary_join_element_wise(pa.scalar(str(folder).encode()), path, b"/")
    file = pc.if_else(pc.starts_with(path, b"/"), path, below)
    web = pc.if_else(pc.match_substring_regex(url, r"^https?://"), url, None)
    columns["address"] = pc.coalesce(file, web)
    columns["id"] = pc.coalesce(columns.get("id", none), path, url)
    if "page" not in columns:
        columns["page"] = web
    return pa.RecordBatch.from_pydict(columns)


def _text(column: pa.Array) -> pa.Array:
    """Bytes; an empty cell is null."""
    text = column if pa.types.is_binary(column.type) else column.cast(pa.string()).cast(pa.binary())
    return pc.if_else(pc.equal(text, b""), None, text)
