"""Trees, bushes and grass of the ground pictures, by season and latitude.

Everything stands with its foot at x, y of the frame; m is the length of a metre there.
"""

import math

from ingest.sandbox.painting.canvas import PictureCanvas
from ingest.sandbox.painting.light import Colour, blend, white

BARK: Colour = (92, 72, 54)


def conifer(c: PictureCanvas, x: float, y: float, m: float, tall_m: float = 9, far: float = 0.0) -> None:
    """A spruce; white under snow."""
    h = tall_m * m
    green = c.pick((34, 70, 44), (44, 84, 50), (30, 60, 46))
    c.rect(x - 0.025 * h, y - 0.14 * h, x + 0.025 * h, y, BARK, far)
    for low, high, half in ((0.08, 0.52, 0.21), (0.32, 0.76, 0.16), (0.56, 1.0, 0.105)):
        c.poly([(x - half * h, y - low * h), (x + half * h, y - low * h), (x, y - high * h)], green, far)
        if c.scene.snow > 0.3:
            c.poly(
                [
                    (x - half * h * 0.75, y - (low + 0.1) * h),
                    (x + half * h * 0.35, y - (low + 0.13) * h),
                    (x, y - high * h),
                ],
                white(c.scene, green),
                far,
            )


def crown_colour(c: PictureCanvas) -> Colour:
    """Leaves of a deciduous tree by season."""
    lush: tuple[Colour, ...] = ((64, 122, 48), (80, 140, 56), (52, 106, 46))
    if c.scene.warmth > 0.8 and abs(c.scene.lat) > 24:
        lush = ((70, 112, 50), (88, 122, 54), (58, 100, 46))
    green = c.pick(*lush)
    turned = c.pick((214, 92, 28), (232, 168, 36), (184, 52, 34), (240, 198, 60), (200, 120, 40))
    return blend(green, turned, min(1.0, c.scene.autumn * c.rng.uniform(0.85, 1.3)))


def broadleaf(
    c: PictureCanvas, x: float, y: float, m: float, tall_m: float = 8, far: float = 0.0, crown: Colour | None = None
) -> None:
    """A deciduous tree by season; `crown` overrules the colour of its leaves."""
    h = tall_m * m
    c.line([(x, y), (x, y - 0.5 * h)], BARK, 0.055 * h, far)
    if crown is None and c.scene.leaf < 0.25:
        _bare(c, x, y, h, far)
        return
    colour = crown or crown_colour(c)
    shade, shine = blend(colour, (14, 24, 24), 0.32), blend(colour, (255, 255, 220), 0.16)
    spots = [(c.rng.uniform(-0.22, 0.22), c.rng.uniform(0.48, 0.84)) for _ in range(5 if h > 0.12 else 2)]
    for dx, up in spots:
        c.oval(x + dx * h + 0.03 * h, y - up * h + 0.04 * h, 0.2 * h, 0.17 * h, shade, far)
    for dx, up in spots:
        c.oval(x + dx * h, y - up * h, 0.18 * h, 0.15 * h, colour, far)
    if h > 0.1:
        for dx, up in spots[:3]:
            c.oval(x + (dx - 0.05) * h, y - (up + 0.05) * h, 0.08 * h, 0.06 * h, shine, far)


def _bare(c: PictureCanvas, x: float, y: float, h: float, far: float) -> None:
    twigs = blend(BARK, (236, 240, 248), 0.45 * c.scene.snow)
    for _ in range(7):
        angle = c.rng.uniform(-1.0, 1.0)
        start, length = c.rng.uniform(0.3, 0.6) * h, c.rng.uniform(0.25, 0.42) * h
        tip = (x + math.sin(angle) * length, y - start - math.cos(angle) * length)
        c.line([(x, y - start), tip], twigs, 0.018 * h, far)
        c.line(
            [((x + tip[0]) / 2, (y - start + tip[1]) / 2), (tip[0] + 0.08 * h, tip[1] + 0.03 * h)], twigs, 0.01 * h, far
        )


def palm(c: PictureCanvas, x: float, y: float, m: float, tall_m: float = 8, far: float = 0.0) -> None:
    """A palm, for where there is no winter."""
    h, bend = tall_m * m, c.rng.uniform(-0.12, 0.12)
    top = (x + bend * h, y - 0.8 * h)
    c.line([(x, y), (x + bend * 0.3 * h, y - 0.45 * h), top], (124, 98, 72), 0.04 * h, far)
    for angle in (-2.5, -1.9, -1.2, -0.5, 0.3, 0.9):
        green = c.pick((58, 118, 48), (76, 132, 58))
        middle = (top[0] + math.cos(angle) * 0.2 * h, top[1] + math.sin(angle) * 0.12 * h - 0.05 * h)
        c.line([top, middle, (top[0] + math.cos(angle) * 0.34 * h, middle[1] + 0.13 * h)], green, 0.035 * h, far)


def tree(c: PictureCanvas, x: float, y: float, m: float, tall_m: float = 8, far: float = 0.0) -> None:
    """A tree that grows at this latitude."""
    away = abs(c.scene.lat)
    if away < 20 and c.rng.random() < 0.55:
        palm(c, x, y, m, tall_m, far)
    elif c.rng.random() < (0.6 if away > 52 else 0.3 if away > 35 else 0.05):
        conifer(c, x, y, m, tall_m * 1.15, far)
    else:
        broadleaf(c, x, y, m, tall_m, far)


def bush(c: PictureCanvas, x: float, y: float, m: float, wide_m: float = 1.5) -> None:
    """A bush or a piece of hedge."""
    colour = white(c.scene, crown_colour(c) if c.scene.leaf > 0.25 else (96, 84, 66))
    c.oval(x, y - 0.4 * m, wide_m * m / 2, 0.5 * m, blend(colour, (0, 0, 0), 0.25))
    c.oval(x - 0.1 * m, y - 0.5 * m, wide_m * m / 2.4, 0.42 * m, colour)


def tufts(c: PictureCanvas, colour: Colour, count: int = 26) -> None:
    """Blades of grass in the foreground."""
    for _ in range(count):
        x, y = c.rng.random(), c.rng.uniform(max(c.horizon + 0.18, 0.62), 1.0)
        size = 0.16 * c.metre(y)
        tone = blend(colour, c.rng.choice(((20, 40, 10), (230, 230, 160))), 0.3)
        c.line([(x, y), (x + c.rng.uniform(-0.4, 0.4) * size, y - size)], tone, 0.005)
