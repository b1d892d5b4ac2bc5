import dataclasses
from datetime import UTC, datetime

import numpy as np
import pytest
import shapely

from ingest.geo.geometry import Footprint
from ingest.geo.grid import Grid
from ingest.opening import open_source
from ingest.sandbox import overhead
from ingest.sandbox.concepts import NAMES
from ingest.sandbox.land.islands import HALF_M
from ingest.sandbox.land.sites import PLANS
from ingest.sandbox.source import SandboxSource, planet
from ingest.sandbox.world import World
from ingest.sources.source import FILL, SourceOptions
from tests.conftest import LONG
from trainer.errors import SourceError


@pytest.fixture(scope="module")
def world() -> World:
    return planet()


def tiles(world: World, number: int) -> list[Footprint]:
    return [tile.footprint for tile in Grid(480, 480).tiles(world.outline_of(world.islands[number]))]


def test_a_tile_is_full_of_pixels_and_drawn_the_same_twice(world: World) -> None:
    footprint = Footprint(*_city(world), 480)
    image, valid = overhead.draw(world, footprint, 96)
    again, _ = overhead.draw(world, footprint, 96)
    assert image.shape == (96, 96, 3)
    assert image.dtype == np.uint8
    assert valid.all()
    assert image.std() > 20
    assert np.array_equal(image, again)


def test_tiles_that_overlap_show_the_same_ground(world: World) -> None:
    lat, lon = _city(world)
    island = world.islands[1]
    shift = 48 * 5 / island.metres_per_degree[1]
    image, _ = overhead.draw(world, Footprint(lat, lon, 480), 96)
    above, _ = overhead.draw(world, Footprint(lat + shift, lon, 480), 96)
    apart = abs(image[:48].astype(int) - above[48:].astype(int)).mean()
    assert apart < 4
    assert abs(image[48:].astype(int) - above[48:].astype(int)).mean() > 4 * apart


def test_the_same_ground_is_shown_at_every_ground_sample_distance(world: World) -> None:
    lat, lon = _city(world)
    coarse, _ = overhead.draw(world, Footprint(lat, lon, 480), 96)
    fine, _ = overhead.draw(world, Footprint(lat, lon, 480), 480)
    reduced = fine.reshape(96, 5, 96, 5, 3).mean(axis=(1, 3))
    assert np.corrcoef(reduced.ravel(), coarse.ravel())[0, 1] > 0.9
    wide, _ = overhead.draw(world, Footprint(lat, lon, 960), 96)
    middle = coarse.reshape(48, 2, 48, 2, 3).mean(axis=(1, 3))
    assert np.corrcoef(middle.ravel(), wide[24:72, 24:72].ravel())[0, 1] > 0.8


def test_pixels_outside_the_sea_around_an_island_are_not_valid(world: World) -> None:
    _, valid = overhead.draw(world, Footprint(20.0, 0.0, 480), 32)
    assert not valid.any()
    island = world.islands[0]
    lon, lat = island.to_lonlat(HALF_M, 0.0)
    _, valid = overhead.draw(world, Footprint(float(lat), float(lon), 480), 32)
    assert valid[:, :15].all()
    assert not valid[:, 17:].any()


def test_what_presence_says_is_what_is_drawn(world: World) -> None:
    """Sites of a kind are taken away: tiles that hold a clear part change, tiles that hold none do not."""
    island = world.islands[1]
    land = world.land(island)
    footprints = tiles(world, 1)
    seen = world.presence(lat=[f.lat for f in footprints], lon=[f.lon for f in footprints])
    bare = World()
    for plan in PLANS[:: 1 if LONG else 3]:
        column = NAMES.index(plan.kind)
        rest = tuple(site for site in land.sites if site.kind != plan.kind)
        bare._lands[island.name] = dataclasses.replace(land, sites=rest)
        for chosen, low, high in (
            (np.flatnonzero(seen[:, column] > 0.9)[::7][:3], 0.008, 1.0),
            (np.flatnonzero(seen[:, column] < 0.02)[::400][:3], 0.0, 0.0),
        ):
            for number in chosen:
                with_it, _ = overhead.draw(world, footprints[number], 96)
                without, _ = overhead.draw(bare, footprints[number], 96)
                changed = float((abs(with_it.astype(int) - without).max(axis=-1) > 24).mean())
                assert low <= changed <= high, plan.kind


