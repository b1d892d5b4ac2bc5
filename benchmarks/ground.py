"""Are the nine photos of a ground view right, and does a correction of hubness make them better?

Photos of blocks of the sandbox planet that training never saw, half of their places as the gallery; asked are the tiles
at those places, at the moments of the photos, if anything is to be seen there then. A photo is as right as its main
subject is likely to be seen in that tile at that moment, by truth; photos without a subject are left out. A hub is a
photo that stands among the nine of very many tiles. Corrections learn from tiles of the other half of the places:

    projected  the cosine as the model compares photos (`trainer.photo_projection`), which is what a ground view shows
    no moment  the cosine with O alone, to see what the moment does for the plain cosine with S
    CSLS w    cosine less w times the photo's mean cosine with the 10 tiles most like it
    ISF       inverted softmax at a temperature of .07: the cosine against what all those tiles say to the photo

    python -m benchmarks.ground [--photos 1500] [--model FOLDER] [--json]

Intervals of 95 % of the difference to the plain cosine, by bootstrap over places.
"""

import argparse
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.geo.geometry import Footprint
from ingest.sandbox import ground, overhead
from ingest.sandbox.concepts import NAMES
from ingest.sandbox.photographs import photographs, scenes
from ingest.sandbox.source import planet
from ingest.sandbox.truth import truth
from trainer.bundled import add_bundled
from trainer.embedder import Embedder
from trainer.measures import metrics

