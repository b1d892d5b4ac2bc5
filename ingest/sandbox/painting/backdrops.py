"""What lies around a subject: the fifteen backdrops, each as a whole view.

It does not know the subjects; some of them borrow a street, a wood or a river from here.
"""

from collections.abc import Callable

from ingest.sandbox.painting.buildings import block, house, old_house
from ingest.sandbox.painting.canvas import PictureCanvas
from ingest.sandbox.painting.distance import headland, hills, peaks, roofs, sea_colour, skyline, strip, treeline
from ingest.sandbox.painting.fittings import fence, lamp_post
from ingest.sandbox.painting.life import gulls
from ingest.sandbox.painting.light import Colour, blend, grass, white
from ingest.sandbox.painting.plants import broadleaf, bush, conifer, crown_colour, tree, tufts
from ingest.sandbox.painting.vehicles import car_side
from ingest.sandbox.painting.works import works

SAND: Colour = (226, 204, 156)


EARTH: Colour = (124, 92, 64)


ASPHALT: Colour = (98, 98, 102)


ROCK: Colour = (148, 138, 126)


def street(c: PictureCanvas, kind: str) -> None:
    """Two rows of houses along a street that runs away from the viewer, with pavements."""
    c.ground(white(c.scene, (150, 146, 140)), grain=0.15)
    h = c.horizon
    middle = c.rng.uniform(0.4, 0.6)
    for side in (-1, 1):
        for step in range(5, -1, -1):
            near, deep = 0.62 / (1 + 0.75 * step), 0.62 / (1 + 0.75 * (step + 1))
            x0, x1 = middle + side * near, middle + side * deep
            m = near * 0.105
            y = h + near * 0.42
            front = max(abs(x0 - x1), 0.02)
            if kind == "city":
                block(c, min(x0, x1), min(x0, x1) + front, y, m, c.rng.randint(5, 9), far=step / 9)
            else:
                old_house(c, min(x0, x1), min(x0, x1) + front, y, m, far=step / 9)
    road = white(c.scene, ASPHALT) if c.scene.snow < 0.8 else (196, 198, 204)
    c.poly([(middle - 0.02, h + 0.02), (middle + 0.02, h + 0.02), (middle + 0.4, 1), (middle - 0.4, 1)], road)
    for away in (2.6, 1.0):
        for side in (-1, 1):
            near = 0.5 / (1 + away)
            lamp_post(c, middle + side * near, h + near * 0.5, near * 0.12)


def _sea(c: PictureCanvas) -> None:
    c.water(sea_colour(c))
    gulls(c, c.rng.randint(0, 4))


def _beach(c: PictureCanvas) -> None:
    c.water(sea_colour(c), bottom=c.horizon + 0.2)
    shore(c, c.horizon + 0.17)


def shore(c: PictureCanvas, y: float) -> None:
    """Sand below y with a line of foam."""
    tilt = c.rng.uniform(-0.05, 0.05)
    c.ground(white(c.scene, SAND), top=y + 0.03, grain=0.18)
    c.poly([(0, y - tilt), (1, y + tilt), (1, y + tilt + 0.05), (0, y - tilt + 0.05)], white(c.scene, (196, 172, 128)))
    c.line(
        [(i / 9, y - tilt + 2 * tilt * i / 9 + c.rng.uniform(-0.006, 0.006)) for i in range(10)], (246, 250, 252), 0.014
    )


def _cliff(c: PictureCanvas) -> None:
    c.water(sea_colour(c))
    headland(c, c.rng.choice((-1, 1)), 0.5)
    c.ground(blend(grass(c.scene), ROCK, 0.35), top=0.84)


def _lake(c: PictureCanvas) -> None:
    hills(c, blend(grass(c.scene), (50, 80, 60), 0.4), 0.1, 0.8)
    treeline(c, 0.07, 0.4)
    c.water(blend((60, 96, 110), (226, 232, 238), 0.7 * max(0.0, c.scene.snow - 0.4)), top=c.horizon + 0.01, waves=0.16)
    reeds(c, 12)


