"""The catalog as lines of JSON, out of one database and into another, SQLite or PostgreSQL.

The first line names the migration; then one line a row, ``[table, {column: value}]``, tables in an order in which no
row refers to a later one. The tables are read from the database itself, so rows of any migration can be carried. Beside
the catalog this module uses sqlalchemy. It does not know what the rows mean, but for which chunk has a part.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ingest.catalog import row_sums
from ingest.catalog.catalog import HEAD
from ingest.catalog.database import Database
from trainer.errors import BackupError, reason

_ROWS = 500  # in one statement
# whose turn it is, checksums, and whose the collections on a server are, mean nothing elsewhere
_LEFT_OUT = {"alembic_version", "turns", row_sums.TABLE, "identity", "server_names"}
_NAMES_OF_FILES = {"models": "name", "collections": "name", "jobs": "id", "chunks": "key"}
_KINDS = ("tiles", "gallery")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*")
_NO_LINE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)  # what a line that is no row leads to
_ANOTHER = "take another backup"
_SCHEMA = re.compile(r"[0-9]{4}")
_FORGOTTEN = {"leased_by", "leased_until", "sent_at"}  # workers that held a chunk are not there


@contextmanager
def snapshot_of(database: Database) -> Iterator["Snapshot"]:
    """The catalog as it is now, whatever is written meanwhile."""
    with database.translated(), database.engine.connect() as connection:
        if isinstance(database.at, Path):
            connection.exec_driver_sql("BEGIN")  # the driver would begin with the first write
            yield Snapshot(connection)
        else:
            # every statement then sees the same moment
            yield Snapshot(connection.execution_options(isolation_level="REPEATABLE READ"))


class Snapshot:
    """One moment of a catalog."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self.schema = str(connection.scalar(sa.text("SELECT version_num FROM alembic_version")))
        self._tables = _tables(connection)

    def lines(self) -> Iterator[bytes]:
        """The catalog, line by line."""
        yield json.dumps({"schema": self.schema}).encode() + b"\n"
        for table in self._tables.sorted_tables:
            if table.name not in _LEFT_OUT:
                for row in self._connection.execution_options(yield_per=_ROWS).execute(sa.select(table)).mappings():
                    values = {key: value for key, value in row.items() if key not in _FORGOTTEN}
                    yield json.dumps([table.name, values], default=_json).encode() + b"\n"

    def models(self) -> list[str]:
        """Names of all models."""
        return list(self._connection.scalars(sa.select(self._tables.tables["models"].c.name)))

    def collections(self) -> list[tuple[str, str]]:
        """Stored name and kind of all collections."""
        table = self._tables.tables["collections"]
        return [(row.name, row.kind) for row in self._connection.execute(sa.select(table.c.name, table.c.kind))]

    def parts(self, collection: str) -> tuple[set[str], set[str]]:
        """Keys of a collection's chunks; and of those whose part must be there."""
        chunks, jobs = self._tables.tables["chunks"], self._tables.tables["jobs"]
        query = (
            sa.select(chunks.c.key, chunks.c.state, chunks.c.done)
            .join(jobs, jobs.c.id == chunks.c.job)
            .where(jobs.c.collection == collection)
        )
        rows = self._connection.execute(query).all()
        # a chunk that gave no vector has no part
        return {row.key for row in rows}, {row.key for row in rows if row.state != "pending" and row.done}


