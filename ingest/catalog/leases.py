"""Leases: whose work a chunk is, decided in the ledger alone and by the database's clock.

A chunk is taken for `lease_s`, renewed while the work goes on, and finished or given back. What a dead worker held is
free again when its lease is over. A chunk that was begun and neither finished nor given back has crashed: from then on
it is tried alone, on the third crash it is split in two, and one item that killed its worker three times has failed
as ``killed_worker``. Jobs of one collection take turns, by priority and age, so that no item is embedded for two.

It uses the catalog's tables. It does not know how workers are woken, nor what they do with a chunk.
"""

import logging
import math
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from string import ascii_lowercase
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ingest.catalog.catalog import Catalog, Chunk, ChunkState, Failure
from ingest.catalog.clock import db_now
from ingest.catalog.migrations.tables import ChunkRow, CollectionRow, FailureRow, JobRow, UtcTime
from trainer.errors import CatalogError

log = logging.getLogger(__name__)

CRASHES = 3
KILLED = "killed_worker"
_MOST_PIECES = 16  # of one split: each has one letter more in its key
_Answer = TypeVar("_Answer")


class Leases:
    """The leases of one process.

    Args:
        catalog: The ledger that all workers share; its database's clock decides.
        worker: Name of the worker that this process serves; a worker has one such process at a time.
        lease_s: How long a lease lasts unless it is renewed.
        patience_s: How long a ledger that does not answer is asked again.
    """

    def __init__(self, catalog: Catalog, worker: str, *, lease_s: float, patience_s: float = 0.0) -> None:
        self.catalog = catalog
        self.worker = worker
        self.holder = f"{worker}/{os.getpid()}-{secrets.token_hex(3)}"  # process ids are used again, tokens are not
        self.lease_s = lease_s
        self.patience_s = patience_s
        self._begun: set[str] = set()

    def take(
        self,
        job: str,
        *,
        first: str | None = None,
        suspect: bool = False,
        count: int = 1,
        most_items: int | None = None,
    ) -> list[Chunk]:
        """Leases chunks of a job; none where there is none to be had, or it is not the job's turn.

        Args:
            job: Id of the job.
            first: This chunk alone, whatever happened to it before.
            suspect: Chunks that crashed before; else those that did not.
            count: How many chunks at most; `most_items` is of each.
            most_items: A larger chunk is split in the ledger, and its first piece taken.
        """

        def take() -> list[Chunk]:
            with self.catalog.session() as session:
                found = _lock(session, job)
                if found is None or found.state != "running":
                    return []
                # first what is overdue, so that it can be taken at once
                _free(session, ChunkRow.leased_until <= db_now())
                if self._must_wait(session, found) or (first is None and _outranked(session, found)):
                    return []
                keys = _free_keys(session, job, first, suspect, count)
                rows = [_cut(session, session.get_one(ChunkRow, key), most_items) for key in keys]
                until = db_now() + self.lease_s
                mine = sa.update(ChunkRow).where(ChunkRow.key.in_([row.key for row in rows]))
                session.execute(mine.values(leased_by=self.holder, leased_until=until))
                return [
                    Chunk(row.key, row.job, row.item_ids, "pending", row.done, row.skipped, row.attempts)
                    for row in rows
                ]

        return self._insist(take)

    def begin(self, key: str) -> None:
        """Counts an attempt at a chunk: its first item is about to be read."""

        def begin() -> None:
            mine = sa.update(ChunkRow).where(ChunkRow.key == key, ChunkRow.leased_by == self.holder)
            with self.catalog.session() as session:
                session.execute(mine.values(attempts=ChunkRow.attempts + 1))

        self._insist(begin)
        self._begun.add(key)

    def holds(self, key: str) -> bool:
        """Whether a chunk is still this process's; if so for `lease_s` from now."""
        return self._insist(lambda: bool(self._renew(ChunkRow.key == key)))

    def finish(
        self,
        key: str,
        *,
        state: ChunkState,
        done: int,
        skipped: dict[str, int],
        failures: Sequence[Failure],
        seconds: float | None = None,
        sha256: str | None = None,
    ) -> bool:
        """Says what became of a chunk; False where it passed to another meanwhile, or is no more."""

        def finish() -> bool:
            return self.catalog.finish_chunk(
                key,
                state=state,
                done=done,
                skipped=skipped,
                failures=failures,
                holder=self.holder,
                seconds=seconds,
                sha256=sha256,
            )

        finished = self._insist(finish)
        self._begun.discard(key)
        return finished

    def release(self) -> None:
        """Gives back what is still held. Attempts at it do not count: nothing crashed."""
        mine = ChunkRow.leased_by == self.holder
        begun = ChunkRow.key.in_(self._begun)
        free = {"leased_by": None, "leased_until": None, "sent_at": None}
        try:
            with self.catalog.session() as session:
                session.execute(sa.update(ChunkRow).where(mine, begun).values(attempts=ChunkRow.attempts - 1, **free))
                session.execute(sa.update(ChunkRow).where(mine).values(**free))
        except CatalogError as error:
            log.warning("chunks could not be given back, they are free in %.0f s: %s", self.lease_s, error)
        self._begun.clear()

    def free_earlier(self) -> int:
        """Frees what earlier processes of this worker held, which are dead; returns how many chunks."""
        with self.catalog.session() as session:
            _begin_writing(session)
            earlier = ChunkRow.leased_by.startswith(f"{self.worker}/", autoescape=True)
            return _free(session, earlier, ChunkRow.leased_by != self.holder)

    def in_the_way(self, job: str) -> str | None:
        """Another unfinished job of the same collection that somebody works on."""
        with self.catalog.session() as session:
            return self._must_wait(session, session.get_one(JobRow, job), queue=False)

    def wanted(self, job: str) -> bool:
        """Whether the job still runs: nobody has paused or cancelled it."""
        return self._insist(lambda: self.catalog.job_state(job) == "running")

    @contextmanager
    def renewing(self) -> Iterator[None]:
        """Renews from a thread of its own until the end, and then gives back what is still held."""
        ended = threading.Event()
        thread = threading.Thread(target=self._keep, args=(ended,), name="renew", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self.release()

    def _keep(self, ended: threading.Event) -> None:
        # a quarter: a renewal may fail now and then, the lease still stands
        while not ended.wait(self.lease_s / 4):
            try:
                self._renew()
            except CatalogError as error:
                log.warning("leases could not be renewed just now: %s", error)

    def _renew(self, *which: sa.ColumnElement[bool]) -> int:
        # without a look at the time: a lease that is over and that nobody has taken goes on
        mine = sa.update(ChunkRow).where(ChunkRow.leased_by == self.holder, *which)
        with self.catalog.session() as session:
            return session.connection().execute(mine.values(leased_until=db_now() + self.lease_s)).rowcount

    def _must_wait(self, session: Session, job: JobRow, *, queue: bool = True) -> str | None:
        """The job of the same collection whose turn it is before this one's, if any."""
        others = sa.select(JobRow.id).where(JobRow.collection == job.collection, JobRow.id != job.id)
        leased = sa.exists().where(
            ChunkRow.job == JobRow.id, ChunkRow.leased_by != self.holder, ChunkRow.leased_until > db_now()
        )
        found = session.scalar(others.where(leased).limit(1))
        if found is None and queue and job.queued:
            rank = sa.tuple_(JobRow.priority, JobRow.created_at, JobRow.id)
            own = sa.tuple_(sa.literal(job.priority), sa.literal(job.created_at, UtcTime), sa.literal(job.id))
            earlier = others.where(JobRow.queued, JobRow.state == "running", rank < own, _has_free_chunk())
            found = session.scalar(earlier.limit(1))
        return found

    def _insist(self, ask: Callable[[], _Answer]) -> _Answer:
        """Asks a ledger that does not answer again and again, for a while: databases are restarted now and then."""
        deadline = time.monotonic() + self.patience_s
        while True:
            try:
                return ask()
            except CatalogError as error:
                if time.monotonic() >= deadline:
                    raise
                log.warning("the ledger does not answer, asking again: %s", error)
                time.sleep(min(1.0, self.patience_s / 10))


def free_overdue(catalog: Catalog) -> int:
    """Frees the chunks whose lease is over; returns how many."""
    with catalog.session() as session:
        _begin_writing(session)
        return _free(session, ChunkRow.leased_until <= db_now())


def _begin_writing(session: Session) -> None:
    """SQLite begins a transaction with the first statement that writes; what was read before may have changed."""
    session.execute(sa.update(CollectionRow).where(sa.false()).values(dim=CollectionRow.dim))


def _lock(session: Session, job: str) -> JobRow | None:
    """The job, while nobody else takes chunks of its collection."""
    name = sa.select(JobRow.collection).where(JobRow.id == job).scalar_subquery()
    # A write that changes nothing holds the row until the transaction ends; in SQLite, the database.
    session.execute(sa.update(CollectionRow).where(CollectionRow.name == name).values(dim=CollectionRow.dim))
    return session.get(JobRow, job)


def _has_free_chunk() -> sa.ColumnElement[bool]:
    return sa.exists().where(ChunkRow.job == JobRow.id, ChunkRow.state == "pending", ChunkRow.leased_by.is_(None))


def _outranked(session: Session, job: JobRow) -> bool:
    """Whether more urgent work waits: then it is for the broker to say who does what next."""
    urgent = sa.select(JobRow.id).where(JobRow.queued, JobRow.state == "running", JobRow.priority < job.priority)
    return job.queued and session.scalar(urgent.where(_has_free_chunk()).limit(1)) is not None


def _free_keys(session: Session, job: str, first: str | None, suspect: bool, count: int) -> list[str]:
    free = sa.select(ChunkRow.key).where(ChunkRow.job == job, ChunkRow.state == "pending", ChunkRow.leased_by.is_(None))
    if first is not None:
        return list(session.scalars(free.where(ChunkRow.key == first)))
    free = free.where(ChunkRow.attempts > 0 if suspect else ChunkRow.attempts == 0)
    # those that no message is under way for come first: a message whose chunk is gone wakes a worker for nothing
    keys = list(session.scalars(free.where(ChunkRow.sent_at.is_(None)).order_by(ChunkRow.key).limit(count)))
    if len(keys) < count:
        sent = free.where(ChunkRow.sent_at.is_not(None)).order_by(ChunkRow.sent_at, ChunkRow.key)
        keys += session.scalars(sent.limit(count - len(keys)))
    return keys


def _free(session: Session, *which: sa.ColumnElement[bool]) -> int:
    """Frees leased chunks whose holder is gone. Those that were begun too often are split, or their item has failed."""
    leased = sa.select(ChunkRow).where(ChunkRow.leased_by.is_not(None), *which).with_for_update()
    rows = list(session.scalars(leased))
    for row in rows:
        log.warning("chunk %s was left by %s after %d attempts", row.key, row.leased_by, row.attempts)
        row.leased_by = row.leased_until = row.sent_at = None
        if row.attempts < CRASHES:
            continue
        if row.items > 1:
            # a piece that crashes once more is split again
            _split(session, row, 2, attempts=CRASHES - 1)
        else:
            _give_up(session, row)
    session.flush()
    return len(rows)


def _cut(session: Session, row: ChunkRow, most_items: int | None) -> ChunkRow:
    """The chunk, or the first piece of it where it is too large."""
    if most_items is None or row.items <= max(1, most_items):
        return row
    return _split(session, row, min(math.ceil(row.items / max(1, most_items)), _MOST_PIECES), attempts=row.attempts)


def _split(session: Session, row: ChunkRow, pieces: int, *, attempts: int) -> ChunkRow:
    """Puts as many chunks in the place of one and returns the first; a single item keeps one attempt, to be alone."""
    step = math.ceil(row.items / pieces)
    blocks = [row.item_ids[start : start + step] for start in range(0, row.items, step)]
    new = [
        ChunkRow(
            key=f"{row.key}{chr(ord('a') + number)}",
            job=row.job,
            item_ids=block,
            items=len(block),
            state="pending",
            done=0,
            skipped={},
            attempts=min(attempts, 1) if len(block) == 1 else attempts,
        )
        for number, block in enumerate(blocks)
    ]
    log.warning("chunk %s of %d items is split in %d", row.key, row.items, len(new))
    session.delete(row)
    session.add_all(new)
    session.flush()
    return new[0]


def before_splits(keys: Iterable[str]) -> set[str]:
    """Keys of the chunks that were split into those of these keys: a part of one is left over."""
    found = set()
    for key in keys:
        whole = key.rstrip(ascii_lowercase)  # one letter a split; a chunk that was not split ends in its number
        found |= {key[:length] for length in range(len(whole), len(key))}
    return found


def _give_up(session: Session, row: ChunkRow) -> None:
    """One item that killed its worker again and again has failed."""
    (item,) = row.item_ids
    message = f"{item}: the process died {row.attempts} times while it worked on this item alone: look at its imagery"
    session.execute(sa.delete(FailureRow).where(FailureRow.job == row.job, FailureRow.subject == item))
    session.add(FailureRow(job=row.job, subject=item, chunk=row.key, reason=KILLED, message=message))
    row.state, row.done, row.skipped, row.finished_at = "done", 0, {}, db_now()
