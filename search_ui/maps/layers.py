"""Maps of scores as pictures: every tile in the colour of its value, with title, legend and unit, scale bar and credit.

A pixel shows a tile by the rule of `search_ui.maps.pixels`; tiles smaller than two pixels are drawn two pixels wide, so
that none is lost on a wide map. Nothing here computes a score.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from ingest.geo.footprints import Places, Squares
from search_ui.files.writing import write_whole
from search_ui.maps.furniture import EMPTY, GREY, HIDDEN, INK, PAPER, draw_degrees, draw_legend, draw_scale_bar
from search_ui.maps.lettering import fitted, plain, typeface, wrapped
from search_ui.maps.pixels import Canvas, Owners, Resampler, canvas_of
from search_ui.maps.scales import Scale

MAX_PANELS = 24
_MARGIN, _GUTTER = 30, 74  # pixels: round the page, left of a map for its degrees
_LEGEND = 138  # width of a legend with its names
_TITLE, _NOTE, _NAME, _FOOT = 28, 17, 18, 13  # pixels: sizes of text
_LEAST_PX = 2.0
_LONGEST_PX = {1: 1000, 2: 640, 4: 600, 6: 520, 9: 420, 24: 320}  # side of a map where there are so many

Floats = npt.NDArray[np.float64]
Values = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Panel:
    """One of the maps on a page.

    Attributes:
        title: What is shown; two lines at most.
        values: Of every tile, [n]; NaN: not shown.
        scale: Its own; None: that of the page.
        strength: How strongly a tile is coloured, 0..1, [n]; None: fully.
    """

    title: str
    values: Values
    scale: Scale | None = None
    strength: Values | None = None


@dataclass(frozen=True)
class Words:
    """What stands round the maps.

    Attributes:
        title: Of the page; two lines at most.
        notes: Lines under the title; each is wrapped to two at most.
        credit: Whom to credit for the imagery.
        foot: What made the values, such as the collection and the model.
        provenance: Written into the file for machines.
    """

    title: str = ""
    notes: tuple[str, ...] = ()
    credit: str | None = None
    foot: str = ""
    provenance: str | None = None


def draw_page(
    path: Path, ground: "Screen", panels: Sequence[Panel], scale: Scale, words: Words, *, columns: int = 2
) -> None:
    """Write maps side by side as PNG; the file appears whole or not at all.

    Args:
        path: The PNG file; replaced if it is there.
        ground: Of the things that the values belong to, see `screen`.
        panels: The maps, 1 to `MAX_PANELS` of them, in reading order.
        scale: Scale of the panels that have none of their own.
        words: Title, notes, credit and foot round the maps.
        columns: Panels side by side; more begin a new row.

    Raises:
        GroundcastError: The file cannot be written.
    """
    sheet = Sheet(ground, panels, scale, words, columns=columns)
    write_whole(path, png(sheet.page(panels), words.provenance))


def png(page: Image.Image, provenance: str | None) -> bytes:
    """A picture as PNG, with its provenance as the text chunk of that name."""
    info = PngInfo()
    if provenance:
        info.add_itxt("provenance", provenance, zip=True)
    sink = io.BytesIO()
    page.save(sink, "PNG", pnginfo=info)
    return sink.getvalue()


class Sheet:
    """A page of maps of the same tiles, laid out once; then maps of any values can be put on it.

    Args:
        ground: Of the things that the values belong to.
        panels: What will be shown: their number, titles and scales decide the layout.
        scale: Scale of the panels that have none of their own.
        words: Title, notes, credit and foot round the maps.
        columns: Panels side by side; more begin a new row.
    """

    def __init__(
        self, ground: "Screen", panels: Sequence[Panel], scale: Scale, words: Words, *, columns: int = 1
    ) -> None:
        self.scale = scale
        self.canvas, self.owners = ground.canvas, ground.owners
        self._columns = min(columns, len(panels))
        self._own_legends = any(panel.scale is not None for panel in panels)
        self._name_lines = 0 if all(not panel.title for panel in panels) else 2 if _any_long(panels) else 1
        self._words = words
        # title and legend are the same on every frame of a film: drawn once, then copied
        self._blank = self._draw_blank(len(panels))

    def page(self, panels: Sequence[Panel]) -> Image.Image:
        """The page with maps of these values."""
        page = self._blank.copy()
        for number, panel in enumerate(panels):
            self._put(page, panel, *self._corner(number))
        return page

    def _draw_blank(self, count: int) -> Image.Image:
        """The page without maps: title, notes, shared legend and foot."""
        inner = self._columns * self._cell_width()
        width = 2 * _MARGIN + inner + (0 if self._own_legends else _LEGEND)
        width = max(width, 560)
        heading = wrapped(self._words.title, typeface(_TITLE, bold=True), width - 2 * _MARGIN, lines=2)
        heading = heading if self._words.title else []
        notes = [line for note in self._words.notes if note
                 for line in wrapped(note, typeface(_NOTE), width - 2 * _MARGIN, lines=2)]  # fmt: skip
        self._top = _MARGIN + len(heading) * (_TITLE + 8) + len(notes) * (_NOTE + 7) + (10 if heading or notes else 0)
        rows = -(-count // self._columns)
        foot = [f"Imagery: {plain(self._words.credit)}" if self._words.credit else "", self._words.foot]
        foot = [fitted(line, typeface(_FOOT), width - 2 * _MARGIN) for line in foot if line]
        bottom = self._top + rows * self._cell_height() + 10
        page = Image.new("RGB", (width, bottom + len(foot) * (_FOOT + 7) + _MARGIN - 8), PAPER)
        pen = ImageDraw.Draw(page)
        y = _MARGIN
        for lines, size, ink, bold in ((heading, _TITLE, INK, True), (notes, _NOTE, GREY, False)):
            for line in lines:
                pen.text((_MARGIN, y), line, ink, typeface(size, bold=bold))
                y += size + (8 if bold else 7)
        for number, line in enumerate(foot):
            pen.text((_MARGIN, bottom + number * (_FOOT + 7)), line, GREY, typeface(_FOOT))
        if not self._own_legends:
            tall = rows * self._cell_height() - self._name_height() - 30
            left = _MARGIN + inner + 4
            draw_legend(page, self.scale, left, self._top + self._name_height(), tall)
        return page

    def _put(self, page: Image.Image, panel: Panel, x: int, y: int) -> None:
        """One map with its name, degrees, scale bar and, if it has a scale of its own, legend."""
        pen = ImageDraw.Draw(page)
        for number, line in enumerate(panel.title.split("\n")[: self._name_lines]):
            font = typeface(_NAME, bold=number == 0)
            pen.text((x, y + number * (_NAME + 6)), fitted(line, font, self.canvas.width), INK, font)
        y += self._name_height()
        scale = panel.scale or self.scale
        page.paste(Image.fromarray(self.paint(panel.values, scale, panel.strength)), (x, y))
        draw_degrees(page, self.canvas, x, y)
        pen.rectangle((x - 1, y - 1, x + self.canvas.width, y + self.canvas.height), outline=GREY)
        draw_scale_bar(page, self.canvas, x, y)
        if self._own_legends:
            draw_legend(page, scale, x + self.canvas.width + 16, y, self.canvas.height)

    def paint(self, values: Values, scale: Scale, strength: Values | None = None) -> npt.NDArray[np.uint8]:
        """The pixels of a map, uint8 [height, width, 3]."""
        empty, hidden = np.array(
            [[int(name[at : at + 2], 16) for at in (1, 3, 5)] for name in (EMPTY, HIDDEN)], np.uint8
        )
        colours = scale.colours(values)
        if strength is not None:
            part = np.clip(strength, 0, 1)[:, None]
            # towards a near white, which is not the white of the page
            colours = (part * colours + (1 - part) * 250).astype(np.uint8)
        colours[~np.isfinite(values)] = hidden
        return np.asarray(np.concatenate([colours, empty[None]])[self.owners])  # −1 is the last: no tile

    def _corner(self, number: int) -> tuple[int, int]:
        row, column = divmod(number, self._columns)
        return _MARGIN + _GUTTER + column * self._cell_width(), self._top + row * self._cell_height()

    def _cell_width(self) -> int:
        return self.canvas.width + _GUTTER + 16 + (_LEGEND if self._own_legends else 0)

    def _cell_height(self) -> int:
        return self.canvas.height + self._name_height() + 36

    def _name_height(self) -> int:
        return self._name_lines * (_NAME + 6) + (6 if self._name_lines else 0)


def _any_long(panels: Sequence[Panel]) -> bool:
    return any("\n" in panel.title for panel in panels)


def _longest_px(count: int) -> int:
    return next((longest for most, longest in _LONGEST_PX.items() if count <= most), min(_LONGEST_PX.values()))


@dataclass(frozen=True)
class Screen:
    """The pixels of a map.

    Attributes:
        canvas: Where the pixels lie on the ground.
        owners: Which of n things each shows, int32 [height, width]; −1: none.
    """

    canvas: Canvas
    owners: Owners


def screen_canvas(places: Places, panels: int) -> Canvas:
    """A canvas for one of so many maps on a page, with some room round the places."""
    few = 1.0 if len(places.lat) < 4 else 0.04  # a single tile shows as one, not as a page of one colour
    return canvas_of(places, longest_px=_longest_px(panels), margin=few, flattest=0.45)


def screen(places: Places, panels: int) -> Screen:
    """The pixels of one of so many maps of tiles on a page."""
    canvas = screen_canvas(places, panels)
    # a tile smaller than a pixel may hold no pixel's centre, and would not be seen at all
    drawn = Places(places.lat, places.lon, np.maximum(places.size_m, _LEAST_PX * canvas.pixel_m))
    return Screen(canvas, Resampler(canvas, Squares.of(drawn)).whole())
