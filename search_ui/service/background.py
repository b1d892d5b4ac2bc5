"""Long work of the app: commands of the command line, each in a process of its own, so that no page waits for it.

What they print goes into files in the home folder. Work goes on when the page is closed, and ends with the server; an
ingest that was cut off goes on where it stopped. How many tiles are done stands in the ledger, not here.
"""

import atexit
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ingest.catalog.aliases import Aliases
from ingest.catalog.catalog import Catalog
from ingest.catalog.saved_searches import SavedSearches
from ingest.settings import Settings
from trainer.errors import UsageError

_TAIL_BYTES = 4_000
_END_S = 10.0
_BAR = re.compile(
    r"^(?:(?P<what>.*?):)?\s*(?P<percent>\d+)%\|.*\| (?P<done>\S+)/(?P<all>\S+) \[[^<]*<(?P<left>[^,\]]*)"
)


@dataclass(frozen=True)
class Bar:
    """A progress bar that a command printed.

    Attributes:
        what: What goes on; empty: it did not say.
        share: How much of it is done, 0..1.
        amounts: Such as ``120M of 354M``.
        left: How long the rest takes, such as ``01:12``; empty: not known.
    """

    what: str
    share: float
    amounts: str
    left: str

    @classmethod
    def parse(cls, line: str) -> "Bar | None":
        """The bar in a line as tqdm prints it, or None."""
        found = _BAR.search(line)
        if found is None:
            return None
        left = "" if found["left"] == "?" else found["left"]
        return cls(found["what"].strip(), int(found["percent"]) / 100, f"{found['done']} of {found['all']}", left)


@dataclass(frozen=True)
class Task:
    """A command that was started.

    Attributes:
        title: What it does, in words that the page shows.
        log: The file with what it prints, standard output and error together.
        started_at: When it was started, seconds since 1970.
        process: The child process that runs it.
        collection: The collection or gallery that it brings something into, by any of its names; None: none.
    """

    title: str
    log: Path
    started_at: float
    process: "subprocess.Popen[bytes]"
    collection: str | None = None

    @property
    def running(self) -> bool:
        """Whether it is still at work."""
        return self.process.poll() is None

    @property
    def failed(self) -> bool:
        """Whether it ended, and not well."""
        return not self.running and self.process.returncode != 0

    def last_line(self) -> str:
        """The last thing that it printed, or why the system ended it."""
        if not self.running and self.process.returncode == -signal.SIGBUS:
            return "the disk is full: make room there and go on; what was done is kept"
        lines = self._lines()
        return lines[-1] if lines else ""

    def bar(self) -> "Bar | None":
        """How far it is, where the last thing that it printed is a progress bar."""
        return Bar.parse(self.last_line())

    def _lines(self) -> list[str]:
        try:
            with self.log.open("rb") as file:
                # the end alone: a log of hours has megabytes, and a page asks every other second
                file.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return []
        # a progress bar rewrites its line by \r: each state of it is a line here
        return [line.strip() for line in text.replace("\r", "\n").splitlines() if line.strip()]


@dataclass
class Background:
    """The commands of one home. May be used from several threads.

    Attributes:
        settings: Of the home: its path, under which logs are kept.
    """

    settings: Settings
    _tasks: dict[str, Task] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        atexit.register(self.close)

    def start(self, name: str, title: str, arguments: Sequence[str], *, collection: str | None = None) -> Task:
        """Start a command.

        Args:
            name: Of the work; no two of one name run at once.
            title: What it does, in words that the page shows.
            arguments: Words of the command line behind `groundcast --home HOME`.
            collection: The collection or gallery that it brings something into.

        Raises:
            UsageError: It runs already.
        """
        with self._lock:
            before = self._tasks.get(name)
            if before is not None and before.running:
                raise UsageError(f"{before.title} is already at work: wait for it to end")
            folder = self.settings.home / "logs"
            folder.mkdir(parents=True, exist_ok=True)
            log = folder / f"{name}.log"
            command = [sys.executable, "-m", "search_ui.cli", "--home", str(self.settings.home), *arguments]
            root = Path(__file__).resolve().parents[2]  # where it is not installed, it runs from there
            path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
            with log.open("wb") as sink:
                process = subprocess.Popen(  # noqa: S603 - our own program; no shell
                    command, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT,
                    # -1: the hub's library then shows its progress bars where there is no terminal, too
                    env=os.environ | {"PYTHONPATH": path, "TQDM_POSITION": "-1"},
                )  # fmt: skip
            task = Task(title, log, time.time(), process, collection)
            self._tasks[name] = task
            return task

    def task(self, name: str) -> Task | None:
        """The last command of that name, running or not."""
        return self._tasks.get(name)

    def at_work(self, names: Sequence[str]) -> Task | None:
        """The command that brings something into a collection or gallery right now.

        Args:
            names: Every name that the collection or gallery has had.
        """
        return next((task for task in list(self._tasks.values()) if task.collection in names and task.running), None)

    def tasks(self) -> dict[str, Task]:
        """Every command by its name, the latest first."""
        return dict(sorted(self._tasks.items(), key=lambda one: -one[1].started_at))

    def close(self) -> None:
        """End what still runs; what was done stays."""
        running = [task.process for task in self._tasks.values() if task.running]
        # all are asked first, then waited for: they end side by side
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()


def begin_check(settings: Settings, catalog: Catalog, collection: str) -> None:
    """Begin `groundcast searches check` in a process that nobody waits for; nothing where no search is saved.

    Args:
        settings: Of the home.
        catalog: The open catalog, which keeps the saved searches.
        collection: What new tiles have come into, by any of its names.
    """
    collection = Aliases(catalog).present_name(collection)
    if not any(saved.collection == collection for saved in SavedSearches(catalog).all()):
        return
    asked = ["searches", "check", f"--collection={collection}"]
    subprocess.Popen(  # noqa: S603 - our own program; no shell
        [sys.executable, "-m", "search_ui.cli", "--home", str(settings.home), *asked],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
