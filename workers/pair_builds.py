"""Calls workers to a build of training pairs, and says why none of them gets on with it."""

import time
from collections.abc import Callable

from ingest.catalog.catalog import Catalog
from ingest.pairs.handover import handed_over
from workers.app import PAIRS, QUEUES, Groundcast
from workers.dispatch import BROKER_ERRORS, depths, send

_AGAIN_S = 10.0  # until a message that changed nothing is sent again
_PATIENCE_S = 30.0  # until it is said that nobody is at work


class Caller:
    """Called again and again with the number of shards that nobody has in hand.

    Args:
        app: The Celery application that sends.
        catalog: The ledger, where workers note why they cannot go on.
        key: Of the build, as `ingest.pairs.handover` wrote it.
        with_model: It needs a model, so it is for workers of the queue ``embed``, else of ``light``.
        tell: Told, once, what a person should know.
    """

    def __init__(
        self, app: Groundcast, catalog: Catalog, key: str, *, with_model: bool, tell: Callable[[str], object]
    ) -> None:
        self._app, self._catalog, self._key, self._tell = app, catalog, key, tell
        self._queue = QUEUES[0 if with_model else 1]
        self._free = 0
        self._since = self._sent = time.monotonic()  # since nothing has changed; of the last message
        self._told: set[str] = set()

    def __call__(self, free: int) -> None:
        """Sends a message for each free shard, unless messages wait already or have just been sent."""
        now, changed = time.monotonic(), free != self._free
        self._free = free
        if changed:
            self._since = now
        answers = True
        if free and (changed or now - self._sent > _AGAIN_S):
            answers = self._sends(free)
            self._sent = now
        build = handed_over(self._catalog, self._key)
        if build is not None and build.note:
            self._once(f"a worker cannot go on: {build.note}")
        elif not answers:
            self._once(f"{free} shards wait, and Redis does not answer")
        elif free and now - self._since > _PATIENCE_S:
            self._once(f"{free} shards wait, and nobody is at work on them: start `groundcast worker`")

    def _sends(self, free: int) -> bool:
        """Whether messages wait or were taken."""
        try:
            # messages wait: more of them would only pile up
            if depths(self._app)[self._queue]:
                return True
        except BROKER_ERRORS:
            return False
        return all(send(self._app, PAIRS, self._key, queue=self._queue) for _ in range(free))

    def _once(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            self._tell(message)
