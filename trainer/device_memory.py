"""Memory of the GPU that this process computes on; nothing where there is none."""

import torch


def gpu_memory() -> dict[str, int]:
    """Bytes that this process has ``reserved``, its ``peak`` since it began, and the ``total`` of the GPU."""
    if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call] # asking would start CUDA here
        return {}
    _, total = torch.cuda.mem_get_info()
    return {"reserved": torch.cuda.memory_reserved(), "peak": torch.cuda.max_memory_reserved(), "total": total}
