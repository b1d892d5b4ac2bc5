"""How exactly a vision tower computes: float32, or something faster whose vectors are nearly the same.

| name | what | for |
|---|---|---|
| `float32` | as trained | the yardstick |
| `bfloat16` | linear layers multiply in bfloat16, everything between is float32 | CPUs with AVX512-BF16 or AMX, GPUs |
| `int8` | those products in int8: weights scaled by output channel, inputs by token as they come | CPUs |
| `compiled`, `bfloat16-compiled`, `int8-compiled` | the same, each block through `torch.compile` | long jobs |
| `auto` | the fastest of them with a cosine ≥ .9999 to float32 here; see `choose` | the default |

Attention is split into explicit linear layers for bfloat16 and int8, so that these products too are fast. Nothing
here knows checkpoints or files but one: the measurements that `choose` remembers.
"""

import copy
import hashlib
import json
import logging
import os
import platform
import time
from pathlib import Path
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import nn

from trainer.errors import UsageError

logger = logging.getLogger(__name__)

PRECISIONS = ("float32", "compiled", "bfloat16", "bfloat16-compiled", "int8", "int8-compiled")
MIN_COSINE = 0.9999  # of a precision that `auto` may choose, over the probes
MEASURE_FROM_IMAGES = 500  # shorter jobs are over before a measurement is
COMPILE_FROM_IMAGES = 5000  # shorter jobs do not win back the time of compiling
_PROBES = 16
_ROUNDS = 3

Measured: TypeAlias = dict[str, dict[str, float]]


class _Bfloat16Linear(nn.Module):
    """A linear layer that multiplies in bfloat16 (sums in float32 inside the product) and answers in float32."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.detach().bfloat16(), requires_grad=False)
        self.bias = None if bias is None else nn.Parameter(bias.detach().bfloat16(), requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float [..., in] → float32 [..., out]."""
        return F.linear(x.bfloat16(), self.weight, self.bias).float()


class _Int8Linear(nn.Module):
    """A linear layer that multiplies in int8: one scale per output channel, one per row of the input (a token)."""

    weight: torch.Tensor
    scale: torch.Tensor
    bias: torch.Tensor

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        super().__init__()
        weight = weight.detach()
        # symmetric, without −128: a product of two numbers then needs its scale alone, no zero point
        scale = weight.abs().amax(dim=1).clamp(min=1e-12) / 127  # [out]
        self.register_buffer("weight", (weight / scale[:, None]).round().to(torch.int8).t().contiguous())  # [in, out]
        self.register_buffer("scale", scale)
        self.register_buffer("bias", torch.zeros_like(scale) if bias is None else bias.detach().clone())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float [..., in] → float32 [..., out]."""
        rows = x.reshape(-1, x.shape[-1])  # [tokens, in]
        row_scale = rows.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / 127  # [tokens, 1]
        quantised = (rows / row_scale).round_().to(torch.int8)
        # torch's int8 product with int32 sums, for which it has no public name
        product = torch._int_mm(quantised, self.weight)  # int32 [tokens, out]
        return torch.addcmul(self.bias, product * row_scale, self.scale).view(*x.shape[:-1], -1)


_Linear: TypeAlias = type[_Bfloat16Linear] | type[_Int8Linear]


class _SplitAttention(nn.Module):
    """`nn.MultiheadAttention` (batch first) with its projections as replaceable linear layers."""

    def __init__(self, attention: nn.MultiheadAttention, linear: _Linear) -> None:
        super().__init__()
        assert attention.in_proj_weight is not None  # noqa: S101 -- _splittable saw to it
        self.heads = attention.num_heads
        self.qkv = linear(attention.in_proj_weight, attention.in_proj_bias)
        self.out = linear(attention.out_proj.weight, attention.out_proj.bias)

    def forward(
        self,
        x: torch.Tensor,
        _key: torch.Tensor,
        _value: torch.Tensor,
        need_weights: bool = False,  # noqa: ARG002 -- the signature of what it replaces
        attn_mask: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, None]:
        """Self-attention of x, float [n, tokens, width]; key and value are x itself in a vision tower."""
        n, tokens, width = x.shape
        q, k, v = self.qkv(x).view(n, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=attn_mask)  # [n, heads, tokens, width/heads]
        return self.out(mixed.transpose(1, 2).reshape(n, tokens, width)), None


def with_precision(tower: nn.Module, name: str) -> nn.Module:
    """Change a vision tower in place to compute at a precision of `PRECISIONS`, and return it.

    Raises:
        UsageError: An unknown precision, or int8 on a GPU.
    """
    if name not in PRECISIONS:
        raise UsageError(f"precision {name!r} is unknown: use one of auto, {', '.join(PRECISIONS)}")
    device = next(tower.parameters()).device
    if name.startswith("int8") and device.type != "cpu":
        raise UsageError(f"precision {name} is for the CPU, this model is on {device}: use bfloat16, or --device cpu")
    if name.startswith("bfloat16"):
        _replace_linear(tower, _Bfloat16Linear)
    elif name.startswith("int8"):
        _replace_linear(tower, _Int8Linear)
    if name.endswith("compiled"):
        _compile(tower)
    return tower


def sharing_copy(tower: nn.Module, name: str) -> nn.Module:
    """A copy of a float32 tower at another precision; the weights that stay as they are exist once in memory."""
    # a memo that holds the parameters already: `deepcopy` takes them for copied and shares them
    return with_precision(copy.deepcopy(tower, {id(p): p for p in tower.parameters()}), name)


def _replace_linear(module: nn.Module, linear: _Linear) -> None:
    for name, child in list(module.named_children()):
        # replaced whole: it hands `out_proj.weight` to a function and never calls that layer
        if isinstance(child, nn.MultiheadAttention):
            if _splittable(child):
                setattr(module, name, _SplitAttention(child, linear))
        elif isinstance(child, nn.Linear):
            setattr(module, name, linear(child.weight, child.bias))
        else:
            _replace_linear(child, linear)


def _splittable(attention: nn.MultiheadAttention) -> bool:
    """Whether it is plain self-attention over one width; a pooler's is not, and stays in float32."""
    return attention.in_proj_weight is not None and attention.batch_first and attention.bias_k is None


