"""From items to archive and index: read in threads ahead of the model → embed in batches → part → index → ledger.

A chunk is leased, and finished in this order: its part is renamed into place, its points are upserted, its ledger row
says done. Whatever is interrupted, the same request goes on from there and repeats idempotent work only. Memory is
bounded by the read-ahead window, the batches under way and two chunks of vectors, whatever the number of items.

`run` does a whole job, `work_off` the chunks it is handed; a worker calls the latter. It knows neither torch nor
imagery: an `Encoder` turns images into vectors, an `Intake` lists and reads items.
"""

import itertools
import logging
import time
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.catalog.catalog import STOPPED, Chunk, Failure, Job
from ingest.catalog.leases import Leases
from ingest.index.upkeep import adopt_chunk
from ingest.jobs.items import SkipItemError
from ingest.jobs.throttle import Throttle
from ingest.jobs.work import IngestSummary, Work
from ingest.jobs.writer import Gathering, Writer
from trainer.errors import CatalogError, ItemError

log = logging.getLogger(__name__)

_FOLLOWING = 8  # items that one thread reads in a row


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


@dataclass(frozen=True)
class _Embedded:
    """Vectors of a batch, float32 [n, d], and how long they took."""

    vectors: npt.NDArray[np.float32]
    seconds: float


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
    catalog.begin_job(job)
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
        with suppress(CatalogError):  # what ended the run is told, not this
            catalog.add_spent(job.id, report.spent())
    # parts that could not be indexed on the way, because another process held the index
    _catch_up(work)
    report.unindexed = sum(1 for _ in catalog.chunks(collection=work.collection.name, states=["archived"]))
    # seen only now if it was stopped before its first chunk: a plan is known before its model is loaded
    report.cancelled = catalog.end_job(job.id) in STOPPED
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
        Writer(work, report) as writer,
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
    work.index.catch_up(work.archive)


def _adopted(chunk: Chunk, work: Work, report: IngestSummary) -> bool:
    """Whether a chunk's part is there already, from a process that died before it could say so."""
    if not work.archive.has(chunk.key):
        return False
    report.done += adopt_chunk(work.catalog, work.archive, chunk.key)
    work.progress(len(chunk.item_ids))
    return True


def _gather(
    work: Work, chunks: Iterable[Chunk], known: set[str], report: IngestSummary
) -> Generator[Gathering, None, None]:
    """Chunks with all their items read and embedded, in order. Batches run across the borders of chunks."""
    gathering: dict[str, Gathering] = {}

    def items() -> Iterator[tuple[str, str]]:
        for chunk in chunks:
            if _adopted(chunk, work, report):
                continue
            fresh = [item for item in chunk.item_ids if item not in known]
            elsewhere = len(chunk.item_ids) - len(fresh)
            skipped = Counter(done_by_another_job=elsewhere) if elsewhere else Counter()
            gathering[chunk.key] = Gathering(chunk, skipped, time.perf_counter())
            work.progress(elsewhere)
            work.leases.begin(chunk.key)
            for item in fresh:
                yield chunk.key, item

    throttle = Throttle(readers=work.pace.read_threads)
    began, busy_s = time.perf_counter(), report.embed_s + report.held_up_s
    with (
        ThreadPoolExecutor(throttle.most, thread_name_prefix="read") as pool,
        work.encoder.threads(work.encoder.streams) as threads,
    ):
        model = _Model(work, threads, gathering, report)
        try:
            # at most four batches wait for the model, or what so many readers have in hand
            window = max(4 * work.pace.batch_size, _FOLLOWING * throttle.most)
            for outcome in _read_ahead(pool, items(), work, throttle, window=window):
                throttle.took(seconds=outcome.seconds, cpu_s=outcome.cpu_s, awaited=model.waits)
                report.read_s += outcome.seconds / throttle.readers
                report.reading_s += outcome.seconds
                report.read_cpu_s += outcome.cpu_s
                if outcome.model_input is not None:
                    model.take(outcome)
                else:
                    _leave_out(outcome, gathering[outcome.chunk])
                    work.progress(1)
                yield from _completed(gathering)
            model.finish()
            yield from _completed(gathering)
        finally:
            report.readers = throttle.readers
            # what the model neither computed nor was kept from by writing, it waited for reading
            waited_s = time.perf_counter() - began - (report.embed_s + report.held_up_s - busy_s)
            report.starved_s += max(0.0, waited_s)
            # after an error, or where the job is no longer wanted, what has not begun is not done
            pool.shutdown(wait=True, cancel_futures=True)
            threads.shutdown(wait=True, cancel_futures=True)


