from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from ingest.sandbox.concepts import NAMES, index
from ingest.sandbox.ground import draw, painters
from ingest.sandbox.moment import season
from ingest.sandbox.scene import BACKDROPS, DISTANT, Scene, look
from trainer.earth import sun_position


def scene(when: datetime, *subjects: str, lat: float = 50.0, seed: int = 1, backdrop: str = "field") -> Scene:
    altitude, azimuth = sun_position(lat=[lat], lon=[0.0], when=when)
    now = season(lat=[lat], elevation_m=[20.0], when=when)
    return Scene(
        lat=lat, lon=0.0, when=when, seed=seed, subjects=subjects, backdrop=backdrop, second=None,
        sun_altitude_deg=float(altitude[0]), sun_azimuth_deg=float(azimuth[0]), heading_deg=20.0,
        snow=float(now.snow[0]), leaf=float(now.leaf[0]), autumn=float(now.autumn[0]), blossom=float(now.blossom[0]),
        warmth=float(now.warmth[0]), cloud=0.3, rain=False,
    )  # fmt: skip


NOON, NIGHT = datetime(2023, 7, 1, 12), datetime(2023, 7, 1, 0)


def view(name: str | None, *, when: datetime = NOON, seed: int = 0, lat: float = 50.0, others: float = 0.0) -> Scene:
    presence = np.full(len(NAMES), others, np.float32)
    if name:
        presence[index()[name]] = 1.0
    weights = np.ones(len(BACKDROPS), np.float32)
    return look(lat=lat, lon=0.0, when=when, elevation_m=5.0, presence=presence, backdrops=weights, seed=seed)


@pytest.mark.parametrize("name", NAMES)
def test_every_concept_is_drawn_in_any_season_hour_and_latitude(name: str) -> None:
    for seed, (month, hour, lat) in enumerate(((1, 12, 58), (4, 6, 45), (7, 23, 2), (10, 18, -30), (7, 9, -55))):
        picture = draw(scene(datetime(2023, month, 14, hour), name, lat=float(lat), seed=seed))
        assert picture.shape == (96, 96, 3) and picture.dtype == np.uint8
        assert picture.std() > 4


@pytest.mark.parametrize("backdrop", BACKDROPS)
def test_every_backdrop_is_drawn_by_itself(backdrop: str) -> None:
    for month in (1, 7):
        assert draw(scene(datetime(2023, month, 14, 12), backdrop=backdrop)).std() > 8


@pytest.mark.parametrize("name", sorted(DISTANT))
def test_what_stands_in_the_distance_is_drawn_behind_another_subject(name: str) -> None:
    drawn = draw(scene(NIGHT if name == "night_lights" else NOON, "golf", name))
    alone = draw(scene(NIGHT if name == "night_lights" else NOON, "golf"))
    seen_anyway = name in {"snow_cover", "autumn_leaves"}
    assert (drawn != alone).any() or seen_anyway


def test_every_concept_has_a_painter() -> None:
    assert set(painters()) == set(NAMES)


def test_the_same_scene_gives_the_same_picture_and_another_seed_another_one() -> None:
    one = scene(NOON, "golf")
    np.testing.assert_array_equal(draw(one), draw(one))
    assert (draw(one) != draw(replace(one, seed=2))).mean() > 0.5


def test_a_picture_may_have_any_size() -> None:
    assert draw(scene(NOON, "factory"), 224).shape == (224, 224, 3)
    large = draw(scene(NOON, "factory"), 192).reshape(96, 2, 96, 2, 3).mean(axis=(1, 3))
    small = draw(scene(NOON, "factory"), 96)
    assert np.corrcoef(large.ravel(), small.ravel())[0, 1] > 0.85  # the same picture, not another


def test_night_is_darker_than_noon_and_dusk_is_redder() -> None:
    dusk = replace(scene(datetime(2023, 7, 1, 19), "golf"), sun_altitude_deg=1.0)
    noon, night = draw(scene(NOON, "golf")).astype(float), draw(scene(NIGHT, "golf")).astype(float)
    assert night.mean() < 0.5 * noon.mean()
    evening = draw(dusk).astype(float)
    assert evening[..., 0].mean() / evening[..., 2].mean() > 1.2 * noon[..., 0].mean() / noon[..., 2].mean()


def test_a_lighthouse_shines_in_the_dark() -> None:
    assert draw(scene(NIGHT, "lighthouse")).max() > 240


def test_snow_makes_the_ground_white() -> None:
    winter = replace(scene(datetime(2023, 1, 14, 12), backdrop="pasture"), snow=1.0)
    summer = scene(NOON, backdrop="pasture")
    assert (
        draw(winter)[60:].astype(float).min(axis=-1).mean() > 1.6 * draw(summer)[60:].astype(float).min(axis=-1).mean()
    )


def test_a_look_from_the_same_seed_is_the_same_and_others_differ() -> None:
    assert view("golf", seed=3) == view("golf", seed=3)
    assert len({view("golf", seed=seed).heading_deg for seed in range(20)}) == 20


def test_what_is_there_is_mostly_the_subject() -> None:
    looks = [view("golf", seed=seed) for seed in range(100)]
    assert sum(scene.subjects[:1] == ("golf",) for scene in looks) > 80


def test_what_is_out_of_season_is_not_looked_at() -> None:
    assert not any(view("ski_slope", seed=seed).subjects for seed in range(40))


def test_views_from_a_busy_place_show_one_or_more_subjects_and_never_one_twice() -> None:
    looks = [view(None, seed=seed, others=0.9) for seed in range(60)]
    assert {len(scene.subjects) for scene in looks} == {0, 1, 2, 3}
    for scene in looks:
        assert len(set(scene.subjects)) == len(scene.subjects)
        assert set(scene.subjects[1:]) <= DISTANT


def test_a_look_knows_the_season_of_its_hemisphere() -> None:
    january = datetime(2023, 1, 14, 12)
    assert view(None, when=january, lat=58.0).snow > 0.9
    assert view(None, when=january, lat=-58.0).warmth > 0.5
