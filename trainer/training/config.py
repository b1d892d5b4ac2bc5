"""The configuration of one training run: a TOML file, plus `key=value`, stored whole in the checkpoint.

    preset = "strong"           a file may start from a preset (trainer/presets/*.toml) …
    train = "shards/train"      … and change what it likes; every key is a field of `TrainConfig`
    teacher = "models/clip"     paths are relative to where the command runs

A key that is unknown, of the wrong type or out of range is an error. Nothing here knows torch, shards or models.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from trainer.encoder import ACTIVATIONS, INTERACTIONS
from trainer.encoding import DIMENSIONS
from trainer.errors import SettingsError

PRESETS = Path(__file__).parents[1] / "presets"


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Everything that decides what a run does. Presets give more than the defaults do, which keep older runs what they
    were.

    Attributes:
        train: Folder of shards to learn from.
        val: Folder of shards to measure on; "": none, and then no early stop.
        out: Folder of the run: logs, training states, and at the end the checkpoint `model/`.
        cache: Folder of stored teacher embeddings; "": `.cache` beside the shards, where several runs find them.
        image: The picture that is embedded: `overhead`, or `groundlevel` to train a teacher.
        target: What it learns to meet: `photo` (the teacher's embedding of it) or `caption` (of a random one).
        teacher: Checkpoint whose frozen towers give the targets; "": for captions, the text tower of `arch`.
        arch: Vision tower: an open_clip name, a JSON file, or a name in presets/; "": the teacher's own.
        init: Where its weights start: `teacher`, `random`, or a checkpoint folder (its tower of the
            same kind of pictures).
        statistics: Pixel statistics of its input: `clip`, `sat2cap`, or `teacher` for the teacher's.
        encoding: Of place and time: `seasonal`, `cyclic`, `sat2cap`, or `none` for a model without.
        hidden: Width inside the encoder of place and time.
        activation: Of its hidden layer: `relu`, or `linear`, which `refit` can fit to many photos of few tiles.
        interaction: How the moment meets the tile: `none`: it adds the same to all of them; `full`: along `rank`
            directions it turns what they show; `diagonal`, `untied`: see `trainer.encoder.Form`.
        rank: How many directions; 0 without interaction.
        tile_size_m: Ground size of a tile, metres; told to whoever uses the checkpoint.
        gsd_m: Ground sample distance of a tile as stored, metres.

        image_px: Side at which decoded pictures are held before augmentation; 0: that of the tower.
        cache_images: Hold all decoded pictures in memory: `yes`, `no`, or `auto`: if they fit in half of what is free.
        workers: Threads that decode; 0: one a core.
        augment: `strong` (crops, flips, quarter turns), `paper` (RandomResizedCrop, RandAugment), `photo` (crops,
            flips, light), or `none`.
        crop_scale: Smallest share of the area that a crop keeps.
        patch_dropout: Share of a picture's patches that training leaves out; without half of them a step takes half.

        coin: Chance that a whole batch sees neither place nor time (the paper's dropout of E).
        mask_place: Chance of each sample that its place is hidden.
        mask_date: The same for the date.
        mask_hour: The same for the hour.
        mask_weekday: The same for the weekday alone; only `seasonal` knows it.
        mask_all: Chance of each sample that all of them are hidden.

        loss: `both`: both directions, negatives in the batch and the queue; `queue`: the paper's one direction.
        queue: Targets of past samples held as negatives.
        false_negatives: Samples that share one of these are no negatives: `place`, `owner`. One's own never is.
        align_weight: Weight of 1 − cosine to the target, beside the contrastive loss.
        temperature: At the start; learnt, within 1/100 … 1.

        steps: Optimiser steps.
        batch: Samples of a pass forward, over all processes together.
        accumulate: Passes whose gradients make one step.
        lr: Peak learning rate.
        encoder_lr: The same for the encoder of place and time; 0: like the rest.
        betas: Decay rates of AdamW's running mean and variance of the gradient.
        eps: Added to AdamW's denominator, so that it is never zero.
        weight_decay: AdamW's decoupled decay, a share of each weight times the learning rate a step.
        decay: `matrices`: not on norms, biases and the temperature; `all`: on everything.
        schedule: `cosine` from `lr` to `final_lr`, or `restarts`: from `lr` to 0 every `restart_steps`.
        warmup: Steps of linear warm-up.
        restart_steps: Period of `restarts`.
        final_lr: Share of `lr` that `cosine` ends with.
        grad_clip: Largest norm of the gradient; 0: any.
        refit: After the last step fit the linear last layers by least squares (`trainer.training.refit`), so that S
            lies where the mean of the photos lies, which is what a text asks for.
        refit_keep: How much of S as it was trained stays in it; 0: none, and recall among photos is lower.
        refit_time: How much larger than least squares make it E becomes: they make small what they are unsure of.
            Not for `linear` encoders: theirs is fitted anew (`trainer.training.moments`).
        panels: Folder of panels, photos over and over of few tiles, to which `refit` then fits what moments change, and
            from which it learns how photos are compared; "": moments are fitted to the pairs themselves, each of which
            shows one of a tile's many things, and photos are compared as they are.

        seed: Of order, augmentation, masks, and of weights that are drawn.
        precision: `float32`, `bfloat16` (autocast), or `auto`: bfloat16 on a GPU.
        device: `auto`, `cpu` or `cuda`.
        compile: Compile the tower; on a GPU it pays off from some thousand steps on, on a CPU hardly.
        grad_checkpointing: Compute activations twice rather than keep them.
        log_every: Steps between rows of the log.
        checkpoint_every: Steps between stored states, from which the same command goes on.
        eval_every: Steps between measurements; 0: at the end only.
        eval_pairs: Largest gallery of those measurements.
        patience: Measurements without a better one before the run stops; 0: never.
        max_minutes: Stop after so many minutes with a stored state, from which the same command goes on; 0: never.
    """

    train: str = ""
    val: str = ""
    out: str = ""
    cache: str = ""
    image: str = "overhead"
    target: str = "photo"
    teacher: str = ""
    arch: str = ""
    init: str = "teacher"
    statistics: str = "sat2cap"
    encoding: str = "cyclic"
    hidden: int = 64
    activation: str = "relu"
    interaction: str = "none"
    rank: int = 0
    tile_size_m: float = 480.0
    gsd_m: float = 0.6

    image_px: int = 0
    cache_images: str = "auto"
    workers: int = 0
    augment: str = "strong"
    crop_scale: float = 0.5
    patch_dropout: float = 0.0

    coin: float = 0.0
    mask_place: float = 0.3
    mask_date: float = 0.3
    mask_hour: float = 0.3
    mask_weekday: float = 0.3
    mask_all: float = 0.15

    loss: str = "both"
    queue: int = 16384
    false_negatives: tuple[str, ...] = ("place", "owner")
    align_weight: float = 0.0
    temperature: float = 0.07

    steps: int = 20000
    batch: int = 1024
    accumulate: int = 1
    lr: float = 1e-4
    encoder_lr: float = 1e-3
    betas: tuple[float, ...] = (0.9, 0.98)
    eps: float = 1e-6
    weight_decay: float = 0.2
    decay: str = "matrices"
    schedule: str = "cosine"
    warmup: int = 500
    restart_steps: int = 3000
    final_lr: float = 0.0
    grad_clip: float = 1.0
    refit: bool = False
    refit_keep: float = 0.3
    refit_time: float = 3.0
    panels: str = ""

    seed: int = 0
    precision: str = "auto"
    device: str = "auto"
    compile: bool = False
    grad_checkpointing: bool = False
    log_every: int = 10
    checkpoint_every: int = 500
    eval_every: int = 500
    eval_pairs: int = 2000
    patience: int = 0
    max_minutes: float = 0.0

    def __post_init__(self) -> None:
        for key, choices in _CHOICES.items():
            value = getattr(self, key)
            if set(value if isinstance(value, tuple) else (value,)) - set(choices):
                raise SettingsError(f"{key} = {value!r}: use {', '.join(choices)}")
        for key, (low, high) in _RANGES.items():
            if not low <= getattr(self, key) <= high:
                raise SettingsError(f"{key} = {getattr(self, key)}: it must lie within {low:g} … {high:g}")
        if len(self.betas) != 2 or not all(0 <= b < 1 for b in self.betas):
            raise SettingsError(f"betas = {list(self.betas)}: give two numbers from 0 to below 1")
        if self.loss == "queue" and not self.queue:
            raise SettingsError('loss = "queue" has no negatives but those of the queue: queue must not be 0')
        if self.image == "groundlevel" and self.encoding != "none":
            raise SettingsError(
                'image = "groundlevel" trains a teacher, which sees no place or time: encoding = "none"'
            )
        if (self.interaction == "none") != (self.rank == 0):
            raise SettingsError(
                f'interaction = "{self.interaction}" with rank = {self.rank}: an interaction needs directions, '
                'such as interaction = "full", rank = 64; without one rank = 0'
            )
        if self.panels and not self.refit:
            raise SettingsError(f"panels = {self.panels!r} are what a refit is made to: give refit = true as well")
        if self.refit and self.interaction != "none" and self.activation != "linear":
            raise SettingsError(
                f'refit = true cannot fit interaction = "{self.interaction}" behind activation = '
                f'"{self.activation}": use activation = "linear", or refit = false'
            )


