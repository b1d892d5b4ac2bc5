"""When one would see it: a prompt over the months of a year and the hours of a day, in an area and tile by tile.

The calendar of an area has one number for each month at each hour, 12 × 24: the mean of the cosines of the
tiles that are highest at that moment (`TOP` of them unless said otherwise), which may be others from moment to moment.
Its best moment is the highest together with those beside it, for the highest of 288 numbers is so partly by chance.
The best moment of a tile is the one with its highest cosine. Cosines compare moments of one calendar; across prompts
they say little. It does not know how scores are made.
"""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from search_ui.files.writing import check_name, write_whole
from search_ui.maps.furniture import GREY, INK, PAPER, draw_legend
from search_ui.maps.layers import Words, png
from search_ui.maps.lettering import fitted, plain, typeface, wrapped
from search_ui.maps.scales import MONTHS, Scale
from search_ui.search.series import Reel
from trainer.errors import UsageError

TOP = 9
_HOURS = 24
_CELL = (38, 34)  # pixels
_MARGIN = 30

Grid = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PlaceCalendar:
    """A prompt in an area over a year.

    Attributes:
        cosine: Mean of the `top` highest tiles, float32 [12, 24], January first.
        top: How many of the highest tiles each number averages.
        tiles: How many tiles the area has, of which `top` are averaged.
        year: Calendar year of the moments.
    """

    cosine: Grid
    top: int
    tiles: int
    year: int

    @property
    def best(self) -> tuple[int, int]:
        """Month (1 to 12) and hour of the highest value once those beside it, which count half, are averaged in.

        The truth there is nearer to the highest than at the highest value alone: `benchmarks.calendars` prints both.
        """
        known = np.isfinite(self.cosine)
        # what is known counts a quarter at least; the limit keeps the rest, which is left out below, from being 0 / 0
        means = _with_those_beside(np.where(known, self.cosine, 0)) / _with_those_beside(known).clip(min=0.25)
        month, hour = np.unravel_index(int(np.where(known, means, -np.inf).argmax()), means.shape)
        return int(month) + 1, int(hour)

    @property
    def statistic(self) -> str:
        """What a number of it is."""
        if self.top == 1:
            return "cosine of the highest tile"
        return f"mean cosine of the {self.top} highest tiles" if self.top < self.tiles else "mean cosine of all tiles"

    @property
    def description(self) -> str:
        """What its numbers are, of how many tiles, and of which moments."""
        return f"{self.statistic}, of {self.tiles:,} tiles; each month of {self.year}, on any weekday"

    def as_dict(self) -> dict[str, Any]:
        """Say it in JSON types."""
        month, hour = self.best
        rows = [[round(float(value), 6) if np.isfinite(value) else None for value in row] for row in self.cosine]
        best = {"month": month, "hour": hour, "cosine": rows[month - 1][hour]}
        return {
            "statistic": self.statistic, "top": self.top, "tiles": self.tiles, "year": self.year,
            "hours": "local wall-clock time", "best": best, "months": list(MONTHS), "cosine": rows,
        }  # fmt: skip


@dataclass(frozen=True)
class BestMoments:
    """The moment at which each of n tiles is highest.

    Attributes:
        month: 1 to 12, float32 [n]; NaN where a tile has no score.
        hour: 0 to 23, float32 [n].
        cosine: At that moment, float32 [n]; NaN where a tile has no score.
        spread: Its highest less its lowest, float32 [n]: how much the moment matters.
    """

    month: Grid
    hour: Grid
    cosine: Grid
    spread: Grid


def check_top(top: int) -> None:
    """Refuse a number of tiles that is none.

    Raises:
        UsageError: It is below 1.
    """
    if top < 1:
        raise UsageError(f"--top {top}: give how many of the highest tiles to average, 1 or more")


