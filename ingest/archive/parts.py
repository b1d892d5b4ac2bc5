"""The archive: one folder of immutable GeoParquet parts per collection. It is the truth; ledger and index follow it.

Format (GeoParquet 1.1, zstd, readable by DuckDB, GeoPandas and GDAL):

    tiles    tile_id · lat · lon · size_m · bbox{xmin,ymin,xmax,ymax} · geometry (WKB footprint, split at ±180°) ·
             acquired_at (UTC or null) · gsd_m · valid_fraction · origin · norm · vector (float16[d], unnormalised)
    gallery  photo_id · lat · lon · bbox · geometry (WKB point) · taken_local (wall clock) · taken_utc (all null where
             not known) · path · url · owner · licence · heading_deg · norm · vector

File metadata ``groundcast`` is JSON: format, collection, model_id, chunk, source, attribution, skipped, failures. With
it a part tells the ledger everything about its chunk. A part is there whole or not at all, in a local folder or in an
object store (`ingest.archive.files`). Every page has a checksum, which whoever reads it compares; that of the whole
file is for the ledger.

It does not know how vectors are made or searched.
"""

import errno
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from ingest.archive import files as storage
from ingest.archive.files import FilePath, Stamp
from ingest.archive.prefetch import prefetched
from ingest.geo.footprints import Places, Squares
from ingest.geo.geometry import Footprint
from ingest.geo.geoparquet import FOOTPRINTS, POINTS, bbox_type, boxes, geo_metadata, geometry_columns, write_table
from trainer.errors import ArchiveError, GroundcastError, StorageError, reason

if TYPE_CHECKING:  # a search lists parts and reads none, so pyarrow is imported where one is
    import pyarrow as pa

FORMAT = 1
SUFFIX = ".parquet"
BROKEN = ".broken"

Kind = Literal["tiles", "gallery"]
RESERVE_BYTES = 64 * 2**20
"""Space that must be free before a chunk is written: SQLite and Qdrant Edge write through mapped memory, where a full
disk ends the process without a word."""

ID_COLUMN: dict[Kind, str] = {"tiles": "tile_id", "gallery": "photo_id"}

_DERIVED = ("bbox", "geometry")  # columns that follow from the others


@dataclass(frozen=True)
class ArchivePart:
    """One part, as read back or as just written.

    Attributes:
        key: Key of its chunk, and name of its file.
        table: Every column but ``geometry`` and ``bbox``, which follow from the others.
        meta: The ``groundcast`` metadata.
        sha256: Checksum of its file, in hexadecimal; None where it was not asked for.
    """

    key: str
    table: "pa.Table"
    meta: dict[str, Any]
    sha256: str | None = None

    def vectors(self) -> npt.NDArray[np.float16]:
        """Unnormalised vectors, float16 [n, d]."""
        return vector_array(self.table["vector"])


