"""Previews of imagery that somebody is about to add: made in processes of their own, a few at a time, within a limit.

No page and no question waits for one: whoever asks looks again later. It does not know what the arguments mean.
"""

import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cachetools import LRUCache, TTLCache

from ingest.settings import Settings
from search_ui.service.background import command_of

LIMIT_S = 60.0
AT_ONCE = 2
_KEPT, _KEPT_S = 32, 300.0  # its files may change
_VISITORS = 256
_NICE = 5  # behind whoever asks a question


@dataclass(eq=False)
class PreviewTask:
    """A preview that is being made, or was.

    Attributes:
        arguments: Words of `groundcast ingest`.
        began_at: Seconds since 1970; of one that waits for its turn, when it was asked for.
        picture: PNG; None: not there yet, or it cannot be made.
        facts: What `groundcast ingest --preview --json` says of it.
        error: Why there is none.
    """

    arguments: tuple[str, ...]
    began_at: float
    picture: bytes | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
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
        self._made: TTLCache[tuple[str, ...], PreviewTask] = TTLCache(_KEPT, _KEPT_S)
        self._of_visitor: LRUCache[str, PreviewTask] = LRUCache(_VISITORS)
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    def of(self, visitor: str, arguments: Sequence[str]) -> PreviewTask:
        """The preview of a request, begun where it is not there yet; the visitor's one before is given up.

        Args:
            visitor: Who asks; everybody has one in the making at a time.
            arguments: Words of `groundcast ingest`.
        """
        asked = tuple(arguments)
        with self._lock:
            if asked in self._made:
                return self._made[asked]
            before = self._of_visitor.get(visitor)
            if before is not None and before.arguments == asked:
                return before
            if before is not None:
                before.given_up.set()
            task = self._of_visitor[visitor] = PreviewTask(asked, time.time())
        threading.Thread(target=self._make, args=(task,), name="preview", daemon=True).start()
        return task

    def _make(self, task: PreviewTask) -> None:
        try:
            with self._turns, tempfile.TemporaryDirectory(prefix="groundcast-preview-") as folder:
                task.began_at = time.time()
                self._run(task, Path(folder))
        finally:
            task.ended.set()
        if task.picture is not None:
            with self._lock:
                self._made[task.arguments] = task

    def _run(self, task: PreviewTask, folder: Path) -> None:
        picture, said = folder / "preview.png", folder / "said"
        command, environment = command_of(self._settings, ["ingest", f"--preview={picture}", "--json", *task.arguments])
        with (folder / "facts.json").open("wb") as out, said.open("wb") as errors:
            process = subprocess.Popen(  # noqa: S603 - our own program; no shell
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=errors, env=environment
            )
        with suppress(OSError):  # where that is not allowed it is as fast as any
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
        while process.poll() is None and not task.given_up.wait(0.05):
            if task.seconds() > self._limit_s:
                task.error = (
                    f"no preview within {self._limit_s:g} seconds: the imagery is large or far away; a smaller area "
                    "is seen sooner, and it can be added without a preview"
                )
                break
        if process.poll() is None:
            process.kill()
        if process.wait() == 0:
            task.picture, task.facts = picture.read_bytes(), json.loads((folder / "facts.json").read_bytes())
        elif task.error is None:
            lines = said.read_text("utf-8", "replace").strip().splitlines()
            task.error = lines[-1] if lines else "the preview ended without a word"
