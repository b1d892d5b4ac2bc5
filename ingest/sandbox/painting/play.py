"""Subjects at play and in the open, each a whole picture."""

from collections.abc import Callable

from ingest.sandbox.painting.backdrops import SAND, river
from ingest.sandbox.painting.canvas import PictureCanvas
from ingest.sandbox.painting.distance import behind, roofs, treeline
from ingest.sandbox.painting.fittings import lamp_post, net_fence, tent
from ingest.sandbox.painting.life import dressed, person
from ingest.sandbox.painting.light import Colour, blend, grass, white
from ingest.sandbox.painting.plants import broadleaf, bush, conifer, tree, tufts
from ingest.sandbox.painting.vehicles import LOUD

KIT: tuple[Colour, ...] = ((214, 40, 40), (40, 80, 190), (246, 246, 246), (250, 210, 50), (30, 120, 70), (30, 30, 36))


NYLON: tuple[Colour, ...] = (
    (236, 120, 40),
    (60, 140, 90),
    (50, 110, 190),
    (240, 200, 70),
    (206, 60, 60),
    (120, 160, 80),
    (90, 190, 190),
)


def soccer_match(c: PictureCanvas) -> None:
    """Two teams, a ball and a goal on a striped green field; floodlit in the dark."""
    c.horizon, c.eye_m = c.rng.uniform(0.3, 0.38), c.rng.choice((2.4, 3.4, 4.5))
    behind(c)
    treeline(c, 0.07, 0.4)
    green = blend(grass(c.scene), (66, 150, 54), 0.6)
    c.flood(0.85)
    _spectators(c)
    c.ground(green, top=c.horizon + 0.045, grain=0.12)
    for k in range(-6, 7, 2):
        a, b = 0.5 + k * 0.1, 0.5 + k * 0.34
        c.poly(
            [(a, c.horizon + 0.045), (a + 0.1, c.horizon + 0.045), (b + 0.34, 1), (b, 1)],
            blend(green, (190, 236, 130), 0.14),
        )
    c.line([(0, c.horizon + 0.075), (1, c.horizon + 0.075)], (250, 252, 250), 0.006)
    side = c.rng.choice((-1, 1))
    gx, gy, wide, tall = 0.5 + side * c.rng.uniform(0.22, 0.34), c.horizon + 0.13, 0.13, 0.14
    _goal(c, gx, gy, wide, tall)
    first, second = c.rng.sample(KIT, 2)
    spots = sorted(c.rng.uniform(c.horizon + 0.17, 0.92) for _ in range(c.rng.randint(6, 10)))
    person(c, gx, gy, 0.075, shirt=(240, 220, 40), pose="reach")
    for y in spots:
        kit = first if c.rng.random() < 0.5 else second
        person(
            c,
            c.rng.uniform(0.06, 0.94),
            y,
            0.03 + (y - c.horizon) * 0.22,
            shirt=kit,
            trousers=c.rng.choice(((246, 246, 246), (28, 30, 40))),
            pose="run",
        )
    bx, by = c.rng.uniform(0.3, 0.7), c.rng.uniform(0.66, 0.9)
    c.shadow(bx, by, 0.02, 0.03)
    c.oval(bx, by - 0.016, 0.02, 0.02, (252, 252, 252))
    c.oval(bx, by - 0.016, 0.008, 0.008, (30, 30, 30))
    if c.lamps:
        for x in (0.1, 0.9):
            c.line([(x, c.horizon), (x, 0.05)], (120, 124, 130), 0.012)
            c.bright(x - 0.05, 0.03, x + 0.05, 0.065, (255, 255, 246))
            c.glow(x, 0.05, 0.3, (240, 246, 255), 0.9)


def _goal(c: PictureCanvas, gx: float, gy: float, wide: float, tall: float) -> None:
    """A goal with its net and the lines before it."""
    for k in range(7):
        c.line(
            [(gx - wide + 2 * wide * k / 6, gy), (gx - wide + 2 * wide * k / 6 + 0.0, gy - tall)],
            (206, 212, 214),
            0.003,
        )
        c.line([(gx - wide, gy - tall * k / 6), (gx + wide, gy - tall * k / 6)], (206, 212, 214), 0.003)
    c.line([(gx - wide, gy), (gx - wide, gy - tall), (gx + wide, gy - tall), (gx + wide, gy)], (255, 255, 255), 0.016)
    line: Colour = (250, 252, 250)
    c.line([(gx - 0.3, gy), (gx + 0.3, gy)], line, 0.006)
    c.line([(gx - 0.26, gy), (gx - 0.38, gy + 0.13), (gx + 0.38, gy + 0.13), (gx + 0.26, gy)], line, 0.008)


