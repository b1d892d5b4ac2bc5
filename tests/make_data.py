"""A factory of tiny rasters and tile pyramids, made on the spot: their pixels say where they are.

`place_pattern` paints longitude and latitude as smooth waves, so that a picture read at the wrong place shows it.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from PIL import Image
from pyproj import Transformer
from rasterio.enums import Resampling

WORLD_M = 2 * math.pi * 6_378_137.0


def place_pattern(lon: np.ndarray, lat: np.ndarray, *, wave_m: float) -> np.ndarray:
    """uint8 [3, …]: waves of longitude and latitude `wave_m` long, so any shift of a twentieth of one is seen."""
    x, y = np.asarray(lon) * 111_320, np.asarray(lat) * 110_574
    turn = 2 * np.pi / wave_m
    waves = [np.sin(x * turn), np.sin(y * turn), np.cos(x * turn) * np.cos(y * turn)]
    return np.rint(128 + 100 * np.array(waves)).astype(np.uint8)


def raster_lonlat(transform: Affine, crs: str, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude of pixel centres, [height, width]."""
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    x = transform.a * columns + transform.b * rows + transform.c
    y = transform.d * columns + transform.e * rows + transform.f
    lon, lat = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(x, y)
    return lon, lat


def transform_around(crs: str, *, lat: float, lon: float, width: int, height: int, pixel: float) -> Affine:
    """North-up transform of a raster centred at a place; `pixel` in units of the CRS."""
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, lat)
    return Affine(pixel, 0, x - pixel * width / 2, 0, -pixel, y + pixel * height / 2)


def write_raster(path: Path, data: np.ndarray, transform: Affine | None, crs: str | None, **profile: Any) -> Path:
    """A GeoTIFF (or another driver) from [bands, height, width]; further keywords go to rasterio.

    `colorinterp`, `mask`, `tags`, `colormap` and `overviews` are written after the pixels.
    """
    after = {k: profile.pop(k, None) for k in ("colorinterp", "mask", "tags", "colormap", "overviews", "imagery_date")}
    settings = {"driver": "GTiff", "dtype": data.dtype, "crs": crs, **profile}
    if transform is not None:
        settings["transform"] = transform
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(path, "w", count=data.shape[0], height=data.shape[1], width=data.shape[2], **settings) as file,
    ):
        if after["colorinterp"]:
            file.colorinterp = after["colorinterp"]
        file.write(data)
        if after["colormap"]:
            file.write_colormap(1, after["colormap"])
        if after["mask"] is not None:
            file.write_mask(after["mask"])
        if after["tags"]:
            file.update_tags(**after["tags"])
        if after["imagery_date"]:
            file.update_tags(ns="IMAGERY", ACQUISITIONDATETIME=after["imagery_date"])
        if after["overviews"]:
            file.build_overviews(after["overviews"], Resampling.average)
    return path


def pattern_raster(
    path: Path,
    *,
    crs: str = "EPSG:3857",
    lat: float = 10.0,
    lon: float = 20.0,
    pixel: float = 1.0,
    size: int = 600,
    wave_m: float = 100.0,
    **profile: Any,
) -> Path:
    """A raster painted with `place_pattern`, centred at a place."""
    transform = profile.pop("transform", None)
    transform = transform or transform_around(crs, lat=lat, lon=lon, width=size, height=size, pixel=pixel)
    data = place_pattern(*raster_lonlat(transform, crs, size, size), wave_m=wave_m)
    return write_raster(path, data, transform, crs, **profile)


def expected_pattern(footprint: Any, size_px: int, *, wave_m: float) -> np.ndarray:
    """What a perfect reading of `place_pattern` at a footprint would be, uint8 [px, px, 3]."""
    half = footprint.size_m / 2
    line = (np.arange(size_px) + 0.5) / size_px * footprint.size_m - half
    lon, lat = footprint.to_lonlat(*np.meshgrid(line, -line))
    return place_pattern(lon, lat, wave_m=wave_m).transpose(1, 2, 0)


def tile_lonlat(z: int, x: int, y: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude of the pixel centres of a map tile, [side, side]."""
    columns, rows = np.meshgrid((np.arange(side) + 0.5) / side + x, (np.arange(side) + 0.5) / side + y)
    lat = np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * rows / 2**z))))
    return columns / 2**z * 360 - 180, lat


def tile_picture(z: int, x: int, y: int, *, wave_m: float, side: int = 256) -> Image.Image:
    """A map tile painted with `place_pattern`."""
    return Image.fromarray(place_pattern(*tile_lonlat(z, x, y, side), wave_m=wave_m).transpose(1, 2, 0).copy())


def tile_of(z: int, *, lat: float, lon: float) -> tuple[int, int]:
    """Column and row of the map tile that holds a place."""
    n = 2**z
    return int((lon + 180) / 360 * n) % n, int((0.5 - math.asinh(math.tan(math.radians(lat))) / (2 * math.pi)) * n)


def write_pyramid(
    root: Path, zooms: tuple[int, ...], *, lat: float, lon: float, around: int, wave_m: float, tms: bool = False
) -> Path:
    """A folder z/x/y with tiles around a place, PNG and JPEG in turn; `around` tiles each way."""
    for z in zooms:
        cx, cy = tile_of(z, lat=lat, lon=lon)
        for x in range(cx - around, cx + around + 1):
            for y in range(max(0, cy - around), min(2**z, cy + around + 1)):
                column, row = x % 2**z, 2**z - 1 - y if tms else y
                folder = root / str(z) / str(column)
                folder.mkdir(parents=True, exist_ok=True)
                suffix = "png" if (x + y) % 2 else "jpg"
                tile_picture(z, column, y, wave_m=wave_m).save(folder / f"{row}.{suffix}", quality=95)
    return root
