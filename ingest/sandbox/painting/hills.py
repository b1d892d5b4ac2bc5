"""Subjects in woods, snow and rock, each a whole picture."""

from collections.abc import Callable

from ingest.sandbox.painting.backdrops import stones, wood
from ingest.sandbox.painting.buildings import house
from ingest.sandbox.painting.canvas import PictureCanvas
from ingest.sandbox.painting.distance import behind, hills, peaks, treeline
from ingest.sandbox.painting.fittings import fence
from ingest.sandbox.painting.life import dressed, person
from ingest.sandbox.painting.light import Colour, blend, grass, white
from ingest.sandbox.painting.plants import broadleaf, conifer
from ingest.sandbox.painting.vehicles import digger, dump_truck


def forest_hike(c: PictureCanvas) -> None:
    """Hikers with rucksacks on a path between the trunks."""
    c.horizon = c.rng.uniform(0.38, 0.48)
    wood(c)
    for y in sorted(c.rng.uniform(c.horizon + 0.22, 0.92) for _ in range(c.rng.choice((1, 2, 2, 3)))):
        m = (y - c.horizon) * 0.52
        hiker(c, 0.5 + c.rng.uniform(-0.16, 0.16), y, m)


def hiker(c: PictureCanvas, x: float, y: float, m: float) -> None:
    """A walker with rucksack and stick."""
    person(c, x, y, m, shirt=dressed(c), trousers=c.pick((110, 96, 66), (60, 70, 60), (50, 54, 70)), pose="walk")
    c.oval(
        x - 0.02 * m,
        y - 1.15 * m,
        0.22 * m,
        0.3 * m,
        c.pick((206, 70, 40), (40, 90, 150), (90, 120, 50), (230, 150, 40)),
    )
    c.line([(x + 0.32 * m, y - 0.95 * m), (x + 0.45 * m, y)], (96, 70, 46), 0.05 * m)


def autumn_leaves(c: PictureCanvas) -> None:
    """Trees in red, orange and yellow, and leaves on the ground."""
    c.sky()
    hills(c, blend((206, 120, 46), (150, 120, 90), 0.4), 0.12, 0.7)
    treeline(c, 0.12, 0.3)
    c.ground(blend(grass(c.scene), (206, 132, 50), 0.35), grain=0.35)
    start, end = c.rng.uniform(0.4, 0.6), c.rng.uniform(0.3, 0.7)
    c.poly(
        [(start - 0.01, c.horizon + 0.01), (start + 0.01, c.horizon + 0.01), (end + 0.2, 1), (end - 0.2, 1)],
        (176, 150, 112),
    )
    for y in sorted(c.rng.uniform(c.horizon + 0.03, c.horizon + 0.36) for _ in range(c.rng.randint(5, 9))):
        x = c.rng.choice((c.rng.uniform(-0.05, 0.34), c.rng.uniform(0.66, 1.05)))
        broadleaf(c, x, y, 0.012 + (y - c.horizon) * 0.16, c.rng.uniform(8, 11), crown=_autumn_crown(c))
    for _ in range(90):
        y = c.horizon + 0.06 + (0.94 - c.horizon) * c.rng.random() ** 0.7
        size = 0.004 + 0.016 * (y - c.horizon)
        c.oval(c.rng.random(), y, size * 1.4, size * 0.7, _autumn_crown(c))
    for _ in range(8):
        c.oval(c.rng.random(), c.rng.random() * 0.8, 0.009, 0.006, _autumn_crown(c))


def _autumn_crown(c: PictureCanvas) -> Colour:
    return c.pick((216, 84, 28), (236, 172, 36), (186, 46, 32), (244, 206, 66), (208, 122, 36))


def snow_cover(c: PictureCanvas) -> None:
    """Land under deep snow: fields or village, trees and fences in white."""
    behind(c)
    hills(c, (232, 238, 246), 0.12, 0.6)
    treeline(c, 0.07, 0.4)
    c.flood(0.3)
    c.ground((240, 244, 252), grain=0.08)
    kind = c.rng.random()
    if kind < 0.45:
        for y in (c.horizon + 0.05, c.horizon + 0.1):
            for _ in range(2):
                house(c, c.rng.uniform(0.05, 0.95), y, 0.014 + (y - c.horizon) * 0.13, wide_m=10)
    for y in sorted(c.rng.uniform(c.horizon + 0.03, c.horizon + 0.3) for _ in range(c.rng.randint(4, 8))):
        x = c.rng.choice((c.rng.uniform(0, 0.36), c.rng.uniform(0.64, 1)))
        (conifer if c.rng.random() < 0.65 else broadleaf)(c, x, y, 0.012 + (y - c.horizon) * 0.13, 8)
    if c.rng.random() < 0.5:
        fence(c, c.horizon + 0.2, c.metre(c.horizon + 0.2), (110, 84, 62))
    lean = c.rng.uniform(-0.3, 0.3)
    for step in range(14):
        y = c.horizon + 0.06 + (0.94 - c.horizon) * (step / 14) ** 1.3
        x = 0.5 + lean * (1 - (y - c.horizon)) + (0.02 if step % 2 else -0.02)
        c.oval(x, y, 0.004 + 0.018 * (y - c.horizon), 0.003 + 0.009 * (y - c.horizon), (182, 196, 220))
    if c.rng.random() < 0.3:
        person(c, c.rng.uniform(0.3, 0.7), 0.82, 0.15, shirt=dressed(c), pose="walk")


