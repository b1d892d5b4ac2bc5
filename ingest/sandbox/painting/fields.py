"""Subjects on fields and pastures, each a whole picture."""

from collections.abc import Callable

from ingest.sandbox.painting.backdrops import EARTH, ROCK, field_colour, stones
from ingest.sandbox.painting.buildings import house
from ingest.sandbox.painting.canvas import PictureCanvas
from ingest.sandbox.painting.distance import behind, hills, roofs, treeline
from ingest.sandbox.painting.fittings import fence
from ingest.sandbox.painting.life import cow, gulls, horse
from ingest.sandbox.painting.light import Colour, blend, grass, white
from ingest.sandbox.painting.plants import BARK, bush, crown_colour, tree, tufts
from ingest.sandbox.painting.vehicles import combine, tractor
from ingest.sandbox.painting.works import turbine

WHEAT: Colour = (228, 190, 92)


def wheat_harvest(c: PictureCanvas) -> None:
    """A combine harvester in golden wheat, dust behind it."""
    c.horizon = c.rng.uniform(0.36, 0.48)
    behind(c)
    c.ground(WHEAT, grain=0.35)
    way, y = c.rng.choice((-1, 1)), c.rng.uniform(c.horizon + 0.2, c.horizon + 0.32)
    x, m = c.rng.uniform(0.35, 0.65), c.rng.uniform(0.05, 0.075)
    edge = 0.5 - way * 0.5
    c.poly(
        [(edge, c.horizon + 0.05), (x, c.horizon + 0.07), (x + way * 0.1, y + 0.03), (edge, y + 0.1)], (240, 216, 150)
    )
    for _ in range(40):
        px, py = c.rng.random(), c.rng.uniform(y + 0.06, 1.0)
        c.line(
            [(px, py), (px + c.rng.uniform(-0.02, 0.02), py - 0.06)],
            c.pick((250, 222, 130), (190, 150, 62), (236, 200, 104)),
            0.007,
        )
    for _ in range(10):
        c.oval(
            x - way * c.rng.uniform(0.2, 0.5),
            y - c.rng.uniform(0, 0.14),
            c.rng.uniform(0.03, 0.08),
            0.04,
            (226, 206, 160),
            0.3,
        )
    combine(c, x, y, m, way)
    if c.rng.random() < 0.45:
        tractor(c, x - way * 0.42, y - 0.1, m * 0.55, way, c.pick((40, 110, 60), (190, 50, 40)))
    for _ in range(c.rng.randint(0, 4)):
        px, py = c.rng.random(), c.rng.uniform(c.horizon + 0.05, c.horizon + 0.12)
        c.oval(px, py, 0.02, 0.017, (206, 166, 84))


def ploughing(c: PictureCanvas) -> None:
    """A tractor with its plough on brown earth, birds behind it."""
    c.horizon = c.rng.uniform(0.36, 0.48)
    behind(c)
    treeline(c, 0.04, 0.6)
    c.ground(blend(EARTH, (96, 66, 44), c.rng.random()), grain=0.5)
    focus = c.rng.uniform(0.2, 0.8)
    for i in range(-12, 13):
        x = 0.5 + i * 0.16
        c.line([(focus + i * 0.012, c.horizon + 0.02), (x, 1)], c.pick((76, 52, 36), (92, 64, 44)), 0.014)
    way, y = c.rng.choice((-1, 1)), c.rng.uniform(c.horizon + 0.2, c.horizon + 0.36)
    x, m = c.rng.uniform(0.4, 0.6), c.rng.uniform(0.075, 0.11)
    c.poly([(0.5 - way * 0.5, y - 0.03), (x, y - 0.02), (x, y + 0.01), (0.5 - way * 0.5, y + 0.05)], (70, 46, 32))
    for blade in range(4):
        at = x - way * (1.9 + 0.55 * blade) * m
        c.poly(
            [(at, y - 0.6 * m), (at + way * 0.25 * m, y - 0.6 * m), (at - way * 0.2 * m, y + 0.05 * m)], (60, 90, 160)
        )
    c.line([(x - way * 1.0 * m, y - 0.7 * m), (x - way * 3.9 * m, y - 0.55 * m)], (60, 90, 160), 0.18 * m)
    tractor(c, x, y, m, way, c.pick((196, 44, 36), (46, 120, 52), (40, 84, 160), (236, 150, 30)))
    for _ in range(c.rng.randint(4, 11)):
        px, py = x - way * c.rng.uniform(0.2, 0.5), y - c.rng.uniform(0.0, 0.25)
        c.line(
            [(px - 0.016, py - 0.008), (px, py), (px + 0.016, py - 0.009)],
            c.rng.choice(((244, 244, 246), (36, 34, 38))),
            0.007,
        )


