"""Sat2Cap: S = O + E. The overhead tower gives O from a tile, the dynamic encoder gives E from place and time.

Both are added **unnormalised**; who compares normalises. Nothing here knows files, preprocessing or how the towers
are built.
"""

import torch
from torch import nn

from trainer.encoding import DIMENSIONS

HIDDEN = 64


class DynamicEncoder(nn.Module):
    """E = W2·relu(W1·m + b1) + b2, with m the encoded place and time.

    The last layer is linear and stays so: the field factorises it (see `ingest.field.scorer`).

    Args:
        encoding: Name of the encoding, which gives the width of m.
        dim: Width of the embedding space, d.
        hidden: Width between the layers.
    """

    def __init__(self, encoding: str, dim: int, *, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.encoding = encoding
        self.fc1 = nn.Linear(DIMENSIONS[encoding], hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, m: torch.Tensor) -> torch.Tensor:
        """Map encoded place and time, float [n, DIMENSIONS[encoding]], to E, float [n, d]."""
        e: torch.Tensor = self.fc2(torch.relu(self.fc1(m)))
        return e


class Sat2Cap(nn.Module):
    """Predicts the CLIP embedding of the scene on the ground from an overhead tile, and place and time if given.

    Args:
        overhead: Vision tower: float [n, 3, px, px] → [n, d].
        encoder: Encoder of place and time, or None for a model without one.
    """

    def __init__(self, overhead: nn.Module, encoder: DynamicEncoder | None = None) -> None:
        super().__init__()
        self.overhead = overhead
        self.encoder = encoder

    def forward(
        self, tiles: torch.Tensor, encoded: torch.Tensor | None = None, usable: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return S, float [n, d], unnormalised.

        Args:
            tiles: Normalised overhead tiles, float [n, 3, px, px].
            encoded: Encoded place and time, float [n, m]; None: S = O.
            usable: bool [n]; where False, S = O. None: all are usable.
        """
        o: torch.Tensor = self.overhead(tiles)  # [n, d]
        if self.encoder is None or encoded is None:
            return o
        e: torch.Tensor = self.encoder(encoded)  # [n, d]
        return o + (e if usable is None else e * usable[:, None].to(e.dtype))
