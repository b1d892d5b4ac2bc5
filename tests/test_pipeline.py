"""The pipeline with a fake model and a list of items; real catalog, archive and index."""

import shutil
import threading
from datetime import UTC, datetime

import numpy as np
import pytest

from ingest.archive.parts import Archive
from ingest.catalog.catalog import Catalog, Collection
from ingest.catalog.leases import Leases
from ingest.index.edge import EdgeIndex
from ingest.index.upkeep import IndexHolder, catch_up, open_for_search
from ingest.jobs.items import Reading, SkipItemError
from ingest.jobs.pipeline import run
from ingest.jobs.plan import plan, retry
from ingest.jobs.verify import verify
from ingest.jobs.work import Encoder, IngestSummary, Pace, Spent, Work
from ingest.settings import Settings
from ingest.sources.source import Problem
from trainer.errors import ArchiveError, CatalogError, IndexLockedError, ItemError, VectorIndexError

DIM = 16
REQUEST = {"source": "list", "grid": None}


class ListIntake:
    """Items i0000…; `skip` are left out, `fail` raise, `explode` raise what nobody foresaw."""

    kind = "tiles"
    problems = ()
    notes = ()

    def __init__(self, count, skip=(), fail=(), explode=(), stamp="1"):
        self.count, self.skip, self.fail, self.explode, self.stamp = count, set(skip), set(fail), set(explode), stamp
        self.under_way, self.most = 0, 0
        self.lock = threading.Lock()

    def fingerprint(self):
        return self.stamp

    def ids(self):
        return (f"i{number:04d}" for number in range(self.count))

    def read(self, item_id):
        number = int(item_id[1:])
        if number in self.skip:
            raise SkipItemError("no_data")
        if number in self.fail:
            raise ItemError("truncated", f"{item_id} is cut short")
        if number in self.explode:
            raise ZeroDivisionError("a decoder's bug")
        place = {"tile_id": item_id, "lat": 10.0, "lon": number / 100, "size_m": 480.0}
        rest = {"acquired_at": None, "gsd_m": 1.0, "valid_fraction": 1.0, "origin": "list"}
        return Reading(np.full((4, 4, 3), number % 256, np.uint8), place | rest)

    def close(self):
        pass


def embed(batch):
    """A vector that says which item it is of."""
    rng = [np.random.default_rng(int(image[0, 0, 0])) for image in batch]
    return np.stack([generator.normal(size=DIM) for generator in rng]).astype(np.float32)


ENCODER = Encoder(prepare=lambda image: image, embed=embed)


class Home:
    """A home folder with one empty collection."""

    def __init__(self, folder, exact_tiles=0):
        self.settings = Settings(home=folder, exact_tiles=exact_tiles)
        self.catalog = Catalog(self.settings.catalog_path)
        self.collection = Collection(
            "c", "tiles", "m", DIM, {"source": "list", "largest_tile_m": 480}, datetime.now(UTC)
        )
        self.catalog.add_collection(self.collection)
        self.archive = Archive(self.settings.archive_dir("c"), "tiles")

    def plan(self, intake, chunk_size=10, request=REQUEST):
        return plan(self.catalog, self.archive, self.collection, intake, request, chunk_size)

    def run(self, intake, job=None, encoder=ENCODER, batch_size=7, **options):
        holder = IndexHolder(self.settings, self.catalog, self.collection)
        try:
            work = Work(
                collection=self.collection,
                catalog=self.catalog,
                archive=self.archive,
                intake=intake,
                encoder=encoder,
                index=holder,
                leases=Leases(self.catalog, "test", lease_s=60),
                pace=Pace(read_threads=2, batch_size=batch_size),
                **options,
            )
            return run(job or self.plan(intake), work)
        finally:
            holder.close()

    def verify(self, repair=False, index=False):
        return verify(self.settings, self.catalog, self.collection, repair=repair, index=index)

    def index_made(self):
        return self.settings.index_dir("c").exists()


@pytest.fixture
def home(tmp_path):
    opened = Home(tmp_path / "home")
    yield opened
    opened.catalog.close()


def test_every_item_is_done_skipped_or_failed_and_all_three_books_agree(home):
    report = home.run(ListIntake(95, skip={3, 50}, fail={4}, explode={90}))
    assert (report.done, dict(report.skipped), dict(report.failed)) == (
        91,
        {"no_data": 2},
        {"truncated": 1, "unexpected": 1},
    )
    findings = home.verify()
    assert findings.problems == []
    assert (findings.recorded, findings.archived, findings.indexed) == (91, 91, 91)


