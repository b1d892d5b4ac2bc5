"""The worker's look at ledger and broker for its metrics, every few seconds in Celery's own loop.

Not in a thread: one that talks to the ledger could hold a lock in the moment in which a child is forked. A look that
takes long is made more seldom.
"""

import logging
import time
from contextlib import closing
from typing import Any

from celery import bootsteps

from ingest.catalog.catalog import Catalog
from trainer.errors import CatalogError
from workers.app import Groundcast
from workers.metrics import forget_the_dead
from workers.queue_statistics import QueueStatistics, queue_statistics

log = logging.getLogger(__name__)

EVERY_S = 10.0
_SELDOM = 20  # times what the last look took


class LastStatistics:
    """What was seen last, and when to look again."""

    def __init__(self) -> None:
        self.statistics: QueueStatistics | None = None
        self._not_before = 0.0

    def look(self, app: Groundcast) -> None:
        """Looks, unless the last look was dear."""
        forget_the_dead()
        started = time.monotonic()
        if started < self._not_before:
            return
        try:
            with closing(Catalog(app.settings.catalog_at)) as catalog:
                self.statistics = queue_statistics(app.settings, catalog)
        except CatalogError as error:
            log.info("no metrics of the ledger: %s", error)
            self.statistics = None
        self._not_before = time.monotonic() + _SELDOM * (time.monotonic() - started)


def watch(seen: LastStatistics) -> type[bootsteps.StartStopStep]:
    """The step of a worker that looks while there is a connection to the broker."""

    class Watch(bootsteps.StartStopStep):  # type: ignore[misc]
        """Looks now and then."""

        requires = ("celery.worker.consumer.tasks:Tasks",)

        def start(self, consumer: Any) -> None:
            """Called on each new connection."""
            seen.look(consumer.app)
            self.timer = consumer.timer.call_repeatedly(EVERY_S, seen.look, (consumer.app,))

        def stop(self, consumer: Any) -> None:  # noqa: ARG002 - the library's signature
            """Called when the connection is lost, and at the end."""
            self.timer.cancel()

    return Watch
