"""What are twenty labels worth? On the demonstration's island, against its known truth.

    python -m benchmarks.labels [--home DIR] [--right 0.5] [--json]

Each concept's own prompt is asked at two moments, a July afternoon and a January noon; counted are those for which at
least 70 tiles are right, which is where the probability that a person who looks around there sees the thing is at least
`--right`. Half of the labels are the best of the list, the others lie at even steps down to the best tenth of the
collection, as a person does who also looks at what is not it; the truth answers yes or no.

Told is the precision of the fifty best tiles of the list, from which every "no" has gone, and of the fifty best tiles
that nobody has labelled: for the words alone, for the labels as thumbs (`search_ui.search.feedback`), for a classifier
that has the words' cosine too and one that has not (`search_ui.labels.classifier`); beside them a classifier that knows
the truth of every tile, and chance. Where a classifier cannot be learnt, the words' order stands.

Last, with labels drawn by chance: how often the interval of 95 % holds the area under the ROC curve of all other tiles,
and whether the probabilities add up to the tiles that are right.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.feedback import Case, demonstration, known
from search_ui.labels.classifier import Assessment, Classifier, Labelled, Surroundings, learn
from search_ui.labels.roc import Roc
from search_ui.search.feedback import steered
from trainer.errors import UsageError

K, LEAST_RIGHT = 50, 70
COUNTS = (20, 50)
BY_CHANCE, DRAWS = 150, 5

Learnt = tuple[Classifier, Assessment] | None


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="where `groundcast demo` ran")
    parser.add_argument("--right", type=float, default=0.5, help="probability from which a tile is right")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    with demonstration(asked.home) as engine:
        field = engine.field(engine.catalog.collection("demo"))
        world = World(field.lat, field.lon, float(np.median(field.size_m)))
        cases = known(engine, asked.right, LEAST_RIGHT)
        rows = [row for count in COUNTS for row in measure(world, cases, count)]
        chance = by_chance(world, cases)
    first = {row["way"]: row["precision@50"] for row in rows if row["labels"] == COUNTS[0]}
    ratios = {
        f"classifier ÷ words alone, {COUNTS[0]} labels": round(first["classifier"] / first["words alone"], 3),
        f"classifier ÷ thumbs, {COUNTS[0]} labels": round(first["classifier"] / first["thumbs"], 3),
    }
    if asked.json:
        setting = {"right": asked.right, "questions": len(cases)}
        print(json.dumps({"benchmark": "labels", "setting": setting, "rows": [*rows, chance], "ratios": ratios}))
        return
    for row in [*rows, chance]:
        print(" · ".join(f"{name} {value}" for name, value in row.items()))
    print(f"{len(cases)} questions: {ratios}")


class World:
    """Where the tiles are."""

    def __init__(self, lat: np.ndarray, lon: np.ndarray, size_m: float) -> None:
        self.lat, self.lon, self.size_m = lat, lon, size_m

    def labelled(self, case: Case, rows: np.ndarray) -> Labelled:
        """Labels of some tiles, as the truth has them."""
        return Labelled(case.s[rows], case.right[rows], self.lat[rows], self.lon[rows], self.size_m)


def measure(world: World, cases: list[Case], count: int) -> list[dict[str, Any]]:
    """Means over the questions for so many labels."""
    ways: dict[str, list[tuple[float, float]]] = {}
    learnt = 0
    for case in cases:
        plain = case.s @ case.vector
        rows = looked_at(plain, count)
        yes, no = rows[case.right[rows]], rows[~case.right[rows]]
        both, alone = (learning(world, case, rows, question=question) for question in (True, False))
        every, _ = ceiling(world, case)
        learnt += both is not None
        scores = {
            "words alone": plain,
            "thumbs": case.s @ steered(case.vector, case.s[yes], case.s[no]),
            "classifier": plain if both is None else case.s @ both[0].vector,
            "classifier without the words": plain if alone is None else case.s @ alone[0].vector,
            "classifier of all tiles": case.s @ every,
            "chance": np.random.default_rng(0).random(len(plain)),
        }
        for way, score in scores.items():
            ways.setdefault(way, []).append((best(case, score, no), best(case, score, rows)))
    told = {way: np.mean(numbers, axis=0).round(4).tolist() for way, numbers in ways.items()}
    return [
        {"labels": count, "way": way, "precision@50": whole, "of unlabelled": unseen, "learnt": learnt}
        for way, (whole, unseen) in told.items()
    ]


def looked_at(score: np.ndarray, count: int) -> np.ndarray:
    """Which tiles a person labels: the best of the list, and some at even steps below."""
    order, half = np.argsort(-score), count // 2
    return order[np.concatenate([np.arange(half), np.linspace(half, len(order) // 10, count - half).astype(int)])]


def learning(world: World, case: Case, rows: np.ndarray, *, question: bool) -> Learnt:
    """A classifier of some labels, or None where there are too few of a side."""
    try:
        return learn(world.labelled(case, rows), Surroundings.of(case.s, case.vector if question else None))
    except UsageError:
        return None


def ceiling(world: World, case: Case) -> tuple[np.ndarray, Assessment]:
    """What is learnt where every tile is labelled."""
    made, told = learn(world.labelled(case, np.arange(len(case.s))), Surroundings.of(case.s, case.vector))
    return made.vector, told


def best(case: Case, score: np.ndarray, without: np.ndarray) -> float:
    """Precision of the fifty highest but for some."""
    shown = score.copy()
    shown[without] = -np.inf
    return float(case.right[np.argsort(-shown)[:K]].mean())


def by_chance(world: World, cases: list[Case]) -> dict[str, Any]:
    """What is told of a classifier against what is so, with labels drawn by chance."""
    told, true, held, expected, right = [], [], [], [], []
    for case in cases:
        for draw in range(DRAWS):
            rows = np.random.default_rng(draw).choice(len(case.s), BY_CHANCE, replace=False)
            made = learning(world, case, rows, question=True)
            if made is None:
                continue
            rest = np.setdiff1d(np.arange(len(case.s)), rows)
            cosine = (case.s @ made[0].vector)[rest]
            found = Roc.of(case.right[rest], cosine)
            interval = made[1].classifier
            told.append(interval.area)
            true.append(found.area)
            held.append(interval.low <= found.area <= interval.high)
            expected.append(float(made[0].probability(cosine).mean()))
            right.append(float(case.right[rest].mean()))
    return {
        "labels by chance": BY_CHANCE,
        "classifiers": len(told),
        "area told": round(float(np.mean(told)), 3),
        "area of the other tiles": round(float(np.mean(true)), 3),
        "interval holds it": round(float(np.mean(held)), 3),
        "mean probability": round(float(np.mean(expected)), 4),
        "share that is right": round(float(np.mean(right)), 4),
    }


if __name__ == "__main__":
    main()
