"""Encodings of place and time."""

import pickle
from datetime import date, datetime, time, timedelta, timezone

import numpy as np
import pytest

from trainer.encoding import (
    DIMENSIONS,
    PLACE_COLUMNS,
    Month,
    MonthHour,
    at_hour,
    encode,
    place_columns,
    place_terms,
)
from trainer.errors import AreaError, UsageError

GOLDEN = [
    *(0.984808, 0.173648, 0.173648, 0.984808, -0.866025, -0.5),
    *(0.5, -0.866025, -0.790776, -0.612106, 0.816970, -0.576680),
]


def test_sat2cap_encoding_is_the_authors() -> None:
    found = encode("sat2cap", lat=40, lon=10, when=datetime(2010, 5, 20, 8))
    assert found.values.shape == (1, 12)
    assert found.values.dtype == np.float32
    np.testing.assert_allclose(found.values[0], GOLDEN, atol=1e-6)
    assert found.usable.all()


def test_sat2cap_keeps_the_authors_aliases() -> None:
    for a, b in [
        ({"when": datetime(2010, 5, 20, 23)}, {"when": datetime(2010, 5, 20, 0)}),
        ({"when": datetime(2000, 5, 20, 8)}, {"when": datetime(2015, 5, 20, 8)}),
        ({"lat": 90}, {"lat": -90}),
        ({"when": datetime(2010, 5, 20, 8, 59)}, {"when": datetime(2010, 5, 20, 8)}),
    ]:
        same = {"lat": 40, "lon": 10, "when": datetime(2010, 5, 20, 8)}
        np.testing.assert_allclose(
            encode("sat2cap", **(same | a)).values, encode("sat2cap", **(same | b)).values, atol=1e-6
        )


@pytest.mark.parametrize("when", [None, date(2010, 5, 20), time(8)])
def test_sat2cap_is_not_usable_where_anything_is_missing(when: object) -> None:
    assert not encode("sat2cap", lat=40, lon=10, when=when).usable.any()
    assert not encode("sat2cap", when=datetime(2010, 5, 20, 8)).usable.any()
    assert not encode("sat2cap", lat=40, lon=10, when=when).values.any()


def test_cyclic_has_place_season_year_and_clock_with_flags() -> None:
    v = encode("cyclic", lat=0, lon=90, when=datetime(2022, 1, 1, 6)).values[0]
    np.testing.assert_allclose(v, [0, 1, 0, 1, 0, 1, 7 / 15, 1, 1, 0, 1], atol=1e-7)


def test_cyclic_counts_days_over_the_true_length_of_the_year() -> None:
    leap = encode("cyclic", when=date(2020, 12, 31)).values[0]
    plain = encode("cyclic", when=date(2021, 12, 31)).values[0]
    np.testing.assert_allclose(leap[4], np.sin(2 * np.pi * 365 / 366), atol=1e-7)
    np.testing.assert_allclose(plain[4], np.sin(2 * np.pi * 364 / 365), atol=1e-7)


def test_cyclic_clock_knows_minutes_and_closes_at_midnight() -> None:
    late, early = (encode("cyclic", when=time(h, m)).values[0, 8:10] for h, m in [(23, 59), (0, 0)])
    assert np.linalg.norm(late - early) < 0.005
    assert not np.allclose(encode("cyclic", when=time(8)).values, encode("cyclic", when=time(8, 30)).values)


def test_cyclic_year_is_a_clamped_line() -> None:
    years = [encode("cyclic", when=date(y, 7, 1)).values[0, 6] for y in (1990, 2000, 2015, 2016, 2030, 2050)]
    np.testing.assert_allclose(years, [-1, -1, 0, 1 / 15, 1, 1], atol=1e-7)


def test_cyclic_flags_what_is_missing_and_puts_zeros_there() -> None:
    v = encode("cyclic", lat=[10, 20, 30], lon=[1, 2, 3], when=[None, date(2020, 3, 1), time(12)])
    np.testing.assert_array_equal(v.values[:, [3, 7, 10]], [[1, 0, 0], [1, 1, 0], [1, 0, 1]])
    assert not v.values[0, 4:].any()
    assert v.usable.all()
    nothing = encode("cyclic")
    assert not nothing.usable.any()
    assert not nothing.values.any()


def seasonal(**given: object) -> np.ndarray:
    return encode("seasonal", **given).values.astype(np.float64)


