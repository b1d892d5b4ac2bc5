"""One Parquet file of embeddings: what it is, and its rows from any one on, in blocks of bounded memory.

Whatever is wrong with the file as a whole is told when it is opened. Pages that have a checksum are compared with it.
It does not know what rows become.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.archive.files import FilePath
from ingest.embeddings.geo_header import GeoHeader, parse_crs, read_header
from ingest.embeddings.layouts import (
    NamedColumns,
    Roles,
    check_types,
    is_whole,
    list_size,
    recognise,
    value_type,
    with_width,
)
from trainer.errors import SourceError, reason

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_BUFFER = 2**20  # of a local file; a column of one row group may be gigabytes
_REMOTE_BUFFER = 2**23  # each is a request
_LENGTHS = 64  # vectors whose lengths are looked at, to tell a ragged one from the others
# read ahead, pyarrow would keep the bytes of all row groups until the file is closed
_READING: dict[str, Any] = {"page_checksum_verification": True, "pre_buffer": False}


@dataclass(frozen=True)
class TableFacts:
    """What a file is, remembered while it is closed.

    Attributes:
        path: Local, or of any file system of fsspec.
        name: For messages, and in the names of rows.
        rows: How many it has.
        roles: What its columns are.
        header: Of its geometry; None: its places are in other columns.
        dim: Numbers in a stored vector; None where no row has one.
        whole: Whether those are whole numbers.
    """

    path: FilePath
    name: str
    rows: int
    roles: Roles
    header: GeoHeader | None
    dim: int | None
    whole: bool


class TableFile:
    """An open file.

    Args:
        path: Local, or of any file system of fsspec.
        name: For messages.

    Raises:
        SourceError: It is no Parquet, or cut short.
    """

    def __init__(self, path: FilePath, name: str) -> None:
        self.path, self.name = path, name
        self._remote: Any = None
        self._file = self._open()

    def facts(self, wanted: NamedColumns, *, crs: str | None = None, width: int | None = None) -> TableFacts:
        """What it is.

        Args:
            wanted: Columns that a person names.
            crs: Reference system that a person names, whatever the file says.
            width: Numbers in a vector, as files beside it have, where no row of it has one.

        Raises:
            SourceError: It has no vectors, contradicts itself, or says nothing of places.
        """
        schema = self._file.schema_arrow
        metadata: Mapping[bytes, bytes] = self._file.metadata.metadata or {}
        header = read_header(metadata, dict.fromkeys(schema.names), self.name, crs)
        if header is None and crs is not None and "geometry" in schema.names:
            header = GeoHeader("geometry", parse_crs(crs, self.name))
        roles = recognise(schema, metadata, wanted, self.name)
        numbers = schema.field(roles.vector[0]).type
        many = len(roles.vector) > 1
        dim = len(roles.vector) if many else list_size(numbers) or self._usual_length(roles) or width
        if dim is not None:
            roles = with_width(roles, set(schema.names), dim)
        roles = self._placed(roles, header)
        check_types(schema, roles, self.name)
        kinds = [schema.field(name).type for name in roles.vector]
        # of numbered columns a few may happen to hold whole numbers only
        whole = all(is_whole(kind if many else value_type(kind)) for kind in kinds)
        header = header if roles.geometry is not None else None
        return TableFacts(self.path, self.name, self._file.metadata.num_rows, roles, header, dim, whole)

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()
        if self._remote is not None:
            self._remote.close()

    def blocks(self, start: int, size: int, columns: list[str]) -> "Iterator[pa.Table]":
        """Rows from one on in blocks, each of at most so many, to the end.

        Raises:
            SourceError: The file is broken there.
        """
        import pyarrow as pa

        group, before = 0, 0
        while group < self._file.num_row_groups:
            rows = self._file.metadata.row_group(group).num_rows
            if before + rows > start:
                break
            group, before = group + 1, before + rows
        groups, skip = range(group, self._file.num_row_groups), start - before
        try:
            for batch in self._file.iter_batches(size, row_groups=list(groups), columns=columns):
                if skip >= batch.num_rows:
                    skip -= batch.num_rows
                    continue
                yield pa.table(batch.slice(skip))
                skip = 0
        except (pa.ArrowException, OSError) as error:
            raise SourceError(f"{self.name}: it is broken or cut short ({reason(error)}): fetch it again") from error

    def _open(self) -> "pq.ParquetFile":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            if isinstance(self.path, Path):
                if self.path.stat().st_size == 0:
                    raise SourceError(f"{self.name} is empty (0 bytes): fetch it again")
                return pq.ParquetFile(self.path, buffer_size=_BUFFER, **_READING)
            self._remote = self.path.fs.open(self.path.path, "rb", block_size=_REMOTE_BUFFER)
            return pq.ParquetFile(self._remote, buffer_size=_REMOTE_BUFFER, **_READING)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise SourceError(
                f"{self.name} is no Parquet file, or is cut short ({reason(error)}): fetch it again"
            ) from error
        except SourceError:
            raise
        except Exception as error:  # every object store has errors of its own
            raise SourceError(
                f"{self.name} cannot be read ({reason(error)}): is it there, and may it be read?"
            ) from error

    def _usual_length(self, roles: Roles) -> int | None:
        """How many numbers most of the first vectors have; None where no row has any."""
        import pyarrow.compute as pc

        for table in self.blocks(0, _LENGTHS, [roles.vector[0]]):
            lengths = pc.list_value_length(table[roles.vector[0]].combine_chunks()).drop_null().to_pylist()
            usual = Counter(length for length in lengths if length).most_common(1)
            if usual:
                return int(usual[0][0])
        return None

    def _placed(self, roles: Roles, header: GeoHeader | None) -> Roles:
        """Roles with the geometry column that can be used, if there is one.

        Raises:
            SourceError: Nothing says where rows lie.
        """
        if header is not None:
            return replace(roles, geometry=header.column)
        if (roles.lat and roles.lon) or roles.cell:
            return replace(roles, geometry=None)
        if roles.geometry is not None:
            raise SourceError(
                f"{self.name}: its column {roles.geometry!r} has no GeoParquet metadata, which would say in which "
                "reference system it is: write it with GeoPandas, or pass --crs"
            )
        raise SourceError(
            f"{self.name}: nothing says where its rows lie: it needs a geometry column of GeoParquet, columns lat and "
            "lon, or names of Major TOM cells in grid_cell"
        )
