"""The sandbox planet as the data of the paper's experiments (`trainer.experiments.material` says how they lie).

    FOLDER/test_strict, tiles, truth.parquet      as `groundcast sandbox shards` writes them
    FOLDER/land_cover.parquet                     what covers the ground of those tiles
    FOLDER/city, city/truth.parquet               the settlement with most streets around, a tile every 240 m
    FOLDER/questions.json                         `QUESTIONS`

All of it lies in blocks of 1° that the bundled model's training never saw. What is there is not drawn again.
"""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from ingest.geo.degree_blocks import blocks
from ingest.geo.grid import Grid, Tile
from ingest.sandbox.concepts import CONCEPTS, NAMES
from ingest.sandbox.pairs import (
    SIZE_PX,
    TILE_SIZE_M,
    Amounts,
    centres,
    tiles_of,
    total,
    write_probabilities,
    write_shards,
    write_tiles,
)
from ingest.sandbox.photographs import held_out
from ingest.sandbox.scene import BACKDROPS
from ingest.sandbox.source import planet
from ingest.sandbox.truth import truth
from trainer.earth import EQUATOR_DEGREE_M
from trainer.errors import ArchiveError
from trainer.experiments.questions import FILE, Question, Questions
from trainer.shards.tars import ShardWriter

STRIDE_M, CITY_M = 240.0, 7200.0

_TEXTS = tuple(Question(concept.prompt, concept.name) for concept in CONCEPTS)
QUESTIONS = Questions(
    about="the sandbox planet, blocks of 1° that training never saw (strict split)",
    country=(
        Question("farmers harvesting crops", "wheat_harvest", ("field",)),
        Question("a busy street downtown", "shopping_crowd", ("suburb", "town", "city", "industry")),
        Question("people at the beach", "beach_bathers", ("beach",)),
    ),
    city=_TEXTS[25:] + _TEXTS[:25],  # what is in settlements first
    seasons=(
        Question("a landscape covered with snow", "snow_cover"),
        Question("people swimming at a sandy beach", "beach_bathers"),
        Question("a combine harvesting wheat", "wheat_harvest"),
    ),
    texts=_TEXTS,
)


def amounts(pairs: int, tiles: int = 0) -> Amounts:
    """What is drawn: so many pairs, and at most so many tiles; 0: all."""
    return Amounts(train=0, val=0, test_random=0, test_strict=pairs, tiles=tiles)


def total_of(wanted: Amounts) -> int:
    """How many samples `prepare` draws, those of the city left out."""
    return total(wanted)


def prepare(folder: Path, wanted: Amounts, *, processes: int, progress: Callable[[int], object]) -> None:
    """Draw what is not there yet.

    Args:
        folder: Made if it is missing.
        wanted: See `amounts`.
        processes: Side by side.
        progress: Called with the number of samples done since the last call.

    Raises:
        UsageError: The folder holds shards of other settings.
        ArchiveError: The disk refuses.
    """
    write_shards(folder, wanted, processes=processes, progress=progress)
    if not (folder / "land_cover.parquet").exists():
        tiles = tiles_of(wanted)
        lat, lon = centres(tiles)
        cover = planet().backdrops(lat=lat, lon=lon)
        write_probabilities(folder / "land_cover.parquet", tiles, BACKDROPS, [(None, cover)])
    if not (folder / "city").exists():
        _write_city(folder / "city", wanted)
    questions = asdict(QUESTIONS)
    for name in ("season_moments", "hours"):
        questions[name] = [moment.isoformat() for moment in questions[name]]
    text = json.dumps(questions, indent=1, ensure_ascii=False) + "\n"
    path = folder / FILE
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")


def _write_city(folder: Path, wanted: Amounts) -> None:
    """Tiles of the city with their truth, whole or not at all."""
    part = folder.with_name(f".city.{os.getpid()}.part")
    tiles = _city(wanted)
    lat, lon = centres(tiles)
    try:
        with ShardWriter(part, "city") as shard:
            write_tiles(shard, tiles, SIZE_PX)
        write_probabilities(part / "truth.parquet", tiles, NAMES, [(None, truth(planet(), lat=lat, lon=lon))])
        part.rename(folder)
    except OSError as error:
        raise ArchiveError(f"{folder} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _city(wanted: Amounts) -> list[Tile]:
    """Tiles of the window with the most streets in the blocks of the strict test, on land and in the blocks."""
    world = planet()
    strict, _ = held_out(world, wanted.seed)
    windows = []
    for island in world.islands:
        for town in world.land(island).settled.settlements:
            lon, lat = island.to_lonlat(town.x, town.y)
            windows.append(_window(float(lon), float(lat)))
    grid = Grid(size_m=TILE_SIZE_M, stride_m=TILE_SIZE_M)
    best = max(windows, key=lambda window: _streets(_unseen(grid, window, strict)))
    if not wanted.tiles:  # where few tiles are wanted, these few will do
        grid = Grid(size_m=TILE_SIZE_M, stride_m=STRIDE_M)
    return _unseen(grid, best, strict)


def _window(lon: float, lat: float) -> BaseGeometry:
    """The square of a city around a place."""
    north = CITY_M / 2 / EQUATOR_DEGREE_M
    east = north / np.cos(np.radians(lat))
    return shapely.box(lon - east, lat - north, lon + east, lat + north)


def _unseen(grid: Grid, window: BaseGeometry, strict: set[int]) -> list[Tile]:
    """Tiles of a window on land and in the blocks of the strict test."""
    tiles = list(grid.tiles(window))
    lat, lon = centres(tiles)
    inside = np.isin(blocks(lat=lat, lon=lon), list(strict)) & planet().is_land(lat=lat, lon=lon)
    return [tiles[i] for i in np.flatnonzero(inside)]


def _streets(tiles: list[Tile]) -> float:
    """How much of them is built up."""
    if not tiles:
        return 0.0
    lat, lon = centres(tiles)
    cover = planet().backdrops(lat=lat, lon=lon)
    return float(cover[:, [BACKDROPS.index(name) for name in ("suburb", "town", "city")]].sum())
