"""GeoTIFFs of scores, read back by rasterio and judged by rio-cogeo."""

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import rasterio
from pyproj import Transformer
from rio_cogeo.cogeo import cog_validate

from ingest.geo.footprints import Places
from search_ui.maps.raster import Band, fitting_pixel_m, write_geotiff
from trainer.errors import GroundcastError

TOLD = {"query": {"text": "a beach é"}, "collection": "demo", "attribution": "© A & B", "when": None}


def tiles(lat: float, lon: float, side: int = 30, size_m: float = 480.0) -> Places:
    step = size_m / 111_195
    rows, columns = np.meshgrid(np.arange(side) - side / 2, np.arange(side) - side / 2, indexing="ij")
    lats = np.clip(lat + rows.ravel() * step, -89.999, 89.999)
    lons = lon + columns.ravel() * step / np.cos(np.radians(np.clip(lats, -80, 80)))
    return Places(lats, (lons + 180) % 360 - 180, np.full(side * side, size_m))


def write(path: Path, places: Places, values: np.ndarray, **more) -> np.ndarray:
    bands = [Band(f"band {number}", "cosine") for number in range(len(values))]
    return write_geotiff(
        path,
        bands,
        lambda: [(0, values.astype(np.float32))],
        places=places,
        provenance=TOLD,
        description="beach",
        **more,
    )


@pytest.mark.parametrize("where", [(27.6, 85.5), (-17.0, 180.0), (89.9, 40.0), (-88.0, 10.0), (0.0, 0.0)])
def test_the_pixel_at_a_tiles_centre_has_its_value_wherever_it_lies(tmp_path, where) -> None:
    places = tiles(*where)
    values = np.random.default_rng(0).normal(size=(2, len(places.lat)))
    path = tmp_path / "map.tif"
    written = write(path, places, values)
    valid, errors, warnings = cog_validate(path, strict=True, quiet=True)
    assert (valid, errors, warnings) == (True, [], [])
    with rasterio.open(path) as raster:
        to = Transformer.from_crs("EPSG:4326", raster.crs, always_xy=True)
        x, y = to.transform(places.lon, places.lat)
        got = np.array(list(raster.sample(zip(x, y, strict=True))))
        assert raster.dtypes == ("float32", "float32")
        assert np.isnan(raster.nodata)
    if abs(where[0]) < 80:  # near the pole tiles lie over one another
        assert np.allclose(got, values.T, atol=1e-6)
        assert written.hidden == 0
    else:
        assert np.isin(got[:, 0].astype(np.float32), values[0].astype(np.float32)).all()


def test_tags_say_what_was_asked_in_which_unit_and_by_which_rule(tmp_path) -> None:
    path = tmp_path / "map.tif"
    write(path, tiles(10, 10, 5), np.ones((1, 25)))
    with rasterio.open(path) as raster:
        tags = raster.tags()
        assert raster.descriptions == ("band 0",)
        assert raster.units == ("cosine",)
        assert float(raster.tags(1)["STATISTICS_MEAN"]) == 1.0
    assert tags["GROUNDCAST_QUERY"] == '{"text": "a beach é"}'
    assert "nearest centre" in tags["GROUNDCAST_RESAMPLING"]
    assert tags["TIFFTAG_COPYRIGHT"] == "Imagery: © A & B"
    assert "GROUNDCAST_WHEN" not in tags


def test_many_bands_are_one_cog_in_their_order(tmp_path) -> None:
    places = tiles(43, 10, 12)
    values = np.arange(40)[:, None] + np.zeros((40, 144))
    path = tmp_path / "frames.tif"
    write_geotiff(
        path, [Band(str(number), "cosine") for number in range(40)],
        lambda: ((start, values[start : start + 16].astype(np.float32)) for start in range(0, 40, 16)),
        places=places, provenance=TOLD, description="frames",
    )  # fmt: skip
    assert cog_validate(path, strict=True, quiet=True)[0]
    with rasterio.open(path) as raster:
        assert raster.count == 40
        assert [float(np.nanmax(raster.read(band))) for band in (1, 17, 40)] == [0.0, 16.0, 39.0]


