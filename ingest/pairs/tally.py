"""What came of a build, counted: rows and candidates by reason, pairs by split, hour, month, year, country and place.

It reads the records shard by shard, so memory does not grow with them. It does not know pictures.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest.pairs.metadata.licences import licence_code
from ingest.pairs.samples.shard import PAIR
from ingest.pairs.selection.plan import ShardPlan

_COLUMNS = ["outcome", "lat", "lon", "taken", "country", "licence", "owner"]


@dataclass
class Tally:
    """Counts.

    Attributes:
        rows: How many rows of metadata were read in all.
        candidates: Rows that went through the sieve.
        left_out: By step (`metadata`, `plan`, `picture`) and reason.
        notes: Rows that went on without a value, by reason.
        pairs: By split.
        hours: Pairs by hour of the camera's clock, [24].
        months: Pairs by month, [12].
        years: Pairs by year.
        countries: Pairs by code; empty for the open sea.
        licences: Pairs by code.
        undated: Pairs without a date.
        nameless: Pairs that name no photographer.
        map: Pairs by degree of latitude, from the south, and longitude, from the west, [180, 360].
    """

    rows: int = 0
    candidates: int = 0
    left_out: dict[str, Counter[str]] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)
    pairs: Counter[str] = field(default_factory=Counter)
    hours: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(24, np.int64))
    months: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(12, np.int64))
    years: Counter[int] = field(default_factory=Counter)
    countries: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    undated: int = 0
    nameless: int = 0
    map: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((180, 360), np.int64))

    def document(self) -> dict[str, Any]:
        """Everything but the map, in JSON types."""
        return {
            "rows": self.rows,
            "candidates": self.candidates,
            "pairs": dict(self.pairs),
            "left_out": {step: dict(counts.most_common()) for step, counts in self.left_out.items()},
            "notes": dict(self.notes),
            "hours": self.hours.tolist(),
            "months": self.months.tolist(),
            "years": {str(year): self.years[year] for year in sorted(self.years)},
            "countries": dict(self.countries.most_common()),
            "licences": dict(self.licences.most_common()),
            "undated": self.undated,
            "nameless": self.nameless,
        }


def tally(gathered: Sequence[dict[str, Any]], plan: ShardPlan, records: Path, splits: Sequence[str]) -> Tally:
    """Count everything.

    Args:
        gathered: What each input file gave, as `ingest.pairs.selection.candidates.gathered` says it.
        plan: Names the shards, and says what it left out.
        records: Folder of the records, one Parquet file a shard.
        splits: Names of the recipe's splits, each counted even if it is empty.
    """
    found = Tally(left_out={"metadata": Counter(), "plan": Counter(plan.left_out), "picture": Counter()})
    for file in gathered:
        found.rows += file["rows"]
        found.candidates += file["candidates"]
        found.left_out["metadata"].update(file["left_out"])
        found.notes.update(file["notes"])
    found.pairs.update(dict.fromkeys(splits, 0))
    for task in plan.tasks:
        _add(found, task.rpartition("-")[0], pq.read_table(records / f"{task}.parquet", columns=_COLUMNS))
    return found


def _add(found: Tally, split: str, record: pa.Table) -> None:
    """Count one shard."""
    outcomes = _counts(record["outcome"])
    found.pairs[split] += outcomes.pop(PAIR, 0)  # what is left are reasons
    found.left_out["picture"].update(outcomes)
    pairs = record.filter(pc.equal(record["outcome"], PAIR)).combine_chunks()
    taken = np.asarray(pairs["taken"].cast(pa.timestamp("s"))).astype("datetime64[s]")
    known = taken[~np.isnat(taken)]
    found.undated += len(taken) - len(known)
    # seconds since 1970 of a wall clock: no time zone moves them
    found.hours += np.bincount((known.astype(np.int64) // 3600) % 24, minlength=24)
    found.months += np.bincount(known.astype("datetime64[M]").astype(np.int64) % 12, minlength=12)
    years, counts = np.unique(known.astype("datetime64[Y]").astype(np.int64) + 1970, return_counts=True)
    found.years.update(dict(zip(years.tolist(), counts.tolist(), strict=True)))
    found.countries.update(_counts(pairs["country"]))
    found.nameless += pairs["owner"].null_count
    for text, count in _counts(pairs["licence"]).items():
        found.licences[licence_code(text) if text else ""] += count
    south, west = np.asarray(pairs["lat"]) + 90, np.asarray(pairs["lon"]) + 180
    # latitude 90 counts with the row below it
    np.add.at(found.map, (np.clip(south.astype(int), 0, 179), np.clip(west.astype(int), 0, 359)), 1)


def _counts(column: pa.ChunkedArray) -> Counter[str]:
    return Counter({str(one["values"] or ""): one["counts"] for one in pc.value_counts(column).to_pylist()})
