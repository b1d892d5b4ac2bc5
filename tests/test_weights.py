"""Weights as people have them: what the file is, what stands beside it, what is wrapped around the model."""

import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.conftest import TINY_CLIP
from trainer.checkpoint import Meta, read_meta, read_tensors
from trainer.embedder import Embedder
from trainer.errors import CheckpointError, UnsafeCheckpointError, UsageError
from trainer.preprocess import CLIP_MEAN, Preprocess
from trainer.weights import clip as clip_module
from trainer.weights.clip import read_clip
from trainer.weights.description import of_tag
from trainer.weights.files import read_weights
from trainer.weights.zoo import add_open_clip

TINY: dict[str, Any] = json.loads(Path(TINY_CLIP).read_text())
RESNET = {"embed_dim": 32, "vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 16}}
RESNET |= {"text_cfg": TINY["text_cfg"]}


def open_clip_model(*, quick_gelu: bool, config: dict[str, Any] = TINY):
    """open_clip's own CLIP with random weights: what a file holds, and what is right."""
    from open_clip.model import CLIP

    torch.manual_seed(0)
    model = CLIP(config["embed_dim"], config["vision_cfg"], config["text_cfg"], quick_gelu=quick_gelu).eval()
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.1)
    return model


def picture(size_px: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, size_px, size_px, 3), dtype=np.uint8)


@torch.inference_mode()
def right_vectors(model, mean=CLIP_MEAN, std=(0.26862954, 0.26130258, 0.27577711)) -> np.ndarray:
    size = model.visual.image_size
    x = (picture(size if isinstance(size, int) else size[0]).astype(np.float64) / 255 - np.array(mean)) / np.array(std)
    return model.encode_image(torch.from_numpy(x.transpose(0, 3, 1, 2)).float()).numpy()


def assert_gives(folder: Path, wanted: np.ndarray) -> None:
    size_px = Embedder.load(folder).meta.overhead_input.size_px
    np.testing.assert_allclose(Embedder.load(folder).embed_tiles(picture(size_px)), wanted, atol=1e-4)


def tiny(folder: Path, *, quick_gelu: bool, config: dict[str, Any] = TINY) -> str:
    """An architecture of that activation as a JSON file."""
    path = folder / "tiny.json"
    path.write_text(json.dumps({**config, "quick_gelu": quick_gelu}))
    return str(path)


# --- activation and preprocessing come with the weights


@pytest.mark.parametrize("trained", [True, False])
def test_the_activation_beside_open_clips_file_wins_over_that_of_the_architecture(
    tmp_path: Path, trained: bool, caplog: pytest.LogCaptureFixture
) -> None:
    model = open_clip_model(quick_gelu=trained)
    save_file(model.state_dict(), tmp_path / "open_clip_model.safetensors")
    pixels = {"mean": [0.5] * 3, "std": 0.25, "interpolation": "bilinear", "resize_mode": "squash", "size": 32}
    document = {"model_cfg": {**TINY, "quick_gelu": trained}, "preprocess_cfg": pixels}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(document))
    file = tmp_path / "open_clip_model.safetensors"
    meta = add_open_clip(tmp_path / "m", tiny(tmp_path, quick_gelu=not trained), weights=file)
    assert (meta.overhead.quick_gelu, meta.text.quick_gelu) == (trained, trained)
    assert meta.overhead_input.mean == (0.5, 0.5, 0.5)
    assert meta.overhead_input.std == (0.25, 0.25, 0.25)
    assert read_meta(tmp_path / "m").ground_input == Preprocess(32, (0.5,) * 3, (0.25,) * 3, "bilinear", "squash")
    assert_gives(tmp_path / "m", right_vectors(model, [0.5] * 3, [0.25] * 3))
    assert "so says" in caplog.text  # the architecture that was asked for has another one
    add_open_clip(tmp_path / "alone", weights=tmp_path)  # and the folder alone says which architecture
    assert_gives(tmp_path / "alone", right_vectors(model, [0.5] * 3, [0.25] * 3))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, ("bicubic", "shortest")),
        ({"interpolation": "random", "resize_mode": "longest"}, ("bicubic", "longest")),
        ({"interpolation": "bilinear"}, ("bilinear", "shortest")),
    ],
)
def test_pictures_are_resized_as_the_weights_say_or_as_open_clip_does(
    tmp_path: Path, said: dict[str, str], expected: tuple[str, str]
) -> None:
    save_file(open_clip_model(quick_gelu=False).state_dict(), tmp_path / "open_clip_model.safetensors")
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY, "preprocess_cfg": said}))
    pixels = add_open_clip(tmp_path / "m", weights=tmp_path).ground_input
    assert (pixels.interpolation, pixels.resize) == expected


