"""Pictures of experiments: rows of small pictures, maps of tiles, mosaics of what a camera above saw. PNG files.

Nothing here measures anything.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError
from scipy.spatial import cKDTree

from trainer.experiments.finding import Picture
from trainer.experiments.tiles import Tiles
from trainer.measures.metrics import Floats, Ints

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Image8 = npt.NDArray[np.uint8]
RIGHT, PLAIN = (0, 158, 115), (255, 255, 255)  # frames: what is right, and all others
_PX, _FRAME, _GAP = 96, 4, 4


@dataclass(frozen=True)
class Strip:
    """A row of pictures.

    Attributes:
        title: What stands above it.
        images: From left to right; None leaves a gap.
        framed: Which of them are right and get a green frame; those beyond its end are not.
    """

    title: str
    images: Sequence[Image8 | None]
    framed: Sequence[bool] = ()


@dataclass(frozen=True)
class MapPanel:
    """Values of tiles.

    Attributes:
        title: What stands above it.
        values: [n]; NaN is not shown.
        low: Lower end of the colours; None: the 2nd hundredth of the values.
        high: Upper end; None: the 98th hundredth.
        colours: Name of a matplotlib colour map.
    """

    title: str
    values: Floats
    low: float | None = None
    high: float | None = None
    colours: str = "viridis"


def decode(encoded: bytes, px: int = _PX) -> Image8 | None:
    """A picture as uint8 [px, px, 3], squashed; None where it cannot be decoded."""
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            return np.asarray(image.convert("RGB").resize((px, px), Image.Resampling.BICUBIC))
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError):  # Pillow raises all of them on broken files
        return None


def draw_strips(path: Path, strips: Sequence[Strip], caption: str, *, columns: int = 1) -> Picture:
    """Write rows of pictures, each below its title, in columns; those that are right have a green frame."""
    longest = max(len(strip.images) for strip in strips)
    cell = _PX + 2 * _FRAME + _GAP
    rows = -(-len(strips) // columns)
    figure = _figure(columns * (longest * cell / 100 + 0.15), rows * (cell / 100 + 0.3) + 0.1)
    for i, strip in enumerate(strips):
        axis = figure.add_subplot(rows, columns, i + 1)
        axis.imshow(_row(strip, longest), interpolation="nearest")
        axis.set_title(strip.title, fontsize=8.5, loc="left", pad=3)
        axis.axis("off")
    return save(figure, path, caption)


def draw_maps(
    path: Path, tiles: Tiles, rows: Sequence[Sequence[MapPanel]], caption: str, *, width: float = 3.4
) -> Picture:
    """Write maps, as a grid; each has colours of its own, told by its bar.

    Args:
        path: The PNG file; replaced if it is there.
        tiles: The tiles that the values belong to.
        rows: The maps, row by row; rows may be of different lengths.
        caption: What the picture shows, for the report.
        width: Width of a map, inches.
    """
    canvas = layout(tiles)
    height = width * canvas.shape[0] / canvas.shape[1] + 0.45
    columns = max(map(len, rows))
    figure = _figure(columns * (width + 0.5), len(rows) * height)
    for i, row in enumerate(rows):
        for j, one in enumerate(row):
            axis = figure.add_subplot(len(rows), columns, i * columns + j + 1)
            _draw_map(figure, axis, canvas, one)
    return save(figure, path, caption)


def layout(tiles: Tiles, rows: Ints | None = None, step_m: float | None = None) -> Ints:
    """The tile of each pixel of a map, int64 [h, w]; −1 where there is none. One pixel a tile; areas side by side.

    Args:
        tiles: The tiles to lay out; their areas stand side by side.
        rows: Numbers of the tiles to show; None: all.
        step_m: How far apart those are, metres; None: as far as all are.
    """
    step = tiles.step_m if step_m is None else step_m
    chosen = np.arange(len(tiles)) if rows is None else rows
    parts = [_area(tiles, chosen[tiles.area[chosen] == number], step) for number in np.unique(tiles.area[chosen])]
    if len(parts) == 1:
        return parts[0]
    # areas side by side in a page that is wider than tall
    across = int(np.ceil(np.sqrt(len(parts) * 1.6)))
    height, width = max(p.shape[0] for p in parts) + 2, max(p.shape[1] for p in parts) + 2
    page = np.full((height * -(-len(parts) // across), width * across), -1)
    for number, part in enumerate(parts):
        top, left = number // across * height + 1, number % across * width + 1
        page[top : top + part.shape[0], left : left + part.shape[1]] = part
    return page


def mosaic(tiles: Tiles, rows: Ints, step_m: float, px: int = 48) -> Image8:
    """What a camera above saw: pictures of tiles side by side, uint8 [h, w, 3]; white where there is none.

    Args:
        tiles: The tiles whose pictures are shown.
        rows: Numbers of the tiles to show; they should not overlap.
        step_m: How far apart they are, metres.
        px: Side of each picture, pixels.
    """
    canvas = layout(tiles, rows, step_m)
    # [rows, columns, px, px, 3]; brought to [rows · px, columns · px, 3] at the end
    page = np.full((*canvas.shape, px, px, 3), 255, np.uint8)
    for i, j in np.argwhere(canvas >= 0):
        image = decode(tiles.shards.picture(int(canvas[i, j]), "overhead"), px)
        if image is not None:
            page[i, j] = image
    return page.transpose(0, 2, 1, 3, 4).reshape(canvas.shape[0] * px, canvas.shape[1] * px, 3)


def panels(count: int, *, width: float, height: float, rows: int = 1) -> "tuple[Figure, list[Axes]]":
    """A figure with so many axes side by side in each row."""
    figure = _figure(width, height)
    axes = [figure.add_subplot(rows, count, i + 1) for i in range(rows * count)]
    for axis in axes:
        axis.grid(alpha=0.3, linewidth=0.6)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save(figure: "Figure", path: Path, caption: str) -> Picture:
    """Write a figure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    return Picture(path.name, caption)


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _row(strip: Strip, longest: int) -> Image8:
    """The pictures of a row in one, [h, w, 3]."""
    side = _PX + 2 * _FRAME
    page = np.full((side, longest * (side + _GAP), 3), 255, np.uint8)
    framed = [*strip.framed, *[False] * len(strip.images)]
    for i, image in enumerate(strip.images):
        if image is None:
            continue
        left = i * (side + _GAP)
        page[:, left : left + side] = RIGHT if framed[i] else PLAIN
        page[_FRAME:-_FRAME, left + _FRAME : left + _FRAME + _PX] = image
    return page


