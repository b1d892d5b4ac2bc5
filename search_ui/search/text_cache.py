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

_SUM_BYTES = 16
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
        keys = [hashlib.sha256(f"{model_id}\0{text}\0".encode("utf-8", "surrogatepass")).digest() for text in texts]
        found = [_whole(key, cache.get(key)) for key in keys]
        missing = [i for i, value in enumerate(found) if value is None]
        if missing:
            vectors = embed([texts[i] for i in missing])
            for i, vector in zip(missing, vectors, strict=True):
                value = vector.astype("<f4").tobytes()  # little-endian, whatever machine reads the home next
                cache.set(keys[i], _sum(keys[i], value) + value)
                found[i] = value
    return np.stack([np.frombuffer(value, "<f4") for value in found if value]).astype(np.float32)  # [n, d]


def _whole(key: bytes, kept: bytes | None) -> bytes | None:
    """What is kept behind its checksum, None where it is not what was written: a flipped bit is no other question."""
    if kept is None or kept[:_SUM_BYTES] != _sum(key, kept[_SUM_BYTES:]):
        return None
    return kept[_SUM_BYTES:]


def _sum(key: bytes, value: bytes) -> bytes:
    return hashlib.blake2b(value, key=key, digest_size=_SUM_BYTES).digest()
