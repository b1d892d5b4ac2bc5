"""From items to archive and index: read in threads ahead of the model → embed in batches → part → index → ledger.

A chunk is leased, and finished in this order: its part is renamed into place, its points are upserted, its ledger row
says done. Whatever is interrupted, the same request goes on from there and repeats idempotent work only. Memory is
bounded by the read-ahead window and two chunks of vectors, whatever the number of items.

`run` does a whole job, `work_off` the chunks it is handed; a worker calls the latter. It knows neither torch nor
imagery: an `Encoder` turns images into vectors, an `Intake` lists and reads items.
"""

import itertools
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ingest.archive.parts import Archive, ArchivePart
from ingest.catalog.catalog import Catalog, Chunk, Collection, Failure, Job
from ingest.catalog.leases import Leases
from ingest.index.points import points
from ingest.index.upkeep import IndexHolder, adopt_chunk
from ingest.jobs.items import Intake, SkipItemError
from ingest.jobs.throttle import Throttle
from trainer.errors import CatalogError, ItemError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Encoder:
    """The model as the pipeline sees it.

    Attributes:
        prepare: uint8 [h, w, 3] → one model input; called from reader threads.
        embed: [n, …] model inputs → float32 [n, d], unnormalised.
        on_cpu: It computes on the cores that readers use too.
    """

    prepare: Callable[[npt.NDArray[np.uint8]], npt.NDArray[Any]]
    embed: Callable[[npt.NDArray[Any]], npt.NDArray[np.float32]]
    on_cpu: bool = True


@dataclass(frozen=True)
class Pace:
    """How a run uses the machine."""

    read_threads: int = 2
    batch_size: int = 32


@dataclass(frozen=True)
class Work:
    """What a job is done with.

    Attributes:
        collection: The job's.
        catalog: The ledger in which chunks are recorded as done.
        archive: Where parts go.
        intake: Reads the items, in several threads.
        encoder: Makes model inputs of images, and vectors of those.
        index: Held if it can be had; without it parts are written and left for whoever holds it.
        leases: Say which chunks are this process's to do.
        pace: Threads that read, images in a batch.
        progress: Called with the number of items that have been dealt with since the last call.
    """

    collection: Collection
    catalog: Catalog
    archive: Archive
    intake: Intake
    encoder: Encoder
    index: IndexHolder
    leases: Leases
    pace: Pace = field(default_factory=Pace)
    progress: Callable[[int], object] = lambda _: None


@dataclass
class IngestSummary:
    """What a run did, with the seconds of each stage (reading: summed over threads, divided by their number).

    Attributes:
        starved_s: How long the model waited for items to be read.
        held_up_s: How long the model waited for a chunk to be written and indexed.
        readers: How many read at once in the end.
        unindexed: Chunks of the collection that are not in the index yet.
        cancelled: The job was cancelled or paused meanwhile.
        lost: Chunks whose lease had passed to another before they were written.
    """

    job: str
    done: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    read_s: float = 0.0
    embed_s: float = 0.0
    write_s: float = 0.0
    starved_s: float = 0.0
    held_up_s: float = 0.0
    readers: int = 0
    wall_s: float = 0.0
    unindexed: int = 0
    cancelled: bool = False
    lost: int = 0

    def rates(self) -> dict[str, float]:
        """Items done per second, end to end and of each stage had it run alone; reading counts what it left out too."""
        read = self.done + self.skipped.total() + self.failed.total()
        stages = {
            "all": (self.done, self.wall_s),
            "read": (read, self.read_s),
            "embed": (self.done, self.embed_s),
            "write": (self.done, self.write_s),
        }
        return {name: count / seconds if seconds > 0 else 0.0 for name, (count, seconds) in stages.items()}

    def bottleneck(self) -> tuple[Literal["reading", "model", "writing"], float]:
        """The stage that set the pace, and the share of the time for which the model computed, or waited for it."""
        spent: dict[Literal["reading", "model", "writing"], float] = {
            "reading": self.starved_s,
            "model": self.embed_s,
            "writing": self.held_up_s,
        }
        stage = max(spent, key=lambda name: spent[name])
        whole = sum(spent.values())
        return stage, spent[stage] / whole if whole > 0 else 0.0


