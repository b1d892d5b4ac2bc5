"""Subjects in streets and squares, each a whole picture."""

from collections.abc import Callable

from ingest.sandbox.painting.backdrops import ASPHALT, street
from ingest.sandbox.painting.buildings import LIT, block, church, house, old_house, window
from ingest.sandbox.painting.canvas import PictureCanvas
from ingest.sandbox.painting.distance import behind, roofs, skyline, treeline
from ingest.sandbox.painting.fittings import fence, lamp_post, parasol, stall, table
from ingest.sandbox.painting.life import crowd, dressed, person
from ingest.sandbox.painting.light import Colour, blend, grass, white
from ingest.sandbox.painting.plants import broadleaf, bush, tree
from ingest.sandbox.painting.vehicles import car_end, car_side

PAVING: Colour = (190, 178, 160)


CANVAS: tuple[Colour, ...] = (
    (206, 52, 48),
    (240, 236, 222),
    (40, 110, 80),
    (236, 150, 50),
    (50, 80, 150),
    (150, 40, 60),
)


def facades(c: PictureCanvas, y: float, m: float, *, tall: bool = False, far: float = 0.0) -> None:
    """A row of houses across the frame that stand on y."""
    x = c.rng.uniform(-0.1, 0)
    while x < 1:
        wide = c.rng.uniform(6, 9) * m
        if tall and c.rng.random() < 0.6:
            block(c, x, x + wide * 1.5, y, m, c.rng.randint(4, 7), far=far)
            wide *= 1.5
        else:
            old_house(c, x, x + wide, y, m, far=far)
        x += wide


def market_stalls(c: PictureCanvas) -> None:
    """Stalls with striped awnings and fruit, people with baskets."""
    c.horizon, c.eye_m = c.rng.uniform(0.4, 0.48), 2.2
    c.sky()
    facades(c, c.horizon + 0.05, 0.032, far=0.3)
    c.ground(white(c.scene, PAVING), top=c.horizon + 0.05, grain=0.25)
    for x in (0.12, 0.38, 0.64, 0.9):
        stall(c, x + c.rng.uniform(-0.04, 0.04), c.horizon + c.rng.uniform(0.12, 0.15), 0.055, 3.8)
    crowd(c, c.rng.randint(3, 6), 0.05, 0.95, c.horizon + 0.3, c.horizon + 0.18)
    side = c.rng.choice((-1, 1))
    stall(c, 0.5 + side * c.rng.uniform(0.12, 0.3), c.horizon + 0.42, c.rng.uniform(0.13, 0.17), 4.2)
    if c.rng.random() < 0.7:
        stall(c, 0.5 - side * 0.42, c.horizon + 0.36, 0.12, 4.2)
    for _ in range(c.rng.randint(1, 3)):
        x, y = 0.5 - side * c.rng.uniform(-0.1, 0.35), c.rng.uniform(0.88, 1.0)
        person(c, x, y, 0.2, shirt=dressed(c), pose="walk")
        c.oval(x + 0.06, y - 0.14, 0.035, 0.03, (190, 140, 80))


def cafe_terrace(c: PictureCanvas) -> None:
    """Guests at small tables under umbrellas before a cafe."""
    c.horizon, c.eye_m = c.rng.uniform(0.4, 0.46), 2.0
    c.sky()
    facades(c, c.horizon + 0.08, 0.05)
    base, left = c.horizon + 0.1, c.rng.uniform(0.05, 0.2)
    awning = c.pick(*CANVAS)
    right = left + 0.75
    c.rect(left, base - 0.2, right, base, (96, 66, 48))
    for k in range(5):
        x = left + 0.02 + k * 0.146
        window(c, x, base - 0.15, x + 0.115, base - 0.02, share=1.0)
    for k in range(10):
        a, b = left + (right - left) * k / 10, left + (right - left) * (k + 1) / 10
        c.poly(
            [(a, base - 0.25), (b, base - 0.25), (b + 0.01, base - 0.165), (a - 0.01, base - 0.165)],
            awning if k % 2 else (246, 242, 232),
        )
    c.flood(0.6)
    c.ground(white(c.scene, (202, 178, 148)), top=base, grain=0.2)
    canvas = c.pick(*CANVAS)
    for y in (base + 0.1, base + 0.2, base + 0.36):
        m = 0.05 + (y - base) * 0.26
        for k in range(3):
            x = 0.16 + k * 0.34 + c.rng.uniform(-0.08, 0.08)
            if c.rng.random() < 0.6:
                parasol(c, x, y, m, canvas, wide_m=2.7, tall_m=2.4)
            for side in (-1, 1):
                if c.rng.random() < 0.8:
                    person(c, x + side * 0.72 * m, y + 0.02, m, shirt=dressed(c), pose="sit")
            table(c, x, y, m)
    if c.lamps:
        for k in range(12):
            c.lamp(0.04 + k * 0.084, base - 0.26 + 0.03 * abs(k % 4 - 2), 0.011, (255, 220, 140))
        c.glow(0.5, base, 0.55, (255, 180, 90), 0.45)
    if c.rng.random() < 0.5:
        person(c, c.rng.uniform(0.3, 0.7), base + 0.16, 0.09, shirt=(246, 246, 244), trousers=(24, 24, 28), pose="walk")