def test_open_clips_table_says_how_a_tags_pictures_are_resized() -> None:
    from open_clip import get_pretrained_cfg

    found = {
        (arch, tag): of_tag(tag, get_pretrained_cfg(arch, tag))
        for arch, tag in [("ViT-B-32", "openai"), ("ViT-B-16-SigLIP", "webli"), ("MobileCLIP-B", "datacompdr")]
    }
    assert [(said.interpolation, said.resize) for said in found.values()] == [
        ("bicubic", "shortest"), ("bicubic", "squash"), ("bilinear", "shortest"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"resize_mode": "fit"}, "resize_mode 'fit' is unknown: known are 'squash', 'shortest', 'longest'"),
        ({"interpolation": 3}, "interpolation 3 is unknown"),
        ({"resize_mode": "longest", "fill_color": 127}, "fill_color 127 is not black"),
    ],
)
def test_a_way_of_resizing_that_is_not_known_is_refused(tmp_path: Path, said: dict[str, object], word: str) -> None:
    save_file(open_clip_model(quick_gelu=False).state_dict(), tmp_path / "open_clip_model.safetensors")
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY, "preprocess_cfg": said}))
    with pytest.raises(CheckpointError, match=word):
        add_open_clip(tmp_path / "m", weights=tmp_path)


HF_CONFIG = {
    "model_type": "clip",
    "projection_dim": 32,
    "vision_config": {"hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 2, "num_attention_heads": 4}
    | {"image_size": 32, "patch_size": 16},
    "text_config": {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}
    | {"max_position_embeddings": 16, "eos_token_id": 49407},
}


def hugging_face_folder(folder: Path, activation: str, *, shard: str = "5GB"):
    """A CLIP of Hugging Face as its library writes it, and the model."""
    transformers = pytest.importorskip("transformers", reason="Hugging Face's own class is what is right")
    towers = {k: {**HF_CONFIG[k], "hidden_act": activation} for k in ("vision_config", "text_config")}
    torch.manual_seed(0)
    model = transformers.CLIPModel(transformers.CLIPConfig(**{**HF_CONFIG, **towers})).eval()
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.1)
    model.save_pretrained(folder, max_shard_size=shard)
    pixels = {"image_mean": [0.4] * 3, "image_std": [0.2] * 3, "resample": 2, "do_center_crop": False}
    (folder / "preprocessor_config.json").write_text(json.dumps(pixels | {"size": {"height": 32, "width": 32}}))
    return model


@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"])
@torch.inference_mode()
def test_a_hugging_face_folder_gives_the_vectors_of_its_own_library(tmp_path: Path, activation: str) -> None:
    theirs = hugging_face_folder(tmp_path / "hub", activation)
    meta = add_open_clip(tmp_path / "m", weights=tmp_path / "hub")
    assert meta.overhead.quick_gelu == (activation == "quick_gelu")
    x = torch.from_numpy((picture() / 255 - 0.4) / 0.2).float().permute(0, 3, 1, 2)
    pooled = theirs.vision_model(x).pooler_output
    assert_gives(tmp_path / "m", theirs.visual_projection(pooled).numpy())
    # an architecture of other heads fits every tensor, and would give other vectors
    with pytest.raises(CheckpointError, match=r"has head_width 64, .*config\.json says 32: leave --open-clip out"):
        add_open_clip(tmp_path / "n", TINY_CLIP, weights=tmp_path / "hub")


