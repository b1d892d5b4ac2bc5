"""Tiles as GeoParquet in the order of a survey, in memory that does not grow with the collection.

Rows of all parts are dealt out to buckets by where they go, each bucket is sorted by itself, and row groups are written
one behind the other: an external distribution sort. Buckets lie in files beside the target while there are several. It
does not know what the columns mean.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.archive.files import FilePath
from ingest.archive.parts import opened_part
from ingest.archive.prefetch import prefetched
from search_ui.files.writing import cannot_write
from search_ui.publishing.extent import Extent
from search_ui.publishing.layout import EMBEDDING, RENAMED, schema
from search_ui.publishing.survey import Survey

_GROUP_BYTES = 16 * 2**20  # of vectors in a row group: what one answer over a network should bring
_GROUP_ROWS = 2_048, 65_536
_BUCKET_BYTES = 192 * 2**20
_FILE_BUCKETS = 6  # buckets in a file: about a gigabyte
_BESIDE = 300  # bytes of a row beside its vector, about
_UNPACKED = [EMBEDDING, "geometry", "lat", "lon", "tile_id"]  # no two values alike: a dictionary only costs time


@dataclass(frozen=True)
class Table:
    """A file of tiles.

    Attributes:
        path: The file.
        rows: Which tiles of the survey it holds.
        extent: How far they reach.
    """

    path: Path
    rows: range
    extent: Extent


def write_tables(
    folder: Path, surveyed: Survey, facts: dict[str, Any], *, progress: Callable[[int], object] = lambda _: None
) -> list[Table]:
    """Write all tiles of a survey.

    Args:
        folder: Empty; files in it are called 0000.parquet and so on.
        surveyed: Which rows of which parts, in which order.
        facts: What each file says of itself, see `search_ui.publishing.layout.file_facts`.
        progress: Called with the number of tiles that have been written since the last call.

    Raises:
        GroundcastError: The files cannot be written, such as on a full disk.
        ArchiveError: A part is broken, or is not what it was when it was surveyed.
    """
    sizes = Sizes.of(len(surveyed), surveyed.dim)
    tables = [
        Table(folder / f"{number:04d}.parquet", rows, surveyed.extent(slice(rows.start, rows.stop)))
        for number, rows in enumerate(sizes.files())
    ]
    try:
        with _buckets(folder, surveyed, sizes) as buckets:
            for table in tables:
                _write(table, buckets, surveyed, sizes, facts, progress)
    except pa.ArrowException as error:
        raise cannot_write(folder, str(error)) from error
    return tables


@dataclass(frozen=True)
class Sizes:
    """How many rows stand together.

    Attributes:
        n: All of them.
        group: In a row group.
        bucket: In a bucket; a multiple of a group.
        file: In a file; a multiple of a bucket.
    """

    n: int
    group: int
    bucket: int
    file: int

    @classmethod
    def of(cls, n: int, dim: int) -> "Sizes":
        """For so many rows of vectors so wide."""
        low, high = _GROUP_ROWS
        group = min(max(_GROUP_BYTES // (2 * dim), low), high)
        bucket = group * max(1, _BUCKET_BYTES // ((2 * dim + _BESIDE) * group))
        return cls(n, group, bucket, bucket * _FILE_BUCKETS)

    def files(self) -> list[range]:
        """The rows of each file."""
        return [range(start, min(start + self.file, self.n)) for start in range(0, self.n, self.file)]

    def buckets(self, rows: range) -> range:
        """Numbers of the buckets that hold the rows of a file."""
        return range(rows.start // self.bucket, -(-rows.stop // self.bucket))


Buckets = Callable[[int], pa.Table]
"""The rows of a bucket in their order, by its number; each is taken once."""


@contextmanager
def _buckets(folder: Path, surveyed: Survey, sizes: Sizes) -> Iterator[Buckets]:
    """All rows, dealt out; while they are used, those of many buckets lie in files."""
    count = -(-sizes.n // sizes.bucket)
    if count == 1:
        rows = pa.concat_tables(dealt for _, dealt in _dealt(surveyed, sizes))
        yield lambda _: _in_order(rows)
        return
    spilled = folder / ".buckets"
    spilled.mkdir()
    paths = [spilled / f"{number:06d}.arrow" for number in range(count)]
    try:
        with ExitStack() as stack:
            writers: dict[int, Any] = {}
            for number, rows in _dealt(surveyed, sizes):
                if number not in writers:
                    sink = stack.enter_context(pa.OSFile(str(paths[number]), "wb"))
                    writers[number] = stack.enter_context(pa.ipc.new_stream(sink, rows.schema))
                writers[number].write_table(rows)
        yield lambda number: _taken(paths[number])
    finally:
        for path in paths:
            path.unlink(missing_ok=True)
        spilled.rmdir()


def _taken(path: Path) -> pa.Table:
    with pa.OSFile(str(path), "rb") as file, pa.ipc.open_stream(file) as stream:
        rows = stream.read_all()
    path.unlink()  # room for the files that are made of it
    return _in_order(rows)


def _in_order(rows: pa.Table) -> pa.Table:
    order = np.argsort(rows["_target"].to_numpy())
    return rows.drop_columns(["_target"]).take(pa.array(order))


def _dealt(surveyed: Survey, sizes: Sizes) -> Iterator[tuple[int, pa.Table]]:
    """Rows of the parts with where they go, and the number of their bucket."""

    def read(path: FilePath) -> pa.Table:
        with opened_part(path) as file:
            return file.read()

    paths = [surveyed.archive.folder / name for name in surveyed.names]
    for number, table in enumerate(prefetched(read, paths, threads=2, begun=4)):
        target = surveyed.target[surveyed.starts[number] : surveyed.starts[number + 1]]
        rows = _published(table, surveyed.told[number][0]).append_column("_target", pa.array(target))
        bucket = np.where(target >= 0, target // sizes.bucket, -1)
        for one in np.unique(bucket[bucket >= 0]).tolist():
            chosen = np.flatnonzero(bucket == one)
            yield one, rows if len(chosen) == len(target) else rows.take(pa.array(chosen))


def _published(table: pa.Table, source: str | None) -> pa.Table:
    """A part's rows under the names that they are published by."""
    named = table.rename_columns([RENAMED.get(name, name) for name in table.column_names]).replace_schema_metadata()
    return named.append_column("source", pa.array([source] * table.num_rows, pa.string()))


def _write(
    table: Table,
    buckets: Buckets,
    surveyed: Survey,
    sizes: Sizes,
    facts: dict[str, Any],
    progress: Callable[[int], object],
) -> None:
    kind = schema(surveyed.dim, facts, dated=surveyed.dated, bbox=table.extent.bbox)
    # by their paths in the file: a struct has no statistics, its members have
    paths = [
        *(name for name in kind.names if name != "bbox"),
        *(f"bbox.{side.name}" for side in kind.field("bbox").type),
    ]
    packed = [path for path in paths if path not in _UNPACKED and not path.startswith("bbox")]
    measured = [path for path in paths if path not in (EMBEDDING, "geometry")]
    try:
        with pq.ParquetWriter(
            table.path, kind, compression="zstd", use_dictionary=packed, write_statistics=measured,
            write_page_checksum=True,
        ) as writer:  # fmt: skip
            for number in sizes.buckets(table.rows):
                rows = buckets(number).select(kind.names).cast(kind)
                for start in range(0, rows.num_rows, sizes.group):
                    writer.write_table(rows.slice(start, sizes.group))
                    progress(min(sizes.group, rows.num_rows - start))
    except OSError as error:
        raise cannot_write(table.path, error.strerror or str(error)) from error
