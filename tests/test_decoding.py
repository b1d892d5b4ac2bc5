"""Chips and map tiles of more than 8 bits: shown as a source shows rasters, with GDAL reading them."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from make_data import tile_of, write_raster
from PIL import Image

from ingest.geo.geometry import Footprint
from ingest.opening import open_source
from ingest.sources.chips import ChipSource
from ingest.sources.decoding import Decoder
from ingest.sources.source import SourceOptions
from trainer.errors import ItemError

RAMP = np.linspace(0, 1, 64)[None].repeat(64, 0)


def encoded(values: np.ndarray, driver: str = "GTiff", **profile: object) -> bytes:
    """[bands, h, w] as a TIFF or PNG that does not say where it lies."""
    with rasterio.MemoryFile() as memory:
        settings = {"driver": driver, "dtype": values.dtype, "count": len(values), "height": 64, "width": 64}
        # a transform, so that rasterio does not warn of what is meant
        with memory.open(**settings, transform=Affine(1, 0, 5, 0, -1, 5), **profile) as file:
            file.write(values)
        memory.seek(0)
        return bytes(memory.read())


def bands(dtype: str, *factors: float) -> np.ndarray:
    return np.stack([RAMP * factor for factor in factors]).astype(dtype)


DEEP = {
    "grey PNG": encoded(bands("uint16", 9000), "PNG"),
    "RGB PNG": encoded(bands("uint16", 9000, 9000, 9000), "PNG"),
    "grey TIFF": encoded(bands("uint16", 9000)),
    "signed TIFF": encoded(bands("int16", 9000)),
    "RGB TIFF": encoded(bands("uint16", 9000, 9000, 9000), photometric="rgb"),
    "float TIFF": encoded(bands("float32", 0.7)),
    "float RGB TIFF": encoded(bands("float32", 0.7, 0.7, 0.7)),
}


@pytest.mark.parametrize("kind", DEEP)
def test_pictures_of_more_than_8_bits_are_stretched(kind: str) -> None:
    decoder = Decoder(SourceOptions(), lambda: [(DEEP[kind], kind)])
    rgba = decoder.read(DEEP[kind], kind)
    row = rgba[32, :, 0].astype(int)
    assert rgba.shape == (64, 64, 4) and (rgba[..., 3] == 255).all()
    assert row[0] == 0 and row[-1] == 255 and (np.diff(row) >= 0).all() and 115 < row[32] < 140


def test_one_stretch_serves_all_pictures_of_a_type() -> None:
    dark, bright = encoded(bands("uint16", 1000)), encoded(bands("uint16", 9000))
    decoder = Decoder(SourceOptions(), lambda: [(dark, "dark"), (bright, "bright"), (b"broken", "broken")])
    assert decoder.read(dark, "dark").max(axis=(0, 1))[0] < 40 and decoder.read(bright, "bright").max() == 255
    assert list(decoder.stretches()) == ["uint16"]


def test_a_scale_that_is_asked_for_needs_no_sample_and_without_both_it_is_an_error() -> None:
    half = np.full((1, 64, 64), 5000, np.uint16)
    asked = Decoder(SourceOptions(scale=(0.0, 10000.0)), list)
    assert (asked.read(encoded(half), "a")[..., :3] == 128).all()
    with pytest.raises(ItemError, match=r"values of type uint16.*--scale"):
        Decoder(SourceOptions(), list).read(encoded(half, "PNG"), "a")


def test_tiffs_have_nodata_bands_and_transparency() -> None:
    values = bands("uint8", 100, 150, 200) + np.uint8(5)
    values[:, :20] = 0
    rgba = Decoder(SourceOptions(), list).read(encoded(values, nodata=0, photometric="rgb"), "a")
    assert (rgba[:20, :, 3] == 0).all() and (rgba[20:, :, 3] == 255).all()
    flipped = Decoder(SourceOptions(bands=(3, 2, 1)), list).read(encoded(values, photometric="rgb"), "a")
    assert flipped[40, 63, :3].tolist() == [205, 155, 105]


def test_a_broken_tiff_is_an_error_of_its_own() -> None:
    with pytest.raises(ItemError, match="cut short or damaged") as caught:
        Decoder(SourceOptions(), list).read(DEEP["float TIFF"][:300], "a")
    assert caught.value.reason == "corrupt"


def test_nodata_of_a_jpeg_is_found_in_spite_of_its_noise() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(40, 160, (64, 64, 3), dtype=np.uint8)
    pixels[:32] = 255
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    alpha = Decoder(SourceOptions(nodata=255.0), list).read(buffer.getvalue(), "a")[..., 3]
    assert (alpha[:31] == 0).mean() > 0.99 and (alpha[33:] == 255).mean() > 0.99


def test_chips_of_floats_are_shown(tmp_path: Path) -> None:
    for name, factor in (("a", 0.3), ("b", 0.7)):
        (tmp_path / f"{name}.tif").write_bytes(encoded(bands("float32", factor)))
    (tmp_path / "manifest.csv").write_text("path,lat,lon,gsd_m\na.tif,1,2,0.5\nb.tif,1,2,0.5\n")
    with ChipSource(tmp_path, SourceOptions()) as source:
        a, b = (source.read_item(name, 32).image for name in ("a.tif", "b.tif"))
        assert source.items()[0].size_m == 32
        assert b[16, -1, 0] == 255 and 100 < a[16, -1, 0] < 160  # darker, as it is
        assert source.stretch is not None and source.stretch["float32"][1] == pytest.approx(0.65, abs=0.05)


def test_map_tiles_of_16_bits_are_shown(tmp_path: Path) -> None:
    x, y = tile_of(17, lat=10.0, lon=20.0)
    for column in (x - 1, x, x + 1):
        (tmp_path / "17" / str(column)).mkdir(parents=True)
        for row in (y - 1, y, y + 1):
            write_raster(
                tmp_path / "17" / str(column) / f"{row}.png",
                bands("uint16", 9000),
                Affine(1, 0, 5, 0, -1, 5),
                None,
                driver="PNG",
            )
    with open_source(str(tmp_path)) as source:
        image = source.read(Footprint(10.0, 20.0, 300.0), 64).image  # type: ignore[union-attr]
    assert image.min() < 20 and image.max() > 235 and len(np.unique(image)) > 60


def test_options_count_for_ordinary_pictures_too() -> None:
    buffer = BytesIO()
    Image.new("RGBA", (8, 8), (50, 100, 200, 40)).save(buffer, "PNG")
    asked = {
        "bands": (SourceOptions(bands=(3, 2, 1)), [200, 100, 50, 40]),
        "the fourth": (SourceOptions(bands=(4, 1, 2)), [40, 50, 100, 255]),
        "scale": (SourceOptions(scale=(0.0, 510.0)), [25, 50, 100, 40]),
    }
    for options, shown in asked.values():
        assert Decoder(options, list).read(buffer.getvalue(), "a")[4, 4].tolist() == shown
    with pytest.raises(ItemError, match="a has no band 7: give --bands of 1 to 4"):
        Decoder(SourceOptions(bands=(7, 1, 2)), list).read(buffer.getvalue(), "a")
