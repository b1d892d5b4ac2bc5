"""Where an answer comes from: said in every file and every document, so that it travels with the answer."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from search_ui.search.query import Answer, rfc3339

Block = dict[str, Any]
"""A provenance block in JSON types."""


@cache
def program_version() -> str:
    """Name the installed version of groundcast, or ``unknown`` where it runs without being installed."""
    try:
        return version("groundcast")
    except PackageNotFoundError:
        return "unknown"


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where an answer comes from.

    Args:
        collection: Name of the collection that was searched.
        model_id: The model that made its vectors.
        source: URI of its imagery.
        attribution: Whom to credit for the imagery; None when the source names nobody.
        caution: What should be known of every answer of it; None where there is nothing to say.
        created_at: When the file was made, aware UTC.
        groundcast_version: Version of the program that made it.
    """

    collection: str
    model_id: str
    source: str
    attribution: str | None = None
    caution: str | None = None
    created_at: datetime = field(default_factory=_now)
    groundcast_version: str = field(default_factory=program_version)

    def block(self, answer: Answer) -> Block:
        """Say in JSON types what was asked of what, how, and when."""
        asked = {"query": dict(answer.query), "method": answer.method, "candidates": answer.candidates}
        return asked | {"note": answer.note} | self.facts()

    def facts(self) -> Block:
        """The same in JSON types without what was asked."""
        return {
            "collection": self.collection,
            "model_id": self.model_id,
            "source": self.source,
            "attribution": self.attribution,
            "groundcast_version": self.groundcast_version,
            "created_at": rfc3339(self.created_at),
        } | ({} if self.caution is None else {"caution": self.caution})
