"""Leases on both databases: who has a chunk, for how long, and what becomes of one that kills its workers."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from ingest.catalog.catalog import Catalog, Collection
from ingest.catalog.dispatch import claim_turn, close_finished, next_dispatches, not_sent
from ingest.catalog.leases import KILLED, Leases, free_overdue
from ingest.catalog.progress import progress, seconds_per_item


@pytest.fixture(params=["sqlite", "postgresql"])
def catalog(request, tmp_path):
    at: Path | SecretStr = tmp_path / "catalog.sqlite"
    if request.param == "postgresql":
        at = SecretStr(request.getfixturevalue("postgres").url)
    opened = Catalog(at)
    for name in ("c", "d"):
        opened.add_collection(Collection(name, "tiles", "m", 4, {}, datetime.now(UTC)))
    yield opened
    opened.close()


def job(
    catalog: Catalog, name: str = "j", *, chunks: int = 4, items: int = 8, collection: str = "c", priority: int = 5
):
    planned = [
        (f"{name}-{number:06d}", [f"{name}{number}.{item}" for item in range(items)]) for number in range(chunks)
    ]
    catalog.add_job(name, collection=collection, source="s", spec={"job": name}, chunks=planned, failures=[])
    catalog.enqueue(name, priority=priority)
    return name


def worker(catalog: Catalog, name: str = "w", lease_s: float = 60.0) -> Leases:
    return Leases(catalog, name, lease_s=lease_s)


def keys(chunks) -> list[str]:
    return [chunk.key for chunk in chunks]


def crash(catalog: Catalog, key: str) -> None:
    """A worker takes a chunk, begins it, and is gone."""
    gone = worker(catalog, "gone", lease_s=-1)
    assert keys(gone.take("j", first=key)) == [key]
    gone.begin(key)
    assert free_overdue(catalog) == 1


def test_a_chunk_is_one_workers_until_it_gives_it_back(catalog):
    job(catalog, chunks=1)
    first, second = worker(catalog, "one"), worker(catalog, "two")
    (chunk,) = first.take("j", first="j-000000")
    assert second.take("j", first=chunk.key) == second.take("j") == []
    assert not second.holds(chunk.key)
    assert not second.finish(chunk.key, state="done", done=8, skipped={}, failures=[])
    first.begin(chunk.key)
    first.release()
    (again,) = second.take("j")
    assert (again.key, again.attempts) == (chunk.key, 0)
    assert second.finish(chunk.key, state="done", done=8, skipped={}, failures=[])
    assert catalog.job("j").done == 8


def test_a_lease_that_is_not_renewed_is_over_and_its_holder_can_say_nothing_more(catalog):
    job(catalog, chunks=1)
    asleep, awake = worker(catalog, "asleep", lease_s=-1), worker(catalog, "awake")
    asleep.take("j")
    asleep.begin("j-000000")
    (chunk,) = awake.take("j", suspect=True)
    assert chunk.attempts == 1
    assert not asleep.finish(chunk.key, state="done", done=8, skipped={}, failures=[])
    asleep.release()
    assert awake.finish(chunk.key, state="done", done=8, skipped={}, failures=[])


def test_a_new_process_of_a_worker_frees_what_the_one_before_it_held(catalog):
    job(catalog, chunks=2)
    before = worker(catalog, "w_%")
    before.take("j", count=2)
    assert worker(catalog, "w").free_earlier() == worker(catalog, "wxy").free_earlier() == 0
    after = worker(catalog, "w_%")
    assert after.free_earlier() == 2
    assert len(after.take("j", count=5)) == 2


def test_on_the_third_crash_a_chunk_is_split_and_one_item_alone_fails_on_its_third(catalog):
    job(catalog, chunks=1, items=2)
    for _ in range(3):
        crash(catalog, "j-000000")
    assert worker(catalog).take("j") == []  # what crashed is not done beside others
    for _ in range(2):
        crash(catalog, "j-000000a")
    (failure,) = catalog.failures("j")
    assert (failure.subject, failure.reason) == ("j0.0", KILLED)
    last = worker(catalog)
    (chunk,) = last.take("j", suspect=True)
    assert chunk.item_ids == ["j0.1"]
    assert last.finish(chunk.key, state="done", done=1, skipped={}, failures=[])
    close_finished(catalog)
    found = catalog.job("j")
    assert (found.state, found.items, found.done, found.failed) == ("done", 2, 1, {KILLED: 1})


def test_halves_of_a_crashed_chunk_are_split_at_their_next_crash(catalog):
    job(catalog, chunks=1, items=8)
    for _ in range(3):
        crash(catalog, "j-000000")
    crash(catalog, "j-000000b")
    assert sorted(chunk.key for chunk in catalog.chunks(job="j")) == ["j-000000a", "j-000000ba", "j-000000bb"]
    assert catalog.job("j").items == 8


def test_a_chunk_that_would_take_too_long_is_split_before_it_is_begun(catalog):
    job(catalog, chunks=1, items=8)
    (chunk,) = worker(catalog).take("j", first="j-000000", most_items=3)
    assert len(chunk.item_ids) == 3
    assert [len(chunk.item_ids) for chunk in catalog.chunks(job="j")] == [3, 3, 2]


def test_jobs_of_one_collection_take_turns_and_the_urgent_one_comes_first(catalog):
    job(catalog, "bulk", priority=9)
    job(catalog, "urgent", priority=0, chunks=1)
    one, two = worker(catalog, "one"), worker(catalog, "two")
    assert one.take("bulk") == []
    assert keys(one.take("urgent")) == ["urgent-000000"]
    assert two.take("bulk") == []  # while somebody is at the other
    assert two.in_the_way("bulk") == "urgent"
    one.finish("urgent-000000", state="done", done=8, skipped={}, failures=[])
    assert keys(two.take("bulk")) == ["bulk-000000"]


def test_a_worker_takes_no_further_chunk_while_more_urgent_work_waits_elsewhere(catalog):
    job(catalog, "bulk", priority=9)
    at_work = worker(catalog)
    at_work.take("bulk")
    job(catalog, "urgent", priority=0, collection="d")
    assert at_work.take("bulk") == []
    assert keys(at_work.take("urgent", first="urgent-000001")) == ["urgent-000001"]


@pytest.mark.parametrize("state", ["paused", "cancelled"])
def test_nothing_is_taken_of_a_job_that_is_paused_or_cancelled(catalog, state):
    job(catalog)
    catalog.set_job_state("j", state)
    assert worker(catalog).take("j") == next_dispatches(catalog, lost_after_s=60) == []
    catalog.enqueue("j")
    assert keys(worker(catalog).take("j")) == ["j-000000"]


def test_few_wakeups_are_under_way_and_lost_ones_come_again(catalog):
    job(catalog, chunks=50)
    first = next_dispatches(catalog, lost_after_s=60)
    assert 2 <= len(first) < 10
    assert next_dispatches(catalog, lost_after_s=60) == []
    not_sent(catalog, first[:1])
    assert next_dispatches(catalog, lost_after_s=60) == first[:1]
    taken = worker(catalog).take("j")
    assert taken[0].key not in {wakeup.key for wakeup in first}  # nobody is woken for nothing
    assert len(next_dispatches(catalog, lost_after_s=-1)) == len(first)


def test_wakeups_are_for_the_job_whose_turn_it_is(catalog):
    job(catalog, "bulk", priority=9)
    job(catalog, "urgent", priority=0, chunks=1)
    job(catalog, "other", collection="d")
    assert {
        (wakeup.key.partition("-")[0], wakeup.priority) for wakeup in next_dispatches(catalog, lost_after_s=60)
    } == {
        ("urgent", 0),
        ("other", 5),
    }


def test_a_turn_is_taken_once_and_comes_back(catalog):
    assert claim_turn(catalog, "sweep", 60)
    assert not claim_turn(catalog, "sweep", 60)
    assert claim_turn(catalog, "index c", -1)
    assert claim_turn(catalog, "index c", 60)


def test_progress_tells_rate_time_left_and_who_works(catalog):
    job(catalog, chunks=4)
    assert progress(catalog, "j").rate_per_s is None
    assert seconds_per_item(catalog, "j") is None
    leases = worker(catalog, "host-1")
    for chunk in leases.take("j", count=2):
        leases.finish(chunk.key, state="done", done=8, skipped={}, failures=[], seconds=4.0)
    leases.take("j")
    now = progress(catalog, "j")
    assert (now.left, now.workers, now.unindexed) == (16, ["host-1"], 0)
    assert now.rate_per_s == pytest.approx(4.0, rel=0.2)
    assert now.left_s == pytest.approx(4.0, rel=0.2)
    assert seconds_per_item(catalog, "j") == pytest.approx(0.5)
