"""A grid of square tiles of fixed ground size over the whole Earth: rows of equal latitude, columns by cos(latitude).

Not Web-Mercator tiles, whose ground size halves between the equator and 60°. A grid is two numbers, the side of a tile
and the stride between tiles; everything else follows, so an id names the same place for ever:

    g480-s480-r0031415-c0027182        size 480 m, stride 480 m, row from the south pole, column from −180°

Rows have equal steps of latitude. A row has as many columns as close it exactly at ±180° with no step wider than the
stride. Squares do not bend with the parallels, so rows are set a little closer than the stride (0.1 %, more for tiles
of hundreds of kilometres) and columns closer near the poles: every point on Earth is then inside the tile of its cell.
It does not know imagery, models or files.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from ingest.geo.geometry import Floats, Footprint, ring
from trainer.earth import ECCENTRICITY_2, EQUATOR_RADIUS_M, POLAR_CURVATURE_M
from trainer.errors import UsageError

MIN_SIZE_M = 0.01
MAX_SIZE_M = 2_000_000.0
_CANDIDATES = 8_192  # tiles tested at once: bounds memory, and keeps numpy busy
_ID = re.compile(r"g([0-9.]+)-s([0-9.]+)-r(\d+)-c(\d+)")

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tile:
    """One cell of a grid.

    Attributes:
        id: Its stable name, which gives back grid and place.
        footprint: The square on the ground.
    """

    id: str
    footprint: Footprint

    @property
    def lat(self) -> float:
        """Latitude of the centre, degrees."""
        return self.footprint.lat

    @property
    def lon(self) -> float:
        """Longitude of the centre, degrees."""
        return self.footprint.lon


@dataclass(frozen=True)
class Grid:
    """Tiles of one size and stride over the whole Earth.

    Args:
        size_m: Side of a tile, metres.
        stride_m: Largest step between neighbouring tiles, metres; smaller than the size, tiles overlap.

    Raises:
        UsageError: A size or stride that makes no grid.
    """

    size_m: float
    stride_m: float

    def __post_init__(self) -> None:
        for name, value in (("tile size", self.size_m), ("stride", self.stride_m)):
            if not (math.isfinite(value) and MIN_SIZE_M <= value <= MAX_SIZE_M):
                raise UsageError(f"{name} {value} m: it must lie between {MIN_SIZE_M} m and {MAX_SIZE_M:.0f} m")
        if self.stride_m > self.size_m:
            raise UsageError(
                f"stride {self.stride_m} m is larger than the tile size {self.size_m} m and would leave gaps: "
                "give a stride of at most the tile size"
            )
        for name in ("size_m", "stride_m"):  # an id must give back the very grid it came from
            object.__setattr__(self, name, float(f"{getattr(self, name):.9f}"))

    @property
    def n_rows(self) -> int:
        """Number of rows from pole to pole."""
        bend = max(0.001, 0.433 * self.size_m / POLAR_CURVATURE_M)  # room for squares beside bent parallels, up to 60°
        step_m = min(self.stride_m, self.size_m * (1 - bend))
        return math.ceil(math.pi * POLAR_CURVATURE_M / step_m)

    def n_columns(self, row: int) -> int:
        """Number of columns in a row."""
        return int(self._columns(np.array([row]))[0])

    def tile(self, tile_id: str) -> Tile:
        """The tile of an id.

        Raises:
            UsageError: The id is malformed, of another grid, or outside the Earth.
        """
        match = _ID.fullmatch(tile_id)
        if match is None:
            raise UsageError(f"tile id {tile_id!r}: expected the form {self._id(0, 0)}")
        row, column = int(match[3]), int(match[4])
        if self._id(row, column) != tile_id:
            raise UsageError(f"tile id {tile_id!r} is not of this grid, whose ids look like {self._id(0, 0)}")
        n = self.n_columns(row) if row < self.n_rows else 0
        if column >= n:
            raise UsageError(f"tile id {tile_id!r}: this grid has {self.n_rows} rows, and fewer columns in that row")
        return self._tile(row, column, n)

    def tile_at(self, *, lat: float, lon: float) -> Tile:
        """The tile whose cell holds a place, degrees."""
        row = min(int((lat + 90) / 180 * self.n_rows), self.n_rows - 1)  # the pole itself is the last row's
        n = self.n_columns(row)
        return self._tile(row, int((lon + 180) / 360 * n) % n, n)  # 180° is −180°

    def cells_at(self, *, lat: Floats, lon: Floats) -> tuple[Ints, Ints]:
        """Rows and columns of the cells that hold places in degrees, [n] each; what `tile_at` is for one."""
        rows = np.minimum(((lat + 90) / 180 * self.n_rows).astype(np.int64), self.n_rows - 1)
        columns = self._columns(rows)
        return rows, ((lon + 180) / 360 * columns).astype(np.int64) % columns

    def tiles(self, area: BaseGeometry) -> Iterator[Tile]:
        """Tiles whose footprint intersects an area, row by row from the south, lazily.

        Args:
            area: Degrees, WGS84, split at ±180°.
        """
        for rows, columns, counts in self._select(area):
            for row, column, n in zip(rows.tolist(), columns.tolist(), counts.tolist(), strict=True):
                yield self._tile(row, column, n)

    def count(self, area: BaseGeometry) -> int:
        """Exactly how many tiles `tiles` would give, faster."""
        return sum(len(rows) for rows, _, _ in self._select(area))

    def _id(self, row: int, column: int) -> str:
        return f"g{_metres(self.size_m)}-s{_metres(self.stride_m)}-r{row:07d}-c{column:07d}"

    def _tile(self, row: int, column: int, n: int) -> Tile:
        lat = -90 + 180 * (row + 0.5) / self.n_rows
        lon = -180 + 360 * (column + 0.5) / n
        return Tile(self._id(row, column), Footprint(lat, lon, self.size_m))

    def _columns(self, rows: Ints) -> Ints:
        """Columns of each row, [n]: no step wider than the stride, no corner of a cell outside its square."""
        step = math.pi / self.n_rows
        south = -math.pi / 2 + rows * step
        north = south + step
        # of a cell's parallels the longer one, where columns are farthest apart, and the shorter one, which bends most
        widest = np.where((south < 0) & (north > 0), 0.0, np.minimum(abs(south), abs(north)))
        narrowest = np.minimum(np.maximum(abs(south), abs(north)), math.pi / 2)
        prime = EQUATOR_RADIUS_M / np.sqrt(1 - ECCENTRICITY_2 * np.sin(widest) ** 2)
        by_stride = 2 * math.pi * prime * np.cos(widest) / self.stride_m
        # The parallel on the poleward side is an arc of radius N·cot φ on the tangent cone: its sagitta must fit.
        radius = np.maximum(EQUATOR_RADIUS_M * np.cos(narrowest) / np.sin(narrowest), 1e-9)
        room = 0.9 * (self.size_m - step * POLAR_CURVATURE_M) / 2
        angle = np.arccos(np.clip(1 - room / radius, -1, 1))
        # a parallel shorter than the room lies inside the square as a whole
        by_bend = np.where(radius < room, 0, math.pi * np.sin(narrowest) / np.maximum(angle, 1e-12))
        # a whole number stays one, rounding or not
        return np.ceil(np.maximum(by_stride, by_bend) - 1e-9).astype(np.int64)

    def _select(self, area: BaseGeometry) -> Iterator[tuple[Ints, Ints, Ints]]:
        """Rows, columns and columns of that row of the tiles that intersect an area, in blocks."""
        if area.is_empty:
            return
        shapely.prepare(area)
        bounds = shapely.bounds(shapely.get_parts(area))  # [parts, 4]
        reach = np.degrees(1.5 * self.size_m / EQUATOR_RADIUS_M)  # half a tile, its corners, and what parallels bend
        first = max(0, int((bounds[:, 1].min() - reach + 90) / 180 * self.n_rows))
        last = min(self.n_rows - 1, int((bounds[:, 3].max() + reach + 90) / 180 * self.n_rows))
        row = first
        while row <= last:
            width = max(1, len(self._candidates(row, self.n_columns(row), bounds, reach)))
            rows = np.arange(row, min(last + 1, row + max(1, _CANDIDATES // width)))
            yield from self._select_rows(rows, area, bounds, reach)
            row = int(rows[-1]) + 1

    def _select_rows(
        self, rows: Ints, area: BaseGeometry, bounds: Floats, reach: float
    ) -> Iterator[tuple[Ints, Ints, Ints]]:
        """One block of rows: boxes around footprints first, the footprints themselves only at the area's edge."""
        counts = self._columns(rows)
        found: list[tuple[Ints, Ints, Ints]] = []
        boxes: list[Floats] = []
        rings: dict[int, tuple[Floats, Floats]] = {}
        for row, n in zip(rows.tolist(), counts.tolist(), strict=True):
            columns = self._candidates(row, n, bounds, reach)
            if not len(columns):
                continue
            rings[row] = lons, lats = ring(lat=-90 + 180 * (row + 0.5) / self.n_rows, size_m=self.size_m)
            centres = -180 + 360 * (columns + 0.5) / n
            low, high = np.full(len(columns), lats.min()), np.full(len(columns), lats.max())
            boxes.append(np.column_stack([centres + lons.min(), low, centres + lons.max(), high]))
            found.append((np.full(len(columns), row), columns, np.full(len(columns), n)))
        if not found:
            return
        row_of, column_of, n_of = (np.concatenate(part) for part in zip(*found, strict=True))
        keep = self._intersects(area, np.concatenate(boxes), row_of, column_of, n_of, rings)
        yield row_of[keep], column_of[keep], n_of[keep]

    def _candidates(self, row: int, n: int, bounds: Floats, reach: float) -> Ints:
        """Sorted columns of a row that may touch one of the boxes `bounds`, [k]."""
        lat = -90 + 180 * (row + 0.5) / self.n_rows
        near = bounds[(bounds[:, 1] - reach <= lat) & (bounds[:, 3] + reach >= lat)]
        narrow = math.cos(math.radians(min(90, abs(lat) + reach)))
        widen = reach / narrow if narrow > 1e-6 else 360.0
        spans = []
        for west, _, east, _ in near.tolist():
            low, high = math.floor((west - widen + 180) / 360 * n), math.floor((east + widen + 180) / 360 * n)
            # a span as wide as the row is the row; the others wrap around ±180°
            spans.append(np.arange(n) if high - low + 1 >= n else np.arange(low, high + 1) % n)
        return np.unique(np.concatenate(spans)) if spans else np.empty(0, dtype=np.int64)

    def _intersects(
        self, area: BaseGeometry, boxes: Floats, rows: Ints, columns: Ints, counts: Ints, rings: dict[int, Any]
    ) -> npt.NDArray[np.bool_]:
        """Whether footprints intersect an area, bool [n], given the boxes around them, [n, 4]."""
        # a box over ±180° or round a pole says nothing: those tiles are tested one by one
        inside_world = (boxes[:, 0] >= -180) & (boxes[:, 2] <= 180) & (boxes[:, 2] - boxes[:, 0] < 180)
        shapes = shapely.box(*boxes.T)
        touched = shapely.intersects(area, shapes) | ~inside_world
        keep: npt.NDArray[np.bool_] = touched & inside_world & shapely.covers(area, shapes)
        for i in np.flatnonzero(~inside_world).tolist():
            keep[i] = area.intersects(self._tile(int(rows[i]), int(columns[i]), int(counts[i])).footprint.polygon)
        # a box inside the area needs no outline; what is left are the tiles at its edge
        edge = np.flatnonzero(touched & inside_world & ~keep)
        corners = np.array([len(rings[row][0]) for row in rows[edge].tolist()])
        for k in np.unique(corners).tolist():  # outlines of as many corners become polygons in one call
            some = edge[corners == k]
            outline = np.array([rings[row] for row in rows[some].tolist()]).transpose(0, 2, 1)  # [n, k, lon and lat]
            outline[:, :, 0] += (-180 + 360 * (columns[some] + 0.5) / counts[some])[:, None]
            keep[some] = shapely.intersects(area, shapely.polygons(outline))
        return keep


