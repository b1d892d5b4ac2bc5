"""The folder that a build fills: where everything lies, and files that are whole or not there.

    pairs.json              what was asked for; another request needs another folder
    train, val, test_…      the shards
    records                 one Parquet file a shard: each candidate, and what became of it
    statistics.json, .png   counts by reason and by split, and their picture
    README.md               the data card
    .work                   candidates, the plan of the shards, what of held-out photos training must not see, locks

It does not know what is in the files.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from ingest.archive import files as storage
from ingest.pairs.recipe import Recipe, differences
from trainer.errors import ArchiveError, UsageError


class Workplace:
    """Paths, and locks by which several processes share the work.

    Args:
        folder: Made by `alone`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = folder / "pairs.json"
        self.records = folder / "records"
        self.candidates = folder / ".work" / "candidates"
        self.plan = folder / ".work" / "plan"
        self.planned = folder / ".work" / "plan.json"
        self.held_out = folder / ".work" / "held_out"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Holds the whole folder; another process that holds it is waited for.

        Half-written files of a killed process are removed.

        Raises:
            ArchiveError: It cannot be written.
        """
        with writing(self.folder):
            self.candidates.mkdir(parents=True, exist_ok=True)
            self.records.mkdir(exist_ok=True)
        with self._lock("folder", wait=True):
            with writing(self.folder):
                for folder in (self.folder, self.records, self.candidates, self.plan, self.planned.parent):
                    storage.sweep(folder)
            yield

    @contextmanager
    def claimed(self, task: str) -> Iterator[bool]:
        """Holds a shard that is to be made; False where another process has it, or has made it."""
        with self._lock(task, wait=False) as mine:
            # looked at under the lock: another process may have finished it in between
            yield mine and not self.record(task).exists()

    def free(self, task: str) -> bool:
        """Whether a shard is to be made and no process is making it now."""
        with self.claimed(task) as mine:
            return mine

    @contextmanager
    def _lock(self, name: str, *, wait: bool) -> Iterator[bool]:
        """A lock that ends with the process, however that ends; False where another has it."""
        lock = FileLock(self.folder / ".work" / "locks" / f"{name}.lock", timeout=-1 if wait else 0)
        with writing(self.folder):
            Path(lock.lock_file).parent.mkdir(exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def settle(self, recipe: Recipe) -> None:
        """Begins the folder, or finds that it was begun with the same recipe.

        Raises:
            UsageError: With another one.
        """
        mine = json.loads(json.dumps(recipe.document()))  # as it comes back from the file: tuples are lists there
        if not self.settings.exists():
            write_json(self.settings, mine)
            return
        different = differences(json.loads(self.settings.read_text("utf-8")), mine)
        if different:
            raise UsageError(
                f"{self.folder} was begun with other settings ({'; '.join(different)}): take another folder"
            )

    def record(self, task: str) -> Path:
        """The record of a task, which is there when its shard is whole."""
        return self.records / f"{task}.parquet"

    def recorded(self) -> set[str]:
        """The tasks whose shards are whole."""
        return {path.stem for path in self.records.glob("*.parquet")}

    def forget(self, folder: Path) -> None:
        """Removes a folder of ours with everything in it, and makes it anew."""
        with writing(folder):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Tells what goes wrong within as an `ArchiveError`."""
    try:
        yield
    except OSError as error:
        raise ArchiveError(f"{path} cannot be written: {error.strerror or error}") from error


def write_json(path: Path, document: Any) -> None:
    """Writes a JSON file, whole or not at all."""
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    with writing(path):
        storage.write(path, lambda file: file.write(text.encode()))


def write_table(path: Path, table: pa.Table, *, row_group_size: int | None = None) -> None:
    """Writes a Parquet file, whole or not at all."""
    with writing(path):
        storage.write(path, lambda file: pq.write_table(table, file, compression="zstd", row_group_size=row_group_size))
