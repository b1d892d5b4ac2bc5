"""What a worker's child keeps open between tasks: the ledger, the model, and the items of the job at hand.

The model is loaded when the first item is to be embedded. It does not know Celery.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ingest.archive.parts import Archive
from ingest.catalog.catalog import HEAD, RETRY_MARK, Catalog, Chunk, Collection, Job
from ingest.catalog.dispatch import close_finished
from ingest.catalog.leases import Leases
from ingest.catalog.progress import seconds_per_item
from ingest.index.upkeep import IndexHolder, catch_up, is_kept, open_index, settle
from ingest.jobs.items import Intake
from ingest.jobs.lifetime import remove_overdue
from ingest.jobs.pipeline import work_off
from ingest.jobs.request import Request
from ingest.jobs.work import IngestSummary, Work
from ingest.settings import Settings
from trainer.errors import CatalogError, GroundcastError, IndexLockedError, ModelMismatchError
from workers.metrics import record

if TYPE_CHECKING:
    from ingest.pairs.handover import Handover
    from trainer.embedder import Embedder

log = logging.getLogger(__name__)

_AHEAD_S = 2.0  # of work that is taken at once where chunks are short
_MOST = 64


@dataclass(frozen=True)
class _Open:
    """What belongs to one job; `again`: its web is read without the cache, which holds what failed before."""

    job: Job
    again: bool
    collection: Collection
    archive: Archive
    intake: Intake
    embedder: "Embedder"
    index: IndexHolder

    def close(self) -> None:
        """Closes files and connections."""
        self.intake.close()
        self.index.close()


class _Shift:
    """How many chunks fit into the time of one task, by the rate at which it goes."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._started = time.monotonic()
        self._taken, self._dealt, self._chunk_items = 0, 0, 1

    def took(self, chunks: Sequence[Chunk]) -> None:
        """Counts what was taken."""
        self._taken += sum(len(chunk.item_ids) for chunk in chunks)
        self._chunk_items = max(1, len(chunks[-1].item_ids))

    def dealt_with(self, items: int) -> None:
        """Counts what was done, left out or failed."""
        self._dealt += items

    def goes_on(self) -> bool:
        """Whether another chunk would be done in time."""
        left = self._taken - self._dealt + self._chunk_items  # with another chunk as large as the last one
        return time.monotonic() - self._started + left * self._each_s() <= self._longest_s

    def at_once(self) -> int:
        """Chunks to take at once: more where they are short, so that the ledger is not asked without pause."""
        each_s = self._each_s() * self._chunk_items
        return max(1, min(_MOST, int(_AHEAD_S / each_s))) if each_s else 1

    def _each_s(self) -> float:
        return (time.monotonic() - self._started) / self._dealt if self._dealt else 0.0