def _compile(tower: nn.Module) -> None:
    """Compile block by block: all share one piece of code, which takes a third of the time of the whole tower."""
    blocks = getattr(getattr(tower, "transformer", None), "resblocks", None)
    for block in [tower] if blocks is None else blocks:
        block.compile(dynamic=True)  # any batch size


def choose(tower: nn.Module, *, size_px: int, expected_images: int | None, remembered: Path | None = None) -> str:
    """The fastest precision on this machine with a cosine ≥ .9999 to float32 in every probe; what `auto` stands for.

    Short jobs take float32 without measuring, unless a measurement is remembered. The rule, whole: candidates are
    float32, bfloat16 and int8 from 500 expected images on, and the compiled ones besides from 5,000 on; each embeds
    the same 16 probes a few times in turn; those whose smallest cosine is below .9999 fall out; the fastest of the
    rest is taken.

    Args:
        tower: A float32 vision tower; not changed.
        size_px: Side of its square input, pixels.
        expected_images: About how many images the job has; None: unknown, so short.
        remembered: JSON file of earlier measurements, made if missing; None: nothing is remembered. One file serves
            many models and machines.
    """
    expected = expected_images or 0
    long = expected >= COMPILE_FROM_IMAGES
    key = _machine_and_tower(tower, size_px)
    table = _read_table(remembered)
    known = table.get(key, {})
    if expected < MEASURE_FROM_IMAGES and not known:
        return "float32"
    names = [n for n in candidates(tower) if long or not n.endswith("compiled")]
    if expected >= MEASURE_FROM_IMAGES and not set(names) <= set(known):
        known = measure(tower, size_px=size_px, names=names)
        _remember(remembered, {**table, key: known})
    return fastest(known, names)


def candidates(tower: nn.Module) -> list[str]:
    """The precisions that the tower's device has."""
    on_cpu = next(tower.parameters()).device.type == "cpu"
    return [n for n in PRECISIONS if on_cpu or not n.startswith("int8")]


