"""Does reading keep up with the model? Whole ingests ÷ the bare model, from four sources; and does memory grow?

    python -m benchmarks.pipeline [--sources cog tiles mbtiles chips memory] [--models bundled ViT-B-32]
                                  [--rounds 2] [--keep FOLDER] [--json]

The imagery is made on the spot: noise at every scale over a square of tiles of 200 m, 1 m a pixel.

* cog: a JPEG COG over HTTP; tiles: a tile server (256 px, JPEG). Both on this machine, by a process of its own that
  answers each request after 20 ms and takes part of the same cores; no limit of requests a second;
* mbtiles: the same tiles in one file; chips: 10,000 JPEG pictures of 200 px with a manifest.

One ingest of all tiles, from an empty home to the last line of the ledger, between two measurements of the bare model:
`embed_prepared` on batches that are ready, called as by anybody, and in as many threads as there are cores with one
core each, as an ingest does. The faster of the two is the model's. Told are tiles/s, their ratio to it and to the model
as it is called (medians of the rounds), what set the pace as the ingest says, and the ceiling: what the cores would
give if not a moment of theirs were lost, from the processor time of reading a tile (`read_ms`, one after another), of
the process that serves it, and of the model. The bundled model is small, ViT-B/32 (random weights) an ordinary one.

Memory: the peak of a process of its own that ingests n, 4n and 16n tiles with a tiny model.

Each model with each source takes less than four minutes. With `--keep` what was made and measured stays in a folder,
and the same command goes on from there.
"""

import argparse
import asyncio
import csv
import io
import itertools
import json
import math
import multiprocessing
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext, suppress
from functools import lru_cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
import rasterio.shutil
import torch
from affine import Affine
from PIL import Image
from rasterio.windows import Window

from ingest.catalog.catalog import Catalog
from ingest.geo.geometry import box
from ingest.geo.grid import Grid
from ingest.index.edge import EdgeIndex
from ingest.jobs.request import Request
from ingest.jobs.run import carry_out
from ingest.jobs.work import IngestSummary, Spent
from ingest.settings import Settings
from ingest.sources.source import SourceOptions
from trainer.bundled import add_bundled
from trainer.embedder import Embedder
from trainer.weights.zoo import add_open_clip

TINY = Path(__file__).resolve().parents[1] / "tests" / "tiny_clip.json"
SOURCES = ("cog", "tiles", "mbtiles", "chips")
TILES = {"bundled": 10_000}  # of the bundled model, which is fast; of any other:
FEW_TILES = 600
MEMORY_TILES = (500, 2000, 8000)
INDEXES = ("embedded", "elsewhere")
BATCH = 32
BARE_S = 4.0
DELAY_S = 0.020
TILE_M, PIXEL_M = 200.0, 1.0
SIDE = 100  # tiles
ZOOM = 17  # 1.06 m a pixel there
LAT, LON = 27.5, 85.5  # of the middle
TEXTURE_PX = 2000
LOOKED_AT = 300


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", nargs="+", default=[*SOURCES, "memory"], choices=[*SOURCES, "memory"])
    parser.add_argument("--models", nargs="+", default=["bundled", "ViT-B-32"])
    parser.add_argument("--tiles", type=int, help=f"instead of {TILES['bundled']:,} and {FEW_TILES}")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="a folder for what is made and measured")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        measured = [
            kept(folder / f"{model}-{source}.json", lambda m=model, s=source: speed(folder, m, s, asked))
            for model, source in itertools.product(asked.models, [s for s in SOURCES if s in asked.sources])
        ]
        peaks = kept(folder / "memory.json", lambda: memory(folder)) if "memory" in asked.sources else []
    ratios = {f"ingest ÷ model, {row['model']}, {row['source']}": row["ratio"] for row in measured}
    ratios |= {f"ingest ÷ model as called, {row['model']}, {row['source']}": row["ratio_called"] for row in measured}
    ratios |= {f"ceiling ÷ model, {row['model']}, {row['source']}": row["ceiling"] for row in measured}
    ratios |= {f"peak memory of 16 n ÷ n tiles, index {index}": growth(peaks, index) for index in INDEXES if peaks}
    setting = {"rounds": asked.rounds, "batch": BATCH, "delay_ms": DELAY_S * 1000, "cores": os.cpu_count()}
    document = {"benchmark": "pipeline", "setting": setting, "rows": [*measured, *peaks], "ratios": ratios}
    if asked.json:
        print(json.dumps(document))
        return
    for row in document["rows"]:
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    for name, value in ratios.items():
        print(f"{name}: {value:.3f}")