_CHOICES: dict[str, tuple[str, ...]] = {
    "image": ("overhead", "groundlevel"),
    "target": ("photo", "caption"),
    "statistics": ("clip", "sat2cap", "teacher"),
    "encoding": (*DIMENSIONS, "none"),
    "activation": ACTIVATIONS,
    "interaction": INTERACTIONS,
    "cache_images": ("auto", "yes", "no"),
    "augment": ("strong", "paper", "photo", "none"),
    "loss": ("both", "queue"),
    "false_negatives": ("place", "owner"),
    "decay": ("matrices", "all"),
    "schedule": ("cosine", "restarts"),
    "precision": ("auto", "float32", "bfloat16"),
    "device": ("auto", "cpu", "cuda"),
}
_MANY = float(2**40)
_SHARES = ("coin", "mask_place", "mask_date", "mask_hour", "mask_weekday", "mask_all", "final_lr")
_RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(_SHARES, (0.0, 1.0)),
    **dict.fromkeys(("steps", "batch", "accumulate", "hidden", "restart_steps"), (1, _MANY)),
    **dict.fromkeys(("log_every", "checkpoint_every", "eval_pairs"), (1, _MANY)),
    **dict.fromkeys(("image_px", "workers", "queue", "warmup", "seed", "eval_every", "patience", "rank"), (0, _MANY)),
    **dict.fromkeys(
        ("align_weight", "encoder_lr", "weight_decay", "grad_clip", "refit_keep", "refit_time", "max_minutes"),
        (0, _MANY),
    ),
    **dict.fromkeys(("lr", "eps", "tile_size_m", "gsd_m"), (1e-12, _MANY)),
    "temperature": (0.01, 1.0),
    "crop_scale": (0.01, 1.0),
    "patch_dropout": (0.0, 0.95),
}
# what may differ between the two halves of one run: where and how fast, and what is done after the last step
FREE = frozenset(
    ("device", "workers", "cache", "cache_images", "compile", "grad_checkpointing", "log_every", "checkpoint_every")
) | {"max_minutes", "out", "train", "val", "teacher", "refit", "refit_keep", "refit_time", "panels"}


