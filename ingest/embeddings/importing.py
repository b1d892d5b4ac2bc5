"""Vectors that are brought, into a collection: plan → read → part → index → ledger, in the order of every ingest.

A job's chunks are blocks of rows that follow each other; the number in a chunk's key says which. So any process finds
the rows of a chunk again, and the same command goes on where one was killed: a row is archived once. Memory is bounded
by three blocks, and some 50 bytes for each row while the job is planned: hashes of names, sorted.

It does not know how vectors are read.
"""

import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ingest.archive.parts import Archive, ArchivePart
from ingest.catalog.catalog import STOPPED, Catalog, Chunk, Collection, Failure, Job
from ingest.catalog.foreign import IMPORTED, ForeignModel
from ingest.catalog.foreign import KEY as FOREIGN
from ingest.catalog.leases import Leases
from ingest.catalog.names import GALLERY
from ingest.embeddings.brought import Hashes, NamedRows, RowBlock, VectorSource, hashes, seconds
from ingest.embeddings.request import ImportRequest
from ingest.index.upkeep import IndexHolder, adopt, adopt_chunk
from ingest.jobs.plan import job_id, keep_records, require_known
from ingest.jobs.request import Request
from ingest.jobs.run import inline_worker, only_writer, refuse_twin, stored_name
from ingest.jobs.work import IngestSummary, Target
from ingest.jobs.writer import Writer
from ingest.settings import Settings
from trainer.errors import CatalogError, ModelMismatchError, UsageError

log = logging.getLogger(__name__)

ROWS = 4_096
"""Of a chunk; of a plan they never change, whatever a later program takes."""
_NUMBER = re.compile(r"-(\d{6})[a-z]*")  # at the end of a chunk's key; letters follow where it was split

StartProgress = Callable[[VectorSource, int], Callable[[int], object]]
"""Called with the open vectors and how many rows are left; returns what to call with each further number done."""


@dataclass(frozen=True)
class PresentModel:
    """A model that is here, whose vectors a person says these are."""

    model_id: str
    dim: int


@dataclass(frozen=True)
class ImportResult:
    """A job after a run.

    Attributes:
        job: With its sums.
        report: What this run did; None where nothing was left to do.
        said: What the files were taken for.
        unread_dates: Rows of this run whose date could not be read; they have none.
    """

    job: Job
    report: IngestSummary | None
    said: list[str]
    unread_dates: int = 0

    @property
    def stopped(self) -> bool:
        """Whether somebody paused or cancelled it before its end."""
        return self.report is not None and self.report.cancelled


def bring_in(
    settings: Settings,
    catalog: Catalog,
    request: ImportRequest,
    start_progress: StartProgress,
    *,
    model: PresentModel | None = None,
) -> ImportResult:
    """Brings vectors into a collection, from where an earlier run stopped.

    Args:
        settings: Where things are.
        catalog: The open catalog that gets collection, job and chunks.
        request: What is asked.
        start_progress: Told what is left once that is known.
        model: The model that made them, where it is here; None: as the files say.

    Raises:
        SourceError: The files cannot be read, or hold no vectors; nothing is recorded then.
        ModelMismatchError: They are not of that model, of several, or not of the collection's.
        CatalogError: The collection is being written by another process, or was made of imagery.
    """
    request = replace(request, collection=stored_name(catalog, request.collection))
    if request.collection.startswith(GALLERY):
        raise UsageError(
            f"{request.collection!r} would be a gallery's name: take one that does not start with {GALLERY!r}"
        )
    with only_writer(settings, request.collection), closing(request.open(settings)) as source:
        archive = Archive(settings.archive_dir(request.collection), "tiles")
        require_known(catalog, archive, request.collection)
        collection = _collection(catalog, request, source, model)
        job = _plan(catalog, archive, collection, request, source)
        keep_records(catalog, archive, collection)
        left = sum(len(chunk.item_ids) for chunk in catalog.chunks(job=job.id, states=["pending"]))
        report, unread = None, 0
        if left or any(True for _ in catalog.chunks(job=job.id, states=["archived"])):
            holder = IndexHolder(settings, catalog, collection)
            leases = Leases(catalog, inline_worker(settings, collection.name), lease_s=settings.lease_s)
            with holder:
                run = _Run(
                    job, Target(collection, catalog, archive, holder, leases), source, start_progress(source, left)
                )
                report, unread = run.carry_out(), run.unread_dates
        elif job.state != "done":
            catalog.set_job_state(job.id, "done")
        return ImportResult(catalog.job(job.id), report, source.said, unread)