def test_a_wide_map_has_overviews_that_show_the_mean_of_scores_and_a_real_month(tmp_path) -> None:
    places = tiles(10, 10, 60)
    values = np.tile([1.0, 12.0], 1800)[None]
    for averaged in (True, False):
        path = tmp_path / f"{averaged}.tif"
        write(path, places, values, averaged=averaged, pixel_m=48.0)
        with rasterio.open(path) as raster:
            assert raster.overviews(1)
            seen = raster.read(1, out_shape=(1, raster.height // 2, raster.width // 2))
        between = (seen > 1.5) & (seen < 11.5)
        assert between.any() == averaged


def test_tiles_without_a_score_are_no_data(tmp_path) -> None:
    values = np.ones((1, 25))
    values[0, 12] = np.nan
    path = tmp_path / "map.tif"
    write(path, tiles(10, 10, 5), values)
    with rasterio.open(path) as raster:
        read = raster.read(1)
    assert np.isnan(read[read.shape[0] // 2 + 1, read.shape[1] // 2 + 1]) or np.isnan(read).sum() > 10
    assert np.nanmin(read) == 1.0


@pytest.mark.parametrize("values", [np.full((1, 1), np.nan), np.ones((1, 1))])
def test_one_tile_is_a_map_even_without_a_score(tmp_path, values) -> None:
    path = tmp_path / "one.tif"
    written = write(path, tiles(45, 7, 1), values)
    assert 4 <= written.width <= 6
    assert cog_validate(path, quiet=True)[0]


def test_pixels_fit_the_smaller_of_tile_and_step() -> None:
    apart, overlapping = tiles(10, 10, 20), tiles(10, 10, 20)
    assert fitting_pixel_m(apart) == pytest.approx(120, rel=0.01)
    wide = Places(overlapping.lat, overlapping.lon, np.full(400, 960.0))
    assert fitting_pixel_m(wide) == pytest.approx(120, rel=0.01)
    mixed = Places(apart.lat, apart.lon, np.where(np.arange(400) < 100, 60.0, 480.0))
    assert fitting_pixel_m(mixed) == pytest.approx(15, rel=0.01)


def test_tiles_that_no_pixel_shows_are_counted(tmp_path) -> None:
    places = tiles(10, 10, 20)
    twice = Places(np.tile(places.lat, 2), np.tile(places.lon, 2), np.tile(places.size_m, 2))
    assert write(tmp_path / "map.tif", twice, np.ones((1, 800))).hidden == 400


def test_a_full_disk_leaves_the_old_map_and_nothing_else(tmp_path) -> None:
    (tmp_path / "map.tif").write_text("old")
    script = """
        import resource, signal, sys
        from pathlib import Path
        import numpy as np
        from ingest.geo.footprints import Places
        from search_ui.maps.raster import Band, write_geotiff
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        random = np.random.default_rng(0)
        lat, lon = (axis.ravel() for axis in np.meshgrid(np.arange(60) * 0.0043, np.arange(60) * 0.0043))
        values = random.normal(size=(4, 3600)).astype(np.float32)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
        try:
            write_geotiff(Path(sys.argv[1]), [Band("b", "u")] * 4, lambda: [(0, values)],
                          places=Places(lat, lon, np.full(3600, 480.0)), provenance={}, description="x")
        except Exception as error:
            sys.exit(f"{type(error).__name__}: {error}")
    """
    for limit in (3_000, 76_000):  # the whole file has 80,180
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "map.tif"), str(limit)],
            capture_output=True, text=True, cwd=Path(__file__).parents[1],
        )  # fmt: skip
        assert done.returncode == 1, limit
        assert done.stderr.splitlines()[-1].startswith("GroundcastError: cannot write"), done.stderr
        assert (tmp_path / "map.tif").read_text() == "old"
        assert [file.name for file in tmp_path.iterdir()] == ["map.tif"]


def test_a_folder_that_is_gone_is_one_clear_error(tmp_path) -> None:
    with pytest.raises(GroundcastError, match="cannot write"):
        write(tmp_path / "gone" / "map.tif", tiles(1, 1, 2), np.ones((1, 4)))