@dataclass(frozen=True)
class _Outcome:
    """One item after reading: exactly one of model input, skip reason, failure."""

    chunk: str
    record: dict[str, Any] = field(default_factory=dict)
    model_input: npt.NDArray[Any] | None = None
    skipped: str | None = None
    failure: Failure | None = None
    seconds: float = 0.0
    cpu_s: float = 0.0


@dataclass
class _Gathering:
    """A chunk whose items are coming in."""

    chunk: Chunk
    skipped: Counter[str]
    started: float
    seconds: float = 0.0
    records: list[dict[str, Any]] = field(default_factory=list)
    vectors: list[npt.NDArray[np.float32]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def leave_out(self, outcome: _Outcome) -> None:
        """Counts an item that gave no vector."""
        if outcome.failure is not None:
            self.failures.append(outcome.failure)
        elif outcome.skipped is not None:
            self.skipped[outcome.skipped] += 1

    def complete(self) -> bool:
        """Whether every item has been dealt with."""
        return len(self.chunk.item_ids) == len(self.records) + self.skipped.total() + len(self.failures)


def run(job: Job, work: Work) -> IngestSummary:
    """Does what is left of a planned job, beside workers if any have leases of it.

    Raises:
        ArchiveError: A part cannot be written; everything before it stands.
        CatalogError: Workers are busy with another job of the collection.
        KeyboardInterrupt: Passed on after the chunk that was being written is safe.
    """
    started = time.perf_counter()
    report = IngestSummary(job.id)
    catalog, leases = work.catalog, work.leases
    leases.free_earlier()
    other = leases.in_the_way(job.id)
    if other is not None:
        raise CatalogError(
            f"job {other} of the same collection is being worked on: wait, or `groundcast jobs pause {other}` first"
        )
    catalog.set_job_state(job.id, "running")
    work.archive.sweep()
    _catch_up(work)
    # Requests may overlap, and a retry may hold what a lost part held: an item is archived once.
    known = set(work.archive.ids()) if catalog.may_overlap(job.id) else set()
    try:
        with leases.renewing():
            for chunks in _rounds(leases, job.id):
                work_off(job, work, chunks, report, known=known)
    finally:
        report.wall_s = time.perf_counter() - started
    # parts that could not be indexed on the way, because another process held the index
    _catch_up(work)
    report.unindexed = sum(1 for _ in catalog.chunks(collection=work.collection.name, states=["archived"]))
    if not report.cancelled and not any(True for _ in catalog.chunks(job=job.id, states=["pending"])):
        catalog.set_job_state(job.id, "done")
    return report


def work_off(
    job: Job, work: Work, chunks: Iterable[Chunk], report: IngestSummary, *, known: set[str] | None = None
) -> None:
    """Does leased chunks, until there are no more or the job is no longer wanted; adds what it did to the report.

    Args:
        job: The job that the chunks belong to.
        work: What they are done with.
        chunks: Taken through ``work.leases``, which the caller renews and gives back; the next is asked for when its
            first item is about to be read.
        report: What is done, skipped and failed is added to it.
        known: Items that are in the archive already.

    Raises:
        ArchiveError: A part cannot be written; everything before it stands.
    """
    work.archive.require_space()
    with (
        _Writer(work, report) as writer,
        # closed on every way out: readers must not outlive the run
        closing(_gather(work, chunks, known or set(), report)) as complete,
    ):
        for gathered in complete:
            writer.put(gathered)
            if not work.leases.wanted(job.id):
                report.cancelled = True
                break


def _rounds(leases: Leases, job: str) -> Iterator[Iterable[Chunk]]:
    """All chunks that can be had; then one by one those that killed a process before, or stood beside one that did."""
    yield itertools.chain.from_iterable(iter(lambda: leases.take(job), []))
    while suspect := leases.take(job, suspect=True):
        yield suspect


def _catch_up(work: Work) -> None:
    work.index.catch_up(work.catalog, work.archive)


def _adopted(chunk: Chunk, work: Work, report: IngestSummary) -> bool:
    """Whether a chunk's part is there already, from a process that died before it could say so."""
    if not work.archive.has(chunk.key):
        return False
    report.done += adopt_chunk(work.catalog, work.archive, chunk.key)
    work.progress(len(chunk.item_ids))
    return True


def _gather(
    work: Work, chunks: Iterable[Chunk], known: set[str], report: IngestSummary
) -> Generator[_Gathering, None, None]:
    """Chunks with all their items read and embedded, in order. Batches run across the borders of chunks."""
    gathering: dict[str, _Gathering] = {}

    def items() -> Iterator[tuple[str, str]]:
        for chunk in chunks:
            if _adopted(chunk, work, report):
                continue
            fresh = [item for item in chunk.item_ids if item not in known]
            elsewhere = len(chunk.item_ids) - len(fresh)
            skipped = Counter(done_by_another_job=elsewhere) if elsewhere else Counter()
            gathering[chunk.key] = _Gathering(chunk, skipped, time.perf_counter())
            work.progress(elsewhere)
            work.leases.begin(chunk.key)
            for item in fresh:
                yield chunk.key, item

    batch: list[_Outcome] = []
    size = work.pace.batch_size
    throttle = Throttle(shared=work.encoder.on_cpu, readers=work.pace.read_threads)
    with ThreadPoolExecutor(throttle.most, thread_name_prefix="read") as pool:
        try:
            # at most four batches wait for the model
            for outcome in _read_ahead(pool, items(), work, throttle, report, window=4 * size):
                throttle.took(seconds=outcome.seconds, cpu_s=outcome.cpu_s)
                report.read_s += outcome.seconds / throttle.readers
                if outcome.model_input is not None:
                    batch.append(outcome)
                else:
                    gathering[outcome.chunk].leave_out(outcome)
                    work.progress(1)
                if len(batch) == size:
                    _embed(batch, work, throttle, gathering, report)
                yield from _completed(gathering)
            _embed(batch, work, throttle, gathering, report)
            yield from _completed(gathering)
        finally:
            report.readers = throttle.readers
            # after an error, or where the job is no longer wanted, what has not begun is not read
            pool.shutdown(wait=True, cancel_futures=True)


def _completed(gathering: dict[str, _Gathering]) -> Iterator[_Gathering]:
    """Takes complete chunks off the front; chunks become complete in order, but for empty ones."""
    while gathering:
        key = next(iter(gathering))
        if not gathering[key].complete():
            return
        now = time.perf_counter()
        gathering[key].seconds = now - gathering[key].started
        yield gathering.pop(key)
        for later in gathering.values():  # what was read ahead of its turn is not work on it
            later.started = max(later.started, now)


def _read_ahead(
    pool: ThreadPoolExecutor,
    items: Iterator[tuple[str, str]],
    work: Work,
    throttle: Throttle,
    report: IngestSummary,
    *,
    window: int,
) -> Iterator[_Outcome]:
    """Outcomes in the order of the items, at most `window` of them under way or waiting."""
    waiting: deque[Future[_Outcome]] = deque()

    def first() -> _Outcome:
        started = time.perf_counter()
        outcome = waiting.popleft().result()
        report.starved_s += time.perf_counter() - started
        return outcome

    for chunk, item in items:
        waiting.append(pool.submit(_read, chunk, item, work, throttle))
        if len(waiting) >= window:
            yield first()
    while waiting:
        yield first()


def _read(chunk: str, item: str, work: Work, throttle: Throttle) -> _Outcome:
    with throttle.reading():
        started, cpu_started = time.perf_counter(), time.thread_time()
        outcome = _reading(chunk, item, work)
    return replace(outcome, seconds=time.perf_counter() - started, cpu_s=time.thread_time() - cpu_started)


def _reading(chunk: str, item: str, work: Work) -> _Outcome:
    try:
        reading = work.intake.read(item)
        return _Outcome(chunk, reading.record, work.encoder.prepare(reading.image))
    except SkipItemError as skip:
        return _Outcome(chunk, skipped=skip.reason)
    except ItemError as error:
        return _Outcome(chunk, failure=Failure(item, error.reason, str(error), chunk))
    except Exception as error:  # one item must not stop the job, whatever a decoder throws; the ledger keeps it
        log.exception("reading %s failed", item)
        return _Outcome(chunk, failure=Failure(item, "unexpected", f"{type(error).__name__}: {error}", chunk))


def _embed(
    batch: list[_Outcome], work: Work, throttle: Throttle, gathering: dict[str, _Gathering], report: IngestSummary
) -> None:
    """Embeds a batch, hands each vector to its chunk, and empties the batch."""
    if not batch:
        return
    started = time.perf_counter()
    inputs = np.stack([o.model_input for o in batch if o.model_input is not None])
    with throttle.computing():
        vectors = work.encoder.embed(inputs)
    report.embed_s += time.perf_counter() - started
    with np.errstate(over="ignore"):  # what overflows float16 is what is looked for
        stored = vectors.astype(np.float16)
    storable = np.logical_and(np.isfinite(stored).all(axis=1), stored.any(axis=1))  # zeros have no direction
    for outcome, vector, good in zip(batch, vectors, storable, strict=True):
        into = gathering[outcome.chunk]
        if good:
            into.records.append(outcome.record)
            into.vectors.append(vector)
        else:
            item = str(outcome.record[work.archive.id_column])
            message = f"{item}: the model gave a vector that is zero or not finite in float16: check the model"
            into.failures.append(Failure(item, "bad_vector", message, outcome.chunk))
    work.progress(len(batch))
    batch.clear()


class _Writer:
    """Finishes chunks in one background thread, one behind the model: part → index → ledger."""

    def __init__(self, work: Work, report: IngestSummary) -> None:
        self.work = work
        self.report = report
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="write")
        self._pending: Future[None] | None = None

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True)
        self._settle()  # what the last chunk met is raised here

    def put(self, gathered: _Gathering) -> None:
        """Hands a chunk over; waits while the chunk before it is being written, and raises what that one met."""
        started = time.perf_counter()
        self._settle()
        self.report.held_up_s += time.perf_counter() - started
        self._pending = self._pool.submit(self._write, gathered)

    def _settle(self) -> None:
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def _write(self, gathered: _Gathering) -> None:
        started = time.perf_counter()
        key = gathered.chunk.key
        if not self._finish(gathered):
            self._lost(key)
            return
        self.report.done += len(gathered.records)
        self.report.skipped.update(gathered.skipped)
        self.report.failed.update(failure.reason for failure in gathered.failures)
        seconds = time.perf_counter() - started
        self.report.write_s += seconds
        done, failed = len(gathered.records), len(gathered.failures)
        fields = {"job": self.report.job, "chunk": key, "seconds": round(seconds, 3), "done": done, "failed": failed}
        log.info("chunk %s: %d done, %d failed, written in %.2f s", key, done, failed, seconds, extra=fields)

    def _finish(self, gathered: _Gathering) -> bool:
        """Part, index, ledger, if the chunk is still this process's: another may have done it while this one slept."""
        self.work.archive.require_space()
        if not self.work.leases.holds(gathered.chunk.key):
            return False
        return self._index_and_record(gathered, self._archive(gathered))

    def _archive(self, gathered: _Gathering) -> ArchivePart | None:
        """Writes the part; none of a chunk without vectors."""
        work, key = self.work, gathered.chunk.key
        if gathered.records:
            meta = {
                "collection": work.collection.name,
                "model_id": work.collection.model_id,
                "source": work.collection.spec.get("source"),
                "attribution": work.collection.spec.get("attribution"),
                "skipped": dict(gathered.skipped),
                "failures": [vars(failure) for failure in gathered.failures],
            }
            return work.archive.write(key, gathered.records, np.stack(gathered.vectors), meta)
        return None

    def _index_and_record(self, gathered: _Gathering, part: ArchivePart | None) -> bool:
        work, key, done = self.work, gathered.chunk.key, len(gathered.records)
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
