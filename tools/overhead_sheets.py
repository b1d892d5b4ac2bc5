"""Contact sheets of the sandbox planet from above, to look at: `python -m tools.overhead_sheets FOLDER [CONCEPT …]`.

One sheet per group of concepts with six 480 m tiles of each, as the model sees them (96 px, enlarged), and a map of
each island.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ingest.geo.geometry import Footprint
from ingest.sandbox.concepts import CONCEPTS, NAMES
from ingest.sandbox.overhead import draw
from ingest.sandbox.world import World

_TILES = 6
_SHOWN_PX = 192


def places(world: World, name: str) -> list[tuple[float, float]]:
    """Latitudes and longitudes of tiles that hold a concept, spread over the islands."""
    rng = np.random.default_rng(NAMES.index(name))
    found = []
    for turn in range(3 * len(world.islands)):
        island = world.islands[turn % len(world.islands)]
        if name in island.absent:
            continue
        west, south, east, north = island.bbox
        lat, lon = rng.uniform(south, north, 20_000), rng.uniform(west, east, 20_000)
        good = np.flatnonzero(world.presence(lat=lat, lon=lon)[:, NAMES.index(name)] > 0.9)
        if len(good):
            found.append((float(lat[good[0]]), float(lon[good[0]])))
    return found[:_TILES]


def row(world: World, name: str, size_px: int, size_m: float) -> Image.Image:
    """Tiles of a concept side by side under its name."""
    strip = Image.new("RGB", (_TILES * (_SHOWN_PX + 4), _SHOWN_PX + 16), "white")
    ImageDraw.Draw(strip).text((4, 2), name, fill="black")
    for column, (lat, lon) in enumerate(places(world, name)):
        image, _ = draw(world, Footprint(lat, lon, size_m), size_px)
        tile = Image.fromarray(image).resize((_SHOWN_PX, _SHOWN_PX), Image.Resampling.NEAREST)
        strip.paste(tile, (column * (_SHOWN_PX + 4), 14))
    return strip


def stack(rows: list[Image.Image]) -> Image.Image:
    """Pictures one below the other."""
    sheet = Image.new("RGB", (max(r.width for r in rows), sum(r.height for r in rows)), "white")
    top = 0
    for picture in rows:
        sheet.paste(picture, (0, top))
        top += picture.height
    return sheet


def main() -> None:
    """Write the sheets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("concepts", nargs="*", help="only these, on one sheet")
    parser.add_argument("--px", type=int, default=96)
    parser.add_argument("--size-m", type=float, default=480.0)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    world = World()
    if given.concepts:
        stack([row(world, name, given.px, given.size_m) for name in given.concepts]).save(given.folder / "concepts.png")
        return
    for group in dict.fromkeys(concept.group for concept in CONCEPTS):
        names = [concept.name for concept in CONCEPTS if concept.group == group]
        sheet = stack([row(world, name, given.px, given.size_m) for name in names])
        sheet.save(given.folder / f"{group.replace(' ', '_')}.png")
    for island in world.islands:
        image, _ = draw(world, Footprint(island.lat, island.lon, 40_000.0), 1000)
        Image.fromarray(image).save(given.folder / f"island_{island.name}.png")


if __name__ == "__main__":
    main()
