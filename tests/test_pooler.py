"""The catalog behind pgbouncer in transaction mode, which has one connection to give and a server in another zone."""

from datetime import UTC, datetime

import psycopg
import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.exc import InternalError, OperationalError

from ingest.catalog.catalog import HEAD, Catalog, Collection
from ingest.catalog.database import Database
from ingest.catalog.labels import LabelSets
from ingest.catalog.leases import Leases
from trainer.errors import CatalogError

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def catalog(postgres, pooler):
    postgres.run(f"ALTER DATABASE {postgres.database} SET timezone = 'Asia/Kathmandu'")
    opened = Catalog(SecretStr(pooler.url))
    opened.add_collection(Collection("c", "tiles", "m", 4, {}, datetime.now(UTC)))
    yield opened
    opened.close()


def test_transactions_of_many_sessions_prepare_nothing_and_times_are_in_utc(catalog):
    second = Catalog(catalog.database.at)
    for _ in range(8):  # psycopg would prepare a statement that it has run five times
        assert [found.name for found in (*catalog.collections(), *second.collections())] == ["c", "c"]
    made = LabelSets(catalog).create("ponds", "c", {})
    for time in (catalog.collection("c").created_at, made.created_at, LabelSets(second).get(made.id).created_at):
        assert time.tzinfo is UTC and abs((datetime.now(UTC) - time).total_seconds()) < 60
    second.close()


def test_a_pooler_that_drops_connections_amid_a_chunk_costs_nothing(catalog, pooler):
    catalog.add_job("j", collection="c", source="s", spec={}, chunks=[("j-0", ["a"])], failures=[])
    leases = Leases(catalog, "w", lease_s=60, patience_s=5)
    left = [3]

    def drop(_connection, _cursor, statement, *_):
        if statement.startswith("UPDATE chunks") and left[0]:
            left[0] -= 1
            pooler.kill()
            pooler.start()

    sa.event.listen(catalog.database.engine, "after_cursor_execute", drop)
    (chunk,) = leases.take("j")
    leases.begin(chunk.key)
    assert leases.finish(chunk.key, state="done", done=1, skipped={}, failures=[])
    found = catalog.job("j")
    assert (left, found.done, found.chunks_done) == ([0], 1, 1)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (psycopg.errors.DiskFull("No space left on device"), "No space left on device; free disk space there"),
        (psycopg.errors.ReadOnlySqlTransaction("cannot execute"), "may only read, as a standby does: name one that"),
        (psycopg.errors.InsufficientPrivilege("permission denied"), "lacks that right: grant it"),
    ],
)
def test_what_a_server_that_answers_lacks_is_no_server_that_is_away(tmp_path, error, told):
    database = Database(tmp_path / "any.sqlite")
    kind = OperationalError if isinstance(error, psycopg.OperationalError) else InternalError
    with pytest.raises(CatalogError, match=told), database.translated():
        raise kind("INSERT", None, error)
    database.close()


def test_a_pooler_that_drops_connections_amid_a_migration_leaves_nothing_of_it(postgres, pooler):
    database, left = Database(SecretStr(pooler.url)), [1]

    def drop(_connection, _cursor, statement, *_):
        if "CREATE TABLE labels" in statement and left[0]:
            left[0] = 0
            pooler.kill()
            pooler.start()

    sa.event.listen(database.engine, "after_cursor_execute", drop)
    with pytest.raises(CatalogError, match="is the server started"):
        database.migrate(HEAD)
    assert (left, database.version()) == ([0], None)
    database.migrate(HEAD)
    assert database.version() == HEAD
    database.close()
