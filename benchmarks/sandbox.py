"""How quickly is the sandbox planet drawn, and is drawing worth it against stored pictures?

Overhead tiles of 480 m and ground pictures, 96 px, in as many processes as there are cores; beside them, in the same
processes, the decoding of the same pictures stored as JPEG: what a stored planet would cost at least.

    python -m benchmarks.sandbox [--pictures 600] [--processes 2] [--json]
"""

import argparse
import io
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
from PIL import Image

SIZE_PX, TILE_SIZE_M = 96, 480.0


def measure(count: int, seed: int) -> dict[str, float]:
    """In a process of its own: seconds for `count` pictures of each kind, the planet's making apart."""
    from ingest.geo.geometry import Footprint
    from ingest.sandbox import ground, overhead
    from ingest.sandbox.photographs import photographs, scenes
    from ingest.sandbox.world import World

    started = time.perf_counter()
    world = World()
    photos = photographs(world, split="train", count=4 * count, seed=0)
    photos = photos.take(np.random.default_rng(seed).permutation(len(photos))[:count])
    world.presence(lat=photos.lat, lon=photos.lon)  # which builds the islands
    seconds = {"planet": time.perf_counter() - started}
    started = time.perf_counter()
    tiles = [
        overhead.draw(world, Footprint(float(lat), float(lon), TILE_SIZE_M), SIZE_PX)[0]
        for lat, lon in zip(photos.lat, photos.lon, strict=True)
    ]
    seconds["overhead"] = time.perf_counter() - started
    started = time.perf_counter()
    for scene in scenes(world, photos):
        ground.draw(scene, SIZE_PX)
    seconds["ground"] = time.perf_counter() - started
    stored = []
    for tile in tiles:
        buffer = io.BytesIO()
        Image.fromarray(tile).save(buffer, "JPEG", quality=92)
        stored.append(buffer.getvalue())
    started = time.perf_counter()
    for content in stored:
        np.asarray(Image.open(io.BytesIO(content)))
    seconds["stored"] = time.perf_counter() - started
    return seconds


def main() -> None:
    """Prints the rates of all processes together, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=600, help="of each kind, in each process")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with ProcessPoolExecutor(asked.processes, mp_context=get_context("spawn")) as pool:
        done = list(pool.map(measure, [asked.pictures] * asked.processes, range(asked.processes)))
    rates = {name: sum(asked.pictures / row[name] for row in done) for name in ("overhead", "ground", "stored")}
    rows: list[dict[str, Any]] = [{"what": name, "per_s": rate} for name, rate in rates.items()]
    rows.append({"what": "planet", "seconds": max(row["planet"] for row in done)})
    ratios = {f"{name}_to_stored": rates[name] / rates["stored"] for name in ("overhead", "ground")}
    if asked.json:
        setting = {"pictures": asked.pictures, "processes": asked.processes, "size_px": SIZE_PX}
        print(json.dumps({"benchmark": "sandbox", "setting": setting, "rows": rows, "ratios": ratios}))
        return
    print(f"{asked.processes} processes, {SIZE_PX} px; the planet was made in {rows[-1]['seconds']:.1f} s")
    print(f"overhead tiles  {rates['overhead']:8.0f}/s")
    print(f"ground pictures {rates['ground']:8.0f}/s")
    print(f"decoding a stored JPEG {rates['stored']:8.0f}/s")
    for name, ratio in ratios.items():
        print(f"{name}: {ratio:.3f}")


if __name__ == "__main__":
    main()
