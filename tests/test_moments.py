"""Moments as people write them."""

from datetime import date, datetime, time

import pytest

from search_ui.search.moments import parse_moment, say_moment
from trainer.encoding import Month, MonthHour, When
from trainer.errors import UsageError


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-07-14T18", datetime(2025, 7, 14, 18)),
        ("2025-07-14 18:30", datetime(2025, 7, 14, 18, 30)),
        ("2025-07-14T18:30:59", datetime(2025, 7, 14, 18, 30, 59)),
        ("2024-02-29", date(2024, 2, 29)),
        ("2025-7", Month.of(2025, 7)),
        ("2025-07T18", MonthHour.of(2025, 7, 18)),
        (" T6 ", time(6)),
        ("18:30", time(18, 30)),
        ("18:30:59", time(18, 30, 59)),
    ],
)
def test_a_moment_is_read_with_what_it_says_and_no_more(text: str, moment: When) -> None:
    assert parse_moment(text) == moment
    assert type(parse_moment(text)) is type(moment)


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2025, 7, 15, 14),
        date(2025, 7, 15),
        MonthHour.of(2025, 7, 14),
        Month.of(2025, 7),
        time(23),
        time(0, 0, 1),
    ],
)
def test_what_an_answer_says_of_its_moment_can_be_asked_again(moment: When) -> None:
    assert moment is not None and parse_moment(moment.isoformat()) == moment


@pytest.mark.parametrize(
    "text", ["2025-02-30", "2023-02-29T12", "2025-07-14T24", "2025-13", "T25", "18:60", "0000-01-01"]
)
def test_a_moment_outside_the_calendar_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        parse_moment(text)


@pytest.mark.parametrize("text", ["", "July", "2025", "18", "2025-07-14T18Z", "2025-07-14T18+02:00", "14.07.2025"])
def test_what_is_no_moment_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError, match="2025-07-14T18"):
        parse_moment(text)


def test_moments_are_said_as_in_a_title() -> None:
    told = [say_moment(parse_moment(text)) for text in ("2025-07-04T08", "2025-07-04", "2025-07T08", "2025-07", "T18")]
    assert told == ["4 July 2025, 08:00", "4 July 2025", "July 2025, 08:00", "July 2025", "18:00"]
    assert say_moment(None) == "any time"
