import os
import sqlite3
import subprocess
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from pydantic import SecretStr

from ingest.catalog import row_sums
from ingest.catalog.catalog import HEAD, Catalog, Collection, Failure
from ingest.catalog.database import MIGRATIONS
from ingest.catalog.migrations.tables import Base
from tests.services import PASSWORD
from trainer.errors import CatalogError, UsageError

ROOT = Path(__file__).resolve().parents[1]


def collection(name="c"):
    return Collection(name, "tiles", "m1", 4, {"source": "s", "grid": None}, datetime.now(UTC))


@pytest.fixture(params=["sqlite", "postgresql"])
def at(request, tmp_path):
    """Where a new catalog is to be."""
    if request.param == "sqlite":
        return tmp_path / "catalog.sqlite"
    return SecretStr(request.getfixturevalue("postgres").url)


@pytest.fixture
def catalog(at):
    opened = Catalog(at)
    yield opened
    opened.close()


@pytest.fixture
def job(catalog):
    catalog.add_collection(collection())
    chunks = [("j-000000", ["a", "b"]), ("j-000001", ["c"])]
    catalog.add_job(
        "j", collection="c", source="s", spec={}, chunks=chunks, failures=[Failure("bad.tif", "empty", "0 bytes")]
    )
    return catalog.job("j")


def statements(catalog, asked):
    """What is sent to the database while a question is answered, and the answer."""
    sent = []

    def count(_connection, _cursor, statement, *_rest):
        sent.append(statement)

    sa.event.listen(catalog.database.engine, "before_cursor_execute", count)
    try:
        return asked(), sent
    finally:
        sa.event.remove(catalog.database.engine, "before_cursor_execute", count)


def test_one_job_costs_the_same_few_statements_however_many_there_are(catalog, job):
    alone, few = statements(catalog, lambda: catalog.job("j"))
    for number in range(20):
        chunks = [(f"{number:02d}-000000", ["a"]), (f"{number:02d}-000000-r1", ["a"])]
        catalog.add_job(f"{number:02d}", collection="c", source="s", spec={"n": number}, chunks=chunks, failures=[])
    again, many = statements(catalog, lambda: catalog.job("j"))
    assert again == alone == job
    assert len(many) == len(few) <= 4
    listed, all_of_them = statements(catalog, lambda: catalog.jobs("c"))
    assert len(all_of_them) == len(few)
    assert {found.id: found for found in listed} == {found.id: catalog.find_job(found.id) for found in listed}
    assert (catalog.job("07").items, catalog.job("07").chunks, catalog.job("07").failed) == (1, 2, {})
    with pytest.raises(CatalogError, match="several jobs begin with '0'"):
        catalog.job("0")
    with pytest.raises(CatalogError, match="no job begins with '%'"):
        catalog.job("%")


def test_migrations_make_exactly_the_tables_that_the_code_knows(catalog):
    options = {"include_name": lambda name, _type, _of: name != row_sums.TABLE}  # SQLite's alone
    with catalog.database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata) == []
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_migrations_go_down_to_nothing_and_up_again(catalog):
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with catalog.database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        connection.commit()
    catalog.database.migrate(HEAD)
    assert catalog.collections() == []


@pytest.mark.parametrize("last", ["CREATE TABLE failures", "CREATE TABLE _alembic_tmp_jobs"])
def test_a_process_that_ends_amid_the_migrations_leaves_a_home_that_opens(tmp_path, last):
    def end(_connection, _cursor, statement, *_):
        if last in statement:
            raise KeyboardInterrupt

    sa.event.listen(sa.Engine, "after_cursor_execute", end)
    try:
        with pytest.raises(KeyboardInterrupt):
            Catalog(tmp_path / "catalog.sqlite")
    finally:
        sa.event.remove(sa.Engine, "after_cursor_execute", end)
    opened = Catalog(tmp_path / "catalog.sqlite")
    assert opened.collections() == [] and opened.damage() == []
    opened.close()


