"""The checkpoint folder."""

import errno
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from trainer.checkpoint import (
    Meta,
    copy_checkpoint,
    overhead_id,
    read_meta,
    read_tensors,
    verify,
    write_checkpoint,
)
from trainer.encoder import Form
from trainer.errors import CheckpointError, UsageError
from trainer.preprocess import SAT2CAP_MEAN, SAT2CAP_STD, Preprocess
from trainer.towers import build_tower, load_config, tower_specs

TINY = str(Path(__file__).with_name("tiny_clip.json"))


@pytest.fixture
def parts() -> tuple[Meta, dict[str, torch.Tensor]]:
    """A description and tensors of a tiny Sat2Cap whose overhead and ground towers differ."""
    vision, text = tower_specs(*load_config(TINY))
    ground = replace(vision, stored_as="ground")
    meta = Meta(
        dim=32,
        overhead=vision,
        ground=ground,
        text=text,
        overhead_input=Preprocess(32, SAT2CAP_MEAN, SAT2CAP_STD),
        ground_input=Preprocess(32),
        encoding="cyclic",
        tile_size_m=480,
        metrics={"recall@10": 0.5},
        data_card={"pairs": "made up"},
        step=7,
    )
    towers = [(s.stored_as, build_tower(s)) for s in (vision, ground, text)]
    tensors = {f"{name}.{k}": v for name, tower in towers for k, v in tower.state_dict().items()}
    encoder = {"fc1.weight": (64, 11), "fc1.bias": (64,), "fc2.weight": (32, 64), "fc2.bias": (32,)}
    tensors |= {f"encoder.{k}": torch.randn(shape) for k, shape in encoder.items()}
    return meta, tensors | {"logit_scale": torch.tensor(2.65)}


def test_what_is_written_is_read_back(tmp_path: Path, parts) -> None:
    meta, tensors = parts
    written = write_checkpoint(tmp_path / "m", meta, tensors)
    assert read_meta(tmp_path / "m") == written == replace(meta, model_id=written.model_id)
    assert sorted(p.name for p in (tmp_path / "m").iterdir()) == ["SHA256SUMS", "meta.json", "model.safetensors"]
    found = read_tensors(tmp_path / "m")
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[k], tensors[k]) for k in tensors)
    assert read_tensors(tmp_path / "m", "encoder.").keys() == {"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"}
    assert verify(tmp_path / "m") == written


def test_model_id_is_of_weights_and_configuration_only(tmp_path: Path, parts) -> None:
    meta, tensors = parts
    ids = {}
    for name, m, t in [
        ("same", replace(meta, step=8, metrics={}, data_card={}, origin={"kind": "x"}), tensors),
        ("base", meta, tensors),
        ("weights", meta, {**tensors, "logit_scale": torch.tensor(1.0)}),
        ("pixels", replace(meta, overhead_input=Preprocess(32)), tensors),
    ]:
        ids[name] = write_checkpoint(tmp_path / name, m, t).model_id
    assert ids["same"] == ids["base"]
    assert len(set(ids.values())) == 3


def test_equal_towers_are_stored_once(tmp_path: Path, parts) -> None:
    meta, tensors = parts
    tensors = {k: tensors[k.replace("ground.", "overhead.")] for k in tensors}
    written = write_checkpoint(tmp_path / "m", meta, tensors)
    assert written.ground.stored_as == "overhead"
    assert not any(k.startswith("ground.") for k in read_tensors(tmp_path / "m"))
    assert verify(tmp_path / "m") == written


def test_a_folder_of_the_first_format_is_read_as_what_it_was(tmp_path: Path, parts) -> None:
    meta, tensors = parts
    written = write_checkpoint(tmp_path / "m", meta, tensors)
    path = tmp_path / "m" / "meta.json"
    document = json.loads(path.read_text())
    assert document["format_version"] == 2
    before = {k: v for k, v in document.items() if k not in ("activation", "interaction", "rank")}
    path.write_text(json.dumps(before | {"format_version": 1}))
    (tmp_path / "m" / "SHA256SUMS").unlink()  # which came later
    assert verify(tmp_path / "m") == written  # its model_id among it
    assert written.form == Form(64, "relu", "none", 0)


def test_models_of_one_tower_whose_moments_differ_have_one_overhead_id(tmp_path: Path, parts) -> None:
    meta, tensors = parts
    other = {k: v + 1 if k.startswith("encoder.") else v for k, v in tensors.items()}
    for name, m, t in [
        ("base", meta, tensors),
        ("moment", meta, other),
        ("pixels", replace(meta, overhead_input=Preprocess(32)), tensors),
        ("tower", meta, {**tensors, "overhead.proj": tensors["overhead.proj"] + 1}),
    ]:
        write_checkpoint(tmp_path / name, m, t)
    ids = {name: overhead_id(tmp_path / name) for name in ("base", "moment", "pixels", "tower")}
    assert ids["base"] == ids["moment"] and len(set(ids.values())) == 3


