"""What weights say of themselves: architecture, activation and preprocessing, which their tensors do not show.

It stands beside the weights (`open_clip_config.json`; config.json and preprocessor_config.json of Hugging Face), in
open_clip's table of pretrained tags, or follows from the name under which the authors published the file. Nothing here
reads tensors (see `files`).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from trainer.errors import CheckpointError, reason
from trainer.preprocess import Interpolation, Resize
from trainer.towers import Config

Statistics = tuple[float, float, float]

_PUBLISHED = (
    # CLIP models of remote sensing: name of file or of its folder → open_clip's architecture. Those that began as
    # OpenAI's weights keep QuickGELU, those that began as LAION's have GELU: so load the authors' own evaluations, with
    # CLIP's mean and std (GeoRSCLIP's show B-32 and H-14 alone; L-14 of 336 pixels is OpenAI's alone).
    (r"RemoteCLIP-(RN50|ViT-B-32|ViT-L-14)\b", r"\1-quickgelu"),
    (r"RS5M_(ViT-B-32|ViT-L-14|ViT-L-14-336)(?=[_.]|$)", r"\1-quickgelu"),
    (r"RS5M_(ViT-H-14)(?=[_.]|$)", r"\1"),
    (r"SkyCLIP_ViT_L14(?=[_.]|$)|CLIP_ViT_L14_LAION_RS", "ViT-L-14-quickgelu"),
    (r"SkyCLIP_ViT_B32(?=[_.]|$)", "ViT-B-32"),
)
_HF_VISION = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "image_size": 224,
    "patch_size": 32,
}
_HF_TEXT = {
    "hidden_size": 512,
    "intermediate_size": 2048,
    "num_hidden_layers": 12,
    "num_attention_heads": 8,
    "max_position_embeddings": 77,
    "vocab_size": 49408,
}
_HF_BOTH = {"hidden_act": "quick_gelu", "layer_norm_eps": 1e-5}
_INTERPOLATIONS = {name: name for name in get_args(Interpolation)} | {"random": "bicubic"}
_RESIZES = {name: name for name in get_args(Resize)}
_HF_RESAMPLE = {2: "bilinear", 3: "bicubic"}  # Pillow's numbers
_ACTIVATIONS = {"quick_gelu": True, "gelu": False}


@dataclass(frozen=True, slots=True)
class Description:
    """What is known of a file of weights; None where nothing says it.

    Attributes:
        source: What says it, for people.
        arch: Name of open_clip's architecture.
        config: open_clip's configuration of the whole model.
        quick_gelu: Whether it was trained with QuickGELU.
        mean: Of each channel, R, G, B, of values 0..1.
        std: Standard deviation of each channel, likewise.
        interpolation: When pictures are resized.
        resize: How they become squares, as `Preprocess` has it.
    """

    source: str
    arch: str | None = None
    config: Config | None = None
    quick_gelu: bool | None = None
    mean: Statistics | None = None
    std: Statistics | None = None
    interpolation: Interpolation | None = None
    resize: Resize | None = None


def of_tag(tag: str, entry: Mapping[str, Any]) -> Description:
    """What open_clip's table says of a pretrained tag."""
    # only that QuickGELU is needed is said there; that it is not, is the architecture's to say
    quick = True if entry.get("quick_gelu") else None
    return Description(
        f"pretrained tag {tag}",
        quick_gelu=quick,
        **_pixels(entry, "open_clip's table"),
    )


def of_file(path: Path, *, hugging_face: bool) -> Description | None:
    """What is known of a file of weights by what stands beside it, or by its name; None: nothing.

    Args:
        path: The file.
        hugging_face: Whether its tensors have Hugging Face's names: a folder of the hub may hold both, each with a
            description of its own.

    Raises:
        CheckpointError: The description is broken, or of a model that cannot be built here.
    """
    beside = _hugging_face(path.parent) if hugging_face else _open_clip(path.parent)
    return beside or _published(path) or _of_table(path)


def _open_clip(folder: Path) -> Description | None:
    path = folder / "open_clip_config.json"
    document = _read_json(path)
    if document is None:
        return None
    config = document.get("model_cfg", document)
    if not isinstance(config, dict) or "embed_dim" not in config:
        raise CheckpointError(f"{path} describes no model (model_cfg with embed_dim): download it again, or remove it")
    pixels = document.get("preprocess_cfg")
    pixels = pixels if isinstance(pixels, dict) else {}
    return Description(str(path), None, config, bool(config.get("quick_gelu")), **_pixels(pixels, str(path)))


def _hugging_face(folder: Path) -> Description | None:
    path = folder / "config.json"
    document = _read_json(path)
    if document is None:
        return None
    if document.get("model_type") != "clip":
        raise CheckpointError(f"{path} describes a {document.get('model_type')!r}: only 'clip' can be added")
    vision, text = (_hf_tower(document, name, path) for name in ("vision", "text"))
    quick = quick_gelu(vision["hidden_act"], path)
    if quick != quick_gelu(text["hidden_act"], path):
        raise CheckpointError(f"{path}: towers of different hidden_act cannot be added")
    said = Description(str(path), None, _config_of(document, vision, text, quick), quick)
    pixels = _read_json(folder / "preprocessor_config.json")
    if pixels is None:
        return said
    return replace(said, **_hf_pixels(pixels, str(folder / "preprocessor_config.json")))


