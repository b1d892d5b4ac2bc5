"""How far a job is while others work on it: what is left, how fast it goes, how long it will take, who works.

It uses the catalog's tables; all durations are differences of the database's clock.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from ingest.catalog.catalog import Catalog
from ingest.catalog.clock import db_now
from ingest.catalog.migrations.tables import ChunkRow

_RECENT_S = 300.0  # the rate is that of the last minutes, not of a job that has paused for a day
_RECENT_CHUNKS = 20  # of which a worker's time per item is the mean


@dataclass(frozen=True)
class Progress:
    """A job's progress.

    Attributes:
        left: Items that are still to be done.
        rate_per_s: Items a second over the last minutes, all workers together; None where nothing was done.
        left_s: Seconds that the rest takes at this rate, if it is known.
        workers: Names of those who hold leases of it.
        unindexed: Chunks that are in the archive and not in the index yet.
    """

    left: int
    rate_per_s: float | None
    left_s: float | None
    workers: list[str]
    unindexed: int


def progress(catalog: Catalog, job: str) -> Progress:
    """How far a job is now."""
    of_job = ChunkRow.job == job
    recent = (of_job, ChunkRow.seconds.is_not(None), ChunkRow.finished_at > db_now() - _RECENT_S)
    # from the start of the first to the end of the last: workers overlap, so their seconds do not add up
    spent = sa.func.max(ChunkRow.finished_at) - sa.func.min(ChunkRow.finished_at - ChunkRow.seconds)
    holders = sa.select(ChunkRow.leased_by).distinct().where(of_job, ChunkRow.leased_until > db_now())
    with catalog.session() as session:
        pending = sa.select(sa.func.sum(ChunkRow.items)).where(of_job, ChunkRow.state == "pending")
        left = session.scalar(pending) or 0
        unindexed = session.scalar(sa.select(sa.func.count()).where(of_job, ChunkRow.state == "archived")) or 0
        items, seconds = session.execute(sa.select(sa.func.sum(ChunkRow.items), spent).where(*recent)).one()
        workers = sorted({str(holder).partition("/")[0] for holder in session.scalars(holders)})
    rate = items / seconds if items and seconds and seconds > 0 else None
    return Progress(left, rate, left / rate if rate else None, workers, unindexed)


def seconds_per_item(catalog: Catalog, job: str) -> float | None:
    """What an item took one worker lately; None before the first chunk."""
    measured = (
        sa.select(ChunkRow.items, ChunkRow.seconds)
        .where(ChunkRow.job == job, ChunkRow.seconds.is_not(None))
        .order_by(ChunkRow.finished_at.desc())
        .limit(_RECENT_CHUNKS)
        .subquery()
    )
    with catalog.session() as session:
        items, seconds = session.execute(
            sa.select(sa.func.sum(measured.c["items"]), sa.func.sum(measured.c["seconds"]))
        ).one()
    return seconds / items if items else None
