"""What stands on and beside a map: its legend, its scale bar, its degrees.

It draws on pages that others lay out, and knows nothing of tiles.
"""

import math

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from search_ui.maps.lettering import fitted, typeface
from search_ui.maps.pixels import Canvas
from search_ui.maps.scales import Scale, round_numbers
from trainer.earth import MEAN_DEGREE_M

PAPER, INK, GREY, EMPTY, HIDDEN = "#ffffff", "#1a1a1a", "#5a5a5a", "#e3e8ec", "#bcc4ca"
_TICK, _FOOT = 14, 13  # pixels: sizes of text

Floats = npt.NDArray[np.float64]


def draw_legend(page: Image.Image, scale: Scale, x: int, y: int, tall: int) -> None:
    """The colours with their values and unit, and what the colour of no data means; `tall` pixels at most."""
    pen = ImageDraw.Draw(page)
    wide, end = 24, 14
    height = int(min(tall - 66, 460))
    top = y + max(0, (tall - 66 - height) // 2) + (end if scale.above else 0)
    height -= end * (scale.above + scale.below)
    if scale.steps < 64:  # kinds are read from the top
        colours = scale.lut[np.minimum(np.arange(height) * scale.steps // height, scale.steps - 1)]
    else:
        colours = scale.lut[np.linspace(scale.steps - 1, 0, height).round().astype(int)]
    page.paste(Image.fromarray(np.repeat(colours[:, None], wide, axis=1)), (x, top))
    outline = [(x, top)]
    if scale.above:
        _triangle(page, [(x, top - 1), (x + wide - 1, top - 1), (x + wide / 2, top - end)], scale.lut[-1])
        outline.append((x + wide // 2, top - end))
    outline += [(x + wide, top), (x + wide, top + height)]
    if scale.below:
        _triangle(
            page, [(x, top + height), (x + wide - 1, top + height), (x + wide / 2, top + height + end)], scale.lut[0]
        )
        outline.append((x + wide // 2, top + height + end))
    pen.line([*outline, (x, top + height), (x, top)], fill=GREY)
    widest = 0.0
    for value, name in scale.marks():
        part = (value - scale.low) / (scale.high - scale.low)
        at = top + height * (part if scale.steps < 64 else 1 - part)
        pen.line([(x + wide, at), (x + wide + 4, at)], fill=GREY)
        pen.text((x + wide + 8, at), name, INK, typeface(_TICK), anchor="lm")
        widest = max(widest, typeface(_TICK).getlength(name))
    _sideways(page, scale.unit, x + wide + 16 + int(widest), top + height // 2, tall)
    box = top + height + (end if scale.below else 0) + 14
    for name, colour in ((scale.empty, EMPTY), (scale.hidden, HIDDEN)):
        if name:
            pen.rectangle((x, box, x + wide, box + 14), fill=colour, outline=GREY)
            pen.text((x + wide + 8, box + 7), name, INK, typeface(_FOOT), anchor="lm")
            box += 20


def _triangle(page: Image.Image, corners: list[tuple[float, float]], colour: npt.NDArray[np.uint8]) -> None:
    ImageDraw.Draw(page).polygon(corners, fill=tuple(int(part) for part in colour))


def _sideways(page: Image.Image, text: str, x: int, middle: int, tall: int) -> None:
    """Text that reads upwards."""
    font = typeface(_TICK + 1)
    text = fitted(text, font, tall)
    # Pillow writes level text only: written on a strip of its own, which is turned
    strip = Image.new("RGB", (int(font.getlength(text)) + 4, _TICK + 8), PAPER)
    ImageDraw.Draw(strip).text((2, 1), text, INK, font)
    turned = strip.rotate(90, expand=True)
    page.paste(turned, (x, middle - turned.height // 2))


def draw_scale_bar(page: Image.Image, canvas: Canvas, x: int, y: int) -> None:
    """A bar of a round length, at most a fifth of the map; true at the map's middle latitude, which wide maps name."""
    metres = canvas.dx * (1.0 if canvas.centre else MEAN_DEGREE_M * math.cos(math.radians(canvas.middle_lat)))
    rough = max(metres * canvas.width / 5, 1e-3)
    power = 10.0 ** math.floor(math.log10(rough))
    length = max(step * power for step in (1, 2, 5) if step * power <= rough * 1.0001)
    name = f"{length / 1000:,g} km" if length >= 1000 else f"{length:g} m"
    if canvas.centre is None and canvas.dy * canvas.height > 5:
        name += f" at {degrees(canvas.middle_lat, 'NS', 0)}"
    bar = round(length / metres)
    font = typeface(_TICK)
    wide, tall = max(bar, int(font.getlength(name))) + 20, 36
    left, top = x + 8, y + canvas.height - tall - 8
    if wide + 16 > canvas.width or tall + 16 > canvas.height:
        return
    # the map shines through a little, and the bar is read on any colour
    glass = Image.blend(page.crop((left, top, left + wide, top + tall)), Image.new("RGB", (wide, tall), PAPER), 0.9)
    page.paste(glass, (left, top))
    pen = ImageDraw.Draw(page)
    pen.text((left + 10, top + 4), name, INK, font)
    at = top + tall - 9
    pen.line(
        [(left + 10, at - 5), (left + 10, at), (left + 10 + bar, at), (left + 10 + bar, at - 5)], fill=INK, width=2
    )


def draw_degrees(page: Image.Image, canvas: Canvas, x: int, y: int) -> None:
    """Latitudes and longitudes: at the edges of a map in degrees, as lines on a map in metres."""
    if canvas.centre is not None:
        _draw_graticule(page, canvas, x, y)
        return
    pen, font = ImageDraw.Draw(page), typeface(_TICK)
    right, bottom = canvas.left + canvas.dx * canvas.width, canvas.top - canvas.dy * canvas.height
    values, digits = round_numbers(canvas.left, right, max(2, min(6, canvas.width // 160)))
    for value in values:
        at = x + (value - canvas.left) / canvas.dx
        pen.line([(at, y + canvas.height), (at, y + canvas.height + 5)], fill=GREY)
        pen.text((at, y + canvas.height + 7), degrees(value, "EW", digits), GREY, font, anchor="ma")
    values, digits = round_numbers(bottom, canvas.top, max(2, min(6, canvas.height // 110)))
    for value in values:
        at = y + (canvas.top - value) / canvas.dy
        pen.line([(x - 6, at), (x - 1, at)], fill=GREY)
        pen.text((x - 9, at), degrees(value, "NS", digits), GREY, font, anchor="rm")


def _draw_graticule(page: Image.Image, canvas: Canvas, x: int, y: int) -> None:
    """Meridians and parallels of round degrees as thin lines with their names."""
    assert canvas.centre is not None  # noqa: S101 - asked of local canvases alone
    columns, rows = np.meshgrid(np.linspace(0, canvas.width, 40), np.linspace(0, canvas.height, 40))
    lon, lat = canvas.to_lonlat(columns, rows)
    # from the middle: a canvas across ±180° has longitudes of both signs
    east = (lon - canvas.centre[1] + 180) % 360 - 180
    spread = float(np.ptp(east))
    meridians, digits = ([float(v) for v in range(-180, 180, 45)], 0) if spread > 200 else round_numbers(
        float(east.min()) + canvas.centre[1], float(east.max()) + canvas.centre[1], 4)  # fmt: skip
    parallels, digits_lat = round_numbers(float(lat.min()), float(lat.max()), 4)
    along_lat = np.linspace(max(float(lat.min()), -89.999), min(float(lat.max()), 89.999), 400)
    along_lon = np.linspace(float(east.min()), float(east.max()), 800) + canvas.centre[1]
    for value in meridians:
        name = degrees((value + 180) % 360 - 180, "EW", digits)
        _draw_line(page, canvas, (x, y), (along_lat, np.full(400, value)), name, low=True)
    for value in parallels:
        _draw_line(page, canvas, (x, y), (np.full(800, value), along_lon), degrees(value, "NS", digits_lat), low=False)


def _draw_line(
    page: Image.Image, canvas: Canvas, corner: tuple[int, int], line: tuple[Floats, Floats], name: str, *, low: bool
) -> None:
    """A line of places, and its name where it is lowest on the map or furthest left."""
    columns, rows = canvas.to_pixels(lat=line[0], lon=line[1])
    inside = (columns >= 0) & (columns <= canvas.width) & (rows >= 0) & (rows <= canvas.height)
    if inside.sum() < 2:
        return
    pen = ImageDraw.Draw(page)
    # a line may leave the map and come back: each piece inside is drawn by itself
    edges = np.flatnonzero(np.diff(inside.astype(int))) + 1
    for piece in np.split(np.arange(len(columns)), edges):
        if inside[piece[0]] and len(piece) > 1:
            points = list(zip((corner[0] + columns[piece]).tolist(), (corner[1] + rows[piece]).tolist(), strict=True))
            pen.line(points, fill="#8a949c")
    some = np.flatnonzero(inside)
    outwards = np.hypot(columns - canvas.width / 2, rows - canvas.height / 2)  # meridians meet at a pole
    best = some[np.argmax(2 * outwards[some] + rows[some])] if low else some[np.argmin(columns[some])]
    font = typeface(_FOOT)
    wide = font.getlength(name)
    # the name stays whole on the map
    across = min(max(columns[best] + 4, 6), canvas.width - wide - 6)
    lowest = canvas.height - (54 if across < canvas.width * 0.25 + 40 else 4)  # above the scale bar
    down = min(max(rows[best] - 4, _FOOT + 6), lowest)
    spot = (corner[0] + across, corner[1] + down)
    pen.text(spot, name, INK, font, anchor="ls", stroke_width=2, stroke_fill=PAPER)


def degrees(value: float, sides: str, digits: int) -> str:
    """Degrees with their side of the world, such as `85.50° E`."""
    side = "" if round(value, digits) == 0 or abs(value) == 180 else f" {sides[0] if value > 0 else sides[1]}"
    return f"{abs(value):.{digits}f}°{side}"
