"""SIGKILL and SIGTERM at random moments, SIGTERM in each stage of an ingest, then the same command: nothing is lost."""

import importlib
import itertools
import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from ingest.catalog.catalog import Catalog
from ingest.jobs.verify import verify
from ingest.settings import load_settings
from tests.conftest import LONG, TINY_CLIP, make_raster

KILLS = 20 if LONG else 3
IMPORTED = [
    *(
        "search_ui.cli",
        "search_ui.commands.holdings.ingest",
        "ingest.jobs.run",
        "ingest.jobs.verify",
        "trainer.embedder",
    ),
    *("ingest.index.edge", "ingest.opening", "open_clip", "transformers", "alembic.command", "pyarrow.parquet"),
]


STAGES = {  # in their order, and at which call of each it is ended
    "ingest.catalog.catalog:Catalog.add_job": 1,
    "ingest.catalog.catalog:Catalog.begin_job": 1,
    "ingest.jobs.pipeline:_reading": 30,
    "ingest.jobs.pipeline:_Model._embed": 1,
    "ingest.archive.parts:Archive.write": 2,
    "ingest.index.upkeep:IndexHolder.put": 2,
    "ingest.catalog.leases:Leases.finish": 2,
    "ingest.catalog.catalog:Catalog.end_job": 1,
}


def end_in(stage: str, *, after: bool) -> None:
    """Let SIGTERM come to this process when it comes to a stage, or has just done it."""
    module, _, name = stage.partition(":")
    *owners, name = name.split(".")
    owner = importlib.import_module(module)
    for each in owners:
        owner = getattr(owner, each)
    usual, calls = getattr(owner, name), itertools.count(1)

    def ended(*args, **kwargs):
        last = next(calls) == STAGES[stage]
        if last and not after:
            os.kill(os.getpid(), signal.SIGTERM)
        result = usual(*args, **kwargs)
        if last:
            os.kill(os.getpid(), signal.SIGTERM)
        return result

    setattr(owner, name, ended)


def ingest(home: str, raster: str, collection: str, stage: str = "", after: bool = False) -> None:
    """What each process runs; its output goes nowhere."""
    from search_ui.cli import main

    if stage:
        end_in(stage, after=after)

    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    os.environ["GROUNDCAST_CHUNK_SIZE"] = "20"
    os.environ["GROUNDCAST_EXACT_TILES"] = "0"  # so that there is an index, which kills may leave behind
    main(["--home", home, "ingest", raster, "--collection", collection, "--tile-size-m", "10"])


class Runs:
    """Starts the command in forked children of a process that has imported everything, so that a start costs little."""

    def __init__(self, home: Path, raster: Path) -> None:
        self.home, self.raster = home, raster
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(IMPORTED)

    def whole(self, collection: str) -> float:
        """Runs to the end; returns seconds."""
        started = time.perf_counter()
        process = self.context.Process(target=ingest, args=(str(self.home), str(self.raster), collection))
        process.start()
        process.join()
        assert process.exitcode == 0
        return time.perf_counter() - started

    def ended(self, collection: str, after_s: float, by: signal.Signals) -> bool:
        """Sends a signal after a time; returns whether there was still something to end."""
        process = self.context.Process(target=ingest, args=(str(self.home), str(self.raster), collection))
        process.start()
        process.join(after_s)
        with suppress(ProcessLookupError):
            os.kill(process.pid, by)
        process.join()
        assert process.exitcode in (0, -by, 128 + by)
        return process.exitcode != 0


@pytest.mark.timeout(400)
def test_an_ingest_of_many_tiles_that_is_ended_again_and_again_loses_nothing(groundcast, tmp_path):
    home = tmp_path / "home"
    raster = make_raster(tmp_path / "town.tif", width=1000, height=800 if LONG else 160)
    assert groundcast("model", "add", "m", "--open-clip", TINY_CLIP, "--random-seed", "0").code == 0
    runs = Runs(home, raster)
    runs.whole("unbroken")
    longest, shortest = runs.whole("timed"), runs.whole("timed")

    moments = random.Random(0)
    collections, kills = ["town0"], 0
    while kills < KILLS:
        after_s = moments.uniform(0, shortest + longest / 8)
        if runs.ended(collections[-1], after_s, (signal.SIGKILL, signal.SIGTERM)[kills % 2]):
            kills += 1
        else:  # it came to its end before the last kill: go on with another
            collections.append(f"town{len(collections)}")
    for collection in collections:
        runs.whole(collection)

    settings = load_settings(home)
    catalog = Catalog(settings.catalog_path)
    expected = tiles_of(settings, "unbroken")
    assert len(expected) >= (2000 if LONG else 400)
    for name in collections:
        findings = verify(settings, catalog, catalog.collection(name))
        assert findings.problems == []
        assert findings.archived == findings.indexed == findings.recorded == len(expected)
        assert tiles_of(settings, name) == expected
    catalog.close()


@pytest.mark.timeout(400)
@pytest.mark.parametrize("after", [False, True] if LONG else [True], ids=lambda after: "after" if after else "before")
def test_an_ingest_that_is_ended_in_each_of_its_stages_loses_nothing(groundcast, tmp_path, after):
    home = tmp_path / "home"
    raster = make_raster(tmp_path / "town.tif", width=1000, height=160)
    assert groundcast("model", "add", "m", "--open-clip", TINY_CLIP, "--random-seed", "0").code == 0
    runs = Runs(home, raster)
    for stage in list(STAGES)[:: 1 if LONG else 3]:
        process = runs.context.Process(target=ingest, args=(str(home), str(raster), "town", stage, after))
        process.start()
        process.join()
        assert process.exitcode in (-signal.SIGTERM, 128 + signal.SIGTERM), stage
    for collection in ("town", "unbroken"):
        runs.whole(collection)
    settings = load_settings(home)
    catalog = Catalog(settings.catalog_path)
    findings = verify(settings, catalog, catalog.collection("town"))
    expected = tiles_of(settings, "unbroken")
    assert findings.problems == [] and findings.archived == findings.indexed == findings.recorded == len(expected)
    assert tiles_of(settings, "town") == expected
    catalog.close()


def tiles_of(settings, collection: str) -> Counter[str]:
    parts = ds.dataset(settings.archive_dir(collection), format="parquet", exclude_invalid_files=False)
    return Counter(parts.to_table(columns=["tile_id"])["tile_id"].to_pylist())
