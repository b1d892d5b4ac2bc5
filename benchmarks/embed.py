"""How fast is the bare model, and how exact: each precision against float32 eager, in one run.

    python -m benchmarks.embed [--arch ViT-B-32-quickgelu] [--batch 32] [--rounds 6] [--precision NAME …] [--json]

Weights are drawn on the spot. Rounds are interleaved, so that other work on the machine falls on all alike; a rate is
that of the best round, a ratio is the median over the rounds of the ratio within the round. Targets: int8 with a
cosine ≥ .999 and ≥ 1.5 × the images/s of float32 eager; the default (`auto`) is the fastest with a cosine ≥ .9999.
"""

import argparse
import json
import logging
import statistics
import time
import warnings
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from trainer import precision
from trainer.towers import build_tower, load_config, tower_specs


def main() -> None:
    """Measure and print."""
    options = _options()
    logging.getLogger("torch").setLevel(logging.ERROR)  # it reports that there is no CUDA
    warnings.filterwarnings("ignore", module="torch")
    torch.manual_seed(0)
    vision, _ = tower_specs(*load_config(options.arch))
    tower = build_tower(vision).requires_grad_(False).to(options.device)
    images = precision.probes(options.batch, vision.size_px).to(options.device)
    rows = _measure(tower, images, options.precision or precision.candidates(tower), options.rounds)
    document = {
        "benchmark": "embed",
        "setting": {
            "arch": options.arch,
            "weights": "random, seed 0",
            "batch": options.batch,
            "rounds": options.rounds,
            "device": options.device,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        },
        "rows": rows,
        "ratios": {f"{r['precision']} / float32": r["ratio"] for r in rows[1:]},
    } | _defaults(rows)
    print(json.dumps(document, indent=2)) if options.json else _table(document)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--arch", default="ViT-B-32-quickgelu", help="architecture, or path of a JSON configuration")
    parser.add_argument("--batch", type=int, default=32, help="images a forward pass")
    parser.add_argument("--rounds", type=int, default=6, help="interleaved rounds")
    parser.add_argument("--precision", nargs="*", choices=precision.PRECISIONS, help="beside float32; default: all")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser.parse_args()


@torch.inference_mode()
def _measure(tower: nn.Module, images: torch.Tensor, names: list[str], rounds: int) -> list[dict[str, Any]]:
    """One row a precision: images/s, ratio to float32 eager, smallest cosine to it, seconds before the first result."""
    exact = tower(images)
    variants: dict[str, nn.Module] = {}
    rows: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(["float32", *names]):
        start = time.perf_counter()
        variant = precision.sharing_copy(tower, name)
        cosine = F.cosine_similarity(variant(images).double(), exact.double()).min()
        variants[name] = variant
        rows[name] = {"precision": name, "min_cosine": float(cosine), "first_s": round(time.perf_counter() - start, 2)}
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, variant in variants.items():
            start = time.perf_counter()
            variant(images)
            if images.is_cuda:
                torch.cuda.synchronize()
            seconds[name].append(time.perf_counter() - start)
    for name, row in rows.items():
        ratio = statistics.median(f / s for f, s in zip(seconds["float32"], seconds[name], strict=True))
        row |= {"images_per_s": round(len(images) / min(seconds[name]), 1), "ratio": round(ratio, 3)}
    return list(rows.values())


def _defaults(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What `auto` takes from these figures, for a job of medium length and for a long one."""
    measured = {r["precision"]: r for r in rows}
    plain = [n for n in measured if not n.endswith("compiled")]
    return {"default": precision.fastest(measured, plain), "default_long": precision.fastest(measured, list(measured))}


def _table(document: dict[str, Any]) -> None:
    setting = document["setting"]
    print(f"{setting['arch']}, random weights, {setting['device']} ×{setting['threads']}, batch {setting['batch']}")
    print(f"{'precision':<18} {'images/s':>9} {'ratio':>7} {'smallest cosine':>16} {'first result s':>15}")
    for r in document["rows"]:
        print(
            f"{r['precision']:<18} {r['images_per_s']:>9.1f} {r['ratio']:>7.2f}"
            f" {r['min_cosine']:>16.6f} {r['first_s']:>15.1f}"
        )
    short, long = precision.MEASURE_FROM_IMAGES, precision.COMPILE_FROM_IMAGES
    print(f"auto from {short} images: {document['default']}; from {long}: {document['default_long']}")


if __name__ == "__main__":
    main()
