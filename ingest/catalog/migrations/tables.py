"""The tables as the newest migration leaves them; a test holds the two equal.

Only `ingest.catalog.catalog` and the modules beside it that say so in their first line use them. Moments by which
somebody decides whose work a chunk is (`leased_until`, `sent_at`, `finished_at`, `until`) are seconds since 1970 by the
**database's** clock; the other times are for people.
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, validates


class UtcTime(sa.types.TypeDecorator[datetime]):
    """A time, aware and in UTC: SQLite drops the zone, and PostgreSQL answers in the zone of its session."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """To be written or compared with."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """As it was read."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of the tables."""

    type_annotation_map = dict.fromkeys((dict[str, Any], dict[str, int], dict[str, float], list[str]), sa.JSON)


class ModelRow(Base):
    """A model that was added, and the name it goes by."""

    __tablename__ = "models"
    name: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    model_id: Mapped[str] = mapped_column(sa.String(64), index=True)
    added_at: Mapped[datetime] = mapped_column(UtcTime)


class CollectionRow(Base):
    """A named set of tiles or photos, embedded by one model."""

    __tablename__ = "collections"
    name: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(16))
    model_id: Mapped[str] = mapped_column(sa.String(64))
    dim: Mapped[int]
    spec: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcTime)


class JobRow(Base):
    """One request to bring a source into a collection."""

    __tablename__ = "jobs"
    id: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    collection: Mapped[str] = mapped_column(sa.ForeignKey("collections.name"), index=True)
    source: Mapped[str]
    spec: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(sa.String(16))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)
    model_id: Mapped[str | None] = mapped_column(sa.String(64))
    queued: Mapped[bool] = mapped_column(default=False)
    priority: Mapped[int] = mapped_column(default=5)
    note: Mapped[str | None]
    spent: Mapped[dict[str, float] | None]


class ChunkRow(Base):
    """A part's worth of items of a job."""

    __tablename__ = "chunks"
    key: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    job: Mapped[str] = mapped_column(sa.ForeignKey("jobs.id"), index=True)
    item_ids: Mapped[list[str]]
    items: Mapped[int]
    state: Mapped[str] = mapped_column(sa.String(16), index=True)
    done: Mapped[int] = mapped_column(default=0)
    skipped: Mapped[dict[str, int]]
    attempts: Mapped[int] = mapped_column(default=0)
    leased_by: Mapped[str | None] = mapped_column(sa.String(160), index=True)
    leased_until: Mapped[float | None] = mapped_column(sa.Double)
    sent_at: Mapped[float | None] = mapped_column(sa.Double)
    seconds: Mapped[float | None] = mapped_column(sa.Double)
    finished_at: Mapped[float | None] = mapped_column(sa.Double)
    sha256: Mapped[str | None] = mapped_column(sa.String(64))
    # what leases and dispatch ask for: the next free chunk of a job
    __table_args__ = (sa.Index("ix_chunks_next", "job", "state", "leased_by", "attempts", "sent_at", "key"),)


class FailureRow(Base):
    """An item or file that failed, and why."""

    __tablename__ = "failures"
    id: Mapped[int] = mapped_column(primary_key=True)
    job: Mapped[str] = mapped_column(sa.ForeignKey("jobs.id"), index=True)
    subject: Mapped[str]
    chunk: Mapped[str | None] = mapped_column(sa.String(64))
    reason: Mapped[str] = mapped_column(sa.String(40))
    message: Mapped[str]
    __table_args__ = (sa.UniqueConstraint("job", "subject"),)

    @validates("subject", "message")
    def _storable(self, _key: str, value: str) -> str:
        """What broken files put into messages: bytes that are no text, and NUL, which PostgreSQL has not."""
        return value.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", r"\x00")


class TurnRow(Base):
    """Something that one process at a time does, and not again before a moment: a sweep, an index that follows."""

    __tablename__ = "turns"
    name: Mapped[str] = mapped_column(sa.String(160), primary_key=True)
    until: Mapped[float] = mapped_column(sa.Double)


class AliasRow(Base):
    """Which version of a collection a name stands for, and which it stood for before."""

    __tablename__ = "aliases"
    name: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    collection: Mapped[str] = mapped_column(sa.ForeignKey("collections.name"))
    previous: Mapped[str | None] = mapped_column(sa.ForeignKey("collections.name"))
    changed_at: Mapped[datetime] = mapped_column(UtcTime)


class GivenNameRow(Base):
    """A name that a collection was given after its first one; the newest is what it is called."""

    __tablename__ = "given_names"
    name: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    first_name: Mapped[str] = mapped_column(sa.String(100), index=True)
    given_at: Mapped[datetime] = mapped_column(UtcTime)


class SavedSearchRow(Base):
    """A question under a name and the parts of the archive it was asked of; `ingest.catalog.saved_searches`."""

    __tablename__ = "saved_searches"
    id: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    collection: Mapped[str] = mapped_column(sa.String(100))
    question: Mapped[dict[str, Any]]
    parts: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    asked_at: Mapped[datetime] = mapped_column(UtcTime)
    checked: Mapped[list[str] | None]


class SearchHitRow(Base):
    """A tile that came after a search was saved, and is a hit of it; `ingest.catalog.search_hits`."""

    __tablename__ = "search_hits"
    search: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    tile_id: Mapped[str] = mapped_column(primary_key=True)
    hit: Mapped[dict[str, Any]]
    found_at: Mapped[datetime] = mapped_column(UtcTime)
    posted_at: Mapped[datetime | None] = mapped_column(UtcTime)
    post_tries: Mapped[int] = mapped_column(default=0)
    post_after: Mapped[datetime | None] = mapped_column(UtcTime)
    mailed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    mail_tries: Mapped[int] = mapped_column(default=0)
    mail_after: Mapped[datetime | None] = mapped_column(UtcTime)


class LabelSetRow(Base):
    """A set of labels and what it began from; `ingest.catalog.labels`. Every change of its labels counts on."""

    __tablename__ = "label_sets"
    __table_args__ = (sa.Index("label_sets_name", "collection", "name", unique=True),)
    id: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    collection: Mapped[str] = mapped_column(sa.String(100), index=True)
    question: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    revision: Mapped[int]


class LabelRow(Base):
    """What somebody said of one tile."""

    __tablename__ = "labels"
    label_set: Mapped[str] = mapped_column(sa.ForeignKey("label_sets.id"), primary_key=True)
    tile_id: Mapped[str] = mapped_column(primary_key=True)
    verdict: Mapped[str] = mapped_column(sa.String(8))
    lat: Mapped[float] = mapped_column(sa.Double)
    lon: Mapped[float] = mapped_column(sa.Double)
    size_m: Mapped[float] = mapped_column(sa.Double)
    labelled_by: Mapped[str | None] = mapped_column(sa.String(100))
    labelled_at: Mapped[datetime] = mapped_column(UtcTime)


class PairBuildRow(Base):
    """A build of training pairs whose shards workers make; see `ingest.pairs.handover`."""

    __tablename__ = "pair_builds"
    key: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    folder: Mapped[str]
    recipe: Mapped[dict[str, Any]]
    threads: Mapped[int]
    note: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class IdentityRow(Base):
    """Id of this catalog, one row; `ingest.catalog.server_names`. A copy in another database has another."""

    __tablename__ = "identity"
    catalog: Mapped[str] = mapped_column(sa.String(16), primary_key=True)


class ServerNameRow(Base):
    """What a collection is called on a Qdrant server; `ingest.catalog.server_names`."""

    __tablename__ = "server_names"
    collection: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(255))
