"""Bits that flip on a disk, in parts and in the field; a catalog that is lost and made again."""

import io
import os
import shutil
import sqlite3
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image

from ingest.archive.job_records import read_records
from ingest.archive.parts import Archive
from ingest.catalog.aliases import Aliases
from ingest.catalog.catalog import Catalog, Collection
from ingest.catalog.saved_searches import SavedSearches
from ingest.field.columns import damaged
from ingest.field.scorer import open_scorer
from ingest.index.upkeep import adopt
from ingest.jobs.plan import keep_records, require_known
from ingest.jobs.recover import recover
from ingest.jobs.verify import verify
from ingest.settings import Settings
from search_ui.service.brought.uploads import Uploads
from trainer.errors import ArchiveError, CatalogError

DIM, ROWS = 24, 30
JOB = "00112233445566ff"
KEYS = (f"{JOB}-000000", f"{JOB}-000001")


class Home:
    """A home with one collection of two parts, in the ledger as an ingest leaves it, and its field."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(home=folder, exact_tiles=1_000)
        self.catalog = Catalog(self.settings.catalog_path)
        self.collection = Collection("c", "tiles", "0123456789abcdef", DIM, {"source": "s"}, datetime.now(UTC))
        self.catalog.add_collection(self.collection)
        self.archive = Archive(self.settings.archive_dir("c"), "tiles")
        chunks = [(key, [f"{key}-{n}" for n in range(ROWS)]) for key in KEYS]
        self.catalog.add_job(JOB, collection="c", source="s", spec={"area": None}, chunks=chunks, failures=[])
        for seed, (key, items) in enumerate(chunks):
            records = [
                {"tile_id": item, "lat": 10.0, "lon": n / 100, "size_m": 480.0, "acquired_at": None, "gsd_m": 1.0}
                | {"valid_fraction": 1.0, "origin": "a.tif"}
                for n, item in enumerate(items)
            ]
            some = np.random.default_rng(seed).normal(size=(ROWS, DIM)).astype(np.float32)
            meta = {"collection": "c", "model_id": self.collection.model_id, "source": "s", "attribution": "somebody"}
            failed = {"subject": f"{key}-x", "reason": "truncated", "message": "cut short", "chunk": key}
            meta |= {"skipped": {"no_data": 2}, "failures": [failed]}
            self.archive.write(key, records, some, meta)
        adopt(self.catalog, self.archive, self.collection)
        self.catalog.set_job_state(JOB, "done")
        self.field()

    def lose_catalog(self) -> None:
        """Remove the catalog's files and open a new one in their place."""
        self.catalog.close()
        for path in self.settings.home.glob("catalog.sqlite*"):
            path.unlink()
        self.catalog = Catalog(self.settings.catalog_path)

    def field(self):
        """The columns of the field, brought up to the archive."""
        folder, model_id = self.settings.field_dir("c"), self.collection.model_id
        return open_scorer(folder, self.archive, model_id=model_id, encoder=None, threads=1)

    def problems(self, *, deep: bool, repair: bool = False) -> list[str]:
        found = verify(self.settings, self.catalog, self.collection, deep=deep, repair=repair).problems
        return [problem for problem in found if "no model with id" not in problem and "no model yet" not in problem]


@pytest.fixture
def home(tmp_path: Path):
    opened = Home(tmp_path / "home")
    yield opened
    opened.catalog.close()


def flip(path: Path, bit: int) -> None:
    """Flip one bit of a file, counted from its beginning."""
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def test_a_sound_home_has_nothing_to_tell(home: Home) -> None:
    assert home.problems(deep=True) == []


