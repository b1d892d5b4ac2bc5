"""Opens the catalog's database: SQLite in WAL mode, or PostgreSQL; brings its tables to the newest migration.

Beside `ingest.catalog.catalog` it is where sqlalchemy and alembic are used. It knows no table. A password of the
address is in no message and in no `repr`; values of statements are in no message either.
"""

import json
import math
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from filelock import FileLock
from pydantic import SecretStr
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from ingest.addresses import checked, shown
from ingest.catalog import row_sums
from trainer.errors import CatalogError, UsageError

MIGRATIONS = Path(__file__).parent / "migrations"
_CONNECT_S = 10  # patience with a server that does not answer
_MIGRATING = 0x67726F756E64  # PostgreSQL's advisory locks are numbers: "ground"
_FULL = "database or disk is full"  # SQLite's words for SQLITE_FULL
_WAY_OUT = "restore a backup, or take the file away and run `groundcast recover`"
_WRITABLE = "may the file be written, and is its disk there?"
_AWAY = "is the server started, and the setting database_url right?"
_MENDS = {  # by PostgreSQL's codes, of a server that answers
    "53100": "free disk space there and run the same command again",
    "42501": "the role of database_url lacks that right: grant it, or name another role",
    "25006": "the server or role of database_url may only read, as a standby does: name one that writes",
}
_NUMBER = "$number"  # PostgreSQL's JSON has no NaN; the pixel value "no data" of a raster may be one


_RIGHTS = """
SELECT coalesce(bool_and(has_table_privilege(oid, 'SELECT')), false),
       coalesce(bool_and(has_table_privilege(oid, 'INSERT') AND has_table_privilege(oid, 'UPDATE')
                         AND has_table_privilege(oid, 'DELETE')), false),
       coalesce(bool_and(pg_has_role(relowner, 'USAGE')), false) AND has_schema_privilege(current_schema(), 'CREATE'),
       current_setting('transaction_read_only')
FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
"""


class Database:
    """An open database.

    Args:
        at: SQLite file, made with its folder when missing, or the URL of a PostgreSQL database, which exists.

    Raises:
        CatalogError: It cannot be reached, read or written.
    """

    def __init__(self, at: Path | SecretStr) -> None:
        self.at = at
        self.shown = str(at) if isinstance(at, Path) else shown(at.get_secret_value())
        self.engine = _sqlite(at) if isinstance(at, Path) else _postgresql(at.get_secret_value(), self.shown)

    def __repr__(self) -> str:
        return f"Database({self.shown!r})"

    def close(self) -> None:
        """Gives the connections back."""
        self.engine.dispose()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turns what the driver raises into an error that says what to do, a `UsageError` of a text that is none."""
        try:
            yield
        except OperationalError as error:
            if isinstance(self.at, Path) and _first_line(error) == _FULL:
                told = "the disk is full; free disk space and run the same command again"
                raise CatalogError(f"{self.shown}: {told}") from error
            mend = _MENDS.get(
                getattr(error.orig, "sqlstate", None) or "", _WRITABLE if isinstance(self.at, Path) else _AWAY
            )
            raise CatalogError(f"{self.shown}: {_first_line(error)}; {mend}") from error
        except DBAPIError as error:
            mend = _MENDS.get(getattr(error.orig, "sqlstate", None) or "", "not a groundcast catalog?")
            raise CatalogError(f"{self.shown}: {_first_line(error)}; {mend}") from error
        except UnicodeEncodeError as error:  # of a name that is asked for or written; nothing in the file
            raise UsageError(f"not valid Unicode: {error.object[:40]!r}. Give it as UTF-8") from error
        except ValueError as error:
            if not _of_a_cell(error):
                raise
            raise CatalogError(f"{self.shown}: a cell cannot be read ({error}); {_WAY_OUT}") from error

    def migrate(self, head: str) -> None:
        """Brings the tables to a migration; of two processes that begin at once, one waits for the other.

        Raises:
            CatalogError: They are newer than that migration, or damaged.
        """
        with self.translated(), self._migrating() as connection:
            version = _version(connection)
            # four digits: the order of the texts is that of the numbers
            if version is not None and version > head:
                raise CatalogError(
                    f"{self.shown}: written by a newer groundcast (schema {version}, this one knows {head})"
                )
            if version != head:
                self._refuse_damage()
                _alembic("upgrade", connection, head)
            self._sum_rows(connection)

    def set_schema(self, schema: str) -> None:
        """Brings tables without rows to a certain migration, down or up."""
        with self.translated(), self._migrating() as connection:
            version = _version(connection)
            if version is not None and version > schema:
                _alembic("downgrade", connection, "base")
            _alembic("upgrade", connection, schema)
            self._sum_rows(connection)

    def version(self) -> str | None:
        """The migration that the tables are at; None where there are none."""
        with self.engine.connect() as connection:
            return _version(connection)

    def damage(self) -> list[str]:
        """What is broken in SQLite's file, a sentence each; nothing of a server, which looks after itself."""
        if not isinstance(self.at, Path):
            return []
        try:
            with self.engine.connect() as connection:
                found = [*connection.exec_driver_sql("PRAGMA integrity_check(5)").scalars()]
                if row_sums.installed(connection):
                    found += [f"{what} is not as it was written" for what in islice(row_sums.damaged(connection), 5)]
        except DBAPIError as error:
            found = [_first_line(error)]
        return [f"{self.shown}: {line}; {_WAY_OUT}" for line in found if line != "ok"]

    def server_version(self) -> str:
        """Name and version of what runs the database."""
        if isinstance(self.at, Path):
            import sqlite3

            return f"SQLite {sqlite3.sqlite_version}"
        with self.translated(), self.engine.connect() as connection:
            return f"PostgreSQL {connection.scalar(sa.text('SHOW server_version'))}"

    def rights(self) -> str:
        """What who is connected may do with the tables, and what that is enough for, in words; empty of a file."""
        if isinstance(self.at, Path):
            return ""
        with self.translated(), self.engine.connect() as connection:
            reads, writes, changes, read_only = connection.execute(sa.text(_RIGHTS)).one()
        if not reads:
            return "may not read all tables, which a search needs: GRANT SELECT"
        if not writes or read_only == "on":
            return "may read: enough to search; to ingest, to save searches and to label it must also write"
        if not changes:
            return (
                "may read and write: enough for all but a new version's changes to the tables, which their owner makes"
            )
        return "may read, write and change tables"

    def _refuse_damage(self) -> None:
        """What is damaged would be summed anew behind a migration, and count as written."""
        for problem in self.damage():
            raise CatalogError(problem)

    def _sum_rows(self, connection: sa.Connection) -> None:
        """Has SQLite keep checksums of rows, where it does not yet."""
        if isinstance(self.at, Path) and not row_sums.installed(connection):
            row_sums.install(connection)

    @contextmanager
    def _migrating(self) -> Iterator[sa.Connection]:
        """A connection on which nobody else migrates meanwhile; what was done on it is committed at the end.

        All goes over this one: a pooler may have no second connection to give while the first is in a transaction.
        """
        lock = FileLock(self.at.with_suffix(".migrate.lock")) if isinstance(self.at, Path) else None
        if lock is not None:
            try:
                lock.acquire()
            except OSError as error:
                raise CatalogError(f"{self.shown}: {error.strerror}; {_WRITABLE}") from error
        try:
            with self.engine.connect() as connection:
                if lock is None:  # it ends with the transaction, or with the connection
                    connection.execute(sa.text("SELECT pg_advisory_xact_lock(:number)"), {"number": _MIGRATING})
                yield connection
                connection.commit()
        finally:
            if lock is not None:
                lock.release()


