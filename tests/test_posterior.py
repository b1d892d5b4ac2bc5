"""When a photo was taken: chances of months and hours, the spans that hold them, and what is said."""

import numpy as np
import pytest

from search_ui.search.posterior import LEVEL, Posterior

JULY, JANUARY = 6, 0


def peak(month: int, hour: int) -> Posterior:
    """Highest there, falling off over the turn of the year and over midnight."""
    months = np.abs(np.arange(12) - month)
    hours = np.abs(np.arange(24) - hour)
    away = np.minimum(months, 12 - months)[:, None] ** 2 / 4 + np.minimum(hours, 24 - hours)[None] ** 2 / 16
    return Posterior.of(-0.5 * away, temperature=1)  # whatever the constant of the model is


def test_the_chances_sum_to_one_and_are_highest_where_the_cosine_is() -> None:
    found = peak(JULY, 14)
    assert found.chance.shape == (12, 24)
    assert found.chance.sum() == pytest.approx(1)
    assert np.unravel_index(found.chance.argmax(), (12, 24)) == (JULY, 14)
    assert found.best == (7, 14)
    assert found.months.sum() == pytest.approx(1) and found.hours.sum() == pytest.approx(1)
    assert found.tells


def test_the_chances_are_a_softmax_of_the_cosines_at_a_temperature() -> None:
    cosine = np.zeros(288)
    cosine[5] = 0.1
    found = Posterior.of(cosine, temperature=0.05)
    assert found.chance[0, 5] / found.chance[0, 6] == pytest.approx(np.exp(2))


def test_a_photo_that_fits_every_moment_alike_does_not_tell() -> None:
    found = Posterior.of(np.full(288, 0.3, np.float32))
    assert found.chance == pytest.approx(np.full((12, 24), 1 / 288))
    assert found.level == pytest.approx(1)
    assert not found.tells
    assert str(found) == "cannot tell: every month and hour is about as likely"
    assert found.as_dict()["tells"] is False


def test_the_level_is_the_share_of_moments_that_are_left() -> None:
    chance = np.zeros((12, 24))
    chance[:6] = 1 / 144
    assert Posterior(chance).level == pytest.approx(0.5)
    nearly = np.full((12, 24), 1 / 288)
    nearly[0, 0] += 1e-3
    assert LEVEL < Posterior(nearly / nearly.sum()).level < 1


@pytest.mark.parametrize("share", [0.0, 0.5, 0.8, 0.99, 1.0])
@pytest.mark.parametrize(("month", "hour"), [(JULY, 14), (JANUARY, 0), (11, 23)])
def test_a_span_is_as_likely_as_it_says_and_at_least_what_was_asked_for(share, month, hour) -> None:
    found = peak(month, hour)
    shown, likely = found.span(share)
    assert likely >= share - 1e-9
    inside = found.chance
    for axis, (span, first) in enumerate([(shown.months, 1), (shown.hours, 0)]):
        if span is not None:
            n = inside.shape[axis]
            inside = inside.take([k % n for k in range(span[0] - first, span[0] - first + _length(span, n))], axis)
    assert inside.sum() == pytest.approx(likely)


def _length(span: tuple[int, int], n: int) -> int:
    return (span[1] - span[0]) % n + 1


@pytest.mark.parametrize(
    ("months", "hours", "says"),
    [
        (range(4, 8), range(11, 18), "May to August, 11 to 17 h: 100 %"),
        ([11, 0, 1], range(24), "December to February: 100 %"),
        (range(12), [22, 23, 0, 1], "22 to 1 h: 100 %"),
        ([6], [14], "July, 14 h: 100 %"),
    ],
)
def test_the_least_span_is_found_and_said_over_the_turn_of_the_year_and_midnight(months, hours, says) -> None:
    chance = np.zeros((12, 24))
    chance[np.ix_(list(months), list(hours))] = 1 / (len(months) * len(hours))
    shown, likely = Posterior(chance).span(0.999)
    assert f"{shown}: {100 * likely:.0f} %" == says


def test_of_spans_of_one_size_the_likeliest_is_told() -> None:
    chance = np.zeros((12, 24))
    chance[2, 3], chance[8, 20] = 0.45, 0.55
    shown, likely = Posterior(chance).span(0.4)
    assert (shown.months, shown.hours, likely) == ((9, 9), (20, 20), pytest.approx(0.55))


def test_it_is_said_in_words_and_in_json_types() -> None:
    found = peak(JULY, 14)
    said = str(found).split("; ")
    assert len(said) == 2 and all("%" in part and " h: " in part for part in said)
    told = found.as_dict()
    assert told["says"] == str(found)
    assert [span["chance"] >= share for span, share in zip(told["spans"], (0.5, 0.8), strict=True)] == [True, True]
    assert told["month"] == {"likeliest": 7, "chance": pytest.approx(found.months[6], abs=1e-4)}
    assert told["hour"] == {"likeliest": 14, "chance": pytest.approx(found.hours[14], abs=1e-4)}
    assert np.shape(told["chances"]) == (12, 24)