def load(database: Database, lines: Iterable[bytes]) -> None:
    """Fills a database that has no rows yet, and brings it to this program's migration; all of it or nothing.

    Raises:
        BackupError: The lines are of a newer migration or are no catalog's, or there are rows already.
        CatalogError: The database refuses.
    """
    rows = iter(lines)
    try:
        schema = str(json.loads(next(rows, b"{}"))["schema"])
    except _NO_LINE as error:
        raise BackupError(f"the catalog in the backup does not begin as one ({reason(error)}): {_ANOTHER}") from error
    if not _SCHEMA.fullmatch(schema):
        raise BackupError(f"the catalog in the backup has the schema {schema[:40]!r}, which is none: {_ANOTHER}")
    if schema > HEAD:
        raise BackupError(f"the backup was made by a newer groundcast (schema {schema}, this one knows {HEAD})")
    if (taken := occupied(database)) is not None:
        raise BackupError(f"{database.shown} has {taken} already: restore into an empty home or database")
    # rows go into tables of their own migration; the steps up then change them as they would have at home
    database.set_schema(schema)
    with database.translated(), database.engine.begin() as connection:
        tables = _tables(connection)
        for name, values in _batches(_row(tables, line) for line in rows):
            connection.execute(sa.insert(tables.tables[name]), values)
        _go_on_counting(connection, tables)
    database.migrate(HEAD)
    # a step up from before there were such names takes those of the catalog that was copied
    with database.translated(), database.engine.begin() as connection:
        connection.execute(sa.delete(_tables(connection).tables["server_names"]))


def occupied(database: Database) -> str | None:
    """What a catalog holds already, in words; None where it holds nothing."""
    with database.translated(), database.engine.connect() as connection:
        for table in _tables(connection).sorted_tables:
            if table.name not in _LEFT_OUT:
                count = connection.scalar(sa.select(sa.func.count()).select_from(table))
                if count:
                    return f"{count} {table.name}"
    return None


def _tables(connection: sa.Connection) -> sa.MetaData:
    tables = sa.MetaData()
    tables.reflect(connection)
    return tables


def _row(tables: sa.MetaData, line: bytes) -> tuple[str, dict[str, Any]]:
    """Table and values of a line.

    Raises:
        BackupError: It is no row of these tables, or leads to files that are not the home's.
    """
    try:
        name, values = json.loads(line)
        if name in _LEFT_OUT:
            raise ValueError(f"{name} is in no backup")
        if name in _NAMES_OF_FILES and not _NAME.fullmatch(values[_NAMES_OF_FILES[name]]):
            raise ValueError(f"{values[_NAMES_OF_FILES[name]]!r} in {name} is no name of a file")
        if name == "collections" and values["kind"] not in _KINDS:
            raise ValueError(f"{values['kind']!r} is no kind of collection: {' or '.join(_KINDS)}")
        return name, _typed(tables.tables[name], values)
    except _NO_LINE as error:
        shown = line[:60].decode(errors="replace").strip()
        raise BackupError(f"the catalog in the backup has a line {shown!r} ({reason(error)}): {_ANOTHER}") from error


def _batches(rows: Iterable[tuple[str, dict[str, Any]]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Rows of one table, up to `_ROWS` at once."""
    name = ""
    batch: list[dict[str, Any]] = []
    for table, values in rows:
        if batch and (table != name or len(batch) == _ROWS):
            yield name, batch
            batch = []
        name = table
        batch.append(values)
    if batch:
        yield name, batch


def _typed(table: sa.Table, values: dict[str, Any]) -> dict[str, Any]:
    return {key: _value(table.c[key].type, value) for key, value in values.items()}


def _value(type_: sa.types.TypeEngine[Any], value: Any) -> Any:
    if isinstance(value, str) and isinstance(type_, sa.DateTime):
        return datetime.fromisoformat(value)
    # for a JSON column None would be the JSON value null, not an empty cell
    return sa.null() if value is None and isinstance(type_, sa.JSON) else value


def _json(value: Any) -> Any:
    if isinstance(value, datetime):  # SQLite drops the zone; every time in the catalog is UTC
        return (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)).isoformat()
    raise TypeError(f"{type(value).__name__} in the catalog")


def _go_on_counting(connection: sa.Connection, tables: sa.MetaData) -> None:
    """PostgreSQL counts new rows by a sequence of its own, which must begin after the highest number."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables.sorted_tables:
        column = table.autoincrement_column
        if column is not None and (highest := connection.scalar(sa.select(sa.func.max(column)))):
            sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
            connection.execute(sa.select(sa.func.setval(sequence, highest)))
