"""The configuration of a training run: TOML and key=value; what is unknown or wrong is an error."""

from dataclasses import asdict, fields
from pathlib import Path

import pytest

from trainer.errors import SettingsError
from trainer.training.config import PRESETS, TrainConfig, changed, config_from, load_config, to_toml


@pytest.mark.parametrize("name", ["paper", "strong", "sandbox", "sandbox-fine", "sandbox-paper", "tiny", "teacher"])
def test_every_preset_loads_by_its_name(name: str) -> None:
    assert load_config(name).steps > 0


def test_there_are_no_other_presets() -> None:
    assert {p.stem for p in PRESETS.glob("*.toml")} == {
        "paper",
        "strong",
        "sandbox",
        "sandbox-fine",
        "sandbox-paper",
        "tiny",
        "teacher",
        "teacher-dark",
    }


def test_the_preset_paper_is_the_recipe_of_the_authors() -> None:
    paper = load_config("paper")
    assert (paper.loss, paper.queue, paper.coin, paper.augment) == ("queue", 9600, 0.3, "paper")
    assert (paper.lr, paper.betas, paper.eps, paper.weight_decay, paper.decay) == (1e-5, (0.9, 0.98), 1e-6, 0.2, "all")
    assert (paper.schedule, paper.restart_steps, paper.warmup, paper.precision) == ("restarts", 3000, 0, "float32")
    assert (paper.encoding, paper.statistics, paper.encoder_lr, paper.grad_clip) == ("sat2cap", "sat2cap", 0.0, 0.0)
    assert paper.false_negatives == () and paper.mask_place == paper.mask_date == paper.mask_hour == paper.mask_all == 0


def test_a_file_starts_from_a_preset_and_arguments_are_stronger(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('preset = "paper"\nlr = 5e-5\nqueue = 9000\n')
    config = load_config(file, ["queue=512", "train=a/b", "compile=true", "betas=[0.9, 0.95]", "out=7"])
    assert (config.lr, config.queue, config.train, config.compile) == (5e-5, 512, "a/b", True)
    assert (config.betas, config.out, config.loss) == ((0.9, 0.95), "7", "queue")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("quueue=1", "unknown setting 'quueue': did you mean queue"),
        ("steps=0", "steps = 0: it must lie within 1"),
        ("steps=many", "steps = 'many': it must be of the kind of"),
        ("steps=1.5", "must be of the kind of"),
        ("compile=1", "must be of the kind of"),
        ("loss=mine", "loss = 'mine': use both, queue"),
        ('false_negatives=["town"]', "use place, owner"),
        ("betas=[0.9]", "give two numbers"),
        ("coin=1.5", "within 0 … 1"),
        ("steps", "is not key=value"),
    ],
)
def test_what_cannot_be_meant_is_an_error_that_says_what_can(override: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_config("tiny", [override])


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(SettingsError, match="no negatives"):
        load_config("paper", ["queue=0"])
    with pytest.raises(SettingsError, match="teacher, which sees no place or time"):
        load_config("teacher", ["encoding=cyclic"])
    with pytest.raises(SettingsError, match="panels = 'p' are what a refit is made to"):
        load_config("sandbox", ["panels=p"])


def test_neither_file_nor_preset_says_which_presets_there_are() -> None:
    with pytest.raises(
        SettingsError, match="paper, sandbox, sandbox-fine, sandbox-paper, strong, teacher, teacher-dark, tiny"
    ):
        load_config("nothing")


def test_a_file_that_is_no_toml_or_names_no_preset_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("steps = ")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_config(file)
    file.write_text('preset = "best"')
    with pytest.raises(SettingsError, match="'best', which does not exist"):
        load_config(file)


def test_the_resolved_configuration_is_read_back_the_same(tmp_path: Path) -> None:
    config = load_config("paper", ['train=a "b" \\ c'])
    (tmp_path / "config.toml").write_text(to_toml(config))
    assert load_config(tmp_path / "config.toml") == config
    assert config_from(asdict(config)) == config


def test_only_what_changes_the_run_counts_as_changed() -> None:
    config = load_config("tiny")
    stored = asdict(config) | {"betas": list(config.betas)}
    assert changed(stored, load_config("tiny", ["device=auto", "workers=3", "log_every=1"])) == []
    assert changed(stored, load_config("tiny", ["lr=1"])) == ["lr = 0.001, now 1.0"]


def test_every_setting_is_described() -> None:
    described = TrainConfig.__doc__ or ""
    assert [f.name for f in fields(TrainConfig) if f"        {f.name}: " not in described] == []
