"""The indexes that are asked, kept open: to open one takes longer than its answer.

One that was not asked for a while is closed: an embedded index admits one process, and whoever builds or mends it
should not have to wait until this one ends.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from ingest.catalog.catalog import Catalog, Collection
from ingest.index.protocol import Index
from ingest.index.upkeep import follow, is_made, open_for_search
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
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    @contextmanager
    def of(self, collection: Collection) -> Iterator[Index]:
        """The index of a collection, up to date with the archive; one caller's at a time.

        Raises:
            VectorIndexError: As `ingest.index.upkeep.open_for_search`; one that fails is opened anew for the next.
        """
        with self._locks[collection.name]:
            if timer := self._timers.pop(collection.name, None):
                timer.cancel()
            try:
                yield self._followed(collection)
            except VectorIndexError:
                self._close(collection.name)
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

    def _followed(self, collection: Collection) -> Index:
        made, index = self._open.get(collection.name, (None, None))
        # another collection of that name, or a folder that somebody removed
        if index is not None and (made != collection.created_at or not is_made(self._settings, collection)):
            self._close(collection.name)
            index = None
        if index is None:
            index = open_for_search(self._settings, self._catalog, collection)
            self._open[collection.name] = collection.created_at, index
        else:
            follow(self._settings, self._catalog, index, collection)
        return index

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
