"""Panels: few tiles, each seen from above once and from the ground over and over, through the year, the week, the day.

    FOLDER/tiles     one aerial picture a tile, as shards without photos
    FOLDER/photos    photos of each tile with their captions, as shards without aerial pictures; `place` joins them

Pairs say where things are; what changes with time is lost in them, for a photo shows one of a tile's many things.
Panels say it: of one tile they show what comes and goes. Moments are spread evenly over the year and, independently,
over the day, in years of their own, so every weekday has its share; nights are as long as they are.

None of the tiles lies on the demonstration's island, or in a block of 1° that is held out for tests or validation. The
same settings give the same bytes. Shards are drawn by several processes, and one that is there is not drawn again.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from ingest.geo.degree_blocks import blocks
from ingest.geo.grid import Grid, Tile
from ingest.sandbox import ground, words
from ingest.sandbox.land.islands import ISLANDS
from ingest.sandbox.pairs import (
    CAPTIONS,
    PHOTO_PX,
    SIZE_PX,
    TILE_SIZE_M,
    centres,
    drawn,
    jpeg,
    keep_settings,
    write_tiles,
)
from ingest.sandbox.photographs import Photographs, held_out, scenes
from ingest.sandbox.source import planet
from trainer.errors import ArchiveError
from trainer.shards.tars import ShardWriter

SHOWN = "avalune"  # the demonstration's island
_YEARS = (2012, 2025)
_A_PIECE = 10  # tiles a shard


@dataclass(frozen=True)
class Extent:
    """How much is drawn.

    Attributes:
        each: Tiles of every concept on every island that has it, drawn by how much of it is there.
        others: Tiles of every island drawn at random from its land.
        photos: Of each tile.
        seed: Of tiles, moments and pictures, and of the blocks held out.
        size_px: Side of a tile, pixels.
        photo_px: Side of a photo, pixels.
    """

    each: int = 3
    others: int = 40
    photos: int = 128
    seed: int = 0
    size_px: int = SIZE_PX
    photo_px: int = PHOTO_PX


@dataclass(frozen=True)
class _Piece:
    """One shard of photos, or that of the tiles (None)."""

    folder: str
    number: int | None
    extent: Extent


def write_panels(folder: Path, extent: Extent, *, processes: int, progress: Callable[[int], object]) -> None:
    """Draw everything that is not there yet.

    Args:
        folder: Made if it is missing.
        extent: How much.
        processes: Side by side.
        progress: Called with the number of pictures done since the last call.

    Raises:
        UsageError: The folder holds panels of other settings.
        ArchiveError: The disk refuses.
    """
    keep_settings(folder / "panels.json", asdict(extent))
    pieces = [_Piece(str(folder), number, extent) for number in (None, *range(-(-len(tiles_of(extent)) // _A_PIECE)))]
    missing = [piece for piece in pieces if not _path(piece).exists()]
    progress(sum(map(_size, pieces)) - sum(map(_size, missing)))
    for size in drawn(_draw, missing, min(processes, len(missing))):
        progress(size)


def total(extent: Extent) -> int:
    """How many pictures `write_panels` draws."""
    return len(tiles_of(extent)) * (1 + extent.photos)


@lru_cache(maxsize=1)
def tiles_of(extent: Extent) -> tuple[Tile, ...]:
    """The tiles of the panels, island by island."""
    world, rng = planet(), np.random.default_rng([extent.seed, 11])
    apart = list(set.union(*held_out(world, extent.seed)))
    found: list[Tile] = []
    for island in ISLANDS:
        if island.name == SHOWN:
            continue
        tiles = list(Grid(size_m=TILE_SIZE_M, stride_m=TILE_SIZE_M).tiles(world.outline_of(island)))
        lat, lon = centres(tiles)
        free = ~np.isin(blocks(lat=lat, lon=lon), apart) & world.is_land(lat=lat, lon=lon)
        tiles = [tiles[i] for i in np.flatnonzero(free)]
        presence = world.presence(lat=lat[free], lon=lon[free]).astype(float)  # [n, 45]
        chosen = set(rng.choice(len(tiles), min(extent.others, len(tiles)), replace=False).tolist())
        for there in presence.T:
            weight = np.where(there >= 0.25, there**2, 0.0)
            some = min(extent.each, int((weight > 0).sum()))
            if some:
                chosen |= set(rng.choice(len(tiles), some, replace=False, p=weight / weight.sum()).tolist())
        found += [tiles[i] for i in sorted(chosen)]
    return tuple(found)


def moments(count: int, rng: np.random.Generator) -> npt.NDArray[np.datetime64]:
    """So many moments spread evenly over the year and over the day, datetime64[s] [count]."""
    share = (np.arange(count) + rng.random(count)) / count
    day = share * 365
    second = rng.permutation(share) * 86_400
    years = rng.integers(*_YEARS, count)
    first = (years - 1970).astype("datetime64[Y]").astype("datetime64[s]")
    found: npt.NDArray[np.datetime64] = (
        first + np.floor(day).astype("timedelta64[D]") + np.floor(second).astype("timedelta64[s]")
    )
    return found


def _size(piece: _Piece) -> int:
    tiles = len(tiles_of(piece.extent))
    if piece.number is None:
        return tiles
    return min(_A_PIECE, tiles - piece.number * _A_PIECE) * piece.extent.photos


def _path(piece: _Piece) -> Path:
    if piece.number is None:
        return Path(piece.folder) / "tiles" / "tiles-000000.tar"
    return Path(piece.folder) / "photos" / f"panel-{piece.number:04d}-000000.tar"


def _draw(piece: _Piece) -> int:
    """In a process of its own: one shard."""
    path, tiles = _path(piece), tiles_of(piece.extent)
    prefix = path.name.removesuffix("-000000.tar")
    for left in path.parent.glob(f".{prefix}-*.part"):  # of a run that was stopped
        left.unlink()
    try:
        # one thread a process: more would stand in each other's way, and round sums of products in another order
        with (
            threadpool_limits(1, user_api="blas"),
            ShardWriter(path.parent, prefix, samples_per_shard=max(_size(piece), 1)) as shard,
        ):
            if piece.number is None:
                write_tiles(shard, list(tiles), piece.extent.size_px)
            else:
                for number in range(piece.number * _A_PIECE, min(len(tiles), (piece.number + 1) * _A_PIECE)):
                    _write_photos(shard, number, tiles[number], piece.extent)
    except OSError as error:
        raise ArchiveError(f"{path} cannot be written: {error.strerror or error}") from error
    return _size(piece)


def _write_photos(shard: ShardWriter, number: int, tile: Tile, extent: Extent) -> None:
    for i, scene in enumerate(scenes(planet(), photographs_of(tile, extent.photos, [extent.seed, 12, number]))):
        shard.write(
            f"panel-{number:05d}-{i:04d}",
            jpeg(ground.draw(scene, extent.photo_px)),
            None,
            {
                "latitude": scene.lat,
                "longitude": scene.lon,
                "date_taken": scene.when,
                "captions": words.captions(scene, CAPTIONS),
                "place": tile.id,
                "subjects": list(scene.subjects),
            },
        )


def photographs_of(tile: Tile, count: int, seed: list[int]) -> Photographs:
    """So many photographs taken in a tile, spread over the year and the day."""
    rng = np.random.default_rng(seed)
    lat, lon = (np.full(count, value) for value in (tile.footprint.lat, tile.footprint.lon))
    nobody = np.zeros(count, np.int64)
    return Photographs(lat, lon, moments(count, rng), np.ones(count, bool), nobody, rng.integers(0, 2**31, count))
