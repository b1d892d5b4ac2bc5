"""A model's encoder of place and time as a field keeps it: what is stored of a tile, and S of given ones.

    S = O + e + C·M·g,   g = Bᵀ(O − ō),   e = W2·z + b2,   M = Σⱼ zⱼ·Mⱼ,   z = act(W1·m + b1)

(`trainer.model`; in older models M is nothing.) m is affine in p columns of the place (`trainer.encoding`), so a tile
needs those; g, r numbers that say how the moment may turn it; and P, what each of the h features adds to it along O
itself: Pⱼ = O·(W2ⱼ + C·Mⱼ·g), so that P·z = O·(S − O − b2) at every moment.

It does not know how many tiles are scored at once: `place_time` does.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from trainer.encoding import PLACE_COLUMNS, When, place_columns, place_terms
from trainer.errors import UsageError

if TYPE_CHECKING:
    from trainer.encoder import EncoderWeights, InteractionWeights

Floats = npt.NDArray[np.float32]
Degrees = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_TOGETHER = 512  # tiles whose z ⊗ g, [h·r], or CᵀO ⊗ g, [r·r], are held at once: 8 MB


@dataclass(frozen=True)
class Turning:
    """Products of M's weights with the others, which many questions share.

    Attributes:
        exact: M's weights as float64: [h, r, r], or, diagonal, [h, r].
        by_direction: The same with g's part first: [r, h·r], or, diagonal, [h, r].
        inner: CᵀW2, [r, h].
        inner_b2: Cᵀb2, [r].
    """

    exact: npt.NDArray[np.float64]
    by_direction: Floats
    inner: Floats
    inner_b2: Floats


@dataclass(frozen=True)
class FieldEncoder:
    """A model's encoder of place and time.

    Attributes:
        encoding: Name of the encoding, a key of `PLACE_COLUMNS`.
        weights: Its arrays.
    """

    encoding: str
    weights: "EncoderWeights"

    @property
    def hidden(self) -> int:
        """Width between the layers, h."""
        return len(self.weights.b1)

    @property
    def rank(self) -> int:
        """Directions along which the moment turns a tile, r; 0 where it does the same to every tile."""
        met = self.weights.interaction
        return 0 if met is None else met.basis.shape[1]

    @cached_property
    def fingerprint(self) -> str:
        """Changes when any of it does; an older model's stays what it was."""
        w, digest = self.weights, hashlib.sha256(self.encoding.encode())
        arrays = [w.w1, w.b1, w.w2, w.b2]
        if (met := w.interaction) is not None:
            arrays += [met.basis, met.out_basis, met.mean, met.weights]
        for array in arrays:
            digest.update(np.ascontiguousarray(array, dtype=np.float32).tobytes())
        if w.activation != "relu" or met is not None:
            digest.update(f"{w.activation} {[list(array.shape) for array in arrays]}".encode())
        return digest.hexdigest()

    @property
    def places(self) -> int:
        """How many columns the place has, p.

        Raises:
            UsageError: The encoding is not one whose place and time stand apart.
        """
        try:
            return PLACE_COLUMNS[self.encoding]
        except KeyError:
            known = ", ".join(PLACE_COLUMNS)
            raise UsageError(f"encoding {self.encoding!r} cannot be factorised: known are {known}") from None

    @cached_property
    def squares(self) -> tuple[Floats, Floats, np.float32]:
        """G, [h, h]; W2ᵀb2, [h]; ‖b2‖²."""
        # sums of hundreds of products, rounded once
        w2, b2 = (np.asarray(a, np.float64) for a in (self.weights.w2, self.weights.b2))
        return (w2.T @ w2).astype(np.float32), (w2.T @ b2).astype(np.float32), np.float32(b2 @ b2)

    @cached_property
    def turning(self) -> "Turning | None":
        """What M needs of the weights, whatever the question; None where the moment does the same to every tile."""
        met, w2 = self.weights.interaction, self.weights.w2
        if met is None:
            return None
        along = met.out_basis.T  # Cᵀ
        w = met.weights
        by_direction = w if met.diagonal else w.transpose(2, 0, 1).reshape(w.shape[2], -1)
        return Turning(w.astype(np.float64), by_direction, along @ w2, along @ self.weights.b2)

    def place(self, lat: Degrees, lon: Degrees) -> Floats:
        """Place columns, float32 [n, p], of degrees [n]; zeros where they are NaN."""
        known = np.isfinite(lat) & np.isfinite(lon)
        columns = np.zeros((len(lat), self.places), np.float32)
        if known.any():
            columns[known] = place_columns(self.encoding, lat=lat[known], lon=lon[known])
        return columns

    def factors(self, vectors: Floats) -> tuple[Floats, Floats]:
        """Of n tiles, [n, d]: P, [n, h], and O·b2, [n]."""
        factors, met = vectors @ self.weights.w2, self.weights.interaction
        if met is not None:
            factors += _turned_along(met, vectors @ met.out_basis, self.directions(vectors))
        return factors, vectors @ self.weights.b2

    def directions(self, vectors: Floats) -> Floats:
        """Of n tiles, [n, d]: g, float32 [n, r]."""
        met = self.weights.interaction
        if met is None:
            return np.empty((len(vectors), 0), np.float32)
        return np.asarray((vectors - met.mean) @ met.basis, np.float32)

    def at(self, vectors: Floats, place: Floats, placed: Mask, *, when: When) -> Floats:
        """S at a moment, float32 [n, d]; where the encoding has no use for what is known, and without a moment, S = O.

        Args:
            vectors: O, [n, d].
            place: Place columns, [n, p].
            placed: Whether the place is known, [n].
            when: Wall-clock time at the place.
        """
        if when is None:
            return vectors
        z, used = self.features(place, placed, when=when)
        s = vectors + z @ self.weights.w2.T + self.weights.b2
        if (met := self.weights.interaction) is not None:
            s += _turned(met, z, self.directions(vectors)) @ met.out_basis.T
        return np.asarray(np.where(used[:, None], s, vectors), np.float32)

    def alike(self, vectors: Floats, directions: Floats, z: Floats) -> Floats:
        """S of n tiles that all lie where z, [h], is: float32 [n, d], of O, [n, d], and g, [n, r]; see `at`."""
        s = vectors + (self.weights.w2 @ z + self.weights.b2)
        if (met := self.weights.interaction) is not None:
            m = z @ met.weights if met.diagonal else np.tensordot(z, met.weights, 1)
            s += directions @ (met.out_basis * m if met.diagonal else met.out_basis @ m).T
        return np.asarray(s, np.float32)

    def features(self, place: Floats, placed: Mask, *, when: When) -> tuple[Floats, Mask]:
        """z, float32 [n, h], and whether anything is to be added with it, bool [n]; arguments as for `at`."""
        terms = place_terms(self.encoding, [when])
        z = (terms.base[0] + place @ terms.slope[0]) @ self.weights.w1.T + self.weights.b1
        z = np.asarray(z if self.weights.activation == "linear" else np.maximum(z, 0), np.float32)
        used = np.where(placed, terms.usable[0], terms.usable_nowhere[0])
        return z, np.asarray(used & (when is not None), np.bool_)

    def back(self, z: Floats, direction: Floats) -> Floats:
        """What a direction of S, [d], is in O, at n places and moments, z [n, h]: float32 [n, d].

        The moment moves into the query: S·q = O·(q + B·Mᵀ·Cᵀq) + what is the same for all tiles of that place.
        """
        met = self.weights.interaction
        if met is None:
            return np.broadcast_to(direction, (len(z), len(direction)))
        seen = direction @ met.out_basis  # Cᵀq, [r]
        turned = met.weights * seen if met.diagonal else np.einsum("hoi,o->hi", met.weights, seen)  # [h, r]
        moved: Floats = direction + (z @ turned) @ met.basis.T
        return moved


