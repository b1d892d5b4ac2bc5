"""The processes of a run: one, or under `torchrun` several that share each batch; and what they tell each other.

Nothing here knows networks, losses or data.
"""

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy

from trainer.errors import SettingsError


def make_fabric(device: str, precision: str) -> Fabric:
    """Device, precision and processes, launched.

    Args:
        device: `auto`, `cpu` or `cuda`.
        precision: `float32`, `bfloat16` (autocast) or `auto`: bfloat16 on a GPU.

    Raises:
        SettingsError: `cuda` without a GPU.
    """
    cuda = torch.cuda.is_available()
    if device == "cuda" and not cuda:
        raise SettingsError("device = 'cuda', but this machine has no GPU that torch can use: use device=auto")
    on_gpu = cuda and device != "cpu"
    exact = precision == "float32" or (precision == "auto" and not on_gpu)
    if on_gpu:
        torch.set_float32_matmul_precision("highest" if exact else "high")
    world, local = (int(os.environ.get(name, "1")) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
    fabric = Fabric(
        accelerator="cuda" if on_gpu else "cpu",
        devices=local,
        num_nodes=world // local,
        strategy=DDPStrategy(timeout=timedelta(hours=6)) if world > 1 else "auto",  # embedding targets takes its time
        precision="32-true" if exact else "bf16-mixed",
    )
    fabric.launch()
    return fabric


def gathered(tensor: torch.Tensor) -> torch.Tensor:
    """Rows of all processes in the order of their ranks, [b, …] → [n, …]; gradients flow back to their owners."""
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return tensor
    rows: torch.Tensor = _Gather.apply(tensor)
    return rows


def agreed(fabric: Fabric, mine: bool) -> bool:
    """What the first process says, in all of them: clocks differ."""
    return mine if fabric.world_size == 1 else bool(fabric.broadcast(mine))


def mean_over(fabric: Fabric, number: torch.Tensor) -> float:
    """The mean of a scalar over the processes."""
    mean = fabric.all_reduce(number)
    assert isinstance(mean, torch.Tensor)  # noqa: S101 -- for the type checker: one tensor in, one out
    return mean.item()


class _Gather(torch.autograd.Function):
    """All rows forward; backward, the sum over processes of the gradients of one's own rows."""

    @staticmethod
    def forward(_: Any, tensor: torch.Tensor) -> torch.Tensor:
        parts = [torch.empty_like(tensor) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, tensor.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(_: Any, *gradients: torch.Tensor) -> torch.Tensor:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return _own(total.chunk(dist.get_world_size()))


def _own(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    return parts[dist.get_rank()]
