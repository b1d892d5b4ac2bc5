"""Chips and map tiles decoded to 8 bits: ordinary pictures as they are, 16 bits and floats by one stretch of all.

TIFF, JPEG 2000 and PNG of 16 bits are read by GDAL, as rasters are, and so have bands, nodata, alpha and palettes; what
is left is read by Pillow. It does not know where pictures lie.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader, MemoryFile

from ingest.sources.bands import LOSSY_TOLERANCE, UNMEASURED, BandPlan, plan_bands
from ingest.sources.picture import open_picture, quiet_pillow, read_rgba
from ingest.sources.rasters.handles import GDAL_ERRORS, gdal_session
from ingest.sources.rasters.libjpeg import damage_is_an_error
from ingest.sources.rasters.reach import names_nothing_beyond, own_reach
from ingest.sources.references import Bounds, bounds_of
from ingest.sources.source import SourceOptions
from trainer.errors import ItemError

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # and BigTIFF, in either byte order
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG_2000 = (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")  # in its container, and without: Pillow reads a part of them
_SAMPLE_PX = 256  # a side, of each picture that a stretch is measured from

Encoded = Path | bytes
Named = tuple[Encoded, str]


class Decoder:
    """Pictures of one source.

    Args:
        options: Bands, nodata and scale.
        sample: Some of its pictures with their names, the same ones each time: a stretch is measured from them.
    """

    def __init__(self, options: SourceOptions, sample: Callable[[], Iterable[Named]]) -> None:
        self._options, self._sample = options, sample
        self._stretches: dict[str, tuple[float, float]] | None = None
        self._lock = threading.Lock()

    def read(self, source: Encoded, name: str) -> npt.NDArray[np.uint8]:
        """A picture, uint8 [h, w, 4] RGBA; alpha 0 where there is no imagery. Thread-safe.

        Raises:
            ItemError: It cannot be decoded, or needs a stretch that cannot be measured here.
        """
        if _is_raster(source):
            with _raster(source, name) as dataset:
                if ColorInterp.cyan not in dataset.colorinterp:  # inks: Pillow knows how they mix
                    return self._of_raster(dataset, name)
        rgba = _with_bands(read_rgba(source, name), self._options, name)
        if self._options.nodata is None and self._options.scale == "auto":
            return rgba
        colours = rgba[..., :3].astype(np.float32)
        if self._options.nodata is not None:
            head = _head(source)
            lossy = head[:2] == b"\xff\xd8" or head[:4] == b"RIFF"  # JPEG, WebP
            away = np.abs(colours - self._options.nodata).max(axis=2)
            rgba = rgba.copy()
            rgba[away <= (LOSSY_TOLERANCE if lossy else 0), 3] = 0
        if self._options.scale != "auto":
            low, high = self._options.scale
            shown = np.rint(np.clip((colours - low) * (255 / (high - low)), 0, 255)).astype(np.uint8)
            rgba = np.dstack([shown, rgba[..., 3]])
        return rgba

    def notes(self) -> dict[str, str]:
        """What is chosen in its sample because pictures do not tell, such as their bands, and the first it is of."""
        found: dict[str, str] = {}
        for source, name in self._sample():
            try:
                if _is_raster(source):
                    with _raster(source, name) as dataset:
                        for note in plan_bands(dataset, self._options).notes:
                            found.setdefault(note, name)
            except (ItemError, OSError):  # it will say so itself when it is read
                continue
        return found

    def stretches(self) -> dict[str, tuple[float, float]]:
        """Values shown as black and white, by type; of other types than bytes."""
        with self._lock:
            if self._stretches is None:
                self._stretches = self._measured()
            return self._stretches

    def _of_raster(self, dataset: DatasetReader, name: str) -> npt.NDArray[np.uint8]:
        plan, values = _read(dataset, self._options, (dataset.height, dataset.width))
        if plan.stretch == UNMEASURED:
            stretch = self.stretches().get(plan.dtype)
            if stretch is None:
                raise ItemError(
                    "unsupported",
                    f"{name}: values of type {plan.dtype}, and nothing to measure from which are black and white: give "
                    "--scale LO,HI",
                )
            plan = plan.stretched(stretch)
        mask = dataset.read_masks(plan.masks) if plan.masks else None
        rgb, valid = plan.to_rgb(values, mask)
        return np.ascontiguousarray(np.concatenate([rgb, valid[None].astype(np.uint8) * 255]).transpose(1, 2, 0))

    def _measured(self) -> dict[str, tuple[float, float]]:
        """From the 2nd to the 98th percentile of the sample, by type."""
        found: dict[str, list[npt.NDArray[np.float64]]] = {}
        for source, name in self._sample():
            try:
                if not _is_raster(source):
                    continue
                with _raster(source, name) as dataset:
                    shape = (min(dataset.height, _SAMPLE_PX), min(dataset.width, _SAMPLE_PX))
                    plan, values = _read(dataset, self._options, shape)
                    mask = dataset.read_masks(plan.masks, out_shape=shape) if plan.masks else None
                    if plan.stretch == UNMEASURED:
                        found.setdefault(plan.dtype, []).append(plan.values(values, mask))
            except (ItemError, OSError):  # it will say so itself when it is read
                continue
        stretches = {}
        for dtype, parts in found.items():
            low, high = (
                np.percentile(values, [2, 98]).tolist() if (values := np.concatenate(parts)).size else (0.0, 1.0)
            )
            stretches[dtype] = (low, high if high > low else low + 1.0)  # one value all over: any range shows it
        return stretches


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height of a picture, pixels, from its header.

    Raises:
        ItemError: It cannot be read.
    """
    if _is_raster(path):
        with _raster(path, str(path)) as dataset:
            return dataset.width, dataset.height
    with open_picture(path, str(path)) as picture:
        return picture.size