def reeds(c: PictureCanvas, count: int) -> None:
    """Reeds at the near shore."""
    for _ in range(count * 2):
        x = c.rng.random() * 0.35 + (0.65 if c.rng.random() < 0.5 else 0)
        c.line(
            [(x, 1.0), (x + c.rng.uniform(-0.03, 0.03), c.rng.uniform(0.8, 0.93))],
            blend((120, 132, 66), (170, 150, 100), 1 - c.scene.leaf),
            0.007,
        )


def river(c: PictureCanvas) -> None:
    """A river that winds towards the viewer between its banks."""
    c.ground(grass(c.scene))
    h, start, end = c.horizon, c.rng.uniform(0.3, 0.7), c.rng.uniform(0.35, 0.65)
    bend = c.rng.choice((-1, 1)) * c.rng.uniform(0.08, 0.2)
    left, right = [], []
    for step in range(9):
        share = step / 8
        x = start + (end - start) * share + bend * (4 * share * (1 - share))
        half = 0.015 + 0.36 * share**1.3
        y = h + 0.015 + (1 - h) * share
        left.append((x - half, y))
        right.append((x + half, y))
    tone = c.light.low
    c.poly(left + right[::-1], blend((52, 96, 104), (int(tone[0]), int(tone[1]), int(tone[2])), 0.3))
    for _ in range(12):
        step = c.rng.randint(2, 7)
        x = c.rng.uniform(left[step][0], right[step][0])
        c.line([(x, left[step][1]), (x + 0.08 * step / 8, left[step][1] + 0.004)], (150, 184, 196), 0.006)
    for side in (left, right):
        c.line(side, blend(white(c.scene, EARTH), (80, 90, 50), 0.4), 0.014)


def _river(c: PictureCanvas) -> None:
    treeline(c, 0.09, 0.5)
    river(c)
    for _ in range(3):
        y = c.rng.uniform(c.horizon + 0.04, c.horizon + 0.16)
        tree(c, c.rng.choice((c.rng.uniform(0, 0.18), c.rng.uniform(0.82, 1))), y, c.metre(y), 6)


def wood(c: PictureCanvas) -> None:
    """Inside a forest: a path between trunks that go up out of the frame."""
    leafy = c.scene.leaf > 0.25 or abs(c.scene.lat) > 52
    far: Colour = blend(crown_colour(c), (40, 70, 46), 0.35) if leafy else (134, 126, 120)
    c.rect(0, 0, 1, c.horizon + 0.03, blend(white(c.scene, far), far, 0.6), 0.5)
    for _ in range(26):
        x, y, r = c.rng.random(), c.rng.uniform(0, c.horizon), c.rng.uniform(0.04, 0.1)
        shade = blend(crown_colour(c) if leafy else far, (22, 36, 26), c.rng.uniform(0.1, 0.5))
        c.oval(x, y, r, r * 0.8, white(c.scene, shade) if c.rng.random() < 0.35 else shade)
    floor = blend((104, 96, 58), crown_colour(c), 0.25 + 0.45 * c.scene.autumn)
    c.ground(white(c.scene, floor), grain=0.4)
    middle, start = c.rng.uniform(0.35, 0.65), c.rng.uniform(0.42, 0.58)
    c.poly(
        [(start - 0.015, c.horizon + 0.01), (start + 0.015, c.horizon + 0.01), (middle + 0.26, 1), (middle - 0.26, 1)],
        white(c.scene, (168, 142, 104)),
    )
    for step in (0.03, 0.045, 0.07, 0.1, 0.15, 0.22, 0.3):
        for side in (-1, 1):
            if c.rng.random() < 0.85:
                x = start + (middle - start) * step * 1.6 + side * (0.07 + step * c.rng.uniform(1.0, 2.2))
                trunk(c, x, c.horizon + step)