def vineyard(c: PictureCanvas) -> None:
    """Rows of vines on stakes that run up to the hill."""
    c.horizon = c.rng.uniform(0.3, 0.44)
    behind(c)
    hills(c, blend(grass(c.scene), (110, 130, 80), 0.3), 0.1, 0.6)
    if c.rng.random() < 0.5:
        house(c, c.rng.random(), c.horizon + 0.02, 0.011, wide_m=12)
    c.ground(white(c.scene, blend((168, 138, 100), grass(c.scene), 0.35)), grain=0.3)
    green = blend(crown_colour(c), (96, 140, 52), 0.5 * (1 - c.scene.autumn)) if c.scene.leaf > 0.2 else (112, 88, 68)
    focus, gap = c.rng.uniform(-0.1, 1.1), c.rng.uniform(0.24, 0.34)
    for i in sorted(range(-7, 8), key=lambda i: -abs(i * gap + 0.5 - focus)):
        _vine_row(c, focus, 0.5 + i * gap, white(c.scene, green) if c.rng.random() < 0.3 else green)


def _vine_row(c: PictureCanvas, focus: float, foot: float, green: Colour) -> None:
    h = c.horizon
    steps = [0.05, 0.075, 0.11, 0.16, 0.235, 0.34, 0.5, 0.72, 1.0]
    tall, points_up, points_down = 0.26, [], []
    for share in steps:
        x, y = focus + (foot - focus) * share, h + (1.12 - h) * share
        points_up.append((x, y - tall * share * c.rng.uniform(0.85, 1.1)))
        points_down.append((x, y - 0.07 * share))
    bare = c.scene.leaf < 0.2
    if not bare:
        c.poly([*points_up, *points_down[::-1]], green)
        half = [
            ((a + b) / 2 + 0.03 * s * (1 if foot > focus else -1), (u + v) / 2)
            for (a, u), (b, v), s in zip(points_up, points_down, steps, strict=True)
        ]
        c.poly([*half, *points_down[::-1]], blend(green, (20, 36, 16), 0.35))
        for (x, y), share in zip(points_up, steps, strict=True):
            c.oval(x, y + 0.05 * share, 0.07 * share, 0.06 * share, blend(green, (226, 236, 150), 0.2))
    for (x, y), share in zip(points_down, steps, strict=True):
        c.line([(x, y + 0.07 * share), (x, y - 0.2 * share)], BARK if not bare else (96, 74, 58), 0.008 + 0.012 * share)
        if bare:
            c.line(
                [(x, y - 0.1 * share), (x - 0.05 * share, y - 0.17 * share), (x + 0.06 * share, y - 0.19 * share)],
                (104, 78, 60),
                0.01 * share,
            )
    if bare:
        c.line([(x, y - 0.12 * s) for (x, y), s in zip(points_down, steps, strict=True)], (150, 146, 140), 0.004)


def orchard_blossom(c: PictureCanvas) -> None:
    """Fruit trees in white and pink bloom on green grass."""
    c.horizon = c.rng.uniform(0.36, 0.46)
    behind(c)
    hills(c, blend(grass(c.scene), (110, 140, 110), 0.4), 0.07, 0.8)
    c.ground(blend(grass(c.scene), (104, 164, 66), 0.5), grain=0.3)
    tint: Colour = c.rng.choice(((252, 246, 246), (250, 214, 226), (250, 240, 240), (246, 186, 208)))
    focus = c.rng.uniform(0.3, 0.7)
    for step, share in enumerate((0.06, 0.1, 0.16, 0.27, 0.45)):
        for i in (-3, -2, -1, 0, 1, 2):
            x = focus + (0.5 + (i + 0.5) * 0.72 - focus) * (share * 1.7 + 0.02) + (0 if step else 0.01)
            y = c.horizon + share * 0.95
            if -0.2 < x < 1.2:
                _blooming(c, x, y, 0.012 + share * 0.13, tint)
    for _ in range(24):
        y = c.rng.uniform(c.horizon + 0.2, 1)
        c.oval(c.rng.random(), y, 0.005, 0.004, (255, 246, 248) if c.rng.random() < 0.7 else (250, 220, 70))


