"""How the bands of a raster become red, green, blue and a mask of valid pixels.

Any number of bands and any real number type; nodata, alpha and palettes. It does not know places or files.
"""

import logging
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.io import DatasetReader

from ingest.sources.source import Image8, Mask, SourceOptions
from trainer.errors import ItemError

UNMEASURED = (0.0, 1.0)  # until the source has measured one stretch for all its files
LOSSY_TOLERANCE = 6  # how far JPEG and WebP move a value that was meant as nodata
_LOSSY = ("JPEG", "WEBP", "JPEG2000")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BandPlan:
    """What to read from a raster and how to show it.

    Attributes:
        indexes: Bands that make the picture, from 1: one (grey or palette) or three.
        alpha: Band that says how opaque a pixel is, or None.
        masked: The file has a mask beside its bands.
        nodata: One nodata value for each of `indexes`, NaN or number, or None.
        tolerance: How far from nodata a value still counts as nodata.
        palette: uint8 [256, 4], RGBA of each value, or None.
        stretch: Values shown as 0 and 255, or None to show values as they are.
        opaque: Value of a wholly opaque alpha.
    """

    indexes: tuple[int, ...]
    alpha: int | None
    masked: bool
    nodata: tuple[float | None, ...]
    tolerance: float
    palette: npt.NDArray[np.uint8] | None
    stretch: tuple[float, float] | None
    opaque: float

    def stretched(self, stretch: tuple[float, float]) -> "BandPlan":
        """The same plan with another stretch."""
        return replace(self, stretch=stretch)

    def to_rgb(self, values: npt.NDArray[Any], mask: npt.NDArray[np.uint8] | None) -> tuple[Image8, Mask]:
        """Values as read become a picture.

        Args:
            values: [bands, h, w] in the order of `indexes`, then alpha if there is one.
            mask: uint8 [h, w] of the file's mask, or None.

        Returns:
            uint8 [3, h, w] and bool [h, w].
        """
        picture = values[: len(self.indexes)]
        valid = self._valid(values, mask)
        if self.palette is not None:
            rgba = self.palette[picture[0]]  # [h, w, 4]
            return np.ascontiguousarray(rgba[..., :3].transpose(2, 0, 1)), valid & (rgba[..., 3] >= 128)
        if self.stretch is not None:
            low, high = self.stretch
            scaled = (picture.astype(np.float32) - low) * (255 / (high - low))
            picture = np.rint(np.clip(np.nan_to_num(scaled), 0, 255)).astype(np.uint8)
        elif picture.dtype != np.uint8:
            raise ItemError("unsupported", f"values of type {picture.dtype} need a stretch")
        return (np.repeat(picture, 3, axis=0) if len(picture) == 1 else picture), valid

    def _valid(self, values: npt.NDArray[Any], mask: npt.NDArray[np.uint8] | None) -> Mask:
        """A pixel is invalid where every band of the picture is nodata, or mask or alpha say so."""
        picture = values[: len(self.indexes)]
        valid = np.ones(values.shape[1:], bool)
        # of floats NaN means no data, declared or not
        if set(self.nodata) != {None} or np.issubdtype(picture.dtype, np.floating):
            missing = np.ones(values.shape[1:], bool)
            for band, nodata in zip(picture, self.nodata, strict=True):
                missing &= self._is_nodata(band, nodata)
            valid &= ~missing
        if self.alpha is not None:
            valid &= values[-1] >= self.opaque / 2
        if mask is not None:
            valid &= mask >= 128
        return valid

    def _is_nodata(self, band: npt.NDArray[Any], nodata: float | None) -> Mask:
        found = ~np.isfinite(band) if np.issubdtype(band.dtype, np.floating) else np.zeros(band.shape, bool)
        if nodata is None or np.isnan(nodata):
            return found
        if self.tolerance > 0:
            band = band.astype(np.float32)  # else unsigned numbers would wrap around in the difference
        return np.asarray(found | (np.abs(band - nodata) <= self.tolerance if self.tolerance else band == nodata))


def plan_bands(dataset: DatasetReader, options: SourceOptions) -> BandPlan:
    """Decide which bands of an open raster make the picture.

    Raises:
        ItemError: The raster has no bands that can be shown.
    """
    kinds = dataset.colorinterp
    alpha = kinds.index(ColorInterp.alpha) + 1 if ColorInterp.alpha in kinds else None
    indexes = _picture_bands(dataset, options, alpha)
    kind = np.dtype(dataset.dtypes[indexes[0] - 1])
    if kind.kind not in "uif":
        raise ItemError("unsupported", f"{dataset.name}: pixels of type {kind} cannot be shown as a picture")
    palette = None
    if kinds[indexes[0] - 1] == ColorInterp.palette and kind == np.uint8 and options.bands is None:
        palette = np.zeros((256, 4), np.uint8)
        for value, rgba in dataset.colormap(indexes[0]).items():
            palette[value] = rgba
    declared = tuple(dataset.nodatavals[i - 1] for i in indexes)
    nodata = declared if options.nodata is None else (options.nodata,) * len(indexes)
    lossy = any(name in str(dataset.tags(ns="IMAGE_STRUCTURE").get("COMPRESSION", "")).upper() for name in _LOSSY)
    lossy |= dataset.tags().get("format") in ("jpg", "jpeg", "webp")  # MBTiles
    stretch = None if options.scale == "auto" else options.scale
    if stretch is None and kind != np.uint8:
        stretch = UNMEASURED
    flags = dataset.mask_flag_enums[indexes[0] - 1]
    return BandPlan(
        indexes=indexes,
        alpha=alpha,
        # GDAL shows an alpha band as a mask of the file, too
        masked=alpha is None and MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags,
        nodata=nodata,
        tolerance=float(LOSSY_TOLERANCE) if lossy and kind == np.uint8 else 0.0,
        palette=palette,
        stretch=None if palette is not None else stretch,
        opaque=float(np.iinfo(dataset.dtypes[alpha - 1]).max) if alpha and _is_integer(dataset, alpha) else 1.0,
    )


def _is_integer(dataset: DatasetReader, band: int) -> bool:
    return np.dtype(dataset.dtypes[band - 1]).kind in "ui"


def _picture_bands(dataset: DatasetReader, options: SourceOptions, alpha: int | None) -> tuple[int, ...]:
    """The bands that make the picture: as asked, else by their colours, else the first three, else the first."""
    if options.bands is not None:
        if max(options.bands) > dataset.count:
            asked = ",".join(map(str, options.bands))
            raise ItemError("bands", f"{dataset.name}: bands {asked} asked for, but it has {dataset.count}")
        return options.bands
    kinds = dataset.colorinterp
    colours = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    if all(colour in kinds for colour in colours):
        return tuple(kinds.index(colour) + 1 for colour in colours)
    shown = [i for i in dataset.indexes if i != alpha]
    if not shown:
        raise ItemError("unsupported", f"{dataset.name}: it has no band but alpha")
    chosen = tuple(shown[:3]) if len(shown) >= 3 else (shown[0],)
    if len(shown) > 4 or len(shown) == 2:
        log.warning(
            "%s: showing bands %s of %d, whose colours it does not declare; choose others with the bands option",
            dataset.name, ",".join(map(str, chosen)), dataset.count,
        )  # fmt: skip
    return chosen
