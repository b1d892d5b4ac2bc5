"""Files of weights that others made: read safely, or found on the hub by their tag.

A safetensors file is read as it is; a pickle (`.pt`, `.bin`, `.ckpt`) only as far as tensors and plain containers go,
and refused if it holds anything else. Nothing here knows what the tensors mean (see `convert`).
"""

import os
import pickle
import re
import struct
import urllib.error
import urllib.request
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from trainer.errors import CheckpointError, UnsafeCheckpointError, UsageError, WeightsUnavailableError

HUB_TIMEOUT_S = 5.0
# what the safe unpickler raises on bytes that are no pickle
_BROKEN_PICKLE = (RuntimeError, OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, struct.error)


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read a file of weights.

    Returns:
        Name → tensor on the CPU. A `state_dict` inside is unwrapped, `module.` of data-parallel training cut off.

    Raises:
        UsageError: No such file.
        CheckpointError: Broken, or no weights in it.
        UnsafeCheckpointError: A pickle that would run code.
    """
    if not path.is_file():
        raise UsageError(f"weights {path} are not a file: give a .safetensors, .pt, .bin or .ckpt file")
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    # training code wraps the weights: Lightning under the one name, many others under the other
    for wrapper in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    tensors = _tensors(content)
    if not tensors:
        raise CheckpointError(f"weights {path} hold no tensors: give the file with the model's state dictionary")
    return {k.removeprefix("module."): v for k, v in tensors.items()}


def _tensors(content: Any) -> dict[str, torch.Tensor]:
    if not isinstance(content, Mapping):
        return {}
    return {k: v for k, v in content.items() if isinstance(k, str) and isinstance(v, torch.Tensor)}


def _read_safetensors(path: Path) -> Any:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as e:
        raise CheckpointError(f"weights {path} are broken or cut short ({e}): download them again") from e


def _read_pickle(path: Path) -> Any:
    """Read a torch file with the loader that knows tensors and plain containers only."""
    if _is_torchscript(path):
        raise UnsafeCheckpointError(
            f"{path} is a TorchScript program, not plain weights: use the safetensors of the same model"
        )
    try:
        with warnings.catch_warnings():  # a pickle protocol that torch does not write is read or refused below
            warnings.filterwarnings("ignore", message="Detected pickle protocol", category=UserWarning)
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as e:
        if _is_blocked(e):
            raise UnsafeCheckpointError(
                f"{path} is a pickle that would run code ({_blocked_name(e)}): it is refused"
            ) from None
        raise CheckpointError(f"weights {path} are no torch file, or broken: download them again") from e
    except _BROKEN_PICKLE as e:
        reason = (str(e).splitlines() or [type(e).__name__])[0]
        raise CheckpointError(f"weights {path} are broken or cut short ({reason}): download them again") from e


def _is_blocked(error: Exception) -> bool:
    """Whether torch's safe unpickler met something that it does not allow."""
    return any(
        word in str(error) for word in ("Unsupported global", "Unsupported class", "Unsupported operand", "blocked")
    )


def _blocked_name(error: Exception) -> str:
    """The function or class that the pickle asked for, from torch's message."""
    name = re.search(r"GLOBAL (\S+)", str(error))
    return name[1].strip("`") if name else "something other than tensors"


def _is_torchscript(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as z:
            # a member that `torch.jit.save` writes and `torch.save` does not
            return any(name.endswith("constants.pkl") for name in z.namelist())
    except (zipfile.BadZipFile, OSError):
        return False


def pretrained_file(arch: str, tag: str) -> tuple[Path, dict[str, Any]]:
    """The file of an open_clip pretrained tag, from the local cache or the hub, and open_clip's description of it.

    Raises:
        UsageError: No such tag for this architecture.
        WeightsUnavailableError: Not on this machine, and the hub cannot be reached.
    """
    import open_clip

    entry = open_clip.get_pretrained_cfg(arch, tag)
    if not entry:
        tags = open_clip.list_pretrained_tags_by_model(arch)
        hint = f"use one of {', '.join(tags)}" if tags else "it has none: pass --weights FILE or --random-seed N"
        raise UsageError(f"architecture {arch} has no pretrained tag {tag!r}: {hint}")
    repo, url = _where(entry)
    cached = _cached(repo)
    if cached is None:
        advice = f"download {url} and pass it with --weights FILE"
        if not _reachable(url):
            raise WeightsUnavailableError(
                f"weights {tag!r} of {arch} are not on this machine and {url.split('/')[2]} cannot be reached: {advice}"
            )
        try:
            cached = Path(open_clip.download_pretrained(entry))
        except (OSError, RuntimeError, ValueError) as e:
            first = (str(e).splitlines() or [type(e).__name__])[0][:200]
            raise WeightsUnavailableError(f"weights {tag!r} of {arch} cannot be downloaded ({first}): {advice}") from e
    return cached, dict(entry)


def _where(entry: Mapping[str, Any]) -> tuple[str, str]:
    """Hub repository (or "") and address of the file of a pretrained entry."""
    hub = str(entry.get("hf_hub") or "")
    if not hub:
        return "", str(entry.get("url", ""))
    repo, _, name = hub.rpartition("/")
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    return repo, f"{endpoint}/{repo}/resolve/main/{name or 'open_clip_model.safetensors'}"


def _cached(repo: str) -> Path | None:
    """The file in the hub's local cache, which needs no network."""
    if not repo:
        return None
    from huggingface_hub import try_to_load_from_cache

    for name in ("open_clip_model.safetensors", "open_clip_pytorch_model.bin"):
        found = try_to_load_from_cache(repo, name)
        if isinstance(found, str):
            return Path(found)
    return None


def _reachable(url: str) -> bool:
    """Whether the server answers at all, asked once and briefly: the hub's own client would retry for minutes."""
    # the hub's own switch, in the spellings that it takes
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "TRUE", "YES", "ON"}:
        return False
    request = urllib.request.Request(url, method="HEAD")  # noqa: S310 -- the address comes from open_clip's table
    try:
        with urllib.request.urlopen(request, timeout=HUB_TIMEOUT_S):  # noqa: S310
            return True
    except urllib.error.HTTPError as e:
        return e.code < 500 and e.code not in {403, 407}  # a proxy that refuses is no server that answers
    except (OSError, ValueError):
        return False
