"""How many of the true nine does an index find at a moment, when it is asked with what the moment makes of a question?

    python -m benchmarks.candidates [--home DIR] [--json]

By brute force over the demonstration's tiles, with the bundled model: 1,024 of them are the sample that a question is
made from, the others are what an index would hold. They are taken as if they lay where they do, around the tropic, from
one tropic's edge to the other, and all over. The prompts of all concepts, at four moments. Told is recall@9, the mean
and the least of all questions, where each vector is asked for so many tiles:

    without time    the text itself: who knows nothing of the moment
    tangent         `search_ui.search.candidates.questions`, without its fit
    fitted          with it, as an index is asked; by the number of regions

The first rows are of the tiles in parts, each searched by itself: how many candidates it takes grows slowly with a
collection. An index is asked for `LEAST` at least.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.feedback import demonstration
from ingest.field.encoder import FieldEncoder
from ingest.index.protocol import Filter
from search_ui.commands.planet import prompt_of_concept
from search_ui.search import candidates as proposed
from search_ui.search.candidates import Sample, questions
from trainer.encoding import When

K = 9
WHENS = (datetime(2025, 7, 12, 14), datetime(2025, 1, 11, 12), datetime(2025, 7, 12, 23), datetime(2025, 10, 11, 9))
LATITUDES = {"43°": (42.9, 43.2), "22.5° to 25°": (22.5, 25.0), "12° to 26°": (12.0, 26.0), "40° S to 40° N": (-40, 40)}
COUNTS = (16, 32, 64, 128)  # candidates of each vector
PARTS = (8, 4, 2, 1)  # of the tiles, for the rows by size
REGIONS = (1, 2, 4, 8)

Floats = np.ndarray
Ways = dict[str, Callable[[Floats, When], Sequence[Floats]]]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="where `groundcast demo` ran")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    with demonstration(asked.home) as engine:
        found = engine.tiles("demo")
        field, embedder = engine.field(found), engine.embedder(found)
        vectors = field.vectors(np.arange(field.n))
        texts = engine.texts(found, list(prompt_of_concept().values()))
        form = FieldEncoder(str(embedder.meta.encoding), embedder.encoder_weights())
    rows = [row for parts in PARTS for row in at_latitudes("43°", parts, vectors, texts, form)]
    rows += [row for name in list(LATITUDES)[1:] for row in at_latitudes(name, 1, vectors, texts, form)]
    whole = len(vectors) - proposed.ASKED
    by = {(row["latitude"], row["way"]): row for row in rows if row["tiles"] == whole}
    ratios = {
        f"missed, fitted ÷ tangent, {name}, {count} candidates": float(
            f"{missed(by, name, f'fitted, {proposed.REGIONS} regions', count) / missed(by, name, 'tangent', count):.2g}"
        )
        for name in LATITUDES
        for count in COUNTS
        if missed(by, name, "tangent", count)
    }
    setting = {"tiles": len(vectors), "sample": proposed.ASKED, "questions": len(texts) * len(WHENS), "k": K}
    if asked.json:
        print(json.dumps({"benchmark": "candidates", "setting": setting, "rows": rows, "ratios": ratios}))
        return
    print(setting)
    for row in rows:
        told = "  ".join(f"{count}: {row[str(count)]:.3f} ({row[f'{count}, least']:.2f})" for count in COUNTS)
        print(f"{row['tiles']:>6}  {row['latitude']:>15}  {row['way']:20}  {told}")
    print(ratios)


def at_latitudes(name: str, parts: int, vectors: Floats, texts: Floats, form: FieldEncoder) -> list[dict[str, Any]]:
    """A row a way to ask: of the tiles in so many parts, each searched by itself."""
    random = np.random.default_rng(0)
    n = len(vectors)
    lat, lon = random.uniform(*LATITUDES[name], n), random.uniform(10, 30, n)
    order = random.permutation(n)
    some, rest = order[: proposed.ASKED], order[proposed.ASKED :]
    sample = Sample(lat[some], lon[some], vectors[some], form)
    units = vectors[rest] / np.linalg.norm(vectors[rest], axis=1, keepdims=True)
    place, placed = form.place(lat[rest], lon[rest]), np.ones(len(rest), np.bool_)
    size = len(rest) // parts
    recall: dict[str, list[list[float]]] = {}
    for when in WHENS:
        s = form.at(vectors[rest], place, placed, when=when)
        cosine = s @ texts.T / np.linalg.norm(s, axis=1, keepdims=True)
        for text, scores in zip(texts, cosine.T, strict=True):
            for way, ask in ways(sample).items():
                if parts > 1 and way != f"fitted, {proposed.REGIONS} regions":
                    continue
                asked = ask(text / np.linalg.norm(text), when)
                for start in range(0, size * parts, size):
                    part = slice(start, start + size)
                    best = set(np.argsort(-scores[part])[:K].tolist())
                    recall.setdefault(way, []).append([found(units[part], asked, best, count) for count in COUNTS])
    rows = []
    for way, each in recall.items():
        row: dict[str, Any] = {"tiles": size, "latitude": name, "way": way}
        for count, mean, least in zip(COUNTS, np.mean(each, axis=0), np.min(each, axis=0), strict=True):
            row |= {str(count): round(float(mean), 4), f"{count}, least": round(float(least), 4)}
        rows.append(row)
    return rows


def ways(sample: Sample) -> Ways:
    """How an index may be asked."""

    def made(regions: int, *, fit: bool) -> Callable[[Floats, When], Sequence[Floats]]:
        def ask(text: Floats, when: When) -> Sequence[Floats]:
            usual = proposed.REGIONS, proposed._fitted
            proposed.REGIONS = regions
            if not fit:
                proposed._fitted = lambda first, _units, _score: first
            try:
                return [*questions(sample, text, when=when, filter=Filter()), text]
            finally:
                proposed.REGIONS, proposed._fitted = usual

        return ask

    told: Ways = {"without time": lambda text, _: [text], "tangent": made(proposed.REGIONS, fit=False)}
    return told | {f"fitted, {regions} regions": made(regions, fit=True) for regions in REGIONS}


def found(units: Floats, asked: Sequence[Floats], best: set[int], count: int) -> float:
    """Which part of the best is among so many of the nearest of each vector."""
    pool = {row for one in asked for row in np.argpartition(-(units @ one), count)[:count].tolist()}
    return len(best & pool) / len(best)


def missed(by: dict[tuple[str, str], dict[str, Any]], latitude: str, way: str, count: int) -> float:
    """The part that is not found."""
    return 1 - float(by[latitude, way][str(count)])


if __name__ == "__main__":
    main()
