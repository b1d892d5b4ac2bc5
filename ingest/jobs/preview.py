"""What a request would read, before any work: the imagery under its grid, and some tiles as a model gets them.

It knows no model but for the size of its input, opens no catalog, and draws nothing.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from ingest.geo.geometry import Footprint, distance_m
from ingest.jobs.items import ChipIntake, GridIntake, Intake
from ingest.places.areas import bbox_of
from ingest.sources.source import Chip, Image8, Mask
from trainer.errors import ItemError, SourceError, UsageError

SHOWN = 6  # tiles
_TRIED = 12  # of which those are shown that would be kept, before others
_WIDEST = 30  # tiles across the view: of more, a line between two of them would hide what lies there
_VIEW_PX = 640
_ALONG, _ALONG_PX = 24, 96  # places along the edge of imagery that is wider than the view, and pixels across each
_PLAIN = 0.25  # of the pixels along the edge, from which on they are thought to be no imagery


@dataclass(frozen=True)
class CellView:
    """A tile of the grid in the view.

    Attributes:
        corners: Its corners in pixels of the view, x to the right and y down, float64 [4, 2].
        kept: Whether about enough of it is imagery.
    """

    corners: npt.NDArray[np.float64]
    kept: bool


@dataclass(frozen=True)
class GridView:
    """The imagery from far, with the tiles of the grid.

    Attributes:
        image: uint8 [px, px, 3], north up.
        valid: bool [px, px], where there is imagery.
        cells: Tiles that touch it.
        whole: Whether all of the imagery is in it, not a part in its middle.
    """

    image: Image8
    valid: Mask
    cells: list[CellView]
    whole: bool


@dataclass(frozen=True)
class TileView:
    """A tile as a model would get it.

    Attributes:
        id: Of the tile.
        image: uint8 [px, px, 3].
        valid: Share of its pixels that are imagery.
        kept: Whether that is enough.
    """

    id: str
    image: Image8
    valid: float
    kept: bool


@dataclass(frozen=True)
class Preview:
    """What was looked at.

    Attributes:
        view: None for a folder of chips, which lie anywhere.
        count: How many tiles the grid has in the imagery and the area, those without enough imagery too.
        tiles: A few of them, those that would be kept before others.
        read_s: Seconds that one of those that were tried took to read.
        gsd_m: Ground sample distance of the imagery, metres; None: it differs.
        bounds: Of the imagery, west, south, east and north, degrees; None: of a folder of chips.
        acquired_at: When the tiles were taken, as far as known, each once.
        edge: The value of all bands that fills the edge of the imagery, 0 or 255, and may stand for no data; or None.
        problems: What could not be read, a sentence each.
        notes: What was chosen where the files do not tell, a sentence each.
    """

    view: GridView | None
    count: int
    tiles: list[TileView]
    read_s: float
    gsd_m: float | None
    bounds: tuple[float, float, float, float] | None
    acquired_at: list[datetime]
    edge: int | None
    problems: list[str]
    notes: list[str]


def preview(intake: Intake, *, input_px: int) -> Preview:
    """Look at the items of a request.

    Args:
        intake: Open imagery.
        input_px: Pixels across a tile as the model gets it.

    Raises:
        SourceError: Nothing can be read there.
        UsageError: They are photos.
    """
    if not isinstance(intake, GridIntake | ChipIntake):
        raise UsageError("a preview is of imagery, not of photos")
    view = _view(intake) if isinstance(intake, GridIntake) else None
    tried, dates, problems = list[TileView](), set[datetime](), list[str]()
    count, some = _some(intake)
    began = time.perf_counter()
    for item in some:
        try:
            chip = _chip(intake, item, input_px)
        except ItemError as error:
            problems.append(f"tile {item} cannot be read: {error}")
            continue
        share = float(chip.valid.mean())
        tried.append(TileView(item, chip.image, share, share > 0 and share >= intake.min_valid))
        dates |= {chip.acquired_at} if chip.acquired_at is not None else set()
    read_s = (time.perf_counter() - began) / max(1, len(some))
    best = sorted(range(len(tried)), key=lambda row: not tried[row].kept)[:SHOWN]  # sorting keeps their order
    tiles = [tried[row] for row in sorted(best)]
    if view is None and not tiles:
        raise SourceError(problems[0] if problems else f"{intake.source.uri}: no tile lies in the imagery and the area")
    return Preview(
        view=view,
        count=count,
        tiles=tiles,
        read_s=read_s,
        gsd_m=intake.source.gsd_m if isinstance(intake, GridIntake) else None,
        bounds=bbox_of(intake.source.coverage()) if isinstance(intake, GridIntake) else None,
        acquired_at=sorted(dates),
        edge=_edge(_along(intake, view)) if isinstance(intake, GridIntake) and view is not None else None,
        problems=[*problems, *(f"{one.subject}: {one.message}" for one in intake.problems)],
        notes=[note.message for note in intake.notes],
    )


def _some(intake: Intake) -> tuple[int, list[str]]:
    """How many there are, and some from all over, always the same: at even steps they might all end rows."""
    count = sum(1 for _ in intake.ids())  # twice gone through, and never held: there may be many millions
    rows = set(np.random.default_rng(0).choice(count, min(_TRIED, count), replace=False).tolist())
    return count, [item for row, item in enumerate(islice(intake.ids(), max(rows, default=-1) + 1)) if row in rows]


def _chip(intake: GridIntake | ChipIntake, item: str, px: int) -> Chip:
    if isinstance(intake, ChipIntake):
        return intake.source.read_item(item, px)
    return intake.source.read(intake.grid.tile(item).footprint, px)


def _view(intake: GridIntake) -> GridView | None:
    covered = intake.source.coverage()
    where = covered if intake.area is None else covered.intersection(intake.area)
    if where.is_empty:
        return None
    square, whole = _square(where, intake.grid.size_m)
    try:
        chip = intake.source.read(square, _VIEW_PX)
    except ItemError as error:
        raise SourceError(str(error)) from error
    tiles = intake.grid.tiles(where.intersection(square.polygon))
    cells = [_cell(tile.footprint, square, chip.valid, intake.min_valid) for tile in tiles]
    return GridView(chip.image, chip.valid, cells, whole)


def _square(where: BaseGeometry, tile_m: float) -> tuple[Footprint, bool]:
    """The square on the ground over a geometry, or the widest that is shown, in its middle."""
    west, south, east, north = shapely.box(*where.bounds).bounds
    lat, lon = (south + north) / 2, (west + east) / 2
    high = distance_m(lat=south, lon=lon, lats=[north], lons=[lon])[0]
    wide = max(distance_m(lat=at, lon=west, lats=[at], lons=[east])[0] for at in (south, lat, north))
    side = float(max(high, wide))
    if side <= _WIDEST * tile_m:
        return Footprint(lat, lon, side + 1.5 * tile_m), True  # tiles reach beyond its edge
    middle = where.representative_point()
    return Footprint(middle.y, middle.x, _WIDEST * tile_m), False


def _cell(tile: Footprint, square: Footprint, valid: Mask, min_valid: float) -> CellView:
    half = tile.size_m / 2
    lons, lats = tile.to_lonlat([-half, half, half, -half], [half, half, -half, -half])
    x, y = square.to_metres(lat=lats, lon=lons)
    px = len(valid)
    corners = np.stack([(x / square.size_m + 0.5) * px, (0.5 - y / square.size_m) * px], axis=-1)
    left, top = np.clip(np.floor(corners.min(0)).astype(int), 0, px - 1)
    right, bottom = np.clip(np.ceil(corners.max(0)).astype(int), 1, px)
    inside = valid[top:bottom, left:right]
    share = float(inside.mean()) if inside.size else 0.0
    return CellView(corners, share > 0 and share >= min_valid)


def _along(intake: GridIntake, view: GridView) -> list[npt.NDArray[np.uint8]]:
    """Pixels along the imagery's edge, uint8 [k, 3] each: in the view, or of a part at places all around the whole."""
    if view.whole:
        return [_rim(view.image, view.valid)]
    edge = intake.source.coverage().boundary
    if intake.area is not None:
        edge = edge.intersection(intake.area)
    if edge.is_empty or not edge.length:
        return []
    found = []
    for share in np.arange(_ALONG) / _ALONG:
        place = edge.interpolate(float(share), normalized=True)
        try:
            chip = intake.source.read(Footprint(place.y, place.x, intake.grid.size_m), _ALONG_PX)
        except ItemError:
            continue  # what cannot be read is told of tiles
        found.append(_rim(chip.image, chip.valid))
    return found


def _rim(image: Image8, valid: Mask) -> npt.NDArray[np.uint8]:
    """Pixels of imagery beside one that is none, uint8 [k, 3]."""
    return image[valid & ~_eroded(valid)]


def _edge(parts: list[npt.NDArray[np.uint8]]) -> int | None:
    """White or black that runs along much of the imagery's edge: a scan's or an orthophoto's border."""
    along = np.concatenate(parts) if parts else np.empty((0, 3), np.uint8)
    if not len(along):
        return None
    for value in (255, 0):
        # warping mixes a border with its neighbours a little
        near = np.abs(along.astype(np.int16) - value).max(-1) <= 2
        if near.mean() >= _PLAIN:
            return value
    return None


def _eroded(valid: Mask) -> Mask:
    """Pixels whose four neighbours count, too; what lies beyond the picture counts as what is beside it."""
    wide = np.pad(valid, 1, mode="edge")
    return wide[1:-1, 1:-1] & wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]
