"""Subjects at the shore, on the lake and at the river, each a whole picture."""

from collections.abc import Callable

from ingest.sandbox.painting.backdrops import reeds, river, shore
from ingest.sandbox.painting.boats import rowing_boat
from ingest.sandbox.painting.buildings import house
from ingest.sandbox.painting.canvas import PictureCanvas
from ingest.sandbox.painting.distance import behind, headland, hills, sea_colour, treeline
from ingest.sandbox.painting.fittings import parasol
from ingest.sandbox.painting.life import SKIN, gulls, person, swimmer
from ingest.sandbox.painting.light import Colour, blend, grass
from ingest.sandbox.painting.plants import palm, tree
from ingest.sandbox.painting.works import lighthouse

TOWELS: tuple[Colour, ...] = (
    (232, 60, 60),
    (50, 110, 200),
    (250, 210, 60),
    (240, 240, 240),
    (60, 170, 150),
    (240, 130, 60),
    (210, 90, 160),
)


def beach_bathers(c: PictureCanvas) -> None:
    """Parasols and towels on the sand, swimmers in the sea."""
    c.eye_m = 2.2
    c.sky()
    if c.rng.random() < 0.4:
        hills(c, blend(grass(c.scene), (80, 110, 110), 0.5), 0.08, 1.0)
    edge = c.horizon + c.rng.uniform(0.12, 0.2)
    c.water(sea_colour(c), bottom=edge + 0.06)
    for _ in range(c.rng.randint(5, 11)):
        y = c.rng.uniform(c.horizon + 0.04, edge)
        swimmer(c, c.rng.random(), y, c.metre(y) * 1.5)
    shore(c, edge)
    if abs(c.scene.lat) < 25 and c.rng.random() < 0.6:
        palm(c, c.rng.choice((0.06, 0.94)), edge + 0.16, 0.05, 9)
    for y in sorted(c.rng.uniform(edge + 0.07, 0.97) for _ in range(c.rng.randint(8, 14))):
        x, m = c.rng.uniform(0.02, 0.98), c.metre(y)
        kind = c.rng.random()
        if kind < 0.36:
            parasol(c, x, y, m * 0.9, c.pick(*TOWELS))
            _towel(c, x + 0.8 * m, y + 0.02, m)
        elif kind < 0.66:
            _towel(c, x, y, m, lying=True)
        else:
            skin = c.rng.choice(SKIN)
            person(
                c,
                x,
                y,
                m,
                shirt=c.rng.choice((skin, skin, c.pick(*TOWELS))),
                trousers=skin,
                pose=c.rng.choice(("stand", "walk", "run")),
            )


def _towel(c: PictureCanvas, x: float, y: float, m: float, *, lying: bool = False) -> None:
    colour = c.pick(*TOWELS)
    c.poly([(x - 0.9 * m, y), (x + 0.8 * m, y), (x + 1.0 * m, y - 0.35 * m), (x - 0.7 * m, y - 0.35 * m)], colour)
    if lying:
        skin = c.rng.choice(SKIN)
        c.line([(x - 0.75 * m, y - 0.2 * m), (x + 0.6 * m, y - 0.24 * m)], skin, 0.24 * m)
        c.line([(x - 0.1 * m, y - 0.24 * m), (x + 0.12 * m, y - 0.26 * m)], c.pick(*TOWELS), 0.27 * m)
        c.oval(x + 0.72 * m, y - 0.27 * m, 0.15 * m, 0.14 * m, (70, 48, 34))


