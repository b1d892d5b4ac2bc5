"""Does relevance know when nothing is there? ROC and reliability on the sandbox planet, beside the plain cosine.

The planet's tiles are embedded with a model. Prompts for its 45 concepts and prompts for things that it does not have
are asked in areas from one tile to a whole island, at eight moments of the year and at none. "Something is here" is
true where the truth of some tile of the area is at least 0.5, false where no tile has more than 0.05; between them, a
case is left out of the ROC. An area's answer is that of its tile with the highest cosine. Two regressions are fitted,
each on cases of its own: "is it a place for it" on the cases without a moment, to the truth of that tile at its best
moment; "is it now" on the tiles that islands answer with at 144 moments, where these are places for it
(`benchmarks.now`). Both are tested on concepts and on islands that they were not fitted on.

    python -m benchmarks.relevance [--model FOLDER] [--areas 3] [--tiles FILE.npz] [--plot FILE.png] [--json]

`--tiles` keeps the embedded tiles between runs: drawing and embedding them takes five minutes on two cores, the rest
longer. The lines `PLACE, NEUTRAL, BIAS` and `NOW, REGULAR, NOW_BIAS` that it prints belong into
`search_ui/search/relevance/calibration.py`.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import now

ROOT = Path(__file__).resolve().parents[1]
PRESENT, ABSENT = 0.5, 0.05
TILE_M = 480.0
SIDES_KM = (0.1, 2.0, 4.0, 8.0, 16.0, 80.0)  # one tile … the island
MOMENTS = (None, *(datetime(2025, *at) for at in (
    (1, 21, 12), (2, 14, 8), (4, 12, 15), (5, 23, 19), (7, 12, 11), (8, 29, 17), (10, 7, 9), (11, 14, 22),
)))  # fmt: skip
NOT_THERE = """a volcano erupting with lava, elephants in the savannah, skyscrapers of a big city, rice terraces,
    desert dunes, icebergs in the sea, a colony of penguins, the pyramids of Giza, a rocket on the launch pad,
    a coral reef under water, a mosque with minarets, the ruins of a castle, an oil platform, a baseball game,
    an ice hockey match, a basketball court, a roller coaster in an amusement park, giraffes in a zoo,
    a military parade with tanks, a caravan of camels, a temple in the jungle, a bamboo forest, a geyser, a tornado,
    a house on fire, kangaroos, a polar bear on the ice, a whale jumping out of the water, a submarine,
    a library with bookshelves, a kitchen with an oven, an operating room in a hospital, a computer on a desk,
    a cemetery with gravestones, cooling towers of a nuclear power plant, a large dam,
    a crowded stadium during a rock concert, a wedding, a cat sleeping on a sofa, a plate of sushi,
    a portrait of a woman, a telescope and an observatory dome, a carnival parade with samba dancers,
    a rickshaw in a narrow alley, a floating market, red telephone boxes in London, a bullfight, sumo wrestlers,
    a chess board, a swimming pool with diving boards, a cable car over a canyon, cactuses in the desert,
    a mangrove swamp with crocodiles, lavender fields, an igloo, a circus tent, a herd of sheep with a shepherd,
    a tropical fish in an aquarium, a space station, dinosaur skeletons in a museum, a violin player in an orchestra,
    a boxing ring, a bowling alley, a satellite dish""".replace("\n    ", " ").split(", ")

Array = npt.NDArray[Any]


@dataclass
class Tiles:
    """Every land tile of the planet, [n]; vectors O of the model and of one with random weights."""

    lat: Array
    lon: Array
    island: Array
    vectors: Array
    random: Array


@dataclass
class Cases:
    """Prompts asked in areas, as columns [c]; `evidence` is [c, 4].

    `kind`: 0 plain words, 1 words that no caption of the training uses, 2 things that the planet does not have.
    """

    collection: Array
    island: Array
    side_km: Array
    moment: Array
    concept: Array
    prompt: Array
    kind: Array
    truth: Array  # the highest of the area
    truth_ever: Array  # the same at the best time of the year
    truth_best: Array  # of the tile with the highest cosine
    cosine: Array
    z: Array
    evidence: Array

    def where(self, mask: Array) -> "Cases":
        """Some of them."""
        return Cases(**{name: getattr(self, name)[mask] for name in self.__dataclass_fields__})


def embed_tiles(model: Path, random: Path, processes: int) -> Tiles:
    """Draw and embed the planet."""
    from ingest.geo.grid import Grid
    from ingest.sandbox.source import planet

    world, grid = planet(), Grid(TILE_M, TILE_M)
    found = [
        [(t.lat, t.lon, i) for t in grid.tiles(world.outline_of(island))] for i, island in enumerate(world.islands)
    ]
    lat, lon, island = (np.array(column) for column in zip(*(row for rows in found for row in rows), strict=True))
    land = world.is_land(lat=lat, lon=lon)
    lat, lon, island = lat[land], lon[land], island[land]
    jobs = [(model, random, lat[i : i + 128], lon[i : i + 128]) for i in range(0, len(lat), 128)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(_embed, jobs))
    vectors, noise = (np.concatenate(column).astype(np.float16) for column in zip(*parts, strict=True))
    return Tiles(lat, lon, island, vectors, noise)


def _embed(job: tuple[Path, Path, Array, Array]) -> tuple[Array, Array]:
    import torch

    from ingest.geo.geometry import Footprint
    from ingest.sandbox import overhead
    from ingest.sandbox.pairs import SIZE_PX
    from ingest.sandbox.source import planet
    from trainer.embedder import Embedder

    torch.set_num_threads(1)
    model, random, lat, lon = job
    places = [Footprint(float(a), float(o), TILE_M) for a, o in zip(lat, lon, strict=True)]
    images = [overhead.draw(planet(), place, SIZE_PX)[0] for place in places]
    made = [Embedder.load(folder, precision="float32").embed_tiles(images) for folder in (model, random)]
    return made[0], made[1]


def make_field(folder: Path, tiles: Tiles, vectors: Array, rows: Array, embedder: Any) -> Any:
    """The field of some of the tiles, through an archive as an ingest would write it. Row i is not tile i: see ids."""
    from ingest.archive.parts import Archive
    from ingest.field.scorer import FieldEncoder, open_scorer

    archive = Archive(folder / "archive", "tiles")
    for number, part in enumerate(np.array_split(rows, -(-len(rows) // 4096))):
        records = [
            {"tile_id": str(i), "lat": tiles.lat[i], "lon": tiles.lon[i], "size_m": TILE_M, "acquired_at": None,
             "gsd_m": 1.0, "valid_fraction": 1.0, "origin": ""}
            for i in part.tolist()
        ]  # fmt: skip
        archive.write(f"p-{number:06d}", records, vectors[part].astype(np.float32), {"model_id": "m"})
    encoder = None
    if embedder.meta.encoding is not None:
        encoder = FieldEncoder(embedder.meta.encoding, embedder.encoder_weights())
    return open_scorer(folder / "field", archive, model_id="m", encoder=encoder)


def prompts() -> tuple[list[str], Array, Array]:
    """Texts, number of the concept (−1: not there), and kind; see `Cases`."""
    from ingest.sandbox.concepts import NAMES
    from ingest.sandbox.words import PROMPTS, UNSEEN

    rows = [(text, number, 0) for number, name in enumerate(NAMES) for text in PROMPTS[name]]
    rows += [(text, NAMES.index(name), 1) for name, text in UNSEEN]
    rows += [(text, -1, 2) for text in NOT_THERE]
    texts, concept, kind = zip(*rows, strict=True)
    return list(texts), np.array(concept), np.array(kind)


def areas(tiles: Tiles, each: int, seed: int) -> list[tuple[int, float, Array]]:
    """Island, side in kilometres and tiles of squares round random tiles; of every side as many."""
    random, found = np.random.default_rng(seed), []
    for island in np.unique(tiles.island):
        mine = np.flatnonzero(tiles.island == island)
        for side_km in np.repeat(SIDES_KM, each):
            centre = random.choice(mine)
            north = np.abs(tiles.lat[mine] - tiles.lat[centre]) * 111.2
            east = np.abs(tiles.lon[mine] - tiles.lon[centre]) * 111.2 * np.cos(np.radians(tiles.lat[centre]))
            found.append((int(island), float(side_km), mine[np.maximum(north, east) <= side_km / 2]))
    return found


def ask(field: Any, name: int, squares: list[tuple[int, float, Array]], truths: list[Array], texts: Array, bank: Array,
        moments: tuple[datetime | None, ...]) -> Iterator[Cases]:  # fmt: skip
    """Every prompt in every area that the field covers, at every moment."""
    from search_ui.search.relevance.calibration import Calibration

    _, concept, kind = prompts()
    calibration = Calibration.of(field, bank, knows_time=len(moments) > 1, kept=len(texts))
    row_of = np.full(1 + max(int(square[2].max()) for square in squares), -1)
    tile_of = np.array(field.ids(), np.int64)
    row_of[tile_of] = np.arange(field.n)
    squares = [(island, side, row_of[mine]) for island, side, mine in squares if (row_of[mine] >= 0).all()]
    for moment, when in enumerate(moments):
        cosine = field.products(texts, when=when)  # [prompts, n]
        usual = calibration.usual(when)
        levels = np.array([usual.level(text) for text in texts])
        best = np.stack(
            [rows[np.argmax(cosine[:, rows], axis=1)] for _, _, rows in squares], axis=1
        )  # [prompts, squares]
        evidence = np.stack(
            [
                calibration.evidence(field, text, cosine[i, rows], when=when, rows=rows)
                for i, (text, rows) in enumerate(zip(texts, best, strict=True))
            ]
        )
        true, ever = (np.where(concept >= 0, t[:, concept], 0)[tile_of] for t in (truths[moment], truths[0]))  # [n, p]
        highest = [np.stack([t[rows].max(axis=0) for *_, rows in squares], axis=1).ravel() for t in (true, ever)]
        shape, number = best.shape, np.arange(len(texts))[:, None]
        islands, sides, _ = zip(*squares, strict=True)
        columns = ([name], islands, sides, [moment], concept[:, None], number, kind[:, None])
        spread = [np.broadcast_to(column, shape).ravel() for column in columns]
        value = cosine[number, best]
        z = (value - levels[:, :1]) / levels[:, 1:]
        yield Cases(*spread, *highest, true[best, number].ravel(), value.ravel(), z.ravel(), evidence.reshape(-1, 4))


@dataclass
class Moments:
    """What is told of now: cases to fit, by island the best tile's evidence at typical moments, a demonstration."""

    cases: now.NowCases
    best: dict[str, list[dict[str, Any]]]
    shown: list[dict[str, Any]]