def test_a_model_in_parts_is_read_by_its_index_and_a_part_that_is_not_there_is_named(tmp_path: Path) -> None:
    whole = hugging_face_folder(tmp_path / "whole", "quick_gelu").state_dict()
    hugging_face_folder(tmp_path / "hub", "quick_gelu", shard="2MB")
    index = tmp_path / "hub" / "model.safetensors.index.json"
    parts = sorted(set(json.loads(index.read_text())["weight_map"].values()))
    assert len(parts) > 1
    found = read_weights(tmp_path / "hub")
    assert all(torch.equal(found[k], v) for k, v in whole.items())
    (tmp_path / "hub" / parts[1]).unlink()
    with pytest.raises(CheckpointError, match=f"is the index of a model in {len(parts)} files.*download {parts[1]} in"):
        read_weights(index)
    index.write_text(json.dumps({"weight_map": {"a": "../outside.safetensors"}}))
    with pytest.raises(CheckpointError, match="in other folders"):
        read_weights(index)


def test_parts_as_pickles_are_read_too(tmp_path: Path) -> None:
    tensors = {"a": torch.ones(2), "b": torch.zeros(3)}
    for number, name in enumerate(tensors, start=1):
        torch.save({name: tensors[name]}, tmp_path / f"pytorch_model-0000{number}-of-00002.bin")
    where = {name: f"pytorch_model-0000{n}-of-00002.bin" for n, name in enumerate(tensors, start=1)}
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": where}))
    assert read_weights(tmp_path).keys() == tensors.keys()
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": {**where, "c": where["a"]}}))
    with pytest.raises(CheckpointError, match=r"00001-of-00002\.bin lacks c"):
        read_weights(tmp_path)


@pytest.mark.parametrize("how", ["tag", "tag_and_file"])
def test_openais_weights_get_quick_gelu_under_any_architecture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(clip_module, "load_config", lambda _arch: ("ViT-B-32", {**TINY, "quick_gelu": False}))
    monkeypatch.setattr(clip_module, "pretrained_file", lambda _arch, _tag: tmp_path / "w.pt")
    model = open_clip_model(quick_gelu=True)
    torch.save(model.state_dict(), tmp_path / "w.pt")
    given = {"weights": tmp_path / "w.pt"} if how == "tag_and_file" else {}
    add_open_clip(tmp_path / "m", "ViT-B-32", pretrained="openai", **given)
    assert_gives(tmp_path / "m", right_vectors(model))


@pytest.mark.parametrize(
    "name",
    [
        "vit_b_32-quickgelu-laion400m_e32-46683a32.pt",
        "vit_base_patch32_clip_224.openai/open_clip_model.safetensors",
        "models--timm--vit_base_patch32_clip_224.openai/snapshots/1a2b/open_clip_model.safetensors",
    ],
)
def test_a_file_is_known_by_the_name_under_which_open_clip_downloads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(clip_module, "load_config", lambda _arch: ("ViT-B-32", {**TINY, "quick_gelu": False}))
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(open_clip_model(quick_gelu=True).state_dict(), file)
    assert read_clip("ViT-B-32", None, file, None).vision.quick_gelu


def test_where_nothing_says_the_activation_one_line_says_what_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(clip_module, "load_config", lambda _arch: ("ViT-B-32", {**TINY, "quick_gelu": False}))
    torch.save(open_clip_model(quick_gelu=False).state_dict(), tmp_path / "w.pt")
    assert not read_clip("ViT-B-32", None, tmp_path / "w.pt", None).vision.quick_gelu
    assert "need ViT-B-32-quickgelu" in caplog.text
    with pytest.raises(UsageError, match=r"nothing beside .* says of which architecture"):
        read_clip(None, None, tmp_path / "w.pt", None)


# --- CLIP models of remote sensing, in the layouts in which their authors publish them


def plain(state):
    return state


def open_clip_training(state):
    module = {f"module.{k}": v for k, v in state.items()}
    return {"epoch": 20, "name": "run", "state_dict": module, "optimizer": {"state": {0: torch.ones(2)}}}


