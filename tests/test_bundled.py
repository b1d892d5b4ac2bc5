"""The model that comes with the package: packed small, put together whole."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import TINY_CLIP
from trainer import bundled, minilm
from trainer.bundled import add_bundled, assemble, bundled_meta, pack_bundled
from trainer.checkpoint import Meta, read_meta, read_tensors, verify, write_checkpoint
from trainer.embedder import Embedder
from trainer.errors import CheckpointError, UsageError
from trainer.preprocess import SAT2CAP_MEAN, SAT2CAP_STD, Preprocess
from trainer.towers import build_tower, packed_text, tower_specs
from trainer.weights.zoo import add_open_clip

VISION = {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    """A whole checkpoint with MiniLM's text tower and tiny vision towers of random weights."""
    folder = tmp_path_factory.mktemp("whole") / "m"
    config = {"embed_dim": minilm.DIM, "vision_cfg": VISION, "text_cfg": minilm.text_config()}
    overhead, text = tower_specs("tiny", config)
    text, files = packed_text(text)
    tensors = {f"text.{k}": v for k, v in minilm.tensors().items()}
    torch.manual_seed(0)
    for name in ("overhead", "ground"):
        tensors |= {f"{name}.{k}": v for k, v in build_tower(overhead).state_dict().items()}
    shapes = {"fc1.weight": (64, 11), "fc1.bias": (64,), "fc2.weight": (minilm.DIM, 64), "fc2.bias": (minilm.DIM,)}
    tensors |= {f"encoder.{k}": torch.randn(shape) for k, shape in shapes.items()}
    meta = Meta(
        dim=minilm.DIM,
        overhead=overhead,
        ground=replace(overhead, stored_as="ground"),
        text=text,
        overhead_input=Preprocess(32, SAT2CAP_MEAN, SAT2CAP_STD),
        ground_input=Preprocess(32),
        encoding="cyclic",
        tile_size_m=480,
        gsd_m=5,
        step=7,
        training={"train": "/somewhere/shards/train", "steps": 7},
        data_card={"pairs": "made up", "teacher": {"from": "/somewhere/runs/teacher"}},
    )
    write_checkpoint(folder, meta, tensors | {"logit_scale": torch.tensor(2.65)}, text_files=files)
    return folder


@pytest.fixture(scope="module")
def packed(checkpoint: Path, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("packed") / "sandbox"
    pack_bundled(checkpoint, folder)
    return folder


def test_what_is_packed_is_small_and_has_no_text_tower(checkpoint: Path, packed: Path) -> None:
    assert sorted(p.name for p in packed.iterdir()) == ["meta.json", "model.safetensors", "onnx"]
    assert (packed / "model.safetensors").stat().st_size < (checkpoint / "model.safetensors").stat().st_size / 100
    tensors = read_tensors(packed)
    assert {k.split(".")[0] for k in tensors} == {"overhead", "ground", "encoder", "logit_scale"}
    assert all(v.dtype == torch.float16 for k, v in tensors.items() if k.startswith(("overhead.", "ground.")))


def test_put_together_it_is_an_ordinary_checkpoint(checkpoint: Path, packed: Path, tmp_path: Path) -> None:
    meta = assemble(packed, tmp_path / "m")
    assert verify(tmp_path / "m") == meta == read_meta(packed)
    assert (meta.step, meta.gsd_m, meta.encoding) == (7, 5, "cyclic")
    files = {p.name for p in (tmp_path / "m" / "text").iterdir()}
    assert {"config.json", "tokenizer.json"} <= files and "model.safetensors" not in files
    before, after = (Embedder.load(p, precision="float32", device="cpu") for p in (checkpoint, tmp_path / "m"))
    texts = ["a lighthouse on a cliff", "people swimming at a sandy beach"]
    assert np.array_equal(before.embed_texts(texts), after.embed_texts(texts))
    tiles = np.random.default_rng(0).integers(0, 255, (4, 40, 40, 3), dtype=np.uint8)
    assert np.allclose(before.embed_tiles(tiles), after.embed_tiles(tiles), atol=1e-2)  # rounded to float16
    assert np.allclose(before.embed_photos(tiles), after.embed_photos(tiles), atol=1e-2)
    o = np.zeros((1, before.dim))
    assert np.array_equal(before.at(o, lat=1, lon=2), after.at(o, lat=1, lon=2))


def test_it_names_no_folder_of_this_machine(packed: Path) -> None:
    text = (packed / "meta.json").read_text()
    assert str(minilm.folder().parent) not in text
    assert "/somewhere" not in text
    assert read_meta(packed).training == {"train": "train", "steps": 7}


def test_packing_what_was_put_together_changes_nothing(packed: Path, tmp_path: Path) -> None:
    first = assemble(packed, tmp_path / "m")
    assert pack_bundled(tmp_path / "m", tmp_path / "again").model_id == first.model_id
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == (packed / "model.safetensors").read_bytes()


def test_packing_replaces_what_was_packed_before(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "sandbox").mkdir()
    (tmp_path / "sandbox" / "old").write_text("")
    pack_bundled(checkpoint, tmp_path / "sandbox")
    assert [p.name for p in tmp_path.iterdir()] == ["sandbox"]
    assert not (tmp_path / "sandbox" / "old").exists()


def test_changed_files_are_refused_and_leave_nothing(packed: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    changed.mkdir()
    (changed / "meta.json").write_bytes((packed / "meta.json").read_bytes())
    content = bytearray((packed / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (changed / "model.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match="was packed as"):
        assemble(changed, tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_an_existing_folder_is_not_overwritten(packed: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exists"):
        assemble(packed, tmp_path)


def test_a_model_of_another_text_tower_cannot_be_bundled(tmp_path: Path) -> None:
    add_open_clip(tmp_path / "clip", TINY_CLIP, random_seed=0)
    with pytest.raises(UsageError, match="another text tower"):
        pack_bundled(tmp_path / "clip", tmp_path / "packed")
    assert [p.name for p in tmp_path.iterdir()] == ["clip"]


def test_a_model_that_is_too_large_is_refused(checkpoint: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(bundled, "LIMIT_BYTES", 1000)
    with pytest.raises(UsageError, match="smaller tower"):
        pack_bundled(checkpoint, tmp_path / "packed")
    assert list(tmp_path.iterdir()) == []


def test_an_installation_without_the_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="carries no model 'atlantis'"):
        add_bundled(tmp_path / "m", "atlantis")


def test_the_model_of_this_package_can_be_put_together(tmp_path: Path) -> None:
    meta = add_bundled(tmp_path / "m")
    assert meta == bundled_meta()
    assert sum(p.stat().st_size for p in bundled.bundled_folder().rglob("*")) <= bundled.LIMIT_BYTES
