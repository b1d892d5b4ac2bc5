"""Others' weights: conversion against the authors' class, safe reading, adding models."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from trainer.checkpoint import read_meta, read_tensors, write_checkpoint
from trainer.embedder import Embedder
from trainer.encoding import encode
from trainer.errors import CheckpointError, UnsafeCheckpointError, UsageError, WeightsUnavailableError
from trainer.preprocess import SAT2CAP_MEAN
from trainer.towers import load_config, load_tower, tower_specs
from trainer.weights import files as weights_module
from trainer.weights.convert import open_clip_names, read_authors
from trainer.weights.files import pretrained_file, read_weights
from trainer.weights.zoo import add_checkpoint, add_open_clip, add_sat2cap

TINY = str(Path(__file__).with_name("tiny_clip.json"))


def hf_vision(seed: int = 0, activation: str = "quick_gelu"):
    """The authors' class with the shape of tiny_clip.json and random weights."""
    transformers = pytest.importorskip("transformers", reason="the authors' class needs the extra 'authors'")
    torch.manual_seed(seed)
    config = transformers.CLIPVisionConfig(
        hidden_size=128,
        intermediate_size=512,
        projection_dim=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=32,
        patch_size=16,
        hidden_act=activation,
    )
    model = transformers.CLIPVisionModelWithProjection(config).eval()
    for p in model.parameters():  # biases and norms start as zeros and ones, which would hide a mix-up
        torch.nn.init.normal_(p, std=0.1)
    return model


def hf_text():
    transformers = pytest.importorskip("transformers", reason="the authors' class needs the extra 'authors'")
    torch.manual_seed(1)
    config = transformers.CLIPTextConfig(
        vocab_size=49408,
        hidden_size=64,
        intermediate_size=256,
        projection_dim=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=16,
        hidden_act="quick_gelu",
        eos_token_id=49407,
        bos_token_id=49406,
        pad_token_id=0,
    )
    model = transformers.CLIPTextModelWithProjection(config).eval()
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.1)
    return model


def hub_folder(folder: Path, model) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(model.config.to_dict(), default=str))
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / "model.safetensors")
    return folder


def lightning_file(path: Path, overhead, ground, *, wrapper: str = "") -> dict[str, torch.Tensor]:
    """A file as Lightning writes it, and the tensors of its place and time encoder."""
    geo = {
        "fc1.weight": torch.randn(64, 12),
        "fc1.bias": torch.randn(64),
        "fc2.weight": torch.randn(32, 64),
        "fc2.bias": torch.randn(32),
    }
    state = {f"imo_encoder.{wrapper}{k}": v for k, v in overhead.state_dict().items()}
    state |= {f"img_encoder.{wrapper}{k}": v for k, v in ground.state_dict().items()}
    state[f"imo_encoder.{wrapper}vision_model.embeddings.position_ids"] = torch.arange(5)[None]
    state |= {f"geo_encoder.{k}": v for k, v in geo.items()}
    state |= {"temp_layer.logit_scale": torch.tensor(3.5), "queue": torch.randn(32, 20), "queue_ptr": torch.zeros(1)}
    torch.save({"state_dict": state, "epoch": 3, "hyper_parameters": {"lr": 5e-5}, "global_step": 12}, path)
    return geo


def pixels(n: int = 4) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)


def normalised(images: np.ndarray, mean, std) -> torch.Tensor:
    x = images.astype(np.float64) / 255
    return torch.from_numpy(((x - np.array(mean)) / np.array(std)).transpose(0, 3, 1, 2)).float()


@torch.inference_mode()
def test_hf_vision_tower_gives_the_same_vectors_here() -> None:
    theirs = hf_vision()
    vision, _ = tower_specs(*load_config(TINY))
    tensors = open_clip_names(theirs.state_dict())
    ours = load_tower(vision, {k.removeprefix("overhead."): v for k, v in tensors.items()})
    x = torch.randn(5, 3, 32, 32)
    torch.testing.assert_close(ours(x), theirs(x).image_embeds, atol=1e-5, rtol=0)


