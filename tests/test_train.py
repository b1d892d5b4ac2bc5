"""Training: what a run leaves, that it goes on as if never broken off, that two processes are one, what goes wrong."""

import io
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from test_panels import day_and_night, seen_at

from tests.conftest import LONG, ROOT
from trainer import minilm
from trainer.checkpoint import read_meta, read_tensors, verify
from trainer.embedder import Embedder
from trainer.errors import CheckpointError, GroundcastError, SettingsError, SourceError, UsageError
from trainer.neutral_prompts import BANK
from trainer.shards.tars import Shards, ShardWriter
from trainer.towers import build_tokenizer, load_tower, tower_specs
from trainer.train import MODEL, STATES, Outcome, _groups, _rate, train
from trainer.training.config import TrainConfig, load_config
from trainer.training.pairs import Pairs
from trainer.training.pictures import Pictures
from trainer.training.refit import last_layer
from trainer.training.runlog import draw_curves, read_rows
from trainer.training.states import load_last
from trainer.training.student import start
from trainer.training.targets import TextTower, photo_targets
from trainer.weights.zoo import add_open_clip

TINY = str(Path(__file__).with_name("tiny_clip.json"))
CPU = torch.device("cpu")


def jpeg(pixels: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "JPEG")
    return content.getvalue()


def make_shards(folder: Path, count: int, seed: int = 0) -> Path:
    """Tiles and photos of eight kinds that go together, at random places and moments, every fifth without a date."""
    rng = np.random.default_rng(seed)
    with ShardWriter(folder, samples_per_shard=50) as shards:
        for i in range(count):
            kind = int(rng.integers(0, 8))
            picture = rng.integers(0, 60, (32, 32, 3), dtype=np.uint8)
            picture[:, :, kind % 3] += 120
            if kind > 3:
                picture[::4] = 255
            when = datetime(2020, 1, 1) + timedelta(hours=int(rng.integers(0, 8000)))
            metadata = {
                "latitude": float(rng.uniform(-60, 60)),
                "longitude": float(rng.uniform(-180, 180)),
                "date_taken": None if i % 5 == 0 else when,
                "captions": [f"kind {kind}", f"{'striped' if kind > 3 else 'plain'} number {kind % 3}"],
                "owner": f"o{rng.integers(0, 20)}",
            }
            shards.write(f"{seed}-{i}", jpeg(picture[::-1]), jpeg(picture), metadata)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards `train` and `val`, and a teacher of random weights."""
    folder = tmp_path_factory.mktemp("data")
    make_shards(folder / "train", 120)
    make_shards(folder / "val", 40, seed=1)
    add_open_clip(folder / "teacher", TINY, random_seed=0)
    return folder


def settings(data: Path, out: Path, preset: str = "tiny", **changes: object) -> TrainConfig:
    named = [f"{key}={data / key}" for key in ("train", "val", "teacher")]
    given = [f"{key}={str(value).lower() if isinstance(value, bool) else value}" for key, value in changes.items()]
    return load_config(preset, [*named, f"out={out}", "steps=6", "eval_every=3", "log_every=1", "batch=16", *given])


class StoppedError(Exception):
    pass


class StopsAfter:
    """A watcher that breaks a run off after a step."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.prepared = 0

    def preparing(self, what: str, done: int, total: int) -> None:
        self.prepared += done

    def stepped(self, step: int, pairs: int, numbers: Mapping[str, float]) -> None:
        if step == self.step:
            raise StoppedError


def curve(out: Path) -> list[tuple[float, ...]]:
    """Everything logged but the times."""
    rows = [(r["step"], r["loss"], r["lr"], r["temperature"]) for r in read_rows(out / "train.csv")]
    return [*rows, *(tuple(r.values()) for r in read_rows(out / "measures.csv"))]


