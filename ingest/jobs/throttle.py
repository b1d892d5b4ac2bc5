"""Whose turn it is on the processor: readers' or the model's; and how many readers there are.

A model on a CPU takes every core and waits for the slowest of its threads, so a reader beside it costs it more than
the reader gains. Then both take turns. Where reading mostly waits, for a network or a disk, or where the model has a
device of its own, they run side by side. Readers that wait leave the processor to others, so there are more of them,
until together they keep it half as busy as so many that compute. It does not know what is read or computed.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

MOST_READERS = 16
"""As many as wait for one host at once; `ingest.sources.web` keeps as many connections to it."""
_LOOKED_AT = 8  # items read, at least, before the number of readers is changed
_WAITS = 3.0  # seconds a read takes to one of computing, above which it mostly waits; two threads and a lock make 1.2


class Throttle:
    """Lets readers through while the model rests.

    Args:
        shared: Readers and model share the cores.
        readers: How many read at once where reading computes; up to `MOST_READERS` do where it waits.

    Attributes:
        readers: How many may read at once now.
        most: How many threads are needed for it.
    """

    def __init__(self, *, shared: bool, readers: int) -> None:
        self.readers, self.most = readers, max(readers, MOST_READERS)
        self._computing_readers = readers
        self._reading, self._changed = 0, threading.Condition()
        self._looked_at, self._window_s, self._window_cpu_s = 0, 0.0, 0.0
        self._shared = shared
        self._readers_turn = threading.Event()
        self._readers_turn.set()
        self._read_s = 0.0
        self._read_cpu_s = 0.0

    @contextmanager
    def reading(self) -> Iterator[None]:
        """A reader's turn with one item: waits while the model has its own, and while others enough read."""
        with self._changed:
            self._changed.wait_for(lambda: self._reading < self.readers)
            self._reading += 1
        try:
            self._readers_turn.wait()
            yield
        finally:
            with self._changed:
                self._reading -= 1
                self._changed.notify()

    def took(self, *, seconds: float, cpu_s: float) -> None:
        """Counts an item read: how long it took, and how much of that was computing."""
        self._read_s += seconds
        self._read_cpu_s += cpu_s
        self._looked_at += 1
        self._window_s += seconds
        self._window_cpu_s += cpu_s
        if self._looked_at >= max(_LOOKED_AT, 2 * self.readers):
            self._adapt()

    def _adapt(self) -> None:
        """Twice as many readers where those there are hardly compute, half as many where they crowd each other."""
        cores = self.readers * self._window_cpu_s / self._window_s if self._window_s > 0 else float(self.readers)
        self._looked_at, self._window_s, self._window_cpu_s = 0, 0.0, 0.0
        with self._changed:
            if cores < self._computing_readers / 2:
                self.readers = min(self.most, 2 * self.readers)
            elif cores > self._computing_readers:
                self.readers = max(self._computing_readers, self.readers // 2)
            self._changed.notify_all()

    @contextmanager
    def computing(self) -> Iterator[None]:
        """The model's turn, if what was read since the last one was not mostly waiting."""
        waits = self._read_s > _WAITS * self._read_cpu_s
        self._read_s = self._read_cpu_s = 0.0
        if not self._shared or waits:
            yield
            return
        # a reader in the middle of an item goes on with it
        self._readers_turn.clear()
        try:
            yield
        finally:
            self._readers_turn.set()
