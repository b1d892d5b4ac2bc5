"""Files of weights that others made: read safely, or found on the hub by their tag.

A safetensors file is read as it is; a pickle (`.pt`, `.bin`, `.ckpt`) only as far as tensors and plain containers go,
and refused if it holds anything else; an index (`model.safetensors.index.json`) with all parts that it names. Nothing
here knows what the tensors mean (see `convert`).
"""

import json
import os
import pickle
import re
import struct
import urllib.error
import urllib.request
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from trainer.errors import CheckpointError, UnsafeCheckpointError, UsageError, WeightsUnavailableError, reason
from trainer.weights.kinds import kind_of
from trainer.weights.pickles import pickle_in

HUB_TIMEOUT_S = 5.0
_OF_TENSORS = re.compile(r"torch\.(?:_utils\._rebuild_\w+|(?:storage\.)?\w+Storage)")
_TORCH_PROTOCOL = 2  # of pickle, which `torch.save` writes and the safe loader reads
# what the safe unpickler raises on bytes that are no pickle
_BROKEN_PICKLE = (RuntimeError, OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, struct.error)
# training code wraps the weights: Lightning and open_clip under the first name, DeepSpeed under the last
_WRAPPERS = ("state_dict", "model_state_dict", "model", "module")
_OF_FOLDERS = (  # as the hub's libraries name them; open_clip's first, which need no renaming
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.bin",
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
_ENDINGS = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")


def weights_file(path: Path) -> Path:
    """The file of weights that is meant: the path itself, or in a folder the one under a known name, or the only one.

    Raises:
        UsageError: There is no such file or folder.
        CheckpointError: The folder has no file of weights, or several.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise UsageError(f"weights {path} are not a file: give a .safetensors, .pt, .bin or .ckpt file, or a folder")
    known = next((path / name for name in _OF_FOLDERS if (path / name).is_file()), None)
    if known is not None:
        return known
    found = sorted(p for p in path.iterdir() if p.suffix in _ENDINGS and p.is_file())
    if len(found) != 1:
        what = f"several files of weights ({', '.join(p.name for p in found[:5])})" if found else "no file of weights"
        raise CheckpointError(f"folder {path} has {what}: give the file, such as {path / _OF_FOLDERS[2]}")
    return found[0]


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read a file of weights.

    Args:
        path: The file, the index of several, or the folder that holds it.

    Returns:
        Name → tensor on the CPU. A `state_dict` inside is unwrapped, `module.` of data-parallel training cut off.

    Raises:
        UsageError: No such file.
        CheckpointError: Broken, or no weights in it: the message says what it is.
        UnsafeCheckpointError: A pickle that would run code.
    """
    path = weights_file(path)
    content = _read(path)
    while isinstance(content, Mapping) and (inner := _unwrapped(content)) is not None:
        content = inner
    tensors = _tensors(content)
    if not tensors:
        raise CheckpointError(f"weights {path} hold no tensors: give the file with the model's state dictionary")
    return {k.removeprefix("module."): v for k, v in tensors.items()}


def _read(path: Path) -> Any:
    kind = kind_of(path)
    if kind == "index":
        return _read_parts(path)
    return _read_safetensors(path) if kind == "safetensors" else _read_pickle(path)


def _unwrapped(content: Mapping[Any, Any]) -> Mapping[Any, Any] | None:
    return next((content[name] for name in _WRAPPERS if isinstance(content.get(name), Mapping)), None)


def _tensors(content: Any) -> dict[str, torch.Tensor]:
    if not isinstance(content, Mapping):
        return {}
    return {k: v for k, v in content.items() if isinstance(k, str) and isinstance(v, torch.Tensor)}


def _read_parts(index: Path) -> dict[str, torch.Tensor]:
    """All tensors of a model in several files, as the index beside them says which lies where."""
    where: dict[str, str] = json.loads(index.read_text("utf-8-sig"))["weight_map"]
    names = sorted({str(name) for name in where.values()})
    if any(Path(name).name != name for name in names):
        raise CheckpointError(f"index {index} names files in other folders ({names[0]}): put the parts beside it")
    absent = [name for name in names if not (index.parent / name).is_file()]
    if absent:
        raise CheckpointError(
            f"{index} is the index of a model in {len(names)} files, no weights itself: "
            f"download {', '.join(absent[:3])}{' …' if len(absent) > 3 else ''} into {index.parent} too"
        )
    tensors: dict[str, torch.Tensor] = {}
    for name in names:
        tensors |= _tensors(_read(index.parent / name))
    lacking = sorted(where.keys() - tensors.keys())
    if lacking:
        raise CheckpointError(
            f"{index.parent / where[lacking[0]]} lacks {lacking[0]}, which {index.name} says is there: "
            "download both again"
        )
    return tensors


def _read_safetensors(path: Path) -> Any:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as e:
        raise CheckpointError(f"weights {path} are broken or cut short ({reason(e)}): download them again") from e


def _read_pickle(path: Path) -> Any:
    """Read a torch file with the loader that knows tensors and plain containers only."""
    try:
        # opened here: given a path, torch goes by its ending
        with path.open("rb") as file, warnings.catch_warnings():
            # a pickle protocol that torch does not write is read, or refused below
            warnings.filterwarnings("ignore", message="Detected pickle protocol", category=UserWarning)
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as e:
        if not _is_blocked(e):
            raise CheckpointError(f"weights {path} are no torch file, or broken: download them again") from e
        found = pickle_in(path)
        odd = [] if found is None else [name for name in found.calls if not _OF_TENSORS.fullmatch(name)]
        if found is not None and found.protocol > _TORCH_PROTOCOL and not odd:
            raise CheckpointError(
                f"{path} is written in pickle protocol {found.protocol}, which is not read here: load it where it came "
                f"from, and save it with `torch.save(…, pickle_protocol={_TORCH_PROTOCOL})`"
            ) from None
        name = _blocked_name(e) or next(iter(odd), "something other than tensors")
        raise UnsafeCheckpointError(f"{path} is a pickle that would run code ({name}): it is refused") from None
    except _BROKEN_PICKLE as e:
        raise CheckpointError(f"weights {path} are broken or cut short ({reason(e)}): download them again") from e


def _is_blocked(error: Exception) -> bool:
    """Whether torch's safe unpickler met something that it does not allow."""
    return any(
        word in str(error) for word in ("Unsupported global", "Unsupported class", "Unsupported operand", "blocked")
    )


def _blocked_name(error: Exception) -> str:
    """The function or class that the pickle asked for, from torch's message; empty where it names none."""
    name = re.search(r"GLOBAL (\S+)", str(error))
    return name[1].strip("`") if name else ""


def tag_entry(arch: str, tag: str) -> dict[str, Any]:
    """What open_clip's table says of the weights under a pretrained tag.

    Raises:
        UsageError: No such tag for this architecture.
    """
    import open_clip

    entry = open_clip.get_pretrained_cfg(arch, tag)
    if not entry:
        tags = open_clip.list_pretrained_tags_by_model(arch)
        hint = f"use one of {', '.join(tags)}" if tags else "it has none: pass --weights FILE or --random-seed N"
        raise UsageError(f"architecture {arch} has no pretrained tag {tag!r}: {hint}")
    return dict(entry)


def pretrained_file(arch: str, tag: str) -> Path:
    """The file of an open_clip pretrained tag, from the local cache or the hub.

    Raises:
        UsageError: No such tag for this architecture.
        WeightsUnavailableError: Not on this machine, and the hub cannot be reached.
    """
    import open_clip

    entry = tag_entry(arch, tag)
    repo, url = _where(entry)
    cached = _cached(repo)
    if cached is None:
        # the tag beside the file: a file under the hub's common name does not say whose it is
        advice = f"download {url} and pass it with --pretrained {tag} --weights FILE"
        if not _reachable(url):
            raise WeightsUnavailableError(
                f"weights {tag!r} of {arch} are not on this machine and {url.split('/')[2]} cannot be reached: {advice}"
            )
        try:
            cached = Path(open_clip.download_pretrained(entry))
        except (OSError, RuntimeError, ValueError) as e:
            raise WeightsUnavailableError(
                f"weights {tag!r} of {arch} cannot be downloaded ({reason(e)[:200]}): {advice}"
            ) from e
    return cached


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
