"""Does the same to many things in threads, a little ahead of who takes the results: reading parts from a network, say.

It does not know what is done.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


def prefetched(do: Callable[[In], Out], things: Iterable[In], *, threads: int = 8, begun: int = 16) -> Iterator[Out]:
    """Results in the order of the things; the first error ends it, and what was not begun is not.

    Args:
        do: Called with one thing, by several threads at once.
        things: Taken as they are needed.
        threads: At work at once.
        begun: Results that may wait, the memory that this costs.
    """
    waiting: deque[Future[Out]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for thing in things:
                waiting.append(pool.submit(do, thing))
                if len(waiting) >= begun:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            # also where the consumer stops early: what waits is dropped, what runs is waited for
            pool.shutdown(cancel_futures=True)