@pytest.fixture
def small(tmp_path):
    """A home in which 50 tiles are few."""
    opened = Home(tmp_path / "small", exact_tiles=50)
    yield opened
    opened.catalog.close()


def test_an_index_is_made_once_a_collection_passes_the_size_and_not_before(small):
    report = small.run(ListIntake(40))
    assert (report.done, report.unindexed, small.index_made()) == (40, 0, False)
    findings = small.verify()
    assert (findings.problems, findings.index_needed, findings.indexed) == ([], False, None)
    grown = ListIntake(60, stamp="2")
    assert small.run(grown, small.plan(grown)).done == 20
    findings = small.verify()
    assert (findings.problems, findings.index_needed, findings.indexed) == ([], True, 60)


def test_an_index_that_was_asked_for_follows_the_archive(small):
    small.run(ListIntake(20))
    assert small.verify(index=True).indexed == 20
    grown = ListIntake(30, stamp="2")
    small.run(grown, small.plan(grown))
    assert (small.verify().problems, small.verify().indexed) == ([], 30)


def test_a_large_collection_without_an_index_is_told_what_builds_it(small, monkeypatch):
    monkeypatch.setattr(EdgeIndex, "upsert", no_space)
    report = small.run(ListIntake(60))
    assert (report.done, report.unindexed, small.index_made()) == (60, 0, False), "what was begun takes no disk"
    monkeypatch.undo()
    (problem,) = small.verify().problems
    assert "`groundcast verify c --index`" in problem
    assert not small.index_made(), "looking makes none"
    small.verify(index=True)
    assert (small.verify().problems, small.verify().indexed) == ([], 60)


def test_a_disk_without_room_for_the_index_stops_no_ingest(small, monkeypatch, caplog):
    usage = shutil.disk_usage(small.settings.home)
    monkeypatch.setattr("ingest.index.upkeep.shutil.disk_usage", lambda _: usage._replace(free=1000))
    monkeypatch.setattr(small.archive, "require_space", lambda: None)
    assert small.run(ListIntake(60)).done == 60
    assert "needs 0.0 GB for the index of 60 items" in caplog.text
    with pytest.raises(VectorIndexError, match="every tile is scored without it; free space"):
        small.verify(index=True)
    assert not small.index_made()


def no_space(*_):
    raise VectorIndexError("index 'c' failed in its engine (No space left on device)")


def test_vectors_belong_to_their_items_whatever_batches_and_chunks_do(home):
    home.run(ListIntake(40, skip={5, 6}, fail={17}))
    for item in ("i0000", "i0007", "i0018", "i0039"):
        _, vector = home.archive.find(item)
        expected = embed(np.full((1, 1, 1, 3), int(item[1:]), np.uint8))[0]
        np.testing.assert_allclose(vector, expected, rtol=2e-3, atol=1e-3)


def test_a_second_run_does_nothing(home):
    intake = ListIntake(30)
    home.run(intake)
    before = {path.name: path.stat().st_mtime_ns for path in home.archive.parts()}
    report = home.run(intake)
    assert report.done == 0
    assert {path.name: path.stat().st_mtime_ns for path in home.archive.parts()} == before


def test_new_files_bring_only_their_new_items(home):
    home.run(ListIntake(30))
    report = home.run(ListIntake(42, stamp="2"))
    assert report.done == 12
    assert home.verify().archived == 42


def test_an_item_of_two_unfinished_requests_is_archived_once(home):
    first = home.plan(ListIntake(20))
    second = home.plan(ListIntake(30), request=REQUEST | {"area": "larger"})
    home.run(ListIntake(30), second)
    assert dict(home.run(ListIntake(20), first).skipped) == {"done_by_another_job": 20}
    findings = home.verify()
    assert (findings.archived, findings.problems) == (30, [])


def test_a_part_whose_ledger_row_was_lost_is_kept_when_its_job_is_superseded(home):
    home.run(ListIntake(20))
    job = home.plan(ListIntake(20))
    home.catalog.finish_chunk(f"{job.id}-000001", state="pending")
    home.catalog.set_job_state(job.id, "running")
    home.run(ListIntake(30, stamp="2"))
    findings = home.verify()
    assert (findings.archived, findings.recorded, findings.problems) == (30, 30, [])


def test_a_superseded_job_whose_files_come_back_is_done_after_all(home):
    home.plan(ListIntake(20))
    home.run(ListIntake(5, stamp="2"))
    home.run(ListIntake(20))
    findings = home.verify()
    assert (findings.archived, findings.problems) == (20, [])


