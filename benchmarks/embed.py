"""How fast is the bare model, and how exact: each precision against float32 eager, in one run.

    python -m benchmarks.embed [--arch ViT-B-32-quickgelu] [--batch 32] [--rounds 6] [--precision NAME …]
                               [--threads N] [--runtimes] [--json]

Weights are drawn on the spot. Rounds are interleaved, so that other work on the machine falls on all alike; a rate is
that of the best round, a ratio is the median over the rounds of the ratio within the round. `--runtimes` exports the
tower as well, for ONNX Runtime (float32, and with its matrix products in int8) and, where it is installed, OpenVINO
(float32, and as it likes best). `--arch bundled` is the tile tower of the bundled model, with its own weights.
Targets: int8 with a cosine ≥ .999 and ≥ 1.5 × the images/s of float32 eager; the default (`auto`) is the fastest with
a cosine ≥ .9999.
"""

import argparse
import atexit
import contextlib
import io
import json
import logging
import shutil
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from trainer import precision
from trainer.bundled import bundled_folder, bundled_meta
from trainer.checkpoint import read_tensors
from trainer.towers import TowerSpec, build_tower, load_config, load_tower, tower_specs

BUNDLED = "bundled"
Way = Callable[[torch.Tensor], torch.Tensor]


def main() -> None:
    """Measure and print."""
    options = _options()
    logging.getLogger("torch").setLevel(logging.ERROR)  # it reports that there is no CUDA
    warnings.filterwarnings("ignore", module="torch")
    torch.manual_seed(0)
    if options.threads:
        torch.set_num_threads(options.threads)
    vision, tower = _tower(options.arch)
    tower = tower.requires_grad_(False).to(options.device)
    if options.device == "cpu":  # as `trainer.vision` has it
        tower = tower.to(memory_format=torch.channels_last)
    images = precision.probes(options.batch, vision.size_px).to(options.device)
    others = _runtimes(tower, images) if options.runtimes else {}
    rows = _measure(tower, images, options.precision or precision.candidates(tower), others, options.rounds)
    document = {
        "benchmark": "embed",
        "variant": f"{Path(options.arch).stem}-{torch.get_num_threads()}-threads",
        "setting": {
            "arch": options.arch,
            "weights": "its own" if options.arch == BUNDLED else "random, seed 0",
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


def _tower(arch: str) -> tuple[TowerSpec, nn.Module]:
    if arch != BUNDLED:
        spec, _ = tower_specs(*load_config(arch))
        return spec, build_tower(spec)
    spec = bundled_meta().overhead
    stored = read_tensors(bundled_folder(), f"{spec.stored_as}.")
    return spec, load_tower(spec, {name: tensor.float() for name, tensor in stored.items()})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--arch", default="ViT-B-32-quickgelu", help="architecture, path of a JSON one, or bundled")
    parser.add_argument("--batch", type=int, default=32, help="images a forward pass")
    parser.add_argument("--rounds", type=int, default=6, help="interleaved rounds")
    parser.add_argument("--precision", nargs="*", choices=precision.PRECISIONS, help="beside float32; default: all")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, help="of each product; default: as many as torch takes")
    parser.add_argument("--runtimes", action="store_true", help="ONNX Runtime and OpenVINO besides")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser.parse_args()


@torch.inference_mode()
def _measure(
    tower: nn.Module, images: torch.Tensor, names: list[str], others: dict[str, Callable[[], Way]], rounds: int
) -> list[dict[str, Any]]:
    """One row a way: images/s, ratio to float32 eager, smallest cosine to it, seconds before the first result."""
    exact = tower(images)
    makers = {name: partial(precision.sharing_copy, tower, name) for name in dict.fromkeys(["float32", *names])}
    variants: dict[str, Way] = {}
    rows: dict[str, dict[str, Any]] = {}
    for name, make in {**makers, **others}.items():
        start = time.perf_counter()
        variant = make()
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


def _runtimes(tower: nn.Module, images: torch.Tensor) -> dict[str, Callable[[], Way]]:
    """Makers of the tower in other runtimes, of one exported graph."""
    folder = tempfile.mkdtemp()  # a session may read its weights as long as it lives
    atexit.register(shutil.rmtree, folder)
    graph, int8 = (str(Path(folder) / name) for name in ("tower.onnx", "int8.onnx"))
    batch = torch.export.Dim("batch", min=1, max=4096)
    with contextlib.redirect_stdout(io.StringIO()):
        torch.onnx.export(
            tower, (images[:2],), graph, dynamo=True, input_names=["images"], dynamic_shapes=({0: batch},),
            external_data=False, verbose=False,
        )  # fmt: skip

    def by_onnx_runtime(path: str) -> Way:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return lambda x: torch.from_numpy(session.run(None, {"images": x.numpy()})[0])

    def by_onnx_runtime_in_int8() -> Way:
        from onnxruntime.quantization import QuantType, quantize_dynamic

        products = ["MatMul", "Gemm"]
        quantize_dynamic(graph, int8, weight_type=QuantType.QInt8, op_types_to_quantize=products, per_channel=True)
        return by_onnx_runtime(int8)

    def by_openvino(precise: str | None) -> Way:
        import openvino

        options: dict[str, Any] = {"INFERENCE_NUM_THREADS": torch.get_num_threads(), "PERFORMANCE_HINT": "LATENCY"}
        options |= {"INFERENCE_PRECISION_HINT": precise} if precise else {}
        compiled = openvino.Core().compile_model(graph, "CPU", options)
        return lambda x: torch.from_numpy(compiled(x.numpy())[0].copy())

    ways = {"ONNX Runtime float32": partial(by_onnx_runtime, graph), "ONNX Runtime int8": by_onnx_runtime_in_int8}
    if find_spec("openvino") is not None:
        ways |= {"OpenVINO float32": partial(by_openvino, "f32"), "OpenVINO": partial(by_openvino, None)}
    return ways


def _defaults(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What `auto` takes from these figures, for a job of medium length and for a long one."""
    measured = {r["precision"]: r for r in rows if r["precision"] in precision.PRECISIONS}
    plain = [n for n in measured if not n.endswith("compiled")]
    return {"default": precision.fastest(measured, plain), "default_long": precision.fastest(measured, list(measured))}


def _table(document: dict[str, Any]) -> None:
    setting = document["setting"]
    print("{arch}, weights {weights}, {device} ×{threads}, batch {batch}".format(**setting))
    print(f"{'precision':<22} {'images/s':>9} {'ratio':>7} {'smallest cosine':>16} {'first result s':>15}")
    for r in document["rows"]:
        print(
            f"{r['precision']:<22} {r['images_per_s']:>9.1f} {r['ratio']:>7.2f}"
            f" {r['min_cosine']:>16.6f} {r['first_s']:>15.1f}"
        )
    short, long = precision.MEASURE_FROM_IMAGES, precision.COMPILE_FROM_IMAGES
    print(f"auto from {short} images: {document['default']}; from {long}: {document['default_long']}")


if __name__ == "__main__":
    main()
