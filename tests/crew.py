"""A home with a tiny model and imagery, and real worker processes for it, which tests kill."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ingest.archive.parts import Archive
from ingest.catalog.catalog import Catalog, Job
from ingest.geo.grid import Grid
from ingest.index.upkeep import catch_up, open_index
from ingest.jobs.items import MIN_VALID
from ingest.jobs.request import Request
from ingest.jobs.run import carry_out, leave_to_workers
from ingest.jobs.verify import Findings, verify
from ingest.settings import Settings, load_settings
from tests import odd_worker
from tests.conftest import ROOT, TINY_CLIP
from trainer.embedder import Embedder
from trainer.errors import IndexLockedError
from trainer.weights.zoo import add_open_clip
from workers.app import Groundcast, make_app
from workers.dispatch import dispatch_chunks

PATIENCE_S = 240.0  # a machine may have other work


def wait_until(true: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """Waits for something to come true, and returns it.

    Raises:
        TimeoutError: It did not.
    """
    deadline = time.monotonic() + patience_s
    while not (found := true()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {patience_s} s")
        time.sleep(0.05)
    return found


class Worker:
    """A worker process: a parent with one child."""

    def __init__(self, process: Any, log: Path) -> None:
        self.process = process  # of subprocess or of multiprocessing
        self.log = log
        self.pid: int = process.pid

    @property
    def child(self) -> int | None:
        """Id of the child that works; None while there is none."""
        with suppress(OSError):
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
            return int(children[0]) if children else None
        return None

    def kill_child(self) -> bool:
        """SIGKILL to the child; False if there was none."""
        child = self.child
        if child is not None:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        return child is not None

    def kill(self, *, with_child: bool = False) -> None:
        """SIGKILL to the parent; the child finishes the chunk at hand, unless the whole machine is to be gone."""
        if self.code() is None:
            if with_child:
                os.kill(self.pid, signal.SIGSTOP)  # no new child meanwhile
                self.kill_child()
            self.process.kill()
            wait_until(lambda: self.code() is not None)

    def end(self) -> int | None:
        """Asks it to end, and waits; returns the exit code."""
        os.kill(self.pid, signal.SIGTERM)
        wait_until(lambda: self.code() is not None)
        return self.code()

    def code(self) -> int | None:
        """The exit code; None while it runs."""
        code: int | None = self.process.poll() if hasattr(self.process, "poll") else self.process.exitcode
        return code

    def memory_mib(self) -> float:
        """Memory of the child."""
        status = Path(f"/proc/{self.child}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1024

    def has_loaded(self, library: str, pid: int | None = None) -> bool:
        """Whether a library is in the memory of the parent, or of another process."""
        return library in Path(f"/proc/{pid or self.pid}/maps").read_text()

    def said(self) -> str:
        """What it has logged."""
        return self.log.read_text("utf-8", "replace")


@dataclass
class Crew:
    """Workers of one home.

    Args:
        home: Folder; its ``settings.toml`` is written here.
        values: Values of the settings file.
        odd: What is odd about every worker, for `tests.odd_worker`.
        arch: Architecture of the model, whose weights are random.
    """

    home: Path
    values: dict[str, Any]
    odd: dict[str, Any] = field(default_factory=dict)
    arch: str = TINY_CLIP
    workers: list[Worker] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        lines = [f"{key} = {json.dumps(value)}" for key, value in self.values.items()]
        (self.home / "settings.toml").write_text("\n".join(lines), "utf-8")
        self.settings: Settings = load_settings(self.home)
        self.catalog = Catalog(self.settings.catalog_at)
        folder = self.settings.models_dir / "m"
        if not folder.exists():
            self.catalog.add_model("m", add_open_clip(folder, self.arch, random_seed=0).model_id)
        self.embedder = Embedder.load(folder, precision="float32")
        self.app: Groundcast = make_app(self.settings)

    def start(self, home: Path | None = None, **odd: Any) -> Worker:
        """Starts a worker at once; `odd` is for `tests.odd_worker`."""
        log = self._log()
        return self._on(Worker(odd_worker.start(home or self.home, log, self.odd | odd), log))

    def start_program(self, *wrapper: str) -> Worker:
        """Starts a worker as people do, which takes seconds."""
        environment = os.environ | {"GROUNDCAST_HOME": str(self.home), "GROUNDCAST_PRECISION": "float32"}
        command = [*wrapper, sys.executable, "-m", "search_ui.cli", "-v", "worker"]
        log = self._log()
        with log.open("wb") as file:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT)
        return self._on(Worker(process, log))

    def _log(self) -> Path:
        return self.home / f"worker{len(self.workers)}.log"

    def _on(self, worker: Worker) -> Worker:
        self.workers.append(worker)
        return worker

    def at_work(self) -> list[Worker]:
        """Workers that have not ended."""
        return [worker for worker in self.workers if worker.code() is None]

    def close(self) -> None:
        """Ends every worker, and at last with force; what they said stands in the report of a test that failed."""
        for worker in self.workers:
            worker.kill(with_child=True)
            if worker.log.exists():
                print(worker.said()[-4000:])
        self.catalog.close()

    def queue(
        self,
        source: Path,
        collection: str,
        *,
        size_m: float = 10.0,
        min_valid: float = MIN_VALID,
        priority: int = 5,
        **values: Any,
    ) -> Job:
        """Leaves imagery to the workers; `values` are settings."""
        settings = self.settings.model_copy(update=values)
        request = replace(self.request(source, collection, size_m), min_valid=min_valid)
        job = leave_to_workers(settings, self.catalog, request, self.embedder, priority=priority)
        dispatch_chunks(self.app, self.catalog)
        return job

    def inline(self, source: Path, collection: str, size_m: float = 10.0) -> Job:
        """The same in this process."""
        request = self.request(source, collection, size_m)
        return carry_out(self.settings, self.catalog, request, self.embedder, lambda *_: lambda _: None).job

    @staticmethod
    def request(source: Path, collection: str, size_m: float) -> Request:
        """Imagery in tiles of some metres."""
        grid = Grid(size_m=size_m, stride_m=size_m)
        return Request(kind="tiles", collection=collection, source=str(source), grid=grid)

    def done(self, job: Job, patience_s: float = PATIENCE_S) -> Job:
        """The job, once workers have done it."""
        wait_until(lambda: self.catalog.job_state(job.id) == "done", patience_s)
        return self.catalog.job(job.id)

    def begun(self, job: Job, share: float = 0.15) -> None:
        """Waits until a share of a job is done."""
        wait_until(lambda: self.catalog.job(job.id).done > share * job.items)

    def archive(self, collection: str) -> Archive:
        """A collection's archive."""
        return Archive(self.settings.archive_dir(collection), "tiles")

    def tiles(self, collection: str) -> Counter[str]:
        """How often each tile is in the archive."""
        return Counter(self.archive(collection).ids())

    def verified(self, collection: str) -> Findings:
        """Ledger, archive and index compared, once nobody holds the index and it has caught up."""
        found = self.catalog.collection(collection)

        def compare() -> Findings | None:
            try:
                with open_index(self.settings, self.catalog, found) as index:
                    catch_up(self.catalog, self.archive(collection), index, found)
                return verify(self.settings, self.catalog, found)
            except IndexLockedError:
                return None

        wait_until(lambda: not any(True for _ in self.catalog.chunks(collection=collection, states=["pending"])))
        return wait_until(compare)