def _area(tiles: Tiles, rows: Ints, step: float) -> Ints:
    """The pixels of one area, north up."""
    place = tiles.position_m[rows]
    low, high = place.min(axis=0), place.max(axis=0)
    width, height = (np.round((high - low) / step).astype(int) + 1).tolist()
    x, y = np.meshgrid(low[0] + np.arange(width) * step, high[1] - np.arange(height) * step)
    # rows of tiles are shifted against each other: a pixel takes the nearest tile; .75 is more than √½, half a diagonal
    far, nearest = cKDTree(place).query(np.stack([x.ravel(), y.ravel()], axis=1))
    return np.where(far <= 0.75 * step, rows[nearest], -1).reshape(height, width)


def _draw_map(figure: "Figure", axis: "Axes", canvas: Ints, one: MapPanel) -> None:
    values = np.where(canvas >= 0, one.values[canvas], np.nan)
    known = one.values[np.isfinite(one.values)]
    ends = np.quantile(known, [0.02, 0.98]) if len(known) else (0.0, 1.0)
    low = float(ends[0]) if one.low is None else one.low
    high = float(ends[1]) if one.high is None else one.high
    # grey below: a tile without a value shows as land, not as sea
    axis.imshow(np.where(canvas >= 0, 0.9, 1.0), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    shown = axis.imshow(values, cmap=one.colours, vmin=low, vmax=max(high, low + 1e-6), interpolation="nearest")
    bar = figure.colorbar(shown, ax=axis, shrink=0.8, pad=0.02)
    bar.ax.tick_params(labelsize=6)
    axis.set_title(one.title, fontsize=8.5)
    axis.axis("off")