def gather(tiles: Tiles, vectors: Array, model: Path, each: int, seed: int) -> tuple[Cases, Moments | None]:
    """The cases of the whole planet as one collection, and of each island as a collection of its own."""
    from benchmarks.moments import weekly
    from ingest.sandbox.concepts import NAMES
    from ingest.sandbox.panels import SHOWN
    from ingest.sandbox.source import planet
    from ingest.sandbox.truth import truth
    from search_ui.search.likeliest import TYPICAL
    from search_ui.search.relevance.calibration import BANK, Calibration
    from trainer.embedder import Embedder

    embedder = Embedder.load(model, precision="float32")
    texts, bank = embedder.embed_texts(prompts()[0]), embedder.embed_texts(BANK)
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    moments = MOMENTS if embedder.meta.encoding else (None,)
    truths = [truth(planet(), lat=tiles.lat, lon=tiles.lon, when=when) for when in moments]
    _, concept, kind = prompts()
    plain = np.flatnonzero(kind == 0)
    own = plain[np.unique(concept[plain], return_index=True)[1]]
    text_of = {NAMES[concept[row]]: texts[row] for row in own}
    found, best, shown = [], {}, []
    with tempfile.TemporaryDirectory() as folder:
        for name in (-1, *np.unique(tiles.island).tolist()):
            rows = np.arange(len(tiles.lat)) if name < 0 else np.flatnonzero(tiles.island == name)
            field = make_field(Path(folder) / str(name), tiles, vectors, rows, embedder)
            squares = [s for s in areas(tiles, each, seed) if name in (-1, s[0])]
            found += list(ask(field, name, squares, truths, texts, bank, moments))
            if name >= 0 and len(moments) > 1:
                calibration = Calibration.of(field, bank, knows_time=True)
                true, island = weekly(field.lat, field.lon, TYPICAL), planet().islands[name].name
                best[island] = now.best_tiles(field, calibration, name, texts[own], concept[own], true)
                if island == SHOWN:
                    shown = now.shown(field, calibration, text_of)
    cases = Cases(*(np.concatenate([getattr(c, n) for c in found]) for n in Cases.__dataclass_fields__))
    every = [row for rows in best.values() for row in rows]
    return cases, Moments(now.NowCases.of(every), best, shown) if every else None