def _collection(
    catalog: Catalog, request: ImportRequest, source: VectorSource, model: PresentModel | None
) -> Collection:
    """The collection of the request, recorded if new.

    Raises:
        ModelMismatchError: The vectors are not of the model that was named, or not of the collection's.
        CatalogError: It was made of imagery.
    """
    existing = catalog.find_collection(request.collection)
    if existing is not None and IMPORTED not in existing.spec:
        raise CatalogError(
            f"collection {existing.name!r} was made of imagery, whose tiles are of one grid: import into another name"
        )
    if model is not None and model.dim != source.dim:
        raise ModelMismatchError(
            f"{source.uri}: vectors of {source.dim:,} numbers, model {model.model_id} makes {model.dim:,}: these are "
            "another model's; leave --model out, or import into another name"
        )
    if model is not None and source.model_id not in (None, model.model_id):
        raise ModelMismatchError(
            f"{source.uri}: made by model {source.model_id}, not {model.model_id}: leave --model out"
        )
    named = source.model or f"an unnamed model ({source.layout})"
    foreign = ForeignModel(named, source.dim, source.model_id)
    model_id = foreign.model_id if model is None else model.model_id
    if existing is None:
        refuse_twin(catalog, request.collection)
        spec = _spec(request, source) | ({} if model is not None else {FOREIGN: foreign.to_json()})
        catalog.add_collection(Collection(request.collection, "tiles", model_id, source.dim, spec, datetime.now(UTC)))
        return catalog.collection(request.collection)
    if (existing.model_id, existing.dim) != (model_id, source.dim):
        theirs = existing.spec.get(FOREIGN, {}).get("name", existing.model_id)
        raise ModelMismatchError(
            f"collection {existing.name!r} holds {existing.dim:,} numbers of {theirs}, these are {source.dim:,} of "
            f"{named if model is None else model_id}: import into another name"
        )
    if request.attribution is not None:
        spec = catalog.collection(existing.name).spec
        catalog.update_collection(existing.name, spec | {"attribution": request.attribution})
    return catalog.collection(existing.name)


def _spec(request: ImportRequest, source: VectorSource) -> dict[str, Any]:
    """What stands in the catalog; as of an ingest, but that no imagery was read."""
    reading = Request("tiles", request.collection, source.uri).to_json()
    return {
        "kind": "tiles", "source": source.uri, "grid": None, "options": reading["options"], "gsd_m": None,
        "attribution": request.attribution or source.attribution, "largest_tile_m": 0.0, IMPORTED: source.layout,
    }  # fmt: skip


def _plan(
    catalog: Catalog, archive: Archive, collection: Collection, request: ImportRequest, source: VectorSource
) -> Job:
    """Finds or records the job: its chunks are the blocks of rows that the archive does not hold yet."""
    adopt(catalog, archive, collection)  # what a killed process archived counts as held
    asked = request.to_json()
    identity = job_id(collection, asked, f"{source.stamp} {ROWS}")
    found = catalog.find_job(identity)
    if found is not None:
        there = archive.keys()
        for chunk in catalog.chunks(job=identity, states=["done", "archived"]):
            if chunk.done and chunk.key not in there:
                catalog.set_chunk_state(chunk.key, "pending")
        if found.state != "superseded":
            return catalog.job(identity)
    held = _held(archive)
    again, known = _doubles(source, held)
    _refuse_namesakes(catalog, collection, source, known)
    prefix = identity if found is None else f"{identity}-s{found.chunks:04d}"
    chunks = _chunks(prefix, source, again, known)
    if known.any():
        log.warning("%d rows are in the archive already, by their ids, and are not read again", int(known.sum()))
    if found is None:
        spec = asked | {"notes": source.said}
        catalog.add_job(identity, collection=collection.name, source=source.uri, spec=spec, chunks=chunks, failures=[])
    else:
        catalog.add_chunks(identity, chunks)
    return replace(catalog.job(identity), state="running")  # as it was recorded: who has stopped it since is heeded


