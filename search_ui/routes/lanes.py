"""Threads by lane: cutting pictures, or a film of a year, never takes the threads that answer searches.

It does not know what is answered.
"""

import os
from collections.abc import Callable
from typing import Literal, TypeVar

import anyio.to_thread
from anyio import CapacityLimiter

from search_ui.routes.problems import BusyError

Lane = Literal["fast", "pictures", "heavy"]
T = TypeVar("T")


class Lanes:
    """How many work at once in each lane, and how many may wait for them."""

    def __init__(self, *, waiting: int = 400) -> None:
        cores = os.cpu_count() or 1
        self._most_waiting = waiting
        self._limiters: dict[Lane, CapacityLimiter] = {
            "fast": CapacityLimiter(max(4, 2 * cores)),
            "pictures": CapacityLimiter(max(2, cores)),
            "heavy": CapacityLimiter(max(1, cores // 4)),
        }

    async def run(self, lane: Lane, work: Callable[[], T]) -> T:
        """Do work in a thread of a lane.

        Raises:
            BusyError: Too many wait already.
        """
        limiter = self._limiters[lane]
        waiting = limiter.statistics().tasks_waiting
        if waiting >= self._most_waiting:
            raise BusyError(f"{waiting} others are waiting: ask again in a moment")
        return await anyio.to_thread.run_sync(work, limiter=limiter)
