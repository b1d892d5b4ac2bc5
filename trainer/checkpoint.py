"""A checkpoint: one folder that describes itself. Loading needs the folder alone, never a download, never pickle.

    model.safetensors   float tensors under the prefixes overhead. ground. text. encoder., and logit_scale
    meta.json           everything else, see `Meta`
    text/               files of a Hugging Face text tower and tokenizer, only where the model has one
    SHA256SUMS          checksums of all of it; older ones have none

A tower whose weights equal another's is stored once: `TowerSpec.stored_as` names the prefix. The folder is written
under a temporary name and renamed, so it is whole or not there. Nothing here knows how to build a tower or what is in
it.

Format 2; format 1, which knew no interaction of moment and tile, is read too. `model_id` is the hash of the weights and
of whatever changes the vectors: towers, encoding, preprocessing. It does not depend on the name, the training record or
the data card.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from trainer.encoder import ACTIVATIONS, HIDDEN, INTERACTIONS, Activation, Form, Interaction
from trainer.encoding import DIMENSIONS
from trainer.errors import CheckpointError, UsageError
from trainer.preprocess import Preprocess
from trainer.sums import changed_files, write_sums
from trainer.towers import TEXT_FILES, TowerSpec

if TYPE_CHECKING:  # what a question needs of a checkpoint is read without torch
    import torch

FORMAT, VERSION = "groundcast-checkpoint", 2
READABLE = (1, 2)
WEIGHTS, META = "model.safetensors", "meta.json"
EXPORTED = "onnx"  # the text tower without torch, which comes later and looks after itself: see `exported_text`


@dataclass(frozen=True, slots=True)
class Meta:
    """What a checkpoint says about itself.

    Attributes:
        dim: Width of the embedding space, d.
        overhead: The tower of tiles.
        ground: The frozen tower of photos.
        text: The frozen tower of texts.
        overhead_input: Preprocessing of tiles.
        ground_input: Preprocessing of photos.
        encoding: Name of the encoding of place and time; None: no encoder, S = O.
        hidden: Hidden width of the encoder.
        activation: Of its hidden layer, see `trainer.encoder.Form`.
        interaction: How the moment meets the tile, see there.
        rank: Directions of that.
        tile_size_m: Ground size of the tiles it was trained on, metres; None: not trained on tiles.
        gsd_m: Ground sample distance it was trained on, metres; None: not trained on tiles.
        training: The training configuration.
        step: Training steps taken.
        metrics: Name → number, as measured at the end of training.
        data_card: What it was trained on, in words.
        origin: Where the weights come from; has `random_seed` if any of them were drawn on the spot.
        model_id: Set by `write_checkpoint`.
    """

    dim: int
    overhead: TowerSpec
    ground: TowerSpec
    text: TowerSpec
    overhead_input: Preprocess
    ground_input: Preprocess
    encoding: str | None = None
    hidden: int = HIDDEN
    activation: Activation = "relu"
    interaction: Interaction = "none"
    rank: int = 0
    tile_size_m: float | None = None
    gsd_m: float | None = None
    training: dict[str, Any] | None = None
    step: int | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    data_card: dict[str, Any] = field(default_factory=dict)
    origin: dict[str, Any] = field(default_factory=dict)
    model_id: str = ""

    @property
    def form(self) -> Form:
        """Of the encoder."""
        return Form(self.hidden, self.activation, self.interaction, self.rank)


def write_checkpoint(
    folder: Path, meta: Meta, tensors: "Mapping[str, torch.Tensor]", *, text_files: Path | None = None
) -> Meta:
    """Write a checkpoint folder, whole or not at all.

    Args:
        folder: Where; must not exist.
        meta: Its description; `model_id` is computed here.
        tensors: All tensors, named with their prefixes.
        text_files: Folder with a Hugging Face text tower's configuration and tokenizer; its weights are left behind.

    Returns:
        The description as written, with `model_id`.

    Raises:
        UsageError: The folder exists.
        CheckpointError: The disk refuses.
    """
    from safetensors.torch import save_file

    plain = {k: v.detach().to("cpu").contiguous() for k, v in _stored_once(meta, tensors).items()}
    meta = _share_ground(meta, tensors)
    meta = replace(meta, model_id=_model_id(meta, plain))
    _check(folder, meta)
    with new_folder(folder) as part:
        save_file(plain, part / WEIGHTS, metadata={"format": "pt"})
        document = {"format": FORMAT, "format_version": VERSION, **asdict(meta)}
        (part / META).write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")
        if text_files is not None:
            shutil.copytree(text_files, part / TEXT_FILES, ignore=shutil.ignore_patterns(*_WEIGHT_FILES))
        write_sums(part)
    return meta


_BEFORE_RESIZING = {"interpolation": "bicubic", "resize": "squash"}  # of format 2 at first
_BEFORE_INTERACTIONS: dict[str, Any] = {"activation": "relu", "interaction": "none", "rank": 0}  # of format 1
_WEIGHT_FILES = (
    "*.safetensors",
    "*.bin",
    "*.pt",
    "*.pth",
    "*.ckpt",
    "*.h5",
    "*.onnx",
    "*.py",
    "*.msgpack",
    "onnx",
    ".*",
)


def copy_checkpoint(source: Path, folder: Path) -> Meta:
    """Check a checkpoint folder to the last byte and copy it to a folder that does not exist yet."""
    meta = verify(source)
    with new_folder(folder) as part:
        shutil.copytree(source, part, dirs_exist_ok=True)
        write_sums(part, but=EXPORTED)
    return meta


def read_meta(folder: Path) -> Meta:
    """Read what a checkpoint says about itself.

    Raises:
        CheckpointError: No checkpoint, broken, of another program or of a newer format.
    """
    try:
        document = json.loads((folder / META).read_text("utf-8"))
    except FileNotFoundError:
        raise CheckpointError(_what_it_is_instead(folder)) from None
    except (OSError, ValueError) as e:
        raise CheckpointError(f"checkpoint {folder}: {META} cannot be read ({e}): copy the folder again") from e
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise CheckpointError(f"checkpoint {folder}: {META} is not one of groundcast's")
    version = document.get("format_version")
    if version not in READABLE:
        raise CheckpointError(
            f"checkpoint {folder} has format {version}, this program reads {READABLE[-1]} and older: update groundcast"
        )
    if version == 1:
        document = {**_BEFORE_INTERACTIONS, **document}
    try:
        known = {f.name: document[f.name] for f in fields(Meta)}
        for tower in ("overhead", "ground", "text"):
            known[tower] = TowerSpec(**known[tower])
        for part in ("overhead_input", "ground_input"):
            p = _BEFORE_RESIZING | known[part]
            known[part] = Preprocess(**p | {name: tuple(p[name]) for name in ("mean", "std")})
        meta = Meta(**known)
    except (KeyError, TypeError) as e:
        raise CheckpointError(f"checkpoint {folder}: {META} is incomplete ({e}): copy the folder again") from e
    _check(folder, meta)
    return meta


def read_tensors(folder: Path, prefix: str = "") -> "dict[str, torch.Tensor]":
    """Read the tensors under one prefix (`overhead.`), named without it; nothing else is read from the disk.

    Raises:
        CheckpointError: The file is missing or cut short, or has no such tensors.
    """
    return _read(folder, prefix, "pt")


def read_arrays(folder: Path, prefix: str) -> dict[str, npt.NDArray[np.floating]]:
    """The same as `read_tensors` as arrays, without torch; they must be of a type that NumPy knows."""
    return _read(folder, prefix, "np")


def _read(folder: Path, prefix: str, framework: str) -> dict[str, Any]:
    path = folder / WEIGHTS
    try:
        with safe_open(path, framework=framework) as f:
            names = [k for k in f.keys() if k.startswith(prefix)]  # noqa: SIM118 -- it is no mapping
            tensors = {k.removeprefix(prefix): f.get_tensor(k) for k in names}
    except FileNotFoundError:
        raise CheckpointError(f"checkpoint {folder} has no {WEIGHTS}: copy the folder again") from None
    except (SafetensorError, OSError) as e:
        raise CheckpointError(f"checkpoint {folder}: {WEIGHTS} is broken or cut short ({e}): copy it again") from e
    if not tensors:
        raise CheckpointError(f"checkpoint {folder}: {WEIGHTS} has no tensor named {prefix}…: copy the folder again")
    return tensors


def verify(folder: Path) -> Meta:
    """Read all of a checkpoint and compare its hash, and the checksums of its files.

    Raises:
        CheckpointError: Broken, or changed since it was written.
    """
    meta = read_meta(folder)
    found = _model_id(meta, read_tensors(folder))
    if found != meta.model_id:
        raise CheckpointError(
            f"checkpoint {folder} says {meta.model_id}, its content is {found}: it was changed, copy it again"
        )
    if changed := changed_files(folder):
        raise CheckpointError(f"checkpoint {folder}: {', '.join(changed)} was changed: copy it again")
    return meta


def _check(folder: Path, meta: Meta) -> None:
    """Refuse a description that contradicts itself."""
    for name in ("overhead", "ground", "text"):
        spec: TowerSpec = getattr(meta, name)
        if spec.dim != meta.dim:
            raise CheckpointError(
                f"checkpoint {folder}: the {name} tower gives {spec.dim} numbers, the model {meta.dim}"
            )
    if meta.encoding is not None and meta.encoding not in DIMENSIONS:
        raise CheckpointError(f"checkpoint {folder}: encoding {meta.encoding!r} is unknown: update groundcast")
    if meta.activation not in ACTIVATIONS or meta.interaction not in INTERACTIONS:
        raise CheckpointError(
            f"checkpoint {folder}: an encoder of the form {meta.activation!r}, {meta.interaction!r} is unknown: "
            "update groundcast"
        )
    if (meta.interaction == "none") != (meta.rank == 0) or not 0 <= meta.rank <= meta.dim:
        raise CheckpointError(f"checkpoint {folder}: interaction {meta.interaction!r} of rank {meta.rank} cannot be")


def _share_ground(meta: Meta, tensors: "Mapping[str, torch.Tensor]") -> Meta:
    """The ground tower stored as the overhead tower, where both are the same (plain CLIP)."""
    alone = meta.ground.stored_as == "ground"
    same = replace(meta.ground, stored_as="overhead") == meta.overhead and _equal(tensors)
    return replace(meta, ground=replace(meta.ground, stored_as="overhead")) if alone and same else meta


def _stored_once(meta: Meta, tensors: "Mapping[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    shared = _share_ground(meta, tensors).ground.stored_as == "overhead"
    return {k: v for k, v in tensors.items() if not (shared and k.startswith("ground."))}


def _equal(tensors: "Mapping[str, torch.Tensor]") -> bool:
    """Whether the overhead and the ground tower have the same weights."""
    import torch

    ground = {k.removeprefix("ground."): v for k, v in tensors.items() if k.startswith("ground.")}
    overhead = {k.removeprefix("overhead."): v for k, v in tensors.items() if k.startswith("overhead.")}
    return ground.keys() == overhead.keys() and all(torch.equal(v, overhead[k]) for k, v in ground.items())


def _model_id(meta: Meta, tensors: "Mapping[str, torch.Tensor]") -> str:
    """16 hexadecimal digits of SHA-256 over what changes the vectors."""
    keys = {"dim", "overhead", "ground", "text", "overhead_input", "ground_input", "encoding", "hidden"}
    if {k: getattr(meta, k) for k in _BEFORE_INTERACTIONS} != _BEFORE_INTERACTIONS:  # so that older ids stay
        keys |= _BEFORE_INTERACTIONS.keys()
    described = _described(meta, keys)
    for tower in ("overhead", "ground", "text"):
        described[tower].pop("arch")  # a name for people
    return _digest(described, tensors)


def overhead_id(folder: Path) -> str:
    """16 hexadecimal digits over what decides O alone: tower and preprocessing of tiles.

    Where two models have the same, the vectors of a collection can stay, though the moment be another's.

    Raises:
        CheckpointError: It cannot be read.
    """
    meta = read_meta(folder)
    described = _described(meta, {"dim", "overhead", "overhead_input"})
    described["overhead"].pop("arch")
    return _digest(described, read_tensors(folder, f"{meta.overhead.stored_as}."))


def _described(meta: Meta, keys: Container[str]) -> dict[str, Any]:
    """Part of a description, without what older ones do not say: so their ids stay."""
    described = {k: v for k, v in asdict(meta).items() if k in keys}
    for part in ("overhead_input", "ground_input"):
        if part in described:
            described[part] = {k: v for k, v in described[part].items() if _BEFORE_RESIZING.get(k) != v}
    return described


def _digest(described: Mapping[str, Any], tensors: "Mapping[str, torch.Tensor]") -> str:
    import torch

    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder under a temporary name, which takes its own name when the block ends well and is removed when not."""
    if folder.exists():
        raise UsageError(f"{folder} exists: choose another name, or remove it first")
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        part.mkdir(parents=True)
        yield part
        for path in part.rglob("*"):
            if path.is_file():
                _sync(path)
        part.rename(folder)
    except (OSError, SafetensorError) as e:
        raise CheckpointError(f"checkpoint {folder} cannot be written: {e}") from e
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _sync(path: Path) -> None:
    with path.open("rb") as f:
        os.fsync(f.fileno())


def _what_it_is_instead(folder: Path) -> str:
    """Why a folder without `meta.json` is no checkpoint, and what it may be."""
    if not folder.is_dir():
        return f"checkpoint {folder} is not a folder: give the folder that holds {META} and {WEIGHTS}"
    if (folder / "config.json").is_file() or (folder / "open_clip_config.json").is_file():
        return (
            f"{folder} is a folder of the Hugging Face hub: add it with --weights, the authors' Sat2Cap with --sat2cap"
        )
    return f"checkpoint {folder} has no {META}: it is not a groundcast checkpoint, or was copied in part"
