"""What was computed lately, kept within bounds; what two threads ask for at once is computed once.

It does not know what the values are.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class Recent(Generic[V]):
    """Values by key; the one that was not asked for longest goes first.

    Args:
        most: How many are kept.
        max_bytes: How large they may be together; None: without bound.
    """

    def __init__(self, most: int, *, max_bytes: int | None = None) -> None:
        self._most, self._max_bytes = most, max_bytes
        self._known: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._known)

    def get(self, key: Hashable, make: Callable[[], V], *, size: Callable[[V], int] = lambda _: 0) -> V:
        """The value of a key, made if it is not there; an error of `make` is passed on, and nothing is kept.

        Args:
            key: Says everything that the value depends on.
            make: Computes it.
            size: Its size in bytes.
        """
        found = self._look(key)
        if found is not None:
            return found[0]
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            found = self._look(key)
            if found is not None:
                return found[0]
            try:
                value = make()
                self._keep(key, value, size(value))
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return value

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._known.clear()
            self._bytes = 0

    def _look(self, key: Hashable) -> tuple[V, int] | None:
        with self._lock:
            found = self._known.get(key)
            if found is not None:
                self._known.move_to_end(key)
            return found

    def _keep(self, key: Hashable, value: V, size: int) -> None:
        with self._lock:
            self._known[key] = value, size
            self._bytes += size
            while len(self._known) > self._most or (self._max_bytes is not None and self._bytes > self._max_bytes):
                _, (_, gone) = self._known.popitem(last=False)
                self._bytes -= gone
