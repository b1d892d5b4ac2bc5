"""A worker process: a parent that holds the connection and reaps, and one child that works.

The child is forked before anything heavy is loaded: torch is imported, and CUDA touched, in the child alone. If it is
killed, the parent forks another within a moment, which takes up what the first one left.
"""

import logging
import os
from collections.abc import Sequence
from typing import Any

import celery.apps.worker
from celery import signals
from celery.utils.log import get_multiprocessing_logger

from ingest.settings import Settings
from trainer.errors import CatalogError
from workers import metrics
from workers.app import make_app
from workers.log_lines import as_json, hand_over
from workers.reaper import Reaper
from workers.tasks import context_of
from workers.watch import LastStatistics, watch

log = logging.getLogger(__name__)


def serve(settings: Settings, queues: Sequence[str]) -> int:
    """Works until asked to end; returns the exit code.

    SIGTERM waits for the chunk at hand, SIGQUIT ten seconds, after which the chunk goes back.

    Raises:
        SettingsError: There is no ``redis_url``, or the port of the metrics is taken.
    """
    app = make_app(settings)
    app.steps["consumer"].add(Reaper)
    if settings.metrics_port is not None:
        seen = LastStatistics()
        port = metrics.serve(settings.metrics_port, lambda: seen.statistics)
        log.info("metrics at http://localhost:%d/metrics", port)
        app.steps["consumer"].add(watch(seen))
    stopping = app.stopping  # made here, so that the child shares it

    def begin(**_: Any) -> None:
        try:
            freed = context_of(app).leases.free_earlier()
        except CatalogError as error:
            log.warning("the ledger does not answer yet: %s", error)
            return
        if freed:
            log.warning("the child before this one died with %d chunks", freed)

    def end(**_: Any) -> None:
        stopping.set()

    # weak=False: Celery would else let go of functions that nobody but it knows
    signals.worker_process_init.connect(begin, weak=False)
    signals.worker_shutting_down.connect(end, weak=False)
    if as_json():
        celery.apps.worker.safe_say = lambda *_: None  # it writes past all loggers that it is asked to end
        signals.setup_logging.connect(_leave_loggers, weak=False)
    worker = app.Worker(
        hostname=f"{app.worker}@{os.getpid()}",
        queues=list(queues),
        # no talk among workers: they share the ledger, and nothing else need be known of the others
        without_mingle=True,
        without_gossip=True,
        quiet=True,
    )
    try:
        worker.start()
    finally:
        metrics.remove_files()
        log.info("ended")
    return int(worker.exitcode or 0)


def _leave_loggers(**_: Any) -> None:
    """Takes the place of Celery's own set-up, which gives loggers ways of their own to write; see `log_lines`."""
    logger = get_multiprocessing_logger()  # which tells how a child died; made here, it keeps its lines to itself
    hand_over(logger.name)