def trunk(c: PictureCanvas, x: float, y: float) -> None:
    """A trunk that leaves the frame at the top."""
    half = 0.17 * c.metre(y) + 0.004
    bark = c.pick((92, 72, 56), (112, 88, 66), (78, 66, 58), (206, 202, 192))
    far = max(0.0, 0.7 - (y - c.horizon) * 4)
    c.poly([(x - half * 1.4, y), (x + half * 1.4, y), (x + half * 0.8, 0), (x - half * 0.8, 0)], bark, far)
    c.poly(
        [(x + half * 0.3, y), (x + half * 1.4, y), (x + half * 0.8, 0), (x + half * 0.2, 0)],
        blend(bark, (20, 20, 24), 0.35),
        far,
    )
    if c.scene.snow > 0.4:
        c.line([(x - half, y), (x - half * 0.7, 0)], (240, 243, 248), half * 0.5)


def _field(c: PictureCanvas) -> None:
    hills(c, blend(grass(c.scene), (90, 110, 90), 0.4), 0.06, 0.9)
    treeline(c, 0.035, 0.6)
    c.ground(field_colour(c), grain=0.3)
    for i in range(11):
        x = (i - 5) * 0.25 + 0.5
        c.line([(0.5 + (x - 0.5) * 0.15, c.horizon + 0.02), (x, 1)], blend(field_colour(c), (60, 46, 30), 0.25), 0.006)


def field_colour(c: PictureCanvas) -> Colour:
    """A field by season: young green, golden before the harvest, brown earth, snow."""
    warmth = c.scene.warmth
    crop = blend((128, 98, 70), (110, 156, 62), min(1.0, warmth * 2))
    return white(c.scene, blend(crop, (222, 188, 96), max(0.0, warmth - 0.62) * 2.4))


def _pasture(c: PictureCanvas) -> None:
    hills(c, blend(grass(c.scene), (70, 110, 70), 0.3), 0.12, 0.7)
    c.ground(grass(c.scene))
    for _ in range(3):
        y = c.horizon + c.rng.uniform(0.01, 0.06)
        tree(c, c.rng.random(), y, max(c.metre(y), 0.008), 8, 0.3)
    fence(c, c.horizon + 0.1, c.metre(c.horizon + 0.1))
    tufts(c, grass(c.scene))


def _mountain(c: PictureCanvas) -> None:
    peaks(c, 0.3, 0.6)
    hills(c, blend(grass(c.scene), (44, 74, 50), 0.5), 0.09, 0.5)
    c.ground(blend(grass(c.scene), white(c.scene, ROCK), 0.35), grain=0.4)
    stones(c, 10)


def stones(c: PictureCanvas, count: int) -> None:
    """Boulders on the ground."""
    for _ in range(count):
        y = c.rng.uniform(c.horizon + 0.06, 1.0)
        r = 0.24 * c.metre(y) * c.rng.uniform(0.5, 1.4)
        x, tone = c.rng.random(), c.pick(ROCK, (122, 116, 110))
        c.oval(x, y, r * 1.3, r, blend(tone, (20, 20, 30), 0.4))
        c.oval(x - 0.15 * r, y - 0.2 * r, r * 1.1, r * 0.8, white(c.scene, tone))


