"""One raster file: what is known of it, and its pixels on a footprint.

Reading goes by windows and overviews, so memory is bounded by the output, not by the file. It does not know other
files or collections, nor how a file is recognised: `inspection`.
"""

import math
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from ingest.geo.geometry import Footprint
from ingest.sources.bands import BandPlan
from ingest.sources.rasters.handles import GDAL_ERRORS, HandlePool
from ingest.sources.rasters.warp import Georeference, PixelMap, pixel_maps, resample, rescaled, to_crs
from ingest.sources.source import Image8, Mask, Mosaic, Problem
from trainer.errors import ItemError

MAX_PIXELS = 1_000_000_000  # of the file, behind one tile, where no overviews help
_MAX_SIDE = 8192  # of a window once read, pixels


@dataclass(frozen=True)
class RasterFile:
    """What is known of an open raster.

    Attributes:
        path: As given to GDAL: a path, ``/vsicurl/`` and a URL, or the XML of a VRT.
        name: For messages and `Chip.origin`.
        width: Columns of pixels.
        height: Rows of pixels.
        where: From pixels to places and back.
        plan: Which bands to read and how they are shown.
        overviews: Factors of its overviews.
        outline: Where it lies: degrees, split at ±180°.
        gsd_m: Ground sample distance at its middle, metres.
        acquired_at: Aware UTC, or None.
        attribution: As the file says, or None.
        parts: Names, sizes and times of the files it is made of.
        mask: A file beside it that says where its pixels can be used, or None.
        problems: What is wrong with some of those: of a VRT, whose other sources are read.
        notes: What is to be known of its place: a reason code and a sentence each.
    """

    path: str
    name: str
    width: int
    height: int
    where: Georeference
    plan: BandPlan
    overviews: tuple[int, ...]
    outline: BaseGeometry
    gsd_m: float
    acquired_at: datetime | None
    attribution: str | None
    parts: tuple[tuple[str, int, int], ...]
    mask: "RasterFile | None" = None
    problems: tuple[Problem, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()

    @property
    def _blocky(self) -> bool:
        """Its values cannot be averaged: those of a palette are no colours yet."""
        return self.plan.palette is not None or self.plan.by_pixel

    @property
    def middle_x(self) -> float:
        """x of its middle in its CRS."""
        return to_crs(self.where.transform, self.width / 2, self.height / 2)[0]

    def with_stretch(self, stretch: tuple[float, float]) -> "RasterFile":
        """The same file shown with another stretch."""
        return replace(self, plan=self.plan.stretched(stretch))

    def with_alpha_seen(self, pool: HandlePool, *, chosen: bool) -> "RasterFile":
        """The same file once its alpha band was looked at; see `BandPlan.with_alpha_seen`."""
        if self.plan.alpha is None:
            return self
        try:
            with pool.lease(self.path) as dataset:
                seen = np.concatenate(
                    [
                        dataset.read(self.plan.alpha, window=window, out_shape=shape).ravel()
                        for window, shape in self._sample_windows()
                    ]
                )
        except GDAL_ERRORS:  # the tile that is broken will say so itself
            return self
        return replace(self, plan=self.plan.with_alpha_seen(seen, chosen=chosen))

    def read(self, pool: HandlePool, footprint: Footprint, size_px: int) -> tuple[Image8, Mask, float]:
        """Its pixels on a footprint: uint8 [px, px, 3], bool [px, px], and the ground sample distance there.

        Raises:
            ItemError: They cannot be read.
        """
        canvas = Mosaic(size_px)
        gsd_m = self.gsd_m
        for view in pixel_maps(self.where, footprint, self.middle_x):
            local = view.resolution_m(footprint.size_m)
            gsd_m = local if math.isfinite(local) else gsd_m
            try:
                with pool.lease(self.path) as dataset:
                    part, covered = self._read_view(dataset, view, footprint, size_px)
            except GDAL_ERRORS as error:
                raise self._unreadable(error) from error
            canvas.add(part, covered)
        valid = canvas.valid
        if self.mask is not None and valid.any():
            valid = valid & self.mask.read(pool, footprint, size_px)[1]
        return canvas.image, valid, gsd_m

    def _unreadable(self, error: Exception) -> ItemError:
        told = cause_of(error)
        for problem in self.problems:  # known since it was opened
            if problem.subject in told:
                return ItemError(problem.reason, problem.message)
        return _unreadable(self.path, self.name, error)

    def _read_view(
        self, dataset: DatasetReader, view: PixelMap, footprint: Footprint, size_px: int
    ) -> tuple[Image8, Mask]:
        """A plain rescaling where that is the same to a tenth of a pixel and nothing is missing, else a warp."""
        exact = None if self._blocky else view.aligned(size_px)
        if exact is not None and exact[0] >= 0 and exact[1] >= 0 and exact[2] <= self.width and exact[3] <= self.height:
            left, top, right, bottom = exact
            window = Window(left, top, right - left, bottom - top)
            self._guard((right - left) * (bottom - top), *view.scale(size_px))
            rgb, valid = self._pixels(dataset, window, (size_px, size_px), Resampling.cubic)
            # with a hole in it, the cubic kernel has mixed what is missing into what is there: the warp leaves it out
            if valid.all():
                return np.ascontiguousarray(rgb.transpose(1, 2, 0)), valid
        return self._read_window(dataset, view, footprint, size_px)

    def _read_window(
        self, dataset: DatasetReader, view: PixelMap, footprint: Footprint, size_px: int
    ) -> tuple[Image8, Mask]:
        """Read a window at about the resolution of the output, then resample it."""
        span = view.window(self.width, self.height)
        if span is None:
            return np.zeros((size_px, size_px, 3), np.uint8), np.zeros((size_px, size_px), bool)
        left, right, top, bottom = span
        scales = view.scale(size_px)
        self._guard((right - left) * (bottom - top), *scales)
        blocky = self._blocky
        # what cannot be averaged yet is read finer, and becomes colours before it is reduced
        fewer = [max(s / 3 if blocky else s, 1.0) if s > 1.2 else 1.0 for s in scales]
        width = min(_MAX_SIDE, math.ceil((right - left) / fewer[0]))
        height = min(_MAX_SIDE, math.ceil((bottom - top) / fewer[1]))
        same = (width, height) == (right - left, bottom - top)
        how = Resampling.nearest if same or blocky else Resampling.bilinear
        window = Window(left, top, right - left, bottom - top)
        rgb, valid = self._pixels(dataset, window, (height, width), how)
        transform = rescaled(self.where.transform, span, (height, width), view.shift)
        seen = view.within(span, (height, width))
        return resample(rgb, valid, seen, transform, self.where.crs, footprint, size_px)

    def _pixels(
        self, dataset: DatasetReader, window: Window, shape: tuple[int, int], how: Resampling
    ) -> tuple[Image8, Mask]:
        """Red, green and blue and their validity, uint8 [3, h, w] and bool [h, w], from a window read into `shape`."""
        plan = self.plan
        indexes = plan.read_indexes
        values = dataset.read(indexes, window=window, out_shape=(len(indexes), *shape), resampling=how)
        mask = dataset.read_masks(plan.masks, window=window, out_shape=shape, resampling=how) if plan.masks else None
        return plan.to_rgb(values, mask)

    def _guard(self, pixels: float, across: float, down: float) -> None:
        """Refuse to read a large part of a file without overviews for one tile."""
        # a little coarser than the output will do
        usable = [f for f in self.overviews if f <= max(1.2, 1.2 * min(across, down))]
        behind = pixels / max([1, *usable]) ** 2
        if behind > MAX_PIXELS:
            raise ItemError(
                "too_large",
                f"{self.name}: one tile covers {behind:.1e} of its pixels: choose smaller tiles, or build overviews "
                "(`rio overview --build auto --resampling average FILE`)",
            )

    def sample(self, pool: HandlePool) -> npt.NDArray[np.float64]:
        """Some valid values of the picture's bands, [k], spread over the file: to measure a stretch."""
        with pool.lease(self.path) as dataset:
            return np.concatenate([self._values(dataset, *job) for job in self._sample_windows()])

    def _sample_windows(self) -> list[tuple[Window, tuple[int, int]]]:
        """One decimated look at the file, or where that would read too much, 64 small windows."""
        behind = self.width * self.height / max([1, *self.overviews]) ** 2  # in the coarsest overview
        if behind <= 64_000_000:
            shrink = max(1.0, max(self.width, self.height) / 512)
            shape = (max(1, round(self.height / shrink)), max(1, round(self.width / shrink)))
            return [(Window(0, 0, self.width, self.height), shape)]
        side = (min(64, self.width), min(64, self.height))
        places = np.linspace(0, 1, 8)
        return [
            (Window(int(u * (self.width - side[0])), int(v * (self.height - side[1])), *side), (side[1], side[0]))
            for v in places
            for u in places
        ]

    def _values(self, dataset: DatasetReader, window: Window, shape: tuple[int, int]) -> npt.NDArray[np.float64]:
        plan = self.plan
        indexes = plan.read_indexes
        values = dataset.read(indexes, window=window, out_shape=(len(indexes), *shape))
        mask = dataset.read_masks(plan.masks, window=window, out_shape=shape) if plan.masks else None
        return plan.values(values, mask)


def _unreadable(path: str, name: str, error: Exception) -> ItemError:
    if "/vsi" in path:
        return ItemError("http", f"{name}: pixels cannot be read over HTTP ({cause_of(error)})")
    return ItemError(
        "truncated", f"{name}: pixels cannot be read, the file is cut short or damaged ({cause_of(error)})"
    )


def cause_of(error: BaseException) -> str:
    """GDAL's own words, from the end of the chain of causes."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split())[:200]