def _leave_out(outcome: _Outcome, gathered: Gathering) -> None:
    """Counts an item that gave no vector."""
    if outcome.failure is not None:
        gathered.failures.append(outcome.failure)
    elif outcome.skipped is not None:
        gathered.skipped[outcome.skipped] += 1


def _completed(gathering: dict[str, Gathering]) -> Iterator[Gathering]:
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
    *,
    window: int,
) -> Iterator[_Outcome]:
    """Outcomes in the order of the items, at most `window` of them under way or waiting.

    Neighbours share pixels that a thread has decoded, so each reads some items that follow each other.
    """
    waiting: deque[Future[list[_Outcome]]] = deque()
    while some := list(itertools.islice(items, _FOLLOWING)):
        waiting.append(pool.submit(_read_all, some, work, throttle))
        if len(waiting) * _FOLLOWING >= window:
            yield from waiting.popleft().result()
    while waiting:
        yield from waiting.popleft().result()


def _read_all(some: list[tuple[str, str]], work: Work, throttle: Throttle) -> list[_Outcome]:
    return [_read(chunk, item, work, throttle) for chunk, item in some]


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


class _Model:
    """Gathers batches, embeds as many at once as there are streams, and hands vectors to their chunks, in order.

    One batch more is ready, so that no stream waits for who gathers.
    """

    def __init__(self, work: Work, threads: Executor, gathering: dict[str, Gathering], report: IngestSummary) -> None:
        self._work, self._threads, self._gathering, self._report = work, threads, gathering, report
        self._batch: list[_Outcome] = []
        self._under_way: deque[tuple[list[_Outcome], Future[_Embedded]]] = deque()

    @property
    def waits(self) -> bool:
        """Whether a stream has nothing to do."""
        return sum(not future.done() for _, future in self._under_way) < self._work.encoder.streams

    def take(self, outcome: _Outcome) -> None:
        """Takes an item that was read; waits while enough are under way."""
        self._batch.append(outcome)
        if len(self._batch) == self._work.pace.batch_size:
            self._begin()
        while self._under_way and (len(self._under_way) > self._work.encoder.streams or self._under_way[0][1].done()):
            self._settle()

    def finish(self) -> None:
        """Embeds the rest, and waits for all."""
        if self._batch:
            self._begin()
        while self._under_way:
            self._settle()

    def _begin(self) -> None:
        self._under_way.append((self._batch, self._threads.submit(self._embed, self._batch)))
        self._batch = []

    def _embed(self, batch: list[_Outcome]) -> "_Embedded":
        started = time.perf_counter()
        vectors = self._work.encoder.embed(np.stack([o.model_input for o in batch if o.model_input is not None]))
        return _Embedded(vectors, time.perf_counter() - started)

    def _settle(self) -> None:
        """Waits for the oldest batch, and hands each vector to its chunk."""
        batch, future = self._under_way.popleft()
        embedded = future.result()
        self._report.embed_s += embedded.seconds / self._work.encoder.streams
        with np.errstate(over="ignore"):  # what overflows float16 is what is looked for
            stored = embedded.vectors.astype(np.float16)
        storable = np.logical_and(np.isfinite(stored).all(axis=1), stored.any(axis=1))  # zeros have no direction
        for outcome, vector, good in zip(batch, embedded.vectors, storable, strict=True):
            into = self._gathering[outcome.chunk]
            if good:
                into.records.append(outcome.record)
                into.vectors.append(vector)
            else:
                item = str(outcome.record[self._work.archive.id_column])
                message = f"{item}: the model gave a vector that is zero or not finite in float16: check the model"
                into.failures.append(Failure(item, "bad_vector", message, outcome.chunk))
        self._work.progress(len(batch))
