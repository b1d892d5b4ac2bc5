"""Which photos show the same picture: the same bytes, or embeddings that are nearly the same.

A photo is compared with those of its shard that are kept, which are its photographer's among others, and one for
training with all that were held out too. So a copy by somebody else, in another shard of the same split, is not found.
It does not know where photos come from.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from trainer.embedder import Embedder

DIGEST = 16  # bytes
_BLOCK = 20_000  # held-out vectors at a time, as float32

Floats = npt.NDArray[np.float32]


class HeldOut:
    """The photos that training must not see, on disk.

    Args:
        folder: For each shard `Kept.keep_out` wrote NAME.digests, of 16 bytes a photo, and, where a model compares,
            NAME.npy, unit vectors, float16 [n, d].
    """

    def __init__(self, folder: Path) -> None:
        self._parts = [np.load(file, mmap_mode="r") for file in sorted(folder.glob("*.npy"))]
        held = (file.read_bytes() for file in sorted(folder.glob("*.digests")))
        self._digests = {all_[i : i + DIGEST] for all_ in held for i in range(0, len(all_), DIGEST)}

    def __contains__(self, digest: bytes) -> bool:
        """Whether a file of these bytes was held out."""
        return digest in self._digests

    def nearest(self, vectors: Floats) -> Floats:
        """Largest cosine [n] of each unit vector [n, d] with any of them; −1 where there are none."""
        best = np.full(len(vectors), -1, np.float32)
        for part in self._parts:
            for start in range(0, len(part), _BLOCK):
                some = np.asarray(part[start : start + _BLOCK], np.float32)
                best = np.maximum(best, (vectors @ some.T).max(axis=1))
        return best


class Kept:
    """The photos of one shard that are kept so far.

    Args:
        embedder: Of the model that compares; None: bytes are compared.
        above: Cosine from which two photos are one.
        held_out: Whom none of them may be like; None: nobody.
    """

    def __init__(self, embedder: "Embedder | None", above: float, held_out: HeldOut | None) -> None:
        self._embedder, self._above, self._held_out = embedder, above, held_out
        self._digests: set[bytes] = set()
        self.vectors: list[Floats] = []

    def refused(self, digests: Sequence[bytes], pixels: Sequence[npt.NDArray[np.uint8] | None]) -> list[str]:
        """Why each of some photos is not kept, empty for those that are: same_picture, near_identical, held_out."""
        reasons = []
        for digest in digests:
            held_out = self._held_out is not None and digest in self._held_out
            reasons.append("same_picture" if digest in self._digests else "held_out" if held_out else "")
            self._digests.add(digest)
        fresh = [row for row, reason in enumerate(reasons) if not reason]
        if self._embedder is None or not fresh:
            return reasons
        vectors = self._embedder.embed_prepared_photos([p for row in fresh if (p := pixels[row]) is not None])
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        outside = self._held_out.nearest(vectors) if self._held_out else np.full(len(fresh), -1)
        before = np.stack(self.vectors) if self.vectors else vectors[:0]
        known, among = (vectors @ before.T).max(axis=1, initial=-1), vectors @ vectors.T
        kept: list[int] = []
        for i, row in enumerate(fresh):
            # of its own batch only those count that stand before it and are kept
            if max(known[i], among[i, kept].max(initial=-1)) > self._above:
                reasons[row] = "near_identical"
            elif outside[i] > self._above:
                reasons[row] = "held_out"
            else:
                kept.append(i)
        self.vectors += list(vectors[kept])
        return reasons

    def keep_out(self, folder: Path, name: str) -> None:
        """Write the photos down as held out, under a name of their shard."""
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.digests").write_bytes(b"".join(sorted(self._digests)))
        if self._embedder is not None:
            # [0, d] where none is kept
            vectors = np.array(self.vectors, np.float16).reshape(len(self.vectors), self._embedder.dim)
            np.save(folder / f"{name}.npy", vectors)
