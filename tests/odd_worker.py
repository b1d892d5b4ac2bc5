"""`groundcast worker` as tests start it: forked from a process that has imported everything, or with something wrong.

What is wrong about it:

    kill     ids of tiles at which the process is killed, as a decoder's fault would
    slow_s   seconds that each tile takes to be read
    side_px  side of the picture that comes out of it
    head     the migration that this worker believes to be the newest
"""

import multiprocessing
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "search_ui.cli",
        "ingest.jobs.run",
        "workers.serve",
        "workers.context",
        "workers.tasks",
        "open_clip",
        "alembic.command",
    ]
)


def work(home: str, log: str, odd: dict[str, Any]) -> None:
    """What the process runs; what it says goes to its log."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.environ |= {"GROUNDCAST_PRECISION": "float32", "OMP_NUM_THREADS": "1"}
    _make_odd(odd)
    from search_ui.cli import main

    main(["--home", home, "-v", "worker"])


def start(home: Path, log: Path, odd: dict[str, Any]) -> multiprocessing.context.ForkServerProcess:
    """Starts one."""
    process = FORKS.Process(target=work, args=(str(home), str(log), odd))
    process.start()
    return process


def _make_odd(odd: dict[str, Any]) -> None:
    from ingest.catalog import catalog
    from ingest.jobs.items import GridIntake
    from workers import context

    read = GridIntake.read

    def read_oddly(self, item_id):
        if item_id in odd.get("kill", ()):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(odd.get("slow_s", 0))
        reading = read(self, item_id)
        side_px = odd.get("side_px")
        return reading if side_px is None else replace(reading, image=np.zeros((side_px, side_px, 3), np.uint8))

    GridIntake.read = read_oddly
    if "head" in odd:
        catalog.HEAD = context.HEAD = odd["head"]
        catalog.Database.migrate = lambda _self, _head: None
