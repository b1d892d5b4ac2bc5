"""The sandbox planet as training data: shards of pairs, shards of tiles, and their truth.

    FOLDER/train, val, test_random, test_strict    tile, photo, captions (see `photographs` for the splits)
    FOLDER/tiles                                   the land tiles of the strict test's blocks, without photos
    FOLDER/truth.parquet                           for each of those tiles and each concept: the probability to see it,
                                                   at the likeliest moment and at MOMENTS

The same settings give the same bytes. Shards are drawn by several processes, and one that is there is not drawn again,
so a run that was stopped goes on.
"""

import io
import json
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from threadpoolctl import threadpool_limits

from ingest.geo.degree_blocks import blocks
from ingest.geo.geometry import Footprint
from ingest.geo.grid import Grid, Tile
from ingest.sandbox import ground, overhead, words
from ingest.sandbox.concepts import NAMES
from ingest.sandbox.photographs import SPLITS, Photographs, held_out, photographs, scenes
from ingest.sandbox.source import planet
from ingest.sandbox.truth import truth
from trainer.errors import ArchiveError, UsageError
from trainer.shards.tars import ShardWriter

TILE_SIZE_M = 480.0
SIZE_PX, PHOTO_PX = 160, 96  # of a tile, 3 m a pixel; of a photo
CAPTIONS = 4
A_SHARD = 500  # samples
_QUALITY = 92
_SETTINGS = "sandbox.json"
# Wall-clock moments of truth.parquet: a Wednesday and a Saturday of two seasons, by day, in the evening and at night.
MOMENTS = tuple(
    datetime(2023, month, day, hour)
    for month, days in ((1, (11, 14)), (4, (15,)), (7, (12, 15)), (10, (14,)))
    for day in days
    for hour in (8, 12, 17, 22)
)


Piece = TypeVar("Piece")


@dataclass(frozen=True)
class Amounts:
    """How much is drawn.

    Attributes:
        train: Pairs for training.
        val: Pairs of blocks of their own, for the measure that training watches.
        test_random: Pairs beside those of training.
        test_strict: Pairs of blocks of their own.
        tiles: At most so many tiles of those blocks, spread evenly; 0: all of them.
        seed: Of the photographs and of the blocks held out.
        size_px: Side of a tile, pixels.
        photo_px: Side of a photo, pixels.
    """

    train: int = 40_000
    val: int = 1_000
    test_random: int = 10_000
    test_strict: int = 10_000
    tiles: int = 0
    seed: int = 0
    size_px: int = SIZE_PX
    photo_px: int = PHOTO_PX


@dataclass(frozen=True)
class _Piece:
    """One shard to draw."""

    folder: str
    split: str  # of SPLITS, or tiles
    number: int
    amounts: Amounts


def write_shards(folder: Path, amounts: Amounts, *, processes: int, progress: Callable[[int], object]) -> None:
    """Draw everything that is not there yet.

    Args:
        folder: Made if it is missing.
        amounts: How much of each.
        processes: How many draw side by side.
        progress: Called with the number of samples done since the last call.

    Raises:
        UsageError: The folder holds shards of other settings.
        ArchiveError: The disk refuses.
    """
    keep_settings(folder / _SETTINGS, asdict(amounts))
    pieces = list(_pieces(folder, amounts))
    missing = [piece for piece in pieces if not _path(piece).exists()]
    progress(sum(_size(piece) for piece in pieces) - sum(_size(piece) for piece in missing))
    for size in drawn(_draw, missing, min(processes, len(missing))):
        progress(size)
    if not (folder / "truth.parquet").exists():
        _write_truth(folder / "truth.parquet", amounts)


def drawn(draw: Callable[[Piece], int], pieces: list[Piece], processes: int) -> Iterator[int]:
    """Draw pieces, side by side; the size of each as it is done."""
    if processes <= 1:
        yield from map(draw, pieces)
        return
    # spawn: a fork of a process that has threads may hang
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(draw, piece) for piece in pieces]):
            yield done.result()


def total(amounts: Amounts) -> int:
    """How many samples `write_shards` draws."""
    return sum(_size(piece) for piece in _pieces(Path(), amounts))


def keep_settings(path: Path, mine: dict[str, Any]) -> None:
    """The settings of a folder of shards: written once, compared ever after.

    Raises:
        UsageError: The folder holds shards of other settings.
        ArchiveError: The disk refuses.
    """
    folder = path.parent
    if path.exists():
        theirs = json.loads(path.read_text("utf-8"))
        if theirs != mine:
            different = ", ".join(f"{k} {theirs.get(k)} not {v}" for k, v in mine.items() if theirs.get(k) != v)
            raise UsageError(f"{folder} holds shards of other settings ({different}): take another folder")
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(mine, indent=2) + "\n", "utf-8")
    except OSError as error:
        raise ArchiveError(f"{path} cannot be written: {error.strerror}") from error