@torch.inference_mode()
def test_hf_text_tower_gives_the_same_vectors_here() -> None:
    theirs = hf_text()
    _, text = tower_specs(*load_config(TINY))
    state = {**theirs.state_dict(), **hf_vision().state_dict(), "text_model.embeddings.position_ids": torch.arange(16)}
    tensors = open_clip_names(state)
    ours = load_tower(text, {k.removeprefix("text."): v for k, v in tensors.items() if k.startswith("text.")})
    tokens = torch.zeros(3, 16, dtype=torch.long)
    tokens[:, 0] = 49406
    for row, length in enumerate((3, 7, 14)):
        tokens[row, 1 : length + 1] = torch.randint(1, 40000, (length,))
        tokens[row, length + 1] = 49407
    torch.testing.assert_close(ours(tokens), theirs(tokens).text_embeds, atol=1e-5, rtol=0)


@torch.inference_mode()
def test_the_authors_hub_folder_becomes_a_checkpoint(tmp_path: Path) -> None:
    theirs = hf_vision()
    meta = add_sat2cap(tmp_path / "m", hub_folder(tmp_path / "hub", theirs), teacher=TINY, random_seed=5)
    assert (meta.encoding, meta.tile_size_m, meta.gsd_m) == (None, 480.0, 0.6)
    assert meta.origin["random_seed"] == 5  # the teacher's, and the folder says so
    assert meta.overhead_input.mean == SAT2CAP_MEAN
    found = Embedder.load(tmp_path / "m").embed_tiles(pixels())
    x = normalised(pixels(), meta.overhead_input.mean, meta.overhead_input.std)
    np.testing.assert_allclose(found, theirs(x).image_embeds.numpy(), atol=1e-5)


@torch.inference_mode()
def test_the_activation_of_a_hub_folder_is_that_of_its_config(tmp_path: Path) -> None:
    theirs = hf_vision(activation="gelu")
    meta = add_sat2cap(tmp_path / "m", hub_folder(tmp_path / "hub", theirs), teacher=TINY, random_seed=5)
    assert not meta.overhead.quick_gelu
    found = Embedder.load(tmp_path / "m").embed_tiles(pixels())
    x = normalised(pixels(), meta.overhead_input.mean, meta.overhead_input.std)
    np.testing.assert_allclose(found, theirs(x).image_embeds.numpy(), atol=1e-5)


@pytest.mark.parametrize("wrapper", ["", "vision_model."])
@torch.inference_mode()
def test_the_authors_lightning_file_becomes_a_checkpoint(tmp_path: Path, wrapper: str) -> None:
    overhead, ground = hf_vision(0), hf_vision(1)
    geo = lightning_file(tmp_path / "sat2cap.ckpt", overhead, ground, wrapper=wrapper)
    meta = add_sat2cap(tmp_path / "m", tmp_path / "sat2cap.ckpt", teacher=TINY, random_seed=5)
    assert (meta.encoding, meta.hidden, meta.ground.stored_as) == ("sat2cap", 64, "ground")
    embedder = Embedder.load(tmp_path / "m")
    x = normalised(pixels(), meta.ground_input.mean, meta.ground_input.std)
    np.testing.assert_allclose(embedder.embed_photos(pixels()), ground(x).image_embeds.numpy(), atol=1e-5)
    when = np.datetime64("2015-06-01T13:00").astype("datetime64[s]").item()
    m = torch.from_numpy(encode("sat2cap", lat=48, lon=11, when=when).values)
    e = torch.relu(m @ geo["fc1.weight"].T + geo["fc1.bias"]) @ geo["fc2.weight"].T + geo["fc2.bias"]
    nothing = np.zeros((1, embedder.dim))
    np.testing.assert_allclose(embedder.at(nothing, lat=48, lon=11, when=when), e.numpy(), atol=1e-5)
    assert float(read_tensors(tmp_path / "m", "logit_scale")[""]) == 3.5


