"""The catalog out of one database and into another, SQLite and PostgreSQL, each into each."""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from ingest.catalog.catalog import HEAD, Catalog, Collection, Failure
from ingest.catalog.dump import load, snapshot_of
from tests.services import Postgres
from trainer.errors import BackupError

NewCatalog = Callable[[str], Catalog]


@pytest.fixture
def new(tmp_path: Path, postgres: Postgres) -> Iterator[NewCatalog]:
    """Opens a new catalog of a kind."""
    opened: list[Catalog] = []

    def make(kind: str) -> Catalog:
        number = len(opened)
        at = tmp_path / f"{number}.sqlite" if kind == "sqlite" else SecretStr(postgres.url_of(postgres.new_database()))
        opened.append(Catalog(at))
        return opened[-1]

    yield make
    for catalog in opened:
        catalog.close()


def fill(catalog: Catalog) -> None:
    catalog.add_model("m", "m1")
    spec = {"nodata": float("nan"), "name": "Zürich", "grid": None}
    catalog.add_collection(Collection("c", "tiles", "m1", 4, spec, datetime(2024, 2, 29, 12, 0, 0, 5, tzinfo=UTC)))
    chunks = [(f"j-{number:06d}", [f"t{number}"]) for number in range(520)]
    broken = [Failure("a.tif", "empty", "0 bytes"), Failure("b.tif", "empty", "0 bytes")]
    catalog.add_job("j", collection="c", source="s", spec=spec, chunks=chunks, failures=broken)
    catalog.finish_chunk("j-000000", state="done", done=1, skipped={"no_data": 2})


@pytest.mark.parametrize(("source", "target"), list(itertools.product(["sqlite", "postgresql"], repeat=2)))
def test_a_catalog_comes_back_as_it_was_and_is_written_into(new: NewCatalog, source: str, target: str) -> None:
    old, copy = new(source), new(target)
    fill(old)
    with snapshot_of(old.database) as snapshot:
        known, needed = snapshot.parts("c")
        lines = list(snapshot.lines())
    assert (len(known), needed) == (520, {"j-000000"})
    load(copy.database, lines)
    assert repr(copy.collection("c")) == repr(old.collection("c"))
    assert repr(copy.jobs()) == repr(old.jobs())
    assert copy.models() == old.models()
    assert list(copy.chunks(job="j")) == list(old.chunks(job="j"))
    copy.finish_chunk("j-000001", state="done", failures=[Failure("t1", "empty", "none", "j-000001")])
    assert [failure.subject for failure in copy.failures("j")] == ["a.tif", "b.tif", "t1"]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_snapshot_does_not_see_what_is_written_after_it_began(new: NewCatalog, kind: str) -> None:
    catalog = new(kind)
    fill(catalog)
    with snapshot_of(catalog.database) as snapshot:
        catalog.finish_chunk("j-000002", state="done", done=1)
        catalog.add_collection(Collection("later", "tiles", "m1", 4, {}, datetime.now(UTC)))
        assert snapshot.collections() == [("c", "tiles")]
        assert snapshot.parts("c")[1] == {"j-000000"}
        assert not any(b'"later"' in line for line in snapshot.lines())


def test_a_filled_catalog_and_lines_of_a_newer_program_are_refused(new: NewCatalog) -> None:
    catalog, empty = new("sqlite"), new("sqlite")
    fill(catalog)
    with snapshot_of(catalog.database) as snapshot:
        lines = list(snapshot.lines())
    with pytest.raises(BackupError, match=r"has \d+ \w+ already: restore into an empty home"):
        load(catalog.database, lines)
    with pytest.raises(BackupError, match=f"made by a newer groundcast .schema 9999, this one knows {HEAD}"):
        load(empty.database, [b'{"schema": "9999"}\n'])


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_lines_of_an_older_program_are_brought_to_this_one(new: NewCatalog, kind: str) -> None:
    catalog = new(kind)
    moment = "2024-01-01T00:00:00+00:00"
    rows = [
        b'{"schema": "0001"}',
        b'["collections", {"name": "c", "kind": "tiles", "model_id": "m", "dim": 4, "spec": {}, "created_at": "%s"}]',
        b'["jobs", {"id": "j", "collection": "c", "source": "s", "spec": {}, "state": "done", "created_at": "%s", '
        b'"updated_at": "2024-01-01T00:00:00+00:00"}]',
        b'["chunks", {"key": "j-0", "job": "j", "item_ids": ["a"], "items": 1, "state": "done", "done": 1, '
        b'"skipped": {}}]',
    ]
    load(catalog.database, [row.replace(b"%s", moment.encode()) + b"\n" for row in rows])
    assert catalog.schema() == HEAD
    assert catalog.job("j").done == 1


def test_lines_that_break_off_leave_nothing(new: NewCatalog) -> None:
    catalog, copy = new("sqlite"), new("sqlite")
    fill(catalog)
    with snapshot_of(catalog.database) as snapshot:
        lines = list(snapshot.lines())

    def broken() -> Iterator[bytes]:
        yield from lines[:515]
        raise OSError("the disk went away")

    with pytest.raises(OSError, match="went away"):
        load(copy.database, broken())
    assert copy.collections() == []
    load(copy.database, lines)
    assert copy.job("j").chunks == 520


@pytest.mark.parametrize(
    "line",
    [
        b'["models", {"na\n',
        b'["jobs", {"id": "a", "created_at": "x"}]\n',
        b'["collections", {"name": "a", "kind": "zzz", "model_id": "m", "dim": 3, "spec": {}}]\n',
    ],
)
def test_a_line_that_cannot_be_read_is_a_fault_of_the_backup(new: NewCatalog, line: bytes) -> None:
    catalog = new("sqlite")
    with pytest.raises(BackupError, match="in the backup has a line"):
        load(catalog.database, [b'{"schema": "0011"}\n', line])
    assert catalog.collections() == []
