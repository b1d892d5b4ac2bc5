"""The catalog and ledger: models, collections, jobs, chunks, failures.

SQLite in the home folder, or PostgreSQL (`ingest.catalog.database`). The tables are made and changed by Alembic alone
(`ingest/catalog/migrations`). Names, not objects, cross this module's border: callers get frozen rows, never a session.

It does not know what an item is (a tile, a chip, a photo), only its id.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.orm import Session, sessionmaker

from ingest.catalog.clock import db_now
from ingest.catalog.database import Database
from ingest.catalog.migrations.tables import ChunkRow, CollectionRow, FailureRow, JobRow, ModelRow
from trainer.errors import CatalogError

HEAD = "0013"  # the newest migration; a test holds it equal to Alembic's own head

JobState = Literal["running", "paused", "done", "cancelled", "superseded"]
STOPPED: tuple[JobState, ...] = ("paused", "cancelled", "superseded")
ChunkState = Literal["pending", "archived", "done"]


RETRY_MARK = "-r"  # in the key of a chunk whose items another chunk of the job has held before
FITS = "fits"  # in the facts of a collection: relevance fitted to truth, which is in no other place


@dataclass(frozen=True)
class Model:
    """A model by name; its folder is ``models/<name>`` in the home folder."""

    name: str
    model_id: str
    added_at: datetime


@dataclass(frozen=True)
class Collection:
    """A collection's standing facts; `spec` holds grid, source options and attribution as JSON values.

    `deleted_at` is when somebody deleted it: `ingest.catalog.deletions`.
    """

    name: str
    kind: Literal["tiles", "gallery"]
    model_id: str
    dim: int
    spec: dict[str, Any]
    created_at: datetime
    deleted_at: datetime | None = None


@dataclass(frozen=True)
class Chunk:
    """A part's worth of items: the part is called ``<key>.parquet``; `attempts` is how often it was begun in vain.

    `sha256` is the checksum of the part's file, in hexadecimal; None: no part, or one from before checksums were kept.
    """

    key: str
    job: str
    item_ids: list[str]
    state: ChunkState
    done: int
    skipped: dict[str, int]
    attempts: int = 0
    sha256: str | None = None


@dataclass(frozen=True)
class Failure:
    """An item (tile, chip, photo id) or a file that failed; `chunk` is None for a file."""

    subject: str
    reason: str
    message: str
    chunk: str | None = None


@dataclass(frozen=True)
class Job:
    """A job with its sums over chunks and failures.

    Attributes:
        model_id: The model it was planned for.
        queued: Workers do it; else whoever planned it.
        priority: 0 goes first, 9 last.
        note: Why workers leave it lying, if they do.
        spent: Seconds by stage, of all runs and workers together; empty before the first.
    """

    id: str
    collection: str
    source: str
    spec: dict[str, Any]
    state: JobState
    created_at: datetime
    updated_at: datetime
    chunks: int
    chunks_done: int
    items: int
    done: int
    skipped: dict[str, int]
    failed: dict[str, int]
    model_id: str | None
    queued: bool
    priority: int
    note: str | None
    spent: dict[str, float] = field(default_factory=dict)


class Catalog:
    """The open catalog.

    Args:
        at: SQLite file, made with its folder when missing, or the URL of a PostgreSQL database; `Settings.catalog_at`.

    Raises:
        CatalogError: It is not a catalog, is newer than this program, or cannot be reached or written.
    """

    def __init__(self, at: Path | SecretStr) -> None:
        self.database = Database(at)
        self._sessions = sessionmaker(self.database.engine)
        try:
            self.database.migrate(HEAD)
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"Catalog({self.database.shown!r})"

    def close(self) -> None:
        """Gives the connections back."""
        self.database.close()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A transaction, for the modules of the ledger beside this one."""
        with self.database.translated(), self._sessions.begin() as session:
            yield session

    # -- models ------------------------------------------------------------------------------------------------------

    def add_model(self, name: str, model_id: str) -> None:
        """Records a model; the same name with the same weights is no change.

        Raises:
            CatalogError: The name is taken by other weights.
        """
        with self.session() as session:
            row = session.get(ModelRow, name)
            if row is None:
                session.add(ModelRow(name=name, model_id=model_id, added_at=datetime.now(UTC)))
            elif row.model_id != model_id:
                raise CatalogError(
                    f"model {name!r} exists with id {row.model_id}, this one is {model_id}: take another name"
                )

    def models(self) -> list[Model]:
        """Every model, oldest first."""
        with self.session() as session:
            rows = session.scalars(sa.select(ModelRow).order_by(ModelRow.added_at))
            return [Model(row.name, row.model_id, row.added_at) for row in rows]

    def model(self, name: str | None = None, *, model_id: str | None = None) -> Model:
        """A model by name, by id, or the only one there is.

        Raises:
            CatalogError: None or several fit; the message lists what there is.
        """
        models = self.models()
        fitting = [m for m in models if name in (None, m.name) and model_id in (None, m.model_id)]
        # one model may have several names: asked for by id, any of them will do
        if len(fitting) == 1 or (fitting and model_id is not None):
            return fitting[0]
        have = ", ".join(m.name for m in models) or "none"
        if not models:
            raise CatalogError("no model yet: add one with `groundcast model add NAME --open-clip ARCH …`")
        if model_id is not None:
            raise CatalogError(
                f"no model with id {model_id} here (have: {have}): add it again with `groundcast model add`"
            )
        if name is None:
            raise CatalogError(f"several models here ({have}): choose one with --model")
        raise CatalogError(f"no model {name!r} here (have: {have})")

    # -- collections -------------------------------------------------------------------------------------------------

    def add_collection(self, collection: Collection) -> None:
        """Records a collection that does not exist yet."""
        with self.session() as session:
            session.add(CollectionRow(**vars(collection)))

    def collections(self) -> list[Collection]:
        """Every collection, by name."""
        with self.session() as session:
            return [_collection(row) for row in session.scalars(sa.select(CollectionRow).order_by(CollectionRow.name))]

    def find_collection(self, name: str) -> Collection | None:
        """The collection of that name, or None."""
        with self.session() as session:
            row = session.get(CollectionRow, name)
            return _collection(row) if row else None

    def collection(self, name: str) -> Collection:
        """The collection of that name.

        Raises:
            CatalogError: There is none; the message lists what there is.
        """
        found = self.find_collection(name)
        if found is None:
            have = ", ".join(c.name for c in self.collections()) or "none yet"
            raise CatalogError(f"no collection {name!r} here (have: {have}): make it with `groundcast ingest`")
        return found

    # -- jobs and chunks ---------------------------------------------------------------------------------------------

    def add_job(
        self,
        job_id: str,
        *,
        collection: str,
        source: str,
        spec: dict[str, Any],
        chunks: Iterable[tuple[str, list[str]]],
        failures: Sequence[Failure],
    ) -> None:
        """Records a job with all its chunks, or nothing at all.

        An unfinished job of the same request over earlier files is superseded: the new one has all that it lacked.

        Args:
            job_id: 16 hexadecimal digits that say what is asked for; the same request has the same id.
            collection: Name of the collection, which exists.
            source: URI of the source, without secrets.
            spec: What was asked, for people.
            chunks: Pairs of chunk key and item ids, in order.
            failures: Files that could not be opened.
        """
        now = datetime.now(UTC)
        with self.session() as session:
            session.add(
                JobRow(
                    id=job_id,
                    collection=collection,
                    source=source,
                    spec=spec,
                    state="running",
                    created_at=now,
                    updated_at=now,
                    model_id=session.scalar(sa.select(CollectionRow.model_id).where(CollectionRow.name == collection)),
                )
            )
            session.flush()  # the plain INSERTs below refer to this row
            _insert_chunks(session, job_id, chunks)
            _supersede(session, job_id, collection, spec)
            session.add_all(FailureRow(job=job_id, **vars(failure)) for failure in failures)

    def jobs(self, collection: str | None = None) -> list[Job]:
        """Jobs with their sums, oldest first."""
        with self.session() as session:
            return _jobs(session, sa.true() if collection is None else JobRow.collection == collection)

    def find_job(self, job_id: str) -> Job | None:
        """The job with that id, or None."""
        with self.session() as session:
            return next(iter(_jobs(session, JobRow.id == job_id)), None)

    def job(self, job_id: str) -> Job:
        """The job whose id begins so.

        Raises:
            CatalogError: No job or several begin so.
        """
        with self.session() as session:
            found = _jobs(session, sa.func.substr(JobRow.id, 1, len(job_id)) == job_id)
        if len(found) != 1:
            what = "several jobs begin" if found else "no job begins"
            raise CatalogError(f"{what} with {job_id!r}: see `groundcast jobs list`")
        return found[0]

    def job_state(self, job_id: str) -> str | None:
        """The state of a job alone, cheaply."""
        with self.session() as session:
            return session.scalar(sa.select(JobRow.state).where(JobRow.id == job_id))

    def stop_job(self, job_id: str, state: Literal["paused", "cancelled"]) -> bool:
        """Says that an unfinished job is paused or cancelled; False: it was not unfinished any more, and stays so."""
        unfinished = JobRow.state.in_(("running",) if state == "paused" else ("running", "paused"))
        with self.session() as session:
            stop = sa.update(JobRow).where(JobRow.id == job_id, unfinished)
            changed = session.connection().execute(stop.values(state=state, updated_at=datetime.now(UTC)))
            return changed.rowcount > 0

    def begin_job(self, job: Job) -> None:
        """Says that a job runs, unless somebody has stopped it since it was read."""
        with self.session() as session:
            as_read = sa.update(JobRow).where(JobRow.id == job.id, JobRow.state == job.state)
            session.execute(as_read.values(state="running", updated_at=datetime.now(UTC)))

    def end_job(self, job_id: str) -> str:
        """Says that a job is done if nothing of it is left to do, stopped meanwhile or not; returns its state."""
        with self.session() as session:
            done = sa.update(JobRow).where(JobRow.id == job_id, JobRow.state != "superseded", ~_left(job_id))
            session.execute(done.values(state="done", updated_at=datetime.now(UTC)))
            return session.scalars(sa.select(JobRow.state).where(JobRow.id == job_id)).one()

    def set_job_state(self, job_id: str, state: JobState) -> None:
        """Says that a job runs, is done or is superseded, whatever it was."""
        with self.session() as session:
            session.execute(
                sa.update(JobRow).where(JobRow.id == job_id).values(state=state, updated_at=datetime.now(UTC))
            )

    def enqueue(self, job_id: str, *, priority: int = 5) -> None:
        """Says that workers do what is left of a job, before those of a higher number."""
        with self.session() as session:
            # an earlier wake-up does not count: the dispatcher sends one now, not when that is thought lost
            session.execute(sa.update(ChunkRow).where(ChunkRow.job == job_id).values(sent_at=None))
            values = {"queued": True, "priority": priority, "note": None, "updated_at": datetime.now(UTC)}
            session.execute(sa.update(JobRow).where(JobRow.id == job_id).values(**values))
            this, stopped = JobRow.id == job_id, JobRow.state.in_(("paused", "cancelled"))
            session.execute(sa.update(JobRow).where(this, _left(job_id)).values(state="running"))
            # stopped at its last chunk, which was finished: there is nothing to go on with
            session.execute(sa.update(JobRow).where(this, stopped, ~_left(job_id)).values(state="done"))

    def set_note(self, job_id: str, note: str | None) -> None:
        """Says why workers leave a job lying."""
        with self.session() as session:
            session.execute(sa.update(JobRow).where(JobRow.id == job_id).values(note=note))

    def add_spent(self, job_id: str, spent: Mapping[str, float]) -> None:
        """Adds seconds by stage to those that a job has taken so far."""
        with self.session() as session:
            # a write that changes nothing: two workers must not both add to what they have read before
            session.execute(sa.update(JobRow).where(JobRow.id == job_id).values(note=JobRow.note))
            row = session.get(JobRow, job_id)
            if row is not None:
                before = row.spent or {}
                added = {name: round(before.get(name, 0.0) + seconds, 3) for name, seconds in spent.items()}
                row.spent = before | added

    def damage(self) -> list[str]:
        """What is broken in its own file, a sentence each; a server looks after its own."""
        return self.database.damage()

    def schema(self) -> str | None:
        """The migration that the tables are at; `HEAD` is this program's."""
        with self.database.translated():
            return self.database.version()

    def chunks(
        self, *, job: str | None = None, collection: str | None = None, states: Sequence[ChunkState] = ()
    ) -> Iterator[Chunk]:
        """Chunks of a job or of a whole collection in one of the states, in order of their keys.

        Keys are read at once, rows in pages, so that memory does not grow with the job.
        """
        query = sa.select(ChunkRow.key).order_by(ChunkRow.key)
        if job is not None:
            query = query.where(ChunkRow.job == job)
        if collection is not None:
            query = query.join(JobRow, JobRow.id == ChunkRow.job).where(JobRow.collection == collection)
        if states:
            query = query.where(ChunkRow.state.in_(states))
        with self.session() as session:
            keys = list(session.scalars(query))
        # a transaction ends before its rows are handed out: a slow caller holds none open
        for start in range(0, len(keys), 50):
            with self.session() as session:
                page = sa.select(ChunkRow).where(ChunkRow.key.in_(keys[start : start + 50])).order_by(ChunkRow.key)
                rows = [_chunk(row) for row in session.scalars(page)]
            yield from rows

    def finish_chunk(
        self,
        key: str,
        *,
        state: ChunkState,
        done: int = 0,
        skipped: dict[str, int] | None = None,
        failures: Sequence[Failure] = (),
        holder: str | None = None,
        seconds: float | None = None,
        sha256: str | None = None,
    ) -> bool:
        """Says what became of a chunk, its failures included, in one transaction; saying it twice changes nothing.

        Args:
            key: Of the chunk, which may be gone by now.
            state: ``archived``: its part is written; ``done``: it is indexed too.
            done: Items in its part.
            skipped: Items left out, by reason.
            failures: Items that failed.
            holder: Only if this holder's lease still stands; it ends with this.
            seconds: How long its items took, for the job's rate; None leaves it out of that.
            sha256: Checksum of its part's file; None where it has none.

        Returns:
            Whether it was said: not where the lease has passed to another, or the chunk is no more.
        """
        values = {
            "state": state,
            "done": done,
            "skipped": skipped or {},
            "seconds": seconds,
            "sha256": sha256,
            "finished_at": db_now(),
            "attempts": 0,
        }
        mine = sa.update(ChunkRow).where(ChunkRow.key == key)
        if holder is not None:
            mine = mine.where(ChunkRow.leased_by == holder)
        with self.session() as session:
            if not session.connection().execute(mine.values(leased_by=None, leased_until=None, **values)).rowcount:
                return False
            row = session.get_one(ChunkRow, key)
            # what an earlier attempt said of these items no longer holds
            session.execute(
                sa.delete(FailureRow).where(FailureRow.job == row.job, FailureRow.subject.in_(row.item_ids))
            )
            session.add_all(FailureRow(job=row.job, **vars(failure)) for failure in failures)
            session.execute(sa.update(JobRow).where(JobRow.id == row.job).values(updated_at=datetime.now(UTC)))
            return True

    def chunk_keys(self, collection: str) -> set[str]:
        """Keys of all chunks of a collection."""
        keys = sa.select(ChunkRow.key).join(JobRow, JobRow.id == ChunkRow.job).where(JobRow.collection == collection)
        with self.session() as session:
            return set(session.scalars(keys))

    def has_chunk(self, key: str) -> bool:
        """Whether there is a chunk of that key: a split one is no more."""
        with self.session() as session:
            return session.scalar(sa.select(ChunkRow.key).where(ChunkRow.key == key)) is not None

    def set_chunk_state(self, key: str, state: ChunkState) -> None:
        """Changes the state of a chunk and nothing else."""
        with self.session() as session:
            session.execute(sa.update(ChunkRow).where(ChunkRow.key == key).values(state=state))

    def add_chunks(self, job_id: str, chunks: Iterable[tuple[str, list[str]]]) -> None:
        """Adds chunks to a job and says that it runs."""
        with self.session() as session:
            _insert_chunks(session, job_id, chunks)
            session.execute(sa.update(JobRow).where(JobRow.id == job_id).values(state="running"))

    def items_done(self, collection: str, states: Sequence[ChunkState] = ("done",)) -> int:
        """Items of a collection whose chunks are in one of the states; `done` means that they are indexed."""
        chunks = sa.select(sa.func.coalesce(sa.func.sum(ChunkRow.done), 0)).join(JobRow, JobRow.id == ChunkRow.job)
        with self.session() as session:
            return session.scalar(chunks.where(JobRow.collection == collection, ChunkRow.state.in_(states))) or 0

    def items_of_all(self, states: Sequence[ChunkState] = ("done",)) -> dict[str, int]:
        """The same of every collection that has any, in one statement."""
        sums = sa.select(JobRow.collection, sa.func.sum(ChunkRow.done)).join(JobRow, JobRow.id == ChunkRow.job)
        with self.session() as session:
            rows = session.execute(sums.where(ChunkRow.state.in_(states)).group_by(JobRow.collection))
            return {collection: int(items) for collection, items in rows}

    def may_overlap(self, job_id: str) -> bool:
        """Whether other chunks than a job's own plan may hold its items: other jobs of the collection, or retries."""
        with self.session() as session:
            collection = session.get_one(JobRow, job_id).collection
            other = sa.select(JobRow.id).where(JobRow.collection == collection, JobRow.id != job_id)
            # keys of the plan are JOB-000000 and so on; behind the JOB- of others stands an r (retry) or s (reopened)
            again = sa.select(ChunkRow.key).where(ChunkRow.job == job_id, ChunkRow.key.not_like(f"{job_id}-0%"))
            return session.scalar(other.limit(1)) is not None or session.scalar(again.limit(1)) is not None

    def update_collection(self, name: str, spec: dict[str, Any]) -> None:
        """Changes what is said of a collection."""
        with self.session() as session:
            session.execute(sa.update(CollectionRow).where(CollectionRow.name == name).values(spec=spec))

    def failures(self, job_id: str, *, reason: str | None = None, most: int | None = None) -> list[Failure]:
        """Failed items and files of a job, by subject: all, or those of one reason, or the first so many."""
        query = sa.select(FailureRow).where(FailureRow.job == job_id).order_by(FailureRow.subject).limit(most)
        with self.session() as session:
            rows = session.scalars(query if reason is None else query.where(FailureRow.reason == reason))
            return [Failure(row.subject, row.reason, row.message, row.chunk) for row in rows]

    def replace_file_failures(self, job_id: str, failures: Sequence[Failure]) -> None:
        """Sets the files (not the items) of a job that could not be opened."""
        with self.session() as session:
            session.execute(sa.delete(FailureRow).where(FailureRow.job == job_id, FailureRow.chunk.is_(None)))
            session.add_all(FailureRow(job=job_id, **vars(failure)) for failure in failures)