def test_a_lost_part_of_a_superseded_job_is_made_again_once(home):
    home.run(ListIntake(20))
    job = home.plan(ListIntake(20))
    home.catalog.set_job_state(job.id, "superseded")
    home.archive.remove(f"{job.id}-000001")
    home.run(ListIntake(20))
    findings = home.verify()
    assert (findings.archived, findings.problems) == (20, [])


def test_a_retry_that_is_asked_for_twice_archives_nothing_twice(home):
    home.run(ListIntake(20, fail={3, 4}))
    mended = ListIntake(20)
    job = home.plan(mended)
    assert retry(home.catalog, job, reason=None, chunk_size=10) == 2
    assert retry(home.catalog, job, reason=None, chunk_size=10) == 0
    home.run(mended, job)
    findings = home.verify()
    assert (findings.archived, findings.problems) == (20, [])
    with pytest.raises(CatalogError, match="no failed items"):
        retry(home.catalog, job, reason=None, chunk_size=10)


def test_two_problems_with_one_file_are_one_failure(home):
    intake = ListIntake(5)
    intake.problems = [Problem("a.jpg", "missing", "row 1"), Problem("a.jpg", "missing", "row 2")]
    home.run(intake)
    (failure,) = home.catalog.failures(home.plan(intake).id)
    assert failure.message == "row 1; row 2"


def test_files_that_change_before_a_job_is_done_supersede_it(home):
    first = home.plan(ListIntake(20))
    home.run(ListIntake(30, stamp="2"))
    assert home.catalog.job(first.id).state == "superseded"
    findings = home.verify()
    assert (findings.archived, findings.problems) == (30, [])


def test_a_run_that_dies_in_the_model_goes_on_from_its_last_chunk(home):
    calls = []

    def dying(batch):
        calls.append(len(batch))
        if len(calls) == 6:
            raise RuntimeError("the machine lost power")
        return embed(batch)

    intake = ListIntake(95)
    with pytest.raises(RuntimeError, match="lost power"):
        home.run(intake, encoder=Encoder(lambda image: image, dying))
    done = home.catalog.job(home.plan(intake).id).done
    assert 0 < done < 95
    report = home.run(intake)
    assert report.done == 95 - done
    assert home.verify().problems == []


def test_a_part_whose_ledger_row_was_lost_is_adopted_with_its_skips_and_failures(home):
    intake = ListIntake(10, skip={1}, fail={2})
    home.run(intake)
    job = home.plan(intake)
    home.catalog.finish_chunk(f"{job.id}-000000", state="pending")
    report = home.run(intake)
    assert report.done == 0
    job = home.catalog.job(job.id)
    assert (job.done, job.skipped, job.failed) == (8, {"no_data": 1}, {"truncated": 1})


def test_while_another_process_holds_the_index_parts_are_written_and_taken_up_later(home):
    holder = EdgeIndex(home.settings.index_dir("c"), "c", DIM)
    report = home.run(ListIntake(25))
    assert (report.done, report.unindexed) == (25, 3)
    with pytest.raises(IndexLockedError, match="another process"):
        open_for_search(home.settings, home.catalog, home.collection)
    assert catch_up(home.catalog, home.archive, holder, home.collection) == 3
    assert holder.count() == 25
    holder.close()
    assert home.verify().problems == []


def test_failed_items_are_done_again_by_reason(home):
    home.run(ListIntake(20, fail={3, 4}, explode={5}))
    mended = ListIntake(20)
    job = home.plan(mended)
    assert retry(home.catalog, job, reason="truncated", chunk_size=10) == 2
    assert home.run(mended, job).done == 2
    job = home.catalog.job(job.id)
    assert (job.done, job.failed) == (19, {"unexpected": 1})
    assert home.verify().problems == []


def test_a_cancelled_job_stops_after_its_chunk_and_is_taken_up_again(home):
    intake = ListIntake(100)
    job = home.plan(intake)

    def cancel(_):
        home.catalog.set_job_state(job.id, "cancelled")

    report = home.run(intake, job, progress=cancel)
    assert report.cancelled
    assert 0 < report.done < 100
    home.run(intake)
    assert home.catalog.job(job.id).done == 100


@pytest.mark.parametrize("state", ["paused", "cancelled"])
def test_a_job_that_is_stopped_between_its_plan_and_its_work_stays_so_until_it_is_asked_for_again(home, state):
    intake = ListIntake(20)
    job = home.plan(intake)
    assert home.catalog.stop_job(job.id, state)
    report = home.run(intake, job)
    assert report.cancelled and report.done == 0
    assert home.catalog.job_state(job.id) == state
    assert home.run(intake).done == 20
    assert home.catalog.job_state(job.id) == "done"


