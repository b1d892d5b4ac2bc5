"""Real workers over a real Redis, and everything that can happen to them: no tile is lost, none is done twice."""

import json
import subprocess
import time
from collections import Counter
from itertools import count

import numpy as np
import pytest
import redis
from PIL import Image

from ingest.catalog.leases import KILLED
from ingest.catalog.progress import progress
from tests.conftest import make_raster
from tests.crew import Crew, wait_until
from tests.services import PASSWORD, start_redis
from tests.soaking import soak
from workers.app import EMBED
from workers.dispatch import dispatch_chunks, send

pytestmark = pytest.mark.timeout(150)

FAST = {"lease_s": 4, "chunk_s": 2, "chunk_size": 16, "batch_size": 8}


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    server = start_redis(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture(scope="module")
def place(broker, tmp_path_factory):
    """A home without workers yet."""
    made = Crew(tmp_path_factory.mktemp("crew") / "home", {"redis_url": broker.url, **FAST})
    yield made
    made.close()


@pytest.fixture
def crew(place):
    """The same with two workers, whatever became of them in the test before."""
    while len(place.at_work()) < 2:
        place.start()
    return place


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """Some 400 tiles of 10 m."""
    return make_raster(tmp_path_factory.mktemp("town") / "town.tif", width=440, height=360)


@pytest.fixture(scope="module")
def whole(place, town):
    """What is to come out: the same imagery, done in this process."""
    place.inline(town, "inline")
    return place.tiles("inline")


names = (f"town{number}" for number in count())


@pytest.fixture
def job(crew, town, whole):
    """The town, left to the workers under a new name, and begun."""
    left = crew.queue(town, next(names))
    crew.begun(left)
    return left


def check(crew, job, whole):
    """Every tile once, and archive = ledger = index."""
    job = crew.done(job)
    assert crew.tiles(job.collection) == whole
    findings = crew.verified(job.collection)
    assert findings.problems == []
    assert findings.archived == findings.recorded == findings.indexed == len(whole)
    return job


def test_a_worker_as_people_start_it_makes_the_same_archive_and_its_child_alone_loads_the_model(place, town, whole):
    worker = place.start_program()
    job = check(place, place.queue(town, next(names)), whole)
    expected, found = vectors(place, "inline"), vectors(place, job.collection)
    for item, vector in expected.items():
        np.testing.assert_allclose(found[item], vector, atol=1e-3)
    assert not worker.has_loaded("libtorch")
    assert worker.has_loaded("libtorch", worker.child)
    assert worker.end() == 0
    assert PASSWORD not in worker.said()


def test_a_killed_child_is_replaced_and_its_chunk_done(crew, job, whole):
    for worker in crew.at_work():
        assert worker.kill_child()
    check(crew, job, whole)


def test_a_killed_worker_is_not_needed(crew, job, whole):
    first, second = crew.at_work()
    first.kill()
    second.kill(with_child=True)
    crew.start()
    check(crew, job, whole)


def test_workers_outlive_a_killed_redis(crew, job, whole, broker):
    broker.kill()
    time.sleep(1)
    broker.start()
    check(crew, job, whole)


def test_a_redis_that_has_forgotten_everything_is_told_again(crew, job, whole, broker):
    redis.Redis.from_url(broker.url).flushall()
    check(crew, job, whole)


def test_a_full_broker_delays_and_loses_nothing(crew, town, whole, broker):
    client = redis.Redis.from_url(broker.url)
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("maxmemory", "1mb")
    try:
        with pytest.raises(redis.ResponseError, match="maxmemory"):
            client.set("one more", "x")
        job = crew.queue(town, next(names))
        assert not dispatch_chunks(crew.app, crew.catalog)
        time.sleep(1)
    finally:
        client.config_set("maxmemory", "0")
    check(crew, job, whole)


def test_a_task_that_is_delivered_to_both_workers_at_once_is_done_by_one(crew, town, whole):
    job = crew.queue(town, next(names))
    for chunk in list(crew.catalog.chunks(job=job.id))[:20]:
        for _ in range(4):
            assert send(crew.app, EMBED, chunk.key)
    check(crew, job, whole)


def test_a_paused_job_rests_until_it_is_resumed(crew, job, whole):
    crew.catalog.set_job_state(job.id, "paused")
    time.sleep(1)
    before = crew.catalog.job(job.id).done
    time.sleep(1)
    assert crew.catalog.job(job.id).done == before < len(whole)
    crew.catalog.enqueue(job.id)
    dispatch_chunks(crew.app, crew.catalog)
    check(crew, job, whole)


def test_urgent_work_goes_first(place, town, whole, tmp_path):
    for worker in place.at_work():
        worker.kill(with_child=True)
    bulk = place.queue(town, next(names), priority=9)
    urgent = place.queue(make_raster(tmp_path / "small.tif", width=100, height=100), next(names), priority=0)
    place.start()
    place.begun(bulk, 0)
    assert place.catalog.job_state(urgent.id) == "done"
    check(place, bulk, whole)


def test_workers_that_are_asked_to_end_finish_the_chunk_at_hand_and_give_the_rest_back(crew, job, whole):
    assert [worker.end() for worker in crew.at_work()] == [0, 0]
    assert progress(crew.catalog, job.id).workers == []
    assert all(chunk.attempts == 0 for chunk in crew.catalog.chunks(job=job.id, states=["pending"]))
    crew.start()
    check(crew, job, whole)


def test_a_tile_that_kills_the_process_fails_alone(crew, tmp_path):
    raster = make_raster(tmp_path / "poisoned.tif", width=80, height=80)
    tiles = crew.tiles(crew.inline(raster, next(names)).collection)
    poison = sorted(tiles)[len(tiles) // 2]
    for worker in crew.at_work():
        worker.kill(with_child=True)
    poisoned = crew.start(kill=[poison])
    job = crew.done(crew.queue(raster, next(names), chunk_size=4))
    (failure,) = crew.catalog.failures(job.id)
    assert (failure.subject, failure.reason) == (poison, KILLED)
    assert crew.tiles(job.collection) == tiles - Counter([poison])
    assert crew.verified(job.collection).problems == []
    poisoned.kill(with_child=True)


def test_the_command_line_leaves_work_follows_it_and_has_what_failed_done_again(crew, groundcast, tmp_path):
    chips = tmp_path / "chips"
    chips.mkdir()
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    rows = ["path,lat,lon,size_m"]
    for number in range(6):
        picture.save(chips / f"{number}.png")
        rows.append(f"{number}.png,27.6{number},85.5,60")
    (chips / "manifest.csv").write_text("\n".join(rows))
    whole = (chips / "3.png").read_bytes()
    (chips / "3.png").write_bytes(whole[: len(whole) // 2])

    def command(*arguments):
        return groundcast("--home", crew.home, *arguments)

    name = next(names)
    asked = command("ingest", chips, "--collection", name, "--queue", "--priority", "high", "--json").json()
    assert asked["woken"] > 0
    followed = command("jobs", "show", asked["job"]["id"], "--follow", "--json").json()
    assert (followed["state"], followed["done"], len(followed["failed"])) == ("done", 5, 1)
    (chips / "3.png").write_bytes(whole)
    retried = command("jobs", "retry", asked["job"]["id"], "--queue").out
    assert "1 of 6 left to workers" in retried
    again = command("jobs", "show", retried.split()[1].strip(":"), "--follow")
    assert "100% " in again.err and "6/6" in again.err
    assert crew.verified(name).archived == 6


def test_pictures_do_not_pile_up_while_a_source_is_slow(crew, town, whole):
    for worker in crew.at_work():
        worker.kill(with_child=True)
    slow = crew.start(slow_s=0.005, side_px=1500)  # 3 GB go through
    job = crew.queue(town, next(names))
    crew.begun(job)
    before = slow.memory_mib()
    wait_until(lambda: crew.catalog.job(job.id).done > 0.8 * len(whole))
    assert slow.memory_mib() < before + 250  # a twelfth of it: what the allocator keeps varies
    crew.done(job)
    slow.kill(with_child=True)


def test_a_full_disk_delays_and_loses_nothing(crew, town, whole):
    name = next(names)
    folder = crew.settings.home / "archive" / name
    folder.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here: it takes root")
    try:
        (folder / "filler").write_bytes(bytes(40 * 2**20))
        job = crew.queue(town, name)
        wait_until(lambda: "the disk is full" in (crew.catalog.job(job.id).note or ""))
        assert all(chunk.attempts == 0 for chunk in crew.catalog.chunks(job=job.id))
        (folder / "filler").unlink()
        assert check(crew, job, whole).note is None
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_two_workers_bring_real_imagery_as_one_process_does(crew, real_data):
    source = real_data / "overhead" / "zanzibar_xyz"
    one = crew.inline(source, next(names), size_m=30.0)
    two = crew.done(crew.queue(source, next(names), size_m=30.0))
    expected, found = vectors(crew, one.collection), vectors(crew, two.collection)
    assert found.keys() == expected.keys()
    assert len(found) > 100
    for item, vector in expected.items():
        np.testing.assert_allclose(found[item], vector, atol=1e-3)
    assert crew.verified(two.collection).problems == []


def test_random_kills_lose_nothing_and_double_nothing(place, broker, tmp_path):
    for worker in place.at_work():
        worker.kill(with_child=True)
    raster = make_raster(tmp_path / "town.tif", width=500, height=480)
    account = soak(place, {"Redis": broker}, raster, next(names), workers=3, every_s=0.4, kill_s=4)
    assert account.sound(), account
    assert account.failed == {}
    assert account.once + sum(account.skipped.values()) == account.planned >= 600
    assert account.kills.total() >= 2


def vectors(crew, collection):
    """Vectors of a collection by tile."""
    parts = [crew.archive(collection).read(path.stem) for path in crew.archive(collection).parts()]
    return {
        item: vector
        for part in parts
        for item, vector in zip(part.table["tile_id"].to_pylist(), part.vectors(), strict=True)
    }


def test_no_password_is_in_what_workers_say_nor_anything_but_ids_in_their_messages(crew, broker):
    assert all(PASSWORD not in worker.said() for worker in crew.workers)
    assert PASSWORD not in repr(crew.app) + repr(crew.settings)
    with crew.app.connection_for_write() as connection:
        crew.app.send_task(EMBED, ("key-000001",), queue="aside", connection=connection)
        message = connection.default_channel.basic_get("aside", no_ack=True)
    assert message.content_type == "application/json"
    assert json.loads(message.body)[:2] == [["key-000001"], {}]
    assert PASSWORD not in str(message.headers) + str(message.properties)
