"""Names of tensors: from the layouts that others use to open_clip's, for vision transformers of any width and depth.

Three layouts are known: open_clip and OpenAI (`visual.…`, text at the top level or under `text.`), Hugging Face CLIP
(`vision_model.…`, `text_model.…`), and the Sat2Cap authors' two: a Hub folder (config.json and model.safetensors of
CLIPVisionModelWithProjection) and a Lightning file. What a training wrapped around a model (`module.`, `_orig_mod.`,
`clip_model.`) is cut off. Nothing here reads pickles (see `files`) or writes checkpoints (`zoo`).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from trainer.errors import CheckpointError
from trainer.towers import Config
from trainer.weights.description import quick_gelu
from trainer.weights.files import read_weights

Tensors = dict[str, torch.Tensor]

HEAD_WIDTH = 64  # of every CLIP vision transformer; a Lightning file does not say it
_BLOCK = re.compile(r"encoder\.layers\.(\d+)\.(.+)\.(weight|bias)$")
_IN_BLOCK = {
    "self_attn.out_proj": "attn.out_proj",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}
_VISION = {
    "embeddings.class_embedding": "class_embedding",
    "embeddings.patch_embedding.weight": "conv1.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "pre_layrnorm.weight": "ln_pre.weight",  # their spelling
    "pre_layrnorm.bias": "ln_pre.bias",
    "post_layernorm.weight": "ln_post.weight",
    "post_layernorm.bias": "ln_post.bias",
}
_TEXT = {
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "final_layer_norm.weight": "ln_final.weight",
    "final_layer_norm.bias": "ln_final.bias",
}
# what a training puts before the names of its model's tensors: data-parallel, Lightning, torch.compile, one's own class
_WRAPPED = re.compile(r"^(?:(?:module|model|_orig_mod|_forward_module|clip_model|clip|net|network|backbone)\.)*")
_BASE = re.compile(_WRAPPED.pattern + r"(?=(?:visual|vision_model)\.)")
_TEXT_TOP = ("text_projection", "positional_embedding", "token_embedding", "transformer", "ln_final")


@dataclass(frozen=True, slots=True)
class AuthorsModel:
    """What an authors' file holds, with open_clip's names.

    Attributes:
        overhead: The trained tower of overhead tiles.
        ground: The frozen photo tower; None in a Hub folder.
        encoder: fc1 and fc2 of the place and time encoder; None where there is none.
        logit_scale: The learnt temperature, or None.
        vision_cfg: open_clip's description of the overhead tower.
        quick_gelu: The overhead tower's activation; that of both towers in a Lightning file.
        dim: Width of the embedding space.
        layout: How it lay on disk: `hub folder` or `lightning`.
    """

    overhead: Tensors
    ground: Tensors | None
    encoder: Tensors | None
    logit_scale: torch.Tensor | None
    vision_cfg: Config
    quick_gelu: bool
    dim: int
    layout: str


def open_clip_names(tensors: Mapping[str, torch.Tensor]) -> Tensors:
    """Whatever CLIP layout → `overhead.…`, `text.…`, `logit_scale`, float32; what belongs to neither is left out.

    Raises:
        CheckpointError: The layout is unknown.
    """
    tensors = _within(tensors)
    if is_hugging_face(tensors):
        found = _from_hf(tensors)
    elif any(k.startswith("visual.") for k in tensors):
        found = {}
        for k, v in tensors.items():
            if k.startswith("visual."):
                found[f"overhead.{k.removeprefix('visual.')}"] = v
            elif k.startswith("text.") or k in ("logit_scale", "logit_bias"):
                found[k] = v
            elif k.startswith(_TEXT_TOP):
                found[f"text.{k}"] = v
    else:
        raise CheckpointError(f"weights with names such as {sorted(tensors)[:2]} are no CLIP model that is known here")
    # position_ids only count 0, 1, 2 …: older versions of transformers stored them
    kept = {k: v.float() for k, v in found.items() if not k.endswith("position_ids")}
    # a number, which some trainings keep as a vector of one
    return {k: v.reshape(()) if k in ("logit_scale", "logit_bias") and v.numel() == 1 else v for k, v in kept.items()}


def is_hugging_face(tensors: Mapping[str, torch.Tensor]) -> bool:
    """Whether the names are those of Hugging Face's CLIP, whatever is wrapped around them."""
    return any(_WRAPPED.sub("", k).startswith("vision_model.") for k in tensors)