class Archive:
    """The parts of one collection.

    Args:
        folder: Made when the first part is written.
        kind: ``tiles`` or ``gallery``; it fixes the columns.
        stamps: Its parts as they were listed; None: they are listed whenever they are asked for.
    """

    def __init__(self, folder: FilePath, kind: Kind, stamps: dict[str, Stamp] | None = None) -> None:
        self.folder = folder
        self.kind = kind
        self.id_column = ID_COLUMN[kind]
        self._stamps = stamps

    def as_now(self) -> "Archive":
        """The same parts by one look at the folder, to be read: those that come later are not among them.

        Raises:
            StorageError: The folder cannot be read.
        """
        return Archive(self.folder, self.kind, Archive(self.folder, self.kind).stamps())

    def path(self, key: str) -> FilePath:
        """File of a chunk's part, whether or not it exists."""
        return self.folder / f"{key}{SUFFIX}"

    def parts(self) -> list[FilePath]:
        """Files of all complete parts, by name."""
        return [self.folder / name for name in self.stamps()]

    def stamps(self) -> dict[str, Stamp]:
        """Names of all complete parts, in order, each with a stamp that changes when it is replaced.

        Raises:
            StorageError: The folder cannot be read.
        """
        if self._stamps is not None:
            return dict(self._stamps)
        try:
            return storage.listed(self.folder, SUFFIX)
        except OSError as error:
            raise StorageError(
                f"{self.folder}: the archive cannot be read ({error}); see `groundcast doctor`"
            ) from error

    def has(self, key: str) -> bool:
        """Whether a chunk's part is there.

        Raises:
            StorageError: The folder cannot be read.
        """
        try:
            return storage.exists(self.path(key))
        except OSError as error:
            raise StorageError(
                f"{self.folder}: the archive cannot be read ({error}); see `groundcast doctor`"
            ) from error

    def keys(self) -> set[str]:
        """Keys of all complete parts, by one look at the folder."""
        return {name.removesuffix(SUFFIX) for name in self.stamps()}

    def remove(self, key: str) -> None:
        """Removes a chunk's part, if it is there."""
        storage.remove(self.path(key))

    def require_space(self) -> None:
        """Checks that part, index and ledger can be written.

        Raises:
            ArchiveError: Less than `RESERVE_BYTES` are free on a local disk.
        """
        free = storage.free_bytes(self.folder)
        if free is not None and free < RESERVE_BYTES:
            raise ArchiveError(
                f"{self.folder}: the disk is full: {free >> 20} MiB are free, {RESERVE_BYTES >> 20} are needed: "
                "free space and run the same command again"
            )

    def write(
        self,
        key: str,
        records: Sequence[dict[str, Any]],
        vectors: npt.NDArray[np.float32],
        meta: dict[str, Any],
    ) -> ArchivePart:
        """Writes a part, whole or not at all; writing it again replaces it by the same.

        Args:
            key: Names the file: ``<key>.parquet``.
            records: One mapping of column to value an item, without bbox, geometry, norm and vector.
            vectors: float32 [n, d], unnormalised; stored as float16.
            meta: JSON values for the file metadata.

        Returns:
            What `read` would give of it, from memory.

        Raises:
            ArchiveError: The disk is full or the folder cannot be written; nothing is left behind.
        """
        return self._write(key, _table(self.kind, records, vectors), meta)

    def write_tiles(
        self, key: str, columns: Mapping[str, Any], vectors: npt.NDArray[np.float32], meta: dict[str, Any]
    ) -> ArchivePart:
        """Writes a part of tiles that are columns already; see `write`.

        Args:
            key: Names the file.
            columns: Arrays [n], of Arrow or NumPy, by the name of the column, as records have them; what is not
                known is null. With ``norm`` where vectors were rounded before.
            vectors: float32 [n, d], unnormalised; stored as float16.
            meta: JSON values for the file metadata.
        """
        return self._write(key, _tiles_table(columns, vectors), meta)

    def _write(self, key: str, table: "pa.Table", meta: dict[str, Any]) -> ArchivePart:
        told = {"format": FORMAT, "chunk": key, **meta}
        geo = geo_metadata(FOOTPRINTS if self.kind == "tiles" else POINTS)
        sha256 = self._put(key, table.replace_schema_metadata({"geo": geo, "groundcast": json.dumps(told)}))
        return ArchivePart(key, table.drop_columns(list(_DERIVED)), told, sha256)

    def take_over(self, other: "Archive", key: str, *, as_key: str, meta: dict[str, Any]) -> None:
        """Writes another archive's part as one of this, with the same rows; arguments and errors as for `write`."""
        with opened_part(other.path(key)) as file:
            table = file.read()
        told = json.loads(table.schema.metadata[b"groundcast"]) | {"chunk": as_key} | meta
        for failure in told["failures"]:
            failure["chunk"] = as_key
        self._put(as_key, table.replace_schema_metadata({**table.schema.metadata, b"groundcast": json.dumps(told)}))

    def _put(self, key: str, table: "pa.Table") -> str:
        """Writes a part; returns its checksum."""
        target, content = self.path(key), BytesIO()
        # in memory first: what is summed is what was meant, not what a disk made of it
        write_table(table, content)
        try:
            storage.write(target, lambda file: file.write(content.getbuffer()))
        except OSError as error:
            why = "the disk is full" if error.errno == errno.ENOSPC else error
            raise ArchiveError(
                f"{target}: the part cannot be written ({why}); free disk space and run the same command again"
            ) from error
        return hashlib.sha256(content.getbuffer()).hexdigest()

    def read(self, key: str, *, summed: bool = False) -> ArchivePart:
        """Reads one part.

        Args:
            key: Of its chunk.
            summed: With the checksum of its file, of the very bytes that are read.

        Raises:
            ArchiveError: The file is missing, cut short or not a part.
            StorageError: It cannot be fetched, and may be sound.
        """
        path = self.path(key)
        content = _content(path) if summed else None
        with opened_part(path, content) as file:
            columns = [name for name in file.schema_arrow.names if name not in _DERIVED]
            table = file.read(columns=columns)
            meta = json.loads((file.schema_arrow.metadata or {})[b"groundcast"])
        return ArchivePart(key, table, meta, hashlib.sha256(content.getbuffer()).hexdigest() if content else None)

    def ids(self) -> Iterator[str]:
        """Item ids of all parts, part by part.

        Raises:
            ArchiveError: A part is broken.
        """
        for column in prefetched(lambda path: self.column(path, self.id_column), self.parts()):
            yield from column.to_pylist()

    def holding(self, items: set[str]) -> set[str]:
        """Which of some items it holds.

        Raises:
            ArchiveError: A part is broken.
        """
        lacking = set(items)
        for column in prefetched(lambda path: self.column(path, self.id_column), self.parts() if items else ()):
            lacking.difference_update(column.to_pylist())
            if not lacking:
                break
        return items - lacking

    def read_all(self) -> Iterator[ArchivePart]:
        """All parts, by name, a few of them ahead.

        Raises:
            ArchiveError: A part is broken.
        """
        # whole parts with their vectors: fewer at once than of single columns
        yield from prefetched(lambda path: self.read(path.stem), self.parts(), threads=4, begun=8)

    def column(self, path: FilePath, name: str) -> "pa.ChunkedArray":
        """One column of one part.

        Raises:
            ArchiveError: The part is broken.
        """
        return self.columns(path, [name])[name]

    def columns(self, path: FilePath, names: Sequence[str]) -> "pa.Table":
        """Some columns of one part.

        Raises:
            ArchiveError: The part is broken.
        """
        import pyarrow as pa

        with opened_part(path) as file:
            return pa.table({name: file.read(columns=[name])[name] for name in names})

    @contextmanager
    def at_hand(self, names: Sequence[str], *, beside: Path) -> Iterator["Archive"]:
        """These parts in a local folder, to be read several times: the archive itself, or copies that go away again.

        Args:
            names: Names of parts, with their suffix.
            beside: Local folder for the copies.

        Raises:
            ArchiveError: They cannot be fetched.
        """
        with storage.at_hand(self.folder, names, beside=beside) as folder:
            try:
                yield self if folder == self.folder else Archive(folder, self.kind)
            except GroundcastError as error:  # they are to be mended where they come from
                raise type(error)(str(error).replace(str(folder), str(self.folder))) from error

    def find(self, item_id: str) -> tuple[dict[str, Any], npt.NDArray[np.float32]] | None:
        """One item's record and unnormalised vector [d], or None."""
        import pyarrow.compute as pc

        for path in self.parts():
            row = pc.index(self.column(path, self.id_column), item_id).as_py()
            if row >= 0:
                part = self.read(path.stem)
                record = part.table.drop_columns(["vector"]).slice(row, 1).to_pylist()[0]
                return record, part.vectors()[row].astype(np.float32)
        return None

    def record(self, path: FilePath, item_id: str) -> dict[str, Any] | None:
        """One item's record of one part, without its vector, or None.

        Raises:
            ArchiveError: The part is broken.
        """
        import pyarrow.compute as pc

        with opened_part(path) as file:
            row = pc.index(file.read(columns=[self.id_column])[self.id_column], item_id).as_py()
            if row < 0:
                return None
            names = [name for name in file.schema_arrow.names if name != "vector"]
            record: dict[str, Any] = file.read(columns=names).slice(row, 1).to_pylist()[0]
            return record

    def sweep(self) -> int:
        """Removes temporary files that a killed process of this machine left; returns how many."""
        return storage.sweep(self.folder)

    def drop(self) -> None:
        """Removes all of it."""
        storage.remove_folder(self.folder)

    def set_aside(self, path: FilePath) -> FilePath:
        """Renames a broken part so that it no longer counts."""
        return storage.rename(path, path.name + BROKEN)


