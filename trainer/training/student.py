"""The network that learns: what it starts from, and the checkpoint that it ends in.

    Student = Sat2Cap (tower, and the encoder of place and time) + a learnt temperature

The frozen towers beside it are the teacher's, or, where a teacher itself is trained, an architecture's text tower.
Nothing here knows shards, losses or steps.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from trainer import minilm
from trainer.checkpoint import Meta, read_meta, read_tensors, write_checkpoint
from trainer.encoder import Activation, Form, Interaction
from trainer.errors import SettingsError
from trainer.model import DynamicEncoder, Sat2Cap
from trainer.preprocess import CLIP_MEAN, CLIP_STD, SAT2CAP_MEAN, SAT2CAP_STD, Preprocess
from trainer.towers import (
    TEXT_FILES,
    Config,
    TowerSpec,
    build_tokenizer,
    build_tower,
    load_config,
    load_tower,
    packed_text,
    tower_specs,
)
from trainer.training.config import PRESETS, TrainConfig
from trainer.training.targets import TextTower

MAX_LOG_SCALE = math.log(100)


class Student(nn.Module):
    """Sat2Cap with its temperature, in one module, so that one call trains both in any number of processes.

    Args:
        sat2cap: Tower, and encoder if any.
        temperature: At the start.
    """

    def __init__(self, sat2cap: Sat2Cap, temperature: float) -> None:
        super().__init__()
        self.sat2cap = sat2cap
        self.logit_scale = nn.Parameter(torch.tensor(-math.log(temperature)))

    def forward(
        self, pixels: torch.Tensor, encoded: torch.Tensor | None = None, usable: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return S, float [n, d], unnormalised, and 1 / temperature, scalar; arguments as `Sat2Cap`'s."""
        return self.sat2cap(pixels, encoded, usable), self.logit_scale.exp()


@dataclass(frozen=True, slots=True)
class Start:
    """What a run starts from.

    Attributes:
        student: The network, with gradients.
        meta: The checkpoint that it will end in, yet without its training record.
        teacher: Folder of the teacher, or None.
        text_weights: Weights of the text tower where there is no teacher.
    """

    student: Student
    meta: Meta
    teacher: Path | None
    text_weights: Mapping[str, torch.Tensor] | None = None

    def text_tower(self, device: torch.device) -> TextTower:
        """The frozen text tower."""
        spec, folder = self.meta.text, self.teacher
        weights = self.text_weights or read_tensors(self._teacher(), f"{spec.stored_as}.")
        tower = load_tower(spec, weights, folder).to(device)
        pads = getattr(getattr(tower, "config", None), "pad_token_id", None)
        return TextTower(tower, build_tokenizer(spec, folder), spec.dim, pads, device)

    def write(self, folder: Path, record: Mapping[str, Any]) -> Meta:
        """Write the checkpoint of the network as it is now; `record` has the fields of `Meta` that tell of training."""
        text, files = packed_text(self.meta.text) if self.teacher is None else (self.meta.text, None)
        if self.teacher is not None and (self.teacher / TEXT_FILES).is_dir():
            files = self.teacher / TEXT_FILES
        network = self.student.sat2cap
        tensors = {f"overhead.{k}": v for k, v in network.overhead.state_dict().items()}
        tensors |= {"logit_scale": self.student.logit_scale}
        if network.encoder is not None:
            network.encoder.straighten()
            tensors |= {f"encoder.{k}": v for k, v in network.encoder.state_dict().items()}
        frozen = self.text_weights or read_tensors(self._teacher(), f"{self.meta.text.stored_as}.")
        tensors |= {f"text.{k}": v for k, v in frozen.items()}
        if self.meta.ground.stored_as == "ground":
            stored_as = read_meta(self._teacher()).ground.stored_as
            tensors |= {f"ground.{k}": v for k, v in read_tensors(self._teacher(), f"{stored_as}.").items()}
        meta = replace(self.meta, text=replace(text, stored_as="text"), **record)
        return write_checkpoint(folder, meta, tensors, text_files=files)

    def _teacher(self) -> Path:
        assert self.teacher is not None  # noqa: S101 -- without text_weights there is one
        return self.teacher


