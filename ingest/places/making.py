"""Makes the files of the gazetteer ahead of the first question, in a process of its own that gives way to all others.

That process ends when they are made; killed, it leaves nothing that counts, and the next one makes them.
"""

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from ingest.places.store import are_made, is_installed, open_names, open_places
from trainer.errors import GroundcastError


class Making:
    """The process, and what it last said."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.says = "making the index of the names of places"
        threading.Thread(target=self._listen, name="names", daemon=True).start()

    @property
    def running(self) -> bool:
        """Whether it is still at work."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it; nothing of its work stays."""
        if self.running:
            self._process.terminate()
        self._process.wait()

    def _listen(self) -> None:
        with self._process:
            for line in self._process.stdout or ():
                self.says = line.strip()


def make_ahead(folder: Path) -> Making | None:
    """Begin to make them; None where they are there, or the package for them is not.

    Args:
        folder: Where they lie, `Settings.places_dir`.
    """
    if not is_installed() or are_made(folder):
        return None
    root = Path(__file__).resolve().parents[2]  # where it is not installed, it runs from there
    path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(  # noqa: S603 - our own program; no shell
        [sys.executable, "-m", "ingest.places.making", str(folder)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8",
        env=os.environ | {"PYTHONPATH": path}, start_new_session=True,
    )  # fmt: skip
    return Making(process)


def _main(folder: Path) -> int:
    def tell(line: str) -> None:
        with suppress(BrokenPipeError):  # who began it has ended; the files are wanted all the same
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

    os.nice(10)
    try:
        for make in (open_places, open_names):
            make(folder, tell).close()
    except GroundcastError as error:
        tell(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(Path(sys.argv[1])))