def test_the_sqlite_catalog_is_in_wal_mode(tmp_path):
    Catalog(tmp_path / "catalog.sqlite").close()
    with sqlite3.connect(tmp_path / "catalog.sqlite") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_catalog_of_a_newer_program_is_refused(at):
    opened = Catalog(at)
    with opened.database.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    opened.close()
    with pytest.raises(CatalogError, match="newer groundcast"):
        Catalog(at)


def test_a_file_that_is_no_catalog_is_an_error(tmp_path):
    path = tmp_path / "catalog.sqlite"
    path.write_bytes(b"not a database, but long enough to look at" * 10)
    with pytest.raises(CatalogError, match=r"catalog\.sqlite"):
        Catalog(path)


def test_several_processes_may_open_a_new_catalog_at_once(at):
    sqlite = isinstance(at, Path)
    code = """if True:
        import os
        from pathlib import Path
        from pydantic import SecretStr
        from ingest.catalog.catalog import Catalog
        kind = Path if os.environ["KIND"] == "sqlite" else SecretStr
        Catalog(kind(os.environ["AT"])).close()"""
    environment = os.environ | {
        "KIND": "sqlite" if sqlite else "url",
        "AT": str(at) if sqlite else at.get_secret_value(),
    }
    processes = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]


def test_a_dead_server_is_one_clear_line_and_a_restarted_one_is_used_again(postgres):
    url = SecretStr(postgres.url)
    catalog = Catalog(url)
    catalog.add_collection(collection())
    postgres.kill()
    with pytest.raises(CatalogError, match=r"127\.0\.0\.1:\d+.*is the server started") as caught:
        catalog.collections()
    with pytest.raises(CatalogError, match="is the server started"):
        Catalog(url)
    postgres.start()
    assert [found.name for found in catalog.collections()] == ["c"]
    catalog.close()
    assert "\n" not in str(caught.value)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value)) + repr(catalog)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://groundcast:sesame@127.0.0.1:1/none",
        "mysql://me:sesame@host/db",
        "sesame",
        "postgresql://me:sesame@host:port/db",
    ],
)
def test_a_wrong_address_is_an_error_without_its_password(url):
    with pytest.raises(CatalogError) as caught:
        Catalog(SecretStr(url))
    assert "sesame" not in "".join(traceback.format_exception(caught.value))


def test_a_wrong_password_is_an_error_without_it(postgres):
    with pytest.raises(CatalogError, match="password authentication failed") as caught:
        Catalog(SecretStr(postgres.url.replace(PASSWORD, "open")))
    assert "open" not in str(caught.value)


def test_every_value_comes_back_as_it_was(catalog):
    spec = {"nodata": float("nan"), "limit": float("-inf"), "name": "Zürich\u0000", "list": [1, 2.5, None, {"a": True}]}
    made = Collection("c", "tiles", "m1", 4, spec, datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=UTC))
    catalog.add_collection(made)
    found = catalog.collection("c")
    assert repr(found) == repr(made)  # NaN is not equal to itself


def test_a_failures_message_may_hold_any_byte(catalog, job):
    odd = Failure("b", "truncated", "cut \0 short \udcff", "j-000000")
    catalog.finish_chunk("j-000000", state="done", done=1, failures=[odd])
    assert {failure.message for failure in catalog.failures("j")} == {"0 bytes", r"cut \x00 short \udcff"}


def test_a_models_name_cannot_be_taken_by_other_weights(catalog):
    catalog.add_model("clip", "m1")
    catalog.add_model("clip", "m1")
    with pytest.raises(CatalogError, match="model 'clip' exists with id m1, this one is m2"):
        catalog.add_model("clip", "m2")


