"""Does one round of thumbs make the next nine better? On the demonstration's island, against its known truth.

    python -m benchmarks.feedback [--home DIR] [--right 0.5] [--json]

Each concept's own prompt is asked at two moments, a July afternoon and a January noon. Each of the nine best tiles is
judged by the truth, up where the probability that a person who looks around there sees the thing is at least `--right`,
down elsewhere, and the question is asked again with these thumbs. Counted are prompts for which at least 18 tiles are
right. Two numbers are told:

* precision@9 of the whole answer, in which tiles that were called right may stand again, and no wrong one does;
* of the tiles that nobody has judged, the nine best: with the thumbs and without them.

Beside the weights in use stand others, and a logistic regression on the same vectors with the question's score as its
offset.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

from ingest.catalog.catalog import Catalog
from ingest.sandbox.concepts import CONCEPTS
from ingest.sandbox.source import planet
from ingest.sandbox.truth import truth
from ingest.settings import load_settings
from search_ui.search.engine import Engine
from search_ui.search.feedback import BETA, GAMMA, Feedback, steered
from search_ui.search.query import Part, Query

K = 9
MOMENTS = (datetime(2025, 7, 12, 14), datetime(2025, 1, 11, 12))
WEIGHTS = ((BETA, GAMMA), (1.0, 0.0), (0.5, 0.25), (0.75, 0.15), (2.0, 1.0))

Score = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Case:
    """A question whose answer is known."""

    text: str
    when: datetime
    s: np.ndarray  # S of every tile, unit length, [n, d]
    vector: np.ndarray  # [d]
    right: np.ndarray  # bool [n]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="where `groundcast demo` ran")
    parser.add_argument("--right", type=float, default=0.5, help="probability from which a tile is right")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    with demonstration(asked.home) as engine:
        cases = known(engine, asked.right)
        rows = [measure(f"Rocchio {beta:g}, {gamma:g}", rocchio(beta, gamma), cases) for beta, gamma in WEIGHTS]
        rows.append(measure("logistic regression", logistic, cases))
        check(engine, cases[0])
    ours = rows[0]
    ratios = {
        "precision@9 after ÷ before": round(ours["after"] / ours["before"], 3),
        "of tiles that nobody judged": round(ours["unseen_after"] / ours["unseen_before"], 3),
    }
    if asked.json:
        setting = {"right": asked.right, "questions": len(cases)}
        print(json.dumps({"benchmark": "feedback", "setting": setting, "rows": rows, "ratios": ratios}))
        return
    for row in rows:
        print(
            "{way:22} precision@9 {before:.3f} → {after:.3f}; unseen {unseen_before:.3f} → {unseen_after:.3f}; "
            "better {better}, worse {worse}".format(**row)
        )
    print(f"{len(cases)} questions, a tile is right from {asked.right:g} on: {ratios}")


@contextmanager
def demonstration(home: Path | None) -> Iterator[Engine]:
    """The demonstration's home, made first where none is given."""
    with tempfile.TemporaryDirectory() as folder:
        if home is None:
            home = Path(folder) / "home"
            made = [sys.executable, "-m", "search_ui.cli", "--home", home, "demo", "--json"]
            subprocess.run(made, check=True, stdout=sys.stderr)
        settings = load_settings(home)
        engine = Engine(settings, Catalog(settings.catalog_at))
        yield engine
        engine.catalog.close()


def known(engine: Engine, right: float, least: int = 2 * K) -> list[Case]:
    """Questions with at least so many right tiles."""
    found = engine.catalog.collection("demo")
    field, world, cases = engine.field(found), planet(), []
    for when in MOMENTS:
        probability = truth(world, lat=field.lat, lon=field.lon, when=when)
        s = field.predicted(np.arange(field.n), when=when)
        s /= np.linalg.norm(s, axis=1, keepdims=True)
        for column, concept in enumerate(CONCEPTS):
            is_right = probability[:, column] >= right
            if is_right.sum() >= least:
                vector = engine.query_vector(found, Query(parts=(Part("text", concept.prompt),)))
                cases.append(Case(concept.prompt, when, s, vector, is_right))
    return cases


