"""What stands in ledger and broker at a moment, for the metrics of workers and of the app.

It does not know who reads it.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from ingest.catalog.backlog import Backlog, backlog
from ingest.catalog.catalog import Catalog
from ingest.settings import Settings
from trainer.errors import CatalogError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class QueueStatistics:
    """Both at a moment.

    Attributes:
        backlog: Chunks by state, ages and workers, as the ledger has them.
        messages: Messages that wait in the broker, by queue; empty where there is none, or it does not answer.
    """

    backlog: Backlog
    messages: Mapping[str, int]


def queue_statistics(settings: Settings, catalog: Catalog) -> QueueStatistics | None:
    """What stands there now; None where the ledger does not answer."""
    try:
        found = backlog(catalog)
    except CatalogError as error:
        log.info("no metrics of the ledger: %s", error)
        return None
    return QueueStatistics(found, {} if settings.redis_url is None else _messages(settings))


def _messages(settings: Settings) -> Mapping[str, int]:
    from workers.app import make_app
    from workers.dispatch import BROKER_ERRORS, depths

    try:
        return depths(make_app(settings))
    except BROKER_ERRORS as error:
        log.info("no metrics of the broker: %s", error)
        return {}
