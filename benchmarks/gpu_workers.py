"""How near does a worker on a GPU come to the bare model, with pictures that cost nothing and with real JPEG decoding?

Tiles/s of the whole pipeline (read, embed, write, record; the index follows elsewhere) ÷ images/s of the model alone on
batches that are ready, in one child process; target 0.9. As in a worker, torch is imported and CUDA touched in the
forked child only, and the parent says so. Synthetic: the same array for every tile. JPEG: a COG made on the spot.

    python -m benchmarks.gpu_workers [--arch ViT-B-32] [--tiles 50000] [--device cuda] [--read-threads 16] [--json]

Without a GPU it says so and ends with exit code 1; `--device cpu --tiles 200` tries the way of the data.
"""

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ingest.archive.parts import Archive
from ingest.catalog.catalog import Catalog, Collection
from ingest.catalog.leases import Leases
from ingest.geo.grid import Grid
from ingest.index.upkeep import IndexHolder
from ingest.jobs.items import GridIntake, Intake, Reading
from ingest.jobs.pipeline import run
from ingest.jobs.plan import plan
from ingest.jobs.work import Work
from ingest.opening import open_source
from ingest.settings import Settings
from ingest.sources.source import Problem, SourceOptions

SIDE_PX = 224
TILE_SIZE_M = 33.6  # 224 pixels of 0.15 m
FORK = multiprocessing.get_context("fork")


class Synthetic:
    """As many tiles as asked for, of one picture that is in memory already."""

    kind: Literal["tiles", "gallery"] = "tiles"
    problems: list[Problem] = []  # noqa: RUF012 - as the protocol has it
    notes: list[Problem] = []  # noqa: RUF012

    def __init__(self, count: int) -> None:
        self.count = count
        self.image = np.random.default_rng(0).integers(0, 255, (SIDE_PX, SIDE_PX, 3), np.uint8)

    def fingerprint(self) -> str:
        """Of nothing."""
        return "synthetic"

    def ids(self) -> Iterator[str]:
        """Numbers."""
        return (f"i{number:08d}" for number in range(self.count))

    def read(self, item_id: str) -> Reading:
        """The picture."""
        place = {"tile_id": item_id, "lat": 10.0, "lon": 20.0, "size_m": TILE_SIZE_M, "acquired_at": None}
        return Reading(self.image, place | {"gsd_m": 0.15, "valid_fraction": 1.0, "origin": "synthetic"})

    def close(self) -> None:
        """Nothing to close."""


def has_cuda() -> bool:
    """Asked in a process of its own: this one must not touch CUDA before it forks."""

    def ask(answer: Connection) -> None:
        import torch

        answer.send(torch.cuda.is_available())

    return bool(_in_child(ask))


def _in_child(work: Any, *arguments: Any) -> Any:
    here, there = FORK.Pipe(duplex=False)
    child = FORK.Process(target=work, args=(there, *arguments))
    child.start()
    there.close()
    try:
        return here.recv()
    except EOFError:
        sys.exit("the child died; what it said stands above")
    finally:
        child.join()


def measure(answer: Connection, asked: argparse.Namespace, folder: Path) -> None:
    """In the child: the bare model, then both kinds of imagery; sends the rows."""
    from ingest.jobs.run import encoder, pace
    from trainer.embedder import Embedder
    from trainer.weights.zoo import add_open_clip

    model = add_open_clip(folder / "model", asked.arch, random_seed=0)
    embedder = Embedder.load(folder / "model", device=asked.device, precision=asked.precision)
    settings = Settings(home=folder / "home", read_threads=asked.read_threads, qdrant_url="http://127.0.0.1:9")
    batch = pace(settings, embedder).batch_size
    images = np.random.default_rng(0).integers(0, 255, (batch, 3, embedder.input_px, embedder.input_px), np.uint8)
    rows = []
    for kind in ("synthetic", "jpeg"):
        rate = bare(embedder, images, asked.tiles)
        intake: Intake = Synthetic(asked.tiles) if kind == "synthetic" else jpeg(folder, asked.tiles, embedder.input_px)
        catalog = Catalog(settings.catalog_path)
        spec = {"source": kind, "largest_tile_m": TILE_SIZE_M}
        collection = Collection(kind, "tiles", model.model_id, embedder.dim, spec, datetime.now(UTC))
        catalog.add_collection(collection)
        archive = Archive(settings.archive_dir(kind), "tiles")
        job = plan(catalog, archive, collection, intake, {"source": kind}, 4096)
        work = Work(
            collection=collection,
            catalog=catalog,
            archive=archive,
            intake=intake,
            encoder=encoder(embedder, "tiles"),
            index=NoIndex(settings, catalog, collection),
            leases=Leases(catalog, "bench", lease_s=60),
            pace=pace(settings, embedder),
        )
        report = run(job, work)
        done = {"decode": kind, "tiles": report.done, "batch": batch, "model_images_per_s": rate}
        stages = {f"{stage}_alone_per_s": value for stage, value in report.rates().items() if stage != "all"}
        rows.append(done | {"tiles_per_s": report.done / report.wall_s} | stages)
        catalog.close()
    answer.send(rows)


class NoIndex(IndexHolder):
    """The index is elsewhere."""

    def get(self) -> None:
        """None: parts are written only."""
        return


def bare(embedder: Any, images: Any, count: int) -> float:
    """Images/s of the model alone."""
    embedder.embed_prepared(images)
    rounds = max(1, min(count, 20_000) // len(images))
    started = time.perf_counter()
    for _ in range(rounds):
        embedder.embed_prepared(images)
    return float(rounds * len(images) / (time.perf_counter() - started))


def jpeg(folder: Path, count: int, input_px: int) -> GridIntake:
    """About so many tiles of a JPEG COG; a large number reads the same pixels on an overlapping grid."""
    from benchmarks.pipeline import PIXEL_M, make_cog

    side_px = min(round(count**0.5 * SIDE_PX), 16_384) // 16 * 16
    source = open_source(str(make_cog(folder / "made.tif", side_px)), SourceOptions())
    stride_m = max(1.0, side_px * PIXEL_M / count**0.5)
    return GridIntake(source, Grid(size_m=TILE_SIZE_M, stride_m=stride_m), size_px=input_px, min_valid=0.0)


def main() -> None:
    """Prints a table and two ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", default="ViT-B-32")
    parser.add_argument("--tiles", type=int, default=50_000)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument("--read-threads", type=int, default=16)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if asked.device.startswith("cuda") and not has_cuda():
        sys.exit(
            "no CUDA device here: this measures a GPU, nothing was measured; --device cpu tries the way of the data"
        )
    with tempfile.TemporaryDirectory() as temporary:
        rows = _in_child(measure, asked, Path(temporary))
    untouched = "torch" not in sys.modules
    ratios = {f"{row['decode']}_to_bare_model": row["tiles_per_s"] / row["model_images_per_s"] for row in rows}
    setting = {"arch": asked.arch, "device": asked.device, "precision": asked.precision, "threads": asked.read_threads}
    if asked.json:
        setting["parent_without_torch"] = untouched
        print(json.dumps({"benchmark": "gpu_workers", "setting": setting, "rows": rows, "ratios": ratios}))
        return
    for row in rows:
        print(
            "  ".join(
                f"{name} {value:.5g}" if isinstance(value, float) else f"{name} {value}" for name, value in row.items()
            )
        )
    for name, value in ratios.items():
        print(f"{name}: {value:.3f}")
    print(f"the parent has {'not ' if untouched else ''}imported torch")


if __name__ == "__main__":
    main()
