"""The dynamic encoder as numbers: its form, and its weights as arrays. NumPy only; see `trainer.model` for the formula.

What a model adds for a place and a moment is computed here wherever nothing is trained, so that a question needs no
torch. Nothing here knows files or how the weights were found.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

HIDDEN = 64
Interaction = Literal["none", "diagonal", "full", "untied"]
Activation = Literal["relu", "linear"]
INTERACTIONS: tuple[Interaction, ...] = get_args(Interaction)
ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)


@dataclass(frozen=True, slots=True)
class Form:
    """What a dynamic encoder looks like.

    Attributes:
        hidden: Width of z.
        activation: `relu`, or `linear`: z = W1·m + b1.
        interaction: How the moment meets the tile: `none`; `diagonal`: M is diagonal; `full`; `untied`: full, and what
            it gives lies along directions C of its own. Else C = B.
        rank: Directions r; 0 without interaction.
    """

    hidden: int = HIDDEN
    activation: Activation = "relu"
    interaction: Interaction = "none"
    rank: int = 0


@dataclass(frozen=True, slots=True)
class InteractionWeights:
    """How the moment meets the tile, as arrays, float32: C·M(t)·Bᵀ(O − ō), with M(t) linear in z.

    Attributes:
        basis: B, [d, r], with orthonormal columns.
        out_basis: C, [d, r], the same; `basis` itself where they are tied.
        mean: ō, [d].
        weights: [h, r, r], of z, out, in: M(t) = Σⱼ zⱼ·weights[j]; or, diagonal, [h, r].
    """

    basis: Floats
    out_basis: Floats
    mean: Floats
    weights: Floats

    @property
    def diagonal(self) -> bool:
        """Whether M is."""
        return self.weights.ndim == 2

    @property
    def tied(self) -> bool:
        """Whether C is B."""
        return self.out_basis is self.basis

    def matrix(self, z: Floats) -> Floats:
        """M, float32 [..., r, r], of z, [..., h]."""
        if not self.diagonal:
            return np.tensordot(z, self.weights, 1).astype(np.float32)
        return np.asarray((z @ self.weights)[..., None] * np.eye(self.weights.shape[1]), np.float32)

    def turned(self, z: Floats, o: Floats) -> Floats:
        """C·M·g, float32 [n, d], of z, [n, h] or one row for all, and O, [n, d]."""
        g = (o - self.mean) @ self.basis  # [n, r]
        if self.diagonal:
            along = (z @ self.weights) * g
        elif len(z) == 1:
            along = g @ self.matrix(z[0]).T
        else:
            # one product [n, h·r] × [h·r, r] rather than a matrix for every sample
            pairs = (z[:, :, None] * g[:, None, :]).reshape(len(g), -1)
            along = pairs @ self.weights.transpose(0, 2, 1).reshape(-1, self.weights.shape[1])
        return np.asarray(along @ self.out_basis.T, np.float32)


@dataclass(frozen=True, slots=True)
class EncoderWeights:
    """The place and time encoder as arrays, float32, for whoever factorises it; see `trainer.model` for the formula.

    Attributes:
        w1: [h, m].
        b1: [h].
        w2: [d, h].
        b2: [d].
        activation: `relu`, or `linear`.
        interaction: None: what is added is the same for every tile.
    """

    w1: Floats
    b1: Floats
    w2: Floats
    b2: Floats
    activation: str = "relu"
    interaction: InteractionWeights | None = None

    def hidden(self, m: Floats) -> Floats:
        """z, float32 [n, h], of encoded place and time, [n, m]."""
        z: Floats = m @ self.w1.T + self.b1
        return z if self.activation == "linear" else np.maximum(z, 0)

    def added(self, m: Floats) -> Floats:
        """e, float32 [n, d]: what is added whatever the tile, of encoded place and time, [n, m]."""
        return np.asarray(self.hidden(m) @ self.w2.T + self.b2, np.float32)

    def moved(self, m: Floats, o: Floats) -> Floats:
        """S, float32 [n, d], of encoded place and time, [n, m] or one row for all, and O, [n, d]."""
        s = o + self.added(m)
        return s if self.interaction is None else s + self.interaction.turned(self.hidden(m), o)

    @classmethod
    def of(
        cls, form: Form, stored: Mapping[str, npt.NDArray[np.floating]], *, dim: int, inputs: int
    ) -> "EncoderWeights":
        """The encoder of a checkpoint's tensors.

        Args:
            form: What the checkpoint says of it.
            stored: The tensors, by the names of `trainer.model.DynamicEncoder`.
            dim: d.
            inputs: Numbers of encoded place and time, m.

        Raises:
            ValueError: One is missing, is of another shape, or is none of it.
        """
        h, r = form.hidden, form.rank
        shapes = {"fc1.weight": (h, inputs), "fc1.bias": (h,), "fc2.weight": (dim, h), "fc2.bias": (dim,)}
        if form.interaction != "none":
            moment = (h, r) if form.interaction == "diagonal" else (h, r, r)
            shapes |= {"basis": (dim, r), "mean": (dim,), "moment": moment}
        if form.interaction == "untied":
            shapes["out_basis"] = (dim, r)
        found = {name: array.shape for name, array in stored.items()}
        if found != shapes:
            wrong = sorted(n for n in found.keys() | shapes.keys() if found.get(n) != shapes.get(n))[0]
            raise ValueError(f"{wrong} is {found.get(wrong, 'missing')}, expected {shapes.get(wrong, 'none')}")
        # as they are stored, which is orthonormal: to make them so once more would move their last bits with the
        # number of threads, and a field is made anew where a bit of its encoder is another
        a = {name: np.asarray(array, np.float32) for name, array in stored.items()}
        met = None
        if form.interaction != "none":
            met = InteractionWeights(a["basis"], a.get("out_basis", a["basis"]), a["mean"], a["moment"])
        return cls(a["fc1.weight"], a["fc1.bias"], a["fc2.weight"], a["fc2.bias"], form.activation, met)
