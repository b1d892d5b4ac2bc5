"""Previews of imagery that somebody is about to add: made in processes of their own, a few at a time, within a limit.

No page and no question waits for one: whoever asks looks again later. It does not know how they are drawn.
"""

import json
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cachetools import LRUCache, TTLCache

from ingest.settings import Settings
from search_ui.service.brought.confined import Confined
from trainer.errors import GroundcastError, SourceError

if TYPE_CHECKING:
    from ingest.jobs.request import Request
    from search_ui.maps.previews import Pictured

LIMIT_S = 60.0
AT_ONCE = 2
_BYTES = 2 * 2**30  # of memory, for each
_KEPT, _KEPT_S = 32, 300.0  # its files may change
_VISITORS = 256


@dataclass(eq=False)
class PreviewTask:
    """A preview that is being made, or was.

    Attributes:
        key: Says all that it depends on.
        began_at: Seconds since 1970; of one that waits for its turn, when it was asked for.
        pictured: None: not there yet, or it cannot be made.
        error: Why there is none.
        too_much: Whether that is because it takes more than may be spent on a preview.
    """

    key: str
    began_at: float
    pictured: "Pictured | None" = None
    error: GroundcastError | None = None
    too_much: bool = False
    ended: threading.Event = field(default_factory=threading.Event)
    given_up: threading.Event = field(default_factory=threading.Event)

    def seconds(self) -> float:
        """For how long it has been made, or has waited for its turn."""
        return time.time() - self.began_at


class Previews:
    """The previews of one home. May be used from several threads.

    Args:
        settings: Of the home.
        limit_s: After so many seconds one is given up.
    """

    def __init__(self, settings: Settings, *, limit_s: float = LIMIT_S) -> None:
        self._settings, self._limit_s = settings, limit_s
        self._made: TTLCache[str, PreviewTask] = TTLCache(_KEPT, _KEPT_S)
        self._of_visitor: LRUCache[str, PreviewTask] = LRUCache(_VISITORS)
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    def of(self, visitor: str, request: "Request", input_px: int) -> PreviewTask:
        """The preview of a request, begun where it is not there yet; the visitor's one before is given up.

        Args:
            visitor: Who asks; everybody has one in the making at a time.
            request: What would be read; its collection plays no part.
            input_px: Pixels across a tile as the model gets it.
        """
        key = json.dumps([request.to_json() | {"collection": ""}, input_px], sort_keys=True)
        with self._lock:
            if key in self._made:
                return self._made[key]
            before = self._of_visitor.get(visitor)
            if before is not None and before.key == key:
                return before
            if before is not None:
                before.given_up.set()
            task = self._of_visitor[visitor] = PreviewTask(key, time.time())
        threading.Thread(target=self._make, args=(task, request, input_px), name="preview", daemon=True).start()
        return task

    def _make(self, task: PreviewTask, request: "Request", input_px: int) -> None:
        def tick(_: float) -> None:
            if task.given_up.is_set():
                raise SourceError("another preview has been asked for since")

        def refused(why: str) -> GroundcastError:
            task.too_much = True
            return SourceError(
                f"the preview {why}: a smaller area is seen sooner, and it can be added without a preview"
            )

        from search_ui.maps.previews import picture_of  # what reads imagery is loaded when some is added

        try:
            with self._turns:
                task.began_at = time.time()
                tick(0.0)
                process = Confined(memory_bytes=_BYTES, seconds=self._limit_s, refused=refused, tick=tick)
                with closing(process):
                    task.pictured = process.run(picture_of, request, input_px, self._settings.reading())
        except GroundcastError as error:
            task.error = error
        finally:
            task.ended.set()
        if task.pictured is not None:
            with self._lock:
                self._made[task.key] = task