@contextmanager
def opened_part(path: FilePath, content: BytesIO | None = None) -> Iterator[Any]:
    """A part as a `pyarrow.parquet.ParquetFile`, to be read inside.

    Args:
        path: Its file.
        content: What is in it, where that has been read.

    Raises:
        ArchiveError: It is missing, cut short or not a part.
        StorageError: It cannot be fetched, and may be sound.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with (
            nullcontext(content) if content else _fetched(path) as fetched,
            pq.ParquetFile(fetched, page_checksum_verification=True) as file,
        ):
            kind = file.schema_arrow.field("vector").type
            if not pa.types.is_fixed_size_list(kind):
                raise ValueError(f"its vectors are of type {kind}, not lists of one length")
            yield file
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        told = f"run `groundcast verify {path.parent.name} --repair`"
        raise ArchiveError(f"{path}: not a readable part ({reason(error)}); {told}") from error


def _content(path: FilePath) -> BytesIO:
    """All of a file.

    Raises:
        ArchiveError: There is none.
        StorageError: It cannot be fetched.
    """
    try:
        with _fetched(path, whole=True) as content:
            found: BytesIO = content
            return found
    except FileNotFoundError as error:
        told = f"run `groundcast verify {path.parent.name} --repair`"
        raise ArchiveError(f"{path}: there is no such part; {told}") from error


@contextmanager
def _fetched(path: FilePath, *, whole: bool = False) -> Iterator[Any]:
    with ExitStack() as stack:
        try:
            fetched = stack.enter_context(storage.readable(path, whole=whole))
        except FileNotFoundError:  # a missing part, says `opened_part`
            raise
        # a store that does not answer says nothing of the part: it must not count as broken
        except OSError as error:
            raise StorageError(f"{path}: the part cannot be fetched ({error}); see `groundcast doctor`") from error
        yield fetched


def vector_array(column: "pa.ChunkedArray") -> npt.NDArray[np.float16]:
    """A fixed-size-list column as float16 [n, d]."""
    array = column.combine_chunks()
    dim: int = array.type.list_size
    # flatten, not values: an array that is a slice keeps to its slice
    flat: npt.NDArray[np.float16] = array.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(-1, dim)


def _table(kind: Kind, records: Sequence[dict[str, Any]], vectors: npt.NDArray[np.float32]) -> "pa.Table":
    import pyarrow as pa

    if kind == "tiles":
        shapes: list[BaseGeometry | None] = [
            Footprint(lat=r["lat"], lon=r["lon"], size_m=r["size_m"]).polygon for r in records
        ]
    else:
        shapes = [None if r["lat"] is None else shapely.Point(r["lon"], r["lat"]) for r in records]
    arrays, types = geometry_columns(shapes), _column_types(kind)
    for name, type_ in types.items():
        if name not in _DERIVED:
            arrays[name] = pa.array([record[name] for record in records], type_)
    return _with_vectors({name: arrays[name] for name in types}, vectors)


def _tiles_table(given: Mapping[str, Any], vectors: npt.NDArray[np.float32]) -> "pa.Table":
    import pyarrow as pa

    types = _column_types("tiles")
    arrays = {name: pa.array(given[name], types[name]) for name in types if name not in _DERIVED}
    squares = Squares.of(Places(*(np.asarray(given[name], float) for name in ("lat", "lon", "size_m"))))
    outlines = squares.wkb()
    arrays |= {"bbox": boxes(shapely.from_wkb(outlines)), "geometry": pa.array(outlines, pa.binary())}
    return _with_vectors({name: arrays[name] for name in types}, vectors, given.get("norm"))


def _with_vectors(
    columns: "dict[str, pa.Array]", vectors: npt.NDArray[np.float32], told: npt.NDArray[np.floating] | None = None
) -> "pa.Table":
    """The table of a part; `told` are lengths from before vectors were rounded, where they are known."""
    import pyarrow as pa

    norms = np.linalg.norm(vectors, axis=1).astype(np.float32)
    if told is not None:
        near = np.abs(told - norms) <= 0.01 * norms  # what rounding cannot have done is not theirs
        norms = np.where(near, told, norms).astype(np.float32)
    # of the float32 vectors, before they are rounded
    columns["norm"] = pa.array(norms, pa.float32())
    columns["vector"] = pa.FixedSizeListArray.from_arrays(
        pa.array(vectors.astype(np.float16).ravel()), vectors.shape[1]
    )
    return pa.table(columns)


def _column_types(kind: Kind) -> "dict[str, pa.DataType]":
    """The columns of a part in their order, but for norm and vector."""
    import pyarrow as pa

    moment, where = pa.timestamp("us", "UTC"), {"lat": pa.float64(), "lon": pa.float64()}
    outline = {"bbox": bbox_type(), "geometry": pa.binary()}
    if kind == "tiles":
        return {
            "tile_id": pa.string(),
            **where,
            "size_m": pa.float64(),
            **outline,
            "acquired_at": moment,
            "gsd_m": pa.float32(),
            "valid_fraction": pa.float32(),
            "origin": pa.string(),
        }
    return {
        "photo_id": pa.string(),
        **where,
        **outline,
        "taken_local": pa.timestamp("us"),
        "taken_utc": moment,
        **dict.fromkeys(("path", "url", "owner", "licence"), pa.string()),
        "heading_deg": pa.float32(),
    }