def _blooming(c: PictureCanvas, x: float, y: float, m: float, tint: Colour) -> None:
    h = 4.6 * m
    c.shadow(x, y, 0.5 * h, h)
    c.line([(x, y), (x, y - 0.5 * h)], (84, 66, 54), 0.06 * h)
    for side in (-1, 1):
        c.line([(x, y - 0.3 * h), (x + side * 0.3 * h, y - 0.66 * h)], (84, 66, 54), 0.035 * h)
    for shade, drop, count in (((206, 170, 190), 0.05, 5), (tint, 0.0, 7)):
        for _ in range(count):
            r = c.rng.uniform(0.13, 0.19) * h
            c.oval(
                x + c.rng.uniform(-0.32, 0.32) * h,
                y - c.rng.uniform(0.5, 0.9) * h + drop * h,
                r,
                r * 0.8,
                blend(tint, shade, 0.5),
            )
    if h > 0.1:
        for _ in range(14):
            r = 0.03 * h
            c.oval(
                x + c.rng.uniform(-0.42, 0.42) * h,
                y - c.rng.uniform(0.45, 0.98) * h,
                r,
                r,
                c.rng.choice(((255, 255, 255), (246, 176, 200), (150, 186, 90))),
            )


def grazing_cattle(c: PictureCanvas) -> None:
    """Cows on a green pasture behind a fence."""
    behind(c)
    hills(c, blend(grass(c.scene), (80, 120, 70), 0.3), 0.12, 0.7)
    c.ground(grass(c.scene))
    for _ in range(2):
        tree(c, c.rng.random(), c.horizon + 0.03, 0.014, 8, 0.3)
    far = c.rng.randint(2, 4)
    for _ in range(far):
        y = c.rng.uniform(c.horizon + 0.04, c.horizon + 0.14)
        cow(c, c.rng.random(), y, 0.022)
    for y in sorted(c.rng.uniform(c.horizon + 0.2, 0.93) for _ in range(c.rng.randint(2, 4))):
        cow(c, c.rng.uniform(0.14, 0.86), y, 0.045 + (y - c.horizon) * 0.18)
    tufts(c, grass(c.scene), 30)
    if c.rng.random() < 0.6:
        fence(c, 0.97, 0.12, rails=2, tall_m=1.3)


def horse_riding(c: PictureCanvas) -> None:
    """Riders on horses in the country or in an arena."""
    behind(c)
    arena = c.rng.random() < 0.4
    treeline(c, 0.08, 0.4)
    c.ground(white(c.scene, (206, 180, 136)) if arena else grass(c.scene), grain=0.25)
    if arena:
        fence(c, c.horizon + 0.08, 0.03, (244, 244, 240), rails=2, tall_m=1.5)
        for _ in range(2):
            x, y = c.rng.random(), c.horizon + 0.16
            for rail in range(3):
                c.line(
                    [(x - 0.08, y - 0.02 * rail), (x + 0.08, y - 0.02 * rail)],
                    ((220, 50, 44), (246, 246, 246), (40, 90, 180))[rail],
                    0.01,
                )
    else:
        c.poly([(-0.05, 0.9), (1.05, 0.8), (1.05, 0.9), (-0.05, 1.0)], white(c.scene, (182, 152, 112)))
        tree(c, c.rng.choice((0.08, 0.92)), c.horizon + 0.08, 0.03, 9)
    for y in sorted(c.rng.uniform(c.horizon + 0.24, 0.92) for _ in range(c.rng.choice((1, 1, 2, 3)))):
        horse(c, c.rng.uniform(0.25, 0.75), y, 0.06 + (y - c.horizon) * 0.17, rider=True)


