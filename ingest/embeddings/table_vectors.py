"""Tables of embeddings as one source: files that agree with each other, and their rows in order."""

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ingest.embeddings.brought import NamedRows, RowBlock
from ingest.embeddings.dates import parse_moment_utc
from ingest.embeddings.layouts import Roles
from ingest.embeddings.listing import Listing
from ingest.embeddings.options import ImportOptions, refuse_others, refuse_rule
from ingest.embeddings.rows import RowReading, tile_rows, why
from ingest.embeddings.tables import TableFacts, TableFile
from trainer.errors import ModelMismatchError, SourceError, reason

if TYPE_CHECKING:
    import pyarrow as pa

MOST_OF_AN_ID = 200
"""Characters, as routes take them."""
_UNLINED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ID_ROWS = 65_536  # of one column at a time


class TableVectors:
    """The rows of some Parquet files; see `VectorSource`.

    Args:
        listing: The files.
        options: What a person says of them.

    Raises:
        SourceError: A file cannot be used; the message says which and why.
        ModelMismatchError: They are of several models, or their vectors of several lengths.
        UsageError: An option means nothing to them.
    """

    def __init__(self, listing: Listing, options: ImportOptions) -> None:
        refuse_others(options, "tables, whose rows are tiles already", ("stride_m",))
        self.uri, self.stamp, self._options, self._listing = listing.uri, listing.stamp, options, listing
        facts = [self._facts(path, name) for path, name in zip(listing.files, listing.names, strict=True)]
        width = next((one.dim for one in facts if one.rows and one.dim is not None), None)
        if width is None:
            raise SourceError(f"{listing.uri}: no row of it has a vector")
        # rows of a file without a vector are counted among the others
        known = [self._facts(one.path, one.name, width) if one.dim is None else one for one in facts if one.rows]
        self._files = known
        _check_agreement(self._files)
        first = self._files[0]
        self.roles: Roles = first.roles
        self.layout = first.roles.layout
        self.makes_ids = first.roles.id is None
        self.model = options.model_name or listing.model or first.roles.model
        self.model_id = first.roles.model_id
        credits = [one.roles.attribution for one in self._files if one.roles.attribution]
        self.attribution = "; ".join(dict.fromkeys(credits)) or None
        self._readings = [self._reading(one) for one in self._files]
        self.dim = self._width(first)
        self.rows = sum(one.rows for one in self._files)
        # of each file the number of its first row among all
        self._starts = np.cumsum([0, *(one.rows for one in self._files)]).tolist()
        self._stems = _stems([one.name for one in self._files])
        self.said = self._say()
        self._stream: tuple[int, Iterator[pa.Table], TableFile] | None = None
        self._rest: pa.Table | None = None
        self._next = -1

    def _facts(self, path: object, name: str, width: int | None = None) -> TableFacts:
        with closing(TableFile(path, name)) as file:  # type: ignore[arg-type]
            return file.facts(self._options.wanted, crs=self._options.crs, width=width)

    def _reading(self, file: TableFacts) -> RowReading:
        """How the rows of a file are read.

        Raises:
            SourceError: Its whole numbers have no rule, or its points no size.
        """
        roles, options = file.roles, self._options
        refuse_rule(options, file.name, whole=file.whole)
        rule = options.rule or self._listing.rule or roles.rule
        if file.whole and rule is None and roles.scale is None:
            raise SourceError(
                f"{file.name}: its vectors are whole numbers, and nothing says what they stand for: pass --scale and "
                "--offset"
            )
        side_m = options.tile_size_m or roles.side_m
        points = file.header is not None and file.header.kinds == frozenset({"Point"})
        middles = file.header is None and roles.size_m is None and not roles.cell
        if side_m is None and (points or middles):
            raise SourceError(f"{file.name}: its places are points, which have no size: pass --tile-size-m")
        dates = (options.acquired_at, roles.told_date, self._listing.date)
        date = next((one for one in dates if one and parse_moment_utc(one) is not None), None)
        return RowReading(
            roles, file.header, int(file.dim or 0), rule if file.whole else None, side_m, date, origin=file.name
        )

    def _width(self, file: TableFacts) -> int:
        rule = self._readings[0].rule
        dim = int(file.dim or 0)
        if self._listing.dim not in (None, dim):
            raise ModelMismatchError(
                f"{file.name}: vectors of {dim:,} numbers, its STAC item says {self._listing.dim:,}: one of the two is "
                "wrong"
            )
        return dim * len(rule.levels) if rule is not None and rule.levels else dim

    def _say(self) -> list[str]:
        file, roles, reading = self._files[0], self.roles, self._readings[0]
        vector = (
            f"column `{roles.vector[0]}`"
            if len(roles.vector) == 1
            else f"columns `{roles.vector[0]}` to `{roles.vector[-1]}`"
        )
        if roles.lat and roles.size_m:
            where = f"places from `{roles.lat}`, `{roles.lon}` and `{roles.size_m}`"
        elif file.header is not None:
            by = ", as --crs says" if self._options.crs else ""
            where = f"footprint from `{file.header.column}` ({file.header.shown_crs}{by})"
        elif roles.lat:
            where = f"places from `{roles.lat}` and `{roles.lon}`"
        else:
            where = f"footprint from the Major TOM cell in `{roles.cell}`"
        if reading.side_m is not None and not roles.size_m:
            where += f", {reading.side_m:g} m around a point"
        date = (
            f"dates from `{roles.date}`"
            if roles.date
            else f"all of {reading.told_date}"
            if reading.told_date
            else f"no dates, as {roles.told_date!r} is none"
            if roles.told_date
            else "no dates"
        )
        named = f"ids from `{roles.id}`" if roles.id else "ids made of file and row"
        said = [f"read as {self.layout}: {vector}, {self.dim:,} numbers, {where}, {date}, {named}"]
        if reading.rule is not None:
            said.append(f"whole numbers x read as {reading.rule}")
        elif file.whole:
            said.append(f"whole numbers are multiplied by `{roles.scale}` of their row")
        return said

    def names(self, size: int) -> Iterator[NamedRows]:
        """All rows in their order; see `VectorSource`."""
        ids: list[str | None] = []
        places: list[str] = []
        for number, file in enumerate(self._files):
            for start, some in self._ids(number, file):
                ids += some
                places += [f"{file.name}#{row}" for row in range(start, start + len(some))]
                while len(ids) >= size:
                    yield NamedRows(ids[:size], places[:size])
                    del ids[:size], places[:size]
        if ids:
            yield NamedRows(ids, places)

    def _ids(self, number: int, file: TableFacts) -> Iterator[tuple[int, list[str | None]]]:
        """Ids of a file, and the row of each first."""
        if self.roles.id is None:
            for start in range(0, file.rows, _ID_ROWS):
                yield start, self._made(number, start, min(_ID_ROWS, file.rows - start))
            return
        start = 0
        with closing(TableFile(file.path, file.name)) as table:
            for block in table.blocks(0, _ID_ROWS, [self.roles.id]):
                yield start, _texts(block, self.roles.id)
                start += block.num_rows

    def _made(self, number: int, start: int, count: int) -> list[str | None]:
        return [f"{self._stems[number]}-{row:07d}" for row in range(start, start + count)]

    def read(self, number: int, size: int, wanted: Sequence[str]) -> RowBlock:
        """Rows of a block; see `VectorSource`."""
        import pyarrow as pa

        try:
            blocks = [
                self._read_part(file, table, start, set(wanted))
                for file, table, start in self._tables(number * size, size)
            ]
        except pa.ArrowException as error:  # a type that nobody has thought of
            raise SourceError(f"{self.uri}: its rows cannot be read ({reason(error)})") from error
        columns = {
            name: pa.concat_arrays([pa.array(block.columns[name]) for block in blocks])
            if isinstance(blocks[0].columns[name], pa.Array)
            else np.concatenate([np.asarray(block.columns[name]) for block in blocks])
            for name in blocks[0].columns
        }
        return RowBlock(
            columns, np.concatenate([block.vectors for block in blocks]), {},
            [failure for block in blocks for failure in block.failures], sum(block.unread_dates for block in blocks),
        )  # fmt: skip

    def _read_part(self, number: int, table: "pa.Table", start: int, wanted: set[str]) -> RowBlock:
        """Those rows of one file that are wanted."""
        import pyarrow as pa

        file, roles = self._files[number], self.roles
        ids = _texts(table, roles.id) if roles.id else self._made(number, start, table.num_rows)
        names: list[str] = []
        barred: list[str | None] = []
        rows: list[int] = []
        for row, one in enumerate(ids):
            place = f"{file.name}#{start + row}"
            if place in wanted:  # before the id, which an earlier row has
                names.append(place)
                barred.append("no_id" if not one else "duplicate_id")
                rows.append(row)
            elif one in wanted:
                names.append(str(one))
                barred.append(None)
                rows.append(row)
        some = table if len(rows) == table.num_rows else table.take(pa.array(rows, pa.int64()))
        found = tile_rows(some, self._readings[number], names, np.array([*barred, None], np.object_)[:-1])
        failures = [
            (name, str(reason), f"{name}: {why(reason)}")
            for name, reason in zip(names, found.reasons.tolist(), strict=True)
            if reason is not None
        ]
        return RowBlock(found.columns, found.vectors, {}, failures, found.unread_dates)

    def _tables(self, first: int, count: int) -> "Iterator[tuple[int, pa.Table, int]]":
        """Rows from one of all on: the number of the file, its rows, and the number of the first of them in it."""
        last = min(first + count, self.rows)
        while first < last:
            number = int(np.searchsorted(self._starts, first, side="right")) - 1
            inside = first - self._starts[number]
            many = min(last - first, self._files[number].rows - inside)
            yield number, self._take(number, inside, many), inside
            first += many

    def _take(self, number: int, start: int, count: int) -> "pa.Table":
        """Rows of one file; those that follow the last ones taken go on where they were read."""
        import pyarrow as pa

        if self._stream is None or self._stream[0] != number or self._next != start:
            self.close()
            file = TableFile(self._files[number].path, self._files[number].name)
            columns = self._files[number].roles.read
            self._stream, self._rest, self._next = (
                (number, file.blocks(start, max(count, 1024), columns), file),
                None,
                start,
            )
        parts, left = [], count
        while left:
            rest = self._rest if self._rest is not None else next(self._stream[1], None)
            if rest is None:
                raise SourceError(f"{self._files[number].name}: it has fewer rows than it says: fetch it again")
            parts.append(rest.slice(0, left))
            left -= parts[-1].num_rows
            self._rest = rest.slice(parts[-1].num_rows) if parts[-1].num_rows < rest.num_rows else None
        self._next = start + count
        return pa.concat_tables(parts)

    def close(self) -> None:
        """Lets go of the file that is read."""
        if self._stream is not None:
            self._stream[2].close()
            self._stream = None


