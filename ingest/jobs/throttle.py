"""How many read at once: few where reading computes, more where it mostly waits for a network or a disk.

Readers that wait leave the processor to others, so there are more of them, until together they keep it half as busy as
so many that compute; but only while the model waits for them, for beside a model at work they wait for the processor
too. It does not know what is read.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

MOST_READERS = 16
"""As many as wait for one host at once; `ingest.sources.web` keeps as many connections to it."""
_LOOKED_AT = 8  # items read, at least, before the number of readers is changed


class Throttle:
    """Lets so many readers through at once.

    Args:
        readers: How many read at once where reading computes; up to `MOST_READERS` do where it waits.

    Attributes:
        readers: How many may read at once now.
        most: How many threads are needed for it.
    """

    def __init__(self, *, readers: int) -> None:
        self.readers, self.most = readers, max(readers, MOST_READERS)
        self._computing_readers = readers
        self._reading, self._changed = 0, threading.Condition()
        self._looked_at, self._awaited, self._window_s, self._window_cpu_s = 0, 0, 0.0, 0.0

    @contextmanager
    def reading(self) -> Iterator[None]:
        """A reader's turn with one item: waits while others enough read."""
        with self._changed:
            self._changed.wait_for(lambda: self._reading < self.readers)
            self._reading += 1
        try:
            yield
        finally:
            with self._changed:
                self._reading -= 1
                self._changed.notify()

    def took(self, *, seconds: float, cpu_s: float, awaited: bool) -> None:
        """Counts an item read: how long it took, how much of it was computing, and whether the model waited for it."""
        self._looked_at += 1
        self._awaited += awaited
        self._window_s += seconds
        self._window_cpu_s += cpu_s
        if self._looked_at >= max(_LOOKED_AT, 2 * self.readers):
            self._adapt()

    def _adapt(self) -> None:
        """Twice as many where those there are hardly compute and are waited for, half as many where they crowd."""
        cores = self.readers * self._window_cpu_s / self._window_s if self._window_s > 0 else float(self.readers)
        behind = self._awaited > self._looked_at / 2
        self._looked_at, self._awaited, self._window_s, self._window_cpu_s = 0, 0, 0.0, 0.0
        with self._changed:
            if behind and cores < self._computing_readers / 2:
                self.readers = min(self.most, 2 * self.readers)
            elif cores > self._computing_readers:
                self.readers = max(self._computing_readers, self.readers // 2)
            self._changed.notify_all()
