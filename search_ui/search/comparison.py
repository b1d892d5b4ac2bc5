"""Two versions of a collection asked the same: how far their answers agree, and which is more often right.

For each prompt the nine best of both: the share of items that both name (overlap@9), their mean relevance, and where it
is known what is to be seen in a tile, the share of them that is right (precision@9).

It does not know which version is the better one to have; that is for a person to say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.catalog.aliases import Version
from search_ui.search.engine import Engine
from search_ui.search.query import Part, Query
from search_ui.search.ranking import best_rows
from trainer.errors import UsageError, reason

K = 9
RIGHT = 0.5
"""Probability from which on a tile is right."""

SHOWN = 12

Labels = Mapping[str, Mapping[str, float]]
"""By prompt: the probability by tile id that what is asked for is to be seen there."""


@dataclass(frozen=True)
class PromptRow:
    """One prompt; `before` is the version in service, `after` the new one.

    Attributes:
        prompt: The text that both were asked.
        overlap: Share of the nine best that both name.
        relevance_before: Mean of the nine; None for photos, which have none.
        relevance_after: The same of the new version.
        precision_before: Share of the nine that is right; None where nothing is known, or fewer than nine are right.
        precision_after: The same of the new version.
    """

    prompt: str
    overlap: float
    relevance_before: float | None
    relevance_after: float | None
    precision_before: float | None
    precision_after: float | None


@dataclass(frozen=True)
class Comparison:
    """What came out, prompt by prompt."""

    before: str
    after: str
    rows: tuple[PromptRow, ...]

    def mean(self, column: str) -> float | None:
        """Mean of a column over the prompts that have a value there."""
        values = [value for row in self.rows if (value := getattr(row, column)) is not None]
        return round(float(np.mean(values)), 4) if values else None

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        columns = [name for name in PromptRow.__dataclass_fields__ if name != "prompt"]
        means = {name: self.mean(name) for name in columns}
        before, after = means["relevance_before"], means["relevance_after"]
        shift = None if before is None or after is None else round(after - before, 4)
        labelled = sum(row.precision_before is not None for row in self.rows)
        return {
            "before": self.before,
            "after": self.after,
            "k": K,
            "prompts": len(self.rows),
            "labelled": labelled,
            "overlap": means.pop("overlap"),
            "relevance_shift": shift,
            **means,
            "rows": [asdict(row) for row in self.rows],
        }

    def lines(self) -> list[str]:
        """As a table: the means, then the prompts with labels, then those that agree least."""
        named = {"prompt": "", "overlap": f"overlap@{K}"} | {
            f"{what}_{side}": f"{what} {version}"
            for what in ("relevance", "precision")
            for side, version in (("before", self.before), ("after", self.after))
            if self.mean(f"{what}_{side}") is not None
        }
        # what a person should look at: prompts with labels, then where the versions differ most
        first = sorted(self.rows, key=lambda row: (row.precision_before is None, row.overlap, row.prompt))[:SHOWN]
        table = [
            list(named.values()),
            [f"all {len(self.rows)} prompts", *(_said(self.mean(c)) for c in list(named)[1:])],
        ]
        table += [[row.prompt, *(_said(getattr(row, column)) for column in list(named)[1:])] for row in first]
        more = len(self.rows) - len(first)
        return [*_aligned(table), *([f"… and {more} prompts more: see --json"] if more else [])]


def compare(engine: Engine, before: Version, after: Version, prompts: Sequence[str], labels: Labels) -> Comparison:
    """Asks both versions every prompt; those of the labels are asked too.

    Raises:
        CatalogError: A version's model is not here.
    """
    rows = []
    for prompt in dict.fromkeys([*prompts, *labels]):
        (old, was), (new, now) = (_best(engine, version, prompt) for version in (before, after))
        known = labels.get(prompt, {})
        # where fewer than nine tiles are right in truth, no version can name nine of them
        enough = sum(probability >= RIGHT for probability in known.values()) >= K
        right = [_share_right(ids, known) if enough else None for ids in (old, new)]
        # of the longer list: a version that finds less than nine does not agree the better for it
        shared = len(set(old) & set(new)) / max(len(old), len(new), 1)
        rows.append(PromptRow(prompt, round(shared, 4), was, now, *right))
    return Comparison(before.name, after.name, tuple(rows))


def read_labels(
    path: Path, prompt: str | None = None, *, asked: Mapping[str, str] | None = None
) -> dict[str, dict[str, float]]:
    """Labels of a Parquet file: tile_id, probability, and concept where `prompt` does not say what it is about.

    Args:
        path: A Parquet file with columns tile_id, probability and, unless `prompt` says it, concept.
        prompt: The text that all of its rows are about; None: its column `concept` says it.
        asked: The text that asks for a concept, by its name; a concept that is not there is the text itself.

    Raises:
        UsageError: It cannot be read, or has other columns.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise UsageError(f"{path}: no Parquet file that can be read ({reason(error)})") from error
    wanted = ["tile_id", "probability"] if prompt is not None else ["tile_id", "concept", "probability"]
    if not set(wanted) <= set(table.column_names):
        raise UsageError(
            f"{path} has columns {', '.join(table.column_names)}; needed are {', '.join(wanted)}; without `concept` "
            "say what it is about: --labels TEXT=FILE"
        )
    concepts = [prompt] * table.num_rows if prompt is not None else table["concept"].to_pylist()
    labels: dict[str, dict[str, float]] = {}
    values = zip(concepts, table["tile_id"].to_pylist(), table["probability"].to_pylist(), strict=True)
    for concept, tile, probability in values:
        labels.setdefault((asked or {}).get(concept, concept), {})[tile] = probability
    return labels


def _best(engine: Engine, version: Version, prompt: str) -> tuple[list[str], float | None]:
    """Ids of the nine best of a version, and their mean relevance."""
    query = Query(parts=(Part("text", prompt),), k=K)
    if version.collection.kind == "tiles":
        hits = engine.search(version.name, query).hits
        mean = round(float(np.mean([hit.relevance or 0.0 for hit in hits])), 4) if hits else None
        return [hit.tile_id for hit in hits], mean
    photos = engine.field(version.collection)
    cosine = photos.cosines(engine.query_vector(version.collection, query))
    return photos.ids(best_rows(cosine, K, photos.ids)[:K]), None  # with ties of the last it gives more than K


def _share_right(ids: Sequence[str], known: Mapping[str, float]) -> float:
    return round(sum(known.get(item, 0.0) >= RIGHT for item in ids) / K, 4)


def _said(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _aligned(table: list[list[str]]) -> list[str]:
    """Rows of cells as lines, the first column to the left."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    padded = [[cell.rjust(width) for cell, width in zip(row, widths, strict=True)] for row in table]
    return ["  ".join([row[0].ljust(widths[0]), *cells[1:]]) for row, cells in zip(table, padded, strict=True)]
