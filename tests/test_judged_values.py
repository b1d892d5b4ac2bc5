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
from trainer.errors import SourceError

SIDE = 64
COLOURS = [(200, 20, 30), (20, 190, 40), (25, 35, 210), (220, 210, 15)]
LAST_CLEAR = [(10, 255), (100, 255), (200, 255), (50, 0)]
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
}

Places = list[tuple[float, float]]  # latitude, longitude
Values = list[tuple[int, ...] | None]


def write(
    path: Path, *, values: list[tuple[int, ...]] = COLOURS, tags: Any = None, colorinterp: Any = None, **made: Any
) -> Places:
    """Four squares of one value each; the places of their middles."""
    data = np.repeat(np.repeat(np.array(values, np.uint8).T.reshape(-1, 2, 2), SIDE // 2, 1), SIDE // 2, 2)
    profile = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": len(data), "dtype": "uint8"}
    profile |= {"crs": "EPSG:32645", "transform": PLACE} | made
    with rasterio.open(path, "w", **profile) as file:
        file.write(data)
        file.update_tags(**(tags or {}))
        if colorinterp:
            file.colorinterp = colorinterp
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
    places = write(tmp_path / "a.tif", **KINDS[kind])
    right = judge(tmp_path / "a.tif", places)
    with open_source(str(tmp_path / "a.tif")) as source:
        chips = [source.read(Footprint(lat, lon, 8.0), 5) for lat, lon in places]
    for chip, expected in zip(chips, right, strict=True):
        assert chip.valid[2, 2] == (expected is not None)
        if expected is not None:
            colours = expected[:3] if len(expected) > 2 else expected[:1] * 3
            np.testing.assert_allclose(chip.image[2, 2], colours, atol=1)


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
