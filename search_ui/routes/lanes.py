"""Threads by lane: cutting pictures, or a film of a year, never takes the threads that answer searches.

In each lane those who ask take turns: whoever asks for a hundred things at once does not hold up who asks for one. It
does not know what is answered.
"""

import os
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal, TypeVar

import anyio.to_thread
from anyio import CapacityLimiter, Event

from search_ui.routes.problems import BusyError

Lane = Literal["fast", "pictures", "heavy", "uploads"]
T = TypeVar("T")


class Turns:
    """Who may work next: one of each who waits, round and round. For one event loop.

    Args:
        at_once: How many work at once.
        waiting: How many may wait. When so many do, who has less than an equal share of them waiting is let in all
            the same, up to twice as many.
    """

    def __init__(self, at_once: int, *, waiting: int) -> None:
        self._free, self._most = at_once, waiting
        self._waiting: OrderedDict[str, deque[Event]] = OrderedDict()  # the first one's turn is next

    @asynccontextmanager
    async def turn(self, who: str) -> AsyncIterator[None]:
        """Wait for one's turn, and hold it.

        Raises:
            BusyError: Too many wait already.
        """
        if self._free:  # then nobody waits
            self._free -= 1
        else:
            await self._wait(who)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, who: str) -> None:
        every, own = sum(map(len, self._waiting.values())), len(self._waiting.get(who, ()))
        share = self._most / len(self._waiting.keys() | {who})
        if every >= 2 * self._most or (every >= self._most and own >= share):
            raise BusyError(f"{every} requests are waiting: ask again in a moment")
        mine = Event()
        self._waiting.setdefault(who, deque()).append(mine)
        try:
            await mine.wait()
        except BaseException:  # it was given up
            if mine.is_set():
                self._pass_on()
            else:
                self._waiting[who].remove(mine)
                if not self._waiting[who]:
                    del self._waiting[who]
            raise

    def _pass_on(self) -> None:
        if not self._waiting:
            self._free += 1
            return
        who, queue = self._waiting.popitem(last=False)
        queue.popleft().set()
        if queue:
            self._waiting[who] = queue  # behind all the others


class Lanes:
    """How many work at once in each lane, and how many may wait for them.

    Args:
        waiting: In each lane; see `Turns`.
    """

    def __init__(self, *, waiting: int = 400) -> None:
        cores = os.cpu_count() or 1
        sizes: dict[Lane, int] = {"fast": max(4, 2 * cores), "pictures": max(2, cores), "heavy": max(1, cores // 4)}
        sizes["uploads"] = 1  # each may take as much memory as a picture that is decoded
        self._lanes = {lane: (Turns(size, waiting=waiting), CapacityLimiter(size)) for lane, size in sizes.items()}

    async def run(self, lane: Lane, work: Callable[[], T], *, who: str = "") -> T:
        """Do work in a thread of a lane.

        Args:
            lane: Which.
            work: What is to be done.
            who: Who asks, such as an address.

        Raises:
            BusyError: Too many wait already.
        """
        turns, threads = self._lanes[lane]
        async with turns.turn(who):
            return await anyio.to_thread.run_sync(work, limiter=threads)
