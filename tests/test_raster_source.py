"""Raster files: pixels at the right place, bands and masks understood, bad files told apart."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from make_data import expected_pattern, pattern_raster, transform_around, write_raster
from rasterio.enums import ColorInterp

from ingest.geo.geometry import Footprint
from ingest.geo.grid import Grid
from ingest.opening import open_source
from ingest.sources.decoding import Decoder
from ingest.sources.rasters.raster import RasterEntry, RasterSource, raster_folder
from ingest.sources.source import FILL, SourceOptions
from trainer.errors import ItemError, SourceError, UsageError

HERE = Footprint(10.0, 20.0, 200.0)


def opened(path: Path, **options: object) -> RasterSource:
    entries = raster_folder(path) if path.is_dir() else [RasterEntry(str(path), str(path))]
    return RasterSource(str(path), entries, SourceOptions(**options))  # type: ignore[arg-type]


def shift_px(image: np.ndarray, footprint: Footprint, wave_m: float) -> float:
    """How far, in pixels, a picture of the place pattern is off: the worst of small shifts that fit it best."""
    px = image.shape[0]
    step = footprint.size_m / px
    errors = {}
    for dx in np.arange(-1, 1.01, 0.25):
        for dy in np.arange(-1, 1.01, 0.25):
            lons, lats = footprint.to_lonlat([dx * step], [dy * step])
            moved = Footprint(float(lats[0]), float(lons[0]), footprint.size_m)
            errors[dx, dy] = np.abs(image.astype(int) - expected_pattern(moved, px, wave_m=wave_m)).mean()
    best = min(errors, key=lambda k: errors[k])
    return float(np.hypot(*best))


def rotated(crs: str, degrees: float, pixel: float, size: int) -> Affine:
    upright = transform_around(crs, lat=HERE.lat, lon=HERE.lon, width=size, height=size, pixel=pixel)
    middle = (upright.c + pixel * size / 2, upright.f - pixel * size / 2)
    cos, sin = np.cos(np.radians(degrees)) * pixel, np.sin(np.radians(degrees)) * pixel
    a, b, d, e = cos, sin, sin, -cos
    return Affine(a, b, middle[0] - (a + b) * size / 2, d, e, middle[1] - (d + e) * size / 2)


RASTERS: dict[str, Callable[[Path], Path]] = {
    "mercator": pattern_raster,
    "degrees": lambda p: pattern_raster(p, crs="EPSG:4326", pixel=1 / 110_000),
    "utm": lambda p: pattern_raster(p, crs="EPSG:32634"),
    "rotated": lambda p: pattern_raster(p, transform=rotated("EPSG:32634", 30, 1.0, 600), crs="EPSG:32634"),
    "south up": lambda p: pattern_raster(p, transform=south_up(), crs="EPSG:32634"),
    "coarse": lambda p: pattern_raster(p, crs="EPSG:3857", pixel=4.0, size=200),
    "fine, with overviews": lambda p: pattern_raster(p, crs="EPSG:3857", pixel=0.2, size=1400, overviews=[2, 4, 8]),
    "fine, without overviews": lambda p: pattern_raster(p, crs="EPSG:32634", pixel=0.2, size=1400),
    "with nodata": lambda p: pattern_raster(p, nodata=0),
}  # fmt: skip


def south_up() -> Affine:
    north_up = transform_around("EPSG:32634", lat=HERE.lat, lon=HERE.lon, width=600, height=600, pixel=1.0)
    return Affine(1, 0, north_up.c, 0, 1, north_up.f - 600)


@pytest.mark.parametrize("kind", RASTERS)
@pytest.mark.parametrize("size_px", [64, 160])
def test_pixels_are_where_the_raster_says(tmp_path: Path, kind: str, size_px: int) -> None:
    with opened(RASTERS[kind](tmp_path / "a.tif")) as source:
        for footprint in (HERE, Footprint(10.0002, 20.0002, 111.0)):
            chip = source.read(footprint, size_px)
            assert chip.image.shape == (size_px, size_px, 3) and chip.image.dtype == np.uint8 and chip.valid.all()
            assert shift_px(chip.image, footprint, 100) <= 0.25
            error = np.abs(chip.image.astype(int) - expected_pattern(footprint, size_px, wave_m=100)).mean()
            assert error < 4, kind


def test_ground_sample_distance_is_metres_on_the_ground(tmp_path: Path) -> None:
    path = pattern_raster(tmp_path / "a.tif", lat=60.0, lon=20.0, pixel=2.0)
    with opened(path) as source:
        assert source.gsd_m == pytest.approx(1.0, rel=0.01)
        assert source.read(Footprint(60.0, 20.0, 100.0), 32).gsd_m == pytest.approx(1.0, rel=0.01)


def test_outside_the_raster_nothing_is_valid(tmp_path: Path) -> None:
    with opened(pattern_raster(tmp_path / "a.tif")) as source:
        away = source.read(Footprint(40.0, 20.0, 200.0), 32)
        assert not away.valid.any() and (away.image == FILL).all() and away.origin == "" and away.acquired_at is None
        edge = source.read(Footprint(10.0, 20.0 + 290 / 109_640, 200.0), 100)
        assert edge.valid[:, :40].all() and not edge.valid[:, 60:].any()
        assert (edge.image[:, 60:] == FILL).all()


def flat(values: list[int], dtype: str = "uint8", size: int = 100) -> np.ndarray:
    return np.broadcast_to(np.array(values, dtype)[:, None, None], (len(values), size, size)).copy()


def here_transform(size: int = 100, pixel: float = 4.0) -> Affine:
    return transform_around("EPSG:3857", lat=HERE.lat, lon=HERE.lon, width=size, height=size, pixel=pixel)


def test_one_band_is_grey(tmp_path: Path) -> None:
    with opened(write_raster(tmp_path / "a.tif", flat([77]), here_transform(), "EPSG:3857")) as source:
        assert (source.read(HERE, 16).image == 77).all()


def test_three_bands_follow_their_colours(tmp_path: Path) -> None:
    colours = (ColorInterp.blue, ColorInterp.green, ColorInterp.red)
    path = write_raster(tmp_path / "a.tif", flat([1, 2, 3]), here_transform(), "EPSG:3857", colorinterp=colours)
    with opened(path) as source:
        assert source.read(HERE, 4).image[0, 0].tolist() == [3, 2, 1]


def test_a_fourth_band_that_is_no_alpha_is_left_out(tmp_path: Path) -> None:
    kinds = (ColorInterp.gray, *[ColorInterp.undefined] * 3)
    path = write_raster(tmp_path / "a.tif", flat([1, 2, 3, 0]), here_transform(), "EPSG:3857", colorinterp=kinds)
    with opened(path) as source:
        chip = source.read(HERE, 4)
        assert chip.valid.all() and chip.image[0, 0].tolist() == [1, 2, 3]


def test_more_bands_are_shown_with_a_warning_and_bands_can_be_chosen(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_raster(
        tmp_path / "a.tif", flat([1, 2, 3, 4, 5, 6]), here_transform(), "EPSG:3857", photometric="minisblack"
    )
    with opened(path) as source:
        assert source.read(HERE, 4).image[0, 0].tolist() == [1, 2, 3]
    assert "showing bands 1,2,3 of 6" in caplog.text
    with opened(path, bands=(5, 3, 1)) as source:
        assert source.read(HERE, 4).image[0, 0].tolist() == [5, 3, 1]
    with pytest.raises(SourceError, match="bands 9,1,1 asked for, but it has 6"):
        opened(path, bands=(9, 1, 1))


@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:32634"])
@pytest.mark.parametrize("how", ["alpha", "grey and alpha", "mask", "declared nodata", "undeclared nodata"])
def test_pixels_that_are_no_imagery_are_invalid_and_do_not_bleed(tmp_path: Path, crs: str, how: str) -> None:
    size = 100
    transform = transform_around(crs, lat=HERE.lat, lon=HERE.lon, width=size, height=size, pixel=4.0)
    hole = np.zeros((size, size), bool)
    hole[:, :50] = True
    data, extra, options = np.where(hole, 255, 90).astype(np.uint8)[None].repeat(3, 0), {}, {}
    if how == "alpha":
        data = np.concatenate([data, np.where(hole, 0, 255).astype(np.uint8)[None]])
        extra["colorinterp"] = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)
    elif how == "grey and alpha":
        data = np.concatenate([data[:1], np.where(hole, 0, 255).astype(np.uint8)[None]])
        extra["colorinterp"] = (ColorInterp.gray, ColorInterp.alpha)
    elif how == "mask":
        extra["mask"] = ~hole
    elif how == "declared nodata":
        extra["nodata"] = 255
    else:
        options["nodata"] = 255.0
    with opened(write_raster(tmp_path / "a.tif", data, transform, crs, **extra), **options) as source:
        chip = source.read(HERE, 64)
        assert 0.45 < chip.valid.mean() < 0.55
        assert not chip.valid[:, :28].any() and chip.valid[:, 36:].all()
        assert np.abs(chip.image[chip.valid].astype(int) - 90).max() <= 4 and (chip.image[~chip.valid] == FILL).all()
        shrunk = source.read(HERE, 8)  # decimated on the way
        assert (np.abs(shrunk.image[shrunk.valid].astype(int) - 90) <= 1).all() or how in (
            "undeclared nodata",
            "alpha",
            "grey and alpha",
        )


@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:32634"])
def test_nodata_in_one_band_makes_no_hole(tmp_path: Path, crs: str) -> None:
    transform = transform_around(crs, lat=HERE.lat, lon=HERE.lon, width=100, height=100, pixel=4.0)
    data = flat([0, 12, 60, 0])
    data[:, :10] = 0
    kinds = (ColorInterp.gray, *[ColorInterp.undefined] * 3)
    with opened(write_raster(tmp_path / "a.tif", data, transform, crs, nodata=0, colorinterp=kinds)) as source:
        chip = source.read(Footprint(10.0, 20.0, 380.0), 95)
        assert chip.valid[12:].all() and not chip.valid[:6].any()
        assert chip.image[50, 50].tolist() == [0, 12, 60]


def test_undeclared_nodata_in_a_jpeg_is_found_in_spite_of_its_noise(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data = rng.integers(40, 160, (3, 256, 256), dtype=np.uint8)
    data[:, :, :128] = 255
    transform = here_transform(256, 1.0)
    path = write_raster(
        tmp_path / "a.tif", data, transform, "EPSG:3857", compress="jpeg", photometric="ycbcr", tiled=True,
        blockxsize=128, blockysize=128,
    )  # fmt: skip
    with opened(path, nodata=255.0) as source:
        chip = source.read(Footprint(10.0, 20.0, 200.0), 100)
        assert not chip.valid[:, :48].any() and chip.valid[:, 52:].mean() > 0.99
    with opened(path) as source:
        assert source.read(Footprint(10.0, 20.0, 200.0), 100).valid.all()


@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:32634"])
def test_a_palette_becomes_colours_before_pixels_are_mixed(tmp_path: Path, crs: str) -> None:
    data = np.zeros((1, 100, 100), np.uint8)
    data[0, :, 50:] = 9
    transform = transform_around(crs, lat=HERE.lat, lon=HERE.lon, width=100, height=100, pixel=4.0)
    colormap = dict.fromkeys(range(256), (0, 255, 0, 255)) | {0: (200, 0, 0, 255), 9: (0, 0, 200, 255)}
    with opened(write_raster(tmp_path / "a.tif", data, transform, crs, colormap=colormap)) as source:
        image = source.read(HERE, 64).image
        assert image[32, 5].tolist() == [200, 0, 0] and image[32, 60].tolist() == [0, 0, 200]
        assert image[..., 1].max() == 0  # no value between 0 and 9 was ever looked up


@pytest.mark.parametrize(("dtype", "factor"), [("uint16", 40), ("int16", 20), ("float32", 0.003)])
def test_other_than_8_bit_is_stretched_once_for_the_source(tmp_path: Path, dtype: str, factor: float) -> None:
    ramp = np.linspace(0, 255, 200)[None, None].repeat(3, 0).repeat(200, 1)
    data = (ramp * factor + (100 if factor > 1 else 0)).astype(dtype)
    if dtype == "float32":
        data[:, :50] = np.nan
    path = write_raster(tmp_path / "a.tif", data, here_transform(200, 2.0), "EPSG:3857")
    with opened(path) as source, opened(path) as again:
        chip = source.read(Footprint(9.9998, 20.0, 300.0), 50)
        assert np.array_equal(chip.image, again.read(Footprint(9.9998, 20.0, 300.0), 50).image)
        row = chip.image[40, :, 0].astype(int)
        assert row[0] < 60 and row[-1] > 195 and (np.diff(row) >= 0).all()
    with opened(path, scale=(float(data[0, -1].min()), float(data[0, -1].min()) + 1e6)) as source:
        assert source.read(Footprint(9.9998, 20.0, 300.0), 50).image[25:].max() <= 2
    if dtype == "float32":
        with opened(path) as source:
            assert not source.read(Footprint(10.0014, 20.0, 60.0), 8).valid.any()


def test_where_files_overlap_the_newest_wins_and_holes_are_filled(tmp_path: Path) -> None:
    old, new = flat([10, 10, 10]), flat([200, 200, 200])
    new[:, :50] = 0
    write_raster(tmp_path / "a_20150926.tif", old, here_transform(), "EPSG:3857")
    write_raster(tmp_path / "b_20200831.tif", new, here_transform(), "EPSG:3857", nodata=0)
    with opened(tmp_path, date_in_name="%Y%m%d") as source:
        chip = source.read(Footprint(9.9995, 20.0, 200.0), 40)
        assert chip.valid.all()
        assert (
            set(np.unique(chip.image)) <= {10, *range(185, 216)}
            and (chip.image[-1] == 200).all()
            and (chip.image[0] == 10).all()
        )
        assert chip.acquired_at == datetime(2020, 8, 31, tzinfo=UTC)
        assert chip.origin.endswith("b_20200831.tif")


def test_files_side_by_side_leave_no_seam(tmp_path: Path) -> None:
    whole = pattern_raster(tmp_path / "whole.tif", crs="EPSG:32634", size=400)
    folder = tmp_path / "halves"
    folder.mkdir()
    with rasterio.open(whole) as file:
        data, t = file.read(), file.transform
    write_raster(folder / "w.tif", data[:, :, :203], t, "EPSG:32634")
    write_raster(folder / "e.tif", data[:, :, 203:], Affine(t.a, 0, t.c + 203, 0, t.e, t.f), "EPSG:32634")
    with opened(whole) as one, opened(folder) as two:
        expected, got = one.read(HERE, 150), two.read(HERE, 150)
        assert got.valid.all()
        assert np.abs(expected.image.astype(int) - got.image).max() <= 12  # beside the seam, where a kernel is cut


def test_dates_come_from_the_option_the_name_or_the_imagery_tag_and_never_from_when_the_file_was_written(
    tmp_path: Path,
) -> None:
    path = write_raster(
        tmp_path / "x_20210304_1.tif", flat([1, 2, 3]), here_transform(), "EPSG:3857",
        tags={"TIFFTAG_DATETIME": "2001:01:01 00:00:00"},
    )  # fmt: skip
    given = datetime(2019, 5, 6, 7, tzinfo=UTC)
    with opened(path) as source:
        assert source.read(HERE, 4).acquired_at is None
    with opened(path, date_in_name="%Y%m%d") as source:
        assert source.read(HERE, 4).acquired_at == datetime(2021, 3, 4, tzinfo=UTC)
    with opened(path, date_in_name="%Y%m%d", acquired_at=given) as source:
        assert source.read(HERE, 4).acquired_at == given
    tagged = write_raster(
        tmp_path / "b.tif", flat([1, 2, 3]), here_transform(), "EPSG:3857", imagery_date="2018-02-03T04:05:06"
    )
    with opened(tagged) as source:
        assert source.read(HERE, 4).acquired_at == datetime(2018, 2, 3, 4, 5, 6, tzinfo=UTC)


def test_names_without_the_date_that_was_announced_are_told(tmp_path: Path) -> None:
    for number, name in enumerate(("a_20200102.tif", "b.tif", "c_2020.tif")):
        pattern_raster(tmp_path / name, size=20, lon=20 + number)
    with open_source(str(tmp_path), SourceOptions(date_in_name="%Y%m%d")) as source:
        (note,) = source.notes  # type: ignore[union-attr]
    assert note.message.endswith(
        "b.tif: its name, and those of 1 more files, hold no date in the form --date-in-name %Y%m%d: undated"
    )


def test_digits_that_are_no_date_are_passed_over() -> None:
    options = SourceOptions(date_in_name="%Y%m%d")
    assert options.date_of("m_4709963_se_14_1_20100629.tif") == datetime(2010, 6, 29, tzinfo=UTC)
    assert options.date_of("S2A_20200101T103021.jp2") == datetime(2020, 1, 1, tzinfo=UTC)
    assert options.date_of("img_99999999.tif") is None
    with pytest.raises(UsageError, match="date format"):
        SourceOptions(date_in_name="%Q")


def bad_files(folder: Path) -> dict[str, str]:
    """One file for each way a raster can be bad; name and reason code."""
    (folder / "empty.tif").touch()
    (folder / "text.tif").write_text("dear reader, this is no picture\n" * 50)
    whole = pattern_raster(folder / "whole.tif")
    (folder / "cut.tif").write_bytes(whole.read_bytes()[:100])
    whole.unlink()
    write_raster(folder / "nocrs.tif", flat([1, 2, 3]), here_transform(), None)
    write_raster(folder / "swapped.tif", flat([1, 2, 3]), Affine(0.001, 0, 10.0, 0, -0.001, 120.0), "EPSG:4326")
    write_raster(folder / "nan.tif", flat([1, 2, 3]), Affine(1, 0, float("nan"), 0, -1, 5), "EPSG:3857")
    write_raster(folder / "complex.tif", flat([1], "complex64"), here_transform(), "EPSG:3857")
    return {
        "empty": "empty", "text": "not_a_raster", "cut": "truncated", "nocrs": "no_crs", "swapped": "bad_georeference",
        "nan": "bad_georeference", "complex": "unsupported",
    }  # fmt: skip


def test_bad_files_among_good_ones_are_problems_and_the_good_ones_are_read(tmp_path: Path) -> None:
    reasons = bad_files(tmp_path)
    pattern_raster(tmp_path / "good.tif")
    with opened(tmp_path) as source:
        assert {Path(p.subject).stem: p.reason for p in source.problems} == reasons
        assert source.read(HERE, 16).valid.all()


def test_a_single_bad_file_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    words = {
        "nocrs": "rio edit-info",
        "swapped": "look swapped",
        "empty": "0 bytes",
        "text": "not a raster",
        "cut": "cut short",
    }
    for name in bad_files(tmp_path):
        with pytest.raises(SourceError, match=words.get(name, name)):
            opened(tmp_path / f"{name}.tif")


def test_only_bad_files_are_an_error_that_lists_them(tmp_path: Path) -> None:
    bad_files(tmp_path)
    with pytest.raises(SourceError, match=r"nothing of it can be read, for 7 reasons: .*; and 4 more"):
        opened(tmp_path)


def test_that_good_files_cover_the_same_ground_is_told_before_what_is_bad(tmp_path: Path) -> None:
    bad_files(tmp_path)
    for name in ("y.tif", "z.tif"):
        pattern_raster(tmp_path / name)
    with pytest.raises(
        SourceError, match=r"can be read, for 8 reasons: .*: 2 files cover the same ground \(y.tif, z.tif\)"
    ):
        opened(tmp_path)


def test_an_ungeoreferenced_picture_says_so(tmp_path: Path) -> None:
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        path = write_raster(tmp_path / "a.tif", flat([1, 2, 3]), None, "EPSG:3857")
    with pytest.raises(SourceError, match="georeferenced nowhere"):
        opened(path)


def test_a_raster_cut_short_fails_only_where_pixels_are_missing(tmp_path: Path) -> None:
    path = pattern_raster(tmp_path / "a.tif", size=1024, tiled=True, blockxsize=128, blockysize=128, compress="deflate")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    with opened(path) as source:
        outcomes = set()
        for dy in range(-4, 5):
            try:
                outcomes.add(bool(source.read(Footprint(10.0 - dy * 0.0009, 20.0, 60.0), 32).valid.all()))
            except ItemError as error:
                outcomes.add(error.reason)
        assert outcomes == {True, "truncated"}
        assert source.read(Footprint(10.0 + 0.0036, 20.0, 60.0), 32).valid.all()  # works after failures too


@pytest.mark.parametrize("console", [logging.WARNING, logging.CRITICAL])
def test_a_damaged_jpeg_inside_a_tiff_fails_every_tile_that_it_is_in(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, console: int
) -> None:
    jpeg = {"compress": "jpeg", "photometric": "ycbcr", "interleave": "pixel"}
    path = pattern_raster(tmp_path / "a.tif", size=512, tiled=True, blockxsize=256, blockysize=256, **jpeg)
    content = bytearray(path.read_bytes())
    last = content.rfind(b"\xff\xda")  # the scan of the block in the south-east
    middle = (last + content.rfind(b"\xff\xd9")) // 2
    content[middle : middle + 64] = b"\xff\xd9" * 32  # an end too early: what follows is grey
    path.write_bytes(content)
    caplog.set_level(console)
    with opened(path) as source:
        for _ in range(2):
            with pytest.raises(ItemError, match=r"cut short or damaged .*Corrupt JPEG data"):
                source.read(Footprint(10.0 - 0.0012, 20.0 + 0.0012, 60.0), 32)
        assert source.read(Footprint(10.0 + 0.0012, 20.0 - 0.0012, 60.0), 32).valid.all()
    assert "Corrupt JPEG data" not in caplog.text  # who reads says it, once
    with pytest.raises(ItemError, match="damaged"):
        Decoder(SourceOptions(), list).read(bytes(content), "a.tif")


def test_a_raster_that_claims_absurd_dimensions_is_read_by_windows_only(tmp_path: Path) -> None:
    path = tmp_path / "bomb.tif"
    transform = Affine(0.0001, 0, 20.0, 0, -0.00005, 60.0)
    settings = {"driver": "GTiff", "dtype": "uint16", "crs": "EPSG:4326", "transform": transform}
    shape = {"width": 1_000_000, "height": 1_000_000, "count": 3, "blockxsize": 512, "blockysize": 512}
    with rasterio.open(path, "w", tiled=True, sparse_ok=True, BIGTIFF="YES", compress="deflate", **shape, **settings):
        pass
    with opened(path) as source:  # measures a stretch, too
        assert source.read(Footprint(40.0, 40.0, 500.0), 64).image.max() == 0
        with pytest.raises(ItemError, match="rio overview") as caught:
            source.read(Footprint(40.0, 60.0, 1_500_000.0), 64)
        assert caught.value.reason == "too_large"


def test_a_raster_of_one_gigantic_block_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.tif"
    settings = {"driver": "GTiff", "dtype": "uint8", "crs": "EPSG:3857", "transform": here_transform()}
    side = 32_000
    with rasterio.open(
        path,
        "w",
        width=side,
        height=side,
        count=1,
        tiled=True,
        blockxsize=side,
        blockysize=side,
        sparse_ok=True,
        **settings,
    ):
        pass
    assert path.stat().st_size < 10_000
    with pytest.raises(SourceError, match="blocks of 32000×32000"):
        opened(path)


def test_a_given_scale_is_kept_even_from_0_to_1(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", flat([0], "float32") + np.float32(0.25), here_transform(), "EPSG:3857")
    with opened(path, scale=(0.0, 1.0)) as source:
        assert (source.read(HERE, 8).image == 64).all()


def test_all_nodata_is_read_as_nothing_valid(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", flat([0, 0, 0], "uint16"), here_transform(), "EPSG:3857", nodata=0)
    with opened(path) as source:
        assert not source.read(HERE, 16).valid.any()


def test_a_world_in_degrees_is_whole_across_the_antimeridian_and_over_the_pole(tmp_path: Path) -> None:
    lon, lat = np.meshgrid(np.arange(720) / 2 - 179.75, 89.75 - np.arange(360) / 2)
    smooth = [
        128 + 100 * np.cos(np.radians(lon)) * np.cos(np.radians(lat)),
        128 + 100 * np.sin(np.radians(lat)),
        0 * lat + 50,
    ]
    data = np.rint(np.array(smooth)).astype(np.uint8)
    path = write_raster(tmp_path / "a.tif", data, Affine(0.5, 0, -180, 0, -0.5, 90), "EPSG:4326")
    with opened(path) as source:
        for footprint in (
            Footprint(0, 180, 900e3),
            Footprint(60, -179, 900e3),
            Footprint(90, 0, 900e3),
            Footprint(-88, 7, 9e5),
        ):
            chip = source.read(footprint, 90)
            assert chip.valid.mean() > 0.999
            line = (np.arange(90) + 0.5) * 10e3 - 450e3
            lons, lats = (np.radians(v) for v in footprint.to_lonlat(*np.meshgrid(line, -line)))
            expected = 128 + 100 * np.array([np.cos(lons) * np.cos(lats), np.sin(lats)])
            error = np.abs(chip.image[..., :2].transpose(2, 0, 1) - expected)[:, chip.valid]
            assert error.max() < 5, footprint


def test_longitudes_beyond_180_are_the_other_side_of_the_antimeridian(tmp_path: Path) -> None:
    transform = Affine(0.001, 0, 179.5, 0, -0.001, -17.0)  # Fiji, 179.5 to 180.5
    data = np.broadcast_to(np.linspace(0, 250, 1000), (3, 1000, 1000)).astype(np.uint8)
    with opened(write_raster(tmp_path / "a.tif", data, transform, "EPSG:4326")) as source:
        assert source.coverage().bounds == pytest.approx((-180, -18, 180, -17))
        for lon in (179.8, 180.0, -179.7):
            chip = source.read(Footprint(-17.5, lon, 20_000.0), 40)
            assert chip.valid.all()
            expected = ((lon - 179.5) % 360) * 250
            assert abs(float(chip.image[..., 0].mean()) - expected) < 3


def test_reading_from_many_threads_gives_the_same_pixels(tmp_path: Path) -> None:
    for i in range(3):
        pattern_raster(tmp_path / f"{i}.tif", crs="EPSG:32634", lon=20.0 + i * 0.004, tiled=True, compress="deflate")
    tiles = [tile.footprint for tile in Grid(60, 60).tiles(opened(tmp_path).coverage())][:150]
    with opened(tmp_path) as source:
        alone = [source.read(footprint, 32) for footprint in tiles]
        with ThreadPoolExecutor(8) as threads:
            together = list(threads.map(lambda footprint: source.read(footprint, 32), tiles))
    assert all(np.array_equal(a.image, b.image) for a, b in zip(alone, together, strict=True))


def test_a_folder_of_many_files_keeps_a_bounded_number_open(tmp_path: Path) -> None:
    for i in range(90):
        write_raster(tmp_path / f"{i:03}.tif", flat([i, i, i], size=8), here_transform(8, 1.0 + i), "EPSG:3857")
    fds = Path("/proc/self/fd")
    before = len(list(fds.iterdir()))
    source = opened(tmp_path)
    assert len(list(fds.iterdir())) - before <= 70
    source.close()
    assert len(list(fds.iterdir())) <= before
    with pytest.raises(SourceError, match="closed"):
        source.read(HERE, 8)
    assert threading.active_count() < 50


def test_the_fingerprint_follows_the_files(tmp_path: Path) -> None:
    pattern_raster(tmp_path / "a.tif")
    first, again = opened(tmp_path).fingerprint(), opened(tmp_path).fingerprint()
    pattern_raster(tmp_path / "b.tif", lon=21.0)
    assert first == again != opened(tmp_path).fingerprint()


def test_a_vrt_is_read_through_its_files(tmp_path: Path) -> None:
    pattern_raster(tmp_path / "a.tif", size=200)
    with rasterio.open(tmp_path / "a.tif") as file:
        t = file.transform
    bands = "".join(
        f'<VRTRasterBand dataType="Byte" band="{b}"><SimpleSource><SourceFilename relativeToVRT="1">a.tif'
        "</SourceFilename>"
        f"<SourceBand>{b}</SourceBand></SimpleSource></VRTRasterBand>"
        for b in (1, 2, 3)
    )
    vrt = tmp_path / "a.vrt"
    geo = f"{t.c},{t.a},0,{t.f},0,{t.e}"
    vrt.write_text(
        f'<VRTDataset rasterXSize="200" rasterYSize="200"><SRS>EPSG:3857</SRS><GeoTransform>{geo}</GeoTransform>'
        f"{bands}</VRTDataset>"
    )
    footprint = Footprint(10.0, 20.0, 120.0)
    with opened(vrt) as source, opened(tmp_path / "a.tif") as direct:
        assert np.array_equal(source.read(footprint, 64).image, direct.read(footprint, 64).image)
        first = source.fingerprint()
    pattern_raster(tmp_path / "a.tif", size=200, wave_m=50)
    assert opened(vrt).fingerprint() != first


def test_real_orthophotos_are_read(real_data: Path) -> None:
    overhead = real_data / "overhead"
    with opened(overhead / "banepa.tif", nodata=255.0) as source:
        assert source.gsd_m == pytest.approx(0.132, abs=0.001)
        whole = source.read(Footprint(27.6333, 85.5217, 1500.0), 224)
        assert 0.7 < whole.valid.mean() < 0.8  # beyond its edges, and two holes
        assert source.read(Footprint(27.6333, 85.5217, 60.0), 224).valid.mean() > 0.98
    with opened(overhead / "naip", date_in_name="%Y%m%d") as source:
        chip = source.read(Footprint(47.02, -99.155, 480.0), 224)
        assert chip.valid.all() and chip.acquired_at == datetime(2020, 8, 31, tzinfo=UTC)
        assert chip.gsd_m == pytest.approx(5, rel=0.01)
    with opened(overhead / "neon") as source:
        middle = source.coverage().geoms[0].centroid  # type: ignore[attr-defined]
        assert source.read(Footprint(middle.y, middle.x, 20.0), 224).valid.all()


def test_real_world_map_is_whole_across_the_antimeridian(real_data: Path) -> None:
    with open_source(str(real_data / "overhead" / "bluemarble.mbtiles")) as source:
        assert source.attribution and "NASA" in source.attribution
        west, middle, east = (source.read(Footprint(65.0, lon, 500e3), 100) for lon in (177.0, -179.0, -175.0))
        assert west.valid.all() and middle.valid.all() and east.valid.all()
        assert source.read(Footprint(84.0, 20.0, 500e3), 100).valid.mean() == pytest.approx(0.76, abs=0.05)
        assert not source.read(Footprint(90.0, 0.0, 200e3), 100).valid.any()
        jumps = np.abs(np.diff(middle.image.astype(int), axis=1)).mean(axis=(0, 2))
        assert jumps.max() < 6 * np.median(jumps) + 6
