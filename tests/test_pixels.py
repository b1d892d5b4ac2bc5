"""Which tile a pixel shows, against the rule said for one tile after another."""

import numpy as np
import pytest
from pyproj import Proj
from shapely import box

from ingest.geo.footprints import Places, Squares
from ingest.geo.geometry import Footprint
from ingest.geo.grid import Grid
from search_ui.maps.pixels import Canvas, Resampler, canvas_of


def scattered(lat: float, lon: float, spread: float, count: int = 50) -> Places:
    """Tiles of three sizes that overlap and leave gaps."""
    random = np.random.default_rng(0)
    wide = spread / np.cos(np.radians(min(abs(lat), 89.999)))
    return Places(
        np.clip(lat + random.uniform(-spread, spread, count), -89.9999, 89.9999),
        (lon + random.uniform(-wide, wide, count) + 180) % 360 - 180,
        random.choice([60.0, 480.0, 900.0], count),
    )


def by_the_rule(canvas: Canvas, places: Places) -> np.ndarray:
    """Tile after tile, with the exact projection of each."""
    columns, rows = np.meshgrid(np.arange(canvas.width) + 0.5, np.arange(canvas.height) + 0.5)
    lon, lat = canvas.to_lonlat(columns, rows)
    nearest, owner = np.full(lon.shape, np.inf), np.full(lon.shape, -1)
    for row in range(len(places.lat)):
        one = Footprint(lat=float(places.lat[row]), lon=float(places.lon[row]), size_m=float(places.size_m[row]))
        x, y = Proj(proj="laea", lat_0=one.lat, lon_0=0, datum="WGS84")((lon - one.lon + 180) % 360 - 180, lat)
        away = np.where(one.contains(lat=lat, lon=lon), x**2 + y**2, np.inf)
        owner[away < nearest] = row
        nearest = np.minimum(nearest, away)
    return owner


@pytest.mark.parametrize(
    ("lat", "lon", "local"),
    [(27.6, 85.5, False), (0.0, 0.0, False), (-17.0, 180.0, True), (89.99, 30.0, True), (-86.0, -90.0, True)],
    ids=["inland", "equator", "antimeridian", "pole", "far south"],
)
def test_a_pixel_takes_the_nearest_of_the_tiles_that_hold_its_centre(lat, lon, local) -> None:
    places = scattered(lat, lon, 0.015)
    canvas = canvas_of(places, longest_px=200, margin=0.03)
    owners = Resampler(canvas, Squares.of(places)).whole()
    assert (canvas.centre is not None) == local
    assert np.array_equal(owners, by_the_rule(canvas, places))
    assert (owners >= 0).any()
    assert (owners == -1).any()


def test_strips_are_the_whole_in_pieces() -> None:
    places = scattered(10, 20, 0.02)
    resampler = Resampler(canvas_of(places, longest_px=150), Squares.of(places))
    strips = [resampler.strip(start, min(start + 32, resampler.canvas.height)) for start in range(0, 150, 32)]
    assert np.array_equal(np.concatenate([strip for strip in strips if len(strip)]), resampler.whole())


def test_a_grid_of_tiles_leaves_no_gap_inside() -> None:
    tiles = list(Grid(size_m=480, stride_m=480).tiles(box(85.5, 27.5, 85.6, 27.6)))
    places = Places(*(np.array(column) for column in zip(*((t.lat, t.lon, 480.0) for t in tiles), strict=True)))
    canvas = canvas_of(places, pixel_m=60)
    owners = Resampler(canvas, Squares.of(places)).whole()
    columns, rows = canvas.to_pixels(lat=[27.51, 27.59], lon=[85.51, 85.59])
    inside = owners[int(rows[1]) : int(rows[0]), int(columns[0]) : int(columns[1])]
    assert (inside >= 0).all()
    assert len(np.unique(owners)) == len(tiles) + 1


def test_overlapping_tiles_share_the_ground_by_their_centres() -> None:
    places = Places(np.array([0.0, 0.0]), np.array([0.0, 0.002]), np.array([480.0, 480.0]))
    canvas = canvas_of(places, pixel_m=10)
    owners = Resampler(canvas, Squares.of(places)).whole()
    middle = owners[canvas.height // 2]
    change = np.flatnonzero(np.diff(middle))
    longitudes = [float(canvas.to_lonlat(column + 1, 0)[0]) for column in change]
    assert any(abs(lon - 0.001) < 1e-4 for lon in longitudes)


def test_one_tile_makes_a_canvas_of_its_size() -> None:
    canvas = canvas_of(Places(np.array([45.0]), np.array([7.0]), np.array([480.0])), pixel_m=120)
    assert 4 <= canvas.width <= 6
    assert 4 <= canvas.height <= 6


def test_tiles_all_over_the_world_are_drawn_in_degrees_on_both_sides_of_the_antimeridian() -> None:
    lon = np.array([-180.0, -60.0, 60.0, 179.9])
    places = Places(np.zeros(4), lon, np.full(4, 400_000.0))
    canvas = canvas_of(places, longest_px=360)
    owners = Resampler(canvas, Squares.of(places)).whole()
    assert (canvas.left, canvas.centre) == (-180.0, None)
    row = owners[canvas.height // 2]
    assert row[0] == 0
    assert row[-1] in (0, 3)


def test_pixels_grow_until_they_are_few_enough() -> None:
    places = scattered(10, 20, 2)
    canvas = canvas_of(places, pixel_m=1, max_pixels=10_000)
    assert canvas.width * canvas.height <= 11_000


def test_the_same_places_get_the_same_pixels_whatever_else_is_on_the_map() -> None:
    few = Places(np.array([0.01]), np.array([0.01]), np.array([480.0]))
    more = Places(np.array([0.01, 0.05]), np.array([0.01, -0.03]), np.array([480.0, 480.0]))
    one, other = canvas_of(few, pixel_m=100), canvas_of(more, pixel_m=100)
    assert (one.left - other.left) / one.dx == pytest.approx(round((one.left - other.left) / one.dx), abs=0.01)