def fit(evidence: Array, target: Array, weight: Array) -> Array:
    """Logistic regression by Newton's steps: weights of the columns and the bias, [k + 1]; targets 0..1."""
    columns = np.column_stack([evidence, np.ones(len(evidence))])
    found = np.zeros(columns.shape[1])
    for _ in range(20):
        chance = 1 / (1 + np.exp(-np.clip(columns @ found, -30, 30)))
        slope = columns.T @ (weight * (target - chance)) - 1e-3 * found
        bend = (columns * (weight * chance * (1 - chance))[:, None]).T @ columns + 1e-3 * np.eye(len(found))
        found += np.linalg.solve(bend, slope)
    return found


def auroc(score: Array, cases: Cases, weight: Array) -> float:
    """Area under the ROC of "something is here"; what is neither is left out."""
    yes, no = cases.truth >= PRESENT, cases.truth <= ABSENT
    if not yes.any() or not no.any():
        return float("nan")
    order = np.argsort(score[no])
    below = np.concatenate([[0], np.cumsum(weight[no][order])])
    left, right = (np.searchsorted(score[no][order], score[yes], side) for side in ("left", "right"))
    return float(np.average((below[left] + below[right]) / 2, weights=weight[yes]) / below[-1])


def weights(cases: Cases) -> Array:
    """So that no moment and all moments together count the same, as do the planet and its islands."""
    none, whole = cases.moment == 0, cases.collection == -1
    return np.where(none, 1 / max(none.mean(), 1e-9), 1 / max(1 - none.mean(), 1e-9)) * np.where(
        whole, 1 / max(whole.mean(), 1e-9), 1 / max(1 - whole.mean(), 1e-9)
    )


