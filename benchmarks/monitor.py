"""Does a comparison of two dates find what changed, and little else? On the planet, where changes are made to order.

    python -m benchmarks.monitor [--home DIR] [--work DIR] [--tiles 300] [--json]

`--home` is where `groundcast demo` ran: its tiles are read once as they are, and once as on another day (other light,
noise, five metres aside), with some of them exchanged: the harbour now lies where a field was, and the field where the
harbour was. Both are ingested as chips by the demonstration's model in `--work`, where the same command goes on. Each
concept that moved is asked by its plain words; a tile truly changed where the probability that one would see it there
moved by at least .3, and did not where it moved by less than .05.

Told is, of all that `search_ui.monitor` tells, of what appeared or vanished, and of the plain way without calibration
(relevance came to `possible` or left it): how many, the share of what truly changed that is among them, the share of
them for which that very thing hardly moved, and how many are tiles that are as they were, whose share should be at most
the false discovery rate. Last, nothing is exchanged: how many are told all the same, by Student's t and by the normal
distribution.
"""

import argparse
import csv
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.stats import false_discovery_control, norm, t

from benchmarks.feedback import demonstration
from ingest.catalog.catalog import Catalog
from ingest.geo.geometry import Footprint
from ingest.sandbox.concepts import CONCEPTS
from ingest.sandbox.source import SandboxSource, planet
from ingest.sandbox.truth import truth
from ingest.settings import load_settings
from search_ui.monitor.change import DEGREES
from search_ui.monitor.comparing import Monitored, monitor
from search_ui.search.engine import Engine
from search_ui.search.query import Part, Query
from search_ui.search.relevance.calibration import POSSIBLE

PX, SIDE_M, ASIDE_M = 160, 480.0, 5.0
THERE, GONE, TRULY, HARDLY = 0.6, 0.02, 0.3, 0.05
MOVED = 4  # tiles of each concept
AT_MOST = 8  # concepts
FDR = 0.05
WAYS = ("all that is told", "appeared or vanished", "by relevance alone")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="where `groundcast demo` ran")
    parser.add_argument("--work", type=Path, help="where collections are made [a temporary folder]")
    parser.add_argument("--tiles", type=int, default=300, help="how many tiles")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, demonstration(asked.home) as engine:
        work = asked.work or Path(folder)
        case = Case(engine, asked.tiles)
        case.ingest(engine, work)
        with opened(work) as made:
            rows = measured(case, made)
    if asked.json:
        moved = int((case.exchanged != np.arange(len(case.lat))).sum())
        setting = {"tiles": len(case.lat), "exchanged": moved, "concepts": len(case.concepts), "fdr": FDR}
        found = {row["way"]: row["found"] for row in rows if row.get("concept") == "all"}
        told = {f"found, {WAYS[0]} ÷ {WAYS[2]}": round(found[WAYS[0]] / found[WAYS[2]], 3)}
        print(json.dumps({"benchmark": "monitor", "setting": setting, "rows": rows, "ratios": told}))
        return
    for row in rows:
        print(" · ".join(f"{name} {value}" for name, value in row.items()))