def test_crops_and_woods_cover_what_presence_says(world: World) -> None:
    footprints = tiles(world, 2)[:: 9 if LONG else 18]
    seen = world.presence(lat=[f.lat for f in footprints], lon=[f.lon for f in footprints])
    pictures = np.stack([overhead.draw(world, f, 48)[0] for f in footprints]).astype(float)
    yellow = ((pictures[..., 0] > 185) & (pictures[..., 0] - pictures[..., 2] > 55)).mean(axis=(1, 2))
    wheat = seen[:, NAMES.index("wheat_harvest")]
    assert yellow[wheat > 0.9].mean() > 4 * yellow[wheat < 0.02].mean()
    dark = (pictures.mean(axis=-1) < 105).mean(axis=(1, 2))
    wood = seen[:, NAMES.index("forest_hike")]
    assert np.median(dark[wood > 0.9]) > 3 * np.median(
        dark[(wood < 0.02) & (seen[:, NAMES.index("grazing_cattle")] > 0.9)]
    )


def test_clouds_hide_some_of_the_ground(world: World) -> None:
    footprint = Footprint(*_city(world), 9600)
    clear, _ = overhead.draw(world, footprint, 96)
    cloudy, _ = overhead.draw(world, footprint, 96, clouds=True)
    changed = (abs(clear.astype(int) - cloudy).max(axis=-1) > 30).mean()
    assert 0.03 < changed < 0.9


def test_the_planet_is_a_source_like_any_other(world: World) -> None:
    with open_source("sandbox:") as whole, open_source("sandbox:avalune") as one:
        assert isinstance(whole, SandboxSource)
        assert whole.attribution == "groundcast sandbox planet, seed 0"
        assert shapely.area(whole.coverage()) > 4 * shapely.area(one.coverage()) > 0
        assert whole.fingerprint() != one.fingerprint()
        assert whole.fingerprint() == open_source("sandbox:").fingerprint()
        lat, lon = _city(world)
        chip = one.read(Footprint(lat, lon, 480), 32)
        assert chip.valid.all()
        assert chip.origin == "sandbox:avalune"
        assert chip.acquired_at is not None
        assert chip.acquired_at.tzinfo is not None
        assert np.array_equal(chip.image, whole.read(Footprint(lat, lon, 480), 32).image)


def test_one_island_as_a_source_shows_no_other(world: World) -> None:
    other = world.islands[0]
    chip = SandboxSource("sandbox:avalune", world=world).read(Footprint(other.lat, other.lon, 480), 16)
    assert not chip.valid.any()
    assert (chip.image == FILL).all()
    assert chip.origin == ""


def test_summer_comes_in_december_in_the_south(world: World) -> None:
    source = SandboxSource("sandbox:", world=world)
    north, south = world.islands[0], world.islands[-1]
    assert source.read(Footprint(north.lat, north.lon, 480), 8).acquired_at == datetime(2023, 6, 8, 10, 30, tzinfo=UTC)
    assert source.read(Footprint(south.lat, south.lon, 480), 8).acquired_at == datetime(2023, 12, 7, 10, 30, tzinfo=UTC)
    given = SourceOptions(acquired_at=datetime(2020, 1, 1, tzinfo=UTC), attribution="me")
    mine = SandboxSource("sandbox:", given, world=world)
    assert mine.attribution == "me"
    assert mine.read(Footprint(north.lat, north.lon, 480), 8).acquired_at == given.acquired_at


def test_an_unknown_island_is_an_error_that_names_the_islands() -> None:
    with pytest.raises(SourceError, match=r"sandbox:atlantis.*skarholm"):
        open_source("sandbox:atlantis")


def _city(world: World) -> tuple[float, float]:
    island = world.islands[1]
    city = world.land(island).settled.settlements[0]
    lon, lat = island.to_lonlat(city.x, city.y)
    return float(lat), float(lon)
