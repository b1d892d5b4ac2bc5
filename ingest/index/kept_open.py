"""The indexes that are asked, kept open: to open one takes longer than its answer.

One that was not asked for a while is closed: an embedded index admits one process, and whoever builds or mends it
should not have to wait until this one ends. A server that has just failed is not asked again for a few seconds, so that
nobody waits for it at every question.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from ingest.catalog.catalog import Catalog, Collection
from ingest.index.protocol import Index
from ingest.index.upkeep import REST_S, follow, is_present, open_for_search
from ingest.settings import Settings
from trainer.errors import VectorIndexError

IDLE_S = 10.0


class KeptOpen:
    """Opens the indexes of collections when they are asked, and closes them when they no longer are.

    Args:
        settings: Where they live.
        catalog: The ledger that they follow.
        idle_s: Seconds without a question after which one is closed.
    """

    def __init__(self, settings: Settings, catalog: Catalog, *, idle_s: float = IDLE_S) -> None:
        self._settings = settings
        self._catalog = catalog
        self._idle_s = idle_s
        self._open: dict[str, tuple[datetime, Index]] = {}  # with the day the collection was made
        self._timers: dict[str, threading.Timer] = {}
        self._failed: dict[str, tuple[float, VectorIndexError]] = {}  # until when it rests
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    @contextmanager
    def of(self, collection: Collection) -> Iterator[tuple[Index, int]]:
        """The index of a collection, and how many items of the archive it lacks; one caller's at a time.

        Below 0 it has items that the archive has not.

        Raises:
            VectorIndexError: As `ingest.index.upkeep.open_for_search`; one that fails is opened anew for the next.
        """
        with self._locks[collection.name]:
            if timer := self._timers.pop(collection.name, None):
                timer.cancel()
            self._refuse_resting(collection.name)
            try:
                yield self._followed(collection)
            except VectorIndexError as error:
                self._close(collection.name)
                if self._settings.qdrant_url is not None:
                    self._failed[collection.name] = time.monotonic() + REST_S, error
                raise
            finally:
                if collection.name in self._open:
                    self._close_later(collection.name)

    def close(self) -> None:
        """Closes all of them; a question opens one again."""
        for name in list(self._open):
            with self._locks[name]:
                if timer := self._timers.pop(name, None):
                    timer.cancel()
                self._close(name)

    def _refuse_resting(self, name: str) -> None:
        until, error = self._failed.pop(name, (0.0, None))
        if error is not None and time.monotonic() < until:
            self._failed[name] = until, error
            raise type(error)(str(error)) from error

    def _followed(self, collection: Collection) -> tuple[Index, int]:
        made, index = self._open.get(collection.name, (None, None))
        # another collection of that name, a folder that somebody removed, or one that was built anew beside it
        if index is not None and (
            made != collection.created_at or not is_present(self._settings, self._catalog, index, collection)
        ):
            self._close(collection.name)
            index = None
        if index is None:
            index = open_for_search(self._settings, self._catalog, collection)
            self._open[collection.name] = collection.created_at, index
        return index, follow(self._settings, self._catalog, index, collection)

    def _close_later(self, name: str) -> None:
        timer = threading.Timer(self._idle_s, lambda: self._close_idle(name, timer))
        timer.daemon = True
        self._timers[name] = timer
        timer.start()

    def _close_idle(self, name: str, timer: threading.Timer) -> None:
        with self._locks[name]:
            if self._timers.get(name) is timer:  # nobody has asked while this waited for the lock
                del self._timers[name]
                self._close(name)

    def _close(self, name: str) -> None:
        _, index = self._open.pop(name, (None, None))
        if index is not None:
            with suppress(VectorIndexError):  # what was broken has been told to whoever asked
                index.close()