def kept(file: Path, measure: Callable[[], Any]) -> Any:
    """What was measured before, or is now."""
    if not file.exists():
        file.write_text(json.dumps(measure()), "utf-8")
    return json.loads(file.read_text("utf-8"))


# -- imagery -------------------------------------------------------------------------------------------------------


@lru_cache
def texture() -> npt.NDArray[np.uint8]:
    """Noise at every scale, the coarse the strongest, as imagery is; uint8 [px, px, 3]."""
    draw, made = np.random.default_rng(0), np.zeros((TEXTURE_PX, TEXTURE_PX, 3), np.float32)
    for cells in (10, 40, 125, 500, 1000):
        coarse = Image.fromarray(draw.integers(0, 255, (cells, cells, 3), np.uint8))
        fine = coarse.resize((TEXTURE_PX, TEXTURE_PX), Image.Resampling.BICUBIC)
        made += np.asarray(fine, np.float32) / cells**0.4
    made -= made.min()
    return (made * (255 / made.max())).astype(np.uint8)


def pictures(side_px: int) -> list[bytes]:
    """Some JPEG pictures."""
    whole, found = texture(), []
    for left, top in itertools.product(range(0, TEXTURE_PX - side_px, side_px), repeat=2):
        file = io.BytesIO()
        Image.fromarray(whole[top : top + side_px, left : left + side_px]).save(file, "JPEG", quality=85)
        found.append(file.getvalue())
    return found


def make_cog(path: Path, times: int = SIDE * int(TILE_M / PIXEL_M) // TEXTURE_PX) -> Path:
    """A JPEG COG of the texture, so many times across."""
    whole = texture().transpose(2, 0, 1)
    side_px = TEXTURE_PX * times
    profile = {"driver": "GTiff", "width": side_px, "height": side_px, "count": 3, "dtype": "uint8", "tiled": True}
    crs = f"+proj=tmerc +lat_0={LAT} +lon_0={LON} +ellps=WGS84 +units=m"
    corner = Affine(PIXEL_M, 0, -side_px * PIXEL_M / 2, 0, -PIXEL_M, side_px * PIXEL_M / 2)
    plain = path.with_suffix(".plain.tif")
    with rasterio.open(plain, "w", crs=crs, transform=corner, photometric="RGB", **profile) as raster:
        for left, top in itertools.product(range(0, side_px, TEXTURE_PX), repeat=2):
            raster.write(whole, window=Window(left, top, TEXTURE_PX, TEXTURE_PX))
    rasterio.shutil.copy(plain, path, driver="COG", compress="JPEG", quality=85)
    plain.unlink()
    return path


def make_mbtiles(path: Path) -> Path:
    """Tiles over the same square and somewhat more."""
    every = itertools.cycle(pictures(256))
    (west, south, east, north), n = square(SIDE + 6), 2**ZOOM
    left, right = (int((lon + 180) / 360 * n) for lon in (west, east))
    top, bottom = (int((0.5 - math.asinh(math.tan(math.radians(lat))) / (2 * math.pi)) * n) for lat in (north, south))
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE metadata (name TEXT, value TEXT)")
        database.execute("INSERT INTO metadata VALUES ('format', 'jpg')")
        database.execute(
            "CREATE TABLE tiles (zoom_level INT, tile_column INT, tile_row INT, tile_data BLOB, "
            "PRIMARY KEY (zoom_level, tile_column, tile_row))"
        )
        places = itertools.product(range(left, right + 1), range(top, bottom + 1))
        rows = ((ZOOM, x, n - 1 - y, next(every)) for x, y in places)
        database.executemany("INSERT INTO tiles VALUES (?, ?, ?, ?)", rows)
    return path


def make_chips(folder: Path) -> Path:
    """10,000 pictures with a manifest."""
    (folder / "chips").mkdir(parents=True)
    every = itertools.cycle(pictures(int(TILE_M / PIXEL_M)))
    lats, lons = (np.linspace(*ends, SIDE) for ends in (square(SIDE - 1)[1::2], square(SIDE - 1)[::2]))
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["path", "lat", "lon", "size_m"])
        for number, (lat, lon) in enumerate(itertools.product(lats, lons)):
            (folder / "chips" / f"{number}.jpg").write_bytes(next(every))
            table.writerow([f"chips/{number}.jpg", lat, lon, TILE_M])
    return folder


def square(tiles: float) -> tuple[float, float, float, float]:
    """West, south, east, north of a square so many tiles wide, round the middle."""
    high = tiles * TILE_M / 2 / 110_800
    wide = high / math.cos(math.radians(LAT))
    return LON - wide, LAT - high, LON + wide, LAT + high