def load_config(source: str | Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read a configuration.

    Args:
        source: A TOML file, or the name of a preset.
        overrides: `key=value` each, stronger than the file; values as in TOML, where quotes around a text may be left
            out.

    Raises:
        SettingsError: No such file or preset, not TOML, an unknown key, a value of the wrong type or out of range.
    """
    values = _read(_file(str(source)))
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals:
            raise SettingsError(f"{override!r} is not key=value, such as steps=1000")
        values[key.strip()] = _value(text.strip())
    return config_from(values)


def config_from(values: Mapping[str, Any]) -> TrainConfig:
    """A configuration of plain values, as a TOML file or a checkpoint holds them; see `load_config` for errors."""
    known = {f.name: f for f in fields(TrainConfig)}
    for key in values:
        if key not in known:
            near = get_close_matches(key, known, n=3)
            raise SettingsError(f"unknown setting {key!r}" + (f": did you mean {' or '.join(near)}?" if near else ""))
    return TrainConfig(**{key: _typed(key, value, known[key].default) for key, value in values.items()})


def to_toml(config: TrainConfig) -> str:
    """The whole configuration, every key spelled out."""
    return "".join(f"{key} = {_toml(value)}\n" for key, value in asdict(config).items())


def changed(before: Mapping[str, Any], config: TrainConfig) -> list[str]:
    """Keys in which a run would no longer be the same run: `key = old, now new`."""
    now = asdict(config_from(before))
    return [
        f"{key} = {now[key]!r}, now {value!r}"
        for key, value in asdict(config).items()
        if key not in FREE and now[key] != value
    ]


def _file(source: str) -> Path:
    """The file itself, or the preset of that name."""
    path = Path(source)
    if path.is_file():
        return path
    preset = PRESETS / f"{source}.toml"
    if "/" not in source and preset.is_file():
        return preset
    names = ", ".join(sorted(p.stem for p in PRESETS.glob("*.toml")))
    raise SettingsError(f"configuration {source!r} is neither a file nor a preset: write a file, or use one of {names}")


def _read(path: Path) -> dict[str, Any]:
    """Values of a file, on top of those of the preset that it names."""
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as e:
        raise SettingsError(f"configuration {path} cannot be read: {e}") from e
    preset = values.pop("preset", None)
    if preset is None:
        return values
    if not (PRESETS / f"{preset}.toml").is_file():
        raise SettingsError(f"configuration {path} starts from preset {preset!r}, which does not exist")
    return _read(PRESETS / f"{preset}.toml") | values


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text  # a text without quotes


def _typed(key: str, value: Any, default: Any) -> Any:
    """The value in the type of its field; an int is also a float, a list is a tuple."""
    if isinstance(default, tuple) and isinstance(value, list | tuple):
        kind = type(default[0])
        if all(isinstance(v, kind) for v in value):
            return tuple(value)
    elif isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    elif type(value) is type(default):
        return value
    elif isinstance(default, str) and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)  # a folder that is called 7
    raise SettingsError(f"{key} = {value!r}: it must be of the kind of {_toml(default)}")


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(v) for v in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value)