def start(config: TrainConfig) -> Start:
    """Build what a run starts from; weights that are drawn are the same for the same seed.

    Raises:
        SettingsError: The configuration contradicts itself or the teacher.
        CheckpointError: The teacher cannot be read, or weights do not fit.
    """
    teacher = Path(config.teacher) if config.teacher else None
    known = None if teacher is None else read_meta(teacher)
    if known is None and (config.image == "overhead" or not config.arch):
        raise SettingsError("teacher = '': give the folder of the checkpoint whose embeddings are to be met")
    drawn = architecture(config.arch) if config.arch else None
    spec = _vision(config, known, drawn)
    text = known.text if known is not None else tower_specs(*drawn)[1]  # type: ignore[misc]  # one of them is there
    if spec.dim != text.dim:
        raise SettingsError(
            f"tower {spec.arch} gives {spec.dim} numbers, its teacher {text.dim}: they must meet in one space, "
            f"give an arch with embed_dim {text.dim}"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        tower = _tower(config, spec, known, teacher)
        if config.patch_dropout:
            _drop_patches(tower, config.patch_dropout)
        encoding = None if config.encoding == "none" else config.encoding
        form = _form(config, spec.dim)
        encoder = None if encoding is None else DynamicEncoder(encoding, spec.dim, form)
    student = Student(Sat2Cap(tower.requires_grad_(True), encoder), config.temperature)
    pixels = _statistics(config, spec, known)
    trains_teacher = config.image == "groundlevel"
    meta = Meta(
        dim=spec.dim,
        overhead=spec,
        ground=spec if trains_teacher or known is None else replace(known.ground, stored_as="ground"),
        text=text,
        overhead_input=pixels,
        ground_input=pixels if trains_teacher or known is None else known.ground_input,
        encoding=encoding,
        **asdict(form),
        tile_size_m=None if trains_teacher else config.tile_size_m,
        gsd_m=None if trains_teacher else config.gsd_m,
        origin=_origin(config, spec, known),
    )
    return Start(student, meta, teacher, None if known is not None else _text_weights(text, str(config.arch)))


def _form(config: TrainConfig, dim: int) -> Form:
    """The form of the encoder of place and time; without one it says nothing."""
    if config.encoding == "none":
        return Form()
    if config.rank > dim:
        raise SettingsError(f"rank = {config.rank}: the space has {dim} directions, use no more")
    activation, interaction = cast("Activation", config.activation), cast("Interaction", config.interaction)
    return Form(config.hidden, activation, interaction, config.rank)


def architecture(arch: str) -> tuple[str, Config]:
    """Name and open_clip configuration: a name that open_clip knows, a JSON file, or one of presets/*.json.

    A text tower that is called `minilm` is the one of the installed package.
    """
    preset = PRESETS / f"{arch}.json"
    path = preset if "/" not in arch and preset.is_file() else Path(arch)
    if path.suffix == ".json" and path.is_file():
        try:
            config: Config = json.loads(path.read_text("utf-8"))
            ours = config["text_cfg"]["hf_model_name"] == minilm.NAME
        except (ValueError, KeyError, TypeError):
            ours = False  # `load_config` says what is wrong, or that all is well
        if ours:
            return path.stem, {**config, "text_cfg": minilm.text_config()}
    return load_config(str(path) if path.suffix == ".json" else arch)


def _vision(config: TrainConfig, known: Meta | None, drawn: tuple[str, Config] | None) -> TowerSpec:
    """The tower that learns."""
    if drawn is not None:
        return tower_specs(*drawn)[0]
    if config.init not in ("teacher", "random"):
        return replace(_begun(config), stored_as="overhead")
    assert known is not None  # noqa: S101 -- checked by `start`
    return replace(known.ground, stored_as="overhead")


def _tower(config: TrainConfig, spec: TowerSpec, known: Meta | None, teacher: Path | None) -> nn.Module:
    """The tower with its first weights."""
    if config.init == "random":
        return build_tower(spec)
    if config.init != "teacher":
        return load_tower(spec, read_tensors(Path(config.init), f"{_begun(config).stored_as}."))
    if known is None or teacher is None:
        raise SettingsError('init = "teacher", but there is no teacher: use init = "random"')
    return load_tower(spec, read_tensors(teacher, f"{known.ground.stored_as}."))


def _begun(config: TrainConfig) -> TowerSpec:
    """The tower of the checkpoint that a run goes on from: that of the pictures it learns."""
    meta = read_meta(Path(config.init))
    return meta.overhead if config.image == "overhead" else meta.ground


def _drop_patches(tower: nn.Module, share: float) -> None:
    """Have a vision transformer see a part of its patches only, in training; it has no weights, nor has the outcome."""
    from open_clip.transformer import PatchDropout

    if not hasattr(tower, "patch_dropout"):
        raise SettingsError(f"patch_dropout = {share}: this tower is no vision transformer of open_clip's, use 0")
    tower.patch_dropout = PatchDropout(share)


def _statistics(config: TrainConfig, spec: TowerSpec, known: Meta | None) -> Preprocess:
    if config.statistics == "sat2cap":
        return Preprocess(spec.size_px, SAT2CAP_MEAN, SAT2CAP_STD)
    if config.statistics == "clip" or known is None:
        return Preprocess(spec.size_px, CLIP_MEAN, CLIP_STD)
    return Preprocess(spec.size_px, known.ground_input.mean, known.ground_input.std)


def _origin(config: TrainConfig, spec: TowerSpec, known: Meta | None) -> dict[str, Any]:
    """Where the weights come from; a teacher of random weights is never forgotten."""
    origin: dict[str, Any] = {"kind": "trained", "arch": spec.arch, "init": config.init}
    if known is not None:
        origin |= {"teacher": known.model_id}
        if "random_seed" in known.origin:
            origin |= {"random_seed": known.origin["random_seed"]}
    return origin


def _text_weights(text: TowerSpec, arch: str) -> dict[str, torch.Tensor]:
    """Weights of an architecture's own text tower: MiniLM's, the only one that needs no download."""
    if text.config.get("hf_model_name") != str(minilm.folder()):
        raise SettingsError(
            f"arch = {arch!r} has a text tower without weights: give teacher = a checkpoint whose text tower is to be "
            f'met, or name "{minilm.NAME}" as hf_model_name'
        )
    return minilm.tensors()
