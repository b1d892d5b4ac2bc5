"""From items to archive and index: read in threads ahead of the model → embed in batches → part → index → ledger.

A chunk is finished in this order: its part is renamed into place, its points are upserted, its ledger row says done.
Whatever is interrupted, the same request goes on from there and repeats idempotent work only. Memory is bounded by
the read-ahead window and two chunks of vectors, whatever the number of items.

It knows neither torch nor imagery: an `Encoder` turns images into vectors, an `Intake` lists and reads items.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.archive import Archive, points
from ingest.catalog import Catalog, Chunk, Collection, Failure, Job
from ingest.indexing import IndexHolder, catch_up
from ingest.intake import Intake, SkipItemError
from ingest.turns import Turns
from trainer.errors import ItemError

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
        catalog: Ledger.
        archive: Where parts go.
        intake: Where items come from.
        encoder: Makes vectors.
        index: Held if it can be had; without it parts are written and left for whoever holds it.
        pace: Threads and batch.
        progress: Called with the number of items that have been dealt with since the last call.
    """

    collection: Collection
    catalog: Catalog
    archive: Archive
    intake: Intake
    encoder: Encoder
    index: IndexHolder
    pace: Pace = field(default_factory=Pace)
    progress: Callable[[int], object] = lambda _: None


@dataclass
class Report:
    """What a run did, with the seconds of each stage (reading: summed over threads, divided by their number)."""

    job: str
    done: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    read_s: float = 0.0
    embed_s: float = 0.0
    write_s: float = 0.0
    wall_s: float = 0.0
    unindexed: int = 0
    cancelled: bool = False

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


def run(job: Job, work: Work) -> Report:
    """Does what is left of a planned job.

    Raises:
        ArchiveError: A part cannot be written; everything before it stands.
        KeyboardInterrupt: Passed on after the chunk that was being written is safe.
    """
    started = time.perf_counter()
    report = Report(job.id)
    catalog, collection = work.catalog, work.collection
    catalog.set_job_state(job.id, "running")
    work.archive.sweep()
    work.archive.require_space()
    _catch_up(work)
    # Requests may overlap, and a retry may hold what a lost part held: an item is archived once.
    known = set(work.archive.ids()) if catalog.may_overlap(job.id) else set()
    try:
        with _Writer(work, report) as writer, closing(_gather(work, job, known, report)) as chunks:
            for gathered in chunks:
                writer.put(gathered)
                if catalog.job_state(job.id) == "cancelled":
                    report.cancelled = True
                    break
    finally:
        report.wall_s = time.perf_counter() - started
    _catch_up(work)
    report.unindexed = sum(1 for _ in catalog.chunks(collection=collection.name, states=["archived"]))
    if not report.cancelled:
        catalog.set_job_state(job.id, "done")
    return report


def _catch_up(work: Work) -> None:
    index = work.index.get()
    if index is not None:
        catch_up(work.catalog, work.archive, index, work.collection)


def _gather(work: Work, job: Job, known: set[str], report: Report) -> Generator[_Gathering, None, None]:
    """Chunks with all their items read and embedded, in order. Batches run across the borders of chunks."""
    gathering: dict[str, _Gathering] = {}

    def items() -> Iterator[tuple[str, str]]:
        for chunk in work.catalog.chunks(job=job.id, states=["pending"]):
            fresh = [item for item in chunk.item_ids if item not in known]
            elsewhere = len(chunk.item_ids) - len(fresh)
            gathering[chunk.key] = _Gathering(chunk, Counter(done_by_another_job=elsewhere) if elsewhere else Counter())
            work.progress(elsewhere)
            for item in fresh:
                yield chunk.key, item

    batch: list[_Outcome] = []
    size = work.pace.batch_size
    turns = Turns(shared=work.encoder.on_cpu)
    with ThreadPoolExecutor(work.pace.read_threads, thread_name_prefix="read") as pool:
        try:
            for outcome in _read_ahead(pool, items(), work, turns, window=4 * size):
                turns.took(seconds=outcome.seconds, cpu_s=outcome.cpu_s)
                report.read_s += outcome.seconds / work.pace.read_threads
                if outcome.model_input is not None:
                    batch.append(outcome)
                else:
                    gathering[outcome.chunk].leave_out(outcome)
                    work.progress(1)
                if len(batch) == size:
                    _embed(batch, work, turns, gathering, report)
                yield from _completed(gathering)
            _embed(batch, work, turns, gathering, report)
            yield from _completed(gathering)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _completed(gathering: dict[str, _Gathering]) -> Iterator[_Gathering]:
    """Takes complete chunks off the front; chunks become complete in order, but for empty ones."""
    while gathering:
        key = next(iter(gathering))
        if not gathering[key].complete():
            return
        yield gathering.pop(key)


def _read_ahead(
    pool: ThreadPoolExecutor, items: Iterator[tuple[str, str]], work: Work, turns: Turns, *, window: int
) -> Iterator[_Outcome]:
    """Outcomes in the order of the items, at most `window` of them under way or waiting."""
    waiting: deque[Future[_Outcome]] = deque()
    for chunk, item in items:
        waiting.append(pool.submit(_read, chunk, item, work, turns))
        if len(waiting) >= window:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _read(chunk: str, item: str, work: Work, turns: Turns) -> _Outcome:
    turns.to_read()
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


def _embed(batch: list[_Outcome], work: Work, turns: Turns, gathering: dict[str, _Gathering], report: Report) -> None:
    """Embeds a batch, hands each vector to its chunk, and empties the batch."""
    if not batch:
        return
    started = time.perf_counter()
    inputs = np.stack([o.model_input for o in batch if o.model_input is not None])
    with turns.computing():
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

    def __init__(self, work: Work, report: Report) -> None:
        self.collection = work.collection
        self.catalog = work.catalog
        self.archive = work.archive
        self.index = work.index
        self.report = report
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="write")
        self._pending: Future[None] | None = None

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True)
        self._settle()

    def put(self, gathered: _Gathering) -> None:
        """Hands a chunk over; waits while the chunk before it is being written, and raises what that one met."""
        self._settle()
        self._pending = self._pool.submit(self._write, gathered)

    def _settle(self) -> None:
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def _write(self, gathered: _Gathering) -> None:
        started = time.perf_counter()
        self.archive.require_space()
        key = gathered.chunk.key
        failures = [vars(failure) for failure in gathered.failures]
        if gathered.records:
            meta = {
                "collection": self.collection.name,
                "model_id": self.collection.model_id,
                "source": self.collection.spec.get("source"),
                "attribution": self.collection.spec.get("attribution"),
                "skipped": dict(gathered.skipped),
                "failures": failures,
            }
            self.archive.write(key, gathered.records, np.stack(gathered.vectors), meta)
        self._index_and_record(key, len(gathered.records), dict(gathered.skipped), gathered.failures)
        self.report.done += len(gathered.records)
        self.report.skipped.update(gathered.skipped)
        self.report.failed.update(failure.reason for failure in gathered.failures)
        seconds = time.perf_counter() - started
        self.report.write_s += seconds
        log.info("chunk %s: %d done, %d failed, written in %.2f s", key, len(gathered.records), len(failures), seconds)

    def _index_and_record(self, key: str, done: int, skipped: dict[str, int], failures: list[Failure]) -> None:
        index = self.index.get()
        if done and index is not None:
            index.upsert(points(self.archive.read(key), self.collection.kind))
        state = "archived" if done and index is None else "done"
        self.catalog.finish_chunk(key, state=state, done=done, skipped=skipped, failures=failures)  # type: ignore[arg-type]