def _pieces(folder: Path, amounts: Amounts) -> Iterator[_Piece]:
    for split in (*SPLITS, "tiles"):
        count = len(tiles_of(amounts)) if split == "tiles" else getattr(amounts, split)
        for number in range(-(-count // A_SHARD)):  # rounded up
            yield _Piece(str(folder / split), split, number, amounts)


def _size(piece: _Piece) -> int:
    count = len(tiles_of(piece.amounts)) if piece.split == "tiles" else getattr(piece.amounts, piece.split)
    return int(min(A_SHARD, count - piece.number * A_SHARD))


def _prefix(piece: _Piece) -> str:
    return f"{piece.split}-{piece.number:04d}"


def _path(piece: _Piece) -> Path:
    return Path(piece.folder) / f"{_prefix(piece)}-000000.tar"


def _draw(piece: _Piece) -> int:
    """In a process of its own: one shard."""
    size = _size(piece)
    rows = slice(piece.number * A_SHARD, piece.number * A_SHARD + size)
    for left in Path(piece.folder).glob(f".{_prefix(piece)}-*.part"):  # of a run that was stopped
        left.unlink()
    try:
        # one thread a process: more would stand in each other's way, and round sums of products in another order
        one_thread = threadpool_limits(1, user_api="blas")
        with one_thread, ShardWriter(Path(piece.folder), _prefix(piece), samples_per_shard=A_SHARD) as shard:
            if piece.split == "tiles":
                write_tiles(shard, tiles_of(piece.amounts)[rows], piece.amounts.size_px)
            else:
                _write_pairs(shard, _album(piece.split, piece.amounts).take(rows), piece)
    except OSError as error:
        raise ArchiveError(f"{_path(piece)} cannot be written: {error.strerror or error}") from error
    return size


@lru_cache(maxsize=len(SPLITS))
def _album(split: str, amounts: Amounts) -> Photographs:
    return photographs(planet(), split=split, count=getattr(amounts, split), seed=amounts.seed)


@lru_cache(maxsize=1)
def tiles_of(amounts: Amounts) -> list[Tile]:
    """The grid's tiles in the blocks of the strict test, their centres on land."""
    strict, _ = held_out(planet(), amounts.seed)
    tiles = list(Grid(size_m=TILE_SIZE_M, stride_m=TILE_SIZE_M).tiles(planet().outline))
    lat, lon = centres(tiles)
    inside = np.isin(blocks(lat=lat, lon=lon), list(strict)) & planet().is_land(lat=lat, lon=lon)
    found = np.flatnonzero(inside)
    if amounts.tiles:
        found = found[np.linspace(0, len(found) - 1, min(amounts.tiles, len(found))).astype(int)]
    return [tiles[i] for i in found]


def centres(tiles: list[Tile]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Latitudes and longitudes of tiles, degrees."""
    lat = np.array([tile.footprint.lat for tile in tiles])
    return lat, np.array([tile.footprint.lon for tile in tiles])


def _write_pairs(shard: ShardWriter, photos: Photographs, piece: _Piece) -> None:
    world, amounts = planet(), piece.amounts
    for i, scene in enumerate(scenes(world, photos)):
        lat, lon = scene.lat, scene.lon
        tile, _ = overhead.draw(world, Footprint(lat, lon, TILE_SIZE_M), amounts.size_px)
        number = piece.number * A_SHARD + i
        shard.write(
            f"{piece.split}-{number:06d}",
            jpeg(ground.draw(scene, amounts.photo_px)),
            jpeg(tile),
            {
                "latitude": round(lat, 6),
                "longitude": round(lon, 6),
                "date_taken": scene.when if photos.dated[i] else None,
                "captions": words.captions(scene, CAPTIONS),
                "owner": f"person-{photos.owner[i]}",
                "place": f"{lat:.6f},{lon:.6f}",  # photos of one place have one text
                "photo_id": f"{piece.split}-{number:06d}",
                "subjects": list(scene.subjects),
            },
        )


def write_tiles(shard: ShardWriter, tiles: list[Tile], size_px: int) -> None:
    """Draw tiles into a shard, without photos."""
    for tile in tiles:
        image, _ = overhead.draw(planet(), tile.footprint, size_px)
        place = {"latitude": tile.footprint.lat, "longitude": tile.footprint.lon, "place": tile.id}
        shard.write(tile.id, None, jpeg(image), place)


def jpeg(image: npt.NDArray[np.uint8]) -> bytes:
    """A picture, uint8 [h, w, 3], encoded."""
    buffer = io.BytesIO()
    # subsampling=0: colours in full resolution, since what is to be seen may be a few pixels large
    Image.fromarray(image).save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
    return buffer.getvalue()


def write_probabilities(
    path: Path,
    tiles: list[Tile],
    names: tuple[str, ...],
    known: Iterable[tuple[datetime | None, npt.NDArray[np.float32]]],
) -> None:
    """Write what is known of tiles as a truth file (`trainer.measures.maps`), whole or not at all.

    Args:
        tiles: n tiles, in the order of the rows of `known`.
        names: c concepts, or classes of land cover.
        known: Moments, None: whenever it is likeliest; and what holds then, [n, c] each.

    Raises:
        ArchiveError: The disk refuses.
    """
    lat, lon = centres(tiles)
    ids, n = [tile.id for tile in tiles], len(tiles)
    batches = []
    for when, probability in known:
        columns = {
            "tile_id": pa.array(ids * len(names)),
            "lat": pa.array(np.tile(lat, len(names))),
            "lon": pa.array(np.tile(lon, len(names))),
            "concept": pa.array(np.repeat(names, n)),
            "probability": pa.array(probability.T.ravel(), pa.float32()),  # concept by concept, as above
            "when": pa.array([when] * (n * len(names)), pa.timestamp("s")),
        }
        batches.append(pa.table(columns))
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        pq.write_table(pa.concat_tables(batches), part, compression="zstd")
        part.rename(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ArchiveError(f"{path} cannot be written: {error.strerror or error}") from error


def _write_truth(path: Path, amounts: Amounts) -> None:
    tiles = tiles_of(amounts)
    lat, lon = centres(tiles)
    known = ((when, truth(planet(), lat=lat, lon=lon, when=when)) for when in (None, *MOMENTS))
    write_probabilities(path, tiles, NAMES, known)
