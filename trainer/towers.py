"""Towers: the vision and text networks of a checkpoint, built from an open_clip model configuration. Never a download.

An architecture is a name that open_clip knows (`ViT-B-32-quickgelu`) or the path of a JSON file of the same form
(`embed_dim`, `vision_cfg`, `text_cfg`, `quick_gelu`). A text tower or tokenizer of Hugging Face is named by a **local
folder**, whose files travel with the checkpoint. Nothing here knows where weights come from.
"""

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from trainer.errors import CheckpointError, UsageError

if TYPE_CHECKING:  # a description is read without torch
    import torch
    from torch import nn

Config: TypeAlias = dict[str, Any]
Tokenizer: TypeAlias = Callable[[list[str]], "torch.Tensor"]

TEXT_FILES = "text"  # the checkpoint's subfolder with the files of a Hugging Face text tower


@dataclass(frozen=True, slots=True)
class TowerSpec:
    """One tower, described completely.

    Attributes:
        kind: Which of the two: `vision` sees pictures, `text` reads.
        arch: Name of the architecture, for people.
        dim: Width of the embedding space, d.
        quick_gelu: OpenAI's activation, x·σ(1.702x), in place of GELU.
        config: open_clip's `vision_cfg` or `text_cfg`, from which the tower is built.
        stored_as: Prefix of its tensors in `model.safetensors`.
    """

    kind: Literal["vision", "text"]
    arch: str
    dim: int
    quick_gelu: bool
    config: Config
    stored_as: str

    @property
    def size_px(self) -> int:
        """Side of the square input of a vision tower, in pixels."""
        size = self.config.get("image_size", 224)
        sides = {size} if isinstance(size, int) else set(size)
        if len(sides) != 1:
            raise UsageError(f"tower {self.arch} takes {size} pixels: only square inputs are supported")
        return int(sides.pop())


def load_config(arch: str) -> tuple[str, Config]:
    """Name and open_clip configuration of an architecture: a name that open_clip knows, or the path of a JSON file."""
    path = Path(arch)
    if path.suffix == ".json":
        try:
            config = json.loads(path.read_text("utf-8"))
        except OSError as e:
            raise UsageError(f"model configuration {arch} cannot be read: {e.strerror}") from e
        except ValueError as e:
            raise UsageError(f"model configuration {arch} is not JSON: {e}") from e
        name = path.stem
    else:
        import open_clip

        config, name = open_clip.get_model_config(arch) if ":" not in arch else None, arch
        if config is None:
            known = get_close_matches(arch, open_clip.list_models(), n=4, cutoff=0.5) or ["ViT-B-32-quickgelu"]
            raise UsageError(f"architecture {arch!r} is unknown: use a name such as {', '.join(known)}, or a JSON file")
    return name, checked_config(name, config)


def checked_config(name: str, config: Any) -> Config:
    """A configuration in open_clip's form, of which towers can be built.

    Raises:
        UsageError: It lacks something, or names what is not on this machine.
    """
    missing = [k for k in ("embed_dim", "vision_cfg", "text_cfg") if not isinstance(config, dict) or k not in config]
    if missing:
        raise UsageError(f"model configuration {name} lacks {', '.join(missing)}: it must have the form of open_clip's")
    if "multimodal_cfg" in config:
        raise UsageError(f"architecture {name} is a captioner (CoCa): use a plain CLIP one, such as ViT-B-32-quickgelu")
    text = config["text_cfg"]
    for key in ("hf_model_name", "hf_tokenizer_name"):
        if text.get(key) and not Path(text[key]).is_dir():
            raise UsageError(
                f"architecture {name} names {key} {text[key]!r}, which is no local folder: download it, "
                "and give the architecture as a JSON file that names the folder"
            )
    found: Config = config
    return found


def tower_specs(name: str, config: Config) -> tuple[TowerSpec, TowerSpec]:
    """Vision and text tower of a configuration; the vision tower is stored as `overhead`."""
    dim, quick = int(config["embed_dim"]), bool(config.get("quick_gelu", False))
    # weights come from the checkpoint: a pretrained flag would make open_clip download others
    vision = {**config["vision_cfg"], "output_tokens": False, "timm_model_pretrained": False}
    text = {**config["text_cfg"], "output_tokens": False, "hf_model_pretrained": False}
    return (
        TowerSpec("vision", name, dim, quick, copy.deepcopy(vision), "overhead"),
        TowerSpec("text", name, dim, quick, copy.deepcopy(text), "text"),
    )


