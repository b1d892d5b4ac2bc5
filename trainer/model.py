"""Sat2Cap: a tile seen from above, and the moment, which changes what is seen there.

    S = O + e + C·M(t)·g        g = Bᵀ(O − ō)
    e = W2·z + b2               M(t) = Σⱼ zⱼ·Mⱼ
    z = relu(W1·m + b1), or W1·m + b1 itself; m the encoded place and time

The overhead tower gives O. The moment adds e to every tile alike, and turns what the tile shows: along r directions
B of the space it may make a beach into bathers in July and into a rough sea in January. M = 0 is the paper's model,
S = O + E. All is added **unnormalised**; who compares normalises. Nothing here knows files, preprocessing or how the
towers are built.
"""

import torch
from torch import nn

from trainer.encoder import Form
from trainer.encoding import DIMENSIONS


class DynamicEncoder(nn.Module):
    """What place and time make of O.

    The last layers are linear in z and stay so: the field factorises them (see `ingest.field.scorer`).

    Args:
        encoding: Name of the encoding, which gives the width of m.
        dim: Width of the embedding space, d.
        form: Its form.
    """

    def __init__(self, encoding: str, dim: int, form: Form | None = None) -> None:
        super().__init__()
        self.encoding, self.form = encoding, form or Form()
        self.mean: torch.Tensor
        self.fc1 = nn.Linear(DIMENSIONS[encoding], self.form.hidden)
        self.fc2 = nn.Linear(self.form.hidden, dim)
        if self.form.interaction != "none":
            self._add_interaction(dim)

    def _add_interaction(self, dim: int) -> None:
        r, h = self.form.rank, self.form.hidden
        self.basis = nn.Parameter(_orthonormal(torch.randn(dim, r)))  # B, [d, r]
        if self.form.interaction == "untied":
            self.out_basis = nn.Parameter(_orthonormal(torch.randn(dim, r)))  # C, [d, r]
        self.register_buffer("mean", torch.zeros(dim))  # ō; in training its part is e's
        shape = (h, r) if self.form.interaction == "diagonal" else (h, r, r)  # z, out, in
        self.moment = nn.Parameter(torch.zeros(shape))  # the paper's model to begin with

    def hidden(self, m: torch.Tensor) -> torch.Tensor:
        """Map encoded place and time, float [n, DIMENSIONS[encoding]], to z, float [n, h]."""
        z: torch.Tensor = self.fc1(m)
        return z if self.form.activation == "linear" else torch.relu(z)

    def forward(self, m: torch.Tensor, o: torch.Tensor) -> torch.Tensor:
        """What is added to O, float [n, d].

        Args:
            m: Encoded place and time, float [n, DIMENSIONS[encoding]]; or one row, the same for all tiles.
            o: O, float [n, d].
        """
        added = self.added(m)  # [n, d]
        return added if self.form.interaction == "none" else added + self.turned(self.hidden(m), o)

    def added(self, m: torch.Tensor) -> torch.Tensor:
        """e, float [n, d]: what is added whatever the tile; of m as in `forward`."""
        e: torch.Tensor = self.fc2(self.hidden(m))
        return e

    def turned(self, z: torch.Tensor, o: torch.Tensor) -> torch.Tensor:
        """C·M·g, float [n, d], of z, float [n, h] or one row for all, and O, float [n, d]."""
        b, c = self.bases()
        g = (o - self.mean) @ b  # [n, r]
        if self.form.interaction == "diagonal":
            return ((z @ self.moment) * g) @ c.T
        if len(z) == 1:
            matrix: torch.Tensor = torch.einsum("h,hoi->oi", z[0], self.moment)
            return g @ matrix.T @ c.T
        # one product [n, h·r] × [h·r, r] rather than a matrix for every sample
        pairs = (z[:, :, None] * g[:, None, :]).flatten(1)  # [n, h·r]
        return (pairs @ self.moment.transpose(1, 2).flatten(0, 1)) @ c.T

    def bases(self) -> tuple[torch.Tensor, torch.Tensor]:
        """B and C, float [d, r] each, with orthonormal columns; the same where they are tied."""
        b = _orthonormal(self.basis)
        return b, _orthonormal(self.out_basis) if self.form.interaction == "untied" else b

    @torch.no_grad()
    def straighten(self) -> None:
        """Store the bases orthonormal, as `bases` has them and files keep them."""
        if self.form.interaction != "none":
            b, c = self.bases()
            self.basis.copy_(b)
            if self.form.interaction == "untied":
                self.out_basis.copy_(c)


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
        return self.at(o, encoded, usable)

    def at(self, o: torch.Tensor, encoded: torch.Tensor | None, usable: torch.Tensor | None = None) -> torch.Tensor:
        """S, float [n, d], of O, float [n, d]; the rest as in `forward`."""
        if self.encoder is None or encoded is None:
            return o
        added: torch.Tensor = self.encoder(encoded, o)  # [n, d]
        return o + (added if usable is None else added * usable[:, None].to(added.dtype))


def _orthonormal(columns: torch.Tensor) -> torch.Tensor:
    """The orthonormal columns nearest in order and sign, float32 [d, r]: those of a QR decomposition."""
    q, r = torch.linalg.qr(columns.float())
    upright: torch.Tensor = q * torch.where(r.diagonal() < 0, -1.0, 1.0)
    return upright
