"""How much faster is a training step that finds the teacher's embeddings stored, and how busy is the GPU?

The step is `strong`'s, on a tower of the given architecture with weights drawn on the spot: augmentation, forward,
loss with queue, backward, AdamW; tiles are held in memory. In alternating rounds of one run:

- `cached`: as the trainer does it, targets looked up;
- `teacher, photos in memory`: the frozen teacher embeds the batch's photos in the step, decoded beforehand;
- `teacher`: the same, and threads read and decode the photos from the shards as they come (500 px JPEG, as the
  authors' data), while the model works.

    python -m benchmarks.train [--arch ViT-B-32] [--batch N] [--steps N] [--rounds 3] [--precision float32] [--json]

A ratio is the median over rounds of the ratio within a round. On a GPU also MFU: FLOPs of tower forward and backward
(counted by PyTorch, without the loss) a second, of the GPU's dense bfloat16 peak and of what a plain matrix product
reaches here. Target: cached / teacher ≥ 1.8.
"""

import argparse
import io
import json
import logging
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from trainer.checkpoint import read_tensors
from trainer.shards.tars import Shards, ShardWriter
from trainer.towers import load_tower
from trainer.train import _groups, _loss
from trainer.training.augment import normalised
from trainer.training.config import TrainConfig, load_config
from trainer.training.loss import Queue
from trainer.training.pairs import Pairs
from trainer.training.pictures import Pictures
from trainer.training.processes import make_fabric
from trainer.training.student import start
from trainer.training.targets import Targets
from trainer.weights.zoo import add_open_clip

PEAK_TFLOPS = {  # dense bfloat16, from the makers' data sheets
    "H200": 989.0,
    "H100": 989.0,
    "A100": 312.0,
    "L40S": 362.0,
    "L4": 121.0,
    "4090": 165.0,
}
PHOTO_PX, TILE_PX = (500, 375), (256, 256)
WAYS = ("cached", "teacher, photos in memory", "teacher")


def make_pairs(folder: Path, pairs: int) -> Path:
    """Shards of JPEGs with structure at several scales, so that decoding costs what it costs with photos."""
    rng = np.random.default_rng(0)

    def picture(size: tuple[int, int]) -> bytes:
        coarse = Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
        grain = rng.normal(0, 12, (size[1], size[0], 1))
        content = io.BytesIO()
        Image.fromarray((np.asarray(coarse) + grain).clip(0, 255).astype(np.uint8)).save(content, "JPEG", quality=85)
        return content.getvalue()

    with ShardWriter(folder) as shards:
        for i in range(pairs):
            place = {"latitude": float(rng.uniform(-60, 60)), "longitude": float(rng.uniform(-180, 180))}
            shards.write(f"{i}", picture(PHOTO_PX), picture(TILE_PX), {**place, "date_taken": "2015-05-05 12:00:00"})
    return folder


class Steps:
    """Training steps that get their targets in one of the ways."""

    def __init__(self, config: TrainConfig, folder: Path) -> None:
        self.config = config
        self.fabric = make_fabric(config.device, config.precision)
        self.device = self.fabric.device
        self.beginning = start(config)
        student = self.beginning.student
        if config.compile:
            student.sat2cap.overhead.compile()
        self.adam = torch.optim.AdamW(_groups(student, config), betas=(0.9, 0.98), eps=config.eps, fused=True)
        self.network, self.optimiser = self.fabric.setup(student, self.adam)
        shards = Shards(folder)
        every = np.arange(len(shards))
        dim, ones = self.beginning.meta.dim, np.ones(len(shards), np.int64)
        vectors = torch.nn.functional.normalize(torch.randn(len(shards), dim), dim=1).half().to(self.device)
        self.pairs = Pairs(
            shards, Targets(vectors, every, ones, every), config, device=self.device, size_px=config.image_px
        )
        ground = self.beginning.meta.ground
        tensors = read_tensors(Path(config.teacher), f"{ground.stored_as.replace('ground', 'overhead')}.")
        self.teacher = load_tower(ground, tensors).to(self.device)
        self.photos = {
            way: Pictures(shards, every, "groundlevel", ground.size_px, cache=cache, device=self.device)
            for way, cache in (("teacher, photos in memory", "yes"), ("teacher", "no"))
        }
        self.queue = Queue(min(config.queue, len(shards)), dim, self.pairs.id_columns, self.device)

    def run(self, way: str) -> Iterator[None]:
        """Steps without end."""
        photos: Iterator[Any] | None = None
        if way != "cached":
            photos = self.photos[way].batches(self.pairs._joined(number) for number in count())
        for batch in self.pairs.batches(0, 0, 1):
            targets = batch.targets
            if photos is not None:
                _, pixels = next(photos)
                with torch.no_grad(), self.fabric.autocast():
                    found = self.teacher(normalised(pixels, self.beginning.meta.ground_input))
                targets = torch.nn.functional.normalize(found.float(), dim=1)
            expects = self.beginning.meta.overhead_input
            loss = _loss(self.network, batch, targets, batch.ids, self.queue, self.config, expects, 0)
            self.fabric.backward(loss)
            self.fabric.clip_gradients(self.network, self.optimiser, max_norm=1.0, error_if_nonfinite=False)
            self.optimiser.step()
            self.optimiser.zero_grad()
            self.queue.push(targets, batch.ids)
            yield

    def flops_per_pair(self) -> float:
        """Of the tower, forward and backward, as PyTorch counts them."""
        tower, size = self.beginning.student.sat2cap.overhead, self.beginning.meta.overhead_input.size_px
        pixels = torch.zeros(2, 3, size, size, device=self.device)
        with FlopCounterMode(display=False) as counter:
            tower(pixels).sum().backward()
        tower.zero_grad()
        return counter.get_total_flops() / 2