def test_seasonal_turns_the_year_round_south_of_the_equator_and_leaves_the_hours_alone() -> None:
    summer, winter = MonthHour(2023, 7, 15, 14), MonthHour(2023, 1, 13, 14)  # half a year apart
    north, south = (seasonal(lat=lat, lon=0.0, when=summer)[0] for lat in (45, -45))
    other = seasonal(lat=45, lon=0.0, when=winter)[0]
    assert np.linalg.norm(south - other) < 0.1 * np.linalg.norm(north - south)
    np.testing.assert_array_equal(*(seasonal(lat=lat, lon=0.0, when=time(14))[0] for lat in (45, -45)))


def test_seasonal_has_no_summer_on_the_equator() -> None:
    year = [MonthHour.of(2023, month, 12) for month in range(1, 13)]
    spread = {lat: seasonal(lat=lat, lon=0.0, when=year).std(axis=0).max() for lat in (0, 45)}
    assert spread[0] < 1.01 * spread[45]  # twice a year there may be something
    once = {lat: seasonal(lat=lat, lon=0.0, when=year)[:, :2].std(axis=0).max() for lat in (0, 20, 45)}
    assert once[0] == 0 < once[20] < once[45]


def test_what_seasonal_does_not_know_it_averages() -> None:
    start = np.datetime64("2022-01-03T00:30")  # a Monday
    days = start + np.arange(365)[:, None].astype("timedelta64[D]") + np.arange(24).astype("timedelta64[h]")
    place = {"lat": 50.0, "lon": 3.0}
    hidden = np.zeros(365 * 24, bool)
    whole = seasonal(**place, when=days.ravel(), weekday=hidden).reshape(365, 24, -1)
    morning = seasonal(**place, when=time(8, 30))[0]
    np.testing.assert_allclose(whole[:, 8].mean(axis=0), morning, atol=1e-6)
    day = seasonal(**place, when=Month(2022, 1, 13))[0]
    np.testing.assert_allclose(whole[10].mean(axis=0), day, atol=1e-6)
    week = start + np.arange(7).astype("timedelta64[D]")
    of_a_week = seasonal(**place, when=week)[:, -30:].mean(axis=0)
    np.testing.assert_allclose(of_a_week, seasonal(**place, when=week[:1], weekday=hidden[:1])[0, -30:], atol=1e-6)
    assert not np.allclose(seasonal(**place, when=week)[0], seasonal(**place, when=week[:1], weekday=hidden[:1])[0])
    assert not encode("seasonal").usable.any() and not encode("seasonal").values.any()


def test_a_date_that_is_hidden_hides_its_weekday() -> None:
    yes, no = np.ones(1, bool), np.zeros(1, bool)
    hidden = seasonal(lat=50, lon=3, when=datetime(2022, 1, 3, 8), known=(yes, no, yes))
    np.testing.assert_array_equal(hidden, seasonal(lat=50, lon=3, when=time(8)))


@pytest.mark.parametrize("name", list(DIMENSIONS))
def test_every_encoding_is_affine_in_its_place_columns(name: str) -> None:
    lat, lon = [-60.0, -20, -12, 0, 3, 15, 27, 29, 80], np.linspace(-170, 170, 9)
    moments = [
        datetime(2024, 2, 29, 23, 59),
        date(2021, 7, 1),
        MonthHour.of(2024, 2, 23),
        Month.of(2021, 7),
        time(6),
        None,
    ]
    columns = place_columns(name, lat=lat, lon=lon)
    assert columns.shape == (9, PLACE_COLUMNS[name]) and columns.dtype == np.float32
    terms = place_terms(name, moments)
    assert terms.slope.shape == (len(moments), PLACE_COLUMNS[name], DIMENSIONS[name])
    for t, when in enumerate(moments):
        expected = encode(name, lat=lat, lon=lon, when=when)
        assert (expected.usable == terms.usable[t]).all()
        if terms.usable[t]:
            np.testing.assert_allclose(terms.base[t] + columns @ terms.slope[t], expected.values, atol=2e-6)
        nowhere = encode(name, when=when)
        assert nowhere.usable[0] == terms.usable_nowhere[t]
        if nowhere.usable[0]:
            np.testing.assert_allclose(terms.base[t], nowhere.values[0], atol=2e-6)


def test_a_month_is_a_date_that_tells_no_weekday() -> None:
    there = {"lat": 50.0, "lon": 3.0}
    hour, day = datetime(2025, 7, 15, 18), date(2025, 7, 15)
    months = [MonthHour.of(2025, 7, 18), Month.of(2025, 7)]
    found = seasonal(**there, when=[*months, hour, day])
    hidden = seasonal(**there, when=[hour, day, hour, day], weekday=np.zeros(4, bool))
    np.testing.assert_array_equal(found[:2], hidden[:2])
    assert (np.abs(found[2:] - hidden[2:]).max(axis=1) > 0.1).all()
    # the 15th of July is a Tuesday in 2025 and a Wednesday in 2026: a month knows neither
    np.testing.assert_array_equal(seasonal(**there, when=MonthHour.of(2026, 7, 18))[0], found[0])


