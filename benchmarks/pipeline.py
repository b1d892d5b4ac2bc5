"""What does the way of the data cost beside the model, and does memory grow with the number of tiles?

Speed: tiles/s of a whole ingest (read, embed, write, index, record) ÷ images/s of the bare model on prepared batches of
the same size, in alternating rounds of one run. Memory: peak of a process of its own that ingests n, 4n and 16n tiles
with a tiny model. The imagery is a COG made on the spot, or --source.

    python -m benchmarks.pipeline [--arch ViT-B-32] [--tiles 256] [--rounds 3] [--source COG --tile-size-m 60] [--json]
"""

import argparse
import itertools
import json
import multiprocessing
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine

from ingest.catalog.catalog import Catalog
from ingest.geo.grid import Grid
from ingest.index.edge import EdgeIndex
from ingest.jobs.pipeline import IngestSummary
from ingest.jobs.request import Request
from ingest.jobs.run import carry_out
from ingest.settings import Settings
from trainer.embedder import Embedder
from trainer.weights.zoo import add_open_clip

TINY = Path(__file__).resolve().parents[1] / "tests" / "tiny_clip.json"
PIXEL_M = 0.15
MEMORY_TILES = (500, 2000, 8000)
INDEXES = ("embedded", "elsewhere")


def make_cog(path: Path, side_px: int) -> Path:
    """A JPEG COG of `side_px`² with structure at every scale, UTM 45N, 0.15 m pixels."""
    rng = np.random.default_rng(0)
    image = np.zeros((3, side_px, side_px), np.uint8)
    coarse = rng.integers(0, 200, (3, side_px // 16, side_px // 16), dtype=np.uint8)
    image += np.repeat(np.repeat(coarse, 16, axis=1), 16, axis=2)
    image += rng.integers(0, 50, image.shape, dtype=np.uint8)
    profile = {"driver": "GTiff", "width": side_px, "height": side_px, "count": 3, "dtype": "uint8", "tiled": True}
    plain = path.with_suffix(".plain.tif")
    transform = Affine(PIXEL_M, 0, 350_000, 0, -PIXEL_M, 3_057_000)
    with rasterio.open(plain, "w", crs="EPSG:32645", transform=transform, photometric="RGB", **profile) as raster:
        raster.write(image)
    rasterio.shutil.copy(plain, path, driver="COG", compress="JPEG", quality=85)
    plain.unlink()
    return path


def ingest(
    home: Path, embedder: Embedder, source: Path, tile_size_m: float, batch_size: int
) -> tuple[IngestSummary, float]:
    """One ingest into a new home: its report, and the seconds of everything from the catalog's first table on."""
    started = time.perf_counter()
    settings = Settings(home=home, batch_size=batch_size)
    catalog = Catalog(settings.catalog_path)
    grid = Grid(size_m=tile_size_m, stride_m=tile_size_m)
    # tiles at the edge count too: one that is read and left out would be work without a tile
    request = Request(kind="tiles", collection="c", source=str(source), grid=grid, min_valid=0.0)
    outcome = carry_out(settings, catalog, request, embedder, lambda *_: lambda _: None)
    catalog.close()
    assert outcome.report is not None
    return outcome.report, time.perf_counter() - started


def bare(embedder: Embedder, count: int, batch_size: int) -> float:
    """Images/s of the model alone, on batches that are ready."""
    images = np.random.default_rng(0).integers(0, 255, (batch_size, 3, embedder.input_px, embedder.input_px), np.uint8)
    embedder.embed_prepared(images)
    started = time.perf_counter()
    for _ in range(max(1, count // batch_size)):
        embedder.embed_prepared(images)
    return max(1, count // batch_size) * batch_size / (time.perf_counter() - started)


def speed(asked: argparse.Namespace, source: Path, folder: Path) -> list[dict[str, Any]]:
    """Rounds of bare model and whole ingest in turn, with one model that is warm."""
    add_open_clip(folder / "model", asked.arch, random_seed=0)
    embedder = Embedder.load(folder / "model", precision=asked.precision)
    bare(embedder, 1, asked.batch_size)
    table = []
    for number in range(asked.rounds):
        before = bare(embedder, asked.tiles // 2, asked.batch_size)
        report, seconds = ingest(folder / f"home{number}", embedder, source, asked.tile_size_m, asked.batch_size)
        model_rate = (before + bare(embedder, report.done // 2, asked.batch_size)) / 2
        rates = report.rates()
        row = {
            "round": number,
            "tiles": report.done,
            "model_images_per_s": model_rate,
            "ingest_tiles_per_s": report.done / seconds,
        }
        table.append(row | {f"{stage}_alone_per_s": rates[stage] for stage in ("read", "embed", "write")})
    return table


def peak(count: int, index: str, source: str, side_m: float, folder: str) -> None:
    """In a process of its own: ingests about `count` tiles with a tiny model and writes its peak memory, MiB.

    With the index elsewhere somebody else holds it, and the run writes parts only: the pipeline without the engine.
    """
    home = Path(folder)
    add_open_clip(home / "model", str(TINY), random_seed=0)
    tile_size_m = side_m / count**0.5
    embedder = Embedder.load(home / "model", precision="float32")
    if index == "elsewhere":
        EdgeIndex(Settings(home=home / "home").index_dir("c"), "c", embedder.dim)
    report, _ = ingest(home / "home", embedder, Path(source), tile_size_m, 32)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    mib = int(status["VmHWM"].split()[0]) / 1024  # not ru_maxrss, which a child inherits from its parent
    (home / "peak.json").write_text(json.dumps({"tiles": report.done, "index": index, "peak_mib": round(mib)}))


def memory(source: Path, side_m: float, folder: Path) -> list[dict[str, Any]]:
    """Peak memory for growing numbers of tiles over the same imagery."""
    table = []
    for index, count in itertools.product(INDEXES, MEMORY_TILES):
        home = folder / f"memory-{index}-{count}"
        home.mkdir()
        process = multiprocessing.get_context("spawn").Process(
            target=peak, args=(count, index, str(source), side_m, str(home))
        )
        process.start()
        process.join()
        table.append(json.loads((home / "peak.json").read_text()))
    return table


def _growth(peaks: list[dict[str, Any]]) -> float:
    return float(peaks[-1]["peak_mib"] / peaks[0]["peak_mib"])


def main() -> None:
    """Prints both tables and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", default="ViT-B-32")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--tiles", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--source", type=Path)
    parser.add_argument("--tile-size-m", type=float, default=60.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        side_px = int((asked.tiles**0.5) * asked.tile_size_m / PIXEL_M) // 16 * 16
        source = asked.source or make_cog(folder / "made.tif", side_px)
        rounds = speed(asked, source, folder)
        small = make_cog(folder / "memory.tif", 2048)
        peaks = memory(small, 2048 * PIXEL_M, folder)
    ratio = statistics.median(row["ingest_tiles_per_s"] / row["model_images_per_s"] for row in rounds)
    growth = {index: _growth([row for row in peaks if row["index"] == index]) for index in INDEXES}
    if asked.json:
        setting = {
            "arch": asked.arch,
            "precision": asked.precision,
            "source": asked.source and str(asked.source),
            "batch_size": asked.batch_size,
        }
        ratios = {
            "ingest_to_model": ratio,
            **{f"peak_memory_16n_to_n_index_{index}": value for index, value in growth.items()},
        }
        print(json.dumps({"benchmark": "pipeline", "setting": setting, "rows": rounds + peaks, "ratios": ratios}))
        return
    for row in rounds:
        print(
            "{round}: {tiles} tiles, model {model_images_per_s:.2f} images/s, ingest {ingest_tiles_per_s:.2f} tiles/s "
            "(alone: read {read_alone_per_s:.0f}, write {write_alone_per_s:.0f})".format(**row)
        )
    print(f"ingest ÷ model, median: {ratio:.3f}")
    for row in peaks:
        print("{tiles:6} tiles, index {index:9}: peak {peak_mib} MiB".format(**row))
    for index, value in growth.items():
        print(f"peak memory of 16 × as many tiles, index {index}: {value:.3f}")


if __name__ == "__main__":
    main()