def calendar_of(reel: Reel, *, top: int = TOP) -> PlaceCalendar:
    """The calendar of an area.

    Args:
        reel: Its tiles at `search_ui.search.series.calendar_moments`.
        top: How many of the highest tiles are averaged.

    Raises:
        UsageError: `top` is below 1, or the area has no tile with a score.
    """
    check_top(top)
    means = []
    # one moment at a time: all scores of a year need not fit into memory
    for _, cosine in reel.frames():
        known = cosine[np.isfinite(cosine)]
        count = min(top, len(known))
        means.append(np.partition(known, len(known) - count)[len(known) - count :].mean() if count else np.nan)
    grid = np.array(means, np.float32).reshape(12, _HOURS)
    if not np.isfinite(grid).any():
        raise UsageError("the area has no tile with a score: widen it")
    tiles = len(reel.tiles.tile_id)
    when = reel.whens[0]
    assert isinstance(when, datetime)  # noqa: S101 - of calendar_moments
    return PlaceCalendar(grid, min(top, tiles), tiles, when.year)


def best_moments(reel: Reel) -> BestMoments:
    """The best moment of each tile.

    Args:
        reel: At moments with a date and an hour.
    """
    count = len(reel.tiles.tile_id)
    best, lowest = np.full(count, -np.inf, np.float32), np.full(count, np.inf, np.float32)
    at = np.zeros(count, np.int64)
    for number, (_, cosine) in enumerate(reel.frames()):
        higher = cosine > best
        best[higher], at[higher] = cosine[higher], number
        # fmin passes NaN over; a comparison with NaN is false, so `best` does too
        np.fmin(lowest, cosine, out=lowest)
    moments = [when for when in reel.whens if isinstance(when, datetime)]
    month = np.array([when.month for when in moments], np.float32)[at]
    hour = np.array([when.hour for when in moments], np.float32)[at]
    # never higher than −∞: no score at any moment
    month[best == -np.inf] = hour[best == -np.inf] = np.nan
    cosine = np.where(best == -np.inf, np.float32(np.nan), best)
    return BestMoments(month, hour, cosine, cosine - np.where(np.isinf(lowest), np.float32(np.nan), lowest))


def table(calendar: PlaceCalendar) -> str:
    """The calendar as text: months down, every second hour across, the best of each month marked."""
    lines = ["      " + " ".join(f"{hour:>5}h" for hour in range(0, _HOURS, 2)) + "   best"]
    for name, row in zip(MONTHS, calendar.cosine, strict=True):
        best = int(np.nanargmax(row)) if np.isfinite(row).any() else 0
        cells = " ".join(f"{value:6.3f}" for value in row[::2])
        lines.append(f"{name:>4}  {cells}   {best:02d}:00 {row[best]:.3f}")
    return "\n".join(lines)


def check_target(path: Path) -> None:
    """Refuse a file that `write_calendar` could not write.

    Raises:
        UsageError: unknown suffix, missing folder, or the path is a folder.
    """
    check_name(path, _WRITERS)


def write_calendar(calendar: PlaceCalendar, path: Path, words: Words, provenance: dict[str, Any]) -> None:
    """Write a calendar in the format of the path's suffix; the file appears whole or not at all.

    Raises:
        UsageError: As `check_target`.
        GroundcastError: The file cannot be written, such as on a full disk.
    """
    check_target(path)
    write_whole(path, _WRITERS[path.suffix.lower()](calendar, words, provenance))


def _as_json(calendar: PlaceCalendar, _: Words, provenance: dict[str, Any]) -> bytes:
    document = calendar.as_dict() | {"provenance": provenance}
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def _as_csv(calendar: PlaceCalendar, _: Words, provenance: dict[str, Any]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["month", "hour", "cosine", "statistic", "provenance"])
    told = json.dumps(provenance, ensure_ascii=False)
    for (month, hour), value in np.ndenumerate(calendar.cosine):
        writer.writerow([month + 1, hour, f"{value:.6f}", calendar.statistic, told])
    return text.getvalue().encode("utf-8", "replace")


def _as_png(calendar: PlaceCalendar, words: Words, _: dict[str, Any]) -> bytes:
    return png(draw_calendar(calendar, words), words.provenance)


_WRITERS: dict[str, Callable[[PlaceCalendar, Words, dict[str, Any]], bytes]] = {
    ".png": _as_png,
    ".json": _as_json,
    ".csv": _as_csv,
}


def draw_calendar(calendar: PlaceCalendar, words: Words) -> Image.Image:
    """The calendar as a picture: months down, hours across, the best moment framed."""
    return draw_months_and_hours(calendar.cosine, scale_of(calendar), words, framed=calendar.best)