def fastest(measured: Measured, names: list[str]) -> str:
    """The fastest measured precision that is exact enough; float32 if there is none."""
    exact = {n: measured[n]["images_per_s"] for n in names if n in measured and measured[n]["min_cosine"] >= MIN_COSINE}
    return max(exact, key=lambda n: exact[n], default="float32")


@torch.inference_mode()
def measure(
    tower: nn.Module, *, size_px: int, names: list[str], rounds: int = _ROUNDS, batch: int = _PROBES
) -> Measured:
    """Images/s (best round, rounds interleaved) and smallest cosine to float32 of each precision, on the same probes.

    A precision that cannot run here, such as a compiled one without a C++ compiler, is left out and logged. The
    returned order is that of `names`.
    """
    device = next(tower.parameters()).device
    images = probes(batch, size_px).to(device)
    exact = tower(images)
    variants: dict[str, nn.Module] = {}
    cosines: dict[str, float] = {}
    for name in names:
        variant = sharing_copy(tower, name)
        try:
            cosines[name] = float(F.cosine_similarity(variant(images).double(), exact.double()).min())
        except (RuntimeError, NotImplementedError, OSError) as e:
            logger.warning("precision %s cannot run here: %s", name, (str(e).splitlines() or [repr(e)])[0])
            continue
        variants[name] = variant
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    # in turn, so that a busy moment of the machine hits all alike; the best round is the one least disturbed
    for _ in range(rounds):
        for name, variant in variants.items():
            seconds[name].append(_seconds(variant, images))
    return {n: {"images_per_s": round(batch / min(s), 3), "min_cosine": cosines[n]} for n, s in seconds.items()}


def _seconds(tower: nn.Module, images: torch.Tensor) -> float:
    start = time.perf_counter()
    tower(images)
    if images.is_cuda:
        # a GPU's calls return before the work is done
        torch.cuda.synchronize(images.device)
    return time.perf_counter() - start


def probes(n: int, size_px: int) -> torch.Tensor:
    """n normalised images, float32 [n, 3, size_px, size_px], always the same: noise from flat and smooth to fine."""
    draw = torch.Generator().manual_seed(0)
    images = []
    for i in range(n):
        cells = min(2 ** (i % 8), size_px)  # 1 (a flat colour), 2, 4 … 128 cells a side
        coarse = torch.randn(1, 3, cells, cells, generator=draw)
        images.append(F.interpolate(coarse, (size_px, size_px), mode="bilinear", align_corners=False)[0])
    return torch.stack(images)


def _machine_and_tower(tower: nn.Module, size_px: int) -> str:
    """What a measurement depends on: processor, threads, torch, and the tower with its weights."""
    device = next(tower.parameters()).device
    machine = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{_cpu()} ×{torch.get_num_threads()}"
    digest = hashlib.sha256()
    for name, p in tower.named_parameters():  # a sum a tensor tells towers apart, and takes milliseconds
        digest.update(f"{name} {list(p.shape)} {float(p.detach().double().sum()):.9e}".encode())
    return f"{machine} | torch {torch.__version__} | {size_px} px {digest.hexdigest()[:16]}"


def _cpu() -> str:
    """The processor: its name and a hash of its instruction sets, where the system tells them."""
    name, flags = platform.processor() or platform.machine(), torch.backends.cpu.get_cpu_capability()
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return f"{name} {flags}"
    # reversed: /proc/cpuinfo repeats itself for every core, and the first one stays
    facts = dict(reversed([[s.strip() for s in line.split(":", 1)] for line in lines if ":" in line]))
    sets = hashlib.sha256(facts.get("flags", flags).encode()).hexdigest()[:8]
    return f"{facts.get('model name', name)} {sets}"


def _read_table(path: Path | None) -> dict[str, Measured]:
    """Earlier measurements; a broken or missing file is none, for it can always be measured again."""
    try:
        table = json.loads(path.read_text("utf-8")) if path else {}
    except (OSError, ValueError):
        return {}
    return table if isinstance(table, dict) else {}


def _remember(path: Path | None, table: dict[str, Measured]) -> None:
    if path is None:
        return
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(json.dumps(table, indent=2, ensure_ascii=False) + "\n", "utf-8")
        part.replace(path)
    except OSError as e:
        logger.warning("measurements cannot be kept in %s: %s", path, e)
