"""How often does a crop cut from a source come back at rank 1 with the right place?

Seeded random tiles of five real sources. Each crop is cut in the source's own pixels (a window, a paste of map tiles),
not through our reader, saved as PNG and given to a search. A crop is found when the first hit's box contains the crop's
centre. Weights are made on the spot from a seed.

    python -m benchmarks.crops [--arch ViT-B-32] [--crops 20] [--data ../shared/data] [--json]
"""

import argparse
import json
import math
import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset as ds
import rasterio
import rasterio.windows
from PIL import Image
from rasterio.warp import transform_bounds

from ingest.catalog.catalog import Catalog
from ingest.geo.grid import Grid
from ingest.jobs.request import Request
from ingest.jobs.run import carry_out
from ingest.settings import Settings
from search_ui.search.engine import Engine
from search_ui.search.query import Part, Query
from trainer.earth import EQUATOR_RADIUS_M
from trainer.embedder import Embedder
from trainer.weights.zoo import add_open_clip

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SEED = 0
WORLD_M = 2 * math.pi * EQUATOR_RADIUS_M

Box = tuple[float, float, float, float]
Cut = Callable[[Box], Image.Image]


@dataclass(frozen=True)
class Case:
    """A source, the size of its tiles, and how to cut a box (west, south, east, north) out of its files."""

    name: str
    source: Path
    tile_size_m: float
    cut: Callable[[str, Box], Image.Image]


def cases(data: Path) -> list[Case]:
    """The five sources of the promise."""
    overhead = data / "overhead"
    naip = overhead / "naip" / "m_4709963_se_14_1_20200831.tif"
    zanzibar = overhead / "zanzibar_xyz"
    return [
        Case("banepa.tif", overhead / "banepa.tif", 60, lambda _, box: cut_raster(overhead / "banepa.tif", box)),
        Case("zanzibar_xyz", zanzibar, 40, lambda _, box: cut_pyramid(zanzibar, 21, box)),
        Case("neon", overhead / "neon", 12, lambda origin, box: cut_raster(overhead / "neon" / Path(origin).name, box)),
        Case("naip", naip, 240, lambda _, box: cut_raster(naip, box)),
        Case(
            "bluemarble.mbtiles",
            overhead / "bluemarble.mbtiles",
            400_000,
            lambda _, box: cut_raster(overhead / "bluemarble.mbtiles", box),
        ),
    ]


def cut_raster(path: Path, box: Box) -> Image.Image:
    """The window of a raster around a box, in the raster's own pixels."""
    with rasterio.open(path) as raster:
        bounds = transform_bounds("EPSG:4326", raster.crs, *box, densify_pts=21)
        window = rasterio.windows.from_bounds(*bounds, raster.transform).round_offsets().round_lengths()
        pixels = raster.read((1, 2, 3), window=window, boundless=True)
    return Image.fromarray(pixels.transpose(1, 2, 0))


def cut_pyramid(folder: Path, zoom: int, box: Box) -> Image.Image:
    """The pixels of a box, pasted together from the 256 px tiles of one zoom level."""
    west, south, east, north = transform_bounds("EPSG:4326", "EPSG:3857", *box, densify_pts=21)
    pixel_m = WORLD_M / (256 * 2**zoom)
    left, right = round((west + WORLD_M / 2) / pixel_m), round((east + WORLD_M / 2) / pixel_m)
    top, bottom = round((WORLD_M / 2 - north) / pixel_m), round((WORLD_M / 2 - south) / pixel_m)
    crop = Image.new("RGB", (right - left, bottom - top))
    for x in range(left // 256, right // 256 + 1):
        for y in range(top // 256, bottom // 256 + 1):
            for file in (folder / str(zoom) / str(x)).glob(f"{y}.*"):
                crop.paste(Image.open(file).convert("RGB"), (x * 256 - left, y * 256 - top))
    return crop


def measure(case: Case, model: Path, folder: Path, crops: int) -> dict[str, Any]:
    """Ingests a source and searches for its crops; one row of the table."""
    settings = Settings(home=folder / case.name)
    catalog = Catalog(settings.catalog_path)
    settings.models_dir.mkdir(parents=True)
    (settings.models_dir / "m").symlink_to(model)
    embedder = Embedder.load(model)
    catalog.add_model("m", embedder.model_id)
    grid = Grid(size_m=case.tile_size_m, stride_m=case.tile_size_m)
    request = Request(kind="tiles", collection="c", source=str(case.source), grid=grid)
    outcome = carry_out(settings, catalog, request, embedder, lambda *_: lambda _: None)
    engine = Engine(settings, catalog)
    ranks = [rank_of(engine, case, tile, folder) for tile in chosen_tiles(settings, crops)]
    catalog.close()
    return {
        "source": case.name,
        "tile_size_m": case.tile_size_m,
        "tiles": outcome.job.done,
        "crops": len(ranks),
        "rank_1": sum(rank == 1 for rank in ranks),
        "top_9": sum(rank is not None for rank in ranks),
    }


def chosen_tiles(settings: Settings, crops: int) -> list[dict[str, Any]]:
    """Seeded tiles that lie wholly on imagery and not across ±180°."""
    columns = ["tile_id", "lat", "lon", "bbox", "origin", "valid_fraction"]
    rows = ds.dataset(settings.archive_dir("c"), format="parquet").to_table(columns=columns).to_pylist()
    whole = [row for row in rows if row["valid_fraction"] > 0.999 and row["bbox"]["xmax"] - row["bbox"]["xmin"] < 180]
    whole.sort(key=lambda row: str(row["tile_id"]))
    return random.Random(SEED).sample(whole, min(crops, len(whole)))


def rank_of(engine: Engine, case: Case, tile: dict[str, Any], folder: Path) -> int | None:
    """Rank of the first hit whose box contains the crop's centre, or None below rank 9."""
    box = tile["bbox"]
    crop = folder / f"{case.name}.png"
    case.cut(tile["origin"], (box["xmin"], box["ymin"], box["xmax"], box["ymax"])).save(crop)
    lat, lon = (box["ymin"] + box["ymax"]) / 2, (box["xmin"] + box["xmax"]) / 2
    for hit in engine.search("c", Query(parts=(Part("image", crop),), distinct=False)).hits:
        west, south, east, north = hit.bbox
        if west <= lon <= east and south <= lat <= north:
            return hit.rank
    return None


def rows(arch: str, data: Path, crops: int) -> Iterator[dict[str, Any]]:
    """One row a source."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        add_open_clip(folder / "model", arch, random_seed=SEED)
        for case in cases(data):
            yield measure(case, folder / "model", folder, crops)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", default="ViT-B-32")
    parser.add_argument("--crops", type=int, default=20, help="crops a source")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    table = []
    for row in rows(arguments.arch, arguments.data, arguments.crops):
        table.append(row)
        if not arguments.json:
            print(
                "{source:20} {tiles:6} tiles of {tile_size_m:7.0f} m, rank 1: {rank_1}/{crops}, in 9: {top_9}".format(
                    **row
                )
            )
    found = sum(row["rank_1"] for row in table)
    asked = sum(row["crops"] for row in table)
    if arguments.json:
        setting = {"arch": arguments.arch, "weights": f"random, seed {SEED}", "seed": SEED}
        print(
            json.dumps({"benchmark": "crops", "setting": setting, "rows": table, "ratios": {"rank_1": found / asked}})
        )
    else:
        print(f"all: rank 1 {found} of {asked}, {np.round(100 * found / asked, 1)} %")


if __name__ == "__main__":
    main()
