"""The reaper: every few seconds one worker of all looks for what was left lying.

Over-age leases are freed, chunks without a message get one, jobs without anything left are closed, indexes that are
behind are brought up to date, and collections that were deleted a day ago are removed. It runs in the worker's parent,
in Celery's own loop: a thread there could hold a lock in the moment in which a child is forked.
"""

import logging
from contextlib import closing
from typing import Any

from celery import bootsteps

from ingest.catalog.catalog import Catalog
from ingest.catalog.deletions import Deletions
from ingest.catalog.dispatch import claim_turn, close_finished, to_be_indexed
from ingest.catalog.leases import free_overdue
from trainer.errors import CatalogError
from workers.app import INDEX, REMOVE, Groundcast, reap_every_s
from workers.dispatch import dispatch_chunks, send

log = logging.getLogger(__name__)

_REMOVE_S = 600.0  # so often what is overdue is looked for: the app does it, too


class Reaper(bootsteps.StartStopStep):  # type: ignore[misc]
    """Sweeps while the worker has a connection to the broker."""

    # when that step runs the consumer has its connection and its queues
    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, consumer: Any) -> None:
        """Called on each new connection."""
        app: Groundcast = consumer.app
        self.timer = consumer.timer.call_repeatedly(reap_every_s(app.settings), reap, (app,))

    def stop(self, consumer: Any) -> None:  # noqa: ARG002 - the library's signature
        """Called when the connection is lost, and at the end."""
        self.timer.cancel()


def reap(app: Groundcast) -> None:
    """One look, unless another worker has just had it."""
    every_s = reap_every_s(app.settings)
    try:
        with closing(Catalog(app.settings.catalog_at)) as catalog:
            # 0.9: a timer that comes a little early must not miss its own turn
            if not claim_turn(catalog, "reap", 0.9 * every_s):
                return
            freed = free_overdue(catalog)
            if freed:
                log.warning("%d chunks of workers that are gone are free again", freed)
            close_finished(catalog)
            # embedding first: messages for indexes only where Redis took those
            if dispatch_chunks(app, catalog):
                _index(app, catalog, every_s)
                _remove(app, catalog)
    except CatalogError as error:
        if str(error) != app.complaint:  # said once, not every few seconds
            log.warning("no look at what was left lying until this is mended: %s", error)
        app.complaint = str(error)
    else:
        app.complaint = ""


def _index(app: Groundcast, catalog: Catalog, every_s: float) -> None:
    on_server = app.settings.qdrant_url is not None
    for collection in to_be_indexed(catalog, while_running=on_server):
        if claim_turn(catalog, f"index {collection}", 3 * every_s):
            send(app, INDEX, collection)


def _remove(app: Groundcast, catalog: Catalog) -> None:
    if Deletions(catalog).overdue() and claim_turn(catalog, "remove", _REMOVE_S):
        send(app, REMOVE, "")
