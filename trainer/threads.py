"""How many cores torch computes with, and threads that share them out among each other.

Needs torch. What is computed is not known here.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch


def cores() -> int:
    """How many cores torch computes with in this thread; `OMP_NUM_THREADS` decides where it is set."""
    return torch.get_num_threads()


@contextmanager
def sharing_threads(number: int) -> Iterator[ThreadPoolExecutor]:
    """So many threads, in each of which torch computes with its share of the cores."""
    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(number, "embed", torch.set_num_threads, (max(1, before // number),)) as threads:
            yield threads
    finally:
        # torch keeps the number by thread, but begins later threads with the last that was set
        torch.set_num_threads(before)
