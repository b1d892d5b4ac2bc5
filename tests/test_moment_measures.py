"""What `benchmarks.moments` says of scores: of the truth itself, of nothing, and of what is upside down."""

import numpy as np
import pytest

from benchmarks.calendars import beside, week
from benchmarks.moments import (
    GALLERY_MOMENTS,
    WHENS,
    Gallery,
    calendars,
    dead_or_alive,
    judge,
    means,
    others,
    retrieval,
    without_ties,
)

TILES, THINGS = 12, 3


@pytest.fixture
def true() -> np.ndarray:
    """Truth of things that come in some months and hours, in some of the tiles, [moments, tiles, things]."""
    month = np.array([when.month for when in WHENS])[:, None]
    hour = np.array([when.hour for when in WHENS])[:, None]
    summer = (abs(month - 7) <= 1) * np.exp(-(((hour - 14) / 4.0) ** 2))
    winter = (abs((month + 6) % 12 - 7) <= 1) * np.exp(-(((hour - 8) / 3.0) ** 2))
    night = np.where((hour < 6) | (hour > 20), 0.9, 0.0) * np.ones_like(month)
    there = np.random.default_rng(0).random((TILES, THINGS)) * 0.1 + 0.9
    return np.stack([summer, winter, night], axis=2) * there[None]


def test_the_truth_itself_is_right_in_everything(true: np.ndarray) -> None:
    found = means(judge(true, true))
    assert found == pytest.approx({"ROC": 1, "said dead": 0, "all": 1, "months": 1, "hours": 1, "best": 1})


def test_the_truth_upside_down_is_wrong_in_everything(true: np.ndarray) -> None:
    found = means(judge(-true, true))
    assert found["ROC"] < 0.05 and found["said dead"] > 0.9
    assert max(found[name] for name in ("all", "months", "hours")) < -0.5


def test_who_says_the_same_at_all_moments_says_it_of_the_dead_ones_too(true: np.ndarray) -> None:
    best = true.max(axis=1)
    roc, said = dead_or_alive(np.ones_like(best), best)
    assert roc == pytest.approx(0.5) and said == pytest.approx(1)


def test_a_level_calendar_counts_for_nothing() -> None:
    real = np.full((len(WHENS), 1), 0.8)
    assert all(np.isnan(values).all() for values in calendars(real, real).values())


def test_a_score_without_ties_cannot_reach_a_truth_that_has_many(true: np.ndarray) -> None:
    real = true.max(axis=1)
    assert means(calendars(real, real))["all"] == pytest.approx(1)
    assert 0.3 < without_ties(real)["all"] < 0.95


def test_others_is_what_one_knows_of_a_thing_who_knows_only_the_rest(true: np.ndarray) -> None:
    real = true.max(axis=1)
    np.testing.assert_allclose(others(real)[:, 0], real[:, 1] + real[:, 2])


def test_photos_are_found_by_their_tile_and_moment() -> None:
    random = np.random.default_rng(0)
    s = random.normal(size=(len(WHENS), TILES, 16)).astype(np.float32)
    moment = np.concatenate([random.permutation(len(WHENS))[:GALLERY_MOMENTS] for _ in range(TILES)])
    tile = np.repeat(np.arange(TILES), GALLERY_MOMENTS)
    photos = Gallery(tile, moment, s[moment, tile] / np.linalg.norm(s[moment, tile], axis=1, keepdims=True))
    assert means(retrieval(s, photos)) == pytest.approx({"swap": 1, "R@10": 1, "R@10 back": 1})
    still = np.broadcast_to(s.mean(axis=0), s.shape)  # a model that knows no time
    found = means(retrieval(still, photos))
    assert found["swap"] == pytest.approx(0.5, abs=0.02) and found["R@10"] < 0.3


def test_a_months_truth_is_that_of_a_whole_week() -> None:
    assert sorted(day.weekday() for day in week(2, 11)) == list(range(7))
    assert {(day.month, day.hour) for day in week(2, 11)} == {(2, 11)}
    grid = np.arange(288.0).reshape(12, 24) / 288
    assert beside(grid, grid)["all moments"] == pytest.approx(1)