def ski_slope(c: PictureCanvas) -> None:
    """Skiers swinging down a white slope beside a lift."""
    c.horizon = c.rng.uniform(0.3, 0.4)
    c.sky()
    peaks(c, 0.22, 0.6)
    way = c.rng.choice((-1, 1))
    high, low = c.horizon - 0.08, c.horizon + 0.1
    c.ground((242, 246, 253), top=c.horizon + 0.05, grain=0.06)
    c.poly([(0, high if way > 0 else low), (1, low if way > 0 else high), (1, 0.7), (0, 0.7)], (244, 247, 254))
    for _ in range(14):
        x = c.rng.choice((c.rng.uniform(0, 0.16), c.rng.uniform(0.84, 1)))
        y = c.rng.uniform(c.horizon + 0.1, 0.75)
        conifer(c, x, y, 0.02 + 0.03 * (y - c.horizon), 8)
    a, b = (0.08, c.horizon - 0.12), (0.95, c.horizon + 0.12)
    if way < 0:
        a, b = (0.92, a[1]), (0.05, b[1])
    c.line([a, b], (50, 52, 56), 0.006)
    for share in (0.12, 0.36, 0.6, 0.85):
        x, y = a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share
        c.line([(x, y), (x, y + 0.05)], (50, 52, 56), 0.005)
        c.rect(x - 0.022, y + 0.04, x + 0.022, y + 0.066, c.pick((200, 50, 44), (50, 60, 70), (40, 90, 160)))
    c.line([((a[0] + b[0]) / 2, (a[1] + b[1]) / 2 - 0.02), ((a[0] + b[0]) / 2, c.horizon + 0.24)], (90, 94, 100), 0.012)
    for y in sorted(c.rng.uniform(c.horizon + 0.2, 0.93) for _ in range(c.rng.randint(3, 7))):
        _skier(c, c.rng.uniform(0.14, 0.86), y, 0.022 + (y - c.horizon) * 0.2, c.rng.choice((-1, 1)))


def _skier(c: PictureCanvas, x: float, y: float, m: float, way: int) -> None:
    coat = c.pick((226, 50, 44), (40, 110, 200), (250, 200, 40), (60, 170, 90), (230, 90, 170), (30, 34, 40))
    c.line([(x - way * 1.6 * m, y - 0.5 * m), (x - way * 4.2 * m, y - 1.6 * m)], (206, 216, 234), 0.22 * m)
    for shift in (0.0, 0.22):
        c.line(
            [(x - way * 0.9 * m, y - (0.3 - shift) * m), (x + way * 0.95 * m, y + (0.22 + shift) * m)],
            (40, 40, 50),
            0.07 * m,
        )
    c.line([(x, y), (x + way * 0.22 * m, y - 0.45 * m), (x - way * 0.08 * m, y - 0.8 * m)], (40, 44, 56), 0.22 * m)
    c.line([(x - way * 0.08 * m, y - 0.8 * m), (x + way * 0.18 * m, y - 1.3 * m)], coat, 0.36 * m)
    c.line(
        [(x + way * 0.15 * m, y - 1.2 * m), (x + way * 0.5 * m, y - 0.85 * m), (x - way * 0.2 * m, y - 0.1 * m)],
        coat,
        0.09 * m,
    )
    c.oval(x + way * 0.26 * m, y - 1.5 * m, 0.16 * m, 0.17 * m, c.pick((240, 240, 240), (40, 40, 46), (220, 60, 50)))


