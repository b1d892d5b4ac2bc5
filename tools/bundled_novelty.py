"""Writes what is usual among the tiles that the bundled model learned from beside it: `trainer.novelty`.

The tiles are those of 3,000 photographs of its training, and 900 tiles of each island's grid but the demonstration's,
which so remains a collection that the numbers were not made of. Ten minutes on one core:

    python -m tools.bundled_novelty
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

from ingest.geo.geometry import Footprint
from ingest.geo.grid import Grid
from ingest.sandbox import overhead
from ingest.sandbox.panels import SHOWN
from ingest.sandbox.photographs import photographs
from ingest.sandbox.source import planet
from trainer.bundled import add_bundled, bundled_folder
from trainer.embedder import Embedder
from trainer.novelty import Novelty, write_novelty

TILE_M = 480.0
_PHOTOS, _TRAINED, _OF_AN_ISLAND = 3_000, 40_000, 900
_AT_ONCE = 64


def footprints() -> Iterator[Footprint]:
    """Where the tiles lie."""
    world = planet()
    taken = photographs(world, split="train", count=_TRAINED, seed=0)
    for row in np.random.default_rng(0).choice(_TRAINED, _PHOTOS, replace=False).tolist():
        yield Footprint(float(taken.lat[row]), float(taken.lon[row]), TILE_M)
    random = np.random.default_rng(5)
    for island in world.islands:
        tiles = list(Grid(size_m=TILE_M, stride_m=TILE_M).tiles(world.outline_of(island)))
        for row in random.choice(len(tiles), min(len(tiles), _OF_AN_ISLAND), replace=False).tolist():
            if island.name != SHOWN:
                yield tiles[row].footprint


def embedded(model: Embedder, where: list[Footprint]) -> npt.NDArray[np.float32]:
    """O of tiles, float32 [n, d]."""
    parts = [where[i : i + _AT_ONCE] for i in range(0, len(where), _AT_ONCE)]
    return np.concatenate(
        [model.embed_tiles([overhead.draw(planet(), one, model.input_px)[0] for one in part]) for part in parts]
    )


@click.command()
def main() -> None:
    """Write the file into the package."""
    with tempfile.TemporaryDirectory() as scratch:
        add_bundled(Path(scratch) / "model")
        model = Embedder.load(Path(scratch) / "model", device="cpu", precision="float32")
        found = Novelty.of(embedded(model, list(footprints())))
    write_novelty(bundled_folder(), found)
    click.echo(f"{bundled_folder()}: {len(found.directions)} directions, limit {found.limit:.4f}")


if __name__ == "__main__":
    main()
