from datetime import datetime

import numpy as np
import pytest

from ingest.sandbox.concepts import CONCEPTS, NAMES, concept, index
from ingest.sandbox.moment import activity, peak_activity, season
from trainer.earth import sun_altitude_deg, sun_position
from trainer.errors import UsageError

NORTH, SOUTH = 50.0, -50.0
STANDING = (
    "lighthouse", "cliffs", "greenhouse", "quarry", "solar_park", "wind_turbines", "quiet_suburb", "container_port",
    "mountain_summit",
)  # fmt: skip


def at(name: str, when: datetime, *, lat: float = NORTH, elevation_m: float = 10.0) -> float:
    return float(activity(lat=[lat], lon=[0.0], elevation_m=[elevation_m], when=when)[0, index()[name]])


def test_there_are_45_concepts_in_four_groups_with_names_of_their_own() -> None:
    assert len(NAMES) == len(set(NAMES)) == 45
    assert [sum(c.group == group for c in CONCEPTS) for group in dict.fromkeys(c.group for c in CONCEPTS)] == [
        10, 15, 10, 10,
    ]  # fmt: skip
    assert NAMES[0] == "beach_bathers" and NAMES[-1] == "running_trail"


def test_a_misspelt_concept_is_an_error_with_near_names() -> None:
    assert concept("golf").name == "golf"
    with pytest.raises(UsageError, match="soccer_match"):
        concept("soccer match!")


def test_the_sun_is_high_at_noon_and_below_the_horizon_at_midnight() -> None:
    noon = sun_altitude_deg(lat=[50.0], lon=[0.0], when=datetime(2023, 6, 21, 12))
    assert noon[0] == pytest.approx(90 - 50 + 23.4, abs=0.5)
    midnight = sun_altitude_deg(lat=[50.0], lon=[0.0], when=datetime(2023, 6, 21, 0))
    assert midnight[0] == pytest.approx(-90 + 50 + 23.4, abs=0.5)


def test_the_sun_rises_in_the_east_and_stands_in_the_north_at_noon_in_the_south() -> None:
    _, azimuth = sun_position(
        lat=[50.0, 50.0, -50.0],
        lon=[0.0] * 3,
        when=_moments("2023-03-21T06:30", "2023-03-21T12:00", "2023-03-21T12:00"),
    )
    assert azimuth[0] == pytest.approx(90, abs=8)
    assert azimuth[1] == pytest.approx(180, abs=5)
    assert min(azimuth[2], 360 - azimuth[2]) < 5


def test_the_clock_is_that_of_the_zone_wherever_the_place_is() -> None:
    high = sun_altitude_deg(lat=[10.0, 10.0], lon=[0.0, 150.0], when=datetime(2023, 5, 1, 12))
    assert abs(high[0] - high[1]) < 0.5


def test_seasons_flip_between_the_hemispheres_and_the_equator_has_none() -> None:
    lats = np.array([58.0, -58.0, 0.0])
    january = season(lat=lats, elevation_m=np.full(3, 50.0), when=datetime(2023, 1, 20))
    july = season(lat=lats, elevation_m=np.full(3, 50.0), when=datetime(2023, 7, 20))
    assert january.snow[0] > 0.9 and january.snow[1] < 0.01 and january.snow[2] < 0.01
    assert july.snow[0] < 0.01 and july.snow[1] > 0.9
    assert january.warmth[0] < 0.05 and july.warmth[0] > 0.8
    assert january.warmth[2] == july.warmth[2] == 1.0
    assert january.leaf[0] < 0.05 and july.leaf[0] > 0.95 and january.leaf[2] == 1.0


def test_autumn_leaves_are_in_october_in_the_north_and_in_april_in_the_south() -> None:
    assert at("autumn_leaves", datetime(2023, 10, 12, 12)) > 0.85
    assert at("autumn_leaves", datetime(2023, 4, 12, 12)) < 0.05
    assert at("autumn_leaves", datetime(2023, 4, 12, 12), lat=SOUTH) > 0.85


def test_every_concept_reaches_85_percent_somewhere_at_its_best_moment() -> None:
    places = np.array([[58.0, 20.0], [50.0, 600.0], [30.0, 20.0]])
    best = peak_activity(lat=places[:, 0], elevation_m=places[:, 1]).max(axis=0)
    assert {name: float(value) for name, value in zip(NAMES, best, strict=True) if value < 0.85} == {}