def _pixels(entry: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Preprocessing as open_clip describes it."""
    if entry.get("resize_mode") == "longest" and entry.get("fill_color"):
        raise CheckpointError(f"{where}: fill_color {entry['fill_color']!r} is not black, which is not known here")
    return {
        **{name: _three(entry.get(name), name, where) for name in ("mean", "std")},
        # "random" is of training alone
        "interpolation": _known(entry.get("interpolation"), _INTERPOLATIONS, "interpolation", where),
        "resize": _known(entry.get("resize_mode"), _RESIZES, "resize_mode", where),
    }


def _hf_pixels(pixels: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Preprocessing as transformers describes it."""
    said: dict[str, Any] = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    if pixels.get("do_normalize") is not False:
        said = {name: _three(pixels.get(f"image_{name}"), f"image_{name}", where) for name in ("mean", "std")}
    # a size of two sides that is not cropped afterwards squashes
    sides = pixels.get("size")
    squashes = isinstance(sides, dict) and "height" in sides and pixels.get("do_center_crop") is False
    interpolation = _known(pixels.get("resample"), _HF_RESAMPLE, "resample", where)
    return {**said, "interpolation": interpolation, "resize": "squash" if squashes else None}


def _known(value: Any, known: Mapping[Any, str], name: str, where: str) -> Any:
    """What a value means; None where there is none."""
    if value is None:
        return None
    if not isinstance(value, str | int) or value not in known:
        raise CheckpointError(f"{where}: {name} {value!r} is unknown: known are {', '.join(map(repr, known))}")
    return known[value]


def _hf_tower(document: Mapping[str, Any], name: str, path: Path) -> dict[str, Any]:
    """The configuration of a tower with transformers' defaults, which its files leave out."""
    # old files have a second one, `…_config_dict`, which counts where both say something
    given = {**(document.get(f"{name}_config") or {}), **(document.get(f"{name}_config_dict") or {})}
    tower = {**_HF_BOTH, **(_HF_VISION if name == "vision" else _HF_TEXT), **given}
    if tower["layer_norm_eps"] != 1e-5:
        raise CheckpointError(f"{path}: layer_norm_eps of the {name} tower is {tower['layer_norm_eps']}, not 1e-05")
    return tower


def quick_gelu(activation: Any, path: Path) -> bool:
    """Whether Hugging Face's `hidden_act` is QuickGELU.

    Raises:
        CheckpointError: It is neither that nor GELU.
    """
    if activation not in _ACTIVATIONS:
        raise CheckpointError(f"{path}: hidden_act {activation!r} is unknown: only {' and '.join(_ACTIVATIONS)} are")
    return _ACTIVATIONS[activation]


def _config_of(document: Mapping[str, Any], vision: Config, text: Config, quick: bool) -> Config:
    """open_clip's configuration of a CLIP of Hugging Face."""
    return {
        "embed_dim": document.get("projection_dim", 512),
        "quick_gelu": quick,
        "vision_cfg": {
            "image_size": vision["image_size"],
            "patch_size": vision["patch_size"],
            "width": vision["hidden_size"],
            "layers": vision["num_hidden_layers"],
            "head_width": vision["hidden_size"] // vision["num_attention_heads"],
            "mlp_ratio": vision["intermediate_size"] / vision["hidden_size"],
        },
        "text_cfg": {
            "context_length": text["max_position_embeddings"],
            "vocab_size": text["vocab_size"],
            "width": text["hidden_size"],
            "heads": text["num_attention_heads"],
            "layers": text["num_hidden_layers"],
            "mlp_ratio": text["intermediate_size"] / text["hidden_size"],
        },
    }


def _published(path: Path) -> Description | None:
    """By the name of the file, or of its folder where the file is called after an epoch."""
    for name in _names(path):
        for pattern, arch in _PUBLISHED:
            if found := re.match(pattern, name):
                named = found.expand(arch)
                return Description(f"its name, {name}", named, quick_gelu=named.endswith("-quickgelu"))
    return None


def _of_table(path: Path) -> Description | None:
    """By open_clip's table: the last part of an address there is the file's name, or a repository its folder's."""
    import open_clip

    names = set(_names(path))
    for arch, tag in open_clip.list_pretrained():
        entry = open_clip.get_pretrained_cfg(arch, tag)
        repository = str(entry.get("hf_hub") or "").rpartition("/")[0]
        known = {str(entry.get("url") or "").rpartition("/")[2], repository.rpartition("/")[2]}
        known.add(f"models--{repository.replace('/', '--')}")  # the hub's cache
        if names & (known - {"", "models--"}):
            return replace(of_tag(tag, entry), source=f"its name, which open_clip knows as {arch} {tag}")
    return None


def _names(path: Path) -> list[str]:
    """Of the file, and of the folders that it may lie in as it was downloaded or unpacked."""
    return [path.name, *(parent.name for parent in path.absolute().parents[:3])]


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as e:
        raise CheckpointError(f"{path} beside the weights cannot be read ({reason(e)}): download it again") from e
    if not isinstance(document, dict):
        raise CheckpointError(f"{path} beside the weights is not a JSON object: download it again")
    return document


def _three(values: Any, name: str, where: str) -> Statistics | None:
    """One number a channel; one for all of them counts for each."""
    if values is None:
        return None
    numbers = [values] * 3 if isinstance(values, int | float) else values
    if not isinstance(numbers, list | tuple) or len(numbers) != 3:
        raise CheckpointError(f"{where}: {name} {values!r} is not one number for each of R, G, B")
    try:
        red, green, blue = (float(v) for v in numbers)
    except (TypeError, ValueError):
        raise CheckpointError(f"{where}: {name} {values!r} is not one number for each of R, G, B") from None
    return red, green, blue