def cross_validated(cases: Cases, fold: Array, moving: Moments | None, now_fold: Array) -> tuple[Array, Array]:
    """Chances of cases by regressions that were fitted on the other folds, [c], and their constants, [folds, 6]."""
    chance, found = np.zeros(len(fold)), []
    for number in np.unique(fold):
        w = fit_both(cases.where(fold != number), moving, now_fold != number)
        held = fold == number
        chance[held] = said(cases.evidence[held], cases.moment[held], w)
        found.append(w)
    return chance, np.array(found)


def fit_both(cases: Cases, moving: Moments | None, those: Array) -> Array:
    """PLACE, NEUTRAL, BIAS, NOW, REGULAR, NOW_BIAS, fitted apart: at no moment, and on those of the cases of now."""
    some = cases.where((cases.kind != 1) & (cases.moment == 0))
    place = fit(some.evidence[:, :2], some.truth_best, weights(some))
    if moving is None:
        return np.array([*place, 0, 0, 30])
    m = moving.cases
    return np.array([*place, *fit(m.falls[those], m.true[those], m.weight[those])])


def said(evidence: Array, moment: Array, w: Array) -> Array:
    """Relevance by constants."""
    scores = evidence[:, :2] @ w[:2] + w[2], evidence[:, 2:] @ w[3:5] + w[5]
    place, then = (1 / (1 + np.exp(-np.clip(score, -30, 30))) for score in scores)
    return place * np.where(moment == 0, 1, then)


