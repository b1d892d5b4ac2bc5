import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from ingest.catalog import HEAD, MIGRATIONS, Catalog, Collection, Failure
from ingest.migrations.tables import Base
from trainer.errors import CatalogError

ROOT = Path(__file__).resolve().parents[1]


def collection(name="c"):
    return Collection(name, "tiles", "m1", 4, {"source": "s", "grid": None}, datetime.now(UTC))


@pytest.fixture
def catalog(tmp_path):
    opened = Catalog(tmp_path / "catalog.sqlite")
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


def test_migrations_make_exactly_the_tables_that_the_code_knows(tmp_path):
    Catalog(tmp_path / "catalog.sqlite").close()
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_the_catalog_is_in_wal_mode(catalog):
    with sqlite3.connect(catalog.path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_catalog_of_a_newer_program_is_refused(tmp_path):
    path = tmp_path / "catalog.sqlite"
    Catalog(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(CatalogError, match="newer groundcast"):
        Catalog(path)


def test_a_file_that_is_no_catalog_is_an_error(tmp_path):
    path = tmp_path / "catalog.sqlite"
    path.write_bytes(b"not a database, but long enough to look at" * 10)
    with pytest.raises(CatalogError, match=r"catalog\.sqlite"):
        Catalog(path)


def test_two_processes_may_open_a_new_catalog_at_once(tmp_path):
    path = str(tmp_path / "c.sqlite")
    code = f"from pathlib import Path; from ingest.catalog import Catalog; Catalog(Path({path!r})).close()"
    processes = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]


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
