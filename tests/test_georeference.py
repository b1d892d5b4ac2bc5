"""Rasters placed in unusual ways: by control points, RPC, a .prj file; discs and maps of the world."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from make_data import expected_pattern, pattern_raster, place_pattern, raster_lonlat, transform_around, write_raster
from PIL import Image
from pyproj import CRS, Transformer
from rasterio.control import GroundControlPoint
from rasterio.errors import NotGeoreferencedWarning
from rasterio.rpc import RPC

from ingest.geo.geometry import Footprint
from ingest.opening import open_source
from ingest.sources.source import Chip
from trainer.errors import SourceError

LAT, LON, SIDE = 10.0, 20.0, 300
HERE = Footprint(LAT, LON, 120.0)
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def off(chip: Chip, footprint: Footprint) -> float:
    expected = expected_pattern(footprint, chip.image.shape[0], wave_m=100)
    return float(np.abs(chip.image.astype(int) - expected)[chip.valid].mean())


def pattern(transform: Affine, crs: str) -> np.ndarray:
    return place_pattern(*raster_lonlat(transform, crs, SIDE, SIDE), wave_m=100)


def turned(degrees: float) -> Affine:
    upright = transform_around("EPSG:32634", lat=LAT, lon=LON, width=SIDE, height=SIDE, pixel=1.0)
    middle = Affine.translation(SIDE / 2, SIDE / 2)
    return upright * middle * Affine.rotation(degrees) * ~middle


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("degrees", [0, 25])
def test_an_image_with_ground_control_points_is_laid_out(tmp_path: Path, degrees: float, dtype: str) -> None:
    transform = turned(degrees)
    corners = [(0, 0), (SIDE, 0), (0, SIDE), (SIDE, SIDE), (SIDE / 2, SIDE / 3)]
    points = [GroundControlPoint(row, column, *(transform * (column, row))) for column, row in corners]
    data = pattern(transform, "EPSG:32634")
    path = write_raster(tmp_path / "a.tif", data.astype(dtype), None, "EPSG:32634", gcps=points, photometric="RGB")
    options = {} if dtype == "uint8" else {"scale": (0.0, 255.0)}
    from ingest.sources.source import SourceOptions

    with open_source(str(path), SourceOptions(**options)) as source:  # type: ignore[arg-type]
        chip = source.read(HERE, 60)
        assert chip.valid.all() and off(chip, HERE) < 8 and source.gsd_m == pytest.approx(1, abs=0.02)
        beyond = source.read(Footprint(LAT, LON, 600.0), 60).valid
        assert beyond.mean() == pytest.approx(0.25, abs=0.05)  # what the image does not reach is no imagery


def rpc(height_share: float) -> RPC:
    """A camera above the north-west corner that shifts by `height_share` of its side for 500 m of height."""
    zero = [0.0] * 20
    one = [1.0, *zero[1:]]
    samples, lines = [0.0, 1.0, 0.0, height_share, *zero[4:]], [0.0, 0.0, -1.0, *zero[3:]]
    return RPC(
        height_off=1500.0, height_scale=500.0, lat_off=LAT, lat_scale=150 / 110_600, long_off=LON,
        long_scale=150 / 109_640, line_off=SIDE / 2, line_scale=SIDE / 2, samp_off=SIDE / 2, samp_scale=SIDE / 2,
        line_num_coeff=lines, line_den_coeff=one, samp_num_coeff=samples, samp_den_coeff=one,
        err_bias=None, err_rand=None,
    )  # fmt: skip


@pytest.mark.parametrize("height_share", [0.0, 0.3])
def test_an_image_with_rpc_lies_on_the_plane_that_they_were_fitted_around(
    tmp_path: Path, height_share: float, caplog: pytest.LogCaptureFixture
) -> None:
    transform = Affine(
        2 * 150 / 109_640 / SIDE, 0, LON - 150 / 109_640, 0, -2 * 150 / 110_600 / SIDE, LAT + 150 / 110_600
    )
    path = write_raster(tmp_path / "a.tif", pattern(transform, "EPSG:4326"), None, None, rpcs=rpc(height_share))
    with open_source(str(path)) as source:
        chip = source.read(HERE, 60)
        assert chip.valid.all() and off(chip, HERE) < 8
        assert "a plane 1500 m above the ellipsoid" in source.notes[0].message
    assert "a plane 1500 m above the ellipsoid" in caplog.text


def test_colours_of_a_palette_are_not_mixed_where_an_image_is_laid_out(tmp_path: Path) -> None:
    turned = transform_around("EPSG:32634", lat=LAT, lon=LON, width=40, height=40, pixel=2.0) * Affine.rotation(30)
    corners = [GroundControlPoint(r, c, *(turned * (c, r))) for r in (0, 40) for c in (0, 40)]
    profile = {"driver": "GTiff", "width": 40, "height": 40, "count": 1, "dtype": "uint8"}
    with rasterio.open(tmp_path / "a.tif", "w", **profile) as file:
        file.write_colormap(1, {i: (255, 0, 0) if i in (0, 200) else (0, 255, 0) for i in range(256)})
        file.write((np.indices((1, 40, 40)).sum(0) % 2 * 200).astype(np.uint8))
        file.gcps = (corners, rasterio.crs.CRS.from_epsg(32634))
    with open_source(str(tmp_path / "a.tif")) as source:
        place = source.coverage().representative_point()
        assert (source.read(Footprint(place.y, place.x, 20.0), 30).image == (255, 0, 0)).all()


def test_an_image_of_a_datum_that_leads_nowhere_says_so_once(tmp_path: Path) -> None:
    where = Affine(1, 0, 500_000, 0, -1, 3_800_000)
    for name, crs in (("a", "EPSG:2383"), ("b", "EPSG:2383"), ("c", "EPSG:30174")):  # Xian 1980, twice, and Tokyo
        write_raster(tmp_path / f"{name}.tif", np.ones((3, 20, 20), np.uint8), where, crs)
        where *= Affine.translation(30, 0)
    with open_source(str(tmp_path)) as source:
        (note,) = source.notes
    assert note.reason == "datum" and "a.tif and 1 more files: no way from its datum, Xian 1980," in note.message


def test_control_points_on_a_line_are_an_error_of_that_file(tmp_path: Path) -> None:
    points = [GroundControlPoint(0, i, 500_000.0 + i, 1_000_000.0) for i in (0, 50, 100)]
    data = np.ones((1, 100, 100), np.uint8)
    write_raster(tmp_path / "a.tif", data, None, "EPSG:32634", gcps=points)
    pattern_raster(tmp_path / "b.tif", size=20)
    with open_source(str(tmp_path)) as source:
        assert [problem.reason for problem in source.problems] == ["bad_georeference"]


@pytest.mark.parametrize("suffix", [".prj", ".PRJ"])
@pytest.mark.parametrize("dialect", ["WKT1_ESRI", "WKT2_2019"])
def test_a_world_file_and_a_prj_file_place_a_raster(tmp_path: Path, suffix: str, dialect: str) -> None:
    transform = turned(0)
    path = write_raster(tmp_path / "a.tif", pattern(transform, "EPSG:32634"), None, None)
    centre = transform * (0.5, 0.5)
    (tmp_path / "a.tfw").write_text(f"1\n0\n0\n-1\n{centre[0]}\n{centre[1]}\n")
    (tmp_path / f"a{suffix}").write_text(CRS("EPSG:32634").to_wkt(dialect))
    with open_source(str(path)) as source:
        assert off(source.read(HERE, 60), HERE) < 6
    (tmp_path / f"a{suffix}").write_text("no reference system")
    with pytest.raises(SourceError, match=r"a\.(prj|PRJ) beside it cannot be read as a CRS"):
        open_source(str(path))


GLOBE = {
    "mollweide": "ESRI:54009",
    "robinson": "ESRI:54030",
    "sinusoidal of MODIS": "+proj=sinu +lon_0=0 +R=6371007.181 +units=m",
    "robinson of the Pacific": "+proj=robin +lon_0=150 +datum=WGS84",
    "equal earth": "EPSG:8857",
    "geostationary": "+proj=geos +h=35785831 +lon_0=-75 +sweep=x +ellps=GRS80",
    "orthographic": "+proj=ortho +lat_0=30 +lon_0=10 +ellps=WGS84",
    "polar": "EPSG:3413",
}


def smooth(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    lon, lat = np.radians(lon), np.radians(lat)
    return 128 + 100 * np.array([np.cos(lon) * np.cos(lat), np.sin(lon) * np.cos(lat), np.sin(lat)])


def globe(path: Path, crs: str, half: tuple[float, float], centre: tuple[float, float] = (0.0, 0.0)) -> Path:
    """A picture of the Earth in a projection, 400 × 400 pixels; black beside it."""
    side = 400
    transform = Affine(2 * half[0] / side, 0, centre[0] - half[0], 0, -2 * half[1] / side, centre[1] + half[1])
    columns, rows = np.meshgrid(np.arange(side) + 0.5, np.arange(side) + 0.5)
    x, y = transform * (columns, rows)
    there = Transformer.from_crs(4326, crs, always_xy=True)
    lon, lat = there.transform(x, y, direction="INVERSE")
    good = np.isfinite(lon) & np.isfinite(lat)
    again = there.transform(np.where(good, lon, 0), np.where(good, lat, 0))
    with np.errstate(invalid="ignore"):
        good &= np.hypot(again[0] - x, again[1] - y) < transform.a
        data = np.where(good, np.rint(smooth(lon, lat)), 0).astype(np.uint8)
    return write_raster(path, data, transform, CRS(crs).to_wkt(), nodata=0)


@pytest.mark.parametrize(
    ("crs", "half", "places"),
    [
        ("mollweide", (18.2e6, 9.1e6), [(0, 0), (47, 8), (-33, 151), (0, 180), (40, -179), (80, 60)]),
        ("robinson", (17.2e6, 8.7e6), [(0, 0), (47, 8), (-33, 151), (0, 180), (40, -179), (75, 60)]),
        ("sinusoidal of MODIS", (20.1e6, 10.1e6), [(0, 0), (47, 8), (-33, 151), (0, 180), (40, -179), (75, 60)]),
        ("robinson of the Pacific", (17.2e6, 8.7e6), [(0, 0), (47, 8), (0, 180), (10, -30), (-40, -31), (60, -28)]),
        ("equal earth", (17.3e6, 8.4e6), [(0, 0), (47, 8), (-33, 151), (0, 180)]),
        ("geostationary", (5.5e6, 5.5e6), [(0, -75), (40, -100), (-30, -50), (0, -10)]),
        ("orthographic", (6.4e6, 6.4e6), [(30, 10), (80, 30), (89.5, 0), (-20, 20)]),
        ("polar", (4e6, 4e6), [(75, 20), (90, 0), (70, 179.9)]),
    ],
)
def test_maps_of_the_world_and_whole_discs_are_read_in_place(
    tmp_path: Path, crs: str, half: tuple[float, float], places: list[tuple[float, float]]
) -> None:
    with open_source(str(globe(tmp_path / "a.tif", GLOBE[crs], half))) as source:
        area = source.coverage()
        assert area.is_valid
        for lat, lon in places:
            footprint = Footprint(lat, lon, 900e3)
            assert area.intersects(footprint.polygon)
            chip = source.read(footprint, 30)
            line = (np.arange(30) + 0.5) * 30e3 - 450e3
            expected = smooth(*footprint.to_lonlat(*np.meshgrid(line, -line)))
            error = np.abs(chip.image.transpose(2, 0, 1) - expected)[:, chip.valid]
            assert chip.valid.mean() > 0.6 and error.mean() < 3, (lat, lon, chip.valid.mean())


def test_the_disc_of_a_geostationary_satellite_ends_at_its_limb(tmp_path: Path) -> None:
    with open_source(str(globe(tmp_path / "a.tif", GLOBE["geostationary"], (5.5e6, 5.5e6)))) as source:
        west, south, east, north = source.coverage().bounds
        assert (west, south, east, north) == pytest.approx((-156, -81, 6, 81), abs=3)
        assert not source.read(Footprint(0, 100, 900e3), 16).valid.any()
        limb = source.read(Footprint(0, 4, 900e3), 30)
        assert 0 < limb.valid.mean() < 0.9
    with open_source(str(globe(tmp_path / "b.tif", GLOBE["geostationary"], (2e6, 2e6), (4.5e6, 0)))) as part:
        assert part.coverage().bounds[0] > -60 and part.gsd_m > 5_000


def test_a_whole_disc_in_another_hemisphere_crosses_180(tmp_path: Path) -> None:
    himawari = "+proj=geos +h=35785831 +lon_0=140.7 +ellps=WGS84"
    with open_source(str(globe(tmp_path / "a.tif", himawari, (5.5e6, 5.5e6)))) as source:
        area = source.coverage()
        assert area.bounds[0] == pytest.approx(-180) and area.bounds[2] == pytest.approx(180)
        assert area.area == pytest.approx(23_800, rel=0.03)  # as much as from anywhere else over the equator
        for lon in (140.7, 179.9, -170.0):
            assert source.read(Footprint(-10, lon, 900e3), 16).valid.all()


def test_a_raster_beside_the_earth_is_refused(tmp_path: Path) -> None:
    data = np.ones((1, 10, 10), np.uint8)
    write_raster(tmp_path / "a.tif", data, Affine(1000, 0, 17.9e6, 0, -1000, 8.9e6), "ESRI:54009")
    with pytest.raises(SourceError, match="lie nowhere on Earth"):
        open_source(str(tmp_path / "a.tif"))


@pytest.mark.parametrize(("crs", "pixel"), [("EPSG:3857", 5e7), ("EPSG:32634", 1e9), ("EPSG:2263", 2e8)])
def test_pixels_larger_than_the_earth_are_refused(tmp_path: Path, crs: str, pixel: float) -> None:
    data = np.ones((1, 10, 10), np.uint8)
    write_raster(tmp_path / "a.tif", data, Affine(pixel, 0, -5 * pixel, 0, -pixel, 5 * pixel), crs)
    with pytest.raises(SourceError, match="more than the Earth is round"):
        open_source(str(tmp_path / "a.tif"))


def test_a_raster_of_a_millimetre_needs_no_more_memory_than_its_tile(tmp_path: Path) -> None:
    where = transform_around("EPSG:32634", lat=LAT, lon=LON, width=10, height=10, pixel=1e-4)
    write_raster(tmp_path / "a.tif", np.ones((1, 10, 10), np.uint8), where, "EPSG:32634")
    with open_source(str(tmp_path / "a.tif")) as source:
        assert not source.read(Footprint(LAT, LON, 480.0), 16).valid.any()


@pytest.mark.parametrize(
    ("suffix", "world", "driver"), [("jpg", "jgw", "JPEG"), ("PNG", "pgw", "PNG"), ("jpeg", "wld", "JPEG")]
)
def test_a_folder_of_pictures_with_world_files_is_read(tmp_path: Path, suffix: str, world: str, driver: str) -> None:
    where = transform_around("EPSG:32634", lat=LAT, lon=LON, width=40, height=40, pixel=2.0)
    for name, side in (("a", 0), ("b", 40)):
        write_raster(tmp_path / f"{name}.{suffix}", np.full((3, 40, 40), 99, np.uint8), None, None, driver=driver)
        corner = where * (side + 0.5, 0.5)
        (tmp_path / f"{name}.{world}").write_text(f"2\n0\n0\n-2\n{corner[0]}\n{corner[1]}\n")
        (tmp_path / f"{name}.prj").write_text(CRS.from_epsg(32634).to_wkt())
    Image.new("RGB", (9, 9)).save(tmp_path / "thumb.png")
    with open_source(str(tmp_path)) as source:
        chip = source.read(Footprint(LAT, LON, 70.0), 16)
        assert chip.valid.all() and abs(int(chip.image[8, 8, 0]) - 99) < 2 and source.problems == []
        east, west = source.coverage().bounds[2], source.coverage().bounds[0]
        assert (east - west) * 109_600 == pytest.approx(160, rel=0.01)


def test_an_image_without_any_place_says_so_once(tmp_path: Path) -> None:
    with pytest.warns(NotGeoreferencedWarning):
        path = write_raster(tmp_path / "a.tif", np.ones((1, 10, 10), np.uint8), None, None)
        rasterio.open(path).close()
    with pytest.raises(SourceError, match="it has no CRS"):
        open_source(str(path))
