"""Rows of a file as labels of a collection: each becomes one, or is counted by what is wrong with it.

It does not know formats.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ingest.catalog.labels import VERDICTS, Label, Verdict
from ingest.field.scorer import ExactScorer
from search_ui.labels.tables import LabelFile, Row
from search_ui.labels.tiles import Sought, holding, match
from trainer.errors import UploadError

WORDS: dict[str, Verdict] = {verdict: verdict for verdict in VERDICTS}
UNKNOWN, NOWHERE, OFF, SWAPPED = "unknown word", "no such tile and no place", "off the globe", "swapped coordinates"
NO_TILE, OTHER_SIZE, CONTRARY = "on no tile", "tile of another size", "contradicted by another row"
_ADVICE = {
    UNKNOWN: "a label is yes, no or unsure",
    NOWHERE: "give lat and lon, or ids of this collection's tiles",
    OFF: "degrees are needed, latitude within ±90 and longitude within ±180",
    SWAPPED: "latitude and longitude have changed places",
    NO_TILE: "no tile of the collection is there",
    OTHER_SIZE: "what is to be seen in a tile much larger or smaller is another thing",
    CONTRARY: "one tile has one label",
}


@dataclass
class Taken:
    """What came of a file.

    Attributes:
        labels: In the order of the rows, one a tile.
        by_place: How many have the tile of their place because their id is none of the collection's.
        left_out: How many rows were not taken, by reason.
        examples: A row for each reason, in words.
    """

    labels: list[Label] = field(default_factory=list)
    by_place: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Say it in JSON types."""
        told = [
            {"reason": why, "rows": count, "example": self.examples[why], "advice": _ADVICE[why]}
            for why, count in self.left_out.items()
        ]
        return {"labels": len(self.labels), "by_place": self.by_place, "left_out": told}

    def lines(self) -> list[str]:
        """What was left out, a sentence a reason."""
        return [
            f"{count:,} {'row' if count == 1 else 'rows'} left out, {why} ({self.examples[why]}): {_ADVICE[why]}"
            for why, count in self.left_out.items()
        ]

    def _leave(self, why: str, row: Row) -> None:
        self.left_out[why] = self.left_out.get(why, 0) + 1
        said = row.word[:20] if why == UNKNOWN else f"{row.tile_id or 'no tile'} at {row.lat:g}, {row.lon:g}"
        self.examples.setdefault(why, f"such as row {row.number}: {said!r}")


def take(table: LabelFile, columns: ExactScorer, name: str) -> Taken:
    """The labels of a file, of a collection's tiles.

    Args:
        table: The file.
        columns: The collection.
        name: Of the file, for messages.

    Raises:
        UploadError: None of its rows can be taken; the message says what is wrong with them.
    """
    taken = Taken()
    known = [row for row in table.rows if row.word.strip().lower() in WORDS]
    for row in table.rows:
        if row.word.strip().lower() not in WORDS:
            taken._leave(UNKNOWN, row)
    lat, lon, size_m = (np.array([getattr(row, axis) for row in known], float) for axis in ("lat", "lon", "size_m"))
    with np.errstate(invalid="ignore"):
        off = (np.abs(lat) > 90) | (np.abs(lon) > 180) | np.isinf(lat) | np.isinf(lon)
    lat[off], lon[off] = np.nan, np.nan
    found = match(columns, Sought([row.tile_id for row in known], lat, lon, size_m))
    turned = _turned(known, columns)
    kept: dict[int, tuple[Row, Verdict]] = {}
    contrary: set[int] = set()
    for number, (row, tile) in enumerate(zip(known, found.rows.tolist(), strict=True)):
        why = None if tile >= 0 else _why(number, off, found.other_size, turned, lat)
        if why is not None:
            taken._leave(why, row)
            continue
        verdict = WORDS[row.word.strip().lower()]
        if tile in kept and kept[tile][1] != verdict:
            contrary.add(tile)
            taken._leave(CONTRARY, row)
            continue
        kept[tile] = row, verdict
        taken.by_place += bool(found.by_place[number])
    for tile in contrary:  # which of them is right nobody knows
        taken._leave(CONTRARY, kept.pop(tile)[0])
    if not kept:
        raise UploadError(f"'{name}' has no row that can be taken: {'; '.join(taken.lines())}")
    taken.labels = labels_of(columns, list(kept), list(kept.values()))
    return taken


def labels_of(columns: ExactScorer, tiles: Sequence[int], said: Sequence[tuple[Row, Verdict]]) -> list[Label]:
    """Labels of rows of the field."""
    rows = np.array(tiles, np.int64)
    places = zip(columns.ids(rows), columns.lat[rows].tolist(), columns.lon[rows].tolist(), strict=True)
    sizes = columns.size_m[rows].astype(float).tolist()
    now = datetime.now(UTC)
    return [
        Label(tile_id, verdict, lat, lon, size, row.labelled_at or now, row.labelled_by)
        for (tile_id, lat, lon), size, (row, verdict) in zip(places, sizes, said, strict=True)
    ]


def _why(number: int, off: Any, other_size: Any, turned: Any, lat: Any) -> str:
    if turned[number]:
        return SWAPPED
    if off[number]:
        return OFF
    if not np.isfinite(lat[number]):
        return NOWHERE
    return OTHER_SIZE if other_size[number] else NO_TILE


def _turned(rows: Sequence[Row], columns: ExactScorer) -> Any:
    """Of which rows a tile lies where latitude and longitude are exchanged, bool [n]."""
    lat, lon = (np.array([getattr(row, axis) for row in rows], float) for axis in ("lon", "lat"))
    with np.errstate(invalid="ignore"):
        possible = (np.abs(lat) <= 90) & (np.abs(lon) <= 180)
    there = np.zeros(len(rows), np.bool_)
    there[possible] = holding(columns, lat=lat[possible], lon=lon[possible]) >= 0
    return there
