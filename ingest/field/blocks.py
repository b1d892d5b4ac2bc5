"""Work on many rows: block by block, so that memory is fixed, by several threads.

NumPy's functions let other threads run; its BLAS would start threads of its own besides, so while blocks are worked on
it is held to one. What a thread works with from piece to piece it keeps: the kernel clears fresh memory page by page,
which takes about as long as what is done with it. It does not know what the work is.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController


def each_block(n: int, size: int, work: Callable[[int, int], None], *, threads: int) -> None:
    """Calls ``work(start, stop)`` for the blocks of n rows; of two errors the first is raised."""
    starts = iter(range(0, n, size))

    def share() -> None:
        # one step of a range is one step of the interpreter: no two threads get the same block
        while (start := next(starts, None)) is not None:
            work(start, min(start + size, n))

    with _one_blas_thread:
        if threads < 2 or n <= size:
            share()
            return
        with ThreadPoolExecutor(threads) as pool:
            for share_done in [pool.submit(share) for _ in range(threads)]:
                share_done.result()


def scratch(rows: int, width: int) -> npt.NDArray[np.float32]:
    """Memory of this thread, float32 [rows, width], of any content; whoever asks next gets the same."""
    if _kept.memory.size < rows * width:
        _kept.memory = np.empty(rows * width, np.float32)
    return _kept.memory[: rows * width].reshape(rows, width)


class _Kept(threading.local):
    memory = np.empty(0, np.float32)


_kept = _Kept()


class _OneBlasThread:
    """Holds NumPy's BLAS to one thread as long as anybody is inside."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._controller: ThreadpoolController | None = None
        self._limit: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if self._controller is None:
                self._controller = ThreadpoolController()  # looks through the loaded libraries: milliseconds
            if self._inside == 0:
                self._limit = self._controller.limit(limits=1, user_api="blas")
            self._inside += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._limit.restore_original_limits()


_one_blas_thread = _OneBlasThread()
