"""The demonstration: one island of the sandbox planet, ingested with the bundled model, asked, and compared with truth.

Everything lies in the home folder under the name `demo` and is kept: the second time only the questions are asked.
"""

import csv
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ingest.geo.footprints import Places
from ingest.sandbox import ground
from ingest.sandbox.concepts import NAMES
from ingest.sandbox.photographs import photographs, scenes
from ingest.sandbox.truth import truth
from ingest.sandbox.world import World
from search_ui.maps.layers import Panel, Words, draw_page, screen
from search_ui.maps.scales import Scale
from search_ui.maps.snapshots import UNITS
from search_ui.search.engine import Engine
from search_ui.search.query import Part, Query
from search_ui.search.scores import Scores

NAME = "demo"
ISLAND = 1  # of `World.islands`: far enough north for four seasons
PHOTOS = 400
SIZE_PX = 192
SUMMER, WINTER, NIGHT = datetime(2025, 7, 12, 14), datetime(2025, 1, 11, 12), datetime(2025, 7, 12, 23)


@dataclass(frozen=True)
class DemoQuestion:
    """What the demonstration asks.

    Attributes:
        text: The query, as a person would write it.
        concept: What is true of it, see `ingest.sandbox.concepts`.
        when: The moments to ask it at.
    """

    text: str
    concept: str
    when: tuple[datetime, ...]


QUESTIONS = (
    DemoQuestion("people swimming at a sandy beach", "beach_bathers", (SUMMER, WINTER)),
    DemoQuestion("farmers harvesting wheat", "wheat_harvest", (SUMMER, WINTER)),
    DemoQuestion("city lights at night", "night_lights", (NIGHT, SUMMER)),
)


@dataclass(frozen=True)
class Reply:
    """A question at one moment.

    Attributes:
        question: The text, and the concept that is true of it.
        when: The moment it was asked at, wall-clock time there.
        scores: Cosine and relevance of every tile at that moment.
        probability: That a person there sees the concept then, [n].
        seconds: From the text to the scores.
    """

    question: DemoQuestion
    when: datetime
    scores: Scores
    probability: npt.NDArray[np.float32]
    seconds: float

    def best(self, k: int) -> npt.NDArray[np.int64]:
        """Rows of the k highest scores."""
        return np.argsort(-self.scores.cosine)[:k].astype(np.int64)


def draw_photos(folder: Path, world: World, progress: Callable[[int], object]) -> Path:
    """Take photos on the island and write them with their manifest; returns the manifest. Done once.

    Args:
        folder: Folder of the photos and their manifest; made if it is missing.
        world: The planet on which they are taken.
        progress: Called with the number of photos drawn since the last call.
    """
    manifest = folder / "manifest.csv"
    if manifest.exists():
        progress(PHOTOS)
        return manifest
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, row in enumerate(_photographed(world)):
        name, image, columns = f"photo-{number:04d}.jpg", row[0], row[1]
        Image.fromarray(image).save(folder / name, quality=90)
        rows.append({"path": name} | columns)
        progress(1)
    # the manifest appears last, and whole: where it lies, all photos do
    part = manifest.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    part.rename(manifest)
    return manifest


def _photographed(world: World) -> Iterator[tuple[npt.NDArray[np.uint8], dict[str, object]]]:
    # the first third: a place is then visited once or twice, so that the photos show many places
    taken = photographs(world, split="train", count=3 * PHOTOS, seed=1, island=world.islands[ISLAND])
    taken = taken.take(slice(PHOTOS))
    for i, scene in enumerate(scenes(world, taken)):
        columns = {
            "lat": round(scene.lat, 6),
            "lon": round(scene.lon, 6),
            "taken_local": scene.when.isoformat() if taken.dated[i] else "",
        }
        yield ground.draw(scene, SIZE_PX), columns | {"owner": f"person-{taken.owner[i]}", "licence": "CC0-1.0"}


def ask(engine: Engine, world: World) -> Iterator[Reply]:
    """Ask every question at every moment."""
    for question in QUESTIONS:
        for when in question.when:
            started = time.perf_counter()
            scores = engine.scores(NAME, Query(parts=(Part("text", question.text),), when=when))
            seconds = time.perf_counter() - started
            column = NAMES.index(question.concept)
            probability = truth(world, lat=scores.lat, lon=scores.lon, when=when)[:, column]
            yield Reply(question, when, scores, probability, seconds)


def draw_map(path: Path, replies: list[Reply], attribution: str | None) -> None:
    """The relevance of every reply side by side, all on one scale, as PNG."""
    first = replies[0].scores
    panels = [Panel(f"{reply.question.text}\n{reply.when:%d %B, %H:%M}", reply.scores.relevance) for reply in replies]
    ground = screen(Places(first.lat, first.lon, first.size_m), len(panels))
    scale = Scale(0.0, 1.0, UNITS["relevance"])
    draw_page(path, ground, panels, scale, Words(credit=attribution))
