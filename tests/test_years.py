"""A tile's year in 26 numbers: how far a moment lies below its best, by itself and by its month and hour."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import numpy as np
import pytest

from search_ui.search.likeliest import TYPICAL
from search_ui.search.relevance import years as years_module
from search_ui.search.relevance.years import KnownYears, Years
from trainer.encoding import MonthHour

MONTH = np.array([when.month for when in TYPICAL])
HOUR = np.array([when.hour for when in TYPICAL])


def year_of(month, hour):
    """The excess at the typical moments, the month's and the hour's together, [144, 1]."""
    return (np.array(month)[MONTH - 1] + np.array(hour)[HOUR // 2])[:, None].astype(np.float32)


def test_by_itself_and_by_its_month_and_hour_it_falls_alike_where_the_year_is_their_sum():
    year = year_of(np.r_[np.zeros(6), 2, np.zeros(5)], np.r_[np.zeros(6), 1, np.zeros(5)])  # July, and noon
    falls = Years.of(year).falls(year, TYPICAL)
    assert falls.shape == (144, 1, 2)
    july, noon = MONTH == 7, HOUR == 12
    for which, below in ((july & noon, 0), (july & ~noon, -1), (~july & noon, -2), (~july & ~noon, -3)):
        np.testing.assert_allclose(falls[which], below / (3 + 1), atol=1e-6)


def test_what_is_high_at_one_moment_by_chance_is_not_so_by_its_month_and_hour():
    july = year_of(np.r_[np.zeros(6), 1, np.zeros(5)], np.zeros(12))
    chance = (MONTH == 1) & (HOUR == 4)
    july[chance] = 1
    falls = Years.of(july).falls(july, TYPICAL)[chance][0, 0]
    assert falls[0] == 0
    # months: July 1, January 1/12; hours: 4 h 1/6, the others 1/12, so the highest is July at 4 h
    assert falls[1] == pytest.approx(-(1 - 1 / 12) / ((1 + 1 / 6) - (0 + 1 / 12) + 1), abs=1e-6)


def test_between_the_hours_that_were_looked_at_it_runs_straight_and_across_midnight():
    hours = np.zeros(12)
    hours[0], hours[11] = 2, 1  # midnight, and 22 h
    years, nothing = Years.of(year_of(np.zeros(12), hours)), np.zeros((1, 1), np.float32)
    for when, value in (
        (datetime(2025, 3, 4, 0), 2),
        (datetime(2025, 3, 4, 23), 1.5),
        (datetime(2025, 3, 4, 23, 30), 1.75),
        (MonthHour.of(2024, 2, 1), 1),
        (datetime(2024, 2, 29, 1, 30), 0.5),
    ):
        assert years.falls(nothing, [when])[0, 0, 1] == pytest.approx((value - 2) / (2 + 1), abs=1e-6)


def test_what_is_there_all_the_year_falls_nowhere():
    level = np.full((144, 3), 7, np.float32)
    assert not Years.of(level).falls(level, TYPICAL).any()


def test_a_model_that_knows_no_time_has_a_highest_excess():
    assert Years.of(np.array([[1, 4]], np.float32)).highest.tolist() == [1, 4]


def test_years_are_made_once_for_each_tile_by_whichever_thread():
    asked = []

    def make(rows):
        asked.extend(rows.tolist())
        return Years.of(np.tile(rows.astype(np.float32), (144, 1)))

    known, random = KnownYears(1000), np.random.default_rng(0)
    several = [random.choice(1000, 200, replace=False) for _ in range(40)]
    known.get(several[0], make)
    assert sorted(asked) == sorted(several[0].tolist())
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda rows: known.get(rows, make).highest, several))
    for rows, highest in zip(several, found, strict=True):
        np.testing.assert_array_equal(highest, rows)
    asked.clear()
    again = np.concatenate([several[7], several[7][:3]])
    assert known.get(again, make).highest.tolist() == again.tolist() and not asked


def test_more_tiles_than_are_remembered_are_worked_out_again(monkeypatch):
    monkeypatch.setattr(years_module, "MOST", 10)
    asked = []

    def make(rows):
        asked.append(rows.tolist())
        return Years.of(np.tile(rows.astype(np.float32), (144, 1)))

    known = KnownYears(100)
    for rows in (np.arange(8), np.arange(4, 14), np.arange(6, 10)):
        np.testing.assert_array_equal(known.get(rows, make).highest, rows)
    assert asked == [list(range(8)), list(range(8, 14)), [8, 9]]