def _turned(met: "InteractionWeights", z: Floats, g: Floats) -> Floats:
    """M·g, [n, r], of z, [n, h], and g, [n, r]."""
    if met.diagonal:
        return np.asarray((z @ met.weights) * g, np.float32)
    if len(z) and (z == z[:1]).all():
        return np.asarray(g @ np.tensordot(z[0], met.weights, 1).T, np.float32)
    flat = met.weights.transpose(0, 2, 1).reshape(-1, g.shape[1])  # [h·r, r]
    out = np.empty_like(g)
    for start in range(0, len(g), _TOGETHER):
        at = slice(start, start + _TOGETHER)
        pairs = z[at, :, None] * g[at, None, :]
        out[at] = pairs.reshape(len(pairs), -1) @ flat
    return out


def _turned_along(met: "InteractionWeights", out: Floats, g: Floats) -> Floats:
    """out·Mⱼ·g of every feature j, [n, h], of out and g, [n, r]."""
    if met.diagonal:
        return np.asarray((out * g) @ met.weights.T, np.float32)
    flat = met.weights.reshape(len(met.weights), -1).T  # [r·r, h]
    found = np.empty((len(g), len(met.weights)), np.float32)
    for start in range(0, len(g), _TOGETHER):
        at = slice(start, start + _TOGETHER)
        pairs = out[at, :, None] * g[at, None, :]
        np.matmul(pairs.reshape(len(pairs), -1), flat, out=found[at])
    return found
