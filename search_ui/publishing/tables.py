"""Tiles as GeoParquet in the order of a survey, in memory that does not grow with the collection.

Rows of all parts are dealt out to the files that they belong to, unsorted, beside the target; then each file is sorted
by itself and written, some at once: an external distribution sort. Vectors are not compressed: of random-looking
numbers a twelfth would be saved, and a third of the time lost. It does not know what the columns mean.
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
from search_ui.publishing.extent import TileExtent
from search_ui.publishing.imagery import public_name
from search_ui.publishing.layout import EMBEDDING, RENAMED, schema
from search_ui.publishing.survey import Survey

_FILE_BYTES = 128 * 2**20  # of which twice as much is in memory while it is sorted
_AT_ONCE = 2  # files
_READERS = 4  # threads
_GROUP_BYTES = 16 * 2**20  # of vectors in a row group: what one answer over a network should bring
_GROUP_ROWS = 2_048, 65_536
_BESIDE = 300  # bytes of a row beside its vector, about
_ALL_DIFFER = (EMBEDDING, "geometry", "lat", "lon", "tile_id", "bbox")  # there a dictionary only costs time
_TARGET = "_target"  # where a row goes, counted through all files


@dataclass(frozen=True)
class TileTable:
    """A file of tiles.

    Attributes:
        path: The file.
        rows: Which tiles of the survey it holds.
        extent: How far they reach.
    """

    path: Path
    rows: range
    extent: TileExtent


def write_tables(
    folder: Path, surveyed: Survey, facts: dict[str, Any], *, progress: Callable[[int], object] = lambda _: None
) -> list[TileTable]:
    """Write all tiles of a survey.

    Args:
        folder: Empty; files in it are called 0000.parquet and so on.
        surveyed: Which rows of which parts, in which order.
        facts: What each file says of itself, see `search_ui.publishing.layout.file_facts`.
        progress: Called with the number of tiles that have been written since the last call.

    Raises:
        OSError: The files cannot be written, such as on a full disk.
        ArchiveError: A part is broken, or is not what it was when it was surveyed.
    """
    group, per_file = rows_together(len(surveyed), surveyed.dim)
    spans = [range(start, min(start + per_file, len(surveyed))) for start in range(0, len(surveyed), per_file)]
    tables = [
        TileTable(folder / f"{number:04d}.parquet", rows, surveyed.extent(slice(rows.start, rows.stop)))
        for number, rows in enumerate(spans)
    ]
    try:
        with _dealt_out(folder, surveyed, per_file) as taken:

            def write(number: int) -> int:
                _write(tables[number], taken(number), surveyed, group, facts)
                return len(tables[number].rows)

            for written in prefetched(write, range(len(tables)), threads=_AT_ONCE, begun=_AT_ONCE):
                progress(written)
    except pa.ArrowException as error:
        raise OSError(str(error)) from error
    return tables


def rows_together(n: int, dim: int) -> tuple[int, int]:
    """Rows of a row group, and of a file, of n vectors so wide: files of one size, of whole groups."""
    low, high = _GROUP_ROWS
    group = min(max(_GROUP_BYTES // (2 * dim), low), high)
    groups = -(-n // group)
    most = max(1, _FILE_BYTES // ((2 * dim + _BESIDE) * group))  # groups in a file
    return group, group * -(-groups // -(-groups // most))


@contextmanager
def _dealt_out(folder: Path, surveyed: Survey, per_file: int) -> Iterator[Callable[[int], pa.Table]]:
    """Gives the rows of a file in their order, by its number, each once; several files' rows lie on the disk."""
    count = -(-len(surveyed) // per_file)
    if count == 1:
        rows = pa.concat_tables(some for _, some in _dealt(surveyed, per_file))
        yield lambda _: _in_order(rows)
        return
    place = folder / ".unsorted"
    place.mkdir()
    paths = [place / f"{number:06d}.arrow" for number in range(count)]
    try:
        with ExitStack() as stack:
            writers: dict[int, Any] = {}
            for number, rows in _dealt(surveyed, per_file):
                if number not in writers:
                    sink = stack.enter_context(pa.OSFile(str(paths[number]), "wb"))
                    writers[number] = stack.enter_context(pa.ipc.new_stream(sink, rows.schema))
                writers[number].write_table(rows)
        yield lambda number: _taken(paths[number])
    finally:
        for path in paths:
            path.unlink(missing_ok=True)
        place.rmdir()


def _taken(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as file, pa.ipc.open_stream(file) as stream:
        ordered = _in_order(stream.read_all())
    path.unlink()  # room for the file that is made of it
    return ordered


def _in_order(rows: pa.Table) -> pa.Table:
    order = np.argsort(rows[_TARGET].to_numpy())
    return rows.drop_columns([_TARGET]).take(pa.array(order))


def _dealt(surveyed: Survey, per_file: int) -> Iterator[tuple[int, pa.Table]]:
    """Rows of the parts with where they go, and the number of their file."""

    def read(path: FilePath) -> pa.Table:
        with opened_part(path) as file:
            return file.read(use_threads=False)  # there are threads enough already

    paths = [surveyed.archive.folder / name for name in surveyed.names]
    for number, table in enumerate(prefetched(read, paths, threads=_READERS, begun=2 * _READERS)):
        target = surveyed.target[surveyed.starts[number] : surveyed.starts[number + 1]]
        rows = _published(table, surveyed.told[number][0]).append_column(_TARGET, pa.array(target))
        file = np.where(target >= 0, target // per_file, -1)
        for one in np.unique(file[file >= 0]).tolist():
            chosen = np.flatnonzero(file == one)
            yield one, rows if len(chosen) == len(target) else rows.take(pa.array(chosen))


def _published(table: pa.Table, source: str | None) -> pa.Table:
    """A part's rows under the names that they are published by, with what may be told of their imagery."""
    named = table.rename_columns([RENAMED.get(name, name) for name in table.column_names]).replace_schema_metadata()
    where = named.schema.get_field_index("origin")
    origins = named.column(where).combine_chunks().dictionary_encode()
    told = pa.array([public_name(origin) for origin in origins.dictionary.to_pylist()], pa.string())
    named = named.set_column(where, "origin", told.take(origins.indices))
    return named.append_column("source", pa.array([public_name(source)] * table.num_rows, pa.string()))


def _write(table: TileTable, rows: pa.Table, surveyed: Survey, group: int, facts: dict[str, Any]) -> None:
    kind = schema(surveyed.dim, facts, dated=surveyed.dated, bbox=table.extent.bbox)
    # by their paths in the file: a struct has no statistics, its members have
    paths = [name for name in kind.names if name != "bbox"] + [f"bbox.{side.name}" for side in kind.field("bbox").type]
    packing = dict.fromkeys((*paths, f"{EMBEDDING}.list.element"), "zstd") | {f"{EMBEDDING}.list.element": "none"}
    with pq.ParquetWriter(
        table.path,
        kind,
        compression=packing,
        use_dictionary=[path for path in kind.names if path not in _ALL_DIFFER],
        write_statistics=[path for path in paths if path not in (EMBEDDING, "geometry")],
        write_page_checksum=True,
    ) as writer:
        writer.write_table(rows.select(kind.names).cast(kind), row_group_size=group)