def _metres(value: float) -> str:
    """A length as it stands in ids: no exponent, no trailing zeros."""
    return f"{value:.9f}".rstrip("0").rstrip(".")


def gsd_warning(
    *,
    source_gsd_m: float,
    tile_size_m: float,
    input_px: int,
    trained_gsd_m: float | None,
    trained_tile_size_m: float | None,
) -> str | None:
    """One line where imagery looks different to the model from what it was trained on, else None.

    Args:
        source_gsd_m: Native ground sample distance of the source, metres.
        tile_size_m: Side of a tile, metres.
        input_px: Side of the model's input, pixels.
        trained_gsd_m: Native ground sample distance of the training imagery, metres; None if unknown.
        trained_tile_size_m: Side of a training tile, metres; None if unknown.
    """
    if trained_gsd_m is None and trained_tile_size_m is None:
        pixels = tile_size_m / source_gsd_m
        if pixels >= input_px / 4:  # enlarged up to four times is let pass
            return None
        return (
            f"a tile of {tile_size_m:g} m has only {pixels:.0f} pixels across at the source's {source_gsd_m:.3g} m, "
            f"the model looks at {input_px}: tiles of {source_gsd_m * input_px:.0f} m or more would show more"
        )
    seen = max(source_gsd_m, tile_size_m / input_px)
    trained = max(trained_gsd_m or 0.0, (trained_tile_size_m or 0.0) / input_px)
    if trained / 2 <= seen <= trained * 2:
        return None
    return (
        f"the model will see {seen:.3g} m a pixel (source {source_gsd_m:.3g} m, tiles of {tile_size_m:g} m), it was "
        f"trained on {trained:.3g} m: choose a tile size near {trained * input_px:.0f} m, or expect weaker matches"
    )
