"""The picture of what an ingest would read: the imagery under its grid, beside it some tiles as the model gets them.

`picture_of` is called in a process of its own where strangers' imagery is opened. It does not know how tiles are read.
"""

import io
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from ingest.jobs.preview import SHOWN, GridView, Preview, TileView, preview
from ingest.jobs.request import Request

VIEW_PX, _TILE_PX, _GAP = 640, 208, 8
_ACROSS, _SQUARE_PX = 2, 8  # tiles in a row; side of the squares that stand for no imagery
_TOLD = 5  # problems, and notes
_PAPER, _FRAME, _LEFT_OUT = (255, 255, 255), (120, 120, 120), (200, 60, 30)


@dataclass(frozen=True)
class Pictured:
    """What a preview says.

    Attributes:
        png: The picture.
        facts: What is known beside it, JSON values.
        images: The tiles that would be kept, of those that were tried, uint8 [px, px, 3] each.
    """

    png: bytes
    facts: dict[str, Any]
    images: list[npt.NDArray[np.uint8]]


def picture_of(request: Request, input_px: int, reading: Mapping[str, Any]) -> Pictured:
    """Look at imagery and draw it.

    Args:
        request: What would be read.
        input_px: Pixels across a tile as the model gets it.
        reading: How the home reads, `ingest.settings.Settings.reading`.

    Raises:
        GroundcastError: It cannot be opened, or nothing can be read there.
    """
    with closing(request.open(input_px=input_px, reading=reading)) as intake:
        found = preview(intake, input_px=input_px)
    png = io.BytesIO()
    draw_preview(found).save(png, "PNG")
    images = [tile.image for tile in found.tiles if tile.kept]
    return Pictured(png.getvalue(), _facts(found, request, input_px), images)


def _facts(found: Preview, request: Request, input_px: int) -> dict[str, Any]:
    cells = found.view.cells if found.view is not None else []
    return {
        "tiles": found.count,
        "shown": len(cells),
        "left_out": sum(not cell.kept for cell in cells),
        "whole": found.view is None or found.view.whole,
        "read_s": found.read_s,
        "bounds": found.bounds,
        "gsd_m": found.gsd_m,
        "seen_m": None if request.grid is None else request.grid.size_m / input_px,
        "acquired_at": [when.isoformat() for when in found.acquired_at],
        "edge": found.edge,
        "problems": found.problems[:_TOLD],
        "notes": found.notes[:_TOLD],
    }


def draw_preview(preview: Preview) -> Image.Image:
    """The picture: the view on its left, where there is one, and up to six tiles on its right.

    Where there is no imagery the view shows a pattern of squares. A tile that would be left out has a cross.
    """
    left = VIEW_PX + _GAP if preview.view is not None else 0
    width = left + _ACROSS * _TILE_PX + (_ACROSS - 1) * _GAP
    sheet = Image.new("RGB", (width, VIEW_PX), _PAPER)
    if preview.view is not None:
        sheet.paste(_view(preview.view), (0, 0))
    for number, tile in enumerate(preview.tiles[:SHOWN]):
        row, column = divmod(number, _ACROSS)
        sheet.paste(_tile(tile), (left + column * (_TILE_PX + _GAP), row * (_TILE_PX + _GAP)))
    return sheet


def _view(view: GridView) -> Image.Image:
    picture = Image.fromarray(np.where(view.valid[..., None], view.image, _squares(len(view.valid))))
    picture = picture.resize((VIEW_PX, VIEW_PX), Image.Resampling.LANCZOS)
    times, pen = VIEW_PX / len(view.valid), ImageDraw.Draw(picture)
    # what is left out first: the lines of its neighbours then lie over its own
    for cell in sorted(view.cells, key=lambda cell: cell.kept):
        corners = [(float(x * times), float(y * times)) for x, y in cell.corners]
        ring = [*corners, corners[0]]
        # light on dark: one of the two is seen on any ground
        pen.line(ring, (0, 0, 0), 3)
        pen.line(ring, (255, 255, 255), 1)
        if not cell.kept:
            pen.line((corners[0], corners[2]), _LEFT_OUT, 1)
            pen.line((corners[1], corners[3]), _LEFT_OUT, 1)
    return picture


def _tile(tile: TileView) -> Image.Image:
    picture = Image.fromarray(tile.image).resize((_TILE_PX, _TILE_PX), Image.Resampling.LANCZOS)
    pen, last = ImageDraw.Draw(picture), _TILE_PX - 1
    pen.rectangle((0, 0, last, last), outline=_FRAME)
    if not tile.kept:
        pen.line((0, 0, last, last), _LEFT_OUT, 3)
        pen.line((0, last, last, 0), _LEFT_OUT, 3)
    return picture


def _squares(px: int) -> npt.NDArray[np.uint8]:
    """Light and dark squares, as painting programs show that there is nothing; uint8 [px, px, 3]."""
    number = np.arange(px) // _SQUARE_PX
    dark = (number[:, None] + number) % 2 == 1
    return np.where(dark[..., None], np.uint8(205), np.uint8(235)).repeat(3, axis=-1)
