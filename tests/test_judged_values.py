"""Rasters of odd makes show the values that other readers find: GDAL and rio-tiler."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp
from rasterio.warp import transform as to_crs
from rio_tiler.io import Reader

from ingest.geo.geometry import Footprint
from ingest.opening import open_source
from ingest.sources.source import SourceOptions
from trainer.errors import SourceError

SIDE = 64
COLOURS = [(200, 20, 30), (20, 190, 40), (25, 35, 210), (220, 210, 15)]
LAST_CLEAR = [(10, 255), (100, 255), (200, 255), (50, 0)]
DEEP = [(2000, 300, 400), (250, 1900, 420), (300, 350, 2100), (2200, 2100, 200)]
GREYS = [(10,), (100,), (200,), (250,)]
PLACE = Affine(1, 0, 350_000, 0, -1, 3_057_000)
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "pixel is point": {"tags": {"AREA_OR_POINT": "Point"}},
    "south up": {"transform": Affine(1, 0, 350_000, 0, 1, 3_056_936)},
    "mirrored": {"transform": Affine(-1, 0, 350_064, 0, -1, 3_057_000)},
    "turned": {"transform": PLACE * Affine.rotation(30, (SIDE / 2, SIDE / 2))},
    "BigTIFF, big end first": {"BIGTIFF": "YES", "ENDIANNESS": "BIG"},
    "a plane a band": {"INTERLEAVE": "BAND"},
    "grey and alpha": {"values": LAST_CLEAR, "colorinterp": [ColorInterp.gray, ColorInterp.alpha], "ALPHA": "YES"},
    "no data in one band alone": {"values": [(0, 20, 30), *COLOURS[1:3], (0, 0, 0)], "nodata": 0},
    "heights beside the plane": {"crs": "EPSG:32645+5773"},
    "feet": {"crs": "EPSG:2263", "transform": Affine(3, 0, 980_000, 0, -3, 200_000)},
    "west and south": {"crs": "EPSG:2053", "transform": Affine(1, 0, -50_000, 0, -1, -2_900_000)},
    "longitudes to 360": {"crs": "EPSG:4326", "transform": Affine(1e-5, 0, 190, 0, -1e-5, 27)},
    "a mask inside": {"mask": {"GDAL_TIFF_INTERNAL_MASK": True}},
    "a mask beside": {"mask": {"GDAL_TIFF_INTERNAL_MASK": False}},
    "a mask of each band": {"mask": {}},
    "16 bits": {"dtype": "uint16", "values": DEEP, "scale": (200, 2200)},
    "12 bits": {"dtype": "uint16", "values": DEEP, "scale": (200, 2200), "nbits": 12},
    "alpha of 16 bits": {
        "dtype": "uint16", "values": [(*v, i and 65_535) for i, v in enumerate(DEEP)], "scale": (200, 2200),
        "colorinterp": [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha],
    },
    "below zero": {"dtype": "float32", "values": [(-0.5, 0.2, 1), (-1, 0, 1), (2, 1, 0), (0, 0, 0)], "scale": (-1, 2)},
    "no number": {"dtype": "float32", "values": [(np.nan,) * 3, *DEEP[1:]], "nodata": np.nan, "scale": (200, 2200)},
    "a sign": {"dtype": "int8", "values": [(-100, 0, 50), (1, 2, 3), (127, -128, 9), (7, 8, 9)], "scale": (-128, 127)},
    "white is 0": {"values": GREYS, "photometric": "MINISWHITE", "shown": lambda v: 255 - v},
    "one bit": {"values": [(0,), (1,), (1,), (0,)], "nbits": 1, "shown": lambda v: v * 255},
    "two bits": {"values": [(0,), (1,), (2,), (3,)], "nbits": 2, "shown": lambda v: v * 85},
    "four bits": {"values": [(0,), (5,), (10,), (15,)], "nbits": 4, "shown": lambda v: v * 17},
    "a palette": {"values": [(0,), (1,), (2,), (3,)], "palette": COLOURS},
    "a palette with a hole": {"values": [(0,), (1,), (2,), (3,)], "palette": COLOURS, "nodata": 2},
    "a palette of 4 bits": {"values": [(0,), (1,), (2,), (3,)], "palette": COLOURS, "nbits": 4},
    "a palette of 16 bits": {"dtype": "uint16", "values": [(0,), (1,), (2,), (3,)], "palette": COLOURS},
    "JPEG inside": {"compress": "JPEG", "photometric": "YCBCR", "interleave": "PIXEL", "JPEG_QUALITY": 95},
    "inks": {"values": [(*(255 - c for c in v), 0) for v in COLOURS], "photometric": "CMYK"},
}  # fmt: skip

Places = list[tuple[float, float]]  # latitude, longitude
Values = list[tuple[float, ...] | None]


def write(
    path: Path,
    *,
    values: list[tuple[float, ...]] = COLOURS,
    dtype: str = "uint8",
    tags: Any = None,
    colorinterp: Any = None,
    mask: Any = None,
    palette: Any = None,
    **made: Any,
) -> Places:
    """Four squares of one value each, the first masked if there is a mask; the places of their middles."""
    data = np.repeat(np.repeat(np.array(values, dtype).T.reshape(-1, 2, 2), SIDE // 2, 1), SIDE // 2, 2)
    profile = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": len(data), "dtype": dtype}
    profile |= {"crs": "EPSG:32645", "transform": PLACE} | made
    kept = np.ones((SIDE, SIDE), np.uint8) * 255
    kept[: SIDE // 2, : SIDE // 2] = 0
    with rasterio.Env(**(mask or {})), rasterio.open(path, "w", **profile) as file:
        if palette:
            file.write_colormap(1, {i: (*colour, 255) for i, colour in enumerate(palette)})
        file.write(data)
        file.update_tags(**(tags or {}))
        if mask:
            file.write_mask(kept)
        if colorinterp:
            file.colorinterp = colorinterp
    if mask == {}:  # as GDAL's CreateMaskBand makes them of bands
        plain = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": len(data), "dtype": "uint8"}
        with rasterio.open(f"{path}.msk", "w", **plain) as file:
            file.write(np.array([kept] * len(data)))
            file.update_tags(**{f"INTERNAL_MASK_FLAGS_{i + 1}": 0 for i in range(len(data))})
    middles = [profile["transform"] * (SIDE * (0.25 + i % 2 / 2), SIDE * (0.25 + i // 2 / 2)) for i in range(4)]
    lon, lat = to_crs(profile["crs"], "EPSG:4326", *zip(*middles, strict=True))
    return [(y, (x + 180) % 360 - 180) for x, y in zip(lon, lat, strict=True)]


def by_gdal(path: Path, places: Places) -> Values:
    with rasterio.open(path) as file:
        turn = 360 if file.crs.is_geographic and file.bounds.left > 180 else 0
        at = to_crs("EPSG:4326", file.crs, [lon + turn for _, lon in places], [lat for lat, _ in places])
        pixels = [tuple(map(int, file.index(x, y))) for x, y in zip(*at[:2], strict=True)]
        values, mask = file.read(), file.dataset_mask()
        return [tuple(values[:, r, c].tolist()) if mask[r, c] else None for r, c in pixels]


def by_rio_tiler(path: Path, places: Places) -> Values:
    with Reader(str(path)) as file:
        turn = 360 if file.dataset.crs.is_geographic and file.dataset.bounds.left > 180 else 0
        points = [file.point(lon + turn, lat).array for lat, lon in places]
    return [None if np.ma.getmaskarray(one).all() else tuple(np.ma.getdata(one).tolist()) for one in points]


@pytest.mark.parametrize(
    ("kind", "judge"),
    # rio-tiler finds no place in a raster whose rows or columns run the other way
    [
        *((kind, by_gdal) for kind in KINDS),
        *((kind, by_rio_tiler) for kind in KINDS if kind not in ("south up", "mirrored")),
    ],
)
def test_values_are_those_that_others_read(tmp_path: Path, kind: str, judge: Callable[[Path, Places], Values]) -> None:
    made = dict(KINDS[kind])
    scale, shown = made.pop("scale", "auto"), made.pop("shown", np.array)
    places = write(tmp_path / "a.tif", **made)
    right = judge(tmp_path / "a.tif", places)
    with open_source(str(tmp_path / "a.tif"), SourceOptions(scale=scale)) as source:
        chips = [source.read(Footprint(lat, lon, 8.0), 5) for lat, lon in places]
    for chip, expected in zip(chips, right, strict=True):
        assert chip.valid[2, 2] == (expected is not None)
        if expected is not None:
            colours = np.array(expected[:3] if len(expected) > 2 else expected[:1] * 3)
            if "palette" in made:
                colours = made["palette"][colours[0]]
            if scale != "auto":
                colours = (colours - scale[0]) * (255 / (scale[1] - scale[0]))
            np.testing.assert_allclose(chip.image[2, 2], shown(colours), atol=1)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("1\n0\n0\n-1\n350000.5\n3056999.5", True),
        ("1,0\r\n0,0\r\n0,0\r\n-1,0\r\n350000,5\r\n3056999,5\r\n\r\n", True),
        ("1.0E+00\n0\n0\n-1.0E+00\n3.500005E+05\n3.0569995E+06", True),
        ("1 0 0 -1 350000.5 3056999.5", False),
        ("1\n0\n0\n-1\n350000.5", False),
        ("0\n0\n0\n0\n0\n0", False),
        ("a\nb\nc\nd\ne\nf", False),
    ],
)
@pytest.mark.parametrize("suffix", ["tfw", "TFW", "wld"])
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_world_file_places_an_image_or_is_named(tmp_path: Path, text: str, good: bool, suffix: str) -> None:
    places = write(tmp_path / "b.tif")
    with rasterio.open(tmp_path / "b.tif") as whole:
        (tmp_path / "a.prj").write_text(whole.crs.to_wkt())
        profile = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": 3, "dtype": "uint8"}
        with rasterio.open(tmp_path / "a.tif", "w", **profile) as file:
            file.write(whole.read())
    (tmp_path / f"a.{suffix}").write_text(text)
    if not good:
        with pytest.raises(SourceError, match=rf"its world file a\.{suffix} is not six numbers, one a line"):
            open_source(str(tmp_path / "a.tif"))
        return
    with open_source(str(tmp_path / "a.tif")) as source:
        found = [source.read(Footprint(lat, lon, 8.0), 5).image[2, 2].tolist() for lat, lon in places]
    np.testing.assert_allclose(found, COLOURS, atol=1)