def _refuse_namesakes(catalog: Catalog, collection: Collection, source: VectorSource, known: Any) -> None:
    """Refuse rows that would be named like others of the collection, because their files are called alike.

    Raises:
        CatalogError: They would be.
    """
    others = list(dict.fromkeys(job.source for job in catalog.jobs(collection.name)))
    if source.makes_ids and known.any() and others and source.uri not in others:
        raise CatalogError(
            f"{source.uri}: {int(known.sum()):,} of its rows would be named like rows that collection "
            f"{collection.name!r} holds, of {', '.join(others)}: without ids they are named after file and number. If "
            "they are others, call the file otherwise or pass --id-column; if they are the same, nothing is to do"
        )


def _held(archive: Archive) -> Hashes:
    """Of the ids that the archive holds."""
    parts = [np.empty(0, np.uint64)]
    for path in archive.parts():
        parts.append(hashes(archive.column(path, archive.id_column).to_pylist()))
    return np.unique(np.concatenate(parts))


def _doubles(source: VectorSource, held: Hashes) -> tuple[Any, Any]:
    """Which rows have the id of an earlier one, and which of one in the archive, bool [n]."""
    parts = [np.empty(0, np.uint64)]
    missing = [np.empty(0, np.bool_)]
    for rows in source.names(65_536):
        parts.append(hashes([one or "" for one in rows.ids]))
        missing.append(np.array([one is None for one in rows.ids], np.bool_))
    every, without = np.concatenate(parts), np.concatenate(missing)
    return (seconds(every) | without), np.isin(every, held) & ~without


def _chunks(prefix: str, source: VectorSource, again: Any, known: Any) -> Iterator[tuple[str, list[str]]]:
    """Keys, and names of the rows that are to be read."""
    start = 0
    for number, rows in enumerate(source.names(ROWS)):
        some = slice(start, start + len(rows.ids))
        start += len(rows.ids)
        names = _wanted(rows, again[some], known[some])
        if names:
            yield f"{prefix}-{number:06d}", names


def _wanted(rows: NamedRows, again: Any, known: Any) -> list[str]:
    named = zip(rows.ids, rows.places, again.tolist(), known.tolist(), strict=True)
    # a second row of an id that the archive holds is held too
    return [place if double or one is None else one for one, place, double, held in named if not held]


@dataclass
class _Ready:
    """A chunk whose rows are read; what `ingest.jobs.writer.Writer` takes."""

    chunk: Chunk
    block: RowBlock
    skipped: Counter[str]
    failures: list[Failure]
    seconds: float

    @property
    def done(self) -> int:
        return len(self.block.vectors)

    def write(self, archive: Archive, meta: dict[str, Any]) -> ArchivePart:
        return archive.write_tiles(self.chunk.key, self.block.columns, self.block.vectors, meta)