def test_a_month_and_its_fifteenth_are_two_moments() -> None:
    pairs = [(MonthHour.of(2025, 7, 18), datetime(2025, 7, 15, 18)), (Month.of(2025, 7), date(2025, 7, 15))]
    for month, day in pairs:
        assert month != day and day != month and len({month, day}) == 2
        assert (month == day, day == month) == (False, False)
        again = pickle.loads(pickle.dumps(month))
        assert again == month and hash(again) == hash(month) and type(again) is type(month)
    assert pairs[0][0].date() == pairs[1][0] and str(pairs[1][0]) == "2025-07"
    assert at_hour(Month.of(2025, 7), time(18)) == MonthHour.of(2025, 7, 18)
    assert at_hour(date(2025, 7, 15), time(18)) == datetime(2025, 7, 15, 18)


def test_masks_hide_what_is_known_sample_by_sample() -> None:
    place, day, hour = np.eye(3, dtype=bool)
    v = encode("cyclic", lat=[1, 1, 1], lon=[2, 2, 2], when=datetime(2020, 1, 2, 3), known=(place, day, hour))
    np.testing.assert_array_equal(v.values[:, [3, 7, 10]], np.eye(3))


def test_many_samples_are_encoded_like_each_alone() -> None:
    rng = np.random.default_rng(0)
    lat, lon = rng.uniform(-90, 90, 50), rng.uniform(-180, 180, 50)
    when = np.datetime64("2000-01-01") + rng.integers(0, 20 * 366 * 1440, 50).astype("timedelta64[m]")
    for name, width in DIMENSIONS.items():
        together = encode(name, lat=lat, lon=lon, when=when).values
        assert together.shape == (50, width)
        for i in (0, 17, 49):
            alone = encode(name, lat=lat[i], lon=lon[i], when=when[i].astype(datetime)).values[0]
            np.testing.assert_array_equal(together[i], alone)


def test_one_place_goes_with_many_moments() -> None:
    v = encode("cyclic", lat=48, lon=11, when=[datetime(2020, 1, 1, h) for h in range(24)])
    assert v.values.shape == (24, 11)
    assert (v.values[:, :4] == v.values[0, :4]).all()


def test_missing_moments_of_an_array_are_nat() -> None:
    when = np.array(["2020-01-01T05:00", "NaT"], dtype="datetime64[s]")
    assert encode("sat2cap", lat=1, lon=2, when=when).usable.tolist() == [True, False]


@pytest.mark.parametrize(("lat", "lon"), [(91, 0), (float("nan"), 0), (0, 181), (0, float("inf")), (0, -180.5)])
def test_a_place_out_of_range_is_an_error_that_names_it(lat: float, lon: float) -> None:
    with pytest.raises(AreaError, match=r"(latitude|longitude) .* of sample 1"):
        encode("cyclic", lat=[0, lat], lon=[0, lon])


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(AreaError, match="both lat and lon"):
        encode("cyclic", lat=1)
    with pytest.raises(UsageError, match="encoding 'fourier' is unknown"):
        encode("fourier", lat=1, lon=1)
    with pytest.raises(UsageError, match="wall-clock"):
        encode("cyclic", when=datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=2))))
    with pytest.raises(UsageError, match=r"differ in length: \[2, 3\]"):
        encode("cyclic", lat=[1, 2], lon=[1, 2, 3])
    with pytest.raises(UsageError, match="is not a moment"):
        encode("cyclic", when=["2020-01-01"])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="'2020-01-01' is not a moment"):
        encode("cyclic", when="2020-01-01")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"datetime64\[M\] are no days"):
        encode("cyclic", when=np.array(["2020-01"], "datetime64[M]"))
    with pytest.raises(AreaError, match="latitude 'x' is no number of degrees"):
        encode("cyclic", lat="x", lon=0)


def test_days_of_numpy_have_no_hour() -> None:
    day, minute = np.datetime64("2025-07-14"), np.array(["2025-07-14T00:00"], "datetime64[m]")
    for name in ("cyclic", "seasonal"):
        expected = encode(name, when=date(2025, 7, 14)).values
        np.testing.assert_array_equal(encode(name, when=np.array([day])).values, expected)
        np.testing.assert_array_equal(encode(name, when=day).values, expected)
        assert not np.array_equal(encode(name, when=minute).values, expected)