def _spectators(c: PictureCanvas) -> None:
    """People behind the boards."""
    c.rect(0, c.horizon - 0.035, 1, c.horizon + 0.03, (90, 92, 100))
    for k in range(46):
        c.oval(
            (k + c.rng.random()) / 46,
            c.horizon + c.rng.uniform(-0.03, 0.015),
            0.011,
            0.014,
            c.pick(*KIT, (230, 190, 160)),
        )
    for k in range(5):
        c.rect(
            k * 0.2,
            c.horizon + 0.02,
            k * 0.2 + 0.19,
            c.horizon + 0.045,
            c.pick((40, 90, 190), (220, 60, 50), (250, 210, 60), (240, 240, 240)),
        )


def tennis_courts(c: PictureCanvas) -> None:
    """A clay or hard court with white lines, the net, and players with rackets."""
    c.horizon = c.rng.uniform(0.3, 0.38)
    behind(c)
    treeline(c, 0.1, 0.3)
    floor = c.pick((206, 104, 62), (206, 104, 62), (196, 92, 58), (60, 110, 170), (70, 140, 90))
    c.flood(0.6)
    net_fence(c, c.horizon + 0.05, 0.045)
    c.ground(white(c.scene, blend(floor, (40, 90, 60), 0.35)), top=c.horizon + 0.04, grain=0.1)
    h, skew = c.horizon, c.rng.uniform(-0.08, 0.08)

    def at(u: float, v: float) -> tuple[float, float]:
        y = h + 0.08 + (0.9 - h) * v
        return 0.5 + skew + (u * 0.5) * (0.36 + 0.72 * v), y

    line: Colour = (250, 250, 248)
    c.poly([at(-1.05, 0.02), at(1.05, 0.02), at(1.05, 1.1), at(-1.05, 1.1)], white(c.scene, floor))
    for u in (-1.0, -0.76, 0.76, 1.0):
        c.line([at(u, 0.04), at(u, 1.05)], line, 0.011)
    for v in (0.04, 0.19):
        c.line([at(-1.0 if v < 0.1 else -0.76, v), at(1.0 if v < 0.1 else 0.76, v)], line, 0.009)
    c.line([at(-0.76, 0.72), at(0.76, 0.72)], line, 0.012)
    c.line([at(0, 0.19), at(0, 0.72)], line, 0.009)
    person_far = at(c.rng.uniform(-0.6, 0.6), 0.05)
    _tennis_player(c, *person_far, 0.075)
    x0, y = at(-1.12, 0.37)
    x1, _ = at(1.12, 0.37)
    c.rect(x0, y - 0.085, x1, y, (54, 62, 66))
    for k in range(1, 16):
        c.line([(x0 + (x1 - x0) * k / 16, y - 0.08), (x0 + (x1 - x0) * k / 16, y)], (104, 112, 114), 0.003)
    c.rect(x0, y - 0.095, x1, y - 0.078, (250, 250, 250))
    c.line([(x0, y + 0.01), (x0, y - 0.1)], (40, 60, 50), 0.014)
    c.line([(x1, y + 0.01), (x1, y - 0.1)], (40, 60, 50), 0.014)
    near = at(c.rng.uniform(-0.6, 0.6), c.rng.uniform(0.8, 1.0))
    _tennis_player(c, *near, c.rng.uniform(0.17, 0.21))
    if c.rng.random() < 0.3:
        _tennis_player(c, *at(c.rng.uniform(-0.8, 0.8), 0.6), 0.13)
    ball = (c.rng.uniform(0.25, 0.75), c.rng.uniform(h - 0.03, y - 0.06))
    c.oval(*ball, 0.013, 0.013, (226, 250, 60))


def _tennis_player(c: PictureCanvas, x: float, y: float, m: float) -> None:
    way = c.rng.choice((-1, 1))
    person(
        c,
        x,
        y,
        m,
        shirt=c.pick((250, 250, 250), (250, 250, 250), (60, 130, 220), (240, 90, 110)),
        trousers=c.pick((250, 250, 250), (40, 44, 60)),
        pose="run",
    )
    hand = (x + way * 0.45 * m, y - 1.4 * m)
    c.line([(x, y - 1.3 * m), hand], (224, 176, 140), 0.09 * m)
    c.line([hand, (x + way * 0.72 * m, y - 1.62 * m)], (40, 40, 50), 0.06 * m)
    c.oval(x + way * 0.88 * m, y - 1.78 * m, 0.2 * m, 0.24 * m, (206, 60, 50))
    c.oval(x + way * 0.88 * m, y - 1.78 * m, 0.15 * m, 0.19 * m, (232, 234, 226))


