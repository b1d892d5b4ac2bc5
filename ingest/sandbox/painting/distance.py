"""What is seen along the horizon of the ground pictures: hills, woods, roofs, towers, water."""

from ingest.sandbox.painting.buildings import block, house
from ingest.sandbox.painting.canvas import PictureCanvas
from ingest.sandbox.painting.light import Colour, blend, grass, white
from ingest.sandbox.painting.plants import crown_colour, tree
from ingest.sandbox.painting.works import works


def sea_colour(c: PictureCanvas) -> Colour:
    """Sea: turquoise in the warmth, steely in the cold."""
    return blend((44, 86, 112), (36, 128, 160), min(1.0, c.scene.warmth * 1.3))


def hills(c: PictureCanvas, colour: Colour, tall: float, far: float) -> None:
    """A soft line of hills along the horizon."""
    y, points = c.horizon, [(0.0, c.horizon + 0.01)]
    up = c.rng.uniform(0.2, 1.0)
    for step in range(13):
        up = min(1.0, max(0.12, up + c.rng.uniform(-0.28, 0.28)))
        points.append((step / 12, y - tall * up))
    c.poly([*points, (1.0, y + 0.01)], colour, far)


def peaks(c: PictureCanvas, tall: float, far: float, *, snowline: float = 0.6) -> None:
    """Rocky peaks along the horizon, snow on top where it is cold."""
    y = c.horizon
    for _ in range(5):
        x, h, half = c.rng.random(), tall * c.rng.uniform(0.5, 1.0), c.rng.uniform(0.16, 0.34)
        rock = white(c.scene, c.pick((128, 126, 128), (110, 112, 120), (142, 132, 122)))
        c.poly(
            [
                (x - half, y + 0.01),
                (x - half * 0.3, y - h * 0.72),
                (x, y - h),
                (x + half * 0.35, y - h * 0.62),
                (x + half, y + 0.01),
            ],
            rock,
            far,
        )
        c.poly(
            [(x, y - h), (x + half * 0.35, y - h * 0.62), (x + half, y + 0.01), (x + half * 0.12, y + 0.01)],
            blend(rock, (40, 44, 62), 0.3),
            far,
        )
        if c.scene.warmth < snowline:
            c.poly(
                [
                    (x - half * 0.2, y - h * 0.8),
                    (x, y - h),
                    (x + half * 0.2, y - h * 0.78),
                    (x + half * 0.06, y - h * 0.84),
                    (x - half * 0.06, y - h * 0.72),
                ],
                (246, 248, 252),
                far * 0.7,
            )


def treeline(c: PictureCanvas, tall: float, far: float, y: float | None = None) -> None:
    """A wood seen from outside."""
    y = c.horizon + 0.008 if y is None else y
    needle = c.rng.random() < (0.7 if abs(c.scene.lat) > 52 else 0.35 if abs(c.scene.lat) > 30 else 0.0)
    bare: Colour = (112, 98, 86)
    for i in range(22):
        x = (i + c.rng.random()) / 22
        h = tall * c.rng.uniform(0.6, 1.0)
        if needle and c.rng.random() < 0.75:
            green = white(c.scene, c.pick((38, 72, 46), (46, 82, 52)))
            c.poly([(x - 0.36 * h, y), (x, y - 1.2 * h), (x + 0.36 * h, y)], blend(green, (38, 72, 46), 0.4), far)
        else:
            colour = crown_colour(c) if c.scene.leaf > 0.25 else white(c.scene, bare)
            c.oval(x, y - 0.5 * h, 0.05 + 0.2 * h, 0.6 * h, blend(colour, (30, 50, 40), 0.2), far)
    c.rect(0, y - 0.25 * tall, 1, y, blend(white(c.scene, (60, 84, 54)), (60, 84, 54), 0.5), far)


def roofs(c: PictureCanvas, far: float) -> None:
    """A village or suburb along the horizon."""
    y = c.horizon + 0.01
    for _ in range(10):
        m = c.rng.uniform(0.006, 0.01)
        house(c, c.rng.random(), y + c.rng.uniform(0, 0.012), m, wide_m=c.rng.uniform(9, 13), far=far)
        tree(c, c.rng.random(), y + 0.005, m, 7, far)


def skyline(c: PictureCanvas, far: float, *, tall: float = 1.0) -> None:
    """Towers of a city along the horizon."""
    y = c.horizon + 0.012
    x = -0.03
    while x < 1:
        wide = c.rng.uniform(0.05, 0.11)
        floors = int(c.rng.choice((5, 7, 9, 13, 18)) * tall) + 2
        block(c, x, x + wide, y, 0.0055, floors, far=far)
        x += wide + c.rng.uniform(-0.015, 0.02)


def headland(c: PictureCanvas, way: int, reach: float, tall: float = 0.22) -> None:
    """A steep rocky coast that runs into the sea from the side `way`."""
    h = c.horizon
    edge = 0.5 + way * 0.5
    tip = edge - way * reach
    rock = c.pick((196, 186, 168), (150, 132, 116), (120, 110, 106))
    top = h - tall * c.rng.uniform(0.6, 1.0)
    waterline = h + 0.1
    c.poly(
        [
            (edge, top),
            (edge - way * reach * 0.55, top + 0.02),
            (tip + way * 0.03, h - tall * 0.3),
            (tip, waterline),
            (edge, waterline + 0.05),
        ],
        rock,
    )
    for _ in range(9):
        x = edge - way * reach * c.rng.uniform(0.0, 0.9)
        y = top + c.rng.uniform(0.02, 0.1)
        c.line([(x, y), (x - way * c.rng.uniform(-0.02, 0.03), waterline)], blend(rock, (30, 26, 30), 0.45), 0.012)
    c.poly(
        [
            (edge, top - 0.015),
            (edge - way * reach * 0.55, top),
            (tip + way * 0.03, h - tall * 0.3),
            (edge - way * reach * 0.5, top + 0.035),
            (edge, top + 0.03),
        ],
        grass(c.scene),
    )
    c.line(
        [(tip - way * 0.02, waterline), (edge - way * reach * 0.4, waterline + 0.02), (edge, waterline + 0.05)],
        (240, 246, 250),
        0.014,
    )


def strip(c: PictureCanvas, kind: str) -> None:
    """A backdrop far away along the horizon; the ground before it comes after."""
    if kind in {"sea", "beach", "cliff", "lake", "river"}:
        c.water(sea_colour(c), bottom=c.horizon + 0.04)
        if kind == "cliff":
            hills(c, (150, 136, 120), 0.06, 0.9)
    elif kind == "mountain":
        peaks(c, 0.2, 1.0)
    elif kind in {"forest", "park", "pasture", "field", "road"}:
        hills(c, blend(grass(c.scene), (70, 100, 84), 0.5), 0.07, 1.0)
        if kind == "forest":
            treeline(c, 0.06, 0.8)
    elif kind in {"suburb", "town"}:
        roofs(c, 0.6)
    elif kind == "city":
        skyline(c, 0.7)
    else:
        works(c, c.rng.uniform(0.2, 0.8), c.horizon + 0.01, 0.004, far=0.7)


def behind(c: PictureCanvas) -> None:
    """Sky and, along the horizon, what the scene has in the distance or around."""
    c.sky()
    if c.scene.second:
        strip(c, c.scene.second)
    strip(c, c.scene.backdrop)