def test_a_run_leaves_a_checkpoint_that_embeds_and_says_how_it_came_about(data: Path, tmp_path: Path) -> None:
    outcome = train(settings(data, tmp_path / "run"))
    assert outcome.why == "done" and outcome.folder == tmp_path / "run" / MODEL
    meta = verify(outcome.folder)
    assert (meta.encoding, meta.tile_size_m, meta.gsd_m) == ("seasonal", 480.0, 5.0)
    assert (meta.activation, meta.interaction, meta.rank) == ("linear", "full", 8)
    assert meta.training is not None and meta.training["steps"] == 6 and meta.step == outcome.step
    assert meta.metrics == outcome.measures and 0 <= meta.metrics["r10"] <= 1
    assert meta.data_card["train"]["samples"] == 120 and meta.data_card["train"]["without_date"] == {"none": 24}
    assert meta.origin["teacher"] == read_meta(data / "teacher").model_id
    assert meta.origin["random_seed"] == 0  # the teacher's weights are random, and nobody shall forget it
    trained, teacher = Embedder.load(outcome.folder), Embedder.load(data / "teacher")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    np.testing.assert_array_equal(trained.embed_photos(pixels), teacher.embed_photos(pixels))
    np.testing.assert_array_equal(trained.embed_texts(["a"]), teacher.embed_texts(["a"]))
    assert not np.allclose(trained.embed_tiles(pixels), teacher.embed_tiles(pixels), atol=1e-3)
    o = trained.embed_tiles(pixels)
    added = trained.at(o, lat=1, lon=2, when=datetime(2020, 5, 5, 12)) - o
    assert added.any() and not np.allclose(added[0], added[1], rtol=1e-6)  # the moment meets the tile


