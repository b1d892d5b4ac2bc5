"""The best rows, and places that count once."""

import numpy as np
import pytest

from search_ui.search.ranking import best_rows, distinct


def named(rows):
    return [f"t{row:03d}" for row in rows]


def test_the_best_come_first_and_ties_are_ordered_by_id() -> None:
    score = np.array([0.1, 0.5, np.nan, 0.5, 0.9], np.float32)
    assert best_rows(score, 3, named).tolist() == [4, 1, 3]
    assert best_rows(score, 3, lambda rows: [f"t{9 - row}" for row in rows]).tolist() == [4, 3, 1]


def test_ties_of_the_last_all_come_along() -> None:
    assert len(best_rows(np.full(50, 0.25, np.float32), 9, named)) == 50


def test_what_is_not_finite_is_never_among_the_best_even_if_little_else_is_there() -> None:
    assert best_rows(np.array([np.nan, np.inf, 0.2], np.float32), 9, named).tolist() == [2]
    assert best_rows(np.empty(0, np.float32), 9, named).tolist() == []


def test_the_best_rows_are_those_of_a_whole_sort() -> None:
    score = np.random.default_rng(0).normal(size=10_000).astype(np.float32)
    assert best_rows(score, 100, named)[:100].tolist() == np.argsort(-score)[:100].tolist()


@pytest.mark.parametrize("spoiled", [None, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("n", [40_000, 40_007])
def test_the_best_of_many_are_those_of_a_whole_sort_wherever_they_lie(n: int, spoiled: float | None) -> None:
    score = np.random.default_rng(1).normal(0, 0.1, n).astype(np.float32)
    score[:40] += 1  # neighbours are alike
    score[[7, n - 1]] = 2  # equal, the one in the last rows
    if spoiled is not None:
        score[[100, n // 2, n - 2]] = spoiled
    right = np.lexsort((np.arange(n), -np.round(np.where(np.isfinite(score), score, -9), 6)))[:30]
    found = best_rows(score, 30, lambda rows: [f"{row:06d}" for row in rows])
    assert found[:30].tolist() == right.tolist()
    assert len(found) < 40


def test_every_tie_of_the_last_comes_along_from_among_many() -> None:
    score = np.zeros(40_000, np.float32)
    score[::100] = 0.5
    score[::1_000] = 0.5 - 2e-7  # the same to six digits
    assert best_rows(score, 9, lambda rows: [f"{row:06d}" for row in rows]).tolist() == list(range(0, 40_000, 100))


def test_of_tiles_that_overlap_only_the_best_is_kept_and_neighbours_that_touch_stay() -> None:
    step = 480 / 111_195
    lat = np.array([0, step / 2, step, 0.0])
    lon = np.array([0, 0, 0, 1.0])
    assert distinct(lat, lon, np.full(4, 480.0), 9).tolist() == [0, 2, 3]
    assert distinct(lat, lon, np.full(4, 480.0), 2).tolist() == [0, 2]


def test_tiles_overlap_across_the_antimeridian_and_where_degrees_are_narrow() -> None:
    assert distinct(np.zeros(2), np.array([179.9999, -179.9999]), np.full(2, 480.0), 9).tolist() == [0]
    lon = np.array([0, 480 / 111_195])  # half a tile apart at 60°
    assert distinct(np.full(2, 60.0), lon, np.full(2, 480.0), 9).tolist() == [0]


def test_a_small_tile_inside_a_large_one_is_the_same_place() -> None:
    assert distinct(np.zeros(2), np.zeros(2), np.array([4800.0, 60.0]), 9).tolist() == [0]
