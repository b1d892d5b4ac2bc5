"""The grid: no gaps, stable ids, areas, poles and ±180°."""

import numpy as np
import pytest
import shapely

from ingest.geo.geometry import box, disc
from ingest.geo.grid import Grid, gsd_warning
from trainer.errors import UsageError

GRIDS = [(60, 60), (480, 480), (480, 240), (480, 479.9), (5_000, 5_000), (25_000, 20_000), (500e3, 500e3), (2e6, 2e6)]


GOLDEN_60 = "g60-s60-r0219201-c0436753"
GOLDEN_60_PLACE = (27.633132390032742, 85.52158200486355)
GOLDEN_500K = "g500000-s500000-r0000035-c0000000"
GOLDEN_HALF = "g0.5-s0.25-r25466227-c74014947"


def places_anywhere(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Latitudes and longitudes all over the Earth, many of them beside the poles and ±180°."""
    rng = np.random.default_rng(7)
    lat = np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    lon = rng.uniform(-180, 180, n)
    k = n // 8
    near = 10 ** rng.uniform(-7, 1, k)
    lat[:k], lat[k : 2 * k] = 90 - near, -90 + near
    lon[-k:] = np.where(rng.random(k) < 0.5, 1, -1) * (180 - 10 ** rng.uniform(-9, 0, k))
    lat[:4], lon[:4] = [90, -90, 0, 0], [0, 50, -180, 180]
    return lat, lon


@pytest.mark.parametrize(("size_m", "stride_m"), GRIDS)
def test_every_place_on_earth_lies_in_the_tile_of_its_cell(size_m: float, stride_m: float) -> None:
    grid = Grid(size_m, stride_m)
    for lat, lon in zip(*places_anywhere(1200), strict=True):
        tile = grid.tile_at(lat=float(lat), lon=float(lon))
        assert bool(tile.footprint.contains(lat=lat, lon=lon)), (lat, lon, tile)


@pytest.mark.parametrize(("size_m", "stride_m"), GRIDS)
def test_an_id_gives_back_its_tile(size_m: float, stride_m: float) -> None:
    grid = Grid(size_m, stride_m)
    for lat, lon in zip(*places_anywhere(60), strict=True):
        tile = grid.tile_at(lat=float(lat), lon=float(lon))
        assert grid.tile(tile.id) == tile


def test_ids_and_places_never_change() -> None:
    tile = Grid(60, 60).tile_at(lat=27.633, lon=85.5217)
    assert tile.id == GOLDEN_60
    assert (tile.lat, tile.lon) == pytest.approx(GOLDEN_60_PLACE, abs=1e-12)
    assert Grid(500_000, 500_000).tile_at(lat=60, lon=-179.9).id == GOLDEN_500K
    assert Grid(0.5, 0.25).tile_at(lat=-33, lon=18).id == GOLDEN_HALF


def test_a_fine_grid_wastes_hardly_any_tile() -> None:
    grid = Grid(480, 480)
    area = box(10, 50, 10.2, 50.2)
    ideal = 14_330 * 22_250 / 480**2
    assert ideal < grid.count(area) < 1.1 * ideal


def test_the_tiles_of_an_area_are_exactly_those_that_touch_it() -> None:
    grid = Grid(480, 480)
    area = disc(lat=52.0, lon=4.0, radius_m=4_000)
    ids = [tile.id for tile in grid.tiles(area)]
    around = list(grid.tiles(box(3.9, 51.93, 4.1, 52.07)))
    assert ids == [tile.id for tile in around if tile.footprint.polygon.intersects(area)]
    assert len(set(ids)) == len(ids) == grid.count(area)
    assert ids == sorted(ids)


def test_a_point_is_found_in_every_tile_over_it() -> None:
    grid = Grid(480, 240)
    found = list(grid.tiles(shapely.Point(4.0, 52.0)))
    assert 4 <= len(found) <= 9
    assert all(bool(tile.footprint.contains(lat=52.0, lon=4.0)) for tile in found)


def test_a_box_across_the_antimeridian_is_one_area_without_doubles() -> None:
    grid = Grid(5_000, 5_000)
    crossing = [tile.id for tile in grid.tiles(box(179.5, -0.5, -179.5, 0.5))]
    shifted = grid.count(box(-0.5, -0.5, 0.5, 0.5))
    assert len(set(crossing)) == len(crossing)
    assert abs(len(crossing) - shifted) <= 2 * 27  # columns lie differently, by one on each side
    lons = {round(tile.lon) for tile in grid.tiles(box(179.5, -0.5, -179.5, 0.5))}
    assert lons == {-180, 180} | ({-179} & lons) | ({179} & lons)


def test_a_tile_across_the_antimeridian_is_found_from_either_side() -> None:
    grid = Grid(500_000, 450_000)
    edge = grid.tile_at(lat=20, lon=179.99)
    assert edge.footprint.bbox[0] > edge.footprint.bbox[2]
    west_of_it, east_of_it = box(179.5, 19.9, 179.9, 20.1), box(-179.9, 19.9, -179.85, 20.1)
    assert edge.id in {tile.id for tile in grid.tiles(west_of_it)}
    assert edge.id in {tile.id for tile in grid.tiles(east_of_it)}


def test_a_pole_is_covered_from_all_sides() -> None:
    grid = Grid(480, 480)
    tiles = list(grid.tiles(disc(lat=90, lon=0, radius_m=1_000)))
    assert 18 <= len(tiles) <= 300  # columns stand closer there, so that squares leave no gap
    assert any(bool(tile.footprint.contains(lat=90, lon=0)) for tile in tiles)


def test_the_whole_earth_is_covered_exactly_once_by_cells() -> None:
    grid = Grid(500_000, 500_000)
    assert grid.count(box(-180, -90, 180, 90)) == sum(grid.n_columns(row) for row in range(grid.n_rows))


def test_an_empty_area_has_no_tiles() -> None:
    assert list(Grid(480, 480).tiles(shapely.Polygon())) == []


def test_a_million_tiles_come_lazily() -> None:
    tiles = Grid(60, 60).tiles(box(-5, -60, 5, 60))
    assert next(tiles).lat < -59.9


@pytest.mark.parametrize(("size_m", "stride_m"), [(0, 0), (-5, -5), (60, 61), (float("nan"), 60), (3e6, 3e6), (60, 0)])
def test_a_grid_that_makes_no_sense_is_refused(size_m: float, stride_m: float) -> None:
    with pytest.raises(UsageError):
        Grid(size_m, stride_m)


@pytest.mark.parametrize(
    "tile_id",
    [
        "nonsense",
        "g60-s60-r0000001-c0000001",
        "g480-s480-r9999999-c0000000",
        "g480-s480-r1-c1",
        "g480.0-s480-r0000001-c0000001",
    ],
)
def test_an_id_of_another_grid_is_an_error(tile_id: str) -> None:
    with pytest.raises(UsageError, match="tile id"):
        Grid(480, 480).tile(tile_id)


def test_imagery_far_from_the_training_imagery_is_warned_of() -> None:
    def warn(source: float, tile: float, trained: float | None) -> str | None:
        trained_tile = None if trained is None else 480.0
        return gsd_warning(
            source_gsd_m=source, tile_size_m=tile, input_px=224, trained_gsd_m=trained, trained_tile_size_m=trained_tile
        )

    assert warn(0.6, 480, 0.6) is None  # as trained
    assert warn(0.1, 480, 0.6) is None  # finer pixels, but the model sees the same
    assert "5 m" in (warn(5.0, 480, 0.6) or "")
    assert "480 m" in (warn(0.13, 60, 0.6) or "")
    assert warn(0.13, 60, None) is None
    assert "pixels across" in (warn(30.0, 480, None) or "")


def test_cells_of_many_places_are_those_of_each() -> None:
    random = np.random.default_rng(0)
    lat, lon = random.uniform(-90, 90, 500), random.uniform(-180, 180, 500)
    lat[:3], lon[:3] = (90, -90, 0), (180, -180, 179.9999999)
    grid = Grid(480, 480)
    rows, columns = grid.cells_at(lat=lat, lon=lon)
    for y, x, row, column in zip(lat.tolist(), lon.tolist(), rows.tolist(), columns.tolist(), strict=True):
        assert grid.tile_at(lat=y, lon=x).id.endswith(f"r{row:07d}-c{column:07d}")