def test_there_is_no_snow_on_the_equator_in_any_month() -> None:
    assert peak_activity(lat=[1.0], elevation_m=[20.0])[0, index()["snow_cover"]] < 0.01


@pytest.mark.parametrize("name", STANDING)
def test_what_stands_always_is_seen_by_day_in_summer_and_winter(name: str) -> None:
    for month in (1, 4, 7, 10):
        assert at(name, datetime(2023, month, 18, 12)) >= 0.85


@pytest.mark.parametrize(
    ("name", "yes", "no"),
    [
        ("beach_bathers", datetime(2023, 7, 22, 15), datetime(2023, 1, 21, 15)),
        ("beach_bathers", datetime(2023, 7, 22, 15), datetime(2023, 7, 22, 2)),
        ("market_stalls", datetime(2023, 6, 10, 10), datetime(2023, 6, 12, 10)),
        ("school_yard", datetime(2023, 5, 16, 10), datetime(2023, 5, 20, 10)),
        ("school_yard", datetime(2023, 5, 16, 10), datetime(2023, 8, 1, 10)),
        ("traffic_jam", datetime(2023, 5, 16, 8), datetime(2023, 5, 16, 3)),
        ("traffic_jam", datetime(2023, 5, 16, 8), datetime(2023, 5, 20, 8)),
        ("soccer_match", datetime(2023, 5, 20, 15), datetime(2023, 5, 16, 10)),
        ("night_lights", datetime(2023, 5, 16, 22, 30), datetime(2023, 5, 16, 12)),
        ("ski_slope", datetime(2023, 1, 21, 11), datetime(2023, 7, 22, 11)),
        ("wheat_harvest", datetime(2023, 7, 27, 15), datetime(2023, 12, 1, 15)),
        ("orchard_blossom", datetime(2023, 5, 2, 12), datetime(2023, 7, 2, 12)),
        ("ploughing", datetime(2023, 4, 3, 11), datetime(2023, 6, 20, 11)),
        ("camping", datetime(2023, 7, 22, 20), datetime(2023, 1, 21, 20)),
    ],
)
def test_a_concept_is_there_in_its_hours_and_season_and_gone_outside(name: str, yes: datetime, no: datetime) -> None:
    height = 900.0 if name == "ski_slope" else 10.0
    assert at(name, yes, elevation_m=height) > 0.75
    assert at(name, no, elevation_m=height) < 0.1


def test_sunday_brings_people_to_church_and_the_lighthouse_shines_at_night() -> None:
    assert at("church_square", datetime(2023, 5, 21, 10)) > at("church_square", datetime(2023, 5, 23, 10)) + 0.2
    assert at("lighthouse", datetime(2023, 5, 16, 1)) > 0.8


def test_many_places_and_moments_at_once_are_the_same_as_one_by_one() -> None:
    lats, lons, heights = np.array([50.0, -20.0, 2.0]), np.array([7.0, 130.0, -61.0]), np.array([10.0, 400.0, 0.0])
    moments = _moments("2023-01-05T08:15", "2023-06-11T17:30", "2023-09-30T23:59")
    together = activity(lat=lats, lon=lons, elevation_m=heights, when=moments)
    assert together.shape == (3, 45) and together.dtype == np.float32
    for row in range(3):
        alone = activity(lat=[lats[row]], lon=[lons[row]], elevation_m=[heights[row]], when=moments[row])
        np.testing.assert_array_equal(alone[0], together[row])
    assert ((together >= 0) & (together <= 1)).all()


def test_no_moment_of_the_year_is_above_the_peak() -> None:
    hours = np.datetime64("2023-01-01T00:30:00") + np.arange(0, 365 * 24, 5).astype("timedelta64[h]")
    n = len(hours)
    peak = peak_activity(lat=[-44.0], elevation_m=[100.0])
    seen = activity(lat=np.full(n, -44.0), lon=np.zeros(n), elevation_m=np.full(n, 100.0), when=hours)
    assert (seen.max(axis=0) <= peak[0] + 0.03).all()


def _moments(*texts: str) -> np.ndarray:
    return np.array(texts, "datetime64[s]")
