"""Chunks finished in one background thread, one behind the model: part → index → ledger.

It does not know how items are read or embedded.
"""

import logging
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ingest.archive.parts import Archive, ArchivePart
from ingest.catalog.catalog import Chunk, Failure
from ingest.index.points import points
from ingest.jobs.work import IngestSummary, Target

log = logging.getLogger(__name__)


class Finished(Protocol):
    """A chunk whose items have all been dealt with."""

    chunk: Chunk
    skipped: Counter[str]
    failures: list[Failure]
    seconds: float

    @property
    def done(self) -> int:
        """Items that its part has."""

    def write(self, archive: Archive, meta: dict[str, Any]) -> ArchivePart:
        """Writes its part; see `Archive.write`."""


@dataclass
class Gathering:
    """A chunk whose items are coming in."""

    chunk: Chunk
    skipped: Counter[str]
    started: float
    seconds: float = 0.0
    records: list[dict[str, Any]] = field(default_factory=list)
    vectors: list[npt.NDArray[np.float32]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def complete(self) -> bool:
        """Whether every item has been dealt with."""
        return len(self.chunk.item_ids) == len(self.records) + self.skipped.total() + len(self.failures)

    @property
    def done(self) -> int:
        """Items that its part has."""
        return len(self.records)

    def write(self, archive: Archive, meta: dict[str, Any]) -> ArchivePart:
        """Writes its part; see `Archive.write`."""
        return archive.write(self.chunk.key, self.records, np.stack(self.vectors), meta)


class Writer:
    """Finishes chunks in one background thread, one behind the model: part → index → ledger."""

    def __init__(self, work: Target, report: IngestSummary) -> None:
        self.work = work
        self.report = report
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="write")
        self._pending: Future[None] | None = None

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True)
        self._settle()  # what the last chunk met is raised here

    def put(self, gathered: Finished) -> None:
        """Hands a chunk over; waits while the chunk before it is being written, and raises what that one met."""
        started = time.perf_counter()
        self._settle()
        self.report.held_up_s += time.perf_counter() - started
        self._pending = self._pool.submit(self._write, gathered)

    def _settle(self) -> None:
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def _write(self, gathered: Finished) -> None:
        started = time.perf_counter()
        key = gathered.chunk.key
        if not self._finish(gathered):
            self._lost(key)
            return
        self.report.done += gathered.done
        self.report.skipped.update(gathered.skipped)
        self.report.failed.update(failure.reason for failure in gathered.failures)
        seconds = time.perf_counter() - started
        self.report.write_s += seconds
        done, failed = gathered.done, len(gathered.failures)
        fields = {"job": self.report.job, "chunk": key, "seconds": round(seconds, 3), "done": done, "failed": failed}
        log.info("chunk %s: %d done, %d failed, written in %.2f s", key, done, failed, seconds, extra=fields)

    def _finish(self, gathered: Finished) -> bool:
        """Part, index, ledger, if the chunk is still this process's: another may have done it while this one slept."""
        self.work.archive.require_space()
        if not self.work.leases.holds(gathered.chunk.key):
            return False
        return self._index_and_record(gathered, self._archive(gathered))

    def _archive(self, gathered: Finished) -> ArchivePart | None:
        """Writes the part; none of a chunk without vectors."""
        work = self.work
        if gathered.done:
            meta = {
                "collection": work.collection.name,
                "model_id": work.collection.model_id,
                "source": work.collection.spec.get("source"),
                "attribution": work.collection.spec.get("attribution"),
                "skipped": dict(gathered.skipped),
                "failures": [vars(failure) for failure in gathered.failures],
            }
            return gathered.write(work.archive, meta)
        return None

    def _index_and_record(self, gathered: Finished, part: ArchivePart | None) -> bool:
        work, key, done = self.work, gathered.chunk.key, gathered.done
        # points of the part as stored, so that an index built later from the archive holds the same
        indexed = part is None or work.index.put(lambda: points(part, work.collection.kind))
        return work.leases.finish(
            key,
            state="done" if indexed else "archived",
            done=done,
            skipped=dict(gathered.skipped),
            failures=gathered.failures,
            seconds=gathered.seconds,
            sha256=None if part is None else part.sha256,
        )

    def _lost(self, key: str) -> None:
        """The lease has passed to another. A part whose chunk is no more, such as one that was split, must not stay."""
        log.warning("chunk %s has passed to another worker, which does it", key)
        self.report.lost += 1
        if not self.work.catalog.has_chunk(key):
            self.work.archive.remove(key)
