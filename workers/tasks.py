"""The tasks: each names something in the ledger, does it if it is still to be done, and returns nothing.

A task that fails is no message that comes back: its chunk is free again in the ledger, and the reaper sends another.
"""

import logging
from functools import cache
from typing import TYPE_CHECKING, Any

from celery import shared_task

from trainer.errors import GroundcastError
from workers.app import EMBED, INDEX, PAIRS, REMOVE, Groundcast
from workers.dispatch import dispatch_chunks, send

if TYPE_CHECKING:
    from workers.context import WorkerContext

log = logging.getLogger(__name__)


@cache
def context_of(app: Groundcast) -> "WorkerContext":
    """What a worker's child keeps open between tasks; made in the child, which alone loads what is heavy."""
    from workers.context import WorkerContext

    return WorkerContext(app.settings, app.worker, app.stopping.is_set)


@shared_task(name=EMBED, bind=True)  # type: ignore[untyped-decorator]
def embed(self: Any, key: str) -> None:
    """Does a chunk and as many after it as `chunk_s` allows; nothing, if somebody else has it."""
    context = context_of(self.app)
    try:
        # whoever took a chunk has the next ones dispatched: no need to wait for the reaper
        context.embed(key, on_taken=lambda: dispatch_chunks(self.app, context.catalog))
    except GroundcastError as error:
        log.warning("chunk %s is left: %s", key, error)


@shared_task(name=INDEX, bind=True)  # type: ignore[untyped-decorator]
def index(self: Any, collection: str) -> None:
    """Brings the index of a collection up to date with its archive."""
    try:
        context_of(self.app).index(collection)
    except GroundcastError as error:
        log.warning("the index of %s stays behind: %s", collection, error)


@shared_task(name=REMOVE, bind=True)  # type: ignore[untyped-decorator]
def remove_overdue(self: Any, _: str) -> None:
    """Removes what was deleted more than a day ago."""
    try:
        context_of(self.app).remove_overdue()
    except GroundcastError as error:
        log.warning("what was deleted stays for now: %s", error)


@shared_task(name=PAIRS, bind=True)  # type: ignore[untyped-decorator]
def pairs(self: Any, key: str) -> None:
    """Makes shards of a build of pairs for about `chunk_s`, and sends for itself again if there are more."""
    try:
        if context_of(self.app).pairs(key):
            # the queue it came by: a build that needs a model goes on among workers that have one
            send(self.app, PAIRS, key, queue=self.request.delivery_info["routing_key"])
    except GroundcastError as error:
        log.warning("build %s is left: %s", key, error)
