"""Messages to workers: sent as far as the broker takes them; what it does not take is sent later."""

import logging

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from ingest.catalog.catalog import Catalog
from ingest.catalog.dispatch import next_dispatches, not_sent
from workers.app import EMBED, QUEUES, Groundcast, reap_every_s

log = logging.getLogger(__name__)

# kombu wraps most of what the client raises, but not what happens on a channel that is open already
BROKER_ERRORS = (OperationalError, RedisError, OSError)
PRIORITIES = {"high": 0, "normal": 5, "low": 9}


def dispatch_chunks(app: Groundcast, catalog: Catalog) -> bool:
    """Wakes workers for the chunks whose turn it is; False where the broker does not take all messages now."""
    every_s = reap_every_s(app.settings)
    try:
        empty = depths(app)["embed"] == 0
    except BROKER_ERRORS as error:
        log.warning("no worker was woken, Redis does not answer: %s", error)
        return False
    # what was sent and is not in the queue was lost, or is in somebody's hands this moment
    messages = next_dispatches(catalog, lost_after_s=2 * every_s if empty else app.settings.lease_s)
    for number, message in enumerate(messages):
        if not send(app, EMBED, message.key, priority=message.priority):
            # given back to the ledger, which counts them as sent when it hands them out
            not_sent(catalog, messages[number:])
            return False
    return True


def send(app: Celery, task: str, argument: str, *, priority: int = 5, queue: str | None = None) -> bool:
    """Sends one message, to the queue of its task or to another; False where the broker does not take it now."""
    try:
        app.send_task(task, (argument,), priority=priority, queue=queue)
    except BROKER_ERRORS as error:
        log.warning("%s %s was not sent, Redis did not take it: %s", task, argument, error)
        return False
    return True


def depths(app: Celery) -> dict[str, int]:
    """How many messages wait in each queue."""
    with app.connection_for_read() as connection:
        channel = connection.default_channel
        return {queue: channel._size(queue) for queue in QUEUES}  # all its priorities