def _version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return found


def _of_a_cell(error: ValueError) -> bool:
    """Whether it is sqlalchemy's, which makes a date or JSON of a cell, and no fault of who asks."""
    modules = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    while modules and modules[-1].partition(".")[0] == "json":
        modules.pop()
    return bool(modules) and modules[-1].partition(".")[0] == "sqlalchemy"


def _sqlite(path: Path) -> sa.Engine:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CatalogError(f"the home folder {path.parent} cannot be made ({error}): choose another --home") from error
    # a writer waits up to 60 s for another; values of statements stay out of messages
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 60}, hide_parameters=True)
    sa.event.listen(engine, "connect", _prepare)
    return engine


def _postgresql(url: str, shown: str) -> sa.Engine:
    try:
        address = sa.make_url(checked(url))
    except (ArgumentError, ValueError):
        raise CatalogError(f"database_url = {shown}: not an address such as postgresql://user:…@host/name") from None
    if address.get_backend_name() not in ("postgresql", "postgres"):
        raise CatalogError(f"database_url = {shown}: the catalog is a postgresql:// database, or SQLite without a URL")
    try:
        engine = sa.create_engine(
            address.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,  # a connection that a restart of the server has cut is made anew
            connect_args={
                "connect_timeout": _CONNECT_S,
                "application_name": "groundcast",
                # a pooler gives each transaction to another session, which knows no statement prepared before; so
                # nothing of a session is counted on, its zone (the tables' times are made UTC) included
                "prepare_threshold": None,
            },
            hide_parameters=True,
            json_serializer=_to_json,
            json_deserializer=_from_json,
        )
    except ImportError as error:
        raise CatalogError(f"{shown}: PostgreSQL needs psycopg: run `pip install 'groundcast[served]'`") from error
    sa.event.listen(engine, "handle_error", _give_up)
    return engine


def _give_up(context: sa.engine.ExceptionContext) -> None:
    """A connection that answers a ping in whatever other way is made anew: poolers end them in ways of their own."""
    if context.is_pre_ping:
        context.is_disconnect = True


def _prepare(connection: Any, _record: Any) -> None:
    row_sums.register(connection)
    # WAL lets a search read while an ingest writes; NORMAL loses nothing when a process dies.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=60000"):
        connection.execute(f"PRAGMA {pragma}")


def _alembic(command_: Literal["upgrade", "downgrade"], connection: sa.Connection, revision: str) -> None:
    from alembic import command  # heavy, and needed only where tables change
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    getattr(command, command_)(config, revision)


def _to_json(value: Any) -> str:
    return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {_NUMBER: repr(value)}
    return value


def _from_json(text: str | bytes) -> Any:
    return json.loads(text, object_hook=lambda found: float(found[_NUMBER]) if _NUMBER in found else found)


def _first_line(error: DBAPIError) -> str:
    return next((line.strip() for line in str(error.orig).splitlines() if line.strip()), type(error.orig).__name__)