K, NEIGHBOURS = 9, 10
TILE_SIZE_M = 480.0
SEED = 0
TEMPERATURE = 0.07

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pairs:
    """n photos and the tiles they were taken in.

    Attributes:
        photos: Unit vectors [n, d].
        tiles: Unit vectors S at the moments of the photos, [n, d].
        still: Unit vectors O of the same tiles, without a moment, [n, d].
        projected: Unit vectors of the photos as the model compares them, [n, d].
        subject: Column of the main subject in `NAMES`, [n].
        truth: Probability to see each concept in the tile at the moment, [n, 45].
        place: Number of the place, [n].
    """

    photos: Floats
    tiles: Floats
    still: Floats
    projected: Floats
    subject: Ints
    truth: Floats
    place: Ints

    def take(self, rows: Ints) -> "Pairs":
        """Some of them."""
        return Pairs(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def draw(count: int, embedder: Embedder) -> Pairs:
    """Draw and embed pairs."""
    world = planet()
    taken = photographs(world, split="test_strict", count=count, seed=SEED)
    seen = list(scenes(world, taken))
    rows = np.array([i for i, scene in enumerate(seen) if scene.subjects])
    photos = [embedder.prepare_photo(ground.draw(seen[i], embedder.input_px)) for i in rows]
    spots = [Footprint(float(taken.lat[i]), float(taken.lon[i]), TILE_SIZE_M) for i in rows]
    tiles = [embedder.prepare(overhead.draw(world, spot, embedder.input_px)[0]) for spot in spots]
    seen_from_above = embedder.embed_prepared(tiles)
    now = embedder.at(seen_from_above, lat=taken.lat[rows], lon=taken.lon[rows], when=taken.when[rows])
    _, place = np.unique(np.stack([taken.lat[rows], taken.lon[rows]]), axis=1, return_inverse=True)
    vectors = embedder.embed_prepared_photos(photos)
    return Pairs(
        photos=metrics.unit(vectors),
        projected=metrics.unit(embedder.compared(vectors)),
        tiles=metrics.unit(now),
        still=metrics.unit(seen_from_above),
        subject=np.array([NAMES.index(seen[i].subjects[0]) for i in rows]),
        truth=truth(world, lat=taken.lat[rows], lon=taken.lon[rows], when=taken.when[rows]),
        place=place.ravel(),
    )


def csls(cosine: Floats, other: Floats, *, weight: float) -> Floats:
    """Cross-domain similarity local scaling, with a weight; the tile's own term is the same for all photos."""
    neighbours = min(NEIGHBOURS, len(other))
    return cosine - np.float32(weight) * np.partition(other, -neighbours, axis=0)[-neighbours:].mean(axis=0)


def inverted_softmax(cosine: Floats, other: Floats) -> Floats:
    """Log of the share that the tile has in all that is said to the photo."""
    top = other.max(axis=0)
    said = np.log(np.exp((other - top) / TEMPERATURE).mean(axis=0)) + top / TEMPERATURE
    scores: Floats = cosine / TEMPERATURE - said
    return scores


def scores_of(gallery: Pairs, other: Pairs, asked: Ints) -> dict[str, Floats]:
    """What is compared, by name, scores [q, n]; the first is the plain cosine."""
    cosine, hubs = gallery.tiles[asked] @ gallery.photos.T, other.tiles @ gallery.photos.T
    weighted = {f"CSLS {weight:g}": csls(cosine, hubs, weight=weight) for weight in (0.25, 0.5, 1.0)}
    still = {"no moment": gallery.still[asked] @ gallery.photos.T}
    projected = {"projected": gallery.tiles[asked] @ gallery.projected.T}
    return {"cosine": cosine} | projected | still | weighted | {"ISF": inverted_softmax(cosine, hubs)}


def measure(pairs: Pairs) -> list[dict[str, Any]]:
    """One row a score."""
    places = np.random.default_rng(SEED).permutation(pairs.place.max() + 1)
    mine = np.isin(pairs.place, places[: len(places) // 2])
    gallery, other = pairs.take(np.flatnonzero(mine)), pairs.take(np.flatnonzero(~mine))
    asked = np.flatnonzero(gallery.truth.max(axis=1) >= 0.5)
    right = gallery.truth[asked][:, gallery.subject]  # [q, n]
    table, plain = [], None
    for name, scores in scores_of(gallery, other, asked).items():
        best = np.argpartition(-scores, K, axis=1)[:, :K]
        precision = metrics.mean(np.take_along_axis(right, best, axis=1).mean(axis=1))
        found = metrics.bootstrap(precision, len(asked), groups=gallery.place[asked])
        plain = found if plain is None else plain
        own = scores[np.arange(len(asked)), asked]
        shown = np.bincount(best.ravel(), minlength=len(gallery.subject))
        table.append(
            {
                "score": name,
                "queries": len(asked),
                "gallery": len(gallery.subject),
                "precision_at_9": _said(found),
                "difference": _said(found - plain),
                "own_photo_in_10": float(((scores > own[:, None]).sum(axis=1) < 10).mean()),
                "skew": float(((shown - shown.mean()) ** 3).mean() / shown.std() ** 3),
                "never_shown": float((shown == 0).mean()),
                "most_shown": int(shown.max()),
                "by_chance": float(right.mean()),
            }
        )
    return table


def _said(statistic: npt.NDArray[np.float64]) -> list[float]:
    estimate = metrics.Estimate.of(statistic)
    return [estimate.value, estimate.low, estimate.high]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=1500, help="how many are drawn")
    parser.add_argument("--model", type=Path, help="a checkpoint of the sandbox planet [the bundled one]")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.model or Path(temporary) / "model"
        if arguments.model is None:
            add_bundled(folder)
        embedder = Embedder.load(folder, precision="float32")
        pairs = draw(arguments.photos, embedder)
    table = measure(pairs)
    ratios = {f"{row['score']} ÷ cosine": row["precision_at_9"][0] / table[0]["precision_at_9"][0] for row in table[1:]}
    if arguments.json:
        setting = {"photos": arguments.photos, "model_id": embedder.model_id, "seed": SEED}
        print(json.dumps({"benchmark": "ground", "setting": setting, "rows": table, "ratios": ratios}))
        return
    first = table[0]
    print(f"{first['queries']} tiles and moments, a gallery of {first['gallery']} photos, model {embedder.model_id}")
    print(f"precision@9 by chance {first['by_chance']:.3f}")
    for row in table:
        precision, difference = row["precision_at_9"], row["difference"]
        print(
            f"{row['score']:10} precision@9 {precision[0]:.3f} [{precision[1]:.3f} {precision[2]:.3f}]  "
            f"difference {difference[0]:+.3f} [{difference[1]:+.3f} {difference[2]:+.3f}]  "
            f"own photo in 10 {row['own_photo_in_10']:.3f}  skew {row['skew']:.2f}  "
            f"never shown {row['never_shown']:.2f}  most {row['most_shown']}"
        )


if __name__ == "__main__":
    main()
