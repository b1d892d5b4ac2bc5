"""The country of many places at once, offline: a few seconds for a million.

A grid of 0.1° knows the country of every cell that no border touches; places in the other cells are looked up one by
one. Borders are those of time zones from the package `tzfpy` (OpenStreetMap, ODbL), coastal waters included, as in
`ingest.places.areas`. It does not know names.
"""

import logging
import os
from functools import cache
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import shapely
from PIL import Image, ImageDraw
from scipy import ndimage
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from ingest.places.areas import GUESTS, countries_of_zones, country_codes, country_outline, country_parts
from trainer.errors import GroundcastError

CELLS = 10  # to a degree
_NORTH, _WEST = 90, -180
_FORMAT = 1  # of the file; a change makes it anew

Codes = npt.NDArray[np.int16]

log = logging.getLogger(__name__)


class Countries:
    """The grid, and what lies under it. Open it with `open_countries`.

    Args:
        grid: int16 [1800, 3600], from north to south and west to east: number of the country.
        mixed: bool [1800, 3600]: a border may run through the cell.

    Attributes:
        codes: Two letters, ISO 3166, of each number; that of 0 is empty: no country, the open sea.
    """

    def __init__(self, grid: Codes, mixed: npt.NDArray[np.bool_]) -> None:
        self.grid, self._mixed = grid, mixed
        self.codes = _codes()
        self._number = {code: number for number, code in enumerate(self.codes)}
        self._of_zone = {zone: self._number[code] for zone, code in countries_of_zones().items()}

    def at(self, *, lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64]) -> Codes:
        """Number of the country of each place, [n] of degrees [n] within ±90 and ±180."""
        row = np.clip(((_NORTH - lat) * CELLS).astype(np.int64), 0, 180 * CELLS - 1)
        column = ((lon - _WEST) * CELLS).astype(np.int64) % (360 * CELLS)
        found = self.grid[row, column]
        near = np.flatnonzero(self._mixed[row, column])
        found[near] = self._looked_up(lat[near], lon[near])
        return found

    def numbers(self, codes: tuple[str, ...]) -> list[int]:
        """Numbers of countries by their codes; KeyError for one that is unknown."""
        return [self._number[code] for code in codes]

    def _looked_up(self, lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64]) -> Codes:
        import tzfpy

        zones = [tzfpy.get_tz(x, y) for x, y in zip(lon.tolist(), lat.tolist(), strict=True)]
        found = np.array([self._of_zone.get(zone, 0) for zone in zones], np.int16)
        for zone, (guest, _) in GUESTS.items():
            there = np.flatnonzero(np.array(zones) == zone)
            if there.size:
                inside = shapely.contains_xy(_outline(guest), lon[there], lat[there])
                found[there[inside]] = self._number[guest]
        return found


def open_countries(folder: Path) -> Countries:
    """The grid, from a file that is made on first use, which takes some seconds.

    Args:
        folder: Where the file lies, as do those of the gazetteer.

    Raises:
        GroundcastError: It cannot be made.
    """
    import tzfpy

    file = folder / f"countries-{tzfpy.data_version()}-{_FORMAT}.npz"
    try:
        with np.load(file, allow_pickle=False) as stored:
            return Countries(stored["grid"], stored["mixed"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        log.info("drawing the grid of countries, once")
    grid, mixed = _drawn()
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as opened:
            np.savez_compressed(opened, grid=grid, mixed=mixed)
        part.replace(file)
    except OSError as error:
        raise GroundcastError(
            f"{file} cannot be made ({error}): is there room, and may groundcast write there?"
        ) from error
    return Countries(grid, mixed)


@cache
def _codes() -> tuple[str, ...]:
    return ("", *country_codes())


def _drawn() -> tuple[Codes, npt.NDArray[np.bool_]]:
    """The grid, and which of its cells are near a border."""
    grid = np.zeros((180 * CELLS, 360 * CELLS), np.int16)
    borders = Image.new("1", (360 * CELLS, 180 * CELLS))
    pen = ImageDraw.Draw(borders)
    for number, code in enumerate(_codes()):
        for part in country_parts(code) if code else ():
            if isinstance(part, Polygon):
                _paint(grid, pen, part, number)
    # a line is one pixel wide: with its neighbours it holds every cell that the border can touch
    return grid, ndimage.binary_dilation(np.asarray(borders), np.ones((3, 3)))


@cache
def _outline(code: str) -> BaseGeometry:
    outline = country_outline(code)
    assert outline is not None  # noqa: S101 - a guest has a part of a zone
    shapely.prepare(outline)
    return outline


def _paint(grid: Codes, pen: ImageDraw.ImageDraw, part: Polygon, number: int) -> None:
    """Fill the cells of a polygon, and mark those that its rings run through."""
    rings = [_cells(ring) for ring in (part.exterior, *part.interiors)]
    low, high = np.floor(rings[0].min(axis=0)).astype(int), np.ceil(rings[0].max(axis=0)).astype(int) + 1
    inside = Image.new("1", (int(high[0] - low[0]), int(high[1] - low[1])))
    fill = ImageDraw.Draw(inside)
    for ring, is_land in zip(rings, (True, *[False] * len(part.interiors)), strict=True):
        fill.polygon((ring - low).ravel().tolist(), fill=is_land)
        # a part may run past ±180°, and its border is then on both edges of the grid
        for turn in (-360 * CELLS, 0, 360 * CELLS):
            if low[0] + turn <= 360 * CELLS and high[0] + turn >= 0:
                pen.line((ring + np.array([turn, 0])).ravel().tolist(), fill=True)
    ys, xs = np.nonzero(np.asarray(inside))
    rows = ys + low[1]
    known = (rows >= 0) & (rows < len(grid))
    grid[rows[known], (xs[known] + low[0]) % (360 * CELLS)] = number


def _cells(ring: BaseGeometry) -> npt.NDArray[np.float64]:
    """Columns and rows [k, 2] of the corners of a ring."""
    corners = shapely.get_coordinates(ring)
    return np.stack([(corners[:, 0] - _WEST) * CELLS, (_NORTH - corners[:, 1]) * CELLS], axis=1)