@contextmanager
def opened(folder: Path, source: str) -> Iterator[tuple[str, Callable[[], float]]]:
    """What to ingest, served by a process of its own where it is on the web; and that process's processor seconds."""
    makers = {"cog": ("made.tif", make_cog), "chips": ("chips", make_chips)}
    name, make = makers.get(source, ("made.mbtiles", make_mbtiles))
    made = folder / name
    if not made.exists():
        make(made.with_name(f"unfinished-{name}")).rename(made)
    if source in ("mbtiles", "chips"):
        yield str(made), lambda: 0.0
        return
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(made, there), daemon=True)
    server.start()
    port = here.recv()
    try:
        name = "made.tif" if source == "cog" else "{z}/{x}/{y}.jpg"
        yield f"http://127.0.0.1:{port}/{name}", lambda: processor_s(server.pid)
    finally:
        server.terminate()
        server.join()


def processor_s(pid: int | None) -> float:
    """Processor seconds of a process until now."""
    user, system = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(") ")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def serve(made: Path, port: Connection) -> None:
    """Answers ranges of a file, or the tiles of an MBTiles file, each a moment late; tells its port."""
    if made.suffix == ".mbtiles":
        with closing(sqlite3.connect(made)) as database:
            rows = database.execute("SELECT tile_column, tile_row, tile_data FROM tiles").fetchall()
        tiles = {f"/{ZOOM}/{x}/{2**ZOOM - 1 - y}.jpg": data for x, y, data in rows}
        whole = None
    else:
        whole, tiles = np.memmap(made, np.uint8, "r"), {}

    def answer(path: str, asked: str | None) -> tuple[str, bytes, int]:
        if whole is None:
            found = tiles.get(path)
            return ("404 Not Found", b"", 0) if found is None else ("200 OK", found, len(found))
        if path != "/made.tif":
            return "404 Not Found", b"", 0
        if asked is None:
            return "200 OK", b"", len(whole)
        first, last = asked.removeprefix("bytes=").split("-")
        piece = bytes(whole[int(first) : int(last or len(whole)) + 1])
        told = f"Content-Range: bytes {first}-{int(first) + len(piece) - 1}/{len(whole)}"
        return f"206 Partial Content\r\n{told}", piece, len(piece)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                asked = next((line[7:] for line in head if line.lower().startswith("range: ")), None)
                status, body, length = answer(head[0].split()[1], asked)
                await asyncio.sleep(DELAY_S)
                kind = "Accept-Ranges: bytes\r\nContent-Type: image/jpeg"
                writer.write(f"HTTP/1.1 {status}\r\n{kind}\r\nContent-Length: {length}\r\n\r\n".encode() + body)
                await writer.drain()
        writer.close()

    async def listen() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(listen())


# -- speed ---------------------------------------------------------------------------------------------------------


def speed(folder: Path, model: str, source: str, given: argparse.Namespace) -> dict[str, Any]:
    """Bare model and whole ingest in turn."""
    embedder = loaded(folder, model)
    count = given.tiles or TILES.get(model, FEW_TILES)
    area = box(*square(count**0.5 - 1))
    runs, bares = [], [bare(embedder)]
    with opened(folder, source) as (uri, process_s):
        asked = Request("tiles", "c", uri, Grid(TILE_M, TILE_M), area, 0.0, SourceOptions(rate_per_s=1e6))
        for number in range(given.rounds):
            with tempfile.TemporaryDirectory(dir=folder) as home:
                served_s = process_s()
                report, seconds = ingest(Path(home), embedder, asked)
                runs.append((report, seconds, (process_s() - served_s) / report.done))
            bares.append(bare(embedder))
            print(model, source, number, round(report.done / seconds, 1), bares[-2:], file=sys.stderr)
        read_s = reading(asked, embedder)
    pairs = [((b[0] + a[0]) / 2, (max(b) + max(a)) / 2) for b, a in itertools.pairwise(bares)]
    rates = [report.done / seconds for report, seconds, _ in runs]
    called, fastest = (statistics.median(column) for column in zip(*pairs, strict=True))
    report, _, served_s = runs[-1]
    stage, share = Spent.of(report.spent()).bottleneck()
    return {
        "model": model,
        "source": source,
        "tiles": report.done,
        "tiles_per_s": round(statistics.median(rates), 1),
        "model_per_s": round(fastest, 1),
        "called_per_s": round(called, 1),
        "ratio": round(statistics.median(rate / pair[1] for rate, pair in zip(rates, pairs, strict=True)), 3),
        "ratio_called": round(statistics.median(rate / pair[0] for rate, pair in zip(rates, pairs, strict=True)), 3),
        "set_the_pace": f"{stage} {share:.0%}",
        "read_ms": round(read_s * 1000, 2),
        "served_ms": round(served_s * 1000, 2),
        "ceiling": round(1 / (1 + (read_s + served_s) * fastest / (os.cpu_count() or 1)), 3),
    }


