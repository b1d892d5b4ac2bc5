"""What do workers bring, what does the queue cost, and does the model wait for the index?

Speed: tiles/s of two workers on one thread each ÷ those of one inline run on one thread, in alternating rounds, between
the first tile begun and the last one archived. Queue: seconds that one more task costs a worker (tasks of one chunk
against one task of many, tiny model), as a share of 60 s. Waiting: the share of a worker's time in which the model
stands still because the chunk before is still being written and upserted to a Qdrant server over HTTP; it is the tests'
double, which is slower than a real one, unless GROUNDCAST_TEST_QDRANT_URL names one.

    python -m benchmarks.workers [--arch ViT-B-32] [--tiles 600] [--rounds 2] [--workers 2] [--json]
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from ingest.catalog.catalog import Job
from tests.conftest import TINY_CLIP, make_raster
from tests.crew import Crew
from tests.services import Redis, run_qdrant, start_redis
from workers.context import WorkerContext

TASK_S = 60.0
PATIENCE_S = 3600.0


def span_s(crew: Crew, job: Job) -> float:
    """Seconds from the beginning of a job's first chunk to the end of its last, by the ledger."""
    import sqlalchemy as sa

    from ingest.catalog.migrations.tables import ChunkRow

    with crew.catalog.session() as session:
        began, ended = sa.func.min(ChunkRow.finished_at - ChunkRow.seconds), sa.func.max(ChunkRow.finished_at)
        found = session.execute(sa.select(began, ended).where(ChunkRow.job == job.id, ChunkRow.seconds.is_not(None)))
        first, last = found.one()
    return float(last - first)


def crew_in(folder: Path, broker: Redis, arch: str, **values: Any) -> Crew:
    """A home with a model of random weights."""
    return Crew(folder, {"redis_url": broker.url, "chunk_size": 16, **values}, arch=arch)


def speed(asked: argparse.Namespace, crew: Crew, source: Path, small: Path) -> list[dict[str, Any]]:
    """Rounds of one inline run and of the workers in turn."""
    while len(crew.at_work()) < asked.workers:
        crew.start()
    crew.done(crew.queue(small, "warm"), PATIENCE_S)  # every worker has its model
    rows = []
    for number in range(asked.rounds):
        alone = crew.inline(source, f"inline{number}")
        alone_s = span_s(crew, alone)
        together = crew.done(crew.queue(source, f"workers{number}"), PATIENCE_S)
        together_s = span_s(crew, together)
        rates = {"inline_tiles_per_s": alone.done / alone_s, "workers_tiles_per_s": together.done / together_s}
        rows.append({"round": number, "tiles": alone.done, "workers": asked.workers, **rates})
    return rows


def task_cost(folder: Path, broker: Redis, source: Path) -> dict[str, Any]:
    """Seconds that a task costs beside its work: the same chunks each in a task of its own, and all in one."""
    crew = crew_in(folder / "tasks", broker, TINY_CLIP, chunk_s=600.0)
    crew.start()
    crew.done(crew.queue(source, "warm"), PATIENCE_S)
    taken = {}
    for name in ("each", "all"):
        job = crew.queue(source, name, priority=5)
        if name == "each":
            _one_task_each(crew, job)
        taken[name] = span_s(crew, crew.done(job, PATIENCE_S))
    crew.close()
    cost = max(0.0, taken["each"] - taken["all"]) / (job.chunks - 1)
    return {"tasks": job.chunks, "each_alone_s": taken["each"], "all_in_one_s": taken["all"], "s_per_task": cost}


def _one_task_each(crew: Crew, job: Job) -> None:
    """Chunks that were begun in vain before are done alone."""
    import sqlalchemy as sa

    from ingest.catalog.migrations.tables import ChunkRow

    with crew.catalog.session() as session:
        session.execute(sa.update(ChunkRow).where(ChunkRow.job == job.id).values(attempts=1))


def waiting(asked: argparse.Namespace, folder: Path, broker: Redis, source: Path) -> dict[str, Any]:
    """How long the model of one worker stands still for the server's index."""
    for server in run_qdrant(folder):
        key = {} if server.api_key is None else {"qdrant_api_key": server.api_key}
        crew = crew_in(folder / "served", broker, asked.arch, chunk_s=3600, qdrant_url=server.url, **key)
        job = crew.queue(source, "served")
        context = WorkerContext(crew.settings, "context", lambda: False)
        first = next(iter(crew.catalog.chunks(job=job.id))).key
        started = time.perf_counter()
        report = context.embed(first)
        seconds = time.perf_counter() - started
        crew.close()
    assert report is not None
    stages = {"read_s": report.read_s, "embed_s": report.embed_s, "write_s": report.write_s}
    return {"tiles": report.done, "wall_s": seconds, "model_waits_s": report.held_up_s, **stages}


def main() -> None:
    """Prints tables and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", default="ViT-B-32")
    parser.add_argument("--tiles", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        broker = start_redis(folder / "redis")
        side_px = round(asked.tiles**0.5 * 20)
        source = make_raster(folder / "town.tif", width=side_px, height=side_px)
        crew = crew_in(folder / "home", broker, asked.arch)
        try:
            rows = speed(asked, crew, source, make_raster(folder / "small.tif", width=100, height=100))
        finally:
            crew.close()
        cost = task_cost(folder, broker, make_raster(folder / "many.tif", width=800, height=800))
        waits = waiting(asked, folder, broker, source)
        broker.kill()
    ratios = {
        "workers_to_inline": statistics.median(row["workers_tiles_per_s"] / row["inline_tiles_per_s"] for row in rows),
        "queue_share_of_60_s_tasks": cost["s_per_task"] / TASK_S,
        "share_of_time_the_model_waits_for_the_index": waits["model_waits_s"] / waits["wall_s"],
    }
    if asked.json:
        setting = {"arch": asked.arch, "threads_each": 1, "workers": asked.workers}
        print(json.dumps({"benchmark": "workers", "setting": setting, "rows": [*rows, cost, waits], "ratios": ratios}))
        return
    for row in [*rows, cost, waits]:
        print("  ".join(f"{name} {value:.4g}" for name, value in row.items()))
    for name, value in ratios.items():
        print(f"{name}: {value:.4f}")


if __name__ == "__main__":
    main()