def _left(job_id: str) -> sa.ColumnElement[bool]:
    """Whether a job has chunks to do."""
    return sa.exists().where(ChunkRow.job == job_id, ChunkRow.state == "pending")


def _insert_chunks(session: Session, job_id: str, chunks: Iterable[tuple[str, list[str]]]) -> None:
    """Many in one statement: a database on another machine takes as long for each statement as for each chunk."""
    rows = (
        {"key": key, "job": job_id, "item_ids": ids, "items": len(ids), "state": "pending", "done": 0, "skipped": {}}
        for key, ids in chunks
    )
    while batch := list(islice(rows, 500)):
        session.execute(sa.insert(ChunkRow), batch)


def _supersede(session: Session, job_id: str, collection: str, spec: dict[str, Any]) -> None:
    unfinished = sa.select(JobRow).where(
        JobRow.collection == collection, JobRow.id != job_id, JobRow.state.in_(["running", "paused", "cancelled"])
    )
    for row in session.scalars(unfinished):
        if json.dumps(row.spec, sort_keys=True) == json.dumps(spec, sort_keys=True):  # NaN is not equal to itself
            # its archived and finished chunks stay: their parts are in the archive
            session.execute(sa.delete(ChunkRow).where(ChunkRow.job == row.id, ChunkRow.state == "pending"))
            row.state = "superseded"


