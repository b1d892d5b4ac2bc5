"""What the first question needs, loaded behind the first page: says at each moment what it is at.

It does not know what is loaded.
"""

import gc
import logging
import threading
import time
from collections.abc import Callable, Sequence

from trainer.errors import GroundcastError

log = logging.getLogger(__name__)

Step = tuple[str, Callable[[], object]]


class Warming:
    """Steps that are done one after another in a thread.

    Args:
        steps: Of each what it does, in words that a page shows, and the work.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps
        self._done = threading.Event()
        self.says = steps[0][0] if steps else ""
        threading.Thread(target=self._work, name="warming", daemon=True).start()

    @property
    def ready(self) -> bool:
        """Whether all is done, or could not be: then the question says why."""
        return self._done.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait so long at most; returns whether all is done."""
        return self._done.wait(seconds)

    def _work(self) -> None:
        started = time.perf_counter()
        try:
            for says, work in self._steps:
                self.says = says
                work()
        except GroundcastError as error:
            log.warning("what the first question needs could not be loaded: %s", error)
        finally:
            self._done.set()
            # what is loaded now stays: each full collection would walk through it, and nobody is answered for 90 ms
            gc.collect()
            gc.freeze()
        log.info("ready for questions after %.1f s", time.perf_counter() - started)
