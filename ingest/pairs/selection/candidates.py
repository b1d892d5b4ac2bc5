"""All rows of metadata, once, as candidates: Parquet parts of rows that went through the sieve.

    .work/candidates/000-00000.parquet   rows of the first input file, in the order of `key`
    .work/candidates/000.json            when the file is read to its end: how many rows, and what was left out

A part holds some 32 MB, so that memory does not grow with the input. A file that was not read to its end is read anew.
"""

import json
import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from ingest.pairs.metadata.readers import read_blocks
from ingest.pairs.recipe import Recipe
from ingest.pairs.selection.sieve import Sieve
from ingest.pairs.workplace import Workplace, write_json, write_table
from ingest.places.countries import Countries

_PART_BYTES = 32_000_000
_GROUP_ROWS = 2000  # of a part that are read at once: those of few photographers

log = logging.getLogger(__name__)


def gather(recipe: Recipe, place: Workplace, countries: Countries, progress: Callable[[int], object]) -> None:
    """Read every input file that is not read yet.

    Args:
        recipe: Names the files, and what a candidate must be.
        place: Where the candidates go.
        countries: Say where a place lies.
        progress: Called with the number of rows read since the last call.

    Raises:
        SourceError: A file cannot be read.
        ArchiveError: The disk refuses.
    """
    sieve = Sieve(recipe, countries)
    for number, photos in enumerate(recipe.photos):
        done = place.candidates / f"{number:03d}.json"
        if done.exists():
            progress(int(json.loads(done.read_text("utf-8"))["rows"]))
            continue
        for left in place.candidates.glob(f"{number:03d}-*.parquet"):  # of a run that was stopped
            left.unlink()
        write_json(done, _read(Path(photos), sieve, recipe.yfcc_base, _Parts(place.candidates, number), progress))


def gathered(place: Workplace) -> list[dict[str, Any]]:
    """What was found in each input file: `photos`, `rows`, `candidates`, `left_out`, `notes`."""
    return [json.loads(path.read_text("utf-8")) for path in sorted(place.candidates.glob("*.json"))]


def _read(photos: Path, sieve: Sieve, base: str, parts: "_Parts", progress: Callable[[int], object]) -> dict[str, Any]:
    rows, left_out, notes = 0, Counter[str](), Counter[str]()
    for block in read_blocks(photos, base):
        sieved = sieve(block)
        parts.add(sieved.candidates)
        left_out += sieved.left_out
        notes += sieved.notes
        rows += block.read
        progress(block.read)
    parts.finish()
    log.info("%s: %d rows, %d candidates; left out: %s", photos, rows, parts.rows, dict(left_out))
    return {"photos": photos.name, "rows": rows, "candidates": parts.rows, "left_out": left_out, "notes": notes}


class _Parts:
    """Tables as parts of a file, each in the order of the photographers."""

    def __init__(self, folder: Path, number: int) -> None:
        self._folder, self._number = folder, number
        self._waiting: list[pa.Table] = []
        self._bytes = self._written = 0
        self.rows = 0

    def add(self, table: pa.Table) -> None:
        self._waiting.append(table)
        self.rows += len(table)
        self._bytes += table.nbytes
        if self._bytes >= _PART_BYTES:
            self.finish()

    def finish(self) -> None:
        if self._bytes:
            path = self._folder / f"{self._number:03d}-{self._written:05d}.parquet"
            # then a group of rows holds few photographers, and a range of hashes is found in few groups
            ordered = pa.concat_tables(self._waiting).sort_by("key")
            write_table(path, ordered, row_group_size=_GROUP_ROWS)
            self._written += 1
        self._waiting, self._bytes = [], 0
