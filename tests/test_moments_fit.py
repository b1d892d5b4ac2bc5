"""What a moment makes of a tile, fitted in closed form."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from trainer.encoder import Form
from trainer.errors import SettingsError
from trainer.model import DynamicEncoder
from trainer.training.moments import Ridge, Seen, fit, fold

D, M, R = 8, 5, 3
LIGHT = Ridge(scale=1.0, level=1e-9, turn=1e-9, gain=1.0)
NEUTRAL = np.eye(D)[-1]


def world(interaction: str, *, photos: int = 40, noise: float = 0.0) -> tuple[Seen, np.ndarray, np.ndarray]:
    """Photos of tiles within R directions of the space; e, [M + 1, D], and the turning, [M + 1, D, D], behind them."""
    random = np.random.default_rng(0)
    basis = np.linalg.qr(random.normal(size=(D - 1, R)))[0]
    basis = np.concatenate([basis, np.zeros((1, R))])  # across the neutral direction
    o = random.normal(size=(30, R)) * [3, 2, 1] @ basis.T + random.normal(size=D) * (1 - NEUTRAL)
    principal = np.linalg.svd(o - o.mean(axis=0), full_matrices=False)[2][:R].T
    turn = random.normal(size=(M + 1, R, R)) * 0.3
    if interaction == "diagonal":
        turn = turn * np.eye(R)
    out = principal
    if interaction == "untied":
        out = np.concatenate([np.linalg.qr(random.normal(size=(D - 1, R)))[0], np.zeros((1, R))])
    level = random.normal(size=(M + 1, D)) * (1 - NEUTRAL)
    tile = np.repeat(np.arange(30), photos)
    encoded = random.normal(size=(len(tile), M))
    f = np.concatenate([np.ones((len(tile), 1)), encoded], axis=1)
    whole = np.einsum("do,koi,ei->kde", out, turn, principal)
    g = o[tile] + f @ level + np.einsum("nk,kde,ne->nd", f, whole, (o - o.mean(axis=0))[tile])
    return Seen(o, tile, encoded, g + noise * random.normal(size=g.shape)), level, whole


def in_the_space(fitted) -> np.ndarray:
    """The turning of the whole space, [M + 1, D, D]."""
    turn = fitted.turn if fitted.turn.ndim == 3 else fitted.turn[:, :, None] * np.eye(R)
    return np.einsum("do,koi,ei->kde", fitted.out_basis, turn, fitted.basis)


@pytest.mark.parametrize("interaction", ["diagonal", "full", "untied"])
def test_what_made_the_photos_is_found_again(interaction: str) -> None:
    seen, level, whole = world(interaction)
    fitted = fit(seen, interaction=interaction, rank=R, neutral=NEUTRAL, ridge=LIGHT)
    np.testing.assert_allclose(fitted.level, level, atol=1e-5)
    np.testing.assert_allclose(in_the_space(fitted), whole, atol=1e-5)
    for basis in (fitted.basis, fitted.out_basis):
        np.testing.assert_allclose(basis.T @ basis, np.eye(R), atol=1e-9)
    predicted = fitted.predicted(seen.o[seen.tile[:1]], seen.encoded[0])
    np.testing.assert_allclose(predicted, seen.targets[:1], atol=1e-4)


def test_without_interaction_it_is_the_mean_of_what_is_left_of_the_photos() -> None:
    seen, _, _ = world("full", photos=200)
    fitted = fit(seen, interaction="none", rank=0, neutral=NEUTRAL, ridge=LIGHT)
    f = np.concatenate([np.ones((len(seen.tile), 1)), seen.encoded], axis=1)
    expected = np.linalg.lstsq(f, seen.targets - seen.o[seen.tile], rcond=None)[0]
    np.testing.assert_allclose(fitted.level, expected * (1 - NEUTRAL), atol=1e-6)
    assert fitted.turn.size == 0


def test_e_is_made_larger_than_least_squares_make_it_and_what_turns_is_not() -> None:
    seen, _, _ = world("full")
    plain = fit(seen, interaction="full", rank=R, neutral=NEUTRAL, ridge=LIGHT)
    larger = fit(seen, interaction="full", rank=R, neutral=NEUTRAL, ridge=replace(LIGHT, gain=1.5))
    np.testing.assert_allclose(larger.level, 1.5 * plain.level)
    np.testing.assert_array_equal(larger.turn, plain.turn)


def test_no_moment_moves_anything_along_the_neutral_direction() -> None:
    seen, _, _ = world("full", noise=1.0)
    for interaction in ("none", "diagonal", "full", "untied"):
        fitted = fit(seen, interaction=interaction, rank=R, neutral=NEUTRAL, ridge=Ridge())
        moved = fitted.predicted(seen.o, seen.encoded[0]) - seen.o
        assert np.abs(moved @ NEUTRAL).max() < 1e-9 < np.abs(moved).max(), interaction


def test_the_ridge_holds_noise_down_and_the_scale_of_o_does_not_change_what_o_is() -> None:
    seen, _, _ = world("full", photos=2, noise=3.0)
    free, held = (
        np.linalg.norm(
            fit(seen, interaction="full", rank=R, neutral=NEUTRAL, ridge=Ridge(1.0, 1e-3, turn)).turn
        ) for turn in (1e-6, 10.0)
    )  # fmt: skip
    assert held < 0.5 * free
    seen, level, whole = world("full")
    halved = Seen(2 * seen.o, seen.tile, seen.encoded, seen.targets)
    fitted = fit(halved, interaction="full", rank=R, neutral=NEUTRAL, ridge=Ridge(0.5, 1e-9, 1e-9, 1.0))
    np.testing.assert_allclose(fitted.level, 2 * level, atol=1e-5)  # S / s is as good as S
    np.testing.assert_allclose(in_the_space(fitted), whole, atol=1e-5)


@pytest.mark.parametrize("interaction", ["none", "diagonal", "full", "untied"])
def test_an_encoder_that_has_it_folded_in_computes_the_same(interaction: str) -> None:
    seen, _, _ = world(interaction if interaction != "none" else "full")
    rank = R if interaction != "none" else 0
    fitted = fit(seen, interaction=interaction, rank=rank, neutral=NEUTRAL, ridge=Ridge())
    encoder = DynamicEncoder("cyclic", D, Form(M + 3, "linear", interaction, rank))
    encoder.fc1 = torch.nn.Linear(M, M + 3)
    assert fold(fitted, encoder) == pytest.approx(1)
    m, o = torch.from_numpy(seen.encoded[:4]).float(), torch.from_numpy(seen.o[:4]).float()
    expected = np.concatenate([fitted.predicted(seen.o[i : i + 1], seen.encoded[i]) for i in range(4)])
    with torch.no_grad():
        np.testing.assert_allclose((o + encoder(m, o)).numpy(), expected, atol=1e-4)
    encoder = DynamicEncoder("cyclic", D, Form(2, "linear", interaction, rank))
    encoder.fc1 = torch.nn.Linear(M, 2)
    assert fold(fitted, encoder) < 0.999  # two numbers cannot carry what six did


def test_what_cannot_be_fitted_says_why() -> None:
    seen, _, _ = world("full")
    nothing = Seen(seen.o, seen.tile[:0], seen.encoded[:0], seen.targets[:0])
    with pytest.raises(SettingsError, match="no photo with a place and a time"):
        fit(nothing, interaction="full", rank=R, neutral=NEUTRAL, ridge=Ridge())
    fitted = fit(seen, interaction="full", rank=R, neutral=NEUTRAL, ridge=Ridge())
    with pytest.raises(SettingsError, match='needs activation = "linear"'):
        fold(fitted, DynamicEncoder("cyclic", D, Form(4, "relu", "full", R)))
    few = Seen(seen.o[:3], np.arange(3), seen.encoded[:3], seen.targets[:3])
    fitted = fit(few, interaction="full", rank=R, neutral=NEUTRAL, ridge=Ridge())
    with pytest.raises(SettingsError, match="rank = 3: the tiles span 2 directions only"):
        fold(fitted, DynamicEncoder("cyclic", D, Form(4, "linear", "full", R)))
