"""What was computed lately, kept within bounds; what two threads ask for at once is computed once.

It does not know what the values are.
"""

import math
import threading
from collections.abc import Callable, Hashable
from operator import itemgetter
from typing import Generic, TypeVar

from cachetools import TTLCache, cached

V = TypeVar("V")


class Recent(Generic[V]):
    """Values by key; the one that was not asked for longest goes first.

    Args:
        most: How many are kept.
        max_bytes: How large they may be together; None: without bound.
        seconds: For how long each is kept.
    """

    def __init__(self, most: int, *, max_bytes: int | None = None, seconds: float = math.inf) -> None:
        whole = most if max_bytes is None else max_bytes
        self._least = max(1, whole // most)  # so much each takes at least, which bounds their number
        self._kept: TTLCache[Hashable, tuple[V, int], float] = TTLCache(whole, seconds, getsizeof=itemgetter(1))
        self._once = cached(self._kept, key=lambda key, _: key, condition=threading.Condition())(lambda _, made: made())

    def __len__(self) -> int:
        """How many there are."""
        return len(self._kept)

    def get(self, key: Hashable, make: Callable[[], V], *, size: Callable[[V], int] = lambda _: 0) -> V:
        """The value of a key, made if it is not there; an error of `make` is passed on, and nothing is kept.

        Args:
            key: Says everything that the value depends on.
            make: Computes it.
            size: Its size in bytes; one that is larger than all may be together is not kept.
        """

        def made() -> tuple[V, int]:
            value = make()
            return value, max(self._least, size(value))

        kept: V = self._once(key, made)[0]
        return kept
