"""Footprints, areas, ±180° and the poles."""

import math

import numpy as np
import pytest
import shapely
from pyproj import Geod, Transformer
from shapely.geometry import Point

from ingest.geo.footprints import Places, Squares
from ingest.geo.geometry import Footprint, box, buffer_m, disc, distance_m, split_antimeridian
from trainer.errors import AreaError

GEOD = Geod(ellps="WGS84")


@pytest.mark.parametrize("lat", [-89.99, -60.0, 0.0, 27.6, 75.0, 89.9])
@pytest.mark.parametrize("size_m", [60.0, 5_000.0, 500_000.0])
def test_a_footprint_has_the_area_of_its_square(lat: float, size_m: float) -> None:
    polygon = Footprint(lat, 179.99, size_m).polygon
    area = sum(abs(GEOD.geometry_area_perimeter(shapely.segmentize(p, 0.05))[0]) for p in shapely.get_parts(polygon))
    if abs(lat) < 89:  # along a parallel at the pole, straight lines in degrees are no geodesics
        assert area == pytest.approx(size_m**2, rel=0.01)
    assert polygon.is_valid


def test_a_footprint_agrees_with_proj() -> None:
    footprint = Footprint(47.0, -99.0, 1000.0)
    transformer = Transformer.from_crs(footprint.crs, "EPSG:4326", always_xy=True)
    assert np.allclose(footprint.to_lonlat([500, -500], [500, 0]), transformer.transform([500, -500], [500, 0]))


def test_a_footprint_across_the_antimeridian_has_two_parts_and_west_above_east() -> None:
    footprint = Footprint(10.0, 179.999, 1000.0)
    west, south, east, north = footprint.bbox
    assert footprint.polygon.geom_type == "MultiPolygon"
    assert west > 179.99 and -180 < east < -179.99 and south < 10 < north
    assert footprint.polygon.contains(Point(-179.999, 10.0)) and footprint.polygon.contains(Point(179.9985, 10.0))
    assert not footprint.polygon.contains(Point(0, 10.0))


def test_the_bounds_of_a_footprint_are_those_of_its_outline() -> None:
    rng = np.random.default_rng(0)
    for lat, lon, size_m in zip(
        rng.uniform(-89, 89, 200), rng.uniform(-170, 170, 200), 10 ** rng.uniform(0, 5.5, 200), strict=True
    ):
        footprint = Footprint(float(lat), float(lon), float(size_m))
        if footprint.polygon.geom_type == "Polygon":
            assert footprint.bbox == pytest.approx(footprint.polygon.bounds, abs=1e-9)


@pytest.mark.parametrize("lat", [90.0, 89.999, -89.999])
def test_a_footprint_over_a_pole_holds_the_pole_from_every_side(lat: float) -> None:
    footprint = Footprint(lat, 30.0, 5000.0)
    pole = math.copysign(90, lat)
    for lon in (-179.9, -90.0, 0.0, 30.0, 120.0, 179.9):
        assert footprint.polygon.contains(Point(lon, pole - math.copysign(0.001, lat)))
        assert bool(footprint.contains(lat=pole, lon=lon))
    assert footprint.bbox[0] == -180 and footprint.bbox[2] == 180


def test_polygon_and_contains_agree_on_random_points() -> None:
    rng = np.random.default_rng(1)
    for lat, lon, size_m in ((89.5, 10, 90e3), (60, 179.9, 400e3), (-85, -179, 900e3), (0, 0, 2e6), (-89.9, 5, 30e3)):
        footprint = Footprint(lat, lon, size_m)
        x, y = rng.uniform(-size_m, size_m, (2, 500))
        keep = (np.abs(np.abs(x) - size_m / 2) > size_m / 500) & (np.abs(np.abs(y) - size_m / 2) > size_m / 500)
        lons, lats = footprint.to_lonlat(x[keep], y[keep])
        inside = shapely.contains_xy(footprint.polygon, lons, lats)
        assert np.array_equal(inside, footprint.contains(lat=lats, lon=lons))


def test_a_box_may_cross_the_antimeridian() -> None:
    crossing = box(170, -10, -170, 10)
    assert crossing.area == pytest.approx(400)
    assert crossing.contains(Point(175, 0)) and crossing.contains(Point(-175, 0)) and not crossing.contains(Point(0, 0))


