"""A worker's place of work, in this process: what it reads again it asks for again."""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from local_server import Answer, answering, serving
from PIL import Image

from ingest.catalog.catalog import RETRY_MARK, Catalog, Job
from ingest.geo.geometry import box
from ingest.geo.grid import Grid
from ingest.jobs.plan import retry
from ingest.jobs.request import Request
from ingest.jobs.run import leave_to_workers
from ingest.settings import Settings
from ingest.sources.source import SourceOptions
from tests.conftest import TINY_CLIP
from trainer.embedder import Embedder
from trainer.weights.zoo import add_open_clip
from workers.context import WorkerContext


def tile(*, broken: bool) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(1, 255, (64, 64, 3), np.uint8)).save(out, "PNG")
    content = bytearray(out.getvalue())
    if broken:
        content[200:400] = bytes(200)  # it ends as it should, and so is kept
    return bytes(content)


class Server:
    """A tile server whose tiles are broken at first."""

    broken = True
    url = ""

    def answer(self, _: str, __: Mapping[str, str]) -> Answer:
        return 200, {"Content-Type": "image/png"}, tile(broken=self.broken)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()
    with serving(answering(state.answer)) as state.url:
        yield state


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[WorkerContext]:
    settings = Settings(home=tmp_path, chunk_size=2, chunk_s=60, precision="float32")
    meta = add_open_clip(settings.models_dir / "m", TINY_CLIP, random_seed=0)
    made = WorkerContext(settings, "w", lambda: False)
    made.catalog.add_model("m", meta.model_id)
    yield made
    made.catalog.close()


def left(worker: WorkerContext, server: Server) -> Job:
    """Four tiles of the server in two chunks, left to workers."""
    options = SourceOptions(zoom=14, rate_per_s=1000.0, retries=0)
    grid = Grid(size_m=500.0, stride_m=500.0)
    area = box(8.5, 47.3, 8.509, 47.306)
    request = Request("tiles", "c", f"{server.url}/{{z}}/{{x}}/{{y}}.png", grid, area, options=options)
    embedder = Embedder.load(worker.settings.models_dir / "m", precision="float32")
    return leave_to_workers(worker.settings, worker.catalog, request, embedder, priority=5)


def keys(catalog: Catalog, job: Job) -> list[str]:
    return sorted(chunk.key for chunk in catalog.chunks(job=job.id, states=["pending"]))


def test_a_retry_that_is_left_to_workers_asks_the_server_again(worker: WorkerContext, server: Server) -> None:
    job = left(worker, server)
    worker.embed(keys(worker.catalog, job)[0])  # and what follows
    before = worker.catalog.job(job.id)
    assert (before.done, before.failed) == (0, {"truncated": before.items})
    server.broken = False
    retry(worker.catalog, job, reason=None, chunk_size=2)
    worker.catalog.enqueue(job.id, priority=5)
    worker.embed(keys(worker.catalog, job)[0])
    after = worker.catalog.job(job.id)
    assert (after.done, after.failed) == (before.items, {})


def test_a_retry_among_chunks_of_the_first_time_is_given_back_and_not_read_from_the_cache(
    worker: WorkerContext, server: Server
) -> None:
    job = left(worker, server)
    first, *others = keys(worker.catalog, job)
    assert others
    chunk = next(chunk for chunk in worker.catalog.chunks(job=job.id) if chunk.key == first)
    worker.catalog.add_chunks(job.id, [(f"{job.id}{RETRY_MARK}0000-000000", chunk.item_ids)])
    worker.embed(first)
    server.broken = False
    (again,) = keys(worker.catalog, job)
    assert RETRY_MARK in again
    worker.embed(again)
    assert worker.catalog.job(job.id).done == len(chunk.item_ids)
