"""What bands show, and how values become a picture: told by names, flags and values, with GDAL as the judge."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from make_data import transform_around, write_raster
from rasterio.enums import ColorInterp

from ingest.geo.geometry import Footprint
from ingest.sources.colours import colour_of, colours_named
from ingest.sources.crop import read_crop
from ingest.sources.products import bands_of
from ingest.sources.rasters.raster import RasterEntry, RasterSource
from ingest.sources.source import Chip, SourceOptions
from trainer.errors import ItemError, SourceError

HERE = Footprint(10.0, 20.0, 100.0)
WHOLE = Footprint(10.0, 20.0, 250.0)
RGBA = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)
GREY = (ColorInterp.gray, *[ColorInterp.undefined] * 7)


def raster(
    path: Path, bands: list[Any], dtype: str = "uint8", names: list[str | None] | None = None, **more: Any
) -> Path:
    """Bands of one value each, or of an array [64, 64]."""
    data = np.stack([np.broadcast_to(np.asarray(band, dtype), (64, 64)) for band in bands])
    transform = transform_around("EPSG:3857", lat=10.0, lon=20.0, width=64, height=64, pixel=4.0)
    more.setdefault("colorinterp", GREY[: len(bands)])
    write_raster(path, data, transform, "EPSG:3857", **more)
    if names:
        with rasterio.open(path, "r+") as file:
            file.descriptions = names
    return path


def source_of(path: Path, told: tuple[Any, ...] = (), **options: Any) -> RasterSource:
    return RasterSource(str(path), [RasterEntry(str(path), str(path), told=told)], SourceOptions(**options))


def read(path: Path, footprint: Footprint = HERE, **options: Any) -> Chip:
    with source_of(path, **options) as source:
        return source.read(footprint, 16)


def middle(path: Path, **options: Any) -> list[int]:
    return read(path, **options).image[8, 8].tolist()  # type: ignore[no-any-return]


HALVES = np.repeat([[0, 1]], 32, axis=1).repeat(64, 0)  # 0 in the west, 1 in the east


@pytest.mark.parametrize(
    ("name", "colour"),
    [
        ("Blue", "blue"), ("blue (B02)", "blue"), ("Band 2 - Blue", "blue"), ("BLUE_10m", "blue"), ("band_red", "red"),
        ("Red (665 nm)", "red"), ("G", "green"), ("near-infrared", "nir"), ("NearInfrared", "nir"), ("nir08", "nir"),
        ("red edge 1", "rededge"), ("coastal_blue", "coastal"), ("green_i", "other"), ("Alpha", "alpha"),
        ("dataMask", "mask"), ("cloud mask", "other"), ("Layer_1", None), ("red green blue", None), ("", None),
        ("490 nm", "blue"), ("B2, centre 492.4 nm", "blue"), ("0.63 - 0.69 \u00b5m", "red"), ("842nm", "nir"),
        ("510-580 nm", "green"), ("0.45 um", "blue"), ("443 nanometers", "coastal"), ("10 m", None), ("9 nm", None),
    ],
)  # fmt: skip
def test_a_band_says_what_it_shows_in_any_spelling(name: str, colour: str | None) -> None:
    assert colour_of(name) == colour


@pytest.mark.parametrize(
    ("names", "product", "colours"),
    [
        (["B2", "B3", "B4"], "", ["blue", "green", "red"]),
        (["Band 4", "Band 3", "Band 2"], "", ["red", "green", "blue"]),
        (["B3", "B2", "B1"], "", ["red", "green", "blue"]),
        (["B1", "B2", "B3", "B4"], "", [None] * 4),  # may be a mere count
        (["B1", "B2", "B3", "B4"], "LE07_L1TP_x.tif", ["blue", "green", "red", "nir"]),
        (["SR_B1", "SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B7"], "", ["blue", "green", "red", "nir", None, None]),
        (["SR_B2", "SR_B3", "SR_B4"], "", ["blue", "green", "red"]),
        (["B01", "B02", "B03", "B04", "B08", "B8A"], "", [None, "blue", "green", "red", "nir", None]),
    ],
)
def test_codes_mean_what_they_do_with_their_satellite(
    names: list[str], product: str, colours: list[str | None]
) -> None:
    assert colours_named(names, product) == colours


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["Blue", "Green", "Red"], [30, 20, 10]),
        (["blue", "green", "red", "nir"], [30, 20, 10]),
        (["nir", "red", "green", "blue"], [20, 30, 40]),
        (["B8", "B4", "B3", "B2"], [20, 30, 40]),
        (["coastal_blue", "blue", "green_i", "green", "yellow", "red", "rededge", "nir"], [60, 40, 20]),
        ([None, None, "nir", None], [10, 20, 40]),
    ],
)  # fmt: skip
def test_the_picture_is_made_of_the_bands_that_are_called_red_green_and_blue(
    tmp_path: Path, names: list[str | None], shown: list[int]
) -> None:
    bands = [10 * (i + 1) for i in range(len(names))]
    assert middle(raster(tmp_path / "a.tif", bands, names=names)) == shown
    # whatever GDAL made up for three or four bytes
    kinds = (*RGBA[:3], *[ColorInterp.undefined] * 5)[: len(names)]
    flagged = raster(tmp_path / "b.tif", bands, names=names, colorinterp=kinds)
    assert names[0] is None or middle(flagged) == shown


def test_bands_that_are_asked_for_win_over_names_flags_and_alpha(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", [10, 20, 30, 40], names=["blue", "green", "red", "alpha"], colorinterp=RGBA)
    assert middle(path, bands=(1, 2, 3)) == [10, 20, 30]
    assert middle(path, bands=(4, 1, 2)) == [40, 10, 20]


def test_where_nothing_tells_the_choice_is_noted(tmp_path: Path) -> None:
    with source_of(raster(tmp_path / "a.tif", [10, 20, 30, 40])) as source:
        (note,) = source.notes
    assert note.reason == "bands" and "showing bands 1,2,3 of 4" in note.message and "--bands" in note.message
    with source_of(raster(tmp_path / "b.tif", [10, 20, 30], names=["red", "green", "blue"])) as source:
        assert source.notes == []


def test_a_panchromatic_band_beside_alpha_is_the_picture(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", [255, 77], names=["alpha", "pan"])
    assert middle(path) == [77, 77, 77]


NIR = np.where(np.arange(64) < 32, 20, 180)[None].repeat(64, 0)
SPREAD = np.arange(64 * 64).reshape(64, 64) % 256


@pytest.mark.parametrize("nir", [NIR, SPREAD, np.where(SPREAD > 100, SPREAD, 0)])
@pytest.mark.parametrize("options", [{}, {"bands": (1, 2, 3)}])
def test_near_infrared_that_is_flagged_as_alpha_hides_nothing(
    tmp_path: Path, nir: np.ndarray, options: dict[str, Any]
) -> None:
    path = raster(tmp_path / "a.tif", [10, 20, 30, nir], colorinterp=RGBA)
    with source_of(path, **options) as source:
        chip = source.read(WHOLE, 32)
        assert chip.valid.all() and chip.image[16, 8].tolist() == [10, 20, 30]
        assert "band 4 is called alpha" in source.notes[0].message


@pytest.mark.parametrize(
    ("dtype", "opaque"), [("uint8", 255), ("uint8", 1), ("uint16", 255), ("uint16", 65535), ("float32", 1)]
)
@pytest.mark.parametrize("place", [0, 3])
def test_an_alpha_of_any_height_and_place_hides_what_it_says(
    tmp_path: Path, dtype: str, opaque: float, place: int
) -> None:
    bands: list[Any] = [10, 20, 30]
    bands.insert(place, HALVES * opaque)
    kinds = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
    kinds.insert(place, ColorInterp.alpha)
    path = raster(tmp_path / "a.tif", bands, dtype, colorinterp=tuple(kinds))
    chip = read(path, WHOLE, scale=(0.0, 255.0))
    assert not chip.valid[:, :7].any() and chip.valid[:, 9:].all()
    assert chip.image[8, 12].tolist() == [10, 20, 30]


def test_an_alpha_whose_edge_fades_out_is_still_one(tmp_path: Path) -> None:
    fading = np.clip((np.arange(64) - 20) * 20, 0, 255)[None].repeat(64, 0)
    chip = read(raster(tmp_path / "a.tif", [10, 20, 30, fading], colorinterp=RGBA), WHOLE)
    assert not chip.valid[:, :5].any() and chip.valid[:, 8:].all()


def test_a_mask_by_name_hides_where_it_is_0(tmp_path: Path) -> None:
    chip = read(raster(tmp_path / "a.tif", [10, 20, 30, HALVES], names=["red", "green", "blue", "dataMask"]), WHOLE)
    assert not chip.valid[:, :7].any() and chip.valid[:, 9:].all()


@pytest.mark.parametrize(
    ("dtype", "stored", "declared"),
    [
        ("float32", -3.4028234663852886e38, -3.40282e38), ("float32", -3.4028234663852886e38, -3.4028226550889045e38),
        ("float32", -9999.9, -9999.900390625), ("float64", -9999.9, -9999.9), ("float64", np.float32(0.1), 0.1),
        ("float32", np.nan, np.nan), ("int16", -9999, -9999), ("int8", -128, -128),
    ],
)  # fmt: skip
def test_a_nodata_value_that_differs_in_its_last_digits_is_seen(
    tmp_path: Path, dtype: str, stored: float, declared: float
) -> None:
    ramp = np.where(HALVES == 0, stored, np.linspace(20, 90, 64)[:, None])
    path = raster(tmp_path / "a.tif", [ramp], dtype, nodata=declared)
    with source_of(path) as source:
        chip = source.read(WHOLE, 32)
        low, high = source.stretch  # type: ignore[misc]
    assert not chip.valid[:, :15].any() and chip.valid[:, 17:].all()
    assert 19 <= low < 30 and 80 < high <= 90  # which one such value would have ruined


def test_a_nodata_value_that_the_type_cannot_hold_hides_nothing(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", [0, 0, 241])
    assert read(path, nodata=-9999.0).valid.all() and read(path, nodata=256.0).valid.all()


def test_white_may_be_0(tmp_path: Path) -> None:
    plain = raster(tmp_path / "a.tif", [173], photometric="miniswhite", colorinterp=None)
    assert middle(plain) == [82, 82, 82]
    ramp = np.linspace(1000, 3000, 64)[None].repeat(64, 0)
    deep = raster(tmp_path / "b.tif", [ramp], "uint16", photometric="miniswhite", colorinterp=None)
    row = read(deep, WHOLE).image[8, :, 0].astype(int)
    assert row[0] > 230 and row[-1] < 25 and (np.diff(row) <= 0).all()


@pytest.mark.parametrize(("bits", "value", "grey"), [(1, 1, 255), (2, 1, 85), (4, 5, 85), (4, 15, 255)])
def test_fewer_than_8_bits_reach_from_black_to_white(tmp_path: Path, bits: int, value: int, grey: int) -> None:
    assert middle(raster(tmp_path / "a.tif", [value], nbits=bits, colorinterp=None)) == [grey] * 3
    inverted = raster(tmp_path / "b.tif", [value], nbits=bits, photometric="miniswhite", colorinterp=None)
    assert middle(inverted) == [255 - grey] * 3


def test_a_palette_of_16_bits_is_looked_up(tmp_path: Path) -> None:
    table = {0: (200, 0, 0, 255), 700: (0, 200, 0, 255)}
    path = raster(tmp_path / "a.tif", [700 * HALVES], "uint16", photometric="palette", colorinterp=None, colormap=table)
    image = read(path, WHOLE).image
    assert image[8, 2].tolist() == [200, 0, 0] and image[8, 13].tolist() == [0, 200, 0]


def with_factors(path: Path, scales: list[float], offsets: list[float]) -> Path:
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = scales, offsets
    return path


def test_scale_and_offset_bring_bands_to_one_measure(tmp_path: Path) -> None:
    """A grey ramp whose bands are stored with different factors is grey; a scale that is asked for is one as stored."""
    ramp = np.linspace(0.1, 0.5, 64)[None].repeat(64, 0)
    stored = [ramp / 1e-4, ramp / 2e-4, (ramp + 0.2) / 2.75e-5]
    path = raster(tmp_path / "a.tif", stored, "uint16", colorinterp=RGBA[:3])
    path = with_factors(path, [1e-4, 2e-4, 2.75e-5], [0.0, 0.0, -0.2])
    image = read(path, WHOLE).image.astype(int)
    assert np.ptp(image, axis=2).max() <= 1 and np.ptp(image) > 200
    asked = read(path, scale=(0.0, 10000.0)).image[8, 8]
    with rasterio.open(path) as file:
        expected = file.read(1)[32, 32] / 10000 * 255
    assert abs(int(asked[0]) - expected) <= 2


def test_types_that_lie_in_one_folder_are_each_shown_in_full(tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, 64)[None].repeat(64, 0)
    entries = []
    for lon, (dtype, factor) in zip(
        (20.0, 20.1, 20.2), [("uint8", 200), ("uint16", 8000), ("float32", 0.7)], strict=True
    ):
        data = np.broadcast_to((ramp * factor).astype(dtype), (1, 64, 64))
        transform = transform_around("EPSG:3857", lat=10.0, lon=lon, width=64, height=64, pixel=4.0)
        path = write_raster(tmp_path / f"{dtype}.tif", data, transform, "EPSG:3857")
        entries.append(RasterEntry(str(path), str(path)))
    with RasterSource("mixed", entries, SourceOptions()) as source:
        for lon in (20.0, 20.1, 20.2):
            row = source.read(Footprint(10.0, lon, 240.0), 16).image[8, :, 0].astype(int)
            assert row[0] < 20 and row[-1] > 180 and (np.diff(row) > 0).all()
        assert isinstance(source.stretch, dict) and set(source.stretch) == {"uint16", "float32"}


def test_the_wavelength_that_gdal_keeps_says_what_a_band_shows(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", [10, 20, 30, 40], colorinterp=RGBA)  # as GDAL flags four bytes
    with rasterio.open(path, "r+") as file:
        for band, middle_um in enumerate((0.49, 0.56, 0.665, 0.842), start=1):
            file.update_tags(band, ns="IMAGERY", CENTRAL_WAVELENGTH_UM=str(middle_um))
    chip = read(path)
    assert chip.image[8, 8].tolist() == [30, 20, 10] and chip.valid.all()


def test_names_of_products_say_what_their_bands_show() -> None:
    naip = [facts.colour for facts in bands_of("/x/m_4709963_se_14_1_20100629.tif", 4)]
    assert naip == ["red", "green", "blue", "nir"]
    planet = [facts.colour for facts in bands_of("20230801_045512_12_2486_3B_AnalyticMS_SR_8b_clip.tif", 8)]
    assert [planet.index(colour) + 1 for colour in ("red", "green", "blue")] == [6, 4, 2]
    assert [f.colour for f in bands_of("10FEB12034523-M2AS_R1C1-052903564050_01_P001.TIF", 4)][:3] == [
        "blue", "green", "red",
    ]  # fmt: skip
    assert bands_of("kathmandu.tif", 4) == ()


def test_a_file_of_nothing_but_alpha_cannot_be_shown(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", [255], colorinterp=(ColorInterp.alpha,))
    with pytest.raises(SourceError, match="no band but alpha"):
        source_of(path)


def test_a_crop_is_shown_by_the_stretch_of_its_own_type(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", [5000], "uint16")
    stretches = {"uint16": (0.0, 10000.0), "float32": (0.0, 1.0)}
    assert (read_crop(path, SourceOptions(), stretches) == 128).all()
    assert (read_crop(path, SourceOptions(), (0.0, 10000.0)) == 128).all()
    with pytest.raises(ItemError, match="values of type uint16"):
        read_crop(path, SourceOptions(), {"float32": (0.0, 1.0)})


def test_near_infrared_that_is_flagged_as_alpha_does_not_darken_a_crop(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", [10, 20, 30, np.where(SPREAD > 100, SPREAD, 0)], colorinterp=RGBA)
    assert read_crop(path, SourceOptions(), None)[3, 3].tolist() == [10, 20, 30]