def golf(c: PictureCanvas) -> None:
    """A smooth green with its flag, sand, a pond, and golfers."""
    behind(c)
    treeline(c, 0.12, 0.3)
    c.ground(blend(grass(c.scene), (80, 160, 60), 0.35 * (1 - c.scene.snow)), grain=0.12)
    if c.rng.random() < 0.5:
        tone = c.light.low
        c.oval(
            c.rng.choice((0.12, 0.88)),
            c.horizon + 0.13,
            0.2,
            0.035,
            blend((70, 120, 150), (int(tone[0]), int(tone[1]), int(tone[2])), 0.3),
        )
    for _ in range(c.rng.randint(1, 3)):
        x, y = (
            c.rng.choice((c.rng.uniform(0, 0.3), c.rng.uniform(0.7, 1))),
            c.rng.uniform(c.horizon + 0.1, c.horizon + 0.3),
        )
        c.oval(x, y, 0.13, 0.03, white(c.scene, (176, 160, 110)))
        c.oval(x, y + 0.006, 0.12, 0.025, white(c.scene, (244, 230, 186)))
    x, y = c.rng.uniform(0.35, 0.65), c.rng.uniform(c.horizon + 0.22, c.horizon + 0.32)
    light: Colour = white(c.scene, (140, 208, 92))
    c.oval(x, y + 0.03, 0.46, 0.12, blend(light, (70, 130, 60), 0.35))
    c.oval(x, y + 0.03, 0.4, 0.1, light)
    for k in range(3):
        c.oval(x, y + 0.03 + 0.02 * k, 0.3 - 0.07 * k, 0.012, blend(light, (200, 240, 140), 0.35))
    c.oval(x, y, 0.014, 0.006, (20, 30, 20))
    tall = c.rng.uniform(0.2, 0.28)
    c.line([(x, y), (x, y - tall)], (250, 250, 246), 0.009)
    way = c.rng.choice((-1, 1))
    c.poly(
        [(x, y - tall), (x + way * 0.085, y - tall + 0.028), (x, y - tall + 0.056)],
        c.pick((226, 40, 40), (226, 40, 40), (250, 206, 40)),
    )
    _golfers(c, x, y, way)
    if c.rng.random() < 0.35:
        at, base = c.rng.choice((0.15, 0.85)), c.horizon + 0.12
        c.rect(at - 0.05, base - 0.035, at + 0.05, base, (250, 250, 250))
        c.rect(at - 0.05, base - 0.085, at + 0.05, base - 0.075, (236, 236, 230))
        for dx in (-0.04, 0.04):
            c.line([(at + dx, base - 0.08), (at + dx, base)], (80, 80, 80), 0.005)
            c.oval(at + dx * 0.8, base, 0.013, 0.013, (30, 30, 30))


def _golfers(c: PictureCanvas, x: float, y: float, way: int) -> None:
    """One or two golfers around a hole at x, y."""
    for k in range(c.rng.choice((1, 2, 2))):
        side = way if k else -way
        gx, gy, m = x - side * c.rng.uniform(0.16, 0.3), y + c.rng.uniform(0.05, 0.2), 0.13
        person(
            c,
            gx,
            gy,
            m,
            shirt=c.pick((250, 250, 250), (240, 110, 120), (90, 160, 220), (250, 220, 80)),
            trousers=c.pick((228, 214, 180), (60, 70, 100)),
        )
        c.line(
            [(gx, gy - 1.2 * m), (gx + side * 0.35 * m, gy - 0.85 * m), (gx + side * 0.6 * m, gy)], (60, 60, 66), 0.009
        )
        c.oval(gx, gy - 1.68 * m, 0.17 * m, 0.07 * m, (250, 250, 250))
        c.oval(gx + side * 0.75 * m, gy, 0.007, 0.007, (255, 255, 255))