def surfing(c: PictureCanvas) -> None:
    """Breaking waves with surfers on their boards."""
    c.horizon = c.rng.uniform(0.22, 0.34)
    c.sky()
    sea = blend(sea_colour(c), (40, 120, 120), 0.4)
    c.water(sea, waves=0.4)
    for y in (c.horizon + 0.05, c.horizon + 0.11):
        c.line([(i / 8, y + c.rng.uniform(-0.008, 0.008)) for i in range(9)], (236, 244, 246), 0.012)
    way, crest, foot = c.rng.choice((-1, 1)), c.horizon + c.rng.uniform(0.04, 0.1), c.rng.uniform(0.74, 0.84)
    c.poly(
        [(0, crest + 0.1), (0.3, crest), (0.7, crest), (1, crest + 0.1), (1, foot), (0, foot)],
        blend(sea, (30, 110, 110), 0.5),
    )
    c.poly(
        [(0, crest + 0.26), (0.5, crest + 0.2), (1, crest + 0.26), (1, foot), (0, foot)], blend(sea, (16, 66, 84), 0.6)
    )
    _foam(c, [(i / 14, crest + 0.1 * abs(i / 7 - 1) ** 2) for i in range(15)], 0.03)
    side = 0.5 - way * 0.5
    for _ in range(100):
        reach = c.rng.random() ** 1.3 * 0.46
        r = c.rng.uniform(0.012, 0.04)
        y = c.rng.uniform(crest + 0.03 + 0.2 * reach, foot + 0.02)
        c.oval(
            side + way * reach, y, r * 1.5, r * 0.7, c.rng.choice(((252, 253, 253), (232, 242, 245), (242, 248, 250)))
        )
    for _ in range(16):
        x, y = c.rng.random(), c.rng.uniform(crest + 0.05, foot)
        c.line([(x, y), (x + way * 0.06, y - 0.05), (x + way * 0.1, y - 0.11)], (150, 200, 204), 0.006)
    _foam(c, [(i / 12, foot + c.rng.uniform(-0.01, 0.02)) for i in range(13)], 0.035)
    for i in range(c.rng.choice((1, 1, 2))):
        x = 0.5 + way * c.rng.uniform(0.02, 0.16) + i * way * 0.2
        _surfer(c, x, c.rng.uniform(crest + 0.3, foot - 0.04), c.rng.uniform(0.11, 0.17) / (1 + 0.7 * i), way)
    for _ in range(c.rng.randint(0, 3)):
        _waiting(c, c.rng.random(), c.rng.uniform(foot + 0.07, 0.96), 0.07)


def _foam(c: PictureCanvas, points: list[tuple[float, float]], size: float) -> None:
    for x, y in points:
        c.oval(
            x + c.rng.uniform(-0.02, 0.02),
            y,
            size * c.rng.uniform(0.9, 1.9),
            size * c.rng.uniform(0.4, 0.8),
            (248, 251, 252),
        )


def _surfer(c: PictureCanvas, x: float, y: float, m: float, way: int) -> None:
    """Somebody crouching on a board; m is the length of a metre."""
    suit = c.rng.choice(((28, 30, 36), (28, 30, 36), (30, 60, 120), (200, 60, 50)))
    skin = c.rng.choice(SKIN)
    c.poly(
        [
            (x - way * 1.1 * m, y - 0.1 * m),
            (x + way * 0.9 * m, y - 0.05 * m),
            (x + way * 1.3 * m, y - 0.26 * m),
            (x + way * 0.4 * m, y + 0.12 * m),
            (x - way * 0.9 * m, y + 0.08 * m),
        ],
        c.pick((250, 250, 240), (250, 214, 60), (236, 90, 60), (90, 200, 210)),
    )
    c.line(
        [(x - way * 0.5 * m, y - 0.06 * m), (x - way * 0.35 * m, y - 0.45 * m), (x - way * 0.05 * m, y - 0.7 * m)],
        suit,
        0.17 * m,
    )
    c.line(
        [(x + way * 0.4 * m, y - 0.06 * m), (x + way * 0.35 * m, y - 0.42 * m), (x - way * 0.05 * m, y - 0.7 * m)],
        suit,
        0.17 * m,
    )
    c.line([(x - way * 0.05 * m, y - 0.7 * m), (x + way * 0.2 * m, y - 1.2 * m)], suit, 0.26 * m)
    c.line([(x + way * 0.16 * m, y - 1.12 * m), (x + way * 0.75 * m, y - 1.05 * m)], skin, 0.09 * m)
    c.line([(x + way * 0.1 * m, y - 1.12 * m), (x - way * 0.5 * m, y - 1.3 * m)], skin, 0.09 * m)
    c.oval(x + way * 0.3 * m, y - 1.38 * m, 0.13 * m, 0.16 * m, skin)
    c.oval(x + way * 0.27 * m, y - 1.45 * m, 0.14 * m, 0.1 * m, (80, 56, 36))


def _waiting(c: PictureCanvas, x: float, y: float, m: float) -> None:
    c.poly(
        [(x - 1.0 * m, y), (x + 1.0 * m, y - 0.06 * m), (x + 1.2 * m, y - 0.18 * m), (x - 0.9 * m, y - 0.1 * m)],
        (246, 244, 230),
    )
    c.rect(x - 0.2 * m, y - 0.8 * m, x + 0.15 * m, y - 0.08 * m, (30, 32, 38))
    c.oval(x, y - 0.96 * m, 0.15 * m, 0.18 * m, c.rng.choice(SKIN))


