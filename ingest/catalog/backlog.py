"""What waits in the ledger for all workers together: chunks by state, how long the oldest has waited, who is at work.

It uses the catalog's tables; durations are differences of the database's clock, but for the age of a job, which is for
people.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from ingest.catalog.catalog import Catalog
from ingest.catalog.clock import db_now
from ingest.catalog.migrations.tables import ChunkRow, JobRow


@dataclass(frozen=True)
class Backlog:
    """What is to be done for queued jobs that are neither paused nor cancelled.

    Attributes:
        pending: Chunks that are still to be embedded, those at hand included.
        leased: Chunks that workers hold leases of.
        archived: Chunks that are archived and not in the index yet, of all jobs.
        oldest_s: Seconds since the oldest job with pending chunks was asked for; 0 where none waits.
        idle_s: Seconds since anything was finished while chunks are pending; 0 where none is.
        workers: Workers with chunks at hand.
    """

    pending: int
    leased: int
    archived: int
    oldest_s: float
    idle_s: float
    workers: int


def backlog(catalog: Catalog) -> Backlog:
    """What waits now.

    Raises:
        CatalogError: The ledger does not answer.
    """
    open_jobs = sa.select(JobRow.id).where(JobRow.queued, JobRow.state == "running")
    pending = sa.and_(ChunkRow.state == "pending", ChunkRow.job.in_(open_jobs))
    leased = sa.select(ChunkRow.leased_by).where(ChunkRow.state == "pending", ChunkRow.leased_until > db_now())
    with catalog.session() as session:
        waiting = session.scalar(sa.select(sa.func.count()).where(pending)) or 0
        archived = session.scalar(sa.select(sa.func.count()).where(ChunkRow.state == "archived")) or 0
        # NAME/PROCESS-TOKEN: a worker counts once, however many chunks it holds
        holders = [str(holder).partition("/")[0] for holder in session.scalars(leased)]
        waits = sa.exists().where(ChunkRow.job == JobRow.id, ChunkRow.state == "pending")
        asked = session.execute(
            sa.select(JobRow.id, JobRow.created_at).where(JobRow.id.in_(open_jobs), waits).order_by(JobRow.created_at)
        ).all()
        finished = sa.select(db_now() - sa.func.max(ChunkRow.finished_at)).where(
            ChunkRow.job.in_([job for job, _ in asked])
        )
        idle_s = session.scalar(finished) if asked else 0.0
    oldest_s = (datetime.now(UTC) - asked[0][1]).total_seconds() if asked else 0.0
    return Backlog(
        pending=waiting,
        leased=len(holders),
        archived=archived,
        oldest_s=max(oldest_s, 0.0),  # a job's age is by the clock of who asked, which may be ahead
        # nothing is finished yet: idle since the oldest job was asked for
        idle_s=oldest_s if idle_s is None else float(idle_s),
        workers=len(set(holders)),
    )