PUBLISHED = [
    ("RemoteCLIP-ViT-B-32.pt", plain, "ViT-B-32-quickgelu", TINY, True),
    ("RemoteCLIP-ViT-L-14.pt", plain, "ViT-L-14-quickgelu", TINY, True),
    ("RemoteCLIP-RN50.pt", plain, "RN50-quickgelu", RESNET, True),
    ("RS5M_ViT-B-32.pt", plain, "ViT-B-32-quickgelu", TINY, True),
    ("RS5M_ViT-B-32_RET-2.pt", plain, "ViT-B-32-quickgelu", TINY, True),
    ("RS5M_ViT-L-14-336.pt", plain, "ViT-L-14-336-quickgelu", TINY, True),
    ("RS5M_ViT-H-14.pt", plain, "ViT-H-14", TINY, False),
    ("SkyCLIP_ViT_B32_top50pct/epoch_20.pt", open_clip_training, "ViT-B-32", TINY, False),
    ("SkyCLIP_ViT_L14_top30pct/epoch_20.pt", open_clip_training, "ViT-L-14-quickgelu", TINY, True),
    ("SkyCLIP_ViT_B32.pt", open_clip_training, "ViT-B-32", TINY, False),
    ("CLIP_ViT_L14_LAION_RS/epoch_20.pt", open_clip_training, "ViT-L-14-quickgelu", TINY, True),
]


@pytest.mark.parametrize(("name", "layout", "arch", "config", "quick"), PUBLISHED)
def test_remote_sensing_clips_are_added_by_their_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, layout, arch: str, config: dict[str, Any], quick: bool
) -> None:
    from open_clip import list_models

    assert arch in list_models()
    small = {**config, "quick_gelu": quick}
    monkeypatch.setattr(clip_module, "load_config", lambda asked: (asked, small))
    model = open_clip_model(quick_gelu=quick, config=config)
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    torch.save(layout(model.state_dict()), file)
    meta = add_open_clip(tmp_path / "m", weights=file)
    assert meta.overhead.arch == arch
    assert_gives(tmp_path / "m", right_vectors(model))
    small["quick_gelu"] = not quick  # another architecture of the same shape changes nothing
    assert add_open_clip(tmp_path / "n", "x", weights=file).model_id == meta.model_id


@pytest.mark.parametrize(
    "prefix", ["module.", "model.", "_orig_mod.", "clip_model.", "model._orig_mod.", "module.clip_model.", "net.model."]
)
@pytest.mark.parametrize("wrapper", [(), ("state_dict",), ("model_state_dict",), ("model", "state_dict")])
def test_what_a_training_wraps_around_a_model_is_cut_off(tmp_path: Path, prefix: str, wrapper: tuple[str, ...]) -> None:
    model = open_clip_model(quick_gelu=True)
    content = {f"{prefix}{k}": v for k, v in model.state_dict().items()} | {"loss.weight": torch.ones(1)}
    for name in reversed(wrapper):
        content = {name: content, "epoch": 3}
    torch.save(content, tmp_path / "w.pt")
    found = read_clip(TINY_CLIP, None, tmp_path / "w.pt", None).tensors
    assert torch.equal(found["overhead.conv1.weight"], model.visual.conv1.weight)
    assert torch.equal(found["text.token_embedding.weight"], model.token_embedding.weight)
    assert found["logit_scale"].shape == ()


def test_a_file_of_two_models_is_refused_and_both_are_named(tmp_path: Path) -> None:
    state = open_clip_model(quick_gelu=True).state_dict()
    torch.save({f"{name}.{k}": v for k, v in state.items() for name in ("model", "clip_model")}, tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match=r"several models, under clip_model\., model\."):
        read_clip(TINY_CLIP, None, tmp_path / "w.pt", None)


# --- what is no file of weights is named for what it is


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return buffer.getvalue()


def npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, a=np.zeros(3))
    return buffer.getvalue()


def tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("epoch_20.pt"))
    return buffer.getvalue()


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 605247071\n"
ELSE = {
    "lfs": (POINTER, "is a pointer of git-lfs to 605 MB, no weights: run `git lfs pull`"),
    "page": (b"<!DOCTYPE html><html>Access denied</html>", "is a web page"),
    "xml": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "is XML, .*AccessDenied"),
    "text": (b"Entry not found", "is text \\('Entry not found'\\)"),
    "config": (b'{"hidden_size": 3}', "is a JSON file"),
    "cut json": (b'{"weight_map": {"a"', "is broken JSON"),
    "empty": (b"", "are an empty file"),
    "zeros": (bytes(4000), "begins with 1024 zeros"),
    "zip": (zipped(SkyCLIP__epoch_20_pt=b"x"), "is a zip archive of 1 files .*unpack it"),
    "npz": (npz(), "is an .npz of NumPy arrays"),
    "npy": (b"\x93NUMPY\x01\x00", "is a single NumPy array"),
    "onnx": (b"\x08\x07\x12\x07pytorch\x1a\x052.1.0", "is an ONNX model"),
    "gguf": (b"GGUF\x03\x00\x00\x00", "is a GGUF file"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(8), "is an HDF5 file"),
    "tflite": (b"\x1c\x00\x00\x00TFL3" + bytes(8), "is a TensorFlow Lite model"),
    "gzip": (b"\x1f\x8b\x08\x00" + bytes(8), "is packed with gzip, no weights: unpack it"),
    "tar": (tar(), "is a tar archive"),
    "tiff": (b"II*\x00\x08\x00", "is a TIFF picture"),
    "noise": (b"\x01\x02\x03\x04" * 30, "is of a format that is not known here"),
    "cut pickle": (b"\x80\x02}q\x00(X\x05\x00", "is of a format that is not known here"),
    "vast pickle": (b"\x80\x04\x8e" + (2**62).to_bytes(8, "little") + b"abc", "is of a format that is not known here"),
}


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("what", list(ELSE))
def test_what_is_no_file_of_weights_is_named_for_what_it_is(tmp_path: Path, what: str, suffix: str) -> None:
    content, message = ELSE[what]
    path = tmp_path / f"w{suffix}"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=message) as raised:
        read_weights(path)
    assert not isinstance(raised.value, UnsafeCheckpointError)
    assert str(path) in str(raised.value)


def test_a_file_is_read_by_its_bytes_not_by_its_name(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2)}, tmp_path / "w.bin")
    torch.save({"a": torch.ones(2)}, tmp_path / "w.safetensors")
    torch.save({"a": torch.ones(2)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    for name in ("w.bin", "w.safetensors", "old.pt"):
        assert torch.equal(read_weights(tmp_path / name)["a"], torch.ones(2))


def test_a_folder_without_one_file_of_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="has no file of weights"):
        read_weights(tmp_path)
    for name in ("epoch_19.pt", "epoch_20.pt"):
        torch.save({"a": torch.ones(1)}, tmp_path / name)
    with pytest.raises(CheckpointError, match=r"several files of weights \(epoch_19\.pt, epoch_20\.pt\)"):
        read_weights(tmp_path)
    (tmp_path / "epoch_19.pt").unlink()
    assert read_weights(tmp_path).keys() == {"a"}


BROKEN = {
    "not json": ("config.json", "{", "cannot be read"),
    "siglip": ("config.json", '{"model_type": "siglip"}', "describes a 'siglip'"),
    "relu": ("config.json", '{"model_type": "clip", "vision_config": {"hidden_act": "relu"}}', "'relu' is unknown"),
    "eps": ("config.json", '{"model_type": "clip", "text_config": {"layer_norm_eps": 1e-6}}', "layer_norm_eps"),
    "two": ("config.json", '{"model_type": "clip", "text_config": {"hidden_act": "gelu"}}', "different hidden_act"),
    "mean": ("preprocessor_config.json", '{"image_mean": [0.5]}', r"image_mean \[0.5\] is not one number for each"),
}


@pytest.mark.parametrize("what", list(BROKEN))
def test_a_description_that_cannot_be_followed_is_an_error(tmp_path: Path, what: str) -> None:
    name, content, message = BROKEN[what]
    save_file({"vision_model.a": torch.ones(1)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"model_type": "clip"}')
    (tmp_path / name).write_text(content)
    with pytest.raises(CheckpointError, match=message):
        read_clip(TINY_CLIP, None, tmp_path, None)


def test_a_meta_of_published_weights_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_module, "load_config", lambda asked: (asked, TINY))
    torch.save(open_clip_model(quick_gelu=True).state_dict(), tmp_path / "RemoteCLIP-ViT-B-32.pt")
    meta: Meta = add_open_clip(tmp_path / "m", weights=tmp_path / "RemoteCLIP-ViT-B-32.pt")
    assert meta.origin == {"kind": "open_clip", "arch": "ViT-B-32-quickgelu", "weights": "RemoteCLIP-ViT-B-32.pt"}
    assert read_tensors(tmp_path / "m", "logit_scale")[""].shape == ()