def measure(way: str, score: Score, cases: list[Case]) -> dict[str, Any]:
    """Means over the questions, before and after one round."""
    numbers = np.array([one(case, score) for case in cases])
    before, after, unseen_before, unseen_after = numbers.mean(axis=0).tolist()
    change = numbers[:, 1] - numbers[:, 0]
    told = {"before": before, "after": after, "unseen_before": unseen_before, "unseen_after": unseen_after}
    counted = {"better": int((change > 1e-9).sum()), "worse": int((change < -1e-9).sum())}
    return {"way": way} | {name: round(value, 4) for name, value in told.items()} | counted


def one(case: Case, score: Score) -> tuple[float, float, float, float]:
    """Precision of the nine before and after, and of the nine best that were not judged."""
    plain = case.s @ case.vector
    judged = np.argsort(-plain)[:K]
    up, down = judged[case.right[judged]], judged[~case.right[judged]]
    again = score(case.vector, case.s, up, down)
    unseen, kept = np.ones((2, len(plain)), bool)
    unseen[judged], kept[down] = False, False
    nines = (judged, best_of(again, kept), best_of(plain, unseen), best_of(again, unseen))
    return tuple(float(case.right[nine].mean()) for nine in nines)  # type: ignore[return-value]


def best_of(score: np.ndarray, among: np.ndarray) -> np.ndarray:
    """The nine highest of some."""
    return np.argsort(-np.where(among, score, -np.inf))[:K]


def rocchio(beta: float, gamma: float) -> Score:
    """As the engine does it, with these weights."""

    def score(vector: np.ndarray, s: np.ndarray, up: np.ndarray, down: np.ndarray) -> np.ndarray:
        return s @ steered(vector, s[up], s[down], beta=beta, gamma=gamma)

    return score


def logistic(vector: np.ndarray, s: np.ndarray, up: np.ndarray, down: np.ndarray) -> np.ndarray:
    """The question's standard score, and beside it what a regression of weight decay 1 learns of the judged tiles."""
    plain = s @ vector
    offset = (plain - plain.mean()) / plain.std()
    centred = (s - s.mean(axis=0)) / s.std(axis=0).mean() / np.sqrt(s.shape[1])
    rows, label = np.concatenate([up, down]), np.concatenate([np.ones(len(up)), np.zeros(len(down))])

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        logit = centred[rows] @ weights[:-1] + weights[-1] + offset[rows]
        away = 1 / (1 + np.exp(-logit)) - label
        value = np.logaddexp(0, logit).sum() - label @ logit + weights[:-1] @ weights[:-1] / 2
        return float(value), np.append(centred[rows].T @ away + weights[:-1], away.sum())

    learnt = minimize(loss, np.zeros(s.shape[1] + 1), jac=True, method="L-BFGS-B").x
    return offset + centred @ learnt[:-1]


def check(engine: Engine, case: Case) -> None:
    """The engine's own answer is the one that was measured."""
    query = Query(parts=(Part("text", case.text),), when=case.when, distinct=False)
    field = engine.field(engine.catalog.collection("demo"))
    nine = np.array([field.row(hit.tile_id) for hit in engine.search("demo", query).hits])
    up, down = nine[case.right[nine]], nine[~case.right[nine]]
    said = Feedback(tuple(field.ids(up)), tuple(field.ids(down)))
    hits = engine.search("demo", query, said).hits
    kept = np.ones(field.n, bool)
    kept[down] = False
    measured = best_of(rocchio(BETA, GAMMA)(case.vector, case.s, up, down), kept)
    assert [hit.tile_id for hit in hits] == field.ids(measured), "the engine steers otherwise than this benchmark"


if __name__ == "__main__":
    main()
