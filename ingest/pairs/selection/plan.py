"""The plan: which candidates each shard is made of.

    .work/plan/train-000000.parquet   candidates of one shard, those of a photographer together
    .work/plan.json                   when the plan is whole: the shards of each split, and what was left out

Candidates are taken range by range of their photographers' hashes, so that all photos of one are together, in a random
order of photographers, and memory does not grow with the input. The same candidates give the same plan.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from ingest.geo.degree_blocks import BLOCKS, blocks
from ingest.pairs.metadata.columns import hashes
from ingest.pairs.recipe import Recipe
from ingest.pairs.selection.bursts import in_burst, repeated
from ingest.pairs.selection.candidates import gathered
from ingest.pairs.selection.sieve import CANDIDATES
from ingest.pairs.selection.splits import Zones, assign, zones
from ingest.pairs.workplace import Workplace, write_json, write_table

_RANGE_ROWS = 50_000  # candidates in memory at a time


@dataclass(frozen=True)
class ShardPlan:
    """The shards to make.

    Attributes:
        tasks: Names of the shards, held-out ones first; each is a file of `.work/plan`.
        sizes: Candidates of each.
        left_out: Candidates by the reason why they are in none.
    """

    tasks: list[str]
    sizes: list[int]
    left_out: Counter[str] = field(default_factory=Counter)


def make_plan(recipe: Recipe, place: Workplace) -> ShardPlan:
    """The plan, made if it is not whole yet.

    Raises:
        ArchiveError: The disk refuses.
    """
    if not place.planned.exists():
        _plan(recipe, place)
        for part in place.candidates.glob("*.parquet"):  # they have done their work
            part.unlink()
    document = json.loads(place.planned.read_text("utf-8"))
    tasks = {name: size for split in recipe.splits for name, size in document["shards"][split].items()}
    return ShardPlan(list(tasks), list(tasks.values()), Counter(document["left_out"]))


def _plan(recipe: Recipe, place: Workplace) -> None:
    place.forget(place.plan)
    left_out: Counter[str] = Counter()
    shards = {split: _Shards(place, split, recipe.per_shard) for split in recipe.splits}
    total = sum(found["candidates"] for found in gathered(place))
    zone_of = zones(recipe, _blocks(place))
    ranges = -(-total // _RANGE_ROWS)
    candidates = ds.dataset(sorted(place.candidates.glob("*.parquet")), CANDIDATES, format="parquet")
    # hashes are spread evenly, so equal ranges hold about as many candidates each
    bounds = [(2**64 * i) // max(1, ranges) for i in range(ranges + 1)]
    for low, high in pairwise(bounds):
        table = _range(candidates, low, high)
        rows, split = _chosen(recipe, zone_of, table, left_out)
        for name, shard in shards.items():
            shard.add(table.take(pa.array(rows[split == name])))
    for shard in shards.values():
        shard.finish()
    write_json(place.planned, {"shards": {name: s.sizes for name, s in shards.items()}, "left_out": +left_out})


def _blocks(place: Workplace) -> npt.NDArray[np.int64]:
    """How many candidates lie in each block of 1°, [BLOCKS]."""
    counts = np.zeros(BLOCKS, np.int64)
    for part in sorted(place.candidates.glob("*.parquet")):
        table = pq.read_table(part, columns=["lat", "lon"])
        counts += np.bincount(blocks(lat=np.asarray(table["lat"]), lon=np.asarray(table["lon"])), minlength=BLOCKS)
    return counts


def _range(candidates: ds.Dataset, low: int, high: int) -> pa.Table:
    """The candidates whose hash is from `low` to below `high`, by photographer, moment and photo."""
    key = pc.field("key")
    # high may be 2⁶⁴, which is no uint64
    inside = (key >= pa.scalar(low, pa.uint64())) & (key <= pa.scalar(high - 1, pa.uint64()))
    table = candidates.to_table(filter=inside)
    columns = [np.asarray(table[name].combine_chunks()) for name in ("taken", "key")]
    # the last key counts first: photographer, moment, photo
    order = np.lexsort((hashes(table["id"].combine_chunks()), *columns))
    return table.take(pa.array(order)).combine_chunks()


def _chosen(recipe: Recipe, zone_of: Zones, table: pa.Table, left_out: Counter[str]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a range that are in a shard, and the split of each."""
    key, lat, lon, taken = (np.asarray(table[name].combine_chunks()) for name in ("key", "lat", "lon", "taken"))
    photo = hashes(table["id"].combine_chunks())
    rows = np.arange(len(table))
    again = repeated(key, photo)
    rows = rows[~again]
    burst = in_burst(
        key[rows], taken[rows], lat=lat[rows], lon=lon[rows], within_m=recipe.burst_m, within_s=recipe.burst_s
    )
    rows = rows[~burst]
    split, no_split = assign(recipe, zone_of, key=key[rows], photo=photo[rows], lat=lat[rows], lon=lon[rows])
    left_out.update({"same_photo": int(again.sum()), "burst": int(burst.sum())} | no_split)
    return rows, split


class _Shards:
    """Candidates of one split, cut into shards."""

    def __init__(self, place: Workplace, split: str, per_shard: int) -> None:
        self._place, self._split, self._per_shard = place, split, per_shard
        self._waiting: pa.Table | None = None
        self.sizes: dict[str, int] = {}

    def add(self, table: pa.Table) -> None:
        self._waiting = table if self._waiting is None else pa.concat_tables([self._waiting, table])
        while len(self._waiting) >= self._per_shard:
            self._write(self._waiting.slice(0, self._per_shard))
            self._waiting = self._waiting.slice(self._per_shard)

    def finish(self) -> None:
        if self._waiting is not None and len(self._waiting):
            self._write(self._waiting)

    def _write(self, table: pa.Table) -> None:
        name = f"{self._split}-{len(self.sizes):06d}"
        write_table(self._place.plan / f"{name}.parquet", table)
        self.sizes[name] = len(table)