def test_the_only_model_needs_no_name_and_several_do(catalog):
    with pytest.raises(CatalogError, match="no model yet"):
        catalog.model()
    catalog.add_model("one", "m1")
    assert catalog.model().name == "one"
    catalog.add_model("two", "m2")
    with pytest.raises(CatalogError, match=r"several models here \(one, two\)"):
        catalog.model()
    assert catalog.model(model_id="m2").name == "two"
    with pytest.raises(CatalogError, match="no model 'three'"):
        catalog.model("three")


def test_a_name_that_is_no_unicode_is_no_damage_of_the_catalog(catalog):
    with pytest.raises(UsageError, match=r"not valid Unicode: 'a\\udcff'\. Give it as UTF-8"):
        catalog.collection("a\udcff")


def test_a_missing_collection_lists_what_there_is(catalog):
    catalog.add_collection(collection("harbour"))
    with pytest.raises(CatalogError, match=r"no collection 'harbor' here \(have: harbour\)"):
        catalog.collection("harbor")


def test_a_job_sums_up_its_chunks_and_failures(catalog, job):
    assert (job.chunks, job.chunks_done, job.items, job.done, job.failed) == (2, 0, 3, 0, {"empty": 1})
    failures = [Failure("b", "truncated", "cut short", "j-000000")]
    catalog.finish_chunk("j-000000", state="done", done=1, skipped={}, failures=failures)
    catalog.finish_chunk("j-000001", state="done", done=0, skipped={"no_data": 1})
    job = catalog.job("j")
    assert (job.chunks_done, job.done, job.skipped) == (2, 1, {"no_data": 1})
    assert job.failed == {"empty": 1, "truncated": 1}


def test_finishing_a_chunk_twice_changes_nothing(catalog, job):
    failures = [Failure("b", "truncated", "cut short", "j-000000")]
    for _ in range(2):
        catalog.finish_chunk("j-000000", state="done", done=1, skipped={}, failures=failures)
    assert [failure.subject for failure in catalog.failures("j")] == ["b", "bad.tif"]


def test_an_item_that_succeeds_later_is_no_failure_any_more(catalog, job):
    catalog.finish_chunk("j-000000", state="done", done=1, failures=[Failure("b", "truncated", "cut", "j-000000")])
    catalog.add_chunks("j", [("j-r0000-000000", ["b"])])
    catalog.finish_chunk("j-r0000-000000", state="done", done=1)
    assert [failure.subject for failure in catalog.failures("j")] == ["bad.tif"]


def test_a_job_is_recorded_whole_or_not_at_all(catalog):
    catalog.add_collection(collection())

    def chunks():
        yield "k-000000", ["a"]
        raise RuntimeError("the source went away")

    with pytest.raises(RuntimeError, match="went away"):
        catalog.add_job("k", collection="c", source="s", spec={}, chunks=chunks(), failures=[])
    assert catalog.find_job("k") is None
    assert list(catalog.chunks(collection="c")) == []


def test_chunks_come_in_order_across_pages(catalog):
    catalog.add_collection(collection())
    chunks = [(f"p-{number:06d}", [str(number)]) for number in range(120)]
    catalog.add_job("p", collection="c", source="s", spec={}, chunks=chunks, failures=[])
    assert [chunk.key for chunk in catalog.chunks(job="p")] == [key for key, _ in chunks]


def test_a_job_is_found_by_its_first_digits(catalog, job):
    assert catalog.job("j").id == "j"
    with pytest.raises(CatalogError, match="no job begins with 'x'"):
        catalog.job("x")


@pytest.mark.parametrize(
    ("state", "then", "after"),
    [
        ("running", "paused", "paused"),
        ("paused", "cancelled", "cancelled"),
        ("done", "cancelled", "done"),
        ("superseded", "paused", "superseded"),
        ("cancelled", "paused", "cancelled"),
    ],
)
def test_a_job_that_has_ended_is_not_stopped_by_who_looked_before(catalog, job, state, then, after) -> None:
    catalog.set_job_state(job.id, state)
    assert catalog.stop_job(job.id, then) == (after != state)
    assert catalog.job_state(job.id) == after
