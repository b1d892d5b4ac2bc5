"""A contact sheet: the photos of a ground view on one page, each with its credit, as a PNG file.

A photo whose file is gone or cannot be read has a grey field in its place that says so. Photos are shown whole, upright
and small; whose they are, under which licence, when they were taken and how far away stands below each. The same, for
machines, is in the PNG's text chunk ``provenance``.

It does not know how photos are found.
"""

import io
import math
from pathlib import Path

from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from ingest.sources.picture import read_picture
from search_ui.ground.view import GroundView, PhotoHit, say_distance
from search_ui.maps.lettering import fitted, plain, typeface, wrapped
from search_ui.search.moments import say_moment
from trainer.errors import ItemError

MAX_PHOTOS = 100
_COLUMNS = 3
_CELL, _PHOTO, _GAP = 400, 300, 16  # pixels: width of a cell, height of a photo, between cells
_MARGIN = 28
_TITLE, _TEXT, _LINE = 26, 15, 21  # pixels: heading, captions, from line to line
_CAPTION_LINES, _NOTE_LINES = 4, 3
_PAPER, _INK, _GREY, _FIELD, _HERE = "#ffffff", "#1a1a1a", "#5c5c5c", "#e4e4e4", "#0b6e4f"
_FOOT = "Photos belong to their owners, under the licences named."


def draw_sheet(view: GroundView, provenance: str) -> tuple[bytes, list[str]]:
    """The sheet as PNG, and one sentence for each photo that could not be shown.

    Args:
        view: The view to draw, of at most `MAX_PHOTOS` hits.
        provenance: JSON; written into the file's text chunk of that name.
    """
    # three in a row for the usual nine; of more, about as many rows as columns
    columns = _COLUMNS if len(view.hits) <= 3 * _COLUMNS else math.ceil(math.sqrt(len(view.hits)))
    width = 2 * _MARGIN + columns * _CELL + (columns - 1) * _GAP
    head = _heading(view, width - 2 * _MARGIN)
    top = _MARGIN + round(1.5 * _TITLE) + _LINE * (len(head) - 1) + _GAP
    tall = _PHOTO + _LINE * _CAPTION_LINES + _GAP
    height = top + tall * max(1, math.ceil(len(view.hits) / columns)) + _LINE + _MARGIN
    sheet = Image.new("RGB", (width, height), _PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((_MARGIN, _MARGIN), head[0], _INK, typeface(_TITLE, bold=True))
    for number, line in enumerate(head[1:]):
        pen.text((_MARGIN, _MARGIN + round(1.5 * _TITLE) + number * _LINE), line, _GREY, typeface(_TEXT))
    troubles = []
    for number, hit in enumerate(view.hits):
        x, y = _MARGIN + number % columns * (_CELL + _GAP), top + number // columns * tall
        troubles += _place_photo(sheet, pen, hit, (x, y))
        _write_caption(pen, hit, (x, y + _PHOTO + 4))
    if not view.hits:
        pen.text((_MARGIN, top), "No photo matches.", _INK, typeface(_TITLE))
    foot = f"{_FOOT} Overhead imagery: {view.attribution}." if view.attribution else _FOOT
    foot = fitted(foot, typeface(_TEXT), width - 2 * _MARGIN)
    pen.text((_MARGIN, height - _MARGIN - _TEXT), foot, _GREY, typeface(_TEXT))
    return _png(sheet, provenance), troubles


def _heading(view: GroundView, width: int) -> list[str]:
    """What was asked and of what: a title, then lines that fit."""
    north, east = "N" if view.lat >= 0 else "S", "E" if view.lon >= 0 else "W"
    place = f"{abs(view.lat):.4f}° {north}, {abs(view.lon):.4f}° {east}"
    passed = "" if view.candidates == view.photos else f" that pass the filter, of {view.photos:,}"
    line = (
        f"tile {view.tile_id} of {view.collection} · the most alike of {view.candidates:,} photos{passed} in gallery "
        f"{view.gallery} · model {view.model_id}"
    )
    title = fitted(f"{place} · {say_moment(view.when)}", typeface(_TITLE, bold=True), width)
    texts = [line, *([view.note] if view.note else [])]
    return [title, *(piece for text in texts for piece in wrapped(text, typeface(_TEXT), width, lines=_NOTE_LINES))]


def _place_photo(sheet: Image.Image, pen: ImageDraw.ImageDraw, hit: PhotoHit, corner: tuple[int, int]) -> list[str]:
    """Put a photo into its cell, or in its place what is wrong with it, which is then told."""
    x, y = corner
    pen.rectangle((x, y, x + _CELL - 1, y + _PHOTO - 1), fill=_FIELD)
    try:
        photo = Image.fromarray(read_picture(Path(hit.path)))
    except ItemError as error:
        told = "the file is gone" if error.reason == "missing" else f"the file cannot be shown: {error.reason}"
        lines = [told, fitted(Path(hit.path).name, typeface(_TEXT), _CELL - 2 * _GAP)]
        for number, line in enumerate(lines):
            at = (x + _CELL / 2, y + _PHOTO / 2 + (number - len(lines) / 2 + 0.5) * _LINE)
            pen.text(at, line, _INK if number == 0 else _GREY, typeface(_TEXT), anchor="mm")
        return [f"photo {hit.photo_id}: {error}"]
    # `thumbnail` makes pictures only smaller; small ones are brought to the cell's size below
    photo.thumbnail((_CELL, _PHOTO), Image.Resampling.LANCZOS)
    scale = min(_CELL / photo.width, _PHOTO / photo.height)
    if scale > 1:
        grown = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
        photo = photo.resize(grown, Image.Resampling.BICUBIC)
    sheet.paste(photo, (x + (_CELL - photo.width) // 2, y + (_PHOTO - photo.height) // 2))
    return []


def _write_caption(pen: ImageDraw.ImageDraw, hit: PhotoHit, corner: tuple[int, int]) -> None:
    x, y = corner
    for number, line in enumerate(caption(hit)):
        ink = _HERE if number == 1 and hit.here else _INK if number < 3 else _GREY
        font = typeface(_TEXT, bold=number == 0)
        pen.text((x, y + number * _LINE), fitted(line, font, _CELL), ink, font)


def caption(hit: PhotoHit) -> list[str]:
    """The lines under a photo: rank and score, where, credit, when."""
    return [
        f"{hit.rank} · cosine {hit.cosine:z.3f}",
        say_where(hit),
        say_credit(hit),
        say_taken(hit),
    ]


def say_credit(hit: PhotoHit) -> str:
    """Whose photo it is, and under which licence."""
    return f"photo: {plain(hit.owner or '') or 'owner unknown'} · {plain(hit.licence or '') or 'licence unknown'}"


def say_where(hit: PhotoHit) -> str:
    """Whether a photo was taken in the tile, and how far away."""
    if hit.distance_m is None:
        return "place unknown"
    return f"taken {'here' if hit.here else 'elsewhere'}, {say_distance(hit.distance_m)} away"


def say_taken(hit: PhotoHit) -> str:
    """When a photo was taken."""
    if hit.taken_local is not None:
        return f"{hit.taken_local.day} {hit.taken_local:%B %Y, %H:%M}"
    if hit.taken_utc is not None:
        return f"{hit.taken_utc.day} {hit.taken_utc:%B %Y, %H:%M} UTC"
    return "date unknown"


def _png(sheet: Image.Image, provenance: str) -> bytes:
    info = PngInfo()
    info.add_itxt("provenance", provenance, zip=True)
    sink = io.BytesIO()
    sheet.save(sink, "PNG", pnginfo=info, optimize=False)
    return sink.getvalue()