def packed_text(spec: TowerSpec) -> tuple[TowerSpec, Path | None]:
    """The text tower as a checkpoint stores it, and the folder of Hugging Face files to copy to its `text/`, if any."""
    folders = {spec.config[k] for k in ("hf_model_name", "hf_tokenizer_name") if spec.config.get(k)}
    if len(folders) > 1:
        raise UsageError(f"text tower and tokenizer lie in two folders ({', '.join(sorted(folders))}): put them in one")
    if not folders:
        return spec, None
    # the folder's name here means nothing elsewhere; `_resolved` makes a path of it again
    packed = {k: TEXT_FILES for k in ("hf_model_name", "hf_tokenizer_name") if spec.config.get(k)}
    return replace(spec, config={**spec.config, **packed}), Path(folders.pop())


def build_tower(spec: TowerSpec, folder: Path | None = None) -> "nn.Module":
    """Build a tower with fresh random weights.

    Args:
        spec: The tower's full description.
        folder: The checkpoint's folder, for a text tower whose files lie in its `text/`.
    """
    from open_clip import model as clip
    from torch import nn

    config = _resolved(spec, folder).config
    try:
        if spec.kind == "vision":
            tower = clip._build_vision_tower(spec.dim, clip.CLIPVisionCfg(**config), spec.quick_gelu)
        else:
            tower = clip._build_text_tower(spec.dim, clip.CLIPTextCfg(**config), spec.quick_gelu)
    except (TypeError, ValueError, AssertionError, KeyError, ZeroDivisionError) as e:
        raise CheckpointError(f"the {spec.kind} tower {spec.arch} cannot be built from its configuration: {e!r}") from e
    assert isinstance(tower, nn.Module)  # noqa: S101 -- for the type checker; open_clip is untyped
    return tower.eval()


def load_tower(spec: TowerSpec, tensors: "Mapping[str, torch.Tensor]", folder: Path | None = None) -> "nn.Module":
    """Build a tower and give it its weights, without first drawing random ones where that can be spared."""
    import torch

    foreign = bool(
        spec.config.get("timm_model_name") or spec.config.get("hf_model_name")
    )  # these fill buffers as they build
    if foreign:
        tower = build_tower(spec, folder)
    else:
        # no memory and no random numbers for weights that are replaced in the next step (`assign`)
        with torch.device("meta"):
            tower = build_tower(spec, folder)
    try:
        tower.load_state_dict(dict(tensors), strict=True, assign=not foreign)
    except RuntimeError as e:
        raise CheckpointError(f"weights do not fit the {spec.kind} tower {spec.arch}: {_first_mismatch(e)}") from e
    if not foreign and isinstance(getattr(tower, "attn_mask", None), torch.Tensor):
        tower.attn_mask = tower.build_causal_mask()  # type: ignore[operator]  # not stored, so still without values
    return tower.eval().requires_grad_(False)


def build_tokenizer(spec: TowerSpec, folder: Path | None = None) -> Tokenizer:
    """The tokenizer of a text tower: list of n strings → int64 [n, context_length]. Longer texts are cut."""
    from open_clip.tokenizer import HFTokenizer, SimpleTokenizer

    config = _resolved(spec, folder).config
    length = int(config.get("context_length", 77))
    options = dict(config.get("tokenizer_kwargs") or {})
    name = config.get("hf_tokenizer_name")
    if not name:
        tokenizer: Tokenizer = SimpleTokenizer(context_length=length, **options)
    else:
        mode = config.get("tokenizer_mode")
        tokenizer = HFTokenizer(name, context_length=length, tokenizer_mode=mode, local_files_only=True, **options)
    return tokenizer


def _resolved(spec: TowerSpec, folder: Path | None) -> TowerSpec:
    """The tower with the checkpoint's `text` spelled out as a path."""
    if folder is None:
        return spec
    names = {k: str(folder / TEXT_FILES) for k in ("hf_model_name", "hf_tokenizer_name") if spec.config.get(k)}
    return replace(spec, config={**spec.config, **names})


def _first_mismatch(error: RuntimeError) -> str:
    """The first complaint of `load_state_dict`, in one line."""
    lines = [line.strip() for line in str(error).splitlines()[1:] if line.strip()]
    return (lines[0] if lines else str(error))[:300]
