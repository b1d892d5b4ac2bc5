"""Adding models: makes a checkpoint folder of an open_clip model, of another checkpoint or of the authors' files.

These are the functions behind `groundcast model add`. A folder is written whole or not at all. Nothing here knows where
checkpoints are kept or what they are called.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from trainer.checkpoint import Meta, copy_checkpoint, read_tensors, write_checkpoint
from trainer.encoding import DIMENSIONS
from trainer.errors import CheckpointError, UsageError
from trainer.preprocess import SAT2CAP_MEAN, SAT2CAP_STD, Preprocess
from trainer.towers import TowerSpec, load_tower, packed_text
from trainer.weights.clip import Clip, read_clip
from trainer.weights.convert import AuthorsModel, read_authors

AUTHORS_TEACHER = "ViT-B-32-quickgelu"  # OpenAI weights need QuickGELU
AUTHORS_TILE_M, AUTHORS_GSD_M = 480.0, 0.6  # 800 px


def add_open_clip(
    target: Path,
    arch: str | None = None,
    *,
    pretrained: str | None = None,
    weights: Path | None = None,
    random_seed: int | None = None,
) -> Meta:
    """Make a checkpoint of an open_clip model; tiles and photos share its vision tower.

    Args:
        target: The folder to write; must not exist.
        arch: A name of open_clip's, or the path of a JSON configuration; None: what stands beside the weights says it.
        pretrained: Tag of open_clip's; from the local cache or the hub.
        weights: File or folder with open_clip, Hugging Face or OpenAI names; beside a tag, the file of that tag.
        random_seed: Draw the weights on the spot, in place of either.

    Raises:
        UsageError: Neither weights nor a seed, or both, or an unknown architecture or tag.
        CheckpointError: The weights do not fit; see also its subclasses.
    """
    _refuse_existing(target)
    clip = read_clip(arch, pretrained, weights, random_seed)
    meta = Meta(
        dim=clip.vision.dim,
        overhead=clip.vision,
        ground=clip.vision,
        text=clip.text,
        overhead_input=clip.pixels,
        ground_input=clip.pixels,
        origin={"kind": "open_clip", **clip.origin},
    )
    return _write(target, meta, clip.tensors)


def add_checkpoint(target: Path, source: Path) -> Meta:
    """Copy a checkpoint folder, checked to the last byte; CheckpointError where it cannot embed tiles and texts."""
    _refuse_existing(target)
    for tower in ("overhead.", "text."):  # a model that is packed for a release may have its text tower elsewhere
        read_tensors(source, tower)
    return copy_checkpoint(source, target)


def add_sat2cap(
    target: Path,
    path: Path,
    *,
    teacher: str = AUTHORS_TEACHER,
    pretrained: str | None = None,
    weights: Path | None = None,
    random_seed: int | None = None,
) -> Meta:
    """Make a checkpoint of the authors' Hub folder or Lightning file.

    The text tower, and for a Hub folder the photo tower, are the teacher's, which the authors' files do not hold.

    Args:
        target: The folder to write; must not exist.
        path: The authors' folder or file.
        teacher: Architecture of the frozen CLIP beside it, as `arch` of `add_open_clip`.
        pretrained: The teacher's tag; `openai` if none of the three is given.
        weights: The teacher's weights file, in place of a tag.
        random_seed: Draw the teacher's weights on the spot, in place of either.
    """
    _refuse_existing(target)
    authors = read_authors(path)
    if pretrained is None and weights is None and random_seed is None:
        pretrained = "openai"
    clip = read_clip(teacher, pretrained, weights, random_seed)
    if clip.vision.dim != authors.dim:
        raise CheckpointError(
            f"{path} embeds to {authors.dim} numbers, its teacher {teacher} to {clip.vision.dim}: name another"
        )
    return _write(target, _sat2cap_meta(authors, clip), _sat2cap_tensors(authors, clip))


def _sat2cap_meta(authors: AuthorsModel, clip: Clip) -> Meta:
    overhead = TowerSpec("vision", "sat2cap", authors.dim, authors.quick_gelu, authors.vision_cfg, "overhead")
    ground = overhead if authors.ground is not None else clip.vision
    return Meta(
        dim=authors.dim,
        overhead=overhead,
        # stored apart even if it is the teacher's tower: tiles and photos go through different weights here
        ground=replace(ground, stored_as="ground"),
        text=clip.text,
        # their tiles were normalised with statistics of their own, their photos with CLIP's, and squashed
        overhead_input=Preprocess(overhead.size_px, SAT2CAP_MEAN, SAT2CAP_STD),
        ground_input=replace(clip.pixels, size_px=ground.size_px, resize="squash"),
        encoding="sat2cap" if authors.encoder else None,
        hidden=authors.encoder["fc1.weight"].shape[0] if authors.encoder else 64,
        tile_size_m=AUTHORS_TILE_M,
        gsd_m=AUTHORS_GSD_M,
        data_card={"pairs": "6.1 M of YFCC100M without the US", "paper": "Sat2Cap, CVPR EarthVision 2024"},
        origin={"kind": "sat2cap", "layout": authors.layout, "teacher": clip.origin} | _seed_of(clip),
    )


def _sat2cap_tensors(authors: AuthorsModel, clip: Clip) -> dict[str, torch.Tensor]:
    teacher_vision = {k.removeprefix("overhead."): v for k, v in clip.tensors.items() if k.startswith("overhead.")}
    tensors = {k: v for k, v in clip.tensors.items() if not k.startswith("overhead.")}
    tensors |= {f"overhead.{k}": v for k, v in authors.overhead.items()}
    tensors |= {f"ground.{k}": v for k, v in (authors.ground or teacher_vision).items()}
    if authors.encoder:
        wanted = {"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"}
        if authors.encoder.keys() != wanted or authors.encoder["fc1.weight"].shape[1] != DIMENSIONS["sat2cap"]:
            raise CheckpointError(f"the authors' geo_encoder has {sorted(authors.encoder)}, not fc1 (12 → 64) and fc2")
        tensors |= {f"encoder.{k}": v for k, v in authors.encoder.items()}
    if authors.logit_scale is not None:
        # the temperature that was learnt with these vectors, in place of the teacher's
        tensors["logit_scale"] = authors.logit_scale
    return tensors


def _seed_of(clip: Clip) -> dict[str, Any]:
    return {"random_seed": clip.origin["random_seed"]} if "random_seed" in clip.origin else {}


def _write(target: Path, meta: Meta, tensors: dict[str, torch.Tensor]) -> Meta:
    """Write the folder after every tower has taken its weights, so that what is added can be loaded."""
    for spec in {s.stored_as: s for s in (meta.overhead, meta.ground, meta.text)}.values():
        prefix = f"{spec.stored_as}."
        # dropped again: only whether it takes the weights is asked
        load_tower(spec, {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
    text, files = packed_text(meta.text)
    return write_checkpoint(target, replace(meta, text=text), tensors, text_files=files)


def _refuse_existing(target: Path) -> None:
    """Before the slow part, not after it."""
    if target.exists():
        raise UsageError(f"{target} exists: choose another name, or remove it first")
