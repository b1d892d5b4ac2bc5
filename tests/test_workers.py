"""Real workers over a real Redis, and everything that can happen to them: no tile is lost, none is done twice."""

import json
import time
from itertools import count

import numpy as np
import pytest
import redis

from tests.conftest import make_raster
from tests.crew import Crew
from tests.services import PASSWORD, start_redis
from workers.app import EMBED
from workers.sending import send, send_wakeups

pytestmark = pytest.mark.timeout(150)

FAST = {"lease_s": 3, "chunk_s": 2, "chunk_size": 8}


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
    for item in list(whole)[:: len(whole) // 50]:
        _, expected = place.archive("inline").find(item)
        _, vector = place.archive(job.collection).find(item)
        np.testing.assert_allclose(vector, expected, atol=1e-3)
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
        assert not send_wakeups(crew.app, crew.catalog)
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
    send_wakeups(crew.app, crew.catalog)
    check(crew, job, whole)


def test_urgent_work_goes_before_what_was_begun(crew, job, whole, tmp_path):
    small = crew.queue(make_raster(tmp_path / "small.tif", width=100, height=100), next(names), priority=0)
    crew.done(small)
    assert crew.catalog.job_state(job.id) == "running"
    check(crew, job, whole)


def test_a_worker_that_is_asked_to_end_gives_nothing_back_undone(crew, job, whole):
    assert crew.at_work()[0].end() == 0
    assert all(chunk.attempts == 0 for chunk in crew.catalog.chunks(job=job.id, states=["pending"]))
    check(crew, job, whole)


def test_no_password_is_in_what_workers_say_nor_anything_but_ids_in_their_messages(crew, broker):
    assert all(PASSWORD not in worker.said() for worker in crew.workers)
    assert PASSWORD not in repr(crew.app) + repr(crew.settings)
    with crew.app.connection_for_write() as connection:
        crew.app.send_task(EMBED, ("key-000001",), queue="aside", connection=connection)
        message = connection.default_channel.basic_get("aside", no_ack=True)
    assert message.content_type == "application/json"
    assert json.loads(message.body)[:2] == [["key-000001"], {}]
    assert PASSWORD not in str(message.headers) + str(message.properties)