def camping(c: PictureCanvas) -> None:
    """Colourful tents and a camper on a meadow among trees; a fire in the dark."""
    behind(c)
    treeline(c, 0.13, 0.3)
    c.ground(grass(c.scene))
    for _ in range(2):
        (conifer if c.rng.random() < 0.5 else broadleaf)(
            c, c.rng.choice((c.rng.uniform(0, 0.2), c.rng.uniform(0.8, 1))), c.horizon + 0.1, 0.04, 9
        )
    if c.rng.random() < 0.6:
        _camper(c, c.rng.uniform(0.2, 0.8), c.horizon + 0.11, 0.034)
    c.flood(0.36)
    for y in sorted(
        [c.horizon + 0.06, c.horizon + 0.1, *(c.rng.uniform(c.horizon + 0.14, 0.9) for _ in range(c.rng.randint(4, 7)))]
    ):
        tent(c, c.rng.uniform(0.06, 0.94), y, 0.025 + (y - c.horizon) * 0.2, c.pick(*NYLON))
    fire = c.rng.uniform(0.3, 0.7)
    if c.lamps or c.rng.random() < 0.3:
        for tone, size in (((240, 90, 30), 0.035), ((255, 170, 50), 0.024), ((255, 236, 140), 0.012)):
            c.poly([(fire - size, 0.9), (fire + size, 0.9), (fire + size * 0.2, 0.9 - size * 2.6)], tone)
        if c.lamps:
            c.bright(fire - 0.012, 0.86, fire + 0.012, 0.9, (255, 200, 80))
            c.glow(fire, 0.87, 0.4, (255, 140, 50), 1.2)
        c.line([(fire - 0.05, 0.91), (fire + 0.05, 0.905)], (70, 46, 32), 0.016)
    for k in range(c.rng.randint(1, 3)):
        person(c, fire + (k - 1) * 0.16 + 0.08, 0.92, 0.11, shirt=dressed(c), pose=c.rng.choice(("sit", "stand")))
    tufts(c, grass(c.scene), 14)


def _camper(c: PictureCanvas, x: float, y: float, m: float) -> None:
    c.shadow(x, y, 5 * m, 2.4 * m)
    c.rect(x - 3 * m, y - 2.8 * m, x + 2.2 * m, y - 0.5 * m, (246, 244, 238))
    c.poly(
        [
            (x + 2.2 * m, y - 1.9 * m),
            (x + 3.0 * m, y - 1.2 * m),
            (x + 3.0 * m, y - 0.5 * m),
            (x + 2.2 * m, y - 0.5 * m),
        ],
        (246, 244, 238),
    )
    c.rect(x - 3 * m, y - 1.4 * m, x + 3.0 * m, y - 1.15 * m, c.pick(*LOUD))
    for at in (-2.4, -0.4):
        c.rect(x + at * m, y - 2.4 * m, x + (at + 1.2) * m, y - 1.6 * m, (70, 90, 110))
    for at in (-1.8, 1.8):
        c.oval(x + at * m, y - 0.4 * m, 0.42 * m, 0.42 * m, (30, 30, 32))
    c.lamp(x + 1.4 * m, y - 2.0 * m, 0.4 * m)


def playground(c: PictureCanvas) -> None:
    """Children around a slide, a swing and a climbing tower on sand."""
    c.horizon = c.rng.uniform(0.36, 0.44)
    behind(c)
    roofs(c, 0.7)
    treeline(c, 0.09, 0.4)
    c.ground(grass(c.scene))
    c.oval(0.5, 0.86, 0.6, 0.24, white(c.scene, SAND))
    way = c.rng.choice((-1, 1))
    x, y = 0.5 - way * c.rng.uniform(0.12, 0.2), c.horizon + 0.36
    wood, roof, slide = (
        (176, 122, 70),
        c.pick((226, 60, 50), (250, 200, 50), (60, 130, 200)),
        c.pick((240, 70, 60), (250, 190, 40), (60, 170, 210)),
    )
    for dx in (-0.08, 0.08):
        c.line([(x + dx, y), (x + dx, y - 0.36)], wood, 0.02)
    c.rect(x - 0.09, y - 0.2, x + 0.09, y - 0.17, wood)
    c.poly([(x - 0.12, y - 0.35), (x, y - 0.47), (x + 0.12, y - 0.35)], roof)
    for k in range(4):
        c.line([(x - way * 0.11, y - 0.04 * k - 0.02), (x - way * 0.08, y - 0.04 * k - 0.02)], (120, 80, 50), 0.01)
    c.poly(
        [
            (x + way * 0.08, y - 0.2),
            (x + way * 0.08, y - 0.16),
            (x + way * 0.31, y + 0.05),
            (x + way * 0.4, y + 0.05),
            (x + way * 0.4, y + 0.02),
            (x + way * 0.33, y + 0.01),
        ],
        slide,
    )
    person(c, x, y - 0.19, 0.08, shirt=c.pick(*KIT), tall_m=1.2)
    _swings(c, way)
    for spot in sorted(c.rng.uniform(c.horizon + 0.3, 0.95) for _ in range(c.rng.randint(3, 6))):
        m = 0.07 + (spot - c.horizon) * 0.14
        tall = c.rng.choice((1.0, 1.15, 1.2, 1.7))
        shirt = (
            dressed(c)
            if tall > 1.5 or c.scene.warmth < 0.2
            else c.pick((240, 80, 80), (70, 140, 220), (250, 210, 60), (240, 140, 190), (90, 180, 100))
        )
        person(
            c,
            c.rng.uniform(0.08, 0.92),
            spot,
            m,
            shirt=shirt,
            tall_m=tall,
            pose=c.rng.choice(("run", "stand", "reach")),
        )
    bush(c, c.rng.random(), c.horizon + 0.08, 0.05, 3)


