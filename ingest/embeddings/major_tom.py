"""Cells of the Major TOM grid: a name such as ``451U_946L`` in, its middle and size out.

The grid (Francis and Czerkawski, Major TOM: Expandable Datasets for Earth Observation, arXiv 2402.12095, §3.1) has
rows of equal latitude, counted up (U) and down (D) from the equator, and in each as many columns as keep them at most
10 km apart, counted right (R) and left (L) from 0°. A cell is named after its south-west corner.
"""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Degrees = npt.NDArray[np.float64]

SPACING_KM = 10.0
_RADIUS_KM = 6378.137
_NAME = re.compile(r"(\d+)([UD])_(\d+)([LR])")


def cell_squares(names: Sequence[str | None], spacing_km: float = SPACING_KM) -> tuple[Degrees, Degrees, Degrees]:
    """Middles and sides of cells.

    Args:
        names: Of n cells.
        spacing_km: Between rows.

    Returns:
        Latitudes and longitudes of the middles, degrees, and the sides of squares of as much area, metres; each [n],
        NaN where there is no such cell.
    """
    found = [_NAME.fullmatch(name.strip().upper()) if isinstance(name, str) else None for name in names]
    row = np.array([_signed(m[1], m[2] == "U") if m else np.nan for m in found], np.float64)
    column = np.array([_signed(m[3], m[4] == "R") if m else np.nan for m in found], np.float64)
    rows = np.ceil(np.pi * _RADIUS_KM / spacing_km)
    step = 180 / rows
    south = row * step
    # the row at a pole is a circle of no length: one cell
    columns = np.maximum(1, np.ceil(2 * np.pi * _RADIUS_KM * np.cos(np.radians(south)) / spacing_km))
    lat, lon = south + step / 2, (column + 0.5) * 360 / columns
    with np.errstate(invalid="ignore"):
        there = (np.abs(lat) < 90) & (np.abs(lon) <= 180)
    high = np.sin(np.radians(south + step)) - np.sin(np.radians(south))
    area_km2 = _RADIUS_KM**2 * np.radians(360 / columns) * high
    side_m = 1000 * np.sqrt(np.maximum(area_km2, 0))
    return tuple(np.where(there, each, np.nan) for each in (lat, lon, side_m))  # type: ignore[return-value]


def _signed(number: str, forward: bool) -> float:
    """Whole numbers of rows and columns; there is no 0D and no 0L."""
    if len(number) > 9 or (not forward and int(number) == 0):
        return np.nan
    return float(int(number) if forward else -int(number))