class _Run:
    """What is left of a job, done."""

    def __init__(self, job: Job, target: Target, source: VectorSource, progress: Callable[[int], object]) -> None:
        self._job, self._target, self._source, self._progress = job, target, source, progress
        self._largest_m = float(target.collection.spec["largest_tile_m"])
        self._elsewhere: Hashes = np.empty(0, np.uint64)  # names that other jobs have archived since this was planned
        self.unread_dates = 0

    def carry_out(self) -> IngestSummary:
        """Does it; see `ingest.jobs.pipeline.run`, whose order of writes it keeps.

        Raises:
            SourceError: The files are broken; everything before that stands.
            ArchiveError: A part cannot be written; everything before it stands.
        """
        started, report = time.perf_counter(), IngestSummary(self._job.id)
        catalog, leases, archive = self._target.catalog, self._target.leases, self._target.archive
        leases.free_earlier()
        other = leases.in_the_way(self._job.id)
        if other is not None:
            raise CatalogError(f"job {other} of the same collection is being worked on: wait for it to end")
        catalog.begin_job(self._job)
        archive.sweep()
        archive.require_space()
        self._target.index.catch_up(archive)
        if catalog.may_overlap(self._job.id):
            self._elsewhere = _held(archive)
        try:
            with leases.renewing(), Writer(self._target, report) as writer, closing(self._read(report)) as ready:
                for one in ready:
                    self._make_room(one.block)
                    writer.put(one)
                    self._progress(len(one.chunk.item_ids))
                    if not leases.wanted(self._job.id):
                        report.cancelled = True
                        break
        finally:
            report.wall_s = time.perf_counter() - started
            with suppress(CatalogError):  # what ended the run is told, not this
                catalog.add_spent(self._job.id, report.spent())
        self._target.index.catch_up(archive)
        report.unindexed = sum(1 for _ in catalog.chunks(collection=self._job.collection, states=["archived"]))
        report.cancelled = catalog.end_job(self._job.id) in STOPPED
        return report

    def _read(self, report: IngestSummary) -> Generator[_Ready, None, None]:
        """Chunks with their rows, in order, one of them read ahead."""
        with ThreadPoolExecutor(1, thread_name_prefix="read") as pool:
            ahead: Future[_Ready] | None = None
            for chunk in self._taken(report):
                coming = pool.submit(self._ready, chunk, report)
                if ahead is not None:
                    yield ahead.result()
                ahead = coming
            if ahead is not None:
                yield ahead.result()

    def _taken(self, report: IngestSummary) -> Iterator[Chunk]:
        """Leased chunks; first those that never crashed, then the others one by one."""
        leases, archive = self._target.leases, self._target.archive
        for suspect in (False, True):
            while taken := leases.take(self._job.id, suspect=suspect):
                for chunk in taken:
                    if archive.has(chunk.key):
                        report.done += adopt_chunk(self._target.catalog, archive, chunk.key)
                        self._progress(len(chunk.item_ids))
                        continue
                    leases.begin(chunk.key)
                    yield chunk

    def _ready(self, chunk: Chunk, report: IngestSummary) -> _Ready:
        started = time.perf_counter()
        number = _NUMBER.findall(chunk.key)
        known = np.isin(hashes(chunk.item_ids), self._elsewhere)
        fresh = [name for name, held in zip(chunk.item_ids, known.tolist(), strict=True) if not held]
        block = self._source.read(int(number[-1]), ROWS, fresh)
        failures = [Failure(subject, reason, message, chunk.key) for subject, reason, message in block.failures]
        left_out = Counter(block.left_out)
        if len(fresh) < len(chunk.item_ids):
            left_out["done_by_another_job"] = len(chunk.item_ids) - len(fresh)
        gone = len(chunk.item_ids) - len(block.vectors) - len(failures) - left_out.total()
        if gone:  # the files were replaced while they were read, by others of the same size and time
            left_out["gone"] = gone
        spent = time.perf_counter() - started
        report.read_s += spent
        self.unread_dates += block.unread_dates
        return _Ready(chunk, block, left_out, failures, spent)

    def _make_room(self, block: RowBlock) -> None:
        """Searches widen an area by the collection's largest tile: it is known before that tile can be found."""
        largest = float(max(np.asarray(block.columns["size_m"], float), default=0.0))
        if largest > self._largest_m:
            self._largest_m = largest
            catalog, name = self._target.catalog, self._target.collection.name
            catalog.update_collection(name, catalog.collection(name).spec | {"largest_tile_m": largest})