class Case:
    """Tiles of the island, and which of them change places."""

    def __init__(self, engine: Engine, count: int) -> None:
        random = np.random.default_rng(0)
        field = engine.field(engine.catalog.collection("demo"))
        lat, lon = np.asarray(field.lat), np.asarray(field.lon)
        chance = truth(planet(), lat=lat, lon=lon)  # [n, concepts]
        there, used = [], set()
        concepts = []
        for number, _ in enumerate(CONCEPTS):
            home = [row for row in np.flatnonzero(chance[:, number] >= THERE).tolist() if row not in used]
            away = [row for row in np.flatnonzero(chance[:, number] <= GONE).tolist() if row not in used]
            if len(home) < 3 * MOVED or len(concepts) == AT_MOST:
                continue
            pairs = list(zip(random.permutation(home)[:MOVED], random.permutation(away)[:MOVED], strict=True))
            there += pairs
            used.update(int(row) for pair in pairs for row in pair)
            concepts.append(number)
        rest = [row for row in random.permutation(len(lat)).tolist() if row not in used]
        rows = np.array([*used, *rest[: max(0, count - len(used))]])
        place = {int(row): at for at, row in enumerate(rows.tolist())}
        self.exchanged = np.arange(len(rows))
        for one, other in there:
            a, b = place[int(one)], place[int(other)]
            self.exchanged[[a, b]] = b, a
        self.lat, self.lon, self.concepts = lat[rows], lon[rows], concepts
        self.chance = chance[rows]

    def ingest(self, engine: Engine, work: Path) -> None:
        """The three collections: before, after, and another day without an exchange."""
        model = engine.catalog.model(model_id=engine.catalog.collection("demo").model_id)
        settings = load_settings(work / "home")
        if not (settings.models_dir / model.name).exists():  # with its text tower as it was made ready there
            shutil.copytree(engine.settings.models_dir / model.name, settings.models_dir / model.name)
            catalog = Catalog(settings.catalog_at)
            catalog.add_model(model.name, model.model_id)
            catalog.close()
        source = SandboxSource("sandbox:")
        same = np.arange(len(self.lat))
        for name, order, day in (("before", same, 0), ("after", self.exchanged, 1), ("unchanged", same, 2)):
            self._write(source, work / name, order, day)
            groundcast(work / "home", "ingest", work / name, "--collection", name)

    def _write(self, source: SandboxSource, folder: Path, order: np.ndarray, day: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "manifest.csv").exists():
            return
        random = np.random.default_rng(day)
        for at, of in enumerate(order.tolist()):
            aside = day * ASIDE_M / 111_000
            chip = source.read(Footprint(float(self.lat[of]) + aside, float(self.lon[of]), SIDE_M), PX)
            Image.fromarray(another_day(chip.image, random, day)).save(folder / f"{at:04d}.png")
        with (folder / "manifest.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["path", "lat", "lon", "size_m", "id"])
            for at, (lat, lon) in enumerate(zip(self.lat, self.lon, strict=True)):
                rows.writerow([f"{at:04d}.png", lat, lon, SIDE_M, f"t{at:04d}"])


def another_day(image: np.ndarray, random: np.random.Generator, day: int) -> np.ndarray:
    """The picture in another light, with noise; on day 0 as it is."""
    if day == 0:
        return image
    lit = 255 * (image / 255.0) ** (1 - 0.04 * day) * (1 + 0.03 * day)
    return np.clip(lit + random.normal(0, 4, image.shape), 0, 255).astype(np.uint8)


@contextmanager
def opened(work: Path) -> Iterator[Engine]:
    """The engine of the home that was made."""
    settings = load_settings(work / "home")
    catalog = Catalog(settings.catalog_at)
    try:
        yield Engine(settings, catalog)
    finally:
        catalog.close()


def measured(case: Case, engine: Engine) -> list[dict[str, Any]]:
    """Rows of each concept, then of all of them together, and the day on which nothing changed."""
    prompts = [CONCEPTS[number].prompt for number in case.concepts]
    query = Query(parts=(Part("text", prompts[0]),))
    found = monitor(engine, "before", "after", prompts, query, fdr=FDR)
    quiet = monitor(engine, "before", "unchanged", prompts, query, fdr=FDR)
    order = np.array([int(name[1:]) for name in found.tile_id])
    still = (case.exchanged == np.arange(len(order)))[order]
    rows, together = [], np.zeros((3, 5))
    for at, number in enumerate(case.concepts):
        moved = (case.chance[case.exchanged, number] - case.chance[:, number])[order]
        ways = np.array([counted(moved, told, still) for told in (every(found, at), sure(found, at), plain(found, at))])
        together += ways
        rows += said(CONCEPTS[number].name, ways)
    texts = range(len(prompts))
    unchanged = {"nothing changed": "Student's t", "told": sum(told_of(quiet, at) for at in texts)}
    normal = {"nothing changed": "normal distribution", "told": sum(told_of_normal(quiet, at) for at in texts)}
    asked = {"tiles asked about": len(prompts) * len(quiet.tile_id)}
    return [*rows, *said("all", together), unchanged | asked, normal | asked]


def every(found: Monitored, at: int) -> np.ndarray:
    """+1 where a rise is told, −1 where a fall is."""
    word = found.texts[at].changes.word
    return np.isin(word, ["appeared", "rose"]).astype(int) - np.isin(word, ["vanished", "fell"])


def sure(found: Monitored, at: int) -> np.ndarray:
    """The same of what appeared or vanished."""
    word = found.texts[at].changes.word
    return (word == "appeared").astype(int) - (word == "vanished")


def plain(found: Monitored, at: int) -> np.ndarray:
    """The same by relevance alone: it came to `possible`, or left it."""
    before, after = found.texts[at].relevance >= POSSIBLE
    return after.astype(int) - before


def counted(moved: np.ndarray, told: np.ndarray, still: np.ndarray) -> list[int]:
    """Truly changed and told, truly changed, told though it hardly moved, told, told of tiles that are as they were."""
    truly = np.sign(moved) * (np.abs(moved) >= TRULY)
    return [
        int(((told == truly) & (truly != 0)).sum()),
        int((truly != 0).sum()),
        int(((told != 0) & (np.abs(moved) < HARDLY)).sum()),
        int((told != 0).sum()),
        int(((told != 0) & still).sum()),
    ]


def told_of(found: Monitored, at: int) -> int:
    """How many tiles a change is told of."""
    return int((found.texts[at].changes.word != "").sum())


def told_of_normal(found: Monitored, at: int) -> int:
    """How many it would be of were differences normal."""
    one = found.texts[at].changes
    z = one.z * norm.ppf(0.75) / t(DEGREES).ppf(0.75)  # the same median absolute deviation
    return int((false_discovery_control(2 * norm.sf(np.abs(z)), method="bh") <= FDR).sum())


def said(concept: str, ways: np.ndarray) -> list[dict[str, Any]]:
    """A row a way, with counts as shares."""
    return [
        {
            "concept": concept,
            "way": way,
            "truly changed": int(truly),
            "found": round(right / max(truly, 1), 3),
            "told": int(told),
            "of it hardly moved": round(wrong / max(told, 1), 3),
            "of it unchanged tiles": int(same),
        }
        for way, (right, truly, wrong, told, same) in zip(WAYS, ways.tolist(), strict=True)
    ]


def groundcast(home: Path, *arguments: object) -> None:
    """Runs the command line."""
    command = [sys.executable, "-m", "search_ui.cli", "--home", str(home), *map(str, arguments)]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    main()