def shopping_crowd(c: PictureCanvas) -> None:
    """Many people with bags between bright shop windows."""
    c.horizon, c.eye_m = c.rng.uniform(0.38, 0.46), c.rng.choice((2.0, 2.6))
    c.sky()
    street(c, "city" if c.rng.random() < 0.5 else "town")
    c.ground(white(c.scene, (196, 188, 178)), top=c.horizon + 0.1, grain=0.15)
    c.flood(0.55)
    signs: tuple[Colour, ...] = (
        (236, 40, 60),
        (30, 100, 220),
        (250, 200, 40),
        (40, 160, 90),
        (230, 60, 170),
        (240, 120, 30),
    )
    for side in (-1, 1):
        for step in range(4):
            near, away = 0.62 / (1 + 0.75 * step), 0.62 / (1 + 0.75 * (step + 1))
            x0, x1 = 0.5 + side * near, 0.5 + side * (away + 0.01)
            y0, y1 = c.horizon + near * 0.42, c.horizon + away * 0.42
            t0, t1 = near * 0.3, away * 0.3
            c.poly([(x0, y0), (x1, y1), (x1, y1 - t1), (x0, y0 - t0)], (70, 70, 78))
            glass: Colour = (236, 232, 206)
            c.poly([(x0, y0 - t0 * 0.1), (x1, y1 - t1 * 0.1), (x1, y1 - t1 * 0.75), (x0, y0 - t0 * 0.75)], glass)
            c.poly(
                [(x0, y0 - t0 * 0.8), (x1, y1 - t1 * 0.8), (x1, y1 - t1 * 1.05), (x0, y0 - t0 * 1.05)], c.pick(*signs)
            )
            if c.lamps:
                c.glow((x0 + x1) / 2, (y0 + y1) / 2 - t0 * 0.4, near * 0.3, (255, 226, 170), 1.0)
    count = c.rng.randint(24, 38)
    for share in sorted(c.rng.random() ** 1.6 for _ in range(count)):
        y = c.horizon + 0.09 + (0.9 - c.horizon) * share
        m = c.metre(y) * 0.95
        x = 0.5 + c.rng.uniform(-0.5, 0.5) * min(1.0, 0.34 + share * 1.3)
        person(c, x, y, m, shirt=dressed(c), pose="walk", tall_m=c.rng.uniform(1.5, 1.85))
        if c.rng.random() < 0.45:
            c.rect(x + 0.16 * m, y - 0.75 * m, x + 0.46 * m, y - 0.35 * m, c.pick(*signs, (250, 250, 250)))


