"""The score of every tile as a map: an array with its transform, a picture, a file.

A pixel takes the tile that holds its centre, by the rule of `search_ui.maps.pixels`. It does not know how scores are
made.
"""

import os
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from groundcast.question import file_path
from ingest.geo.footprints import Squares
from search_ui.maps import snapshots
from search_ui.maps.pixels import Canvas, Resampler
from search_ui.search.scores import Scores
from trainer.errors import GroundcastError

if TYPE_CHECKING:
    from affine import Affine


@dataclass(frozen=True, eq=False)
class ScoreMap:
    """A map of one moment, or of one moment less another. A notebook shows it as a picture.

    Attributes:
        scores: Of every tile of the question's area and dates, at its moment.
        minus: Of the same tiles at the moment that is taken away; None: nothing is.
        value: What `array` and the picture show: ``cosine`` or ``relevance``.
        about: The question in words, and what was asked of what.
    """

    scores: Scores
    minus: Scores | None
    value: snapshots.Value
    about: snapshots.About

    def __post_init__(self) -> None:
        snapshots.values_of(self.scores, self.value)  # for its error alone: there is no relevance
        if self.minus is not None and self.minus.tile_id != self.scores.tile_id:
            raise GroundcastError("the collection changed while its moments were scored: ask again")

    def __repr__(self) -> str:
        canvas = self._canvas
        size = f"{canvas.width} × {canvas.height} pixels of {canvas.pixel_m:.3g} m"
        return f"ScoreMap({self.about.question}, {self.value}, {len(self.scores.tile_id):,} tiles, {size}, {self.crs})"

    @property
    def note(self) -> str | None:
        """What should be read beside it."""
        return self.scores.note

    @cached_property
    def array(self) -> npt.NDArray[np.float32]:
        """The values, float32 [height, width], north up; NaN where no tile lies. As in band 1 of a GeoTIFF of it."""
        values = snapshots.values_of(self.scores, self.value)[self.value]
        if self.minus is not None:
            values = values - snapshots.values_of(self.minus, self.value)[self.value]
        owners = Resampler(self._canvas, Squares.of(snapshots.places_of(self.scores))).whole()
        return np.append(values, np.float32(np.nan)).astype(np.float32)[owners]  # −1, no tile, is the last

    @property
    def transform(self) -> "Affine":
        """From columns and rows of `array` to `crs`, as rasterio takes it: 0, 0 is the corner of the first pixel."""
        from search_ui.maps.raster import affine_of

        return affine_of(self._canvas)

    @property
    def crs(self) -> str:
        """EPSG:4326, or across ±180° and near a pole a PROJ string in metres."""
        return self._canvas.crs

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it, by the suffix: ``.tif`` (cloud-optimised, all values), ``.png``, ``.parquet`` (all values).

        Returns:
            The path.

        Raises:
            UsageError: An unknown suffix, or a folder that is not there.
            GroundcastError: It cannot be written, such as on a full disk.
        """
        target = file_path("path", path)
        snapshots.check_target(target, "scores" if self.minus is None else "difference")
        if self.minus is None:
            snapshots.write_scores(target, self.scores, self.about, value=self.value, published=False)
        else:
            snapshots.write_difference(target, self.scores, self.minus, self.about, value=self.value)
        return target

    def _repr_png_(self) -> bytes:
        """The picture, for notebooks."""
        with tempfile.TemporaryDirectory() as folder:
            return self.save(Path(folder) / "map.png").read_bytes()

    @cached_property
    def _canvas(self) -> Canvas:
        from search_ui.maps.raster import raster_canvas

        return raster_canvas(snapshots.places_of(self.scores), bands=2)
