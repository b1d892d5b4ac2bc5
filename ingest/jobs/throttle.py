"""Whose turn it is on the processor: readers' or the model's.

A model on a CPU takes every core and waits for the slowest of its threads, so a reader beside it costs it more than
the reader gains. Then both take turns. Where reading mostly waits, for a network or a disk, or where the model has a
device of its own, they run side by side. It does not know what is read or computed.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_WAITS = 3.0  # seconds a read takes to one of computing, above which it mostly waits; two threads and a lock make 1.2


class Throttle:
    """Lets readers through while the model rests.

    Args:
        shared: Readers and model share the cores.
    """

    def __init__(self, *, shared: bool) -> None:
        self._shared = shared
        self._readers_turn = threading.Event()
        self._readers_turn.set()
        self._read_s = 0.0
        self._read_cpu_s = 0.0

    def to_read(self) -> None:
        """Called by a reader before an item: waits while the model has its turn."""
        self._readers_turn.wait()

    def took(self, *, seconds: float, cpu_s: float) -> None:
        """Counts an item read: how long it took, and how much of that was computing."""
        self._read_s += seconds
        self._read_cpu_s += cpu_s

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
