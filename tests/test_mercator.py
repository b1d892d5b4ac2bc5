"""Web Mercator: tiles beside rasterio's own projection, canvases, squares over them."""

import numpy as np
import pytest
from rasterio.warp import transform, transform_bounds

from ingest.geo.footprints import Places, Squares
from ingest.geo.geometry import Footprint
from search_ui.maps.mercator import EQUATOR_M, canvas_over, square_over, tile_canvas, touching
from search_ui.maps.pixels import Resampler
from trainer.errors import UsageError


@pytest.mark.parametrize(("z", "x", "y"), [(0, 0, 0), (5, 3, 11), (14, 9000, 6500), (19, 260_000, 170_000)])
def test_a_tile_lies_where_everybody_elses_does(z, x, y) -> None:
    west, south, east, north = tile_canvas(z, x, y).bounds
    left, bottom, right, top = transform_bounds("EPSG:4326", "EPSG:3857", west, south, east, north)
    side = EQUATOR_M / 2**z
    assert (left, top) == pytest.approx((x * side - EQUATOR_M / 2, EQUATOR_M / 2 - y * side), abs=1e-3)
    assert (right - left, top - bottom) == pytest.approx((side, side), abs=1e-3)


def test_a_tile_that_does_not_exist_is_refused() -> None:
    for tile in ((3, 8, 0), (3, 0, 8), (3, -1, 0), (23, 0, 0)):
        with pytest.raises(UsageError, match="zoom goes from 0 to 22"):
            tile_canvas(*tile)


@pytest.mark.parametrize("middle", [(43.0, -165.0), (-60.0, 20.0), (0.0, 180.0)])
def test_a_pixel_shows_the_tile_whose_footprint_holds_its_middle(middle) -> None:
    step = 480 / 111_000
    rows, columns = np.mgrid[0:12, 0:12]
    lat = middle[0] + (rows.ravel() - 6) * step
    lon = middle[1] + (columns.ravel() - 6) * step / np.cos(np.radians(middle[0]))
    places = Places(lat, (lon + 180) % 360 - 180, np.full(144, 480.0))
    canvas = canvas_over(places, longest_px=150)
    owner = Resampler(canvas, Squares.of(places)).whole()
    pixels = np.random.default_rng(0).integers(0, (canvas.height, canvas.width), (200, 2))
    for row, column in pixels.tolist():
        lon_, lat_ = canvas.to_lonlat(column + 0.5, row + 0.5)
        shown = owner[row, column]
        holding = [i for i in range(144) if Footprint(lat[i], places.lon[i], 480.0).contains(lat=lat_, lon=lon_)]
        assert (shown in holding) if holding else shown == -1
    assert canvas.bounds[2] - canvas.bounds[0] < 1  # not the whole way round


def test_only_tiles_that_may_touch_a_canvas_are_looked_at() -> None:
    places = Places(np.array([43.0, 43.0, 43.0]), np.array([-165.0, -164.9, 15.0]), np.full(3, 480.0))
    canvas = canvas_over(Places(places.lat[:1], places.lon[:1], places.size_m[:1]), longest_px=64)
    assert touching(canvas, places).tolist() == [0]


def test_the_square_over_a_tile_holds_it_and_says_where_its_pixels_are() -> None:
    canvas = tile_canvas(13, 345, 3008)
    square, x, y = square_over(canvas)
    lon, lat = canvas.to_lonlat(np.array([0.5, 255.5]), np.array([0.5, 255.5]))
    east, north = transform("EPSG:4326", square.crs, lon.tolist(), lat.tolist())
    assert (x[0, 0], x[255, 255]) == pytest.approx(tuple(east), abs=0.01)
    assert (y[0, 0], y[255, 255]) == pytest.approx(tuple(north), abs=0.01)
    assert max(np.abs(x).max(), np.abs(y).max()) < square.size_m / 2