def _suburb(c: PictureCanvas) -> None:
    roofs(c, 0.5)
    c.ground(grass(c.scene))
    h, middle = c.horizon, c.rng.uniform(0.4, 0.6)
    road: Colour = white(c.scene, ASPHALT)
    c.poly(
        [(middle - 0.015, h + 0.01), (middle + 0.015, h + 0.01), (middle + 0.34, 1), (middle - 0.34, 1)],
        white(c.scene, (186, 182, 174)),
    )
    c.poly([(middle - 0.012, h + 0.01), (middle + 0.012, h + 0.01), (middle + 0.27, 1), (middle - 0.27, 1)], road)
    for y in (h + 0.05, h + 0.1, h + 0.2):
        m = (y - h) * 0.33
        for side in (-1, 1):
            near = (y - h) * 2.0
            x = middle + side * (near + 0.09)
            house(c, x, y, m, wide_m=10, floors=c.rng.choice((1, 1, 2)))
            bush(c, x - side * 5.5 * m, y + 0.03, m * 1.2, 4)
            if c.rng.random() < 0.6:
                tree(c, x + side * 7 * m, y + 0.01, m, 6)
    lamp_post(c, middle + 0.16, h + 0.2, 0.03)
    if c.rng.random() < 0.7:
        car_side(c, middle - 0.3, h + 0.28, 0.04)


def _town(c: PictureCanvas) -> None:
    street(c, "town")


def _city(c: PictureCanvas) -> None:
    skyline(c, 0.5)
    street(c, "city")


def _industry(c: PictureCanvas) -> None:
    works(c, c.rng.uniform(0.2, 0.8), c.horizon + 0.02, 0.006, far=0.4)
    c.ground(white(c.scene, (136, 134, 130)), grain=0.2)
    c.rect(0.05, c.horizon - 0.06, 0.45, c.horizon + 0.05, white(c.scene, (170, 176, 184)))
    fence(c, c.horizon + 0.14, c.metre(c.horizon + 0.14), (120, 124, 126), tall_m=2)


def _road(c: PictureCanvas) -> None:
    treeline(c, 0.06, 0.5)
    c.ground(grass(c.scene))
    h, middle = c.horizon, c.rng.uniform(0.35, 0.65)
    c.poly([(middle - 0.01, h), (middle + 0.01, h), (middle + 0.45, 1), (middle - 0.45, 1)], white(c.scene, ASPHALT))
    for step in range(1, 6):
        a, b = 0.5 ** (6 - step), 0.5 ** (6 - step) * 1.4
        c.poly(
            [
                (middle - 0.012 * a, h + (1 - h) * a),
                (middle + 0.012 * a, h + (1 - h) * a),
                (middle + 0.012 * b, h + (1 - h) * b),
                (middle - 0.012 * b, h + (1 - h) * b),
            ],
            (236, 236, 228),
        )


def _park(c: PictureCanvas) -> None:
    treeline(c, 0.14, 0.3)
    c.ground(grass(c.scene))
    middle = c.rng.uniform(0.2, 0.8)
    c.poly(
        [(0.48, c.horizon + 0.02), (0.52, c.horizon + 0.02), (middle + 0.24, 1), (middle - 0.2, 1)],
        white(c.scene, (206, 186, 148)),
    )
    for _ in range(4):
        y = c.rng.uniform(c.horizon + 0.03, c.horizon + 0.15)
        x = c.rng.choice((c.rng.uniform(0.0, 0.3), c.rng.uniform(0.7, 1.0)))
        (conifer if c.rng.random() < 0.2 else broadleaf)(c, x, y, c.metre(y), 7)
    lamp_post(c, c.rng.choice((0.12, 0.88)), c.horizon + 0.25, c.metre(c.horizon + 0.25), 3.6)


_VIEWS: dict[str, Callable[[PictureCanvas], None]] = {
    "sea": _sea, "beach": _beach, "cliff": _cliff, "lake": _lake, "river": _river, "forest": wood, "field": _field,
    "pasture": _pasture, "mountain": _mountain, "suburb": _suburb, "town": _town, "city": _city, "industry": _industry,
    "road": _road, "park": _park,
}  # fmt: skip


def around(c: PictureCanvas, kind: str) -> None:
    """The whole view of a backdrop, sky included."""
    c.sky()
    if c.scene.second and kind not in {"forest", "town", "city", "suburb"}:
        strip(c, c.scene.second)
    _VIEWS[kind](c)
