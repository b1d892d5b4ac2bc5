"""Does a second vector a tile help, and how do words and a picture go together? On the demonstration's island.

    python -m benchmarks.fusion [--home DIR] [--tiles 200] [--right 0.5] [--json]

**A caption's vector beside the picture's.** Of so many tiles drawn evenly, at a July afternoon and a January noon, one
caption each: as the captioner says it of S, and as somebody who stands there would write it (the planet's own words of
one view, which knows what S may not: what a fused index could gain at most). Each concept's prompt is scored by S, by
the caption's text vector, and by the sum of their standard scores with weights .1 to 1. Told is the mean average
precision over the concepts that 5 tiles or more show with a probability of `--right`; who knows nothing reaches their
share.

**Words and a picture in one question.** For every pair of concepts that nine tiles or more of the whole island show
both (with .3 each): the prompt of one and a photo of the other, taken where training never was. Scored by words or
photo alone, by the sum of unit vectors, by the sum of standard scores of the tiles at the moment, and as the product
does: by the spread that is usual among the tiles of one moment, the mean over the year and the day.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score

from benchmarks.feedback import MOMENTS, K, demonstration
from benchmarks.languages import unit
from ingest.sandbox.concepts import CONCEPTS
from ingest.sandbox.ground import draw
from ingest.sandbox.photographs import photographs, scenes
from ingest.sandbox.scene import look
from ingest.sandbox.source import planet
from ingest.sandbox.truth import truth
from ingest.sandbox.words import captions as words_of
from search_ui.ground.captions import CaptionQuery, Captions
from search_ui.search.engine import Engine
from search_ui.search.query import Part, Query
from search_ui.search.relevance.calibration import BANK
from search_ui.search.relevance.usual import usual_at

WEIGHTS = (0.1, 0.2, 0.3, 0.5, 1.0)
FEWEST, BOTH, PHOTOS, SEED = 5, 0.3, 400, 5

Floats = np.ndarray


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="where `groundcast demo` ran")
    parser.add_argument("--tiles", type=int, default=200, help="tiles that are captioned at each moment")
    parser.add_argument("--right", type=float, default=0.5, help="probability from which a tile is right")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    with demonstration(asked.home) as engine:
        rows = [*captioned(engine, asked.tiles, asked.right), *mixed(engine)]
    by = {row["way"]: row["average_precision"] for row in rows}
    ratios = {
        "with the captioner's captions, best weight ÷ S alone": ratio(best(by, "S + {:g} caption"), by["S"]),
        "with captions of who stands there, best weight ÷ S alone": ratio(best(by, "S + {:g} witness"), by["S"]),
        "words and photo: standard scores ÷ unit vectors": ratio(by["standard scores"], by["unit vectors"]),
        "words and photo: usual spread ÷ unit vectors": ratio(by["usual spread"], by["unit vectors"]),
    }
    if asked.json:
        print(
            json.dumps({"benchmark": "fusion", "setting": vars(asked) | {"home": None}, "rows": rows, "ratios": ratios})
        )
        return
    for row in rows:
        print("{part:18} {way:20} average precision {average_precision:.3f}, of {questions} questions".format(**row))
    print(ratios)


def captioned(engine: Engine, tiles: int, right: float) -> Iterator[dict[str, Any]]:
    """One row a way to score tiles by two vectors."""
    found, world = engine.catalog.collection("demo"), planet()
    field = engine.field(found)
    rows = np.sort(np.random.default_rng(SEED).choice(field.n, min(tiles, field.n), replace=False))
    asked = prompts(engine)
    told: dict[str, list[float]] = {}
    for when in MOMENTS:
        place = {"lat": field.lat[rows], "lon": field.lon[rows]}
        is_right = truth(world, **place, when=when) >= right
        s = unit(field.predicted(rows, when=when))
        query = [CaptionQuery(tile_id=tile, whens=(when,)) for tile in field.ids(rows)]
        said = [Captions(engine).say("demo", one).captions[0].text for one in query]
        seconds = {"caption": said, "witness": witnessed(world, **place, when=when)}
        vectors = {name: unit(engine.texts(found, texts)) for name, texts in seconds.items()}
        for one in np.flatnonzero(is_right.sum(axis=0) >= FEWEST):
            yes, plain = is_right[:, one], s @ asked[one]
            scores = {"S": plain, "nothing": np.zeros(len(yes))}
            for name, second in vectors.items():
                other = second @ asked[one]
                scores[name] = other
                scores |= {f"S + {w:g} {name}": standard(plain) + w * standard(other) for w in WEIGHTS}
            for way, score in scores.items():
                told.setdefault(way, []).append(float(average_precision_score(yes, score)))
    yield from (row("two vectors", way, values) for way, values in told.items())


def witnessed(world: Any, *, lat: Floats, lon: Floats, when: Any) -> list[str]:
    """What somebody writes who stands at each place at a moment and looks around once."""
    elevation, presence, backdrops = (
        read(lat=lat, lon=lon) for read in (world.elevation_m, world.presence, world.backdrops)
    )
    views = (
        look(
            lat=float(lat[i]), lon=float(lon[i]), when=when, elevation_m=float(elevation[i]), presence=presence[i],
            backdrops=backdrops[i], seed=i,
        )
        for i in range(len(lat))
    )  # fmt: skip
    return [words_of(view, 1)[0] for view in views]


def mixed(engine: Engine) -> Iterator[dict[str, Any]]:
    """One row a way to ask with words and a photo."""
    found, world = engine.catalog.collection("demo"), planet()
    field, words, random = engine.field(found), prompts(engine), np.random.default_rng(SEED)
    views = list(scenes(world, photographs(world, split="test_strict", count=PHOTOS, seed=SEED)))
    shows = np.array([[concept.name in view.subjects for concept in CONCEPTS] for view in views])
    embedder = engine.embedder(found)
    photos = unit(embedder.compared(embedder.embed_photos([draw(view) for view in views])))
    usual = usual_at(field, MOMENTS[0], unit(engine.texts(found, BANK)))
    told: dict[str, list[float]] = {}
    for when in MOMENTS:
        s = unit(field.predicted(np.arange(field.n), when=when))
        seen = truth(world, lat=field.lat, lon=field.lon, when=when) >= BOTH
        for one, other in np.argwhere(seen.T.astype(int) @ seen >= K):
            some = np.flatnonzero(shows[:, other] & ~shows[:, one])
            if one == other or not len(some):
                continue
            photo = photos[random.choice(some)]
            by_words, by_photo = s @ words[one], s @ photo
            scores = {
                "words alone": by_words,
                "photo alone": by_photo,
                "unit vectors": by_words + by_photo,
                "standard scores": standard(by_words) + standard(by_photo),
                "usual spread": by_words / usual.spread(words[one]) + by_photo / usual.spread(photo),
            }
            for way, score in scores.items():
                told.setdefault(way, []).append(float(average_precision_score(seen[:, one] & seen[:, other], score)))
    yield from (row("words and a photo", way, values) for way, values in told.items())


def prompts(engine: Engine) -> Floats:
    """Unit vectors of the prompts, [45, d]."""
    found = engine.catalog.collection("demo")
    return np.stack([engine.query_vector(found, Query(parts=(Part("text", one.prompt),))) for one in CONCEPTS])


def standard(scores: Floats) -> Floats:
    """Less their mean, by their standard deviation."""
    return (scores - scores.mean()) / max(float(scores.std()), 1e-9)


def row(part: str, way: str, values: list[float]) -> dict[str, Any]:
    """The mean over the questions."""
    return {"part": part, "way": way, "average_precision": round(float(np.mean(values)), 4), "questions": len(values)}


def best(by: dict[str, float], name: str) -> float:
    """The highest of all weights."""
    return max(by[name.format(weight)] for weight in WEIGHTS)


def ratio(ours: float, other: float) -> float:
    """Rounded."""
    return round(ours / other, 3)


if __name__ == "__main__":
    main()
