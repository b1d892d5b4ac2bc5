"""A plain CLIP model from weights of a tag, a file, a folder or chance, with the activation and preprocessing of those.

Nothing here knows what becomes of it (see `zoo`).
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from trainer.errors import CheckpointError, UsageError
from trainer.preprocess import CLIP_MEAN, CLIP_STD, Preprocess
from trainer.towers import Config, TowerSpec, build_tower, checked_config, load_config, tower_specs
from trainer.weights.convert import is_hugging_face, open_clip_names
from trainer.weights.description import Description, of_file, of_tag
from trainer.weights.files import pretrained_file, read_weights, tag_entry, weights_file

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Clip:
    """A plain CLIP model.

    Attributes:
        vision: Its tower of pictures.
        text: Its tower of texts.
        tensors: `overhead.…` (the tower of pictures), `text.…`, `logit_scale`; float32.
        pixels: Preprocessing of pictures.
        origin: Where the weights come from.
    """

    vision: TowerSpec
    text: TowerSpec
    tensors: dict[str, torch.Tensor]
    pixels: Preprocess
    origin: dict[str, Any]


def read_clip(arch: str | None, pretrained: str | None, weights: Path | None, random_seed: int | None) -> Clip:
    """Read, or draw, the weights of a CLIP model.

    Args:
        arch: A name of open_clip's, or the path of a JSON configuration; None: what stands beside the weights says it.
        pretrained: Tag of open_clip's.
        weights: File or folder; beside a tag, the file of that tag.
        random_seed: Draw the weights on the spot, in place of either.

    Raises:
        UsageError: Neither weights nor a seed, or both, or an unknown architecture or tag.
        CheckpointError: The file holds no CLIP model, or what stands beside it describes another.
    """
    if (random_seed is None) == (pretrained is None and weights is None):
        raise UsageError(
            f"weights for {arch}: pass one of --pretrained TAG, --weights FILE, --random-seed N; "
            "beside a tag, FILE is the tag's"
        )
    if arch is not None:
        return _of(*load_config(arch), pretrained, weights, random_seed)
    if weights is None or pretrained is not None:
        raise UsageError("a tag and random weights need their architecture: pass it with --open-clip, such as ViT-B-32")
    path = weights_file(weights)
    stored = read_weights(path)
    said = of_file(path, hugging_face=is_hugging_face(stored))
    if said is None or not (said.arch or said.config):
        raise UsageError(
            f"nothing beside {path} says of which architecture it is: pass that with --open-clip, such as ViT-B-32"
        )
    if said.arch:
        name, config = load_config(said.arch)
    else:
        name, config = path.parent.name, checked_config(said.source, said.config)
    return _of_weights(name, config, path, stored, said, {"weights": path.name})


def _of(name: str, config: Config, pretrained: str | None, weights: Path | None, random_seed: int | None) -> Clip:
    if random_seed is not None:
        vision, text = tower_specs(name, config)
        tensors = _random_weights(vision, text, random_seed)
        return Clip(vision, text, tensors, Preprocess(vision.size_px), {"arch": name, "random_seed": random_seed})
    said = None if pretrained is None else of_tag(pretrained, tag_entry(name, pretrained))
    origin = {} if pretrained is None else {"pretrained": pretrained}
    if weights is None:
        path = pretrained_file(name, str(pretrained))
    else:
        path = weights_file(weights)
        origin |= {"weights": path.name}
    stored = read_weights(path)
    said = said or of_file(path, hugging_face=is_hugging_face(stored))
    return _of_weights(name, config, path, stored, said, origin)


def _of_weights(
    name: str,
    config: Config,
    path: Path,
    stored: Mapping[str, torch.Tensor],
    said: Description | None,
    origin: Mapping[str, str],
) -> Clip:
    vision, text = _as_trained(name, config, said, path)
    tensors = open_clip_names(stored)
    for part, what in (("overhead.", "vision"), ("text.", "text")):
        if not any(k.startswith(part) for k in tensors):
            raise CheckpointError(f"weights {path} have no {what} tower: give those of the whole CLIP model")
    return Clip(vision, text, tensors, _preprocess(vision.size_px, said), {"arch": name, **origin})


def _preprocess(size_px: int, said: Description | None) -> Preprocess:
    """As is said; else as CLIP's own, and open_clip's, is."""
    said = said or Description("nothing")
    return Preprocess(
        size_px,
        said.mean or CLIP_MEAN,
        said.std or CLIP_STD,
        said.interpolation or "bicubic",
        said.resize or "shortest",
    )


def _as_trained(name: str, config: Config, said: Description | None, path: Path) -> tuple[TowerSpec, TowerSpec]:
    """The towers of an architecture, with the activation that the weights were trained with."""
    vision, text = tower_specs(name, config)
    if said is None:
        if not vision.quick_gelu and _has_quick_gelu(name):
            log.warning(
                "nothing beside %s says which activation it was trained with: GELU is taken, as %s has it; "
                "weights that come from OpenAI's need %s-quickgelu",
                *(path, name, name),
            )
        return vision, text
    if said.config is not None:
        _check_heads(name, config, said)
    if said.quick_gelu is None or said.quick_gelu == vision.quick_gelu:
        return vision, text
    activation = "QuickGELU" if said.quick_gelu else "GELU"
    log.warning("%s is used with %s, which has another: so says %s", activation, name, said.source)
    return replace(vision, quick_gelu=said.quick_gelu), replace(text, quick_gelu=said.quick_gelu)


def _has_quick_gelu(name: str) -> bool:
    import open_clip

    return f"{name}-quickgelu" in open_clip.list_models()


def _check_heads(name: str, config: Config, said: Description) -> None:
    """Attention heads change the vectors, and no tensor shows how many there are."""
    wanted = tower_specs(name, said.config or config)
    for tower, described in zip(tower_specs(name, config), wanted, strict=True):
        key, default = ("head_width", 64) if tower.kind == "vision" else ("heads", 8)
        ours, theirs = tower.config.get(key, default), described.config.get(key, default)
        if ours != theirs and not isinstance(tower.config.get("layers"), list):
            raise CheckpointError(
                f"the {tower.kind} tower of {name} has {key} {ours}, {said.source} says {theirs}: leave --open-clip out"
            )


def _random_weights(vision: TowerSpec, text: TowerSpec, seed: int) -> dict[str, torch.Tensor]:
    """Weights drawn on the spot, the same for the same seed; the caller's random state is left as it was."""
    # CPU alone: the towers are built there
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tensors = {f"overhead.{k}": v for k, v in build_tower(vision).state_dict().items()}
        tensors |= {f"text.{k}": v for k, v in build_tower(text).state_dict().items()}
    return tensors | {"logit_scale": torch.tensor(1 / 0.07).log()}  # CLIP's own start