def test_a_job_that_is_stopped_before_its_first_chunk_is_not_called_complete(home, monkeypatch):
    intake = ListIntake(20)
    job = home.plan(intake)

    def pausing(work):
        home.catalog.stop_job(job.id, "paused")
        work.index.catch_up(work.archive)

    with monkeypatch.context() as patched:
        patched.setattr("ingest.jobs.pipeline._catch_up", pausing)
        report = home.run(intake, job)
    assert report.cancelled and report.done == 0 and home.catalog.job_state(job.id) == "paused"
    assert not home.run(intake).cancelled


def test_a_job_that_is_stopped_at_its_last_chunk_is_done_for_nothing_is_left_to_go_on_with(home):
    intake = ListIntake(10)
    job = home.plan(intake)
    report = home.run(intake, job, progress=lambda _: home.catalog.stop_job(job.id, "paused"))
    assert not report.cancelled and report.done == 10
    assert home.catalog.job_state(job.id) == "done"
    # of a worker, which ends no jobs: whoever lets it go on, here or by workers, finds it done
    for goes_on in (
        lambda: retry(home.catalog, home.catalog.job(job.id), reason=None, chunk_size=10),
        lambda: home.catalog.enqueue(job.id),
    ):
        home.catalog.set_job_state(job.id, "paused")
        assert not goes_on()
    assert home.catalog.job_state(job.id) == "done"


@pytest.mark.parametrize("value", [1e6, np.nan, 0])
def test_a_vector_that_cannot_be_stored_fails_its_item_alone(home, value):
    def spoiling(batch):
        vectors = embed(batch)
        vectors[[image[0, 0, 0] == 3 for image in batch]] = value
        return vectors

    report = home.run(ListIntake(10), encoder=Encoder(lambda image: image, spoiling))
    assert (report.done, dict(report.failed)) == (9, {"bad_vector": 1})
    assert home.verify().problems == []


def test_a_part_that_cannot_be_written_stops_the_run_and_loses_nothing(home, monkeypatch):
    write, calls = Archive.write, []

    def full(self, *arguments):
        calls.append(1)
        if len(calls) == 3:
            raise ArchiveError("No space left on device")
        return write(self, *arguments)

    monkeypatch.setattr(Archive, "write", full)
    with pytest.raises(ArchiveError, match="No space left"):
        home.run(ListIntake(60))
    monkeypatch.undo()
    home.run(ListIntake(60))
    assert home.verify().archived == 60
    assert home.verify().problems == []


def test_reading_ahead_is_bounded(home):
    started, finished = [], []

    class Counting(ListIntake):
        def read(self, item_id):
            started.append(item_id)
            return super().read(item_id)

    def slow(batch):
        finished.extend(range(len(batch)))
        # eight items for each of 16 readers, and two batches under way
        assert len(started) - len(finished) <= 16 * 8 + 2 * 5
        return embed(batch)

    home.run(Counting(400), encoder=Encoder(lambda image: image, slow), batch_size=5)


def test_reading_goes_on_into_the_next_chunk_while_the_model_is_at_work(home):
    next_chunk = threading.Event()

    class Telling(ListIntake):
        def read(self, item_id):
            if item_id == "i0012":  # of the second chunk
                next_chunk.set()
            return super().read(item_id)

    def waiting(batch):
        assert next_chunk.wait(10)  # an earlier end of reading ahead would leave the model waiting here
        return embed(batch)

    encoder = Encoder(lambda image: image, waiting)
    assert home.run(Telling(20), encoder=encoder, batch_size=5).done == 20


def test_reading_and_the_model_go_on_while_a_chunk_is_written(home, monkeypatch):
    second_read, write = threading.Event(), Archive.write

    def slow(*arguments):
        if arguments[1].endswith("-000000"):
            assert second_read.wait(10)
        return write(*arguments)

    def seeing(batch):
        if any(image[0, 0, 0] == 19 for image in batch):  # the last item of the second chunk
            second_read.set()
        return embed(batch)

    monkeypatch.setattr(Archive, "write", slow)
    assert home.run(ListIntake(20), encoder=Encoder(lambda image: image, seeing), batch_size=5).done == 20


