"""The vision towers of a checkpoint, ready to run: pixels in, vectors out. Needs torch.

A tower is loaded when it is first needed. May be used from several threads. Nothing here knows texts, places or times.
"""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from trainer import precision as precisions
from trainer.checkpoint import read_tensors
from trainer.errors import UsageError
from trainer.preprocess import Preprocess
from trainer.towers import TowerSpec, load_tower

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

BATCH = 64  # images a forward pass; more gives nothing on a CPU and takes memory
GPU_BATCH = 512  # a large GPU is idle half the time below


@dataclass(frozen=True, slots=True)
class Vision:
    """A vision tower that is ready to run, and the name of its precision."""

    tower: nn.Module
    precision: str


class VisionTowers:
    """Embeds pictures with the towers of one checkpoint.

    Attributes:
        device: Where they run.
        batch: Images a forward pass; halved for good whenever the memory does not suffice.
        expected_images: About how many will come; see `trainer.embedder.Embedder.load`.

    Raises:
        UsageError: An unknown device.
    """

    def __init__(
        self,
        folder: Path,
        model_id: str,
        *,
        device: str | None,
        precision: str,
        expected_images: int | None,
        measurements: Path | None,
    ) -> None:
        self.device = device_of(device)
        self.batch = BATCH if self.device.type == "cpu" else GPU_BATCH
        self.expected_images = expected_images
        self._folder = folder
        self._model_id = model_id
        self._precision = precision
        self._measurements = measurements
        self._towers: dict[str, Vision] = {}  # by prefix of the stored tensors, so a shared tower is loaded once
        self._loading = threading.RLock()

    @torch.inference_mode()
    def embed(self, spec: TowerSpec, expects: Preprocess, batch: Pixels | Sequence[Pixels]) -> Floats:
        """Embed prepared pictures, uint8 [n, 3, px, px] → float32 [n, d], unnormalised."""
        if len(batch) == 0:
            return np.empty((0, spec.dim), np.float32)
        pixels = np.ascontiguousarray(batch if isinstance(batch, np.ndarray) else np.stack(list(batch)))
        shape = (3, expects.size_px, expects.size_px)
        if pixels.dtype != np.uint8 or pixels.shape[1:] != shape:
            raise UsageError(
                f"prepared images must be uint8 [n, {shape}]; these are {pixels.dtype} {list(pixels.shape)}"
            )
        tower = self.tower(spec).tower
        scale, shift = (torch.from_numpy(a).to(self.device) for a in expects.scale_and_shift())  # [3, 1, 1]
        vectors = np.empty((len(pixels), spec.dim), np.float32)
        i = 0
        while i < len(pixels):
            size = self.batch
            try:
                part = torch.from_numpy(pixels[i : i + size]).to(self.device)
                normalised = torch.addcmul(shift, part.float(), scale)  # [n, 3, px, px]
                vectors[i : i + size] = tower(normalised).float().cpu().numpy()
            except RuntimeError as error:
                if not _out_of_memory(error) or size == 1:
                    raise
                self._halve_batch(size, error)
            else:
                i += size
        return vectors

    def _halve_batch(self, size: int, error: Exception) -> None:
        """Goes on with half as many images at a time, now and later. Several threads may find out at once."""
        self.batch = min(self.batch, size // 2)
        logger.warning("%d images at a time are too many for %s, %d now (%s)", size, self.device, self.batch, error)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def tower(self, spec: TowerSpec) -> Vision:
        """The vision tower of a role, loaded on first use."""
        with self._loading:
            if spec.stored_as not in self._towers:
                tower = load_tower(spec, read_tensors(self._folder, f"{spec.stored_as}.")).to(self.device)
                if self.device.type == "cpu":  # a convolution with its channels side by side is twice as fast there
                    tower = tower.to(memory_format=torch.channels_last)
                name = self._resolve(tower, spec.size_px)
                self._towers[spec.stored_as] = Vision(precisions.with_precision(tower, name), name)
                logger.info("loaded the %s tower of %s at %s on %s", spec.stored_as, self._model_id, name, self.device)
            return self._towers[spec.stored_as]

    def _resolve(self, tower: nn.Module, size_px: int) -> str:
        if self._precision != "auto":
            return self._precision
        expected, remembered = self.expected_images, self._measurements
        return precisions.choose(tower, size_px=size_px, expected_images=expected, remembered=remembered)


def _out_of_memory(error: RuntimeError) -> bool:
    """Whether it is about memory; on a CPU torch says so in words only."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def device_of(name: str | None) -> torch.device:
    """The device of that name; None: a GPU if there is one. UsageError where it cannot be used."""
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as e:  # torch asserts that it was built with CUDA
        raise UsageError(f"device {name!r} cannot be used: {(str(e).splitlines() or ['?'])[0]}") from e
    return device