def mountain_summit(c: PictureCanvas) -> None:
    """The rocky top of a mountain with a cross and a wide view of peaks."""
    c.horizon = c.rng.uniform(0.5, 0.62)
    c.sky()
    peaks(c, 0.2, 1.0)
    peaks(c, 0.13, 0.8)
    if c.rng.random() < 0.5:
        for _ in range(9):
            c.oval(
                c.rng.random(),
                c.horizon + c.rng.uniform(-0.02, 0.05),
                c.rng.uniform(0.08, 0.2),
                0.025,
                (232, 236, 244),
                0.2,
            )
    else:
        c.rect(0, c.horizon, 1, c.horizon + 0.1, blend(grass(c.scene), (96, 120, 130), 0.5), 0.6)
    x, top = c.rng.uniform(0.34, 0.66), c.horizon - c.rng.uniform(0.06, 0.2)
    rock = white(c.scene, c.pick((134, 126, 120), (152, 138, 122), (118, 118, 124)))
    c.poly(
        [
            (-0.1, 1),
            (0.04, c.horizon + 0.2),
            (x - 0.16, top + 0.1),
            (x, top),
            (x + 0.12, top + 0.07),
            (0.95, c.horizon + 0.24),
            (1.1, 1),
        ],
        rock,
    )
    for _ in range(26):
        px = c.rng.random()
        y = c.rng.uniform(top + 0.08 + 0.7 * abs(px - x), 1.05)
        size = c.rng.uniform(0.03, 0.09)
        tone = blend(rock, c.rng.choice(((30, 30, 40), (244, 240, 232), (40, 40, 50))), 0.35)
        c.poly(
            [
                (px, y),
                (px + size * c.rng.uniform(0.2, 0.8), y - size * 0.6),
                (px + size * 1.7, y + size * 0.25),
                (px + size * 0.5, y + size * 0.4),
            ],
            tone,
        )
    if c.rng.random() < 0.75:
        c.line([(x, top + 0.01), (x, top - 0.18)], (120, 84, 54), 0.016)
        c.line([(x - 0.055, top - 0.125), (x + 0.055, top - 0.125)], (120, 84, 54), 0.016)
    for i in range(c.rng.choice((0, 1, 2, 2))):
        hiker(c, x + (0.09 + 0.1 * i) * c.rng.choice((-1, 1)), top + 0.12, 0.075)


def quarry(c: PictureCanvas) -> None:
    """Terraces of bare rock with diggers and heaps of stone."""
    c.horizon = c.rng.uniform(0.48, 0.58)
    c.sky()
    if c.scene.second:
        hills(c, blend(grass(c.scene), (90, 110, 90), 0.5), 0.3, 0.7)
    rock = c.pick((206, 188, 158), (178, 170, 160), (214, 170, 130), (160, 154, 150))
    top = c.rng.uniform(0.14, 0.22)
    terraces = c.rng.choice((3, 4, 5))
    c.poly([(0, top + 0.03), (0.4, top), (1, top + 0.05), (1, top + 0.1), (0, top + 0.1)], grass(c.scene))
    for k in range(terraces):
        a, b = (
            top + 0.03 + (c.horizon + 0.04 - top) * k / terraces,
            top + 0.03 + (c.horizon + 0.04 - top) * (k + 1) / terraces,
        )
        c.rect(0, a, 1, b + 0.01, blend(rock, (70, 60, 54), 0.3 - 0.03 * k))
        for _ in range(12):
            x, drop = c.rng.random(), c.rng.uniform(0.3, 1.0)
            foot = a + (b - a) * drop
            tone = blend(rock, c.rng.choice(((50, 44, 42), (50, 44, 42), (240, 230, 214))), c.rng.uniform(0.1, 0.3))
            c.poly([(x, a), (x + 0.05, a), (x + c.rng.uniform(-0.03, 0.09), foot), (x - 0.02, foot)], tone)
        step = [(i / 8, b - 0.01 + c.rng.uniform(-0.008, 0.008)) for i in range(9)]
        c.poly([*step, (1, b + 0.012), (0, b + 0.012)], white(c.scene, blend(rock, (250, 244, 232), 0.45)))
    c.ground(white(c.scene, blend(rock, (196, 180, 154), 0.4)), top=c.horizon + 0.04, grain=0.35)
    for _ in range(c.rng.choice((1, 2))):
        x, y, half = (
            c.rng.choice((0.14, 0.86, 0.5)),
            c.rng.uniform(c.horizon + 0.12, c.horizon + 0.24),
            c.rng.uniform(0.14, 0.22),
        )
        c.poly(
            [(x - half, y), (x - 0.02, y - half * 0.75), (x + 0.03, y - half * 0.72), (x + half, y)],
            white(c.scene, blend(rock, (130, 124, 120), 0.4)),
        )
    way = c.rng.choice((-1, 1))
    digger(c, 0.5 - way * c.rng.uniform(0.12, 0.25), c.horizon + c.rng.uniform(0.2, 0.28), 0.05, way)
    if c.rng.random() < 0.75:
        dump_truck(c, 0.5 + way * c.rng.uniform(0.16, 0.26), c.horizon + c.rng.uniform(0.26, 0.36), 0.042, way)
    stones(c, 8)


SUBJECTS: dict[str, Callable[[PictureCanvas], None]] = {
    "forest_hike": forest_hike,
    "autumn_leaves": autumn_leaves,
    "snow_cover": snow_cover,
    "ski_slope": ski_slope,
    "mountain_summit": mountain_summit,
    "quarry": quarry,
}