class _Touches:
    """A pickle of this makes a file when it is loaded unsafely."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_with_code_is_refused_and_its_code_not_run(tmp_path: Path, zipped: bool) -> None:
    ran = tmp_path / "ran"
    content = {"state_dict": {"a": torch.zeros(1)}, "callbacks": _Touches(ran)}
    if zipped:
        torch.save(content, tmp_path / "bad.ckpt")
    else:
        (tmp_path / "bad.ckpt").write_bytes(pickle.dumps({"callbacks": _Touches(ran)}))
    with pytest.raises(UnsafeCheckpointError, match=r"bad\.ckpt is a pickle that would run code"):
        add_sat2cap(tmp_path / "m", tmp_path / "bad.ckpt", teacher=TINY, random_seed=1)
    assert not ran.exists()
    assert not (tmp_path / "m").exists()


def test_a_torchscript_program_is_refused(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "jit.pt", "w") as z:
        z.writestr("jit/constants.pkl", b"")
    with pytest.raises(UnsafeCheckpointError, match="TorchScript"):
        read_weights(tmp_path / "jit.pt")


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt"])
def test_broken_weights_are_an_error_that_names_the_file(tmp_path: Path, name: str) -> None:
    good = {"visual.proj": torch.randn(64, 64)}
    save_file(good, tmp_path / name) if name.endswith("safetensors") else torch.save(good, tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"this is text, not weights"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CheckpointError, match=name.replace(".", r"\.")):
            read_weights(tmp_path / name)
    with pytest.raises(UsageError, match="not a file"):
        read_weights(tmp_path / "missing.pt")


def test_folders_and_files_of_neither_layout_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no readable config\.json"):
        read_authors(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"no file of weights"):
        read_authors(tmp_path)
    torch.save({"state_dict": {"a": torch.zeros(1)}}, tmp_path / "a.ckpt")
    with pytest.raises(CheckpointError, match="no imo_encoder"):
        read_authors(tmp_path / "a.ckpt")
    with pytest.raises(CheckpointError, match="no CLIP model"):
        open_clip_names({"a": torch.zeros(1)})


def test_random_weights_are_the_same_for_a_seed_and_say_so(tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    a, b, c = (add_open_clip(tmp_path / str(i), TINY, random_seed=s) for i, s in enumerate((1, 1, 2)))
    assert torch.equal(before, torch.random.get_rng_state())
    assert a.model_id == b.model_id != c.model_id
    assert read_meta(tmp_path / "0").origin == {"kind": "open_clip", "arch": "tiny_clip", "random_seed": 1}
    assert a.ground.stored_as == a.overhead.stored_as
    assert (a.tile_size_m, a.gsd_m) == (None, None)


@pytest.mark.parametrize("layout", ["open_clip", "openai_half", "custom_text", "hf", "safetensors"])
def test_a_local_weights_file_in_any_layout_gives_the_same_vectors(tmp_path: Path, layout: str) -> None:
    vision, text = hf_vision().state_dict(), hf_text().state_dict()
    hf = {**vision, **text, "logit_scale": torch.tensor(4.6)}
    ours = open_clip_names(hf)
    plain = {
        k.replace("overhead.", "visual.").replace("text.", "", int(k.startswith("text."))): v for k, v in ours.items()
    }
    content = {
        "open_clip": {"state_dict": {f"module.{k}": v for k, v in plain.items()}, "epoch": 1},
        "openai_half": {k: v.half() for k, v in plain.items()} | {"context_length": torch.tensor(77)},
        "custom_text": {k.replace("overhead.", "visual."): v for k, v in ours.items()},
        "hf": hf,
        "safetensors": {k: v.contiguous() for k, v in plain.items()},
    }[layout]
    path = tmp_path / ("w.safetensors" if layout == "safetensors" else "w.pt")
    save_file(content, path) if layout == "safetensors" else torch.save(content, path)
    meta = add_open_clip(tmp_path / "m", TINY, weights=path)
    assert meta.origin["weights"] == path.name
    found = read_tensors(tmp_path / "m")
    for k, v in ours.items():
        torch.testing.assert_close(found[k], v.half().float() if layout == "openai_half" else v)


def test_weights_that_lack_a_tower_are_refused(tmp_path: Path) -> None:
    torch.save(hf_vision().state_dict(), tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match="have no text tower"):
        add_open_clip(tmp_path / "m", TINY, weights=tmp_path / "w.pt")
    assert not (tmp_path / "m").exists()


def test_exactly_one_source_of_weights_is_asked_for(tmp_path: Path) -> None:
    for options in ({}, {"random_seed": 1, "pretrained": "openai"}):
        with pytest.raises(UsageError, match="pass one of --pretrained TAG, --weights FILE, --random-seed N"):
            add_open_clip(tmp_path / "m", TINY, **options)
    with pytest.raises(UsageError, match=r"no pretrained tag 'opnai'.*openai"):
        add_open_clip(tmp_path / "m", "ViT-B-32-quickgelu", pretrained="opnai")


@pytest.mark.parametrize("offline", ["switch", "no_server"])
def test_offline_one_line_says_what_to_download_and_where_to_put_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offline: str
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    if offline == "switch":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    else:
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    folder = hub_folder(tmp_path / "hub", hf_vision())
    with pytest.raises(WeightsUnavailableError) as e:
        add_sat2cap(tmp_path / "m", folder)
    message = str(e.value)
    assert "\n" not in message
    assert "/timm/vit_base_patch32_clip_224.openai/resolve/main/open_clip_model.safetensors" in message
    assert "--weights FILE" in message
    assert not (tmp_path / "m").exists()


def test_a_cached_pretrained_file_needs_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "open_clip_model.safetensors"
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda _repo, name: str(tmp_path / name))
    monkeypatch.setattr(weights_module, "_reachable", lambda _url: pytest.fail("asked the network"))
    assert pretrained_file("ViT-B-32-quickgelu", "openai") == path


def test_a_server_that_answers_counts_as_reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    import http.server
    import threading

    class Answers(http.server.BaseHTTPRequestHandler):
        code = 404

        def do_HEAD(self) -> None:
            self.send_response(self.code)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with http.server.HTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/x"
        assert weights_module._reachable(url)
        Answers.code = 503
        assert not weights_module._reachable(url)
        server.shutdown()


def test_a_checkpoint_without_its_text_tower_is_not_added(tmp_path: Path) -> None:
    made = add_open_clip(tmp_path / "whole", TINY, random_seed=1)
    tensors = {name: one for name, one in read_tensors(tmp_path / "whole").items() if not name.startswith("text.")}
    write_checkpoint(tmp_path / "packed", made, tensors)
    with pytest.raises(CheckpointError, match=r"packed: .* no tensor named text\."):
        add_checkpoint(tmp_path / "added", tmp_path / "packed")
    assert not (tmp_path / "added").exists()


def test_adding_a_checkpoint_copies_it_and_adding_twice_is_refused(tmp_path: Path) -> None:
    made = add_open_clip(tmp_path / "a", TINY, random_seed=1)
    assert add_checkpoint(tmp_path / "b", tmp_path / "a") == made
    with pytest.raises(UsageError, match="exists"):
        add_checkpoint(tmp_path / "b", tmp_path / "a")
    with pytest.raises(UsageError, match="exists"):
        add_open_clip(tmp_path / "a", TINY, random_seed=1)


def test_a_teacher_of_another_width_is_refused(tmp_path: Path) -> None:
    folder = hub_folder(tmp_path / "hub", hf_vision())
    other = {**json.loads(Path(TINY).read_text()), "embed_dim": 16}
    (tmp_path / "other.json").write_text(json.dumps(other))
    with pytest.raises(CheckpointError, match=r"embeds to 32 numbers, its teacher .* to 16"):
        add_sat2cap(tmp_path / "m", folder, teacher=str(tmp_path / "other.json"), random_seed=1)


def test_an_encoder_of_another_shape_is_refused(tmp_path: Path) -> None:
    lightning_file(tmp_path / "a.ckpt", hf_vision(), hf_vision())
    content = torch.load(tmp_path / "a.ckpt", weights_only=True)
    content["state_dict"]["geo_encoder.fc1.weight"] = torch.zeros(64, 10)
    torch.save(content, tmp_path / "a.ckpt")
    with pytest.raises(CheckpointError, match="geo_encoder"):
        add_sat2cap(tmp_path / "m", tmp_path / "a.ckpt", teacher=TINY, random_seed=1)


def test_a_hugging_face_text_tower_travels_with_the_checkpoint(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="a Hugging Face text tower needs transformers")
    folder = tmp_path / "bert"
    config = transformers.BertConfig(
        vocab_size=12, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
    )
    config.save_pretrained(folder)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "boat", "on", "the", "sea", "road"]
    (folder / "vocab.txt").write_text("\n".join(words))
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    tiny = json.loads(Path(TINY).read_text())
    tiny["text_cfg"] = {"hf_model_name": str(folder), "hf_tokenizer_name": str(folder), "hf_proj_type": None}
    tiny["text_cfg"] |= {"hf_pooler_type": "mean_pooler", "context_length": 8}
    (tmp_path / "clip.json").write_text(json.dumps(tiny))
    add_open_clip(tmp_path / "m", str(tmp_path / "clip.json"), random_seed=1)
    folder.rename(tmp_path / "moved away")
    vectors = Embedder.load(tmp_path / "m").embed_texts(["a red boat", "the road"])
    assert vectors.shape == (2, 32)
    assert np.isfinite(vectors).all()
    assert not np.allclose(vectors[0], vectors[1])
