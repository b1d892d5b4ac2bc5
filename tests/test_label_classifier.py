"""A classifier learnt from labels, and what is told of it."""

import numpy as np
import pytest

from ingest.geo.grid import Grid
from search_ui.labels.blocks import folds_of
from search_ui.labels.classifier import LEAST, Labelled, Surroundings, learn
from search_ui.labels.roc import Roc, interval
from trainer.errors import UsageError

SIZE_M = 480.0


def world(n: int = 400, d: int = 16):
    """Tiles whose first direction is what is looked for; the question knows it only roughly."""
    random = np.random.default_rng(0)
    s = random.normal(size=(n, d)).astype(np.float32) + 2
    truth = s[:, 0] / np.linalg.norm(s, axis=1)
    lat, lon = random.uniform(43, 43.3, n), random.uniform(10, 10.3, n)
    question = np.zeros(d, np.float32)
    question[:2] = 0.6, 0.8
    return s, truth > np.quantile(truth, 0.7), lat, lon, question


def labelled(rows, s, yes, lat, lon) -> Labelled:
    return Labelled(s[rows], yes[rows], lat[rows], lon[rows], SIZE_M)


def test_its_direction_scores_as_the_regression_does_and_better_than_the_question() -> None:
    s, yes, lat, lon, question = world()
    rows = np.arange(120)
    made, told = learn(labelled(rows, s, yes, lat, lon), Surroundings.of(s, question))
    unit = s / np.linalg.norm(s, axis=1, keepdims=True)
    rest = np.arange(120, len(s))
    ours, alone = Roc.of(yes[rest], (unit @ made.vector)[rest]), Roc.of(yes[rest], (unit @ question)[rest])
    assert ours.area > 0.95 > alone.area
    assert 0.85 < told.classifier.area < ours.area  # each fold learnt from fewer
    assert told.question.area == pytest.approx(alone.area, abs=0.1)
    probability = made.probability((unit @ made.vector)[rest])
    assert probability.mean() == pytest.approx(yes[rest].mean(), abs=0.08)
    assert np.linalg.norm(made.vector) == pytest.approx(1)


def test_the_direction_is_the_regression_itself() -> None:
    from search_ui.labels.classifier import _direction, _features, _fitted, _unit

    s, yes, _, _, question = world()
    for asked in (question, None):
        around = Surroundings.of(s, asked)
        features = _features(s, around)
        model = _fitted(features[:100], yes[:100])
        vector, constant = _direction(model, around)
        assert np.allclose(_unit(s) @ vector + constant, model.decision_function(features))


@pytest.mark.parametrize(
    ("yeses", "noes", "told"),
    [(2, 9, "label 3 more yes$"), (9, 4, "label 1 more no$"), (0, 0, "5 more yes and 5 more no")],
)
def test_too_few_of_a_side_says_how_many_more(yeses, noes, told) -> None:
    s, _, lat, lon, _ = world()
    yes = np.arange(yeses + noes) < yeses
    with pytest.raises(UsageError, match=told):
        learn(labelled(np.arange(len(yes)), s, yes, lat, lon), Surroundings.of(s, None))


def test_few_labels_are_told_to_be_few() -> None:
    s, yes, lat, lon, _ = world()
    rows = np.concatenate([np.flatnonzero(yes)[:LEAST], np.flatnonzero(~yes)[:LEAST]])
    _, told = learn(labelled(rows, s, yes, lat, lon), Surroundings.of(s, None))
    assert told.classifier.high - told.classifier.low > 0.3
    assert "5 yes and 5 no are few" in told.notes[0]


def test_labels_that_cannot_be_told_apart_are_refused_and_never_turn_the_map_round() -> None:
    s, _, lat, lon, _ = world()
    s[:40] = s[0]  # all the same
    yes = np.arange(40) % 2 == 0
    with pytest.raises(UsageError, match="looks alike to the model"):
        learn(labelled(np.arange(40), s, yes, lat[:40], lon[:40]), Surroundings.of(s, None))


def test_neighbours_are_held_out_together() -> None:
    random = np.random.default_rng(0)
    centre = np.repeat(np.arange(12), 5)
    grid = Grid(64 * SIZE_M, 64 * SIZE_M)
    middles = [grid.tile_at(lat=43 + number * 0.3, lon=10) for number in range(12)]
    lat, lon = (np.array([getattr(tile, name) for tile in middles])[centre] for name in ("lat", "lon"))
    lat, lon = lat + random.uniform(0, 0.01, 60), lon + random.uniform(0, 0.01, 60)
    yes = centre % 2 == 0
    folds = folds_of(yes, lat=lat, lon=lon, size_m=SIZE_M)
    assert len(folds.splits) == 5 and folds.block_m == 64 * SIZE_M and not folds.close
    for learnt, held in folds.splits:
        assert not set(centre[learnt]) & set(centre[held])
    assert sorted(np.concatenate([held for _, held in folds.splits])) == list(range(60))


def test_labels_of_one_place_are_held_out_tile_by_tile_and_it_is_said() -> None:
    lat = 43 + np.arange(12) * 0.0044
    folds = folds_of(np.arange(12) < 6, lat=lat, lon=np.full(12, 10.0), size_m=SIZE_M)
    assert folds.close
    assert folds_of(np.arange(3) < 1, lat=lat[:3], lon=np.full(3, 10.0), size_m=SIZE_M) is None


@pytest.mark.parametrize(
    ("area", "yeses", "noes", "low", "high"),
    # by solving the equation of the module's description with SciPy's brentq
    [(1.0, 5, 5, 0.6427, 1.0), (0.8, 30, 50, 0.6789, 0.8797), (0.5, 10, 10, 0.2735, 0.7265)],
)
def test_the_interval_is_newcombes(area, yeses, noes, low, high) -> None:
    assert interval(area, yeses, noes) == pytest.approx((low, high), abs=2e-4)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    true, held = 0.7602, 0  # of two normal distributions one standard deviation apart
    for _ in range(300):
        score = np.concatenate([random.normal(1, 1, 12), random.normal(0, 1, 12)])
        area = float((score[:12, None] > score[None, 12:]).mean())
        low, high = interval(area, 12, 12)
        held += low <= true <= high
    assert held >= 0.92 * 300