def _read(dataset: DatasetReader, options: SourceOptions, shape: tuple[int, int]) -> tuple[BandPlan, npt.NDArray[Any]]:
    """How a picture is shown, and its values, [bands, h, w]."""
    plan = plan_bands(dataset, options)
    values = dataset.read(plan.read_indexes, out_shape=(len(plan.read_indexes), *shape))
    if plan.alpha is not None:
        plan = plan.with_alpha_seen(values[-1], chosen=options.bands is not None)
        values = values[: len(plan.read_indexes)]
    return plan, values


def _with_bands(rgba: npt.NDArray[np.uint8], options: SourceOptions, name: str) -> npt.NDArray[np.uint8]:
    """A picture of 8 bits [h, w, 4] with the bands that are asked for as its colours; a fourth is its alpha."""
    if options.bands is None:
        return rgba
    opaque = bool((rgba[..., 3] == 255).all())
    if max(options.bands) > (3 if opaque else 4):
        raise ItemError("bands", f"{name} has no band {max(options.bands)}: give --bands of 1 to {3 if opaque else 4}")
    alpha = np.full(rgba.shape[:2], 255, np.uint8) if 4 in options.bands else rgba[..., 3]
    return np.dstack([*(rgba[..., band - 1] for band in options.bands), alpha])


def _head(source: Encoded) -> bytes:
    if isinstance(source, bytes):
        return source[:32]
    try:
        with source.open("rb") as file:
            return file.read(32)
    except OSError:
        return b""  # which `open_picture` tells


def _driver(source: Encoded) -> str | None:
    """GDAL's driver for what Pillow does not read as it is meant."""
    head = _head(source)
    if head[:4] in _TIFF:
        return "GTiff"
    # the 25th byte of a PNG is its bit depth
    if head[:8] == _PNG and head[24:25] == b"\x10":
        return "PNG"
    return "JP2OpenJPEG" if head.startswith(_JPEG_2000) else None


def _is_raster(source: Encoded) -> bool:
    return _driver(source) is not None


@contextmanager
def _raster(source: Encoded, name: str) -> Iterator[DatasetReader]:
    """A TIFF, PNG or JPEG 2000, opened by GDAL, which must not say where it lies."""
    limit = Image.MAX_IMAGE_PIXELS or 0
    memory = MemoryFile(source) if isinstance(source, bytes) else None
    try:
        with gdal_session(), own_reach(memory.name if memory else str(source)):
            with quiet_pillow():  # and rasterio, of what has no place
                path = memory.name if memory else str(source)
                dataset = DatasetReader(path, driver=_driver(source), sharing=False)
            bounds = Bounds(None) if memory else bounds_of(path, allowed_hosts=None)
            names_nothing_beyond(dataset, bounds)
            with dataset, damage_is_an_error():
                if limit and dataset.width * dataset.height > limit:
                    size = f"{dataset.width}×{dataset.height} px"
                    raise ItemError("too_large", f"{name} has {size}, more than {limit / 1e6:.0f} MP: scale it down")
                yield dataset
    except GDAL_ERRORS as error:
        raise ItemError(
            "corrupt",
            f"{name} cannot be decoded, it is cut short or damaged: {error}; copy it again from where it came",
        ) from error
    finally:
        if memory:
            memory.close()
