"""What there is to be done for workers: chunks to wake one for, jobs to close, collections whose index is behind.

A wake-up is a message that names a chunk. The ledger is the truth: a wake-up that is lost is sent again, one that comes
twice finds the chunk taken. So only a few are under way at a time, whatever the size of the job.

It uses the catalog's tables. It does not know the broker.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ingest.catalog.catalog import Catalog
from ingest.catalog.clock import db_now
from ingest.catalog.migrations.tables import ChunkRow, CollectionRow, JobRow, TurnRow

_FEWEST = 4  # wake-ups under way where nobody is busy yet


@dataclass(frozen=True)
class ChunkDispatch:
    """A chunk to wake a worker for; `priority` 0 goes first, 9 last."""

    key: str
    priority: int


def next_dispatches(catalog: Catalog, *, lost_after_s: float) -> list[ChunkDispatch]:
    """Chunks to wake workers for now, noted as sent: about two for each worker that is busy.

    Args:
        catalog: The ledger whose pending chunks are looked through.
        lost_after_s: A wake-up that was sent so long ago and did not lead to a lease was lost.
    """
    with catalog.session() as session:
        # whoever asks at the same time waits here, and finds what is noted below
        session.execute(sa.update(CollectionRow).where(_ingested()).values(dim=CollectionRow.dim))
        busy = session.scalar(
            sa.select(sa.func.count(sa.distinct(ChunkRow.leased_by))).where(ChunkRow.leased_until > db_now())
        )
        window = max(_FEWEST, 2 * (busy or 0) + 2)
        found = [message for job in _whose_turn(session) for message in _of_job(session, job, window, lost_after_s)]
        keys = [message.key for message in found]
        session.execute(sa.update(ChunkRow).where(ChunkRow.key.in_(keys)).values(sent_at=db_now()))
        return found


def not_sent(catalog: Catalog, messages: Sequence[ChunkDispatch]) -> None:
    """Says that these could not be sent after all."""
    keys = [message.key for message in messages]
    with catalog.session() as session:
        session.execute(sa.update(ChunkRow).where(ChunkRow.key.in_(keys)).values(sent_at=None))


def close_finished(catalog: Catalog) -> None:
    """Says of queued jobs without anything left to do that they are done."""
    left = sa.exists().where(ChunkRow.job == JobRow.id, ChunkRow.state == "pending")
    finished = sa.update(JobRow).where(JobRow.queued, JobRow.state == "running", ~left)
    with catalog.session() as session:
        # no such row is loaded in this session, so none has to follow
        session.execute(finished.values(state="done", note=None).execution_options(synchronize_session=False))


def to_be_indexed(catalog: Catalog, *, while_running: bool) -> list[str]:
    """Collections with parts that are not in the index yet.

    Args:
        catalog: The ledger that says which parts are archived and not indexed.
        while_running: Those too that are still being ingested into.
    """
    behind = sa.select(JobRow.collection).where(
        sa.exists().where(ChunkRow.job == JobRow.id, ChunkRow.state == "archived"), JobRow.queued
    )
    running = sa.select(JobRow.collection).where(JobRow.state == "running")
    if not while_running:
        behind = behind.where(JobRow.collection.not_in(running))
    with catalog.session() as session:
        return sorted(set(session.scalars(behind)))


def claim_turn(catalog: Catalog, name: str, every_s: float) -> bool:
    """Whether it is for the caller to do something now that one process does at a time, and then not for a while."""
    until = db_now() + every_s
    mine = sa.update(TurnRow).where(TurnRow.name == name, TurnRow.until <= db_now()).values(until=until)
    with catalog.session() as session:
        if session.connection().execute(mine).rowcount:
            return True
        if session.scalar(sa.select(TurnRow.name).where(TurnRow.name == name)) is not None:
            return False
        try:
            # a savepoint: PostgreSQL gives up a whole transaction at its first error
            with session.begin_nested():
                session.execute(sa.insert(TurnRow).values(name=name, until=until))
        except IntegrityError:  # another was faster
            return False
        return True


def _ingested() -> sa.ColumnElement[bool]:
    running = sa.select(JobRow.collection).where(JobRow.queued, JobRow.state == "running")
    return CollectionRow.name.in_(running)


def _whose_turn(session: Session) -> list[JobRow]:
    """Of each collection the running job that comes first."""
    free = sa.exists().where(ChunkRow.job == JobRow.id, ChunkRow.state == "pending", ChunkRow.leased_by.is_(None))
    waiting = sa.select(JobRow).where(JobRow.queued, JobRow.state == "running", free)
    first: dict[str, JobRow] = {}
    for job in session.scalars(waiting.order_by(JobRow.priority, JobRow.created_at, JobRow.id)):
        first.setdefault(job.collection, job)
    return list(first.values())


def _of_job(session: Session, job: JobRow, window: int, lost_after_s: float) -> list[ChunkDispatch]:
    free = (ChunkRow.job == job.id, ChunkRow.state == "pending", ChunkRow.leased_by.is_(None))
    lost = ChunkRow.sent_at <= db_now() - lost_after_s
    under_way = sa.select(sa.func.count()).where(*free, ChunkRow.sent_at > db_now() - lost_after_s)
    room = window - (session.scalar(under_way) or 0)
    if room <= 0:
        return []
    unsent = sa.select(ChunkRow.key).where(*free)
    # never sent ones first, then those whose wake-up was lost
    keys = list(session.scalars(unsent.where(ChunkRow.sent_at.is_(None)).order_by(ChunkRow.key).limit(room)))
    if len(keys) < room:
        again = unsent.where(lost).order_by(ChunkRow.sent_at).limit(room - len(keys))
        keys += session.scalars(again)
    return [ChunkDispatch(key, job.priority) for key in keys]