def loaded(folder: Path, model: str) -> Embedder:
    """A checkpoint, made where it is not there; its tower in memory."""
    made = folder / f"model-{model}"
    if not made.exists():
        add_bundled(made) if model == "bundled" else add_open_clip(made, model, random_seed=0)
    embedder = Embedder.load(made, precision="float32")
    embedder.embed_prepared(np.zeros((BATCH, 3, embedder.input_px, embedder.input_px), np.uint8))
    return embedder


def bare(embedder: Embedder) -> tuple[float, float]:
    """Images/s of the model alone: called as by anybody, and in a thread a core with one core each."""
    cores = os.cpu_count() or 1
    return in_threads(embedder, 1, BATCH), in_threads(embedder, cores, BATCH // 2, begin=one_core)


def one_core() -> None:
    """What this thread computes takes one core."""
    torch.set_num_threads(1)


def in_threads(embedder: Embedder, threads: int, batch: int, begin: Callable[[], object] = lambda: None) -> float:
    """Images/s of so many threads together."""
    images = np.random.default_rng(0).integers(0, 255, (batch, 3, embedder.input_px, embedder.input_px), np.uint8)

    def embed() -> int:
        done, until = 0, started + BARE_S
        while time.perf_counter() < until:
            done += len(embedder.embed_prepared(images))
        return done

    with ThreadPoolExecutor(threads, initializer=begin) as pool:
        started = time.perf_counter()
        done = sum(future.result() for future in [pool.submit(embed) for _ in range(threads)])
        return done / (time.perf_counter() - started)


def ingest(home: Path, embedder: Embedder, request: Request) -> tuple[IngestSummary, float]:
    """One ingest into a new home: its report, and the seconds of everything from the catalog's first table on."""
    started = time.perf_counter()
    settings = Settings(home=home)
    catalog = Catalog(settings.catalog_path)
    outcome = carry_out(settings, catalog, request, embedder, lambda *_: lambda _: None)
    catalog.close()
    assert outcome.report is not None
    return outcome.report, time.perf_counter() - started


def reading(request: Request, embedder: Embedder) -> float:
    """Processor seconds of reading and preparing a tile, one after another."""
    with tempfile.TemporaryDirectory() as cache:
        intake = request.open(input_px=embedder.input_px, reading={"cache_dir": Path(cache)})
        ids = list(itertools.islice(intake.ids(), LOOKED_AT))
        started = time.process_time()
        for one in ids:
            embedder.prepare(intake.read(one).image)
        seconds = time.process_time() - started
        intake.close()
    return seconds / len(ids)


# -- memory --------------------------------------------------------------------------------------------------------


def memory(folder: Path) -> list[dict[str, Any]]:
    """Peak memory for growing numbers of tiles over the same imagery."""
    source = folder / "memory.tif"
    if not source.exists():
        make_cog(source, times=1)
    table = []
    for index, count in itertools.product(INDEXES, MEMORY_TILES):
        with tempfile.TemporaryDirectory(dir=folder) as home:
            context = multiprocessing.get_context("spawn")
            process = context.Process(target=peak, args=(count, index, str(source), home))
            process.start()
            process.join()
            table.append(json.loads((Path(home) / "peak.json").read_text("utf-8")))
    return table


def peak(count: int, index: str, source: str, folder: str) -> None:
    """In a process of its own: ingests about `count` tiles with a tiny model and writes its peak memory, MiB.

    With the index elsewhere somebody else holds it, and the run writes parts only: the pipeline without the engine.
    """
    home = Path(folder)
    add_open_clip(home / "model", str(TINY), random_seed=0)
    side_m = TEXTURE_PX * PIXEL_M / count**0.5
    embedder = Embedder.load(home / "model", precision="float32")
    request, at = Request("tiles", "c", source, Grid(side_m, side_m), min_valid=0.0), Settings(home=home / "home")
    with EdgeIndex(at.index_dir("c"), "c", embedder.dim) if index == "elsewhere" else nullcontext():
        report, _ = ingest(at.home, embedder, request)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text("utf-8").splitlines())
    mib = int(status["VmHWM"].split()[0]) / 1024  # not ru_maxrss, which a child inherits from its parent
    (home / "peak.json").write_text(json.dumps({"tiles": report.done, "index": index, "peak_mib": round(mib)}), "utf-8")


def growth(peaks: list[dict[str, Any]], index: str) -> float:
    """Peak of the most tiles ÷ that of the fewest."""
    found = [row["peak_mib"] for row in peaks if row["index"] == index]
    return round(found[-1] / found[0], 3)


if __name__ == "__main__":
    main()