class WorkerContext:
    """One worker's place of work.

    Args:
        settings: Of the home: catalog, archive, models, lease and chunk times, device.
        worker: Name that no other worker has; stands in the leases.
        stopping: Says that no further chunk should be begun.
    """

    def __init__(self, settings: Settings, worker: str, stopping: Callable[[], bool]) -> None:
        self.settings = settings
        self.worker = worker
        self.catalog = Catalog(settings.catalog_at)
        self.leases = Leases(self.catalog, worker, lease_s=settings.lease_s, patience_s=settings.lease_s)
        self._stopping = stopping
        self._open: _Open | None = None
        self._embedder: Embedder | None = None
        self._ids: dict[str, list[str]] = {}  # by part

    def embed(self, key: str, *, on_taken: Callable[[], object] = lambda: None) -> IngestSummary | None:
        """Does a chunk and as many after it as `chunk_s` allows; None if there was nothing to do.

        Args:
            key: Key of the chunk to begin with; the job's id stands before its first dash.
            on_taken: Called when it is clear whether this worker has the chunk.

        Raises:
            GroundcastError: It could not be done; it is free again, and the job's note says why.
        """
        job = self.catalog.find_job(key.partition("-")[0])
        if job is None:
            return None
        try:
            self._check_schema()
            self._opened(job, again=RETRY_MARK in key)  # a lease does not run while a model is being loaded
            with self.leases.renewing():
                # a message is only a hint: whoever has the lease has the chunk, and the same message may come twice
                first = self.leases.take(job.id, first=key, most_items=self._most_items(job))
                # before the work: other workers are woken while this one is busy
                on_taken()
                return self._work_off(job, first[0]) if first else None
        except GroundcastError as error:
            self._note(job, str(error))
            raise

    def index(self, collection: str) -> int:
        """Indexes the parts of a collection that wait in the archive; returns how many."""
        found = self.catalog.collection(collection)
        archive = Archive(self.settings.archive_dir(collection), found.kind)
        if not is_kept(self.settings, self.catalog, found):
            settle(self.catalog, found)
            return 0
        try:
            index = open_index(self.settings, self.catalog, found)
        except IndexLockedError:
            log.info("the index of %s is held by another process, which takes the parts up", collection)
            return 0
        try:
            return catch_up(self.catalog, archive, index, found)
        finally:
            index.close()

    def remove_overdue(self) -> list[str]:
        """Removes collections that were deleted more than a day ago; returns their stored names."""
        return remove_overdue(self.settings, self.catalog)

    def pairs(self, key: str) -> bool:
        """Makes shards of a build of training pairs for as long as `chunk_s`, one at least.

        Returns:
            Whether there is more of it that nobody has in hand.

        Raises:
            GroundcastError: It could not be done; the shard at hand is nobody's again, and the build's note says why.
        """
        from ingest.pairs.handover import handed_over, note

        self._check_schema()
        build = handed_over(self.catalog, key)
        try:
            return build is not None and self._help(build)
        except GroundcastError as error:
            note(self.catalog, key, f"{self.worker}: {error}")
            raise

    def _help(self, build: "Handover") -> bool:
        from ingest.pairs.build import help_with

        model_id = build.recipe.model_id
        until = time.monotonic() + self.settings.chunk_s
        options = replace(build.recipe.options, **self.settings.reading())
        return help_with(
            replace(build.recipe, options=options),
            build.folder,
            threads=build.threads,
            embedder=None if model_id is None else self._loaded(model_id, f"build {build.key}"),
            goes_on=lambda: not self._stopping() and time.monotonic() < until,
        )

    def _work_off(self, job: Job, first: Chunk) -> IngestSummary:
        at_hand = self._opened(job, again=RETRY_MARK in first.key)
        report = IngestSummary(job.id)
        shift = _Shift(self.settings.chunk_s)
        started = time.perf_counter()
        from ingest.jobs.run import encoder, pace

        work = Work(
            collection=at_hand.collection,
            catalog=self.catalog,
            archive=at_hand.archive,
            intake=at_hand.intake,
            encoder=encoder(at_hand.embedder, at_hand.collection.kind),
            index=at_hand.index,
            leases=self.leases,
            pace=pace(self.settings, at_hand.embedder),
            progress=shift.dealt_with,
        )
        # ids are read from all parts, which takes time: only where another job may have embedded the same items
        known = self._known(at_hand.archive) if self.catalog.may_overlap(job.id) else set()
        try:
            work_off(job, work, self._chunks(job, first, shift), report, known=known)
        finally:
            report.wall_s = time.perf_counter() - started
            record(report, at_hand.collection.name)
            with suppress(CatalogError):  # what ended the work is told, not this
                self.catalog.add_spent(job.id, report.spent())
        # work was done, so what the note complains of is over
        if job.note is not None:
            self.catalog.set_note(job.id, None)
        close_finished(self.catalog)
        return report

    def _chunks(self, job: Job, first: Chunk, shift: "_Shift") -> Iterator[Chunk]:
        """The first chunk, and others as long as there is time for another; one that crashed before is done alone."""
        shift.took([first])
        yield first
        # `attempts`: this chunk may be what kills a worker, and must not take others along
        while not first.attempts and not self._stopping() and shift.goes_on():
            taken = self.leases.take(job.id, count=shift.at_once(), most_items=self._most_items(job))
            if not taken:
                return
            alike = [chunk for chunk in taken if (RETRY_MARK in chunk.key) == (RETRY_MARK in first.key)]
            shift.took(alike or taken)
            yield from alike
            if alike != taken:  # the others need the source opened anew: they are given back
                return

    def _most_items(self, job: Job) -> int | None:
        """Items that take `chunk_s`, as far as that is known."""
        each_s = seconds_per_item(self.catalog, job.id)
        return max(1, int(self.settings.chunk_s / each_s)) if each_s else None

    def _opened(self, job: Job, *, again: bool) -> _Open:
        if self._open is not None and (self._open.job.id, self._open.again) == (job.id, again):
            return self._open
        # one job at a time: files, connections and an index are kept for the job at hand alone
        if self._open is not None:
            self._open.close()
            self._open = None
        collection = self.catalog.collection(job.collection)
        embedder = self._model(job, collection)
        embedder.expect(job.items)
        if collection.kind == "tiles":
            log.info("%s is ready at %s", embedder.model_id, embedder.precision)  # loaded by that
        request = Request.from_json(job.spec)
        self._open = _Open(
            job,
            again,
            collection,
            Archive(self.settings.archive_dir(collection.name), collection.kind),
            request.open(input_px=embedder.input_px, reading=self.settings.reading(cached=not again)),
            embedder,
            IndexHolder(self.settings, self.catalog, collection, server_only=True, patient=True),
        )
        return self._open

    def _model(self, job: Job, collection: Collection) -> "Embedder":
        """The model that the job was planned for.

        Raises:
            ModelMismatchError: This worker has another under its name, or the collection has passed to another.
        """
        if job.model_id not in (None, collection.model_id):
            raise ModelMismatchError(
                f"job {job.id} was planned for model {job.model_id}, collection {collection.name!r} is of "
                f"{collection.model_id}: cancel it and ingest again"
            )
        return self._loaded(collection.model_id, f"job {job.id}")

    def _loaded(self, model_id: str, needed_by: str) -> "Embedder":
        """The model of an id, which stays open.

        Raises:
            ModelMismatchError: This worker has another under its name.
        """
        from trainer.embedder import Embedder

        if self._embedder is None or self._embedder.model_id != model_id:
            folder = self.settings.models_dir / self.catalog.model(model_id=model_id).name
            self.settings.cache_dir.mkdir(parents=True, exist_ok=True)
            loaded = Embedder.load(
                folder,
                precision=self.settings.precision,
                device=self.settings.device,
                measurements=self.settings.cache_dir / "precision.json",
            )
            if loaded.model_id != model_id:
                raise ModelMismatchError(
                    f"{folder} on {self.worker} holds model {loaded.model_id}, {needed_by} needs "
                    f"{model_id}: copy that model's folder there"
                )
            self._embedder = loaded
        return self._embedder

    def _known(self, archive: Archive) -> set[str]:
        """Ids of all items in the archive; of each part they are read once."""
        parts = {str(path): path for path in archive.parts()}
        # parts of other collections, and those that were replaced, are let go of
        self._ids = {part: ids for part, ids in self._ids.items() if part in parts}
        for part, path in parts.items():
            if part not in self._ids:
                self._ids[part] = archive.column(path, archive.id_column).to_pylist()
        return {item for ids in self._ids.values() for item in ids}

    def _check_schema(self) -> None:
        found = self.catalog.schema()
        if found != HEAD:
            raise CatalogError(
                f"worker {self.worker} knows schema {HEAD} of the ledger, which is at {found}: "
                "start it again with the groundcast that the others run"
            )

    def _note(self, job: Job, message: str) -> None:
        """Says in the job why it stays lying; a ledger that does not answer is not told."""
        try:
            self.catalog.set_note(job.id, message)
        except CatalogError as error:
            log.warning("job %s: %s (not noted: %s)", job.id, message, error)