def reliability(chance: Array, truth: Array, weight: Array) -> list[dict[str, float]]:
    """In ten equal steps: how many, mean chance, mean truth."""
    step = np.minimum((chance * 10).astype(int), 9)
    found = []
    for k in np.unique(step):
        mine = step == k
        said, true = (float(np.average(column[mine], weights=weight[mine])) for column in (chance, truth))
        share = float(weight[mine].sum() / weight.sum())
        found.append({"from": float(k) / 10, "share": round(share, 4), "said": round(said, 3), "true": round(true, 3)})
    return found


def table(cases: Cases, methods: dict[str, Array]) -> list[dict[str, Any]]:
    """ROC of each method on each part of the cases."""
    w, asked = weights(cases), cases.kind != 1
    there, plain = cases.truth >= PRESENT, cases.kind == 0
    lacking = cases.truth <= ABSENT
    parts: dict[str, Array] = {
        "all": asked, "no moment": asked & (cases.moment == 0), "a moment": asked & (cases.moment > 0),
        "planet as collection": asked & (cases.collection < 0), "island as collection": asked & (cases.collection >= 0),
        **{f"side {side:g} km": asked & (cases.side_km == side) for side in SIDES_KM},
        "concepts alone": plain,
        "against other places": plain & (there | (lacking & (cases.truth_ever <= ABSENT))),
        "against other times": plain & (there | (lacking & (cases.truth_ever >= PRESENT))),
        "against what the planet lacks": (cases.kind == 2) | (plain & there),
        "words of no caption": cases.kind == 1,
    }  # fmt: skip
    rows = []
    for part, mask in parts.items():
        some = cases.where(mask)
        row = {"cases": part, "n": int(mask.sum()), "present": round(float((some.truth >= PRESENT).mean()), 3)}
        rows.append(row | {name: round(auroc(score[mask], some, w[mask]), 3) for name, score in methods.items()})
    return rows


