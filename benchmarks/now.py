"""Is it now? What `benchmarks.relevance` fits and measures of the moment, on islands as collections of their own.

Truth is that of a whole week round each of the typical moments, for a month has no weekday.

    cases    tiles where a thing is at least PRESENT at its best moment: how far the excess falls below its best, and
             what share of the highest truth is true then
    table    the tile of an island with the highest cosine at a moment: how often which word is said at moments when
             the island has the thing (live, truth of some tile at least PRESENT) and when it has not (dead, ABSENT at
             most), the mean over concepts that have both; and the area under the ROC of live against dead

It does not know the rest of relevance.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

PRESENT, ABSENT = 0.5, 0.05
EACH = 40  # tiles of a prompt on an island

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class NowCases:
    """Tiles at typical moments, [c]: `share` is the truth then ÷ the highest of the year."""

    concept: Array
    island: Array
    fall: Array
    share: Array
    weight: Array

    @classmethod
    def joined(cls, parts: "list[NowCases]") -> "NowCases":
        """All of them."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__dataclass_fields__))


def cases(field: Any, calibration: Any, island: int, texts: Array, concept: Array, true: Array) -> NowCases:
    """Of every prompt on an island.

    Args:
        field: The island's.
        calibration: The same.
        island: Its number.
        texts: Unit vectors of prompts, [p, d].
        concept: Their concepts, [p]; prompts of −1 have no cases.
        true: Truth of the field's rows, [144, n, concepts].
    """
    random, parts = np.random.default_rng(island), []
    for text, number in zip(texts, concept.tolist(), strict=True):
        if number < 0:
            continue
        highest = true[:, :, number].max(axis=0)
        rows = random.permutation(np.flatnonzero(highest >= PRESENT))[:EACH]
        if not len(rows):
            continue
        fall = calibration.falls(field, text, rows)
        share, shape = true[:, rows, number] / highest[rows], fall.shape
        columns = (np.full(shape, number), np.full(shape, island), fall, share, np.full(shape, 1 / len(rows)))
        parts.append(NowCases(*(column.ravel() for column in columns)))
    return NowCases.joined(parts)


def best_tiles(field: Any, calibration: Any, texts: Array, concept: Array, true: Array) -> list[dict[str, Any]]:
    """Evidence of the island's best tile at every typical moment; a row a prompt that is live and dead."""
    from search_ui.search.likeliest import TYPICAL

    rows = []
    for text, number in zip(texts, concept.tolist(), strict=True):
        real = true[:, :, number].max(axis=1)
        live, dead = real >= PRESENT, real <= ABSENT
        if live.any() and dead.any():
            best = np.argmax(field.frames(text, TYPICAL), axis=1).astype(np.int64)
            tiles, at = np.unique(best, return_inverse=True)
            place = calibration.evidence(field, text, field.cosines(text, rows=tiles), rows=tiles)[:, :2]
            fall = calibration.falls(field, text, tiles)
            rows.append({"place": place[at], "fall": fall[np.arange(len(best)), at], "live": live, "dead": dead})
    return rows


def table(rows: list[dict[str, Any]], place: Array, now: Array) -> dict[str, float]:
    """How often what is said, with the constants of the two regressions."""
    from search_ui.search.relevance.calibration import POSSIBLE, STRONG

    said = [_logistic(row["place"] @ place[:-1] + place[-1]) * _logistic(row["fall"] * now[0] + now[1]) for row in rows]
    found: dict[str, float] = {"prompts": len(rows)}
    for name, least in (("possible", POSSIBLE), ("strong", STRONG)):
        for kind in ("live", "dead"):
            shares = [np.mean(values[row[kind]] >= least) for values, row in zip(said, rows, strict=True)]
            found[f"{kind}: {name}"] = round(float(np.mean(shares)), 3)
    steps = np.linspace(0, 1, 201)
    lives = [np.mean([np.mean(v[r["live"]] >= step) for v, r in zip(said, rows, strict=True)]) for step in steps]
    cut = steps[np.flatnonzero(np.array(lives) >= 0.9)[-1]]
    found["least at live .90"] = round(float(cut), 3)
    found["dead at live .90"] = round(
        float(np.mean([np.mean(v[r["dead"]] >= cut) for v, r in zip(said, rows, strict=True)])), 3
    )
    areas = [_auroc(v[r["live"]], v[r["dead"]]) for v, r in zip(said, rows, strict=True)]
    return found | {"ROC": round(float(np.mean(areas)), 3)}


def _logistic(score: Array) -> Array:
    return 1 / (1 + np.exp(-np.clip(score, -30, 30)))


def _auroc(live: Array, dead: Array) -> float:
    order = np.sort(dead)
    below = np.searchsorted(order, live, "left") + np.searchsorted(order, live, "right")
    return float(below.mean() / 2 / len(dead))
