"""Workers with PostgreSQL, Redis and a Qdrant server (its double), and what happens to these and to the clocks."""

import shutil
import time
from itertools import count

import pytest

from tests.conftest import LONG, TINY_CLIP, make_raster
from tests.crew import Crew, wait_until
from tests.services import start_qdrant, start_redis
from trainer.weights.zoo import add_open_clip

pytestmark = pytest.mark.timeout(150)

names = (f"town{number}" for number in count())


@pytest.fixture(scope="module")
def qdrant(tmp_path_factory):
    server = start_qdrant(tmp_path_factory.mktemp("qdrant"))
    yield server
    server.kill()


@pytest.fixture(scope="module")
def place(postgres_cluster, qdrant, tmp_path_factory):
    """A home in the served mode, without workers yet."""
    folder = tmp_path_factory.mktemp("served")
    broker = start_redis(folder / "redis")
    values = {
        "redis_url": broker.url,
        "database_url": postgres_cluster.url_of(postgres_cluster.new_database()),
        "qdrant_url": qdrant.url,
        "qdrant_api_key": qdrant.api_key,
        "lease_s": 4,
        "chunk_s": 2,
        "chunk_size": 16,
        "batch_size": 8,
    }
    made = Crew(folder / "home", values)
    yield made
    made.close()
    broker.kill()


@pytest.fixture
def crew(place):
    """The same with two workers, whatever became of them in the test before."""
    while len(place.at_work()) < 2:
        place.start()
    return place


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return make_raster(tmp_path_factory.mktemp("town") / "town.tif", width=440, height=360)


@pytest.fixture(scope="module")
def whole(place, town):
    place.inline(town, "inline")
    return place.tiles("inline")


def check(crew, job, whole):
    """Every tile once, and archive = ledger = index."""
    job = crew.done(job)
    assert crew.tiles(job.collection) == whole
    findings = crew.verified(job.collection)
    assert findings.problems == []
    assert findings.archived == findings.recorded == findings.indexed == len(whole)


@pytest.mark.skipif(not LONG, reason="half a minute long: `make test-long` runs it")
def test_workers_outlive_a_killed_postgresql(crew, town, whole, postgres_cluster):
    job = crew.queue(town, next(names))
    crew.begun(job)
    postgres_cluster.kill()
    time.sleep(1)
    postgres_cluster.start()
    check(crew, job, whole)


@pytest.mark.skipif(not LONG, reason="half a minute long: `make test-long` runs it")
def test_without_the_index_server_embedding_goes_on_and_the_index_follows(crew, town, whole, qdrant):
    job = crew.queue(town, next(names))
    crew.begun(job)
    qdrant.kill()
    wait_until(lambda: crew.catalog.job(job.id).state == "done")
    time.sleep(30 if LONG else 0)
    waiting = list(crew.catalog.chunks(job=job.id, states=["archived"]))
    assert waiting
    qdrant.start()
    wait_until(lambda: not list(crew.catalog.chunks(job=job.id, states=["archived"])))
    check(crew, job, whole)


@pytest.mark.skipif(not LONG, reason="a minute long: `make test-long` runs it")
def test_a_worker_whose_clock_is_a_day_ahead_takes_nothing_from_the_others(place, town, whole):
    if shutil.which("faketime") is None:
        pytest.skip("faketime is not installed: tools/setup.sh does it")
    for worker in place.at_work():
        worker.kill(with_child=True)
    ahead = place.start_program("faketime", "-f", "+86400s")
    check(place, place.queue(town, next(names)), whole)
    now = place.start()
    check(place, place.queue(town, next(names)), whole)
    assert "left by" not in ahead.said() + now.said()
    assert "has passed to" not in ahead.said() + now.said()
    ahead.kill(with_child=True)


def test_workers_of_another_version_or_with_another_model_leave_the_work_and_say_why(crew, town, whole):
    for worker in crew.at_work():
        worker.kill(with_child=True)
    other = crew.home.with_name("other")
    other.mkdir()
    shutil.copy(crew.home / "settings.toml", other)
    add_open_clip(other / "models" / "m", TINY_CLIP, random_seed=1)
    job = crew.queue(town, next(names))
    for worker, complaint in ((crew.start(head="0001"), "knows schema"), (crew.start(other), "holds model")):
        wait_until(lambda complaint=complaint: complaint in (crew.catalog.job(job.id).note or ""))
        worker.kill(with_child=True)
    found = crew.catalog.job(job.id)
    assert (found.done, found.failed) == (0, {})
    assert all(chunk.attempts == 0 for chunk in crew.catalog.chunks(job=job.id))
    crew.start()
    check(crew, job, whole)
    assert crew.catalog.job(job.id).note is None
