import pickle
import threading

import numpy as np
import pytest
import shapely

from ingest.geo.grid import Grid
from ingest.sandbox.concepts import NAMES
from ingest.sandbox.land.islands import HALF_M
from ingest.sandbox.land.noise import blur, hashed, periodic
from ingest.sandbox.land.sites import PLANS
from ingest.sandbox.names import towns
from ingest.sandbox.scene import BACKDROPS
from ingest.sandbox.source import planet
from ingest.sandbox.world import World
from trainer.errors import UsageError


@pytest.fixture(scope="module")
def world() -> World:
    return planet()


def test_islands_lie_from_north_to_south_and_in_four_blocks_of_a_degree_each(world: World) -> None:
    lats = [island.lat for island in world.islands]
    assert len(lats) >= 5
    assert max(lats) > 55
    assert min(lats) < -40
    assert any(abs(lat) < 5 for lat in lats)
    for island in world.islands:
        west, south, east, north = island.bbox
        assert np.floor(east) - np.floor(west) == 1
        assert np.floor(north) - np.floor(south) == 1
        land = world.outline_of(island).bounds
        assert west < land[0] < land[2] < east
        assert south < land[1] < land[3] < north


def test_together_they_have_at_least_12500_tiles_of_land(world: World) -> None:
    total = 0
    for island in world.islands:
        tiles = list(Grid(480, 480).tiles(world.outline_of(island)))
        lat, lon = np.array([t.lat for t in tiles]), np.array([t.lon for t in tiles])
        east, north = island.metres_per_degree
        steps = np.linspace(-200, 200, 5)
        land = np.mean(
            [world.is_land(lat=lat + dy / north, lon=lon + dx / east) for dx in steps for dy in steps], axis=0
        )
        total += int((land >= 0.5).sum())
    assert total >= 12_500


def test_no_land_lies_outside_the_outline(world: World) -> None:
    rng = np.random.default_rng(0)
    for island in world.islands:
        west, south, east, north = island.bbox
        lon, lat = rng.uniform(west, east, 4000), rng.uniform(south, north, 4000)
        land = world.is_land(lat=lat, lon=lon)
        assert land.any()
        assert shapely.contains_xy(world.outline, lon[land], lat[land]).all()


def test_places_go_to_metres_and_back(world: World) -> None:
    for island in world.islands:
        lon, lat = island.to_lonlat(3000.0, -4000.0)
        x, y = island.to_xy(lat=lat, lon=lon)
        assert (float(x), float(y)) == pytest.approx((3000, -4000), abs=1e-6)


def test_the_same_seed_makes_the_same_island_and_another_seed_another(world: World) -> None:
    island = world.islands[3]
    here, again, other = world.land(island), World().land(island), World(seed=1).land(island)
    assert here.sites == again.sites
    assert np.array_equal(here.sight.presence, again.sight.presence)
    assert here.sites != other.sites


def test_every_concept_has_places_where_it_makes_sense_and_none_elsewhere(world: World) -> None:
    island = world.islands[0]
    sight = world.land(island).sight.presence
    for column, name in enumerate(NAMES):
        assert (sight[..., column].max() > 230) == (name not in island.absent), name
    sites = {site.kind for site in world.land(island).sites}
    assert sites == {plan.kind for plan in PLANS} - island.absent


def test_presence_is_mostly_clear_and_falls_to_nothing_within_150_m(world: World) -> None:
    island = world.islands[3]
    west, south, east, north = island.bbox
    rng = np.random.default_rng(1)
    lat, lon = rng.uniform(south, north, 5000), rng.uniform(west, east, 5000)
    seen = world.presence(lat=lat, lon=lon)
    assert seen.dtype == np.float32
    assert seen.shape == (5000, 45)
    assert seen.min() >= 0
    assert seen.max() <= 0.96
    assert ((seen < 0.05) | (seen > 0.6)).mean() > 0.95
    site = next(site for site in world.land(island).sites if site.kind == "solar_park")
    middle_lon, middle_lat = island.to_lonlat(site.x, site.y)
    column = NAMES.index("solar_park")
    assert world.presence(lat=[middle_lat], lon=[middle_lon])[0, column] > 0.93
    others = [s for s in world.land(island).sites if s.kind == "solar_park" and s != site]
    far_x = site.x + np.array([1, -1, 0, 0]) * (240 + 160 + site.hu + site.hv)
    far_y = site.y + np.array([0, 0, 1, -1]) * (240 + 160 + site.hu + site.hv)
    apart = [all(np.hypot(x - o.x, y - o.y) > 1000 for o in others) for x, y in zip(far_x, far_y, strict=True)]
    far_lon, far_lat = island.to_lonlat(far_x[apart], far_y[apart])
    assert (world.presence(lat=far_lat, lon=far_lon)[:, column] < 0.02).all()