def _swings(c: PictureCanvas, way: int) -> None:
    """A frame with two swings."""
    sx, sy = 0.5 + way * c.rng.uniform(0.3, 0.36), c.horizon + 0.26
    frame = c.pick((60, 110, 200), (220, 60, 60), (90, 160, 70))
    c.line([(sx - 0.17, sy), (sx - 0.11, sy - 0.28), (sx + 0.11, sy - 0.28), (sx + 0.17, sy)], frame, 0.018)
    for dx in (-0.05, 0.05):
        swing = c.rng.uniform(-0.06, 0.06)
        c.line([(sx + dx, sy - 0.28), (sx + dx + swing, sy - 0.06)], (60, 60, 64), 0.006)
        c.rect(sx + dx + swing - 0.022, sy - 0.065, sx + dx + swing + 0.022, sy - 0.05, (40, 40, 44))
        if c.rng.random() < 0.7:
            person(c, sx + dx + swing, sy - 0.005, 0.07, shirt=c.pick(*KIT), pose="sit", tall_m=1.2)


def running_trail(c: PictureCanvas) -> None:
    """Joggers in bright clothes on a path through park or country."""
    c.horizon, c.eye_m = c.rng.uniform(0.36, 0.46), 1.9
    behind(c)
    treeline(c, c.rng.uniform(0.06, 0.14), 0.4)
    if c.scene.backdrop == "river":
        river(c)
    else:
        c.ground(grass(c.scene))
    start, end = c.rng.uniform(0.35, 0.65), c.rng.uniform(0.4, 0.6)
    bend, left, right = c.rng.uniform(-0.14, 0.14), [], []
    for k in range(9):
        s = k / 8
        x, half = start + (end - start) * s + bend * 4 * s * (1 - s), 0.012 + 0.34 * s**1.2
        left.append((x - half, c.horizon + 0.01 + (1.0 - c.horizon) * s))
        right.append((x + half, c.horizon + 0.01 + (1.0 - c.horizon) * s))
    c.poly(left + right[::-1], white(c.scene, c.pick((214, 184, 136), (196, 110, 80), (190, 176, 156))))
    for _ in range(3):
        y = c.rng.uniform(c.horizon + 0.04, c.horizon + 0.2)
        tree(c, c.rng.choice((c.rng.uniform(0, 0.2), c.rng.uniform(0.8, 1))), y, c.metre(y), 8)
    if c.rng.random() < 0.4:
        lamp_post(c, c.rng.choice((0.12, 0.88)), c.horizon + 0.2, 0.06, 4)
    count = c.rng.choice((1, 2, 2, 3, 4))
    shift = c.rng.uniform(-0.08, 0.08)
    for k, share in enumerate(sorted(c.rng.uniform(0.45, 0.9) for _ in range(count))):
        y = c.horizon + (1.0 - c.horizon) * share
        x = start + (end - start) * share + bend * 4 * share * (1 - share) + shift + (k % 2) * 0.17 - 0.08
        m = 0.04 + (y - c.horizon) * 0.42
        neon = c.pick((226, 255, 40), (255, 90, 40), (255, 60, 140), (60, 220, 230), (40, 110, 240))
        person(c, x, y, m, shirt=neon, trousers=c.pick((26, 28, 34), (40, 44, 70), (200, 40, 90)), pose="run")
        c.oval(x - 0.12 * m, y - 0.02 * m, 0.11 * m, 0.05 * m, (250, 250, 250))
        c.oval(x + 0.3 * m, y - 0.1 * m, 0.1 * m, 0.05 * m, (250, 250, 250))


SUBJECTS: dict[str, Callable[[PictureCanvas], None]] = {
    "soccer_match": soccer_match,
    "tennis_courts": tennis_courts,
    "golf": golf,
    "camping": camping,
    "playground": playground,
    "running_trail": running_trail,
}