def lighthouse_view(c: PictureCanvas) -> None:
    """A lighthouse on a rocky cape."""
    c.horizon = c.rng.uniform(0.55, 0.68)
    c.sky()
    c.water(sea_colour(c), waves=0.35)
    x, way = c.rng.uniform(0.3, 0.7), c.rng.choice((-1, 1))
    base, m = c.horizon + c.rng.uniform(-0.04, 0.06), c.rng.uniform(0.017, 0.026)
    rock = c.pick((140, 128, 116), (116, 108, 104), (170, 150, 128))
    edge = 0.5 + way * 0.5
    c.poly(
        [
            (x - way * 0.3, c.horizon + 0.14),
            (x - way * 0.16, base + 0.01),
            (x + way * 0.1, base - 0.01),
            (edge, base + 0.02),
            (edge, 1),
            (x - way * 0.1, 1),
        ],
        rock,
    )
    for _ in range(14):
        px, py = x + way * c.rng.uniform(-0.2, 0.5), c.rng.uniform(base + 0.05, 1.0)
        c.poly(
            [(px, py), (px + 0.07, py - 0.04), (px + 0.13, py + 0.02), (px + 0.05, py + 0.06)],
            blend(rock, c.rng.choice(((30, 26, 30), (230, 220, 206))), 0.3),
        )
    c.poly(
        [
            (x - way * 0.16, base + 0.012),
            (x + way * 0.1, base - 0.012),
            (edge, base + 0.018),
            (edge, base + 0.07),
            (x, base + 0.05),
        ],
        grass(c.scene),
    )
    if c.rng.random() < 0.5:
        house(c, x + way * 0.2, base + 0.02, m * 0.9, wide_m=8)
    c.flood(0.4)
    lighthouse(c, x, base + 0.01, m)
    c.line(
        [(x - way * 0.34, c.horizon + 0.16), (x - way * 0.22, c.horizon + 0.2), (x - way * 0.1, 0.98)],
        (246, 249, 250),
        0.022,
    )
    gulls(c, c.rng.randint(1, 5))


def cliffs(c: PictureCanvas) -> None:
    """A high rocky coast above the surf."""
    c.horizon = c.rng.uniform(0.3, 0.44)
    c.sky()
    c.water(sea_colour(c), waves=0.35)
    way = c.rng.choice((-1, 1))
    rock = c.pick((214, 206, 190), (158, 138, 118), (118, 112, 110), (178, 130, 100))
    tall = c.rng.uniform(0.28, 0.4)
    for reach, top, foot, dim in (
        (0.95, c.horizon - tall * 0.5, c.horizon + 0.1, 0.3),
        (0.62, c.horizon - tall * 0.75, c.horizon + 0.28, 0.0),
    ):
        _cliff_wall(c, way, reach, top, foot, blend(rock, (150, 160, 176), dim))
    if c.rng.random() < 0.35:
        headland(c, -way, 0.2, 0.1)
    if c.rng.random() < 0.5:
        x = 0.5 - way * c.rng.uniform(0.05, 0.25)
        c.poly(
            [
                (x - 0.04, c.horizon + 0.24),
                (x - 0.02, c.horizon + 0.06),
                (x + 0.02, c.horizon + 0.04),
                (x + 0.05, c.horizon + 0.24),
            ],
            blend(rock, (40, 40, 50), 0.2),
        )
        c.line([(x - 0.06, c.horizon + 0.245), (x + 0.07, c.horizon + 0.245)], (248, 250, 252), 0.02)
    gulls(c, c.rng.randint(2, 7))


def _cliff_wall(c: PictureCanvas, way: int, reach: float, top: float, foot: float, rock: Colour) -> None:
    edge = 0.5 + way * 0.5
    line = [(edge - way * reach * i / 6, top + c.rng.uniform(-0.015, 0.02) + (0.05 if i == 6 else 0)) for i in range(7)]
    base = [
        (edge - way * (reach + 0.03) * i / 6, foot + 0.07 * (1 - i / 6) + c.rng.uniform(0, 0.02))
        for i in range(6, -1, -1)
    ]
    c.poly([*line, *base], rock)
    tall = foot - top
    for _ in range(46):
        x, y = edge - way * reach * c.rng.random(), top + tall * c.rng.uniform(0.05, 0.95)
        size = tall * c.rng.uniform(0.08, 0.24)
        shade = blend(rock, c.rng.choice(((34, 30, 36), (34, 30, 36), (255, 246, 230))), c.rng.uniform(0.12, 0.4))
        lean = c.rng.uniform(-0.4, 0.4)
        low = min(y + size * 1.6, foot)
        c.poly(
            [
                (x, y),
                (x + size * 0.5, y + size * 0.3),
                (x + size * (0.4 + lean), low),
                (x + size * (lean - 0.2), min(y + size, foot)),
            ],
            shade,
        )
    for _ in range(5):
        x = edge - way * reach * c.rng.random()
        gully = [(x + c.rng.uniform(-0.025, 0.025), top + tall * k / 5) for k in range(6)]
        c.line(gully, blend(rock, (30, 26, 34), 0.55), 0.012)
    for k in range(3):
        y = top + (foot - top) * (0.3 + 0.22 * k)
        c.line(
            [(edge, y), (edge - way * reach * 0.95, y + c.rng.uniform(-0.02, 0.02))],
            blend(rock, (60, 50, 46), 0.3),
            0.006,
        )
    c.poly([*line, *[(x, y + 0.035) for x, y in line[::-1]]], grass(c.scene))
    for x, y in base:
        c.oval(x, y, 0.06, 0.018, (248, 251, 252))