def _collection(row: CollectionRow) -> Collection:
    kind: Literal["tiles", "gallery"] = "gallery" if row.kind == "gallery" else "tiles"
    return Collection(row.name, kind, row.model_id, row.dim, row.spec, row.created_at, row.deleted_at)


def _chunk(row: ChunkRow) -> Chunk:
    return Chunk(row.key, row.job, row.item_ids, row.state, row.done, row.skipped, row.attempts, row.sha256)  # type: ignore[arg-type]


def _jobs(session: Session, which: sa.ColumnElement[bool]) -> list[Job]:
    """Jobs with their sums, oldest first: four statements, however many they are."""
    rows = session.scalars(sa.select(JobRow).where(which).order_by(JobRow.created_at)).all()
    chosen = sa.select(JobRow.id).where(which)
    per_job = (
        sa.select(
            ChunkRow.job,
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(sa.case((ChunkRow.state == "done", 1), else_=0)), 0),
            # a retry's items were counted with the chunk that had them first
            sa.func.coalesce(sa.func.sum(sa.case((ChunkRow.key.contains(RETRY_MARK), 0), else_=ChunkRow.items)), 0),
            sa.func.coalesce(sa.func.sum(ChunkRow.done), 0),
        )
        .where(ChunkRow.job.in_(chosen))
        .group_by(ChunkRow.job)
    )
    sums = {job: (chunks, ready, items, done) for job, chunks, ready, items, done in session.execute(per_job)}
    skipped: dict[str, Counter[str]] = defaultdict(Counter)
    # most chunks skip nothing, and are not fetched
    with_skips = sa.select(ChunkRow.job, ChunkRow.skipped).where(
        ChunkRow.job.in_(chosen), sa.cast(ChunkRow.skipped, sa.String) != "{}"
    )
    for job, counts in session.execute(with_skips):
        skipped[job].update(counts)
    by_reason = (
        sa.select(FailureRow.job, FailureRow.reason, sa.func.count())
        .where(FailureRow.job.in_(chosen))
        .group_by(FailureRow.job, FailureRow.reason)
    )
    failed: dict[str, dict[str, int]] = defaultdict(dict)
    for job, reason, count in session.execute(by_reason):
        failed[job][reason] = count
    return [_job(row, sums.get(row.id, (0, 0, 0, 0)), dict(skipped[row.id]), failed[row.id]) for row in rows]


def _job(row: JobRow, sums: tuple[int, int, int, int], skipped: dict[str, int], failed: dict[str, int]) -> Job:
    chunks, chunks_done, items, done = sums
    return Job(
        id=row.id,
        collection=row.collection,
        source=row.source,
        spec=row.spec,
        state=row.state,  # type: ignore[arg-type]
        created_at=row.created_at,
        updated_at=row.updated_at,
        chunks=chunks,
        chunks_done=chunks_done,
        items=items,
        done=done,
        skipped=skipped,
        failed=failed,
        model_id=row.model_id,
        queued=row.queued,
        priority=row.priority,
        note=row.note,
        spent=row.spent or {},
    )
