"""Seconds and pairs of training proper; measuring and storing stand beside it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Runs from when it is made.

    Args:
        before: Seconds of the earlier parts of the run.

    Attributes:
        pairs: To be counted up by whoever trains.
    """

    def __init__(self, before: float) -> None:
        self.pairs = 0
        self._before, self._start, self._paused = before, time.perf_counter(), 0.0
        self._lap = (0, before)

    @property
    def seconds(self) -> float:
        """Seconds of training, over all parts of the run."""
        return self._before + time.perf_counter() - self._start - self._paused

    def pairs_per_s(self) -> float:
        """Since the last call."""
        pairs, seconds = self._lap
        self._lap = (self.pairs, self.seconds)
        return (self._lap[0] - pairs) / max(self._lap[1] - seconds, 1e-9)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """A block that does not count."""
        start = time.perf_counter()
        yield
        self._paused += time.perf_counter() - start
