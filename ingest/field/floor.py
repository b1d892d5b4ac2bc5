"""The lowest score that is still among the best, while scores come in; what cannot reach it need not be worked out.

It does not know what is scored.
"""

import threading

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


class Floor:
    """Of the `count` highest scores so far the lowest. May be used from several threads.

    Attributes:
        value: −inf as long as there are fewer.
    """

    def __init__(self, count: int) -> None:
        self.value = -np.inf
        self._best: Floats = np.full(count, -np.inf, np.float32)
        self._lock = threading.Lock()

    def rise(self, scores: Floats) -> None:
        """More scores, [n]; what is not finite is none."""
        if not len(scores := scores[scores > self.value]):
            return
        with self._lock:
            count, both = len(self._best), np.concatenate([self._best, scores[np.isfinite(scores)]])
            self._best = np.partition(both, len(both) - count)[len(both) - count :]
            self.value = float(self._best.min())