def greenhouse(c: PictureCanvas) -> None:
    """Long glass houses in rows, plants inside; they glow at night."""
    c.horizon = c.rng.uniform(0.36, 0.46)
    behind(c)
    c.ground(blend(grass(c.scene), (160, 140, 110), 0.3), grain=0.3)
    count, y = c.rng.choice((2, 3)), c.rng.uniform(c.horizon + 0.32, c.horizon + 0.42)
    wide = 0.92 / count
    focus = c.rng.uniform(0.2, 0.8)
    c.flood(0.75)
    for i in range(count):
        _glass_house(c, 0.04 + i * wide, 0.04 + (i + 1) * wide - 0.03, y, focus)
    for row in range(5):
        c.line([(focus - 0.35 + row * 0.17, y + 0.03), (-0.3 + row * 0.4, 1)], (76, 140, 60), 0.02)
        for share in (0.3, 0.6, 0.9):
            x = focus - 0.35 + row * 0.17 + (-0.3 + row * 0.4 - focus + 0.35 - row * 0.17) * share
            c.oval(x, y + 0.03 + (0.97 - y) * share, 0.03 * share + 0.01, 0.02 * share + 0.006, (96, 168, 66))


def _glass_house(c: PictureCanvas, x0: float, x1: float, y: float, focus: float) -> None:
    tall = (x1 - x0) * 0.62
    glow = c.lamps
    pane: Colour = (188, 222, 222)
    deep = 0.45
    far_x0, far_x1, far_y = x0 + (focus - x0) * deep, x1 + (focus - x1) * deep, y + (c.horizon - y) * deep
    far_t = tall * (1 - deep)
    left, right = (x0, y), (x1, y)
    ridge, far_ridge = ((x0 + x1) / 2, y - tall), ((far_x0 + far_x1) / 2, far_y - far_t)
    eave = tall * 0.62
    for near, far in (
        ((x0, y - eave), (far_x0, far_y - eave * (1 - deep))),
        ((x1, y - eave), (far_x1, far_y - eave * (1 - deep))),
    ):
        c.poly(
            [near, ridge, far_ridge, far],
            white(c.scene, blend(pane, (230, 244, 250), 0.4))
            if c.scene.snow > 0.3
            else blend(pane, (230, 244, 250), 0.4),
        )
        for k in range(1, 5):
            s = k / 5
            c.line(
                [
                    (near[0] + (far[0] - near[0]) * s, near[1] + (far[1] - near[1]) * s),
                    (ridge[0] + (far_ridge[0] - ridge[0]) * s, ridge[1] + (far_ridge[1] - ridge[1]) * s),
                ],
                (246, 250, 250),
                0.006,
            )
    front = [left, (x0, y - eave), ridge, (x1, y - eave), right]
    c.poly(front, blend(pane, (120, 176, 110), 0.3))
    for k in range(9):
        px = x0 + (x1 - x0) * (k + 0.5) / 9
        c.oval(px, y - 0.03, 0.02, c.rng.uniform(0.03, 0.08), c.pick((62, 138, 54), (84, 158, 60)))
        if c.rng.random() < 0.5:
            c.oval(px, y - c.rng.uniform(0.03, 0.08), 0.007, 0.007, (222, 56, 40))
    for k in range(6):
        px = x0 + (x1 - x0) * k / 5
        c.line([(px, y), (px, y - eave - (tall - eave) * (1 - abs(k / 2.5 - 1)))], (248, 250, 250), 0.007)
    c.line([(x0, y - eave), ridge, (x1, y - eave), (x0, y - eave)], (248, 250, 250), 0.008)
    if glow:
        c.glow((x0 + x1) / 2, y - tall * 0.45, tall * 1.1, (255, 206, 120), 0.45)