def night_lights(c: PictureCanvas) -> None:
    """The lights of the town in the dark: lit windows, lamps, their reflections."""
    c.horizon = c.rng.uniform(0.5, 0.64)
    c.sky()
    city = c.scene.backdrop in {"city", "industry", "road"} or c.rng.random() < 0.5
    skyline(c, 0.3, tall=1.5 if city else 0.6)
    x = -0.04
    while x < 1:
        wide = c.rng.uniform(0.1, 0.2)
        block(
            c,
            x,
            x + wide,
            c.horizon + 0.06,
            0.011,
            c.rng.randint(4, 13) if city else c.rng.randint(2, 5),
            wall=c.pick((84, 88, 104), (104, 96, 96), (70, 78, 98)),
        )
        x += wide + c.rng.uniform(0, 0.05)
    neon: tuple[Colour, ...] = ((255, 60, 120), (60, 190, 255), (255, 220, 70), (120, 255, 140))
    for _ in range(c.rng.randint(2, 5)):
        at, up = c.rng.random(), c.rng.uniform(c.horizon - 0.12, c.horizon + 0.03)
        colour = c.rng.choice(neon)
        c.bright(at, up, at + 0.05, up + 0.016, colour)
        c.glow(at + 0.025, up, 0.09, colour, 0.6)
    wet = c.rng.random() < 0.55
    if wet:
        c.water((30, 44, 70), top=c.horizon + 0.06, waves=0.4)
    else:
        c.ground((84, 84, 90), top=c.horizon + 0.06, grain=0.15)
    for k in range(10):
        at = (k + c.rng.random()) / 10
        if wet:
            colour = c.rng.choice((*LIT, *neon))
            for step in range(5):
                c.glow(
                    at + c.rng.uniform(-0.01, 0.01), c.horizon + 0.09 + step * 0.06, 0.045, colour, 0.5 - 0.08 * step
                )
        elif k % 2:
            lamp_post(c, at, c.horizon + 0.12 + 0.03 * (k % 4), 0.028 + 0.01 * (k % 4))
    if not wet:
        for _ in range(c.rng.randint(2, 6)):
            y = c.rng.uniform(c.horizon + 0.14, 0.9)
            car_end(c, c.rng.random(), y, 0.02 + 0.1 * (y - c.horizon), rear=c.rng.random() < 0.5)


def quiet_suburb(c: PictureCanvas) -> None:
    """Family houses with gardens, hedges and a parked car."""
    c.horizon = c.rng.uniform(0.44, 0.52)
    behind(c)
    roofs(c, 0.5)
    c.ground(grass(c.scene))
    base, m = c.horizon + c.rng.uniform(0.12, 0.18), c.rng.uniform(0.03, 0.042)
    x = c.rng.uniform(0.05, 0.25)
    while x < 1.05:
        tree(c, x - 7.5 * m, base - 0.03, m, c.rng.uniform(5, 9))
        house(c, x, base, m, wide_m=c.rng.uniform(8, 10), floors=c.rng.choice((1, 1, 2)))
        if c.rng.random() < 0.5:
            c.rect(x + 5 * m, base - 2.6 * m, x + 8.2 * m, base, (214, 208, 196))
            c.rect(x + 5.4 * m, base - 2.1 * m, x + 7.8 * m, base, (150, 150, 152))
        x += c.rng.uniform(13, 16) * m
    hedge = base + 0.05
    gap = c.rng.random()
    at = 0.0
    while at < 1.05:
        if abs(at - gap) > 0.09:
            bush(c, at, hedge, m * 1.2, 3)
        at += 0.05
    if c.rng.random() < 0.35:
        fence(c, hedge + 0.005, m, (240, 240, 236))
    c.poly(
        [(gap - 0.05, base), (gap + 0.05, base), (gap + 0.09, hedge + 0.04), (gap - 0.09, hedge + 0.04)],
        white(c.scene, (190, 176, 156)),
    )
    c.rect(0, hedge + 0.03, 1, hedge + 0.09, white(c.scene, (188, 184, 176)))
    c.ground(white(c.scene, ASPHALT), top=hedge + 0.09, grain=0.1)
    if c.rng.random() < 0.8:
        car_side(c, c.rng.uniform(0.2, 0.8), hedge + 0.16, 0.06)
    if c.rng.random() < 0.25:
        person(c, c.rng.random(), hedge + 0.08, 0.07, shirt=dressed(c), pose="walk")
    lamp_post(c, c.rng.choice((0.1, 0.9)), hedge + 0.07, 0.05, 5)