def test_a_model_of_several_streams_embeds_as_many_batches_at_once_and_mixes_none_up(home):
    together = threading.Barrier(3, timeout=120)

    def meeting(batch):
        together.wait()  # passes only while three are under way
        return embed(batch)

    encoder = Encoder(lambda image: image, meeting, streams=3)
    assert home.run(ListIntake(60, skip=[7], fail=[20]), encoder=encoder, batch_size=5).done == 58
    for part in home.archive.read_all():
        for item, vector in zip(part.table["tile_id"].to_pylist(), part.vectors(), strict=True):
            assert np.array_equal(vector, embed([np.full((1, 1, 1), int(item[1:]))])[0].astype(np.float16))


def test_points_come_from_memory_and_no_part_is_read_back(home, monkeypatch):
    def refused(*_):
        raise AssertionError("a part was read")

    home.run(ListIntake(2))  # which makes the index
    intake = ListIntake(25, fail=[3], skip=[4], stamp="2")
    job = home.plan(intake)
    monkeypatch.setattr(Archive, "read", refused)
    assert home.run(intake, job).unindexed == 0
    monkeypatch.undo()
    index = EdgeIndex(home.settings.index_dir("c"), "c", DIM)
    assert index.ids() == set(home.archive.ids())
    index.close()


@pytest.mark.parametrize(
    ("starved_s", "embed_s", "held_up_s", "expected"),
    [(6.0, 3.0, 1.0, ("reading", 0.6)), (1.0, 8.0, 1.0, ("model", 0.8)), (1.0, 2.0, 7.0, ("writing", 0.7))],
)
def test_the_stage_that_sets_the_pace_is_named(starved_s, embed_s, held_up_s, expected):
    report = IngestSummary("j", starved_s=starved_s, embed_s=embed_s, held_up_s=held_up_s)
    assert Spent.of(report.spent()).bottleneck() == expected
    assert Spent.of({}).bottleneck()[1] == 0.0


def test_where_the_time_went_is_kept_with_the_job_over_all_its_runs(home):
    intake = ListIntake(20)
    job = home.plan(intake)
    report = home.run(intake, job)
    assert home.catalog.job(job.id).spent == pytest.approx(report.spent(), abs=0.001)
    home.catalog.add_spent(job.id, {"starved_s": 0.0, "embed_s": 1e6})  # another run, of another program's time
    kept = Spent.of(home.catalog.job(job.id).spent)
    assert kept.bottleneck() == ("model", pytest.approx(1.0, abs=0.001))
    assert kept.reading_s == pytest.approx(report.reading_s, abs=0.001)


def test_verify_finds_a_lost_part_and_repair_gives_its_chunk_back(home):
    intake = ListIntake(30)
    home.run(intake)
    home.archive.parts()[1].unlink()
    findings = home.verify()
    assert any("the ledger says 10 items, its part has 0" in problem for problem in findings.problems)
    home.verify(repair=True)
    assert home.run(intake).done == 10
    assert home.verify().problems == []


def test_verify_sets_a_broken_part_aside(home):
    intake = ListIntake(30)
    home.run(intake)
    part = home.archive.parts()[0]
    part.write_bytes(part.read_bytes()[:100])
    assert any("cannot be read" in problem for problem in home.verify().problems)
    home.verify(repair=True)
    home.run(intake)
    assert home.verify().problems == []
    assert part.with_name(part.name + ".broken").exists()


def test_repair_rebuilds_an_index_that_lost_and_gained_points(home):
    home.run(ListIntake(30))
    with EdgeIndex(home.settings.index_dir("c"), "c", DIM) as index:
        index.delete(["i0003", "i0004"])
    assert any("2 items are not in the index" in problem for problem in home.verify().problems)
    home.verify(repair=True)
    assert home.verify().problems == []


def test_repair_replaces_an_index_whose_files_are_broken(home):
    home.run(ListIntake(30))
    for path in home.settings.index_dir("c").rglob("*"):
        if path.is_file():
            path.write_bytes(b"")
    assert home.verify().problems != []
    home.verify(repair=True)
    findings = home.verify()
    assert (findings.indexed, findings.problems) == (30, [])


def test_repair_replaces_an_index_that_opens_and_cannot_be_read(home):
    home.run(ListIntake(30))
    vectors = [path for path in home.settings.index_dir("c").rglob("*") if path.is_file() and "vector" in str(path)]
    assert vectors
    for path in vectors:
        path.write_bytes(path.read_bytes()[:16])
    assert home.verify().problems != []
    home.verify(repair=True)
    findings = home.verify()
    assert (findings.indexed, findings.problems) == (30, [])
