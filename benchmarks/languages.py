"""Are questions in other languages understood? The planet's 45 prompts in six of them, on the demonstration's island.

    python -m benchmarks.languages [--home DIR] [--right 0.5] [--json]

For each language two numbers, of the model's own text tower, of its adapter to languages, and of what the product does
(the tower where it understands a text, else the adapter):

* which of the 45: the share of the prompts whose vector is nearest to the English prompt of the same concept. Who knows
  nothing has 1 in 45; the ceiling is English, which is 1 by definition;
* precision@9 on the island at a July afternoon and a January noon, of the concepts that at least nine tiles show then
  with a probability of `--right`. The ceiling is what the English prompts reach; chance is the share of right tiles.

Beside them, how much English is read as another language: of the prompts, and of the planet's words that no caption
has. `--home` names a home in which `groundcast demo` ran. The translations were made by hand for this.
"""

import argparse
import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.feedback import MOMENTS, K, demonstration
from ingest.sandbox.concepts import CONCEPTS
from ingest.sandbox.source import planet
from ingest.sandbox.truth import truth
from ingest.sandbox.words import UNSEEN
from search_ui.search.engine import Engine
from trainer.texts.multilingual import sentence_vectors

TRANSLATIONS = Path(__file__).with_name("translations.json")

Floats = np.ndarray


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="where `groundcast demo` ran")
    parser.add_argument("--right", type=float, default=0.5, help="probability from which a tile is right")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    with demonstration(asked.home) as engine:
        rows, ratios = measure(engine, asked.right)
    if asked.json:
        setting = {"right": asked.right, "prompts": len(CONCEPTS), "machine": platform.machine()}
        print(json.dumps({"benchmark": "languages", "setting": setting, "rows": rows, "ratios": ratios}))
        return
    for row in rows:
        print(
            "{language:8} which of 45: tower {tower:.2f}, adapter {adapter:.2f}, product {product:.2f}; "
            "precision@9: tower {tower_precision:.2f}, product {precision:.2f}".format(**row)
        )
    print(ratios)


def measure(engine: Engine, right: float) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """One row a language, and what they come to."""
    found = engine.catalog.collection("demo")
    adapter = engine.embedder(found).languages
    assert adapter is not None, "the model has no adapter: run `groundcast model languages demo`"
    prompts = [concept.prompt for concept in CONCEPTS]
    english = unit(engine.texts(found, prompts))
    precision_of, chance = island(engine, right)

    def read(texts: list[str]) -> tuple[Floats, Floats, Floats]:
        own, other = unit(engine.texts(found, texts)), adapter.vectors(sentence_vectors(texts))
        return own, other, np.where(adapter.understood(texts, own, other)[:, None], own, other)

    rows = []
    for language, texts in json.loads(TRANSLATIONS.read_text("utf-8")).items():
        own, other, product = read(texts)
        row = {
            "language": language,
            "tower": nearest(own, english),
            "adapter": nearest(other, english),
            "product": nearest(product, english),
            "tower_precision": round(precision_of(own), 4),
            "precision": round(precision_of(product), 4),
        }
        rows.append(row)
    ceiling = precision_of(english)
    best = float(np.mean([row["precision"] for row in rows]))
    unseen = [text for _, text in UNSEEN]
    ratios = {
        "precision@9 ÷ English": round(best / ceiling, 3),
        "the tower's own ÷ English": round(float(np.mean([row["tower_precision"] for row in rows])) / ceiling, 3),
        "precision@9 of English": round(ceiling, 4),
        "chance": round(chance, 4),
        "English prompts read otherwise": otherwise(adapter, prompts, *read(prompts)[:2]),
        "unseen English words read otherwise": otherwise(adapter, unseen, *read(unseen)[:2]),
    }
    return rows, ratios


def island(engine: Engine, right: float) -> tuple[Callable[[Floats], float], float]:
    """Mean precision@9 of vectors of the 45 prompts [45, d], and that of chance."""
    field, world = engine.field(engine.catalog.collection("demo")), planet()
    cases = []
    for when in MOMENTS:
        s = unit(field.predicted(np.arange(field.n), when=when))
        is_right = truth(world, lat=field.lat, lon=field.lon, when=when) >= right
        cases += [(s, is_right[:, one], one) for one in np.flatnonzero(is_right.sum(axis=0) >= K)]

    def precision(vectors: Floats) -> float:
        return float(np.mean([yes[np.argsort(-(s @ vectors[one]))[:K]].mean() for s, yes, one in cases]))

    return precision, float(np.mean([yes.mean() for _, yes, _ in cases]))


def nearest(vectors: Floats, english: Floats) -> float:
    """The share of prompts whose nearest English one is of their own concept."""
    return round(float((np.argmax(vectors @ english.T, axis=1) == np.arange(len(english))).mean()), 4)


def otherwise(adapter: Any, texts: list[str], own: Floats, other: Floats) -> float:
    """The share of texts that the adapter reads."""
    return round(float((~adapter.understood(texts, own, other)).mean()), 4)


def unit(vectors: Floats) -> Floats:
    """At length 1."""
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


if __name__ == "__main__":
    main()
