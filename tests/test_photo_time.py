"""When a photo was taken: how it is said and drawn, and the measures and the fit behind how sure it is."""

import numpy as np
import pytest

from benchmarks.photo_time import Seen, cell_of, cosines, fitted, measures
from search_ui.ground.photo_time import PhotoTimeView, draw_photo_time, say_posterior, table
from search_ui.search.posterior import Posterior


def of(months: list[int], hours: list[int]) -> Posterior:
    """As likely in each of these months (from 1) at each of these hours, and never else."""
    chance = np.zeros((12, 24))
    chance[np.ix_([month - 1 for month in months], hours)] = 1 / (len(months) * len(hours))
    return Posterior(chance)


def view(posterior: Posterior) -> PhotoTimeView:
    return PhotoTimeView(
        tile_id="t", lat=43.0, lon=10.0, collection="demo", model_id="m", attribution="© A", cosine=0.5,
        posterior=posterior, note=None,
    )  # fmt: skip


def test_the_table_has_per_cent_of_two_hours_with_sums_of_months_and_of_hours() -> None:
    lines = table(of([7, 8], [13, 14])).splitlines()
    assert len(lines) == 14
    july, august, every = (lines[row].split() for row in (7, 8, 13))
    assert july == ["Jul", *["0.0"] * 6, "25.0", "25.0", *["0.0"] * 4, "50.0"]
    assert august[1:] == july[1:]
    assert every == ["all", *["0.0"] * 6, "50.0", "50.0", *["0.0"] * 4]
    assert lines[0].split() == ["%", *(f"{hour}h" for hour in range(0, 24, 2)), "all"]


def test_the_answer_names_the_likeliest_month_and_hour_and_a_flat_one_names_none() -> None:
    assert say_posterior(of([7], [14])).endswith("likeliest month Jul (100 %), likeliest hour 14 h (100 %)")
    assert say_posterior(of(list(range(1, 13)), list(range(24)))).startswith("cannot tell")


def test_in_the_picture_the_likely_moment_stands_out_and_without_one_none_does() -> None:
    pages = [np.asarray(draw_photo_time(view(one))) for one in (of([7], [14]), of(list(range(1, 13)), list(range(24))))]
    highest = np.array([253, 231, 36], np.uint8)  # the last colour of the legend
    cell = 38 * 34  # pixels
    shown = [int((page == highest).all(axis=2).sum()) for page in pages]
    assert 0.5 * cell < shown[0] < 2 * cell  # July, 14 h, and the end of the legend
    assert shown[1] < 0.5 * cell  # all moments as likely: none stands out


def test_the_document_has_chances_spans_and_no_file_name() -> None:
    told = view(of([12, 1], [23, 0])).as_dict()
    assert told["spans"][1] == {"chance": 1.0, "months": [12, 1], "hours": [23, 0]}
    assert told["tells"] is True and told["says"].endswith("December to January, 23 to 0 h: 100 %")
    assert sum(map(sum, told["chances"])) == pytest.approx(1, abs=1e-4)
    assert "photo" not in told and "posterior" not in told


@pytest.mark.parametrize(
    ("when", "month", "hour"),
    [
        ("2020-01-31T00:29:59", 1, 0),
        ("2020-01-31T00:30:00", 1, 1),
        ("2019-12-05T23:45:00", 12, 0),
        ("2024-02-29T14:10:00", 2, 14),
    ],
)
def test_a_moment_counts_for_its_month_and_the_nearest_hour(when, month, hour) -> None:
    assert cell_of(np.array([when], "datetime64[s]")).tolist() == [(month - 1) * 24 + hour]


def test_the_temperature_that_photos_were_drawn_at_is_found_again() -> None:
    random = np.random.default_rng(0)
    cosine = random.normal(0, 0.1, (4000, 288))
    cell = (cosine / 0.05 + random.gumbel(size=cosine.shape)).argmax(axis=1)  # a draw of the softmax
    assert fitted(cosine, cell) == pytest.approx(0.05, rel=0.05)


def test_measures_go_round_the_circle_and_a_sure_right_answer_has_all_of_them_right() -> None:
    chance = np.zeros((2, 288))
    chance[:, 11 * 24 + 23] = 1  # December, 23 h
    found = measures(chance, np.array([11 * 24 + 23, 0]))  # and January, 0 h
    assert found["months"].tolist() == [0, 1] and found["hours"].tolist() == [0, 1]
    assert found["in 80%"].tolist() == [1, 0] and found["said 80%"].tolist() == [1, 1]
    assert found["nats"][0] == pytest.approx(np.log(288)) and found["nats"][1] < -10
    assert found["untold"].tolist() == [0, 0]


def test_nobody_who_knows_nothing_gains_anything() -> None:
    found = measures(np.full((3, 288), 1 / 288), np.array([0, 100, 287]))
    assert found["nats"] == pytest.approx(np.zeros(3))
    assert found["untold"].tolist() == [1, 1, 1]


def test_at_every_second_hour_errors_are_still_in_hours() -> None:
    chance = np.zeros((1, 144))
    chance[0, 6 * 12 + 7] = 1  # July, 14 h
    found = measures(chance, np.array([6 * 12 + 9]), tuple(range(0, 24, 2)))  # 18 h
    assert (found["hours"][0], found["in 50%"][0]) == (4, 0)
    assert measures(chance, np.array([6 * 12 + 7]), tuple(range(0, 24, 2)))["in 50%"][0] == 1


def test_photos_are_compared_with_their_own_tile() -> None:
    s = np.eye(3, dtype=np.float32)[[[0, 1], [2, 0]]]  # [moments, tiles, d]
    photos = np.eye(3, dtype=np.float32)[[0, 1]]
    seen = Seen(np.array([0, 1]), np.array([0, 0]), photos, photos)
    assert cosines(s, seen).tolist() == [[1, 0], [1, 0]]
    assert cosines(s, seen, np.array([1, 0])).tolist() == [[0, 1], [0, 0]]
