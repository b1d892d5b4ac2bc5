"""Is it now? What `benchmarks.relevance` fits and measures of the moment, on islands as collections of their own.

Looked at is the tile of an island with the highest cosine at each of the typical moments, of concepts that the island
has at some of them and has not at others. Truth is that of a whole week round each, for a month has no weekday.

    cases    those tiles, and others at random, where a thing is at least PRESENT at the tile's best moment: how far
             the excess falls below its best, and whether SOME of the tile's highest truth is true then. Tiles at
             random do not suffice, for an answer shows those that reach high, and some do so by chance
    table    how often which word is said of them at moments when the island has the thing (live, truth of some tile at
             least PRESENT) and when it has not (dead, ABSENT at most), the mean over concepts; and the area under the
             ROC of live against dead
    shown    relevance of the best tile of the demonstration's island for questions of a demonstration, and of all
             its tiles that have a word how many have a truth of ABSENT at most

It does not know the rest of relevance.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

PRESENT, ABSENT = 0.5, 0.05
SOME = 0.35  # chosen so that words from .35 on keep .90 of the live moments, and .08 of the dead ones at most
EACH = 40  # tiles at random of a concept on an island; together they weigh what the best ones do

ASKED = (
    ("beach_bathers", 7, 12), ("beach_bathers", 1, 12), ("wheat_harvest", 8, 12), ("wheat_harvest", 1, 12),
    ("night_lights", 7, 23),
)  # fmt: skip

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class NowCases:
    """Tiles at typical moments, [c] and, of the falls, [c, 2]: `true` is 1 where it is now, else 0."""

    concept: Array
    island: Array
    falls: Array
    true: Array
    weight: Array

    @classmethod
    def of(cls, rows: list[dict[str, Any]]) -> "NowCases":
        """Of the best tiles and of others; those of a concept on an island count as one."""
        parts = []
        for row in rows:
            where = row["highest"] >= PRESENT
            share = row["true"][where] / row["highest"][where]
            for falls, part in ((row["falls"][where], share), row["others"]):
                numbers = (np.full(len(part), row[name]) for name in ("concept", "island"))
                parts.append((*numbers, falls, (part >= SOME).astype(float), np.full(len(part), 1 / max(len(part), 1))))
        return cls(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def best_tiles(
    field: Any, calibration: Any, island: int, texts: Array, concept: Array, true: Array
) -> list[dict[str, Any]]:
    """What is told of the island's best tile at every typical moment; a row a prompt that is live and dead.

    Args:
        field: The island's.
        calibration: The same.
        island: Its number.
        texts: Unit vectors of prompts, [p, d].
        concept: Their concepts, [p].
        true: Truth of the field's rows, [144, n, concepts].
    """
    from search_ui.search.likeliest import TYPICAL

    rows, random = [], np.random.default_rng(island)
    for text, number in zip(texts, concept.tolist(), strict=True):
        of_it = true[:, :, number]
        real = of_it.max(axis=1)
        live, dead = real >= PRESENT, real <= ABSENT
        if live.any() and dead.any():
            best = np.argmax(field.frames(text, TYPICAL), axis=1).astype(np.int64)
            tiles, at = np.unique(best, return_inverse=True)
            place = calibration.evidence(field, text, field.cosines(text, rows=tiles), rows=tiles)[:, :2]
            falls, moment = calibration.falls(field, text, tiles), np.arange(len(best))
            told = {"place": place[at], "falls": falls[moment, at], "live": live, "dead": dead}
            truth = {"true": of_it[moment, best], "highest": of_it[:, best].max(axis=0)}
            places = random.permutation(np.flatnonzero(of_it.max(axis=0) >= PRESENT))[:EACH]
            share = of_it[:, places] / of_it[:, places].max(axis=0)
            others = calibration.falls(field, text, places).reshape(-1, 2), share.ravel()
            rows.append({"concept": number, "island": island, "others": others} | told | truth)
    return rows


def table(rows: list[dict[str, Any]], place: Array, now: Array) -> dict[str, float]:
    """How often what is said, with the constants of the two regressions."""
    from search_ui.search.relevance.calibration import POSSIBLE, STRONG

    said = [
        _logistic(row["place"] @ place[:-1] + place[-1]) * _logistic(row["falls"] @ now[:-1] + now[-1]) for row in rows
    ]
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


def shown(field: Any, calibration: Any, text_of: dict[str, Array]) -> list[dict[str, Any]]:
    """A row for each of `ASKED`, of an island as it answers now; unit vectors by the name of a concept."""
    from benchmarks.moments import weekly
    from ingest.sandbox.concepts import index
    from search_ui.search.relevance.calibration import POSSIBLE, STRONG
    from trainer.encoding import MonthHour

    rows = []
    for name, month, hour in ASKED:
        when, text = MonthHour.of(2025, month, hour), text_of[name]
        cosine = field.cosines(text, when=when)
        judged = calibration.judged(field, text, cosine, when=when, rows=np.arange(field.n))
        true = weekly(field.lat, field.lon, (when,))[0, :, index()[name]]
        best = int(np.argmax(cosine))
        row = {"asked": f"{name}, month {month}, {hour} h", "best": round(float(judged.relevance[best]), 3)}
        row |= {"not now": bool(judged.not_now[best]), "truth of it": round(float(true[best]), 3)}
        for word, least in (("possible", POSSIBLE), ("strong", STRONG)):
            those = judged.relevance >= least
            row |= {word: int(those.sum()), f"{word}, none there": int((true[those] <= ABSENT).sum())}
        rows.append(row)
    return rows


def _logistic(score: Array) -> Array:
    return 1 / (1 + np.exp(-np.clip(score, -30, 30)))


def _auroc(live: Array, dead: Array) -> float:
    order = np.sort(dead)
    below = np.searchsorted(order, live, "left") + np.searchsorted(order, live, "right")
    return float(below.mean() / 2 / len(dead))
