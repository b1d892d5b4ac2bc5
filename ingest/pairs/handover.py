"""A build whose shards workers make: what they must know of it, in the ledger, under the key that wakes them.

A message to a worker holds that key and nothing else, so addresses with secrets stay in the ledger. It uses sqlalchemy,
and knows no shards.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter

from ingest.catalog.catalog import Catalog
from ingest.catalog.migrations.tables import PairBuildRow
from ingest.pairs.recipe import Recipe

_RECIPE: TypeAdapter[Recipe] = TypeAdapter(Recipe)


@dataclass(frozen=True)
class Handover:
    """A build that is left to workers.

    Attributes:
        key: 16 hexadecimal digits; the same for the same folder and recipe.
        recipe: What is asked for, secrets of addresses included.
        folder: Where it goes, absolute.
        threads: Of each worker, for photos and for imagery.
        note: Why the last worker that could not go on could not.
    """

    key: str
    recipe: Recipe
    folder: Path
    threads: int
    note: str | None


def hand_over(catalog: Catalog, recipe: Recipe, folder: Path, *, threads: int) -> str:
    """Write a build into the ledger, and return its key."""
    values = _RECIPE.dump_python(recipe, mode="json")
    at = str(folder.expanduser().resolve())
    key = hashlib.sha256(json.dumps([at, values], sort_keys=True).encode()).hexdigest()[:16]
    with catalog.session() as session:
        # merge: the same build may be handed over again
        session.merge(PairBuildRow(key=key, folder=at, recipe=values, threads=threads, created_at=datetime.now(UTC)))
    return key


def handed_over(catalog: Catalog, key: str) -> Handover | None:
    """What was written under a key; None if nothing was, or it was taken back."""
    with catalog.session() as session:
        row = session.get(PairBuildRow, key)
        if row is None:
            return None
        return Handover(key, _RECIPE.validate_python(row.recipe), Path(row.folder), row.threads, row.note)


def note(catalog: Catalog, key: str, why: str) -> None:
    """Write down why a worker cannot go on with a build."""
    with catalog.session() as session:
        row = session.get(PairBuildRow, key)
        if row is not None:
            row.note = why


def take_back(catalog: Catalog, key: str) -> None:
    """Forget a build: workers that are woken for it do nothing."""
    with catalog.session() as session:
        row = session.get(PairBuildRow, key)
        if row is not None:
            session.delete(row)