def rate(steps: Iterator[None], number: int, batch: int, finished: Callable[[], object]) -> float:
    """Pairs/s over some steps."""
    next(steps)
    finished()
    started = time.perf_counter()
    for _ in range(number):
        next(steps)
    finished()
    return number * batch / (time.perf_counter() - started)


def matmul_tflops(device: torch.device) -> float:
    """What a plain bfloat16 matrix product of 8192³ reaches here."""
    a = torch.randn(8192, 8192, device=device, dtype=torch.bfloat16)
    for _ in range(3):
        a @ a
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(20):
        a @ a
    torch.cuda.synchronize()
    return 20 * 2 * 8192**3 / (time.perf_counter() - started) / 1e12


def main() -> None:
    """Measure and print."""
    asked = options()
    logging.getLogger("torch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="torch")
    cuda = torch.cuda.is_available() and asked.device != "cpu"
    batch = asked.batch or (1024 if cuda else 32)
    steps = asked.steps or (20 if cuda else 2)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        add_open_clip(folder / "teacher", asked.arch, random_seed=0)
        make_pairs(folder / "pairs", asked.pairs or (8 * batch if cuda else 4 * batch))
        changes = [f"batch={batch}", f"teacher={folder / 'teacher'}", f"device={asked.device}", "image_px=256"]
        config = load_config(
            "strong", [*changes, f"precision={asked.precision}", f"compile={str(asked.compile).lower()}"]
        )
        work = Steps(config, folder / "pairs")
        running = {way: work.run(way) for way in WAYS}
        finished = torch.cuda.synchronize if cuda else lambda: None
        for way in WAYS:  # the first steps compile, choose kernels and fill the queues of threads
            rate(running[way], 1, batch, finished)
        rounds = [{way: rate(running[way], steps, batch, finished) for way in WAYS} for _ in range(asked.rounds)]
        rows = [{"way": way, "pairs_per_s": statistics.median(r[way] for r in rounds)} for way in WAYS]
        ratios = {
            f"cached / {way}": statistics.median(r["cached"] / r[way] for r in rounds)
            for way in WAYS
            if way != "cached"
        }
        flops = work.flops_per_pair()
        for row in rows:
            row["tower_tflops_per_s"] = row["pairs_per_s"] * flops / 1e12
        if cuda:
            gpu = torch.cuda.get_device_name()
            peak = next((tflops for name, tflops in PEAK_TFLOPS.items() if name in gpu), None)
            if peak is not None:
                ratios["MFU of cached"] = rows[0]["tower_tflops_per_s"] / peak
            ratios["cached / matrix product"] = rows[0]["tower_tflops_per_s"] / matmul_tflops(work.device)
    setting = {
        "arch": asked.arch,
        "batch": batch,
        "steps": steps,
        "rounds": asked.rounds,
        "precision": asked.precision,
        "compile": asked.compile,
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "threads": os.cpu_count(),
        "gflop_per_pair": flops / 1e9,
        "torch": torch.__version__,
    }
    show({"benchmark": "train", "setting": setting, "rows": rows, "ratios": ratios}, as_json=asked.json)


def show(document: dict[str, Any], *, as_json: bool) -> None:
    """The document, as JSON or as a table."""
    if as_json:
        print(json.dumps(document, indent=2))
        return
    print(", ".join(f"{key} {value}" for key, value in document["setting"].items()))
    for row in document["rows"]:
        print(f"{row['way']:28} {row['pairs_per_s']:10.1f} pairs/s {row['tower_tflops_per_s']:9.3f} TFLOP/s")
    for name, value in document["ratios"].items():
        print(f"{name:48} {value:.3f}")


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--arch", default="ViT-B-32", help="architecture, or path of a JSON configuration")
    parser.add_argument("--batch", type=int, help="pairs a step [1024 on a GPU, else 32]")
    parser.add_argument("--steps", type=int, help="steps a round [20 on a GPU, else 2]")
    parser.add_argument("--pairs", type=int, help="pairs in the shards [8 batches on a GPU, else 4]")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds")
    parser.add_argument("--precision", default="auto", help="auto, float32 or bfloat16")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--compile", action="store_true", help="compile the tower")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser.parse_args()


if __name__ == "__main__":
    main()
