"""Moments in a row, and their scores in parts."""

from datetime import datetime, time

import numpy as np
import pytest

from search_ui.search.series import MAX_FRAMES, Reel, calendar_moments, check_year, parse_frames
from tests.made_up import cosine_at, frames
from trainer.encoding import Month, MonthHour
from trainer.errors import GroundcastError, UsageError


def test_named_series_take_day_hour_and_year_from_the_moment_asked_about() -> None:
    noon = datetime(2024, 7, 14, 18, 30)
    assert parse_frames("hours", when=noon, year=2020)[5] == datetime(2024, 7, 14, 5)
    assert parse_frames("hours", when=None, year=2020)[5] == time(5)
    assert parse_frames("months", when=noon, year=2020)[1] == MonthHour.of(2024, 2, 18, 30)
    assert parse_frames("months", when=time(9), year=2020)[1] == MonthHour.of(2020, 2, 9)
    assert parse_frames("Months ", when=None, year=2020)[1] == Month.of(2020, 2)
    assert len(parse_frames("calendar", when=None, year=2020)) == 288
    assert calendar_moments(2023)[25] == MonthHour.of(2023, 2, 1)


def test_a_list_of_moments_is_a_series() -> None:
    assert parse_frames("2025-01-15T12, 2025-07", when=None, year=1) == (datetime(2025, 1, 15, 12), Month.of(2025, 7))


@pytest.mark.parametrize(
    "text", ["", "2025-07-14", "yearly", "2025-02-30,2025-03-01", ",".join(["T12"] * (MAX_FRAMES + 1))]
)
def test_too_few_too_many_and_impossible_moments_are_refused(text) -> None:
    with pytest.raises(UsageError):
        parse_frames(text, when=None, year=2025)


@pytest.mark.parametrize("year", [0, 10_000, -5])
def test_a_year_outside_the_calendar_is_refused(year) -> None:
    with pytest.raises(UsageError, match="1 to 9999"):
        check_year(year)


@pytest.mark.parametrize("kept", [10**9, 1000, 1])
def test_frames_are_the_same_however_few_are_held_at_once(kept) -> None:
    whens = calendar_moments(2025)[:50]
    asked = []

    def ask(some):
        asked.append(len(some))
        return frames(some)

    reel = Reel(ask, whens, kept=kept)
    seen = list(reel.frames())
    assert [when for when, _ in seen] == list(whens)
    assert all(np.array_equal(cosine, cosine_at(when)) for when, cosine in seen)
    assert max(asked) <= max(1, kept // 144)
    assert np.array_equal(np.concatenate([part for _, part in reel.parts()]), frames(whens).cosine)


def test_changed_values_leave_the_reel_as_it_was() -> None:
    reel = Reel(frames, calendar_moments(2025)[:3])
    doubled = reel.changed(lambda cosine: cosine * 2)
    assert np.array_equal(next(doubled.parts())[1], next(reel.parts())[1] * 2)


def test_tiles_that_change_between_two_parts_are_an_error_and_no_wrong_film() -> None:
    sides = iter([12, 12, 13])
    reel = Reel(lambda some: frames(some, next(sides)), calendar_moments(2025)[:4], kept=300)
    with pytest.raises(GroundcastError, match="changed"):
        list(reel.frames())
