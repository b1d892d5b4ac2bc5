"""Texts that were embedded before, on disk, by model: a question asked again loads no model.

It does not know how a text is embedded.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from diskcache import Cache

Floats = npt.NDArray[np.float32]

LIMIT_BYTES = 256 * 2**20  # 100,000 texts of 512 numbers; the oldest go first


def cached_texts(folder: Path, model_id: str, texts: Sequence[str], embed: Callable[[list[str]], Floats]) -> Floats:
    """Vectors of texts, from the cache where they are there.

    Args:
        folder: Of the cache; made if missing.
        model_id: The model that embeds them: a part of the key, so that models do not mix.
        embed: Embeds those that are not there, float32 [m, d].

    Returns:
        float32 [n, d], as the model gives them.
    """
    with Cache(str(folder), size_limit=LIMIT_BYTES) as cache:
        # the \0 keeps id and text apart: no other pair runs together into the same bytes
        keys = [hashlib.sha256(f"{model_id}\0{text}".encode("utf-8", "surrogatepass")).digest() for text in texts]
        found = [cache.get(key) for key in keys]
        missing = [i for i, value in enumerate(found) if value is None]
        if missing:
            vectors = embed([texts[i] for i in missing])
            for i, vector in zip(missing, vectors, strict=True):
                found[i] = vector.astype("<f4").tobytes()  # little-endian, whatever machine reads the home next
                cache.set(keys[i], found[i])
    return np.stack([np.frombuffer(value, "<f4") for value in found]).astype(np.float32)  # [n, d]
