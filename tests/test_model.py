"""Sat2Cap and its encoder of place and time, and the towers."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from trainer.encoder import Form
from trainer.encoding import DIMENSIONS, encode
from trainer.errors import CheckpointError, UsageError
from trainer.model import DynamicEncoder, Sat2Cap
from trainer.towers import build_tokenizer, build_tower, load_config, load_tower, tower_specs

TINY = str(Path(__file__).with_name("tiny_clip.json"))


def test_the_encoder_is_two_layers_with_a_linear_last_one() -> None:
    encoder = DynamicEncoder("sat2cap", 512)
    assert {k: tuple(v.shape) for k, v in encoder.state_dict().items()} == {
        "fc1.weight": (64, 12),
        "fc1.bias": (64,),
        "fc2.weight": (512, 64),
        "fc2.bias": (512,),
    }
    m, o = torch.randn(5, 12), torch.randn(5, 512)
    z = torch.relu(m @ encoder.fc1.weight.T + encoder.fc1.bias)
    torch.testing.assert_close(encoder(m, o), z @ encoder.fc2.weight.T + encoder.fc2.bias)


def test_s_is_o_plus_e_and_o_alone_without_place_and_time() -> None:
    model = Sat2Cap(nn.Sequential(nn.Flatten(), nn.Linear(12, 8)), DynamicEncoder("cyclic", 8))
    tiles = torch.randn(3, 3, 2, 2)
    encoded = encode("cyclic", lat=[1, 2, 3], lon=[1, 2, 3])
    m, usable = torch.from_numpy(encoded.values), torch.tensor([True, False, True])
    o, e = model.overhead(tiles), model.encoder.added(m)
    torch.testing.assert_close(model(tiles), o)
    torch.testing.assert_close(model(tiles, m), o + e)
    s = model(tiles, m, usable)
    torch.testing.assert_close(s[1], o[1])
    torch.testing.assert_close(s[2], o[2] + e[2])


def formula(encoder: DynamicEncoder, m: torch.Tensor, o: torch.Tensor) -> torch.Tensor:
    """e + C·M(t)·Bᵀ(O − ō) of one sample at a time, float64, with M spelled out."""
    b, c = (basis.double() for basis in encoder.bases())
    rows = []
    for sample, vector in zip(m.double(), o.double(), strict=True):
        z = encoder.fc1.weight.double() @ sample + encoder.fc1.bias.double()
        z = z if encoder.form.activation == "linear" else torch.relu(z)
        matrix = sum(value * weights for value, weights in zip(z, encoder.moment.double(), strict=True))
        matrix = torch.diag(matrix) if matrix.ndim == 1 else matrix  # [r, r]
        e = encoder.fc2.weight.double() @ z + encoder.fc2.bias.double()
        rows.append(e + c @ matrix @ b.T @ (vector - encoder.mean.double()))
    return torch.stack(rows)


@pytest.mark.parametrize("interaction", ["diagonal", "full", "untied"])
@pytest.mark.parametrize("activation", ["relu", "linear"])
def test_the_moment_turns_what_a_tile_shows_as_the_formula_says(interaction: str, activation: str) -> None:
    encoder = DynamicEncoder("cyclic", 8, Form(5, activation, interaction, 3))
    with torch.no_grad():
        encoder.moment.normal_()
        encoder.mean.normal_()
    m, o = torch.randn(6, 11), torch.randn(6, 8)
    torch.testing.assert_close(encoder(m, o).double(), formula(encoder, m, o), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(encoder(m, o), encoder(m, o + 1), atol=1e-3)


def test_without_turning_anything_it_is_the_papers_model() -> None:
    encoder = DynamicEncoder("sat2cap", 8, Form(interaction="full", rank=3))  # as it begins
    m, o = torch.randn(4, 12), torch.randn(4, 8)
    torch.testing.assert_close(encoder(m, o), encoder.added(m))


def test_an_interaction_learns_from_the_first_step_on_and_its_bases_stay_orthonormal() -> None:
    encoder = DynamicEncoder("seasonal", 8, Form(4, "linear", "untied", 3))
    optimiser = torch.optim.SGD(encoder.parameters(), lr=0.1)
    m, o = torch.randn(16, DIMENSIONS["seasonal"]), torch.randn(16, 8)
    losses = []
    for _ in range(30):
        loss = ((encoder(m, o) + o.flip(1) * m[:, :1]) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert encoder.moment.detach().abs().max() > 0 and losses[-1] < losses[0]
    before = encoder(m, o)
    encoder.straighten()
    for basis in (encoder.basis, encoder.out_basis):
        torch.testing.assert_close(basis.T @ basis, torch.eye(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(encoder(m, o), before, atol=1e-5, rtol=1e-5)


def test_a_model_without_encoder_ignores_place_and_time() -> None:
    model = Sat2Cap(nn.Flatten())
    tiles = torch.randn(2, 3, 2, 2)
    torch.testing.assert_close(model(tiles, torch.randn(2, 12)), tiles.flatten(1))


def test_towers_are_built_from_a_name_or_a_file() -> None:
    name, config = load_config("ViT-B-32-quickgelu")
    vision, _ = tower_specs(name, config)
    assert (vision.dim, vision.quick_gelu, vision.size_px) == (512, True, 224)
    vision, text = tower_specs(*load_config(TINY))
    assert build_tower(vision)(torch.zeros(1, 3, 32, 32)).shape == (1, 32)
    tokens = build_tokenizer(text)(["a place with trees", "word " * 100])
    assert tokens.shape == (2, 16)
    assert build_tower(text)(tokens).shape == (2, 32)


def test_a_loaded_tower_computes_what_the_built_one_did() -> None:
    vision, text = tower_specs(*load_config(TINY))
    for spec, given in [(vision, torch.randn(2, 3, 32, 32)), (text, build_tokenizer(text)(["two", "texts"]))]:
        built = build_tower(spec)
        with torch.inference_mode():
            torch.testing.assert_close(load_tower(spec, built.state_dict())(given), built(given))


def test_weights_that_do_not_fit_are_named() -> None:
    vision, _ = tower_specs(*load_config(TINY))
    weights = build_tower(vision).state_dict()
    with pytest.raises(CheckpointError, match=r"vision tower tiny_clip: .*proj"):
        load_tower(vision, {**weights, "proj": torch.zeros(128, 16)})
    with pytest.raises(CheckpointError, match="class_embedding"):
        load_tower(vision, {k: v for k, v in weights.items() if k != "class_embedding"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"multimodal_cfg": {}}, "captioner"),
        ({"text_cfg": {"hf_model_name": "roberta-base"}}, "no local folder"),
        ({"embed_dim": None}, "lacks embed_dim"),
    ],
)
def test_architectures_that_cannot_be_served_say_why(tmp_path: Path, change: dict, message: str) -> None:
    config = {k: v for k, v in {**json.loads(Path(TINY).read_text()), **change}.items() if v is not None}
    path = tmp_path / "other.json"
    path.write_text(json.dumps(config))
    with pytest.raises(UsageError, match=message):
        load_config(str(path))


def test_unknown_architectures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'ViT-B-33' is unknown.*ViT-B-32"):
        load_config("ViT-B-33")
    with pytest.raises(UsageError, match="unknown"):
        load_config("hf-hub:someone/something")
    with pytest.raises(UsageError, match="cannot be read"):
        load_config(str(tmp_path / "missing.json"))
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(UsageError, match="not JSON"):
        load_config(str(tmp_path / "broken.json"))
    odd = {**json.loads(Path(TINY).read_text()), "vision_cfg": {"layers": 2, "widht": 3}}
    (tmp_path / "odd.json").write_text(json.dumps(odd))
    vision, _ = tower_specs(*load_config(str(tmp_path / "odd.json")))
    with pytest.raises(CheckpointError, match="widht"):
        build_tower(vision)