def _check_agreement(files: Sequence[TableFacts]) -> None:
    """Refuse files that cannot be of one collection."""
    first = files[0]
    for file in files[1:]:
        if file.dim != first.dim:
            raise ModelMismatchError(
                f"{file.name}: vectors of {file.dim} numbers, {first.name} has {first.dim}: they are of two models, "
                "import each into a collection of its own"
            )
        # a date or a header may differ from file to file, what the columns are may not
        mine, theirs = (replace(one.roles, told_date=None, attribution=None) for one in (file, first))
        if mine != theirs or file.whole != first.whole:
            raise ModelMismatchError(
                f"{file.name} is read as {file.roles.layout}, {first.name} as {first.roles.layout}, or their columns "
                "differ: import each into a collection of its own"
            )


def _stems(names: Sequence[str]) -> list[str]:
    """What rows without an id are called by: the file's name and folders without its suffix, unless two share that.

    They do not depend on what other folders hold, so that a row keeps its name when these fill up.
    """
    plain = [name.rpartition(".")[0] or name for name in names]
    return [name if plain.count(stem) > 1 else stem for name, stem in zip(names, plain, strict=True)]


def _texts(table: "pa.Table", column: str) -> list[str | None]:
    """A column of ids as texts; None for what is missing, or can be no id."""
    import pyarrow as pa

    return [one if _is_id(one) else None for one in table[column].cast(pa.string()).to_pylist()]


def _is_id(text: str | None) -> bool:
    """Whether it can be written in a line of the ledger, and asked for."""
    return text is not None and 0 < len(text) <= MOST_OF_AN_ID and not text.isspace() and not _UNLINED.search(text)