def solar_park(c: PictureCanvas) -> None:
    """Long rows of tilted dark blue panels on grass."""
    c.horizon = c.rng.uniform(0.32, 0.42)
    behind(c)
    treeline(c, 0.03, 0.7)
    c.ground(grass(c.scene), grain=0.3)
    lean = c.rng.uniform(-0.25, 0.25)
    for share in (0.05, 0.085, 0.135, 0.21, 0.33, 0.5, 0.78):
        y, tall = c.horizon + (1.02 - c.horizon) * share * 1.12, 0.34 * share
        blue = c.pick((30, 50, 110), (24, 40, 92), (38, 62, 124))
        gap = c.rng.uniform(0.2, 0.8) if c.rng.random() < 0.6 else None
        x = -0.1 + c.rng.uniform(-0.1, 0)
        wide = 0.62 * share + 0.05
        while x < 1.1:
            if gap is None or not gap - 0.04 < x < gap + 0.05:
                _panel(c, x, x + wide * 0.95, y, tall, lean * share, blue)
            x += wide


def _panel(c: PictureCanvas, x0: float, x1: float, y: float, tall: float, lean: float, blue: Colour) -> None:
    for x in (x0 + (x1 - x0) * 0.2, x0 + (x1 - x0) * 0.8):
        c.line([(x, y), (x + lean * 0.2, y - tall * 0.6)], (150, 154, 160), 0.008)
    low = y - tall * 0.25
    c.poly([(x0, low), (x1, low), (x1 + lean * 0.5, y - tall), (x0 + lean * 0.5, y - tall)], blue)
    c.poly(
        [
            (x0, low),
            (x0 + (x1 - x0) * 0.5, low),
            (x0 + lean * 0.5 + (x1 - x0) * 0.2, y - tall),
            (x0 + lean * 0.5, y - tall),
        ],
        blend(blue, (120, 160, 220), 0.22),
    )
    pale: Colour = (190, 204, 222)
    for k in range(5):
        s = k / 4
        c.line([(x0 + (x1 - x0) * s, low), (x0 + (x1 - x0) * s + lean * 0.5, y - tall)], pale, 0.004)
    for s in (0.0, 0.5, 1.0):
        c.line(
            [(x0 + lean * 0.5 * s, low - tall * 0.75 * s), (x1 + lean * 0.5 * s, low - tall * 0.75 * s)], pale, 0.004
        )


def wind_turbines(c: PictureCanvas) -> None:
    """White wind turbines over fields and hills."""
    c.horizon = c.rng.uniform(0.62, 0.76)
    behind(c)
    hills(c, blend(grass(c.scene), (100, 130, 90), 0.3), 0.09, 0.5)
    field = c.rng.random() < 0.5
    for _ in range(c.rng.randint(0, 3)):
        turbine(c, c.rng.uniform(0.05, 0.95), c.horizon + 0.0, c.rng.uniform(0.0013, 0.002), far=0.4)
    c.ground(field_colour(c) if field else grass(c.scene), top=c.horizon + 0.005)
    for i in range(c.rng.choice((1, 2, 2, 3))):
        x = (0.22, 0.72, 0.48)[i] + c.rng.uniform(-0.12, 0.12)
        turbine(
            c,
            x,
            c.horizon + 0.02 + 0.02 * i,
            (c.horizon - 0.02) / c.rng.uniform(150, 185) * (1.0 if i == 0 else c.rng.uniform(0.6, 0.9)),
        )
    if c.rng.random() < 0.4:
        roofs(c, 0.4)
    for _ in range(3):
        bush(c, c.rng.random(), c.horizon + 0.03, 0.02, 2)
    gulls(c, c.rng.randint(0, 2))
    stones(c, 2) if c.rng.random() < 0.2 else tufts(c, grass(c.scene), 20)
    c.line([(0, c.horizon + 0.012), (1, c.horizon + 0.012)], blend(ROCK, grass(c.scene), 0.6), 0.004)


SUBJECTS: dict[str, Callable[[PictureCanvas], None]] = {
    "wheat_harvest": wheat_harvest,
    "ploughing": ploughing,
    "vineyard": vineyard,
    "orchard_blossom": orchard_blossom,
    "grazing_cattle": grazing_cattle,
    "horse_riding": horse_riding,
    "greenhouse": greenhouse,
    "solar_park": solar_park,
    "wind_turbines": wind_turbines,
}
