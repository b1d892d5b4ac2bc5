"""A text tower in torch: where it has not been exported, or cannot be; see `trainer.texts.exported_text`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from trainer.checkpoint import read_tensors
from trainer.towers import TowerSpec, build_tokenizer, load_tower

Floats = npt.NDArray[np.float32]

_AT_ONCE = 64  # texts a forward pass


class TorchText:
    """Embeds texts, float32 [n, d], unnormalised. May be used from several threads."""

    def __init__(self, checkpoint: Path, spec: TowerSpec, device: torch.device) -> None:
        self._tower = load_tower(spec, read_tensors(checkpoint, f"{spec.stored_as}."), checkpoint).to(device)
        self._tokenizer = build_tokenizer(spec, checkpoint)
        self._device = device

    @torch.inference_mode()
    def __call__(self, texts: Sequence[str]) -> Floats:
        """Texts → float32 [n, d], unnormalised."""
        found = []
        for start in range(0, len(texts), _AT_ONCE):
            tokens = self._tokenizer(list(texts[start : start + _AT_ONCE])).to(self._device)
            found.append(self._tower(tokens).float().cpu().numpy())
        return np.concatenate(found)