def plot(path: Path, steps: list[dict[str, float]], rates: Array, area: float) -> None:
    """Reliability and ROC, side by side, as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color="#777777", linewidth=0.8)
    middle, share = [s["from"] + 0.05 for s in steps], [s["share"] for s in steps]
    left.bar(middle, share, 0.09, color="#56b4e9", alpha=0.5, label="share of the answers")
    said, true = [s["said"] for s in steps], [s["true"] for s in steps]
    left.plot(said, true, "o-", color="#0072b2", label="truth of the best tile, mean")
    left.set(title="Reliability, held-out concepts", xlabel="relevance", ylabel="chance that it is to be seen")
    right.plot([0, 1], [0, 1], color="#777777", linewidth=0.8)
    right.plot(rates[0], rates[1], color="#d55e00", label=f"relevance, area {area:.3f}")
    right.set(title="“Something is here”", xlabel="said, where nothing is", ylabel="said, where something is")
    for axis, where in ((left, "upper left"), (right, "lower right")):
        axis.set(xlim=(0, 1), ylim=(0, 1))
        axis.legend(frameon=False, loc=where)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def roc(score: Array, cases: Cases, weight: Array) -> Array:
    """Points of the curve: false and true positive rate at 200 thresholds, [2, 200]."""
    yes, no = cases.truth >= PRESENT, cases.truth <= ABSENT
    cuts = np.quantile(score, np.linspace(1, 0, 200))
    return np.array([[(weight[m] * (score[m] >= cut)).sum() / weight[m].sum() for cut in cuts] for m in (no, yes)])


def grades(chance: Array, cases: Cases) -> dict[str, dict[str, float]]:
    """Of whole collections: how often each grade is said of the best tile, for prompts with and without an answer."""
    from search_ui.search.relevance.calibration import grade

    whole = (cases.side_km == max(SIDES_KM)) & (cases.kind != 1)
    kinds = {
        "something is here": whole & (cases.truth >= PRESENT),
        "not here, or not now": whole & (cases.kind == 0) & (cases.truth <= ABSENT),
        "the planet lacks it": whole & (cases.kind == 2),
    }
    names = ("strong", "possible", "weak", "nothing")
    found = {}
    for kind, mask in kinds.items():
        said = [grade(value) for value in chance[mask].tolist()]
        found[kind] = {name: round(said.count(name) / max(len(said), 1), 3) for name in names}
    return found


def speed(folder: Path, n: int, dim: int = 512) -> dict[str, float]:
    """Milliseconds of the cosines of n made-up tiles at a moment, of their relevance, and of the calibration."""
    from ingest.field.scorer import FieldEncoder
    from search_ui.search.relevance.calibration import Calibration
    from trainer.encoder import EncoderWeights

    random = np.random.default_rng(0)
    side = int(n**0.5) + 1
    number = np.arange(n)
    vectors = random.normal(0, 1, (n, dim)).astype(np.float16)
    tiles = Tiles(27 + number // side * 0.004, 85 + number % side * 0.005, np.zeros(n, int), vectors, vectors)
    shapes = ((64, 11), (64,), (dim, 64), (dim,))
    encoder = FieldEncoder("cyclic", EncoderWeights(*(random.normal(0, 0.3, s).astype(np.float32) for s in shapes)))

    class Stub:
        """Says what an embedder says of its encoder."""

        meta = type("Meta", (), {"encoding": "cyclic"})
        encoder_weights = staticmethod(lambda: encoder.weights)

    field = make_field(folder, tiles, vectors, number, Stub)
    calibration = Calibration.of(field, random.normal(0, 1, (70, dim)).astype(np.float32), knows_time=True)
    taken: dict[str, list[float]] = {"cosines": [], "relevance": []}
    started = time.perf_counter()
    calibration.usual(None), calibration.usual(MOMENTS[1])
    calibrated = time.perf_counter() - started
    for round_ in range(7):
        query = random.normal(0, 1, dim).astype(np.float32)
        query /= np.linalg.norm(query)
        when = MOMENTS[1 + round_]
        started = time.perf_counter()
        cosine = field.cosines(query, when=when)
        taken["cosines"].append(time.perf_counter() - started)
        started = time.perf_counter()
        calibration.relevance(field, query, cosine, when=when)
        taken["relevance"].append(time.perf_counter() - started)
    milliseconds = {name: 1000 * float(np.median(seconds[1:])) for name, seconds in taken.items()}
    return {"tiles": n, "calibration_ms": 1000 * calibrated} | {f"{k}_ms": v for k, v in milliseconds.items()}


def main() -> None:
    """Prints the table, the constants, and the picture if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="checkpoint folder; without it, the bundled model")
    parser.add_argument("--tiles", type=Path, help="file in which the embedded tiles are kept")
    parser.add_argument("--areas", type=int, default=3, help="of each side on each island")
    parser.add_argument("--speed", type=int, default=200_000, help="tiles of the speed test; 0: none")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        done = run(asked, Path(folder))
    if asked.json:
        more = [{"island": name} | row for name, row in done["moments"].items()]
        more += done["demonstration"] + [{"answers where": kind} | row for kind, row in done["grades"].items()]
        print(json.dumps(done | {"rows": done["rows"] + more}))
        return
    names = list(done["rows"][0])[3:]
    print(f"{'area under the ROC':34}{'cases':>8}{'present':>9}" + "".join(f"{name:>13}" for name in names))
    for row in done["rows"]:
        print(f"{row['cases']:34}{row['n']:8}{row['present']:9.3f}" + "".join(f"{row[name]:13.3f}" for name in names))
    for name in ("reliability", "grades", "random_weights", "speed"):
        print(f"{name}:", *(done[name].items() if isinstance(done[name], dict) else done[name]), sep="\n    ")
    print("fits without each fold (concepts, islands):", *done["folds"], sep="\n    ")
    print("best tile of an island, live and dead moments:", *done["moments"].items(), sep="\n    ")
    print("the demonstration's island:", *done["demonstration"], sep="\n    ")
    print("PLACE, NEUTRAL, BIAS = {:.2f}, {:.2f}, {:.2f}".format(*done["constants"]))
    print("NOW, REGULAR, NOW_BIAS = {3:.2f}, {4:.2f}, {5:.2f}".format(*done["constants"]))
    print("strong from {}, possible from {}, weak from {}".format(*done["thresholds"]))
    for name, ratio in done["ratios"].items():
        print(f"{name}: {ratio:.3f}")