def draw_months_and_hours(cells: Grid, scale: Scale, words: Words, *, framed: tuple[int, int]) -> Image.Image:
    """A picture of a value for each month and hour, [12, 24]: months down, hours across, one of them framed.

    Args:
        cells: Values; NaN is grey.
        scale: Their colours.
        words: Title, notes and credit.
        framed: Month, 1 to 12, and hour.
    """
    wide, tall = _CELL
    left = _MARGIN + 52
    width = left + _HOURS * wide + 160
    heading = wrapped(words.title, typeface(28, bold=True), width - 2 * _MARGIN, lines=2)
    notes = [line for note in words.notes if note for line in wrapped(note, typeface(17), width - 2 * _MARGIN, lines=2)]
    top = _MARGIN + len(heading) * 36 + len(notes) * 24 + 16
    foot = [f"Imagery: {plain(words.credit)}" if words.credit else "", words.foot]
    foot = [fitted(line, typeface(13), width - 2 * _MARGIN) for line in foot if line]
    bottom = top + 12 * tall + 58
    page = Image.new("RGB", (width, bottom + 20 * len(foot) + _MARGIN - 8), PAPER)
    pen = ImageDraw.Draw(page)
    for number, line in enumerate(heading):
        pen.text((_MARGIN, _MARGIN + 36 * number), line, INK, typeface(28, bold=True))
    for number, line in enumerate(notes):
        pen.text((_MARGIN, _MARGIN + 36 * len(heading) + 24 * number), line, GREY, typeface(17))
    _draw_cells(page, cells, scale, left, top)
    _frame(page, left + framed[1] * wide, top + (framed[0] - 1) * tall)
    middle = left + _HOURS * wide / 2
    pen.text((middle, top + 12 * tall + 30), "hour, local time", INK, typeface(15), anchor="ma")
    draw_legend(page, scale, left + _HOURS * wide + 18, top, 12 * tall)
    for number, line in enumerate(foot):
        pen.text((_MARGIN, bottom + 20 * number), line, GREY, typeface(13))
    return page


def _with_those_beside(cells: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Means of values, [12, 24], with their neighbours in month and hour, which count half, across the new year too."""
    found = cells.astype(np.float64)
    for axis in (0, 1):
        found = found / 2 + (np.roll(found, 1, axis) + np.roll(found, -1, axis)) / 4
    return found


def scale_of(calendar: PlaceCalendar) -> Scale:
    """What its colours mean: from the lowest to the highest number: there are few, and none is to be cut off."""
    low, high = float(np.nanmin(calendar.cosine)), float(np.nanmax(calendar.cosine))
    room = max(0.0, 1e-3 - (high - low)) / 2  # a model that knows no time would have a scale of no width
    return Scale(low - room, high + room, calendar.statistic, empty="")


def _draw_cells(page: Image.Image, cells: Grid, scale: Scale, left: int, top: int) -> None:
    wide, tall = _CELL
    colours = scale.colours(cells)
    colours[~np.isfinite(cells)] = 235
    page.paste(Image.fromarray(colours.repeat(tall, axis=0).repeat(wide, axis=1)), (left, top))
    pen, font = ImageDraw.Draw(page), typeface(14)
    for month, name in enumerate(MONTHS):
        pen.text((left - 10, top + (month + 0.5) * tall), name, INK, font, anchor="rm")
    for hour in range(0, _HOURS, 2):
        pen.text((left + (hour + 0.5) * wide, top + 12 * tall + 8), f"{hour}", INK, font, anchor="ma")
    pen.rectangle((left - 1, top - 1, left + _HOURS * wide, top + 12 * tall), outline=GREY)


def _frame(page: Image.Image, x: int, y: int) -> None:
    """Frames the cell whose corner that is."""
    wide, tall = _CELL
    pen = ImageDraw.Draw(page)
    # light under dark: seen on every colour
    pen.rectangle((x - 2, y - 2, x + wide + 1, y + tall + 1), outline=PAPER, width=5)
    pen.rectangle((x - 1, y - 1, x + wide, y + tall), outline=INK, width=2)