def test_every_flipped_bit_of_a_part_is_told_and_mended_by_giving_its_chunk_back(home: Home) -> None:
    path = home.archive.path(KEYS[0])
    whole, random = path.read_bytes(), np.random.default_rng(7)
    for bit in random.integers(0, 8 * len(whole), 60).tolist():
        flip(path, bit)
        assert any(path.name in problem for problem in home.problems(deep=True)), bit
        path.write_bytes(whole)
    flip(path, 8 * (len(whole) // 2))
    home.problems(deep=True, repair=True)
    assert [chunk.key for chunk in home.catalog.chunks(collection="c", states=["pending"])] == [KEYS[0]]
    assert not home.archive.has(KEYS[0])  # set aside: it is never searched
    assert home.field()._columns.n == ROWS


def test_a_flipped_bit_among_the_vectors_of_a_part_is_never_read_as_a_vector(home: Home) -> None:
    path = home.archive.path(KEYS[0])
    at = path.read_bytes().find(home.archive.read(KEYS[0]).vectors()[3].tobytes())
    # where zstd left the vectors as they are the very bit is known; else the middle of the file is among them
    flip(path, 8 * (at if at > 0 else path.stat().st_size // 2))
    with pytest.raises(ArchiveError, match="not a readable part"):
        home.archive.read(KEYS[0])
    assert any(path.name in problem for problem in home.problems(deep=False))


def test_every_flipped_bit_of_the_field_is_told_and_the_field_made_anew(home: Home) -> None:
    folder, random = home.settings.field_dir("c"), np.random.default_rng(3)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.stat().st_size]
    files = [path for path in files if path.suffix != ".lock"]
    assert {path.name for path in files} >= {"field.json", "vectors", "squares", "lat", "id_bytes"}
    for path in files:
        whole = path.read_bytes()
        for bit in random.integers(0, 8 * len(whole), 6).tolist():
            flip(path, bit)
            assert damaged(folder) == [path.name], (path.name, bit)
            path.write_bytes(whole)
    for content in ("[]", "null", '{"formal": 2}'):
        whole = (folder / "field.json").read_text()
        (folder / "field.json").write_text(content)
        assert damaged(folder) == ["field.json"], content
        (folder / "field.json").write_text(whole)
    flip(folder / "g000001" / "vectors", 1_000)
    assert home.problems(deep=True) == ["field file vectors is not what was written"]
    home.problems(deep=True, repair=True)
    assert damaged(folder) == []
    home.field()
    assert home.problems(deep=True) == []


def test_a_field_that_grew_keeps_the_checksums_of_every_run(home: Home) -> None:
    records = home.archive.read(KEYS[0]).table.drop_columns(["vector", "norm"]).to_pylist()
    fresh = [record | {"tile_id": f"new-{n}"} for n, record in enumerate(records)]
    meta = {"collection": "c", "model_id": home.collection.model_id, "skipped": {}, "failures": []}
    home.archive.write("k-000000", fresh, np.ones((ROWS, DIM), np.float32), meta)
    assert home.field()._columns.n == 3 * ROWS
    folder = home.settings.field_dir("c")
    assert damaged(folder) == []
    flip(folder / "g000001" / "lat", 8 * 8 * (2 * ROWS + 5))  # of the run that came later
    assert damaged(folder) == ["lat"]


def test_a_part_from_before_checksums_were_kept_is_not_called_damaged(home: Home) -> None:
    home.catalog.finish_chunk(KEYS[0], state="done", done=ROWS, skipped={"no_data": 2})
    assert home.problems(deep=True) == []


def test_a_lost_catalog_is_made_again_from_the_archive(home: Home) -> None:
    chunks, collection = list(home.catalog.chunks(collection="c")), home.catalog.collection("c")
    fitted = replace(collection, spec=collection.spec | {"fits": {"houses": {}}})  # it may have been taken away since
    keep_records(home.catalog, home.archive, fitted)
    failures, before = home.catalog.failures(JOB), home.field()
    home.lose_catalog()
    with pytest.raises(CatalogError, match=r"2 parts that the catalog does not know.*`groundcast recover`, or take"):
        require_known(home.catalog, home.archive, "c")
    done = recover(home.settings, home.catalog)
    assert (done.items, done.problems, done.made) == ({"c": 2 * ROWS}, [], ["c"])
    require_known(home.catalog, home.archive, "c")
    found = home.catalog.collection("c")
    assert (found.kind, found.model_id, found.dim, found.spec) == ("tiles", collection.model_id, DIM, collection.spec)
    assert home.catalog.failures(JOB) == failures
    for was, now in zip(chunks, home.catalog.chunks(collection="c"), strict=True):
        assert (now.key, now.done, now.skipped, now.sha256) == (was.key, was.done, was.skipped, was.sha256)
        assert set(now.item_ids) - {f"{now.key}-x"} == set(was.item_ids)
    assert home.catalog.job(JOB).spec == {"area": None}
    assert home.catalog.job(JOB).state == "superseded"  # the same request finds what the lost ledger had to do
    assert home.field().fingerprint == before.fingerprint
    assert home.problems(deep=True) == []
    assert recover(home.settings, home.catalog).items == {}  # twice changes nothing


def test_parts_without_a_record_of_their_job_are_searched_all_the_same_and_that_is_said(home: Home) -> None:
    larger = [record | {"size_m": 960.0} for record in home.archive.read(KEYS[1]).table.to_pylist()]
    meta = {"collection": "c", "model_id": home.collection.model_id, "source": "s", "attribution": "somebody"}
    home.archive.write(KEYS[1], larger, np.ones((ROWS, DIM), np.float32), meta | {"skipped": {}, "failures": []})
    (home.settings.models_dir / ".m.1.part").mkdir(parents=True)  # what a killed process began
    home.lose_catalog()
    (problem,) = recover(home.settings, home.catalog).problems
    assert problem.startswith("c: no record of its jobs")
    spec = home.catalog.collection("c").spec
    assert (spec["source"], spec["attribution"], spec["largest_tile_m"]) == ("s", "somebody", 960.0)
    assert home.field()._columns.n == 2 * ROWS


def test_a_name_whose_versions_are_all_there_stands_for_the_newest(home: Home) -> None:
    other = Archive(home.settings.archive_dir("c@2"), "tiles")
    for key in KEYS:
        other.take_over(home.archive, key, as_key="f" + key[1:], meta={"collection": "c@2", "model_id": "f" * 16})
    home.lose_catalog()
    done = recover(home.settings, home.catalog)
    assert done.items == {"c": 2 * ROWS, "c@2": 2 * ROWS}
    assert "c: which version it stood for is not known: it stands for c@2 now" in done.problems
    assert Aliases(home.catalog).collection("c").model_id == "f" * 16


def test_a_broken_part_is_named_and_the_others_are_taken(home: Home) -> None:
    keep_records(home.catalog, home.archive, home.collection)
    path = home.archive.path(KEYS[1])
    path.write_bytes(path.read_bytes()[:100])
    home.lose_catalog()
    done = recover(home.settings, home.catalog)
    assert done.items == {"c": ROWS}
    (problem,) = done.problems
    assert path.name in problem


def split(home: Home, key: str, *, done: bool = True) -> None:
    """Split a chunk whose part stays, and let its pieces be done, or the first alone."""
    part = home.archive.read(key)
    records, vectors = part.table.drop_columns(["vector", "norm"]).to_pylist(), part.vectors().astype(np.float32)
    halves = [(f"{key}a", slice(0, ROWS // 2)), (f"{key}b", slice(ROWS // 2, ROWS))]
    with home.catalog.session() as session:
        session.execute(sa.text("DELETE FROM chunks WHERE key = :key"), {"key": key})
    home.catalog.add_chunks(JOB, [(half, [record["tile_id"] for record in records[rows]]) for half, rows in halves])
    for half, rows in halves if done else halves[:1]:
        home.archive.write(half, records[rows], vectors[rows], part.meta | {"skipped": {}, "failures": []})
    adopt(home.catalog, home.archive, home.collection)


def test_a_part_that_is_left_over_from_a_split_chunk_is_in_nobodys_way_and_is_not_taken_in_twice(home: Home) -> None:
    split(home, KEYS[0], done=False)
    require_known(home.catalog, home.archive, "c")  # who wrote it may be about to remove it
    assert recover(home.settings, home.catalog).problems == []
    assert home.archive.has(KEYS[0])  # half of what it holds stands nowhere else
    split_again = home.archive.read(KEYS[0])
    rows = split_again.table.drop_columns(["vector", "norm"]).to_pylist()[ROWS // 2 :]
    meta = split_again.meta | {"skipped": {}, "failures": []}
    home.archive.write(f"{KEYS[0]}b", rows, split_again.vectors()[ROWS // 2 :].astype(np.float32), meta)
    adopt(home.catalog, home.archive, home.collection)
    assert any("is of a split chunk: `groundcast recover`" in problem for problem in home.problems(deep=True))
    done = recover(home.settings, home.catalog)
    assert done.items == {} and len(done.problems) == 1 and not home.archive.has(KEYS[0])
    assert home.problems(deep=True) == []


def test_of_a_split_chunk_and_its_pieces_a_lost_catalog_gets_the_items_once(home: Home) -> None:
    keep_records(home.catalog, home.archive, home.collection)
    split(home, KEYS[0])
    home.lose_catalog()
    done = recover(home.settings, home.catalog)
    assert done.items == {"c": 2 * ROWS} and len(done.problems) == 2
    assert home.archive.keys() == set(KEYS) and home.problems(deep=True) == []


def test_what_people_brought_and_the_catalogs_own_file_are_looked_into(home: Home) -> None:
    uploads = home.settings.home / "uploads"
    content = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(content, "PNG")
    name = Uploads(uploads).keep(content.getvalue())
    assert home.problems(deep=True) == []
    flip(uploads / f"{name}.png", 800)
    assert home.problems(deep=True) == [f"upload {name}.png is not what was brought"]
    home.problems(deep=True, repair=True)
    assert home.problems(deep=True) == [] and (uploads / f"{name}.png.broken").exists()
    with home.catalog.session() as session:
        session.execute(sa.text("UPDATE chunks SET skipped = :said WHERE key = :key"), {"said": "{}", "key": KEYS[0]})
    assert any("the ledger names other items" in problem for problem in home.problems(deep=False))


def test_a_record_of_a_job_that_is_not_what_was_written_is_told_and_written_anew(home: Home) -> None:
    keep_records(home.catalog, home.archive, home.collection)
    path = home.archive.folder / f"_{JOB}.job.json"
    path.write_text(path.read_text().replace('"source": "s"', '"source": "t"', 1))
    assert home.problems(deep=True) == [f"record {path.name} is not what was written"]
    assert read_records(home.archive.folder) == []  # a lost catalog is not made of it
    home.problems(deep=True, repair=True)
    assert home.problems(deep=True) == [] and read_records(home.archive.folder)[0].source == "s"


def test_a_broken_page_of_the_catalog_is_told_with_the_ways_out(home: Home) -> None:
    home.catalog.close()
    with sqlite3.connect(home.settings.catalog_path) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        root = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'chunks'").fetchone()[0]
        size = database.execute("PRAGMA page_size").fetchone()[0]
    database.close()
    flip(home.settings.catalog_path, 8 * ((root - 1) * size) + 3)  # the kind of the page
    home.catalog = Catalog(home.settings.catalog_path)
    (problem, *_) = home.catalog.damage()
    assert "catalog.sqlite" in problem and "restore a backup, or take the file away" in problem


@pytest.mark.parametrize(
    ("table", "column", "value", "told"),
    [
        ("collections", "spec", '{"source": "b"}', "row 'c' of collections is not as it was written"),
        ("collections", "spec", '{"source"', "row 'c' of collections is not as it was written"),
        ("jobs", "created_at", "2020-13-41", f"row '{JOB}' of jobs is not as it was written"),
        ("chunks", "done", 7, "of chunks is not as it was written"),
    ],
)
def test_a_cell_of_the_catalog_that_changed_by_itself_is_told(
    home: Home, table: str, column: str, value: object, told: str
) -> None:
    assert home.catalog.damage() == []
    with home.catalog.database.engine.begin() as connection:
        sums = connection.exec_driver_sql("SELECT * FROM row_sums").all()
        connection.exec_driver_sql(f'UPDATE "{table}" SET "{column}" = ?', (value,))
        connection.exec_driver_sql("DELETE FROM row_sums")
        connection.exec_driver_sql("INSERT INTO row_sums VALUES (?, ?, ?)", [tuple(row) for row in sums])
    problems = home.catalog.damage()
    assert told in problems[0] and "restore a backup, or take the file away" in problems[0]
    if value in ('{"source"', "2020-13-41"):
        with pytest.raises(CatalogError, match="a cell cannot be read"):
            [home.catalog.collections(), home.catalog.jobs("c")]


def test_a_fault_of_who_asks_is_no_damage_of_the_catalog(home: Home) -> None:
    with pytest.raises(ValueError, match="invalid literal"), home.catalog.session():
        int("x")


def test_rows_that_are_damaged_are_not_summed_anew_by_a_migration(home: Home) -> None:
    home.catalog.close()
    with sqlite3.connect(home.settings.catalog_path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0011'")  # as an older program leaves it
        connection.execute("UPDATE row_sums SET sum = 'x' WHERE of = 'jobs'")
    connection.close()
    with pytest.raises(CatalogError, match=r"row .* of jobs is not as it was written"):
        Catalog(home.settings.catalog_path)


def test_whatever_is_written_to_the_catalog_is_whole_and_a_lost_row_is_told(home: Home) -> None:
    with home.catalog.database.engine.begin() as connection:
        for statement in (
            "INSERT INTO aliases (name, collection, changed_at) VALUES ('a', 'c', '2020-01-01 00:00:00')",
            "UPDATE aliases SET name = 'ä' WHERE name = 'a'",
            "INSERT OR REPLACE INTO aliases SELECT * FROM aliases",
            "UPDATE chunks SET done = 3.0, seconds = 2, sha256 = NULL",
        ):
            connection.exec_driver_sql(statement)
    assert home.catalog.damage() == []
    with home.catalog.database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM aliases")
    assert home.catalog.damage() == []
    with home.catalog.database.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER row_sums_failures_DELETE")
    assert "row_sums_failures_DELETE" in home.catalog.damage()[0]


def test_two_that_write_to_one_home_at_once_lose_nothing(home: Home) -> None:
    def save(number: int) -> None:
        with closing(Catalog(home.settings.catalog_path)) as catalog:
            for n in range(15):
                SavedSearches(catalog).save(f"{number} {n}", "c", {"n": n}, [])

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(save, range(2)))
    assert {one.name for one in SavedSearches(home.catalog).all()} == {f"{i} {n}" for i in range(2) for n in range(15)}
    assert home.catalog.damage() == []


def test_a_home_that_was_moved_is_whole_where_it_is_now(home: Home, tmp_path: Path) -> None:
    before = home.field().fingerprint
    home.catalog.close()
    home.settings = Settings(home=home.settings.home.rename(tmp_path / "moved"), exact_tiles=1_000)
    home.catalog = Catalog(home.settings.catalog_path)
    home.archive = Archive(home.settings.archive_dir("c"), "tiles")
    assert home.field().fingerprint == before and home.problems(deep=True) == []
    assert [path.name for path in home.settings.field_dir("c").glob("g*")] == ["g000001"]  # it was not made anew


def test_a_part_that_is_written_anew_while_the_clock_goes_back_is_seen(home: Home) -> None:
    before, path = home.field().fingerprint, home.archive.path(KEYS[0])
    part = home.archive.read(KEYS[0])
    records = part.table.drop_columns(["vector", "norm"]).to_pylist()
    home.archive.write(KEYS[0], records, -part.vectors().astype(np.float32) * 2, part.meta)
    os.utime(path, (1, 1))
    assert home.field().fingerprint != before


def test_on_a_disk_that_may_only_be_read_it_is_told_which_file_cannot_be_written(home: Home, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk]).returncode != 0:
        pytest.skip("only root can mount a disk")
    try:
        home.catalog.close()
        shutil.copytree(home.settings.home, disk, dirs_exist_ok=True)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with pytest.raises(CatalogError, match=r"catalog\.sqlite.*may the file be written"):
            Catalog(disk / "catalog.sqlite").add_model("m", "0" * 16)
        with pytest.raises(ArchiveError, match="cannot be written"):
            Archive(disk / "archive" / "c", "tiles").write("k", [], np.zeros((0, DIM), np.float32), {})
    finally:
        subprocess.run(["umount", disk], check=True)