def lake_rowing(c: PictureCanvas) -> None:
    """Rowing boats on a calm lake between wooded shores."""
    c.horizon = c.rng.uniform(0.32, 0.44)
    c.sky()
    hills(c, blend(grass(c.scene), (60, 96, 84), 0.4), 0.14, 0.8)
    treeline(c, 0.1, 0.3)
    c.water(blend((58, 104, 108), (70, 110, 80), 0.4), top=c.horizon + 0.008, waves=0.13)
    green = blend(grass(c.scene), (30, 70, 60), 0.5)
    for i in range(12):
        c.oval(i / 11, c.horizon + 0.025, 0.07, c.rng.uniform(0.015, 0.04), blend(green, (70, 110, 110), 0.4))
    for y in sorted(c.rng.uniform(c.horizon + 0.12, 0.84) for _ in range(c.rng.randint(2, 4))):
        rowing_boat(c, c.rng.uniform(0.15, 0.85), y, 0.026 + (y - c.horizon) * 0.17, crew=c.rng.choice((1, 2, 2, 3)))
    if c.rng.random() < 0.4:
        c.poly([(0.0, 1), (0.34, 1), (0.3, 0.84), (0.2, 0.84)], (150, 116, 80))
        rowing_boat(c, 0.48, 0.95, 0.08, crew=0)
    reeds(c, c.rng.randint(4, 16))


def river_anglers(c: PictureCanvas) -> None:
    """Anglers with long rods at a river."""
    c.horizon = c.rng.uniform(0.34, 0.44)
    behind(c)
    treeline(c, c.rng.uniform(0.06, 0.14), 0.35)
    river(c)
    for _ in range(2):
        tree(c, c.rng.choice((0.04, 0.96)), c.horizon + 0.12, 0.035, 8)
    for i in range(c.rng.choice((1, 2, 2, 3))):
        side = c.rng.choice((-1, 1)) if i else (1 if c.rng.random() < 0.5 else -1)
        y = c.rng.uniform(c.horizon + 0.22, 0.94)
        _angler(c, 0.5 + side * c.rng.uniform(0.2, 0.36), y, 0.085 + 0.15 * (y - c.horizon), -side)


def _angler(c: PictureCanvas, x: float, y: float, m: float, way: int) -> None:
    person(
        c,
        x,
        y,
        m,
        shirt=c.pick((96, 110, 70), (120, 96, 64), (70, 96, 110), (190, 70, 50)),
        trousers=(74, 78, 60),
        pose=c.rng.choice(("stand", "sit", "stand")),
    )
    hand = (x + way * 0.3 * m, y - 1.05 * m)
    tip = (x + way * 2.8 * m, y - 2.7 * m)
    c.line([(x, y - 1.25 * m), hand], (80, 80, 60), 0.12 * m)
    c.line([hand, (x + way * 1.6 * m, y - 2.0 * m), tip], (40, 32, 26), 0.011)
    c.line([tip, (tip[0] + way * 0.5 * m, y + 0.05)], (236, 236, 236), 0.004)
    c.oval(tip[0] + way * 0.5 * m, y + 0.05, 0.01, 0.01, (230, 50, 40))
    c.rect(x - way * 0.9 * m, y - 0.4 * m, x - way * 0.5 * m, y, (60, 100, 150))
    c.oval(x, y - 1.72 * m, 0.24 * m, 0.07 * m, (130, 116, 80))


SUBJECTS: dict[str, Callable[[PictureCanvas], None]] = {
    "beach_bathers": beach_bathers,
    "surfing": surfing,
    "lighthouse": lighthouse_view,
    "cliffs": cliffs,
    "lake_rowing": lake_rowing,
    "river_anglers": river_anglers,
}