@pytest.mark.parametrize(
    ("sides", "word"),
    [
        ((0, 10, 20, 10), "empty"),
        ((5, 0, 5, 10), "empty"),
        ((0, -100, 10, 0), "swapped"),
        ((-190, 0, 10, 10), "-180 to 180"),
        ((math.nan, 0, 10, 10), "number"),
    ],
)
def test_a_box_that_makes_no_sense_is_an_error_that_says_why(sides: tuple[float, ...], word: str) -> None:
    with pytest.raises(AreaError, match=word):
        box(*sides)


@pytest.mark.parametrize(
    ("lat", "lon", "radius_m"), [(10, 20, 5e3), (60, 179.9, 50e3), (89.9, 0, 100e3), (-80, 5, 3e6)]
)
def test_a_disc_is_all_points_within_its_radius(lat: float, lon: float, radius_m: float) -> None:
    shape = disc(lat=lat, lon=lon, radius_m=radius_m)
    rng = np.random.default_rng(2)
    lons, lats, _ = GEOD.fwd(
        *(np.full(400, v) for v in (lon, lat)), rng.uniform(0, 360, 400), radius_m * rng.uniform(0, 0.995, 400)
    )
    assert shapely.intersects_xy(shape, lons, lats).all()
    lons, lats, _ = GEOD.fwd(
        *(np.full(400, v) for v in (lon, lat)), rng.uniform(0, 360, 400), radius_m * rng.uniform(1.02, 1.5, 400)
    )
    assert not shapely.intersects_xy(shape, lons, lats).any()


def test_footprints_of_many_tiles_are_those_of_each() -> None:
    rng = np.random.default_rng(0)
    lats = np.concatenate([rng.uniform(-90, 90, 200), np.repeat([27.6, 89.9999, -89.998, 0], 25), [90, -90]])
    lons = np.concatenate([rng.uniform(-180, 180, 300), [0, 0]])
    sizes = rng.choice([10.0, 480.0, 5000.0], len(lats))
    for found, *at in zip(Squares.of(Places(lats, lons, sizes)).polygons(), lats, lons, sizes, strict=True):
        lat, lon, size_m = map(float, at)
        assert shapely.equals_exact(found, Footprint(lat=lat, lon=lon, size_m=size_m).polygon, 1e-12)


def test_a_disc_without_sense_is_an_error() -> None:
    with pytest.raises(AreaError, match="radius"):
        disc(lat=0, lon=0, radius_m=-1)
    with pytest.raises(AreaError, match="latitude"):
        disc(lat=95, lon=0, radius_m=10)


def test_splitting_moves_what_runs_over_the_antimeridian_to_the_other_side() -> None:
    parts = split_antimeridian(shapely.box(170, 0, 190, 10))
    assert parts.bounds == (-180, 0, 180, 10) and parts.area == pytest.approx(200)
    with pytest.raises(AreaError):
        split_antimeridian(shapely.box(0, 0, 1000, 10))


@pytest.mark.parametrize(("lat", "lon"), [(0.0, 0.0), (60.0, 179.99), (-75.0, -179.99), (89.7, 40.0), (-89.99, 3.0)])
def test_a_widened_area_holds_everything_within_the_distance(lat: float, lon: float) -> None:
    area = disc(lat=lat, lon=lon, radius_m=5_000)
    wide = buffer_m(area, 3_000)
    rng = np.random.default_rng(3)
    lons, lats, _ = GEOD.fwd(
        *(np.full(500, v) for v in (lon, lat)), rng.uniform(0, 360, 500), rng.uniform(0, 7_995, 500)
    )
    assert shapely.intersects_xy(wide, lons, lats).all()
    assert wide.bounds[0] >= -180 and wide.bounds[2] <= 180
    if abs(lat) < 89:
        assert wide.area < 6 * area.area


def test_distances_are_geodesic_and_short_across_the_antimeridian() -> None:
    assert distance_m(lat=0, lon=179.5, lats=[0.0], lons=[-179.5])[0] == pytest.approx(111_319.5, abs=1)