def _within(tensors: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
    """The tensors of the CLIP model alone, without the prefix that its wrappers put before their names."""
    bases = {found[0] for k in tensors if (found := _BASE.match(k))}
    if len(bases) > 1:
        raise CheckpointError(
            f"weights hold several models, under {', '.join(sorted(b or 'no prefix' for b in bases))}: "
            "give a file with one of them"
        )
    base = bases.pop() if bases else ""
    return {k.removeprefix(base): v for k, v in tensors.items() if k.startswith(base)}


def _from_hf(tensors: Mapping[str, torch.Tensor]) -> Tensors:
    found = {f"overhead.{k}": v for k, v in hf_vision(tensors).items()}
    if any(k.startswith("text_model.") for k in tensors):
        found |= {f"text.{k}": v for k, v in hf_text(tensors).items()}
    if "logit_scale" in tensors:
        found["logit_scale"] = tensors["logit_scale"]
    return found


def hf_vision(tensors: Mapping[str, torch.Tensor]) -> Tensors:
    """`vision_model.…` and `visual_projection.weight` [d, width] → open_clip's VisionTransformer."""
    return _hf_tower(tensors, "vision_model.", _VISION, "visual_projection.weight", "proj")


def hf_text(tensors: Mapping[str, torch.Tensor]) -> Tensors:
    """`text_model.…` and `text_projection.weight` [d, width] → open_clip's TextTransformer."""
    return _hf_tower(tensors, "text_model.", _TEXT, "text_projection.weight", "text_projection")


def _hf_tower(
    tensors: Mapping[str, torch.Tensor], prefix: str, names: Mapping[str, str], projection: str, projected: str
) -> Tensors:
    own = {k.removeprefix(prefix): v.float() for k, v in tensors.items() if k.startswith(prefix)}
    found: Tensors = {}
    for name, tensor in own.items():
        block = _BLOCK.match(name)
        if name in names:
            found[names[name]] = tensor
        elif block and block[2] in _IN_BLOCK:
            found[f"transformer.resblocks.{block[1]}.{_IN_BLOCK[block[2]]}.{block[3]}"] = tensor
        elif block and block[2] == "self_attn.q_proj":  # q, k, v are one matrix in open_clip, in this order
            q_k_v = [own[name.replace("q_proj", p)] for p in ("q_proj", "k_proj", "v_proj")]
            found[f"transformer.resblocks.{block[1]}.attn.in_proj_{block[3]}"] = torch.cat(q_k_v)
        elif not name.endswith(("position_ids",)) and not (
            block and block[2] in ("self_attn.k_proj", "self_attn.v_proj")
        ):
            raise CheckpointError(f"tensor {prefix}{name} has no place in open_clip's vision or text transformer")
    if projection not in tensors:
        raise CheckpointError(f"weights have {prefix}… but no {projection}: give the class with the projection")
    # there a Linear's weight, [d, width]; open_clip has the matrix of x @ proj, [width, d]
    found[projected] = tensors[projection].float().T.contiguous()
    return found


def read_authors(path: Path) -> AuthorsModel:
    """Read the authors' Hub folder or Lightning file.

    Raises:
        CheckpointError: Neither of the two, or tensors are missing.
        UnsafeCheckpointError: A Lightning file with code in it.
    """
    return _read_hub_folder(path) if path.is_dir() else _read_lightning(path)


def _read_hub_folder(folder: Path) -> AuthorsModel:
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError) as e:
        raise CheckpointError(
            f"{folder} has no readable config.json: give the authors' Hub folder or Lightning file"
        ) from e
    tensors = read_weights(folder)
    overhead = _authors_tower(tensors, "", str(folder))
    config = config if isinstance(config, dict) else {}
    cfg, quick = _vision_cfg(overhead, config), quick_gelu(config.get("hidden_act", "quick_gelu"), folder)
    return AuthorsModel(overhead, None, None, None, cfg, quick, overhead["proj"].shape[1], "hub folder")


def _read_lightning(path: Path) -> AuthorsModel:
    tensors = read_weights(path)
    base = _tower_base(tensors, "imo_encoder.")
    if base is None:
        raise CheckpointError(f"{path} has no imo_encoder: it is not a Lightning file of the Sat2Cap authors")
    overhead = _authors_tower(tensors, base, str(path))
    ground_base = _tower_base(tensors, "img_encoder.")
    ground = None if ground_base is None else _authors_tower(tensors, ground_base, str(path))
    encoder = {k.removeprefix("geo_encoder."): v.float() for k, v in tensors.items() if k.startswith("geo_encoder.")}
    scale = tensors.get("temp_layer.logit_scale")
    return AuthorsModel(
        overhead,
        ground,
        encoder or None,
        None if scale is None else scale.float(),
        _vision_cfg(overhead, {}),
        True,  # they start from OpenAI's weights
        overhead["proj"].shape[1],
        "lightning",
    )


def _tower_base(tensors: Mapping[str, torch.Tensor], prefix: str) -> str | None:
    """The prefix under which the HF class lies: the authors wrap it in one more module in some versions."""
    ends = [k for k in tensors if k.startswith(prefix) and k.endswith("visual_projection.weight")]
    return ends[0].removesuffix("visual_projection.weight") if ends else None


def _authors_tower(tensors: Mapping[str, torch.Tensor], base: str, where: str) -> Tensors:
    own = {k.removeprefix(base): v for k, v in tensors.items() if k.startswith(base)}
    tower = hf_vision(own)
    # `hf_vision` renames what is there: that something is missing shows only here
    missing = [k for k in _VISION.values() if k not in tower]
    if missing:
        raise CheckpointError(
            f"{where}: the tower under {base or 'the top'} lacks {missing[0]}: the file is incomplete"
        )
    return tower


def _vision_cfg(tower: Tensors, config: Mapping[str, Any]) -> Config:
    """open_clip's description of a vision transformer, from its shapes and, for the heads, HF's configuration."""
    width, _, patch, _ = tower["conv1.weight"].shape
    layers = 1 + max((int(k.split(".")[2]) for k in tower if k.startswith("transformer.resblocks.")), default=-1)
    # one position for the class token, the others in a square of patches
    grid = round((tower["positional_embedding"].shape[0] - 1) ** 0.5)
    hidden = tower["transformer.resblocks.0.mlp.c_fc.weight"].shape[0] if layers else 4 * width
    heads = config.get("num_attention_heads", width // HEAD_WIDTH)
    return {
        "image_size": grid * patch,
        "patch_size": patch,
        "width": width,
        "layers": layers,
        "head_width": width // heads,
        "mlp_ratio": hidden / width,
    }