def test_a_run_leaves_logs_curves_and_its_configuration(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    train(settings(data, out))
    assert [row["step"] for row in read_rows(out / "train.csv")] == [1, 2, 3, 4, 5, 6]
    assert [row["step"] for row in read_rows(out / "measures.csv")] == [3, 6]
    assert load_config(out / "config.toml") == settings(data, out)
    assert list(out.glob("events.out.tfevents.*"))
    with Image.open(out / "curves.png") as picture:
        assert picture.width > 800


def test_training_finds_what_goes_together(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    outcome = train(settings(data, out, steps=40, eval_every=40, lr=2e-3, augment="none"))
    losses = [row["loss"] for row in read_rows(out / "train.csv")]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.3
    assert outcome.measures["r10"] > 0.5  # by chance: 0.25


@pytest.mark.parametrize("preset", ["tiny", "paper"])
def test_a_run_that_is_broken_off_goes_on_as_if_it_never_was(data: Path, tmp_path: Path, preset: str) -> None:
    # the state is that of step 4, the run breaks off after 5, and the log has rows of 5 already
    how = {
        "preset": preset,
        "steps": 8,
        "patch_dropout": 0.5,
        "accumulate": 2,
        "queue": 40,
        "checkpoint_every": 4,
        "image_px": 40,
    }
    train(settings(data, tmp_path / "whole", **how))
    broken = settings(data, tmp_path / "broken", **how)
    with pytest.raises(StoppedError):
        train(broken, StopsAfter(5))
    assert not (tmp_path / "broken" / MODEL).exists()
    outcome = train(broken)
    assert curve(tmp_path / "broken") == curve(tmp_path / "whole")
    assert outcome.meta is not None
    assert outcome.meta.model_id == read_meta(tmp_path / "whole" / MODEL).model_id


def test_time_that_is_up_stops_a_run_with_a_state_from_which_it_goes_on(data: Path, tmp_path: Path) -> None:
    config = settings(data, tmp_path / "run")
    outcome = train(replace(config, max_minutes=1e-9))
    assert (outcome.why, outcome.steps, outcome.folder) == ("time", 1, None)
    assert train(config).why == "done"
    train(settings(data, tmp_path / "whole"))
    assert curve(tmp_path / "run") == curve(tmp_path / "whole")


def test_the_same_command_again_does_nothing_and_another_one_is_refused(data: Path, tmp_path: Path) -> None:
    config = settings(data, tmp_path / "run")
    first = train(config)
    again = train(config)
    assert (again.why, again.folder, again.meta) == ("was done", first.folder, first.meta)
    with pytest.raises(UsageError, match=r"is done, and was another \(lr = 0.001, now 0.5\)"):
        train(replace(config, lr=0.5))


def test_a_run_never_goes_on_with_other_settings_or_other_shards(data: Path, tmp_path: Path) -> None:
    config = settings(data, tmp_path / "run", checkpoint_every=2)
    with pytest.raises(StoppedError):
        train(config, StopsAfter(4))
    with pytest.raises(SettingsError, match="seed = 0, now 1"):
        train(replace(config, seed=1))
    with pytest.raises(SettingsError, match=r"shards .*, now"):
        train(replace(config, train=str(make_shards(tmp_path / "other", 60, seed=5))))
    assert train(config).why == "done"


def test_targets_are_embedded_once_and_found_by_later_runs(data: Path, tmp_path: Path) -> None:
    config = settings(data, tmp_path / "one", cache=tmp_path / "cache")
    first, second = StopsAfter(-1), StopsAfter(-1)
    train(config, first)
    train(replace(config, out=str(tmp_path / "two"), encoding="none"), second)
    assert (first.prepared, second.prepared) == (160, 0)


def test_stored_targets_are_the_teachers_embeddings(data: Path, tmp_path: Path) -> None:
    teacher, shards = Embedder.load(data / "teacher"), Shards(data / "val")
    targets = photo_targets(shards, teacher, tmp_path, device=CPU)
    photos = [Image.open(io.BytesIO(shards.picture(i, "groundlevel"))) for i in range(len(shards))]
    expected = teacher.embed_photos(photos)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(targets.of(np.arange(40))[0].numpy(), expected, atol=1e-3)


def test_the_best_network_becomes_the_checkpoint_and_a_run_that_gets_no_better_stops(
    data: Path, tmp_path: Path
) -> None:
    outcome = train(settings(data, tmp_path / "run", steps=50, eval_every=1, lr=0.5, warmup=0, patience=3))
    measured = {row["step"]: row["r10"] for row in read_rows(tmp_path / "run" / "measures.csv")}
    assert outcome.why == "early stop" and outcome.steps == outcome.step + 3 < 50
    assert outcome.measures["r10"] == measured[outcome.step] == max(measured.values())


def test_without_a_validation_split_the_last_network_is_the_checkpoint(data: Path, tmp_path: Path) -> None:
    outcome = train(replace(settings(data, tmp_path / "run"), val="", patience=1))
    assert (outcome.step, outcome.measures) == (6, {})


def predicted(data: Path, checkpoint: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """O and E of the training pairs, and the photos' unit vectors."""
    shards, model = Shards(data / "train"), Embedder.load(checkpoint, precision="float32")
    samples = [shards.sample(i) for i in range(len(shards))]
    tiles, photos = (
        [Image.open(io.BytesIO(b)) for b in column]
        for column in zip(*((s.overhead, s.groundlevel) for s in samples), strict=True)
    )
    g = model.embed_photos(photos)
    o = model.embed_tiles(tiles)
    e = model.at(o, lat=shards.lat, lon=shards.lon, when=shards.when) - o
    return o, e, g / np.linalg.norm(g, axis=1, keepdims=True)


def distances(data: Path, checkpoint: Path) -> tuple[float, float]:
    """The mean squared distance of S and of O from the photos' unit vectors."""
    o, e, g = predicted(data, checkpoint)
    return float(((o + e - g) ** 2).sum(axis=1).mean()), float(((o - g) ** 2).sum(axis=1).mean())


ADDITIVE = {"encoding": "cyclic", "activation": "relu", "interaction": "none", "rank": 0}


@pytest.mark.parametrize("interaction", ["none", "full"])
def test_refitting_fits_what_a_linear_encoder_adds_anew(data: Path, tmp_path: Path, interaction: str) -> None:
    form = {"interaction": interaction, "rank": 0 if interaction == "none" else 8}
    changes = {"val": "", "augment": "none", "mask_all": 0.0, **form}
    trained = train(settings(data, tmp_path / "run", **changes)).folder
    assert trained is not None
    trained.rename(tmp_path / "trained")
    far, _ = distances(data, tmp_path / "trained")
    train(settings(data, tmp_path / "run", refit=True, refit_keep=0.0, **changes))
    near, near_alone = distances(data, trained)
    assert near < 0.5 * far and near < near_alone
    texts = Embedder.load(trained, precision="float32").embed_texts(BANK)
    t = (texts / np.linalg.norm(texts, axis=1, keepdims=True)).mean(axis=0)
    moment = predicted(data, trained)[1]
    assert np.abs(moment @ t).max() < 1e-3 * np.abs(moment).max()


def test_moments_are_refitted_to_panels_where_a_training_has_some(data: Path, tmp_path: Path) -> None:
    panels, right = day_and_night(tmp_path / "panels"), {}
    for name, given in (("pairs", {}), ("panels", {"panels": panels})):
        outcome = train(settings(data, tmp_path / name, refit=True, val="", augment="none", **given))
        assert outcome.folder is not None and outcome.meta is not None
        assert (outcome.meta.data_card.get("panels", {}).get("photos", 0) > 0) == (name == "panels")
        right[name] = np.mean([seen_at(outcome.folder, panels, hour) for hour in (0, 12)])
    assert right["panels"] > 0.9 > right["pairs"]  # where tiles are dark by day, no pair tells


def test_an_interaction_that_refitting_cannot_fit_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match='use activation = "linear", or refit = false'):
        settings(data, tmp_path, refit=True, activation="relu")
    with pytest.raises(SettingsError, match="without one rank = 0"):
        settings(data, tmp_path, interaction="none")
    with pytest.raises(SettingsError, match="rank = 64: the space has 32 directions"):
        train(settings(data, tmp_path, rank=64))


@pytest.mark.parametrize("kind", ["transformer", "convolutions"])
def test_refitting_brings_the_trained_network_to_where_the_photos_lie(data: Path, tmp_path: Path, kind: str) -> None:
    changes: dict[str, object] = {"val": "", "augment": "none", **ADDITIVE}
    if kind == "convolutions":
        tiny = json.loads(Path(TINY).read_text())
        vision = {"image_size": 32, "timm_model_name": "regnetx_002", "timm_pool": "avg", "timm_proj": "linear"}
        (tmp_path / "regnet.json").write_text(json.dumps({**tiny, "vision_cfg": vision}))
        changes |= {"arch": tmp_path / "regnet.json", "init": "random"}
    out = tmp_path / "run"
    trained = train(settings(data, out, **changes)).folder
    assert trained is not None
    trained.rename(tmp_path / "trained")
    far, far_alone = distances(data, tmp_path / "trained")
    # the same command goes on from the last state, in which nothing is left to do but to refit
    refitted = train(settings(data, out, refit=True, refit_keep=0.0, refit_time=1.0, **changes))
    assert (refitted.why, refitted.steps, refitted.folder) == ("done", 6, trained)
    near, near_alone = distances(data, trained)
    assert near < 0.5 * far and near_alone < 0.5 * far_alone and near < near_alone

    def again(**how: float) -> tuple[np.ndarray, np.ndarray]:
        shutil.rmtree(trained)
        train(settings(data, out, refit=True, **how, **changes))
        return predicted(data, trained)[:2]

    # the moment alone is made larger
    alone, moment, _ = predicted(data, trained)
    same, larger = again(refit_keep=0.0, refit_time=2.0)
    np.testing.assert_allclose(same, alone, rtol=1e-4)
    np.testing.assert_allclose(larger, 2 * moment, rtol=1e-3, atol=1e-3 * np.abs(moment).max())
    # what was trained stays, but no moment lies nearer to all texts than another
    o, e, _ = predicted(data, tmp_path / "trained")
    texts = Embedder.load(trained, precision="float32").embed_texts(BANK)
    t = (texts / np.linalg.norm(texts, axis=1, keepdims=True)).mean(axis=0)
    t /= np.linalg.norm(t)
    assert np.abs(e @ t).max() > 0.05 * np.abs(e).max() > 0
    o_kept, e_kept = again(refit_keep=1e4, refit_time=1.0)
    for kept, all_of_it in ((o_kept, o), (e_kept, e - np.outer(e @ t, t))):
        np.testing.assert_allclose(kept, 1e4 * all_of_it, rtol=1e-2, atol=1e2 * np.abs(all_of_it).max())
    for moved in (moment, larger, e_kept):
        assert np.abs(moved @ t).max() < 1e-3 * np.abs(moved).max()


def test_a_tower_that_ends_in_no_linear_layer_cannot_settle() -> None:
    with pytest.raises(SettingsError, match="refit = true: a Identity like this ends in no linear layer"):
        last_layer(torch.nn.Identity())


def test_a_teacher_learns_captions_and_is_a_checkpoint_like_any_other(data: Path, tmp_path: Path) -> None:
    outcome = train(settings(data, tmp_path / "run", "teacher", arch=TINY, queue=32, device="cpu", align_weight=0.1))
    assert outcome.folder is not None
    meta = verify(outcome.folder)
    assert (meta.encoding, meta.tile_size_m, meta.ground.stored_as) == (None, None, "overhead")
    embedder = Embedder.load(outcome.folder)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    np.testing.assert_array_equal(embedder.embed_photos(pixels), embedder.embed_tiles(pixels))
    expected = Embedder.load(data / "teacher").embed_texts(["a red thing"])
    np.testing.assert_array_equal(embedder.embed_texts(["a red thing"]), expected)
    # and Sat2Cap is trained against it
    config = replace(settings(data, tmp_path / "second"), teacher=str(outcome.folder))
    assert train(config).why == "done"


def test_the_text_tower_of_the_sandbox_is_minilm_with_its_mean_over_tokens() -> None:
    from transformers import AutoModel, AutoTokenizer

    texts = ["people swimming", "a long queue of lorries at the harbour gate in the rain"]
    _, spec = tower_specs("minilm", {"embed_dim": 384, "vision_cfg": {}, "text_cfg": minilm.text_config()})
    tower = load_tower(spec, minilm.tensors())
    found = TextTower(tower, build_tokenizer(spec), 384, 0, CPU).embed(texts)
    model = AutoModel.from_pretrained(minilm.folder()).eval()
    tokens = AutoTokenizer.from_pretrained(minilm.folder())(texts, padding=True, return_tensors="pt")
    with torch.inference_mode():
        states, mask = model(**tokens).last_hidden_state, tokens["attention_mask"][..., None]
    np.testing.assert_allclose(found, ((states * mask).sum(1) / mask.sum(1)).numpy(), atol=1e-5)


def test_pictures_decoded_as_they_come_train_the_same_network(data: Path, tmp_path: Path) -> None:
    for cache in ("yes", "no"):
        train(settings(data, tmp_path / cache, cache_images=cache, workers=2))
    assert curve(tmp_path / "yes") == curve(tmp_path / "no")


def test_pictures_in_ram_are_fetched_ahead_for_another_device(data: Path) -> None:
    shards = Shards(data / "val")
    elsewhere = Pictures(shards, np.arange(40), "overhead", 32, cache="yes", device=torch.device("meta"))
    plan = [np.arange(i, i + 8) for i in range(0, 40, 8)]
    found = list(elsewhere.batches(plan))
    assert [rows.tolist() for rows, _ in found] == [rows.tolist() for rows in plan]
    assert all(pixels.shape == (8, 3, 32, 32) and pixels.device.type == "meta" for _, pixels in found)


@pytest.mark.parametrize("cache", ["yes", "no"])
def test_broken_pictures_are_left_out_and_counted(data: Path, tmp_path: Path, cache: str) -> None:
    good = jpeg(np.zeros((8, 8, 3), np.uint8))
    place = {"latitude": 1, "longitude": 2}
    with ShardWriter(tmp_path / "train") as shards:
        for i in range(40):
            shards.write(f"{i}", b"no jpeg" if i < 3 else good, good[:90] if 3 <= i < 5 else good, place)
    config = replace(settings(data, tmp_path / "run", cache_images=cache), train=str(tmp_path / "train"))
    outcome = train(config)
    assert outcome.meta is not None
    assert outcome.meta.data_card["train"]["left_out"] == {"no_target": 3, "broken_overhead": 2}


def test_activations_computed_twice_are_the_same(data: Path, tmp_path: Path) -> None:
    train(settings(data, tmp_path / "plain"))
    train(settings(data, tmp_path / "frugal", grad_checkpointing=True))
    np.testing.assert_allclose(curve(tmp_path / "plain")[:6], curve(tmp_path / "frugal")[:6], rtol=1e-5)


def pairs(data: Path, **changes: object) -> Pairs:
    config = settings(data, Path("unused"), batch=100, **changes)
    shards = Shards(data / "train")
    targets = photo_targets(shards, Embedder.load(data / "teacher"), data / "train" / ".cache", device=CPU)
    return Pairs(shards, targets, config, device=CPU, size_px=32)


def test_each_sample_hides_place_date_and_hour_for_itself(data: Path) -> None:
    batches = pairs(data, encoding="cyclic").batches(0, 0, 1)
    encoded = [batch.encoded for batch, _ in zip(batches, range(40), strict=False)]
    known = torch.cat([e for e in encoded if e is not None])[:, [3, 7, 10]]  # its flags
    share = known.mean(dim=0).tolist()
    assert share == pytest.approx([0.595, 0.476, 0.476], abs=0.03)  # .7 × .85, and a fifth has no date at all


def test_the_weekday_is_hidden_for_itself_and_with_its_date(data: Path) -> None:
    changes = {"mask_place": 0, "mask_date": 0.5, "mask_hour": 0, "mask_all": 0, "mask_weekday": 0.5}
    batches = pairs(data, **changes).batches(0, 0, 1)
    encoded = torch.cat([batch.encoded for batch, _ in zip(batches, range(40), strict=False)])
    date, week = encoded[:, :8].any(dim=1), encoded[:, -30:-24].any(dim=1)  # waves of the year, and of the week
    assert not (week & ~date).any()
    share = [mask.float().mean().item() for mask in (date, week)]
    assert share == pytest.approx([0.4, 0.2], abs=0.03)  # a fifth has no date at all


def test_the_papers_coin_hides_everything_from_a_whole_batch(data: Path) -> None:
    changes = {"encoding": "sat2cap", "coin": 0.3, "mask_place": 0, "mask_date": 0, "mask_hour": 0, "mask_all": 0}
    batches = pairs(data, **changes).batches(0, 0, 1)
    usable = [int(b.usable.sum()) for b, _ in zip(batches, range(100), strict=False) if b.usable is not None]
    dropped = sum(n == 0 for n in usable)
    assert 15 <= dropped <= 45 and all(n == 0 or n > 60 for n in usable)


def test_processes_share_the_joined_batch_and_every_epoch_sees_each_pair_once(data: Path) -> None:
    whole = [b for b, _ in zip(pairs(data).batches(0, 0, 1), range(3), strict=False)]
    left = [b for b, _ in zip(pairs(data).batches(0, 0, 2), range(3), strict=False)]
    right = [b for b, _ in zip(pairs(data).batches(0, 1, 2), range(3), strict=False)]
    for joined, one, two in zip(whole, left, right, strict=True):
        for name in ("pixels", "targets", "ids", "encoded", "usable"):
            assert torch.equal(getattr(joined, name), torch.cat([getattr(one, name), getattr(two, name)]))
        assert joined.view is not None and one.view is not None and two.view is not None
        np.testing.assert_array_equal(joined.view.maps, np.concatenate([one.view.maps, two.view.maps]))
    assert len(set(whole[0].ids[:, 0].tolist())) == 100


def test_photos_of_one_place_or_owner_carry_the_same_id(data: Path, tmp_path: Path) -> None:
    picture = jpeg(np.zeros((8, 8, 3), np.uint8))
    near, far = {"latitude": 10.0001, "longitude": 20.0001}, {"latitude": 10.5, "longitude": 20.0}
    with ShardWriter(tmp_path / "s") as writer:
        for key, metadata in {
            "named": {**near, "place": "a"},
            "same_name": {**far, "place": "a"},
            "cell": near,
            "same_cell": {"latitude": 10.0002, "longitude": 20.0002, "owner": "x"},
            "far": {**far, "owner": "x"},
        }.items():
            writer.write(key, picture, picture, metadata)
    shards = Shards(tmp_path / "s")
    targets = photo_targets(shards, Embedder.load(data / "teacher"), tmp_path, device=CPU)
    batch = next(Pairs(shards, targets, settings(data, tmp_path), device=CPU, size_px=32).in_order(8, 0, 1))
    _, place, owner = batch.ids.T.tolist()
    assert place[0] == place[1] and place[2] == place[3] and len(set(place)) == 3
    assert owner == [-1, -1, -1, owner[3], owner[3]]


@pytest.mark.skipif(not LONG, reason="half a minute long: `make test-long` runs it")
def test_two_processes_train_as_one_with_the_joined_batch(data: Path, tmp_path: Path) -> None:
    runs = {
        "ours": settings(data, tmp_path, accumulate=2, queue=40, steps=5, align_weight=0.1, image_px=40),
        "paper": settings(data, tmp_path, "paper", queue=40, steps=5, image_px=40, lr=1e-3),
    }
    for name, config in runs.items():
        train(replace(config, out=str(tmp_path / f"{name}-1")))
    script = tmp_path / "two.py"
    script.write_text(
        "import sys\nfrom trainer.training.config import load_config\nfrom trainer.train import train\n"
        "for out in sys.argv[1:]:\n    train(load_config(out + '-1/config.toml', [f'out={out}-2']))\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    outs = [str(tmp_path / name) for name in runs]
    done = subprocess.run([*command, *outs], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    for out in outs:
        one, two = curve(Path(f"{out}-1")), curve(Path(f"{out}-2"))
        for rows in zip(one, two, strict=True):
            np.testing.assert_allclose(*rows, rtol=1e-4)
        weights = [read_tensors(Path(f"{out}-{n}") / MODEL, "overhead.") for n in (1, 2)]
        for name, tensor in weights[0].items():
            torch.testing.assert_close(tensor, weights[1][name], rtol=1e-3, atol=1e-4)


def test_a_loss_that_is_no_number_ends_the_run_and_leaves_the_last_good_state(data: Path, tmp_path: Path) -> None:
    config = settings(data, tmp_path / "run", steps=9, checkpoint_every=1)
    with pytest.raises(StoppedError):
        train(config, StopsAfter(2))
    state = tmp_path / "run" / STATES / "step-00000002.pt"
    content = torch.load(state, weights_only=True)
    content["optimiser"]["param_groups"][0]["peak"] = 1e38
    torch.save(content, state)
    with pytest.raises(GroundcastError, match=r"no number any more.*step-0000000\d\.pt"):
        train(config)
    last = load_last(tmp_path / "run" / STATES)
    assert last is not None
    assert all(bool(torch.isfinite(t).all()) for t in last["network"].values())


@contextmanager
def full_disk(largest_bytes: int) -> Iterator[None]:
    """No file can grow beyond a size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_told_and_the_state_before_is_kept(data: Path, tmp_path: Path) -> None:
    config = settings(data, tmp_path / "run", checkpoint_every=1, eval_every=0)
    with pytest.raises(StoppedError):
        train(config, StopsAfter(2))
    with full_disk(100_000), pytest.raises(CheckpointError, match=r"cannot be written.*step-00000002\.pt"):
        train(config)
    assert sorted(p.name for p in (tmp_path / "run" / STATES).iterdir()) == ["step-00000001.pt", "step-00000002.pt"]
    assert train(config).why == "done"


def test_a_state_that_is_broken_gives_way_to_the_one_before(data: Path, tmp_path: Path) -> None:
    config = settings(data, tmp_path / "run", checkpoint_every=1)
    with pytest.raises(StoppedError):
        train(config, StopsAfter(4))
    for path in sorted((tmp_path / "run" / STATES).glob("step-*"))[1:]:
        path.write_bytes(path.read_bytes()[:1000])
    train(config)
    train(settings(data, tmp_path / "whole", checkpoint_every=1))
    assert curve(tmp_path / "run") == curve(tmp_path / "whole")


def test_what_does_not_fit_together_is_refused_with_what_to_do(data: Path, tmp_path: Path) -> None:
    config = settings(data, tmp_path / "run")
    other = tmp_path / "other.json"
    other.write_text(json.dumps(json.loads(Path(TINY).read_text()) | {"embed_dim": 16}))
    for changes, error, message in [
        ({"arch": str(other), "init": "random"}, SettingsError, "gives 16 numbers, its teacher 32"),
        ({"train": str(tmp_path)}, SourceError, "no tar there"),
        ({"train": ""}, SettingsError, "train = ''"),
        ({"teacher": ""}, SettingsError, "teacher = ''"),
        ({"teacher": str(tmp_path)}, CheckpointError, "no meta.json"),
        ({"batch": 500}, SettingsError, "there are 120 pairs"),
        ({"target": "caption", "teacher": "", "image": "groundlevel", "encoding": "none", "arch": TINY,
          "init": "random"}, SettingsError, "text tower without weights"),
    ]:  # fmt: skip
        with pytest.raises(error, match=message):
            train(replace(config, **changes))
    if not torch.cuda.is_available():
        with pytest.raises(SettingsError, match="no GPU"):
            train(replace(config, device="cuda"))


def test_every_parameter_learns_and_norms_are_decayed_only_by_the_paper(data: Path) -> None:
    student = start(settings(data, Path("unused"))).student
    for preset, bare in (("tiny", {0.0, 0.2}), ("paper", {0.2})):
        groups = list(_groups(student, settings(data, Path("unused"), preset)))
        assert sorted(id(p) for g in groups for p in g["params"]) == sorted(id(p) for p in student.parameters())
        assert {g["weight_decay"] for g in groups} == bare
    scales = [g for g in _groups(student, settings(data, Path("unused"))) if g["weight_decay"] == 0]
    assert any(p is student.logit_scale for g in scales for p in g["params"])


def test_the_learning_rate_warms_up_and_falls_or_restarts() -> None:
    strong = replace(load_config("strong"), steps=100, warmup=10, final_lr=0.1)
    rates = [_rate(step, strong) for step in range(1, 101)]
    assert rates[:10] == pytest.approx(np.arange(1, 11) / 10)
    assert rates[10] == 1 and rates[-1] == pytest.approx(0.1, abs=0.001) and rates[10:] == sorted(rates[10:])[::-1]
    paper = replace(load_config("paper"), restart_steps=5)
    falling = [(1 + np.cos(np.pi * k / 5)) / 2 for k in range(5)]
    assert [_rate(step, paper) for step in range(1, 11)] == pytest.approx(falling * 2)


def test_curves_can_be_drawn_before_the_first_measurement(tmp_path: Path) -> None:
    draw_curves([{"step": 1, "loss": 2.0, "lr": 0.1}], [], tmp_path / "c.png")
    assert (tmp_path / "c.png").stat().st_size > 1000


def test_the_command_trains_and_prints_one_document(data: Path, tmp_path: Path) -> None:
    from search_ui.commands.models.train import command

    named = [f"{key}={data / key}" for key in ("train", "val", "teacher")]
    arguments = ["tiny", *named, f"out={tmp_path / 'run'}", "steps=4", "--json"]
    ran = CliRunner().invoke(command, arguments, catch_exceptions=False)
    document = json.loads(ran.stdout)
    assert (document["why"], document["steps"], document["folder"]) == ("done", 4, str(tmp_path / "run" / MODEL))
    assert "pairs/s" in ran.stderr and "R@10" in ran.stderr
    again = CliRunner().invoke(command, arguments[:-1], catch_exceptions=False)
    assert "nothing to do" in again.stdout and "groundcast model add tiny" in again.stdout


def test_an_outcome_without_a_folder_tells_to_go_on() -> None:
    from search_ui.commands.models.train import _lines

    assert "the same command goes on" in _lines(Outcome(3, 3, "time"), "out", "tiny")[0]
