"""Two collections of one area asked the same: what appeared and what vanished, text by text.

It does not know files.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.catalog.catalog import Collection
from ingest.field.columns import NO_DATE, acquired_at
from ingest.geo.footprints import Places
from search_ui.monitor.change import WORDS, Changes, changes
from search_ui.monitor.pairing import Pairing, pair
from search_ui.search.engine import Engine
from search_ui.search.query import Part, Query
from search_ui.search.relevance.calibration import DIGITS
from search_ui.search.scores import Scores
from trainer.errors import ModelMismatchError, UsageError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TextChanges:
    """What changed for one text, of m tiles of `after`.

    Attributes:
        text: What was asked.
        changes: What is told.
        cosine: Before and after, [2, m].
        relevance: Before and after, [2, m].
    """

    text: str
    changes: Changes
    cosine: Floats
    relevance: Floats

    def told(self) -> npt.NDArray[np.int64]:
        """The tiles of which a change is told, the surest first."""
        some = np.flatnonzero(self.changes.word != "")
        return some[np.argsort(-np.abs(self.changes.z[some]), kind="stable")]

    def row(self, at: int) -> dict[str, Any]:
        """One tile in JSON types."""
        found = self.changes
        return {
            "text": self.text,
            "change": str(found.word[at]),
            "z": round(float(found.z[at]), 2),
            "q": float(f"{found.q[at]:.3g}"),
            "cosine_before": round(float(self.cosine[0, at]), 6),
            "cosine_after": round(float(self.cosine[1, at]), 6),
            "relevance_before": round(float(self.relevance[0, at]), DIGITS),
            "relevance_after": round(float(self.relevance[1, at]), DIGITS),
        }


@dataclass(frozen=True)
class Monitored:
    """What came out.

    Attributes:
        before: Name of the one collection.
        after: Name of the other.
        tile_id: Tiles of `after` that were compared, [m].
        places: Where they are, [m].
        texts: What changed, text by text.
        unmatched: Tiles of `after` without ground of `before`, and the other way round.
        same_grid: Whether both are of one grid.
        fdr: The false discovery rate.
        notes: What a person should read.
    """

    before: str
    after: str
    tile_id: tuple[str, ...]
    places: Places
    texts: tuple[TextChanges, ...]
    unmatched: tuple[int, int]
    same_grid: bool
    fdr: float
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Say it in JSON types; of the tiles those of which a change is told."""
        return {
            "before": self.before,
            "after": self.after,
            "tiles": len(self.tile_id),
            "unmatched_after": self.unmatched[0],
            "unmatched_before": self.unmatched[1],
            "same_grid": self.same_grid,
            "fdr": self.fdr,
            "texts": [self._text(one) for one in self.texts],
            "notes": list(self.notes),
        }

    def rows(self, one: TextChanges) -> list[dict[str, Any]]:
        """Tiles of which a change is told, the surest first, in JSON types."""
        return [
            {
                "tile_id": self.tile_id[at],
                "lat": round(float(self.places.lat[at]), 7),
                "lon": round(float(self.places.lon[at]), 7),
                "size_m": round(float(self.places.size_m[at]), 3),
            }
            | one.row(at)
            for at in one.told().tolist()
        ]

    def _text(self, one: TextChanges) -> dict[str, Any]:
        counts = {word: one.changes.count(word) for word in WORDS}
        usual = {"shift": round(one.changes.shift, 6), "spread": round(one.changes.spread, 6)}
        return {"text": one.text} | counts | usual | {"changes": self.rows(one)}


def monitor(engine: Engine, before: str, after: str, texts: Sequence[str], query: Query, *, fdr: float) -> Monitored:
    """Compare two collections.

    Args:
        engine: Scores the tiles.
        before: Name of the collection of the earlier date.
        after: Name of the other.
        texts: What is asked, one after the other.
        query: Moment and area of the question; its parts play no part.
        fdr: Share of the changes told that may be none.

    Raises:
        CatalogError: No such collection or model.
        ModelMismatchError: They are of different models.
        UsageError: They are the same, share no ground, or too little to know what is usual.
    """
    one, other = engine.tiles(before), engine.tiles(after)
    _check(one, other, before, after)
    found: list[TextChanges] = []
    notes = [_order(engine, one, other)]
    pairing: Pairing | None = None
    for text in texts:
        asked = replace(query, parts=(Part("text", text),))
        first, last = (engine.scores(name, asked) for name in (before, after))
        notes += [
            f"{name}: {side.note}" for name, side in zip((before, after), (first, last), strict=True) if side.note
        ]
        if pairing is None:
            pairing = _paired(first, last, before, after)
        cosine, relevance = (
            np.stack([pairing.mean(getattr(first, name)), getattr(last, name)[pairing.rows].astype(float)])
            for name in ("cosine", "relevance")
        )
        told = changes(cosine[0], cosine[1], relevance[0], relevance[1], fdr=fdr)
        found.append(TextChanges(text, told, cosine, relevance))
    assert pairing is not None  # noqa: S101 - there is a text
    rows = pairing.rows
    return Monitored(
        before=before,
        after=after,
        tile_id=tuple(last.tile_id[row] for row in rows.tolist()),
        places=Places(last.lat[rows], last.lon[rows], last.size_m[rows]),
        texts=tuple(found),
        unmatched=(len(last.tile_id) - len(rows), pairing.lost),
        same_grid=pairing.same_grid,
        fdr=fdr,
        notes=tuple(dict.fromkeys(note for note in notes if note)),
    )


def _check(one: Collection, other: Collection, before: str, after: str) -> None:
    if one.name == other.name:
        raise UsageError(f"{before!r} and {after!r} are the same collection: give two, of two dates")
    if one.model_id != other.model_id:
        raise ModelMismatchError(
            f"{before!r} was made with model {one.model_id}, {after!r} with {other.model_id}: their scores cannot be "
            "compared. Bring one under the other's model with `groundcast collection upgrade`, where that is here"
        )


def _paired(one: Scores, other: Scores, before: str, after: str) -> Pairing:
    for side, name in ((one, before), (other, after)):
        if not len(side.tile_id):
            raise UsageError(f"collection {name!r}: {side.note or 'it holds no tile there'}")
    pairing = pair(Places(one.lat, one.lon, one.size_m), Places(other.lat, other.lon, other.size_m))
    if not len(pairing.rows):
        middles = [f"{side.lat.mean():.4f}, {side.lon.mean():.4f}" for side in (one, other)]
        raise UsageError(
            f"{before!r} and {after!r} share no ground: the one lies round {middles[0]}, the other round {middles[1]} "
            "(latitude, longitude)"
        )
    return pairing


def _order(engine: Engine, one: Collection, other: Collection) -> str | None:
    """A warning where what is called after was taken before."""
    first, then = (_middle_date(engine, collection) for collection in (one, other))
    if first is None or then is None or first <= then:
        return None
    return (
        f"{one.name} was taken on {first:%Y-%m-%d}, after {other.name}, {then:%Y-%m-%d}: what is told runs backwards. "
        "Give the earlier one first"
    )


def _middle_date(engine: Engine, collection: Collection) -> datetime | None:
    stamps = np.asarray(engine.field(collection).acquired_us)
    known = stamps[stamps != NO_DATE]
    return acquired_at(int(np.median(known))) if len(known) else None