def test_an_existing_folder_is_not_overwritten(tmp_path: Path, parts) -> None:
    (tmp_path / "m").mkdir()
    with pytest.raises(UsageError, match="exists"):
        write_checkpoint(tmp_path / "m", *parts)


def test_a_full_disk_leaves_no_half_folder(tmp_path: Path, parts, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(CheckpointError, match=r"cannot be written.*No space left"):
        write_checkpoint(tmp_path / "m", *parts)
    assert list(tmp_path.iterdir()) == []


def test_a_truncated_weights_file_is_an_error(tmp_path: Path, parts) -> None:
    write_checkpoint(tmp_path / "m", *parts)
    path = tmp_path / "m" / "model.safetensors"
    for size in (0, 100, path.stat().st_size - 4):
        path.write_bytes(path.read_bytes()[:size])
        with pytest.raises(CheckpointError, match="broken or cut short"):
            read_tensors(tmp_path / "m", "text.")
    path.unlink()
    with pytest.raises(CheckpointError, match=r"has no model\.safetensors"):
        read_tensors(tmp_path / "m", "text.")


def test_a_pickle_under_our_name_is_not_unpickled(tmp_path: Path, parts) -> None:
    write_checkpoint(tmp_path / "m", *parts)
    torch.save({"a": torch.zeros(1)}, tmp_path / "m" / "model.safetensors")
    with pytest.raises(CheckpointError, match="broken"):
        read_tensors(tmp_path / "m")


def test_folders_that_are_no_checkpoint_say_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not a folder"):
        read_meta(tmp_path / "missing")
    with pytest.raises(CheckpointError, match=r"has no meta\.json"):
        read_meta(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="--sat2cap"):
        read_meta(tmp_path)
    (tmp_path / "meta.json").write_text('{"format": "other"}')
    with pytest.raises(CheckpointError, match="not one of groundcast's"):
        read_meta(tmp_path)
    (tmp_path / "meta.json").write_text("{")
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_meta(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 3}, "format 3, this program reads 2 and older: update"),
        ({"interaction": "full"}, "interaction 'full' of rank 0 cannot be"),
        ({"interaction": "braided", "rank": 4}, "'braided' is unknown: update"),
        ({"activation": "gelu"}, "'gelu', 'none' is unknown: update"),
        ({"dim": 16}, "overhead tower gives 32 numbers, the model 16"),
        ({"encoding": "fourier"}, "'fourier' is unknown"),
        ({"text": {"kind": "text"}}, "incomplete"),
    ],
)
def test_a_description_that_cannot_be_served_says_why(tmp_path: Path, parts, change: dict, message: str) -> None:
    write_checkpoint(tmp_path / "m", *parts)
    path = tmp_path / "m" / "meta.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(CheckpointError, match=message):
        read_meta(tmp_path / "m")


def test_changed_content_is_found_and_not_copied(tmp_path: Path, parts) -> None:
    written = write_checkpoint(tmp_path / "m", *parts)
    assert copy_checkpoint(tmp_path / "m", tmp_path / "copy") == written
    assert verify(tmp_path / "copy") == written
    path = tmp_path / "m" / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="was changed"):
        copy_checkpoint(tmp_path / "m", tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_changed_file_beside_the_weights_is_found(tmp_path: Path, parts) -> None:
    (tmp_path / "text" / "1_Pooling").mkdir(parents=True)
    for name in ("vocab.txt", "two  blanks.json", "1_Pooling/config.json"):
        (tmp_path / "text" / name).write_text("content")
    written = write_checkpoint(tmp_path / "m", *parts, text_files=tmp_path / "text")
    ran = subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=tmp_path / "m", capture_output=True)
    assert (ran.returncode, ran.stdout) == (0, b"")
    files = [path for path in (tmp_path / "m").rglob("*") if path.is_file()]
    assert len(files) == 6
    for path in files:
        whole = path.read_bytes()
        for at in (len(whole) // 3, len(whole) - 2):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
            with pytest.raises(CheckpointError):
                verify(tmp_path / "m")
        path.write_bytes(whole)
    assert verify(tmp_path / "m") == written
    (tmp_path / "m" / "text" / "vocab.txt").unlink()
    with pytest.raises(CheckpointError, match=r"text/vocab\.txt was changed: copy it again"):
        copy_checkpoint(tmp_path / "m", tmp_path / "copy")