def test_far_from_every_island_there_is_only_the_sea(world: World) -> None:
    assert not world.is_land(lat=[20.0], lon=[0.0])[0]
    assert world.presence(lat=[20.0], lon=[0.0]).max() == 0
    assert world.elevation_m(lat=[20.0], lon=[0.0])[0] == 0
    assert BACKDROPS[int(world.backdrops(lat=[20.0], lon=[0.0])[0].argmax())] == "sea"


def test_backdrops_have_weight_everywhere_and_follow_the_land(world: World) -> None:
    island = world.islands[1]
    land = world.land(island)
    city = land.settled.settlements[0]
    lon, lat = island.to_lonlat([city.x, -HALF_M + 300], [city.y, -HALF_M + 300])
    weights = world.backdrops(lat=lat, lon=lon)
    assert weights.shape == (2, 15)
    assert (weights.sum(axis=1) > 0).all()
    assert BACKDROPS[int(weights[0].argmax())] in ("city", "town", "industry", "park")
    assert BACKDROPS[int(weights[1].argmax())] == "sea"
    height = world.elevation_m(lat=lat, lon=lon)
    assert height[0] > 0
    assert height[1] == 0


def test_many_threads_may_ask_a_new_planet_at_once() -> None:
    world = World(seed=7)
    island = world.islands[2]
    found: list[np.ndarray] = []

    def ask() -> None:
        found.append(world.presence(lat=[island.lat], lon=[island.lon]))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(np.array_equal(found[0], other) for other in found)


def test_a_planet_sent_to_another_process_is_the_same(world: World) -> None:
    again = pickle.loads(pickle.dumps(world))
    assert again.seed == world.seed
    island = world.islands[3]
    assert np.array_equal(
        again.is_land(lat=[island.lat], lon=[island.lon]), world.is_land(lat=[island.lat], lon=[island.lon])
    )


def test_an_island_that_does_not_exist_is_told_with_the_names_that_do(world: World) -> None:
    with pytest.raises(UsageError, match=r"atlantis.*skarholm"):
        world.island("atlantis")


def test_hashes_are_even_and_depend_on_every_key() -> None:
    i, j = np.meshgrid(np.arange(-100, 100), np.arange(-100, 100))
    values = hashed(3, i, j)
    assert values.min() >= 0
    assert values.max() < 1
    assert np.histogram(values, 10, (0, 1))[0] == pytest.approx(np.full(10, 4000), rel=0.1)
    assert not np.array_equal(values, hashed(4, i, j))
    assert abs(np.corrcoef(values[:, 1:].ravel(), values[:, :-1].ravel())[0, 1]) < 0.03


def test_noise_repeats_without_a_seam_and_blur_keeps_the_mean() -> None:
    pattern = periodic(0, 128, 2.6)
    inside = np.abs(np.diff(pattern, axis=0)).mean()
    assert np.abs(pattern[0] - pattern[-1]).mean() < 1.5 * inside
    flat = blur(np.full((20, 20), 3.0, np.float32), 2)
    assert flat == pytest.approx(np.full((20, 20), 3.0))


def test_towns_have_names_of_their_own_and_lie_on_land():
    world = World()
    island = world.island("avalune")
    found = towns(world, island)
    assert len({name for name, _, _ in found}) == len(found) == len(world.land(island).settled.settlements)
    assert world.is_land(lat=[lat for _, lat, _ in found], lon=[lon for _, _, lon in found]).all()