def run(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All of it, as the document that `--json` prints."""
    from search_ui.search.relevance.calibration import (
        BIAS,
        NEUTRAL,
        NOW,
        NOW_BIAS,
        PLACE,
        POSSIBLE,
        REGULAR,
        STRONG,
        WEAK,
    )
    from trainer.bundled import add_bundled
    from trainer.weights.zoo import add_open_clip

    model, noise = asked.model or folder / "model", folder / "random"
    if asked.model is None:
        add_bundled(model)
    add_open_clip(noise, str(ROOT / "tests" / "tiny_clip.json"), random_seed=0)
    if asked.tiles and asked.tiles.exists():
        with np.load(asked.tiles) as kept:
            tiles = Tiles(**kept)
    else:
        tiles = embed_tiles(model, noise, asked.processes)
        if asked.tiles:
            np.savez(asked.tiles, **vars(tiles))
    cases, moving = gather(tiles, tiles.vectors, model, asked.areas, asked.seed)
    concept = np.where(cases.concept >= 0, cases.concept, cases.prompt)
    none = np.zeros(0)
    concepts, islands = (none, none) if moving is None else (moving.cases.concept, moving.cases.island)
    by_concept, folds = cross_validated(cases, concept % 2, moving, concepts % 2)
    by_island, more = cross_validated(cases, cases.island % 2, moving, islands % 2)
    current = np.array([PLACE, NEUTRAL, BIAS, NOW, REGULAR, NOW_BIAS])
    as_it_is = said(cases.evidence, cases.moment, current)
    methods = {"cosine": cases.cosine, "z-score": cases.z, "as it is": as_it_is}
    rows = table(cases, methods | {"new concepts": by_concept, "new islands": by_island})
    fitted, w = cases.kind != 1, weights(cases)
    constants = fit_both(cases, moving, np.ones(len(concepts), bool))
    steps = reliability(by_concept[fitted], cases.truth_best[fitted], w[fitted])
    if asked.plot:
        curve = roc(by_concept[fitted], cases.where(fitted), w[fitted])
        plot(asked.plot, steps, curve, rows[0]["new concepts"])
    guesses, _ = gather(tiles, tiles.random, noise, asked.areas, asked.seed)
    best = {} if moving is None else dict(moving.best)
    best["all islands"] = [row for told in best.values() for row in told]
    timed = speed(folder / "speed", asked.speed) if asked.speed else {}
    ratios = {
        "auroc": rows[0]["new concepts"],
        "auroc_of_the_cosine": rows[0]["cosine"],
        "auroc_of_the_z_score": rows[0]["z-score"],
        "mean_error_of_the_reliability": sum(s["share"] * abs(s["said"] - s["true"]) for s in steps),
    }
    if timed:
        ratios["relevance_to_cosines"] = timed["relevance_ms"] / timed["cosines_ms"]
    setting = {"tiles": len(tiles.lat), "areas": asked.areas, "prompts": len(prompts()[0]), "moments": len(MOMENTS)}
    return {
        "benchmark": "relevance",
        "setting": setting,
        "rows": rows,
        "reliability": steps,
        "grades": grades(as_it_is, cases),
        "random_weights": grades(said(guesses.evidence, guesses.moment, current), guesses),
        "moments": {name: now.table(found, current[:3], current[3:]) for name, found in best.items() if found},
        "demonstration": [] if moving is None else moving.shown,
        "thresholds": [STRONG, POSSIBLE, WEAK],
        "speed": timed,
        "folds": np.round(np.concatenate([folds, more]), 3).tolist(),
        "constants": constants.tolist(),
        "ratios": ratios,
    }


if __name__ == "__main__":
    main()
