"""Scores of tiles gathered into H3 hexagons: how many tiles, their mean and their highest.

A tile counts in the hexagon that holds its centre. The hexagons of a resolution are of nearly equal area everywhere, so
that maps of different tile sizes compare. It does not know how scores are made.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h3.api.basic_int as h3
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.geo.footprints import Places
from ingest.geo.geometry import outline
from ingest.geo.geoparquet import file_metadata, geometry_columns, write_table
from search_ui.files.writing import cannot_write, whole_file
from search_ui.maps.pixels import Canvas, Owners
from trainer.errors import UsageError

MAX_RESOLUTION = 15
Statistic = Literal["mean", "max"]
Floats = npt.NDArray[np.float64]
Values = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Hexagons:
    """m hexagons with at least one tile each.

    Attributes:
        cell: H3 index, uint64 [m], ascending.
        lat: Their centres, degrees north, [m].
        lon: Their centres, degrees east, [m].
        tiles: How many tiles have their centre inside, int64 [m].
        mean: Of the tiles' scores, float32 [m].
        max: The highest of them, float32 [m].
        resolution: 0 (2,200 km from side to side) to 15 (1 m).
    """

    cell: npt.NDArray[np.uint64]
    lat: Floats
    lon: Floats
    tiles: npt.NDArray[np.int64]
    mean: npt.NDArray[np.float32]
    max: npt.NDArray[np.float32]
    resolution: int

    def values(self, statistic: Statistic) -> npt.NDArray[np.float32]:
        """One of the two statistics."""
        return self.mean if statistic == "mean" else self.max

    def polygons(self) -> npt.NDArray[np.object_]:
        """Outlines in degrees, x = longitude, shapely geometries [m]; split at ±180°."""
        shapes = np.empty(len(self.cell), dtype=object)
        for row, cell in enumerate(self.cell.tolist()):
            ring = np.array(h3.cell_to_boundary(cell))  # latitude first, anticlockwise
            shapes[row] = outline(ring[:, 1], ring[:, 0])
        return shapes


def check_resolution(resolution: int) -> None:
    """Refuse a resolution that H3 does not have.

    Raises:
        UsageError: It is not from 0 to 15.
    """
    if not 0 <= resolution <= MAX_RESOLUTION:
        raise UsageError(
            f"--h3 {resolution}: H3 has resolutions 0 (2,200 km across) to {MAX_RESOLUTION} (1 m); 7 is 2.4 km across"
        )


def gather(resolution: int, values: Values, *, lat: Floats, lon: Floats) -> Hexagons:
    """Gather the values of tiles into hexagons.

    Args:
        resolution: Of H3, 0 (2,200 km across) to 15 (1 m).
        values: [n]; NaN is left out.
        lat: Centres of the tiles, degrees north, [n].
        lon: Centres of the tiles, degrees east, [n].

    Raises:
        UsageError: There is no such resolution.
    """
    check_resolution(resolution)
    known = np.flatnonzero(np.isfinite(values))
    find = h3.latlng_to_cell
    pairs = zip(lat[known].tolist(), lon[known].tolist(), strict=True)
    # h3 takes one place at a time
    cells = np.fromiter((find(y, x, resolution) for y, x in pairs), np.uint64, len(known))
    cell, group, tiles = np.unique(cells, return_inverse=True, return_counts=True)
    mean = np.bincount(group, values[known].astype(float), minlength=len(cell)) / tiles
    highest = np.full(len(cell), -np.inf, np.float32)
    np.maximum.at(highest, group, values[known].astype(np.float32))
    centres = np.array([h3.cell_to_latlng(one) for one in cell.tolist()], float).reshape(-1, 2)
    return Hexagons(cell, centres[:, 0], centres[:, 1], tiles, mean.astype(np.float32), highest, resolution)


def owners(hexagons: Hexagons, canvas: Canvas) -> Owners:
    """The hexagon that each pixel of a canvas lies in, int32 [height, width]; −1: none."""
    columns, rows = np.meshgrid(np.arange(canvas.width) + 0.5, np.arange(canvas.height) + 0.5)
    lon, lat = canvas.to_lonlat(columns.reshape(-1), rows.reshape(-1))
    find, resolution = h3.latlng_to_cell, hexagons.resolution
    pairs = zip(lat.tolist(), lon.tolist(), strict=True)
    cells = np.fromiter((find(y, x, resolution) for y, x in pairs), np.uint64, len(lat))
    # cells ascend: where the search ends there is the very cell, or the pixel's hexagon holds no tile
    at = np.minimum(np.searchsorted(hexagons.cell, cells), len(hexagons.cell) - 1)
    return np.where(hexagons.cell[at] == cells, at, -1).astype(np.int32).reshape(columns.shape)


def places(hexagons: Hexagons) -> Places:
    """Squares that hold the hexagons, for a canvas that shows them whole."""
    edge = np.array([h3.average_hexagon_edge_length(hexagons.resolution, unit="m")])
    # from corner to corner a hexagon is two edges; the rest is room for those that are larger than the average
    return Places(hexagons.lat, hexagons.lon, np.repeat(2.3 * edge, len(hexagons.cell)))


def across_m(resolution: int) -> float:
    """From side to side of a hexagon, on average, metres."""
    return float(h3.average_hexagon_edge_length(resolution, unit="m")) * 3**0.5


def fitting_note(resolution: int, size_m: Values) -> str | None:
    """What a person should know where hexagons are smaller than tiles."""
    across, tile = across_m(resolution), float(np.median(size_m))
    if across >= tile:
        return None
    better = next((one for one in range(resolution, -1, -1) if across_m(one) >= tile), 0)
    return (
        f"hexagons of resolution {resolution} ({across:,.0f} m) are smaller than tiles ({tile:,.0f} m) "
        f"and leave gaps: take {better}"
    )


def write_hexagons(path: Path, hexagons: Hexagons, name: str, told: Mapping[str, Any]) -> None:
    """Write hexagons as GeoParquet: h3 (text), lat, lon, tiles, mean and highest of the values, bbox, geometry.

    Args:
        path: The GeoParquet file; replaced if it is there.
        hexagons: One row each, in the order of their cells.
        name: Of the values, such as ``cosine``: the columns are ``cosine_mean`` and ``cosine_max``.
        told: Metadata, written as JSON.

    Raises:
        GroundcastError: The file cannot be written, such as on a full disk.
    """
    columns = {
        "h3": [h3.int_to_str(cell) for cell in hexagons.cell.tolist()],
        "lat": hexagons.lat,
        "lon": hexagons.lon,
        "tiles": hexagons.tiles,
        f"{name}_mean": hexagons.mean,
        f"{name}_max": hexagons.max,
        **geometry_columns(hexagons.polygons().tolist()),
    }
    table = pa.table(columns).replace_schema_metadata(file_metadata(told))
    try:
        with whole_file(path) as temporary:
            write_table(table, temporary)
    except pa.ArrowException as error:
        raise cannot_write(path, str(error)) from error