def school_yard(c: PictureCanvas) -> None:
    """Children at play before a school building, lines and a hoop in the yard."""
    c.horizon, c.eye_m = c.rng.uniform(0.42, 0.5), 2.6
    c.sky()
    treeline(c, 0.06, 0.5)
    wall = c.pick((206, 120, 84), (232, 206, 150), (224, 222, 214), (190, 100, 76))
    base = c.horizon + 0.06
    x0, x1 = c.rng.uniform(-0.1, 0.08), c.rng.uniform(0.9, 1.1)
    c.rect(x0, base - 0.3, x1, base, wall)
    c.rect(x0 - 0.01, base - 0.325, x1 + 0.01, base - 0.3, white(c.scene, blend(wall, (40, 30, 30), 0.5)))
    for row in (0.27, 0.13):
        for k in range(9):
            x = x0 + 0.04 + k * (x1 - x0 - 0.06) / 9
            window(c, x, base - row, x + 0.07, base - row + 0.085, share=0.4)
    door = c.rng.uniform(0.35, 0.65)
    c.rect(door - 0.06, base - 0.14, door + 0.06, base, (40, 90, 130))
    c.rect(door - 0.09, base - 0.165, door + 0.09, base - 0.14, (236, 236, 236))
    c.ground(white(c.scene, (140, 136, 134)), top=base, grain=0.15)
    for k in range(4):
        c.poly(
            [
                (0.3 + k * 0.02, base + 0.1 + k * 0.1),
                (0.7 - k * 0.02, base + 0.1 + k * 0.1),
                (0.7 - k * 0.02, base + 0.108 + k * 0.1),
                (0.3 + k * 0.02, base + 0.108 + k * 0.1),
            ],
            c.rng.choice(((246, 246, 240), (246, 210, 60), (230, 80, 70), (80, 150, 220))),
        )
    _hoop(c, base)
    for y in sorted(c.rng.uniform(base + 0.04, 0.95) for _ in range(c.rng.randint(11, 18))):
        m = c.metre(y) * 1.05
        x = c.rng.random()
        shirt = (
            dressed(c)
            if c.scene.warmth < 0.2
            else c.pick((226, 60, 60), (60, 120, 210), (250, 205, 60), (80, 170, 90), (240, 130, 180))
        )
        person(
            c, x, y, m, shirt=shirt, pose=c.rng.choice(("run", "run", "stand", "reach")), tall_m=c.rng.uniform(1.1, 1.4)
        )
        if c.rng.random() < 0.35:
            c.rect(
                x - 0.2 * m,
                y - 1.05 * m,
                x + 0.02 * m,
                y - 0.6 * m,
                c.pick((240, 90, 50), (60, 90, 190), (210, 60, 130)),
            )
    c.oval(c.rng.random(), c.rng.uniform(base + 0.15, 0.95), 0.018, 0.018, (236, 110, 40))


def _hoop(c: PictureCanvas, base: float) -> None:
    """A basketball hoop."""
    hoop = c.rng.choice((0.1, 0.9))
    c.line([(hoop, base + 0.16), (hoop, base - 0.14)], (110, 114, 120), 0.014)
    c.rect(hoop - 0.06, base - 0.2, hoop + 0.06, base - 0.11, (248, 248, 248))
    c.line([(hoop - 0.025, base - 0.125), (hoop + 0.025, base - 0.125)], (236, 90, 30), 0.01)


def church_square(c: PictureCanvas) -> None:
    """A church with its tower on a square of old houses."""
    c.horizon = c.rng.uniform(0.56, 0.66)
    c.sky()
    facades(c, c.horizon + 0.03, 0.02, far=0.35)
    c.flood(0.45)
    base, m = c.horizon + 0.07, c.rng.uniform(0.0165, 0.021)
    church(c, c.rng.uniform(0.36, 0.64), base, m)
    c.ground(white(c.scene, PAVING), top=base - 0.002, grain=0.25)
    for k in range(5):
        y = base + 0.03 + 0.07 * k
        c.line([(0, y), (1, y)], white(c.scene, (166, 154, 138)), 0.004)
    for side in (0.06, 0.94):
        if c.rng.random() < 0.75:
            broadleaf(c, side, base + 0.06, 0.028, 8)
    busy = c.scene.when.weekday() == 6 and 8 <= c.scene.when.hour < 13
    crowd(c, c.rng.randint(7, 14) if busy else c.rng.randint(0, 4), 0.1, 0.9, 0.95, base + 0.03)
    lamp_post(c, c.rng.choice((0.14, 0.86)), base + 0.12, 0.04, 4)


def lit_street(c: PictureCanvas) -> None:
    """A row of lit houses at night in the distance."""
    roofs(c, 0.2)
    for _ in range(6):
        lamp_post(c, c.rng.random(), c.horizon + c.rng.uniform(0.01, 0.04), 0.012)
    for _ in range(12):
        x, y = c.rng.random(), c.horizon - c.rng.uniform(0, 0.03)
        c.bright(x, y, x + 0.012, y + 0.01, c.rng.choice(LIT))
        c.glow(x, y, 0.035, (255, 206, 120), 0.6)


SUBJECTS: dict[str, Callable[[PictureCanvas], None]] = {
    "market_stalls": market_stalls,
    "cafe_terrace": cafe_terrace,
    "shopping_crowd": shopping_crowd,
    "night_lights": night_lights,
    "quiet_suburb": quiet_suburb,
    "school_yard": school_yard,
    "church_square": church_square,
}
