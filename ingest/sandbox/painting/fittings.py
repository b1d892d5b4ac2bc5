"""Small things that people put up in the ground pictures: umbrellas, stalls, tables, lamps, tents, fences.

Everything stands with its foot at x, y of the frame; m is the length of a metre there.
"""

from ingest.sandbox.painting.canvas import PictureCanvas
from ingest.sandbox.painting.light import Colour, blend


def parasol(
    c: PictureCanvas, x: float, y: float, m: float, colour: Colour, *, wide_m: float = 2.6, tall_m: float = 2.3
) -> None:
    """A sun umbrella on its pole."""
    c.shadow(x, y, wide_m * m * 0.8, 1.0 * m)
    c.line([(x, y), (x, y - tall_m * m)], (214, 206, 190), 0.09 * m)
    half = wide_m * m / 2
    c.poly(
        [
            (x - half, y - 0.78 * tall_m * m),
            (x - half * 0.5, y - 1.0 * tall_m * m),
            (x, y - 1.1 * tall_m * m),
            (x + half * 0.5, y - 1.0 * tall_m * m),
            (x + half, y - 0.78 * tall_m * m),
        ],
        colour,
    )
    c.poly(
        [(x - half * 0.3, y - 0.78 * tall_m * m), (x, y - 1.1 * tall_m * m), (x + half * 0.3, y - 0.78 * tall_m * m)],
        blend(colour, (255, 255, 255), 0.75),
    )


def stall(c: PictureCanvas, x: float, y: float, m: float, wide_m: float = 4.0) -> None:
    """A market stall with striped awning and boxes of fruit."""
    half, colour = wide_m * m / 2, c.pick((206, 50, 44), (40, 110, 70), (36, 84, 160), (236, 150, 36))
    c.rect(x - half, y - 1.9 * m, x + half, y - 0.9 * m, (74, 62, 54))
    for side in (-1, 1):
        c.line([(x + side * half, y), (x + side * half, y - 2.4 * m)], (170, 150, 120), 0.1 * m)
    stripes = 8
    for i in range(stripes):
        a, b = x - half * 1.12 + 2.24 * half * i / stripes, x - half * 1.12 + 2.24 * half * (i + 1) / stripes
        tone: Colour = colour if i % 2 == 0 else (248, 246, 240)
        c.poly(
            [
                (x + (a - x) * 0.85, y - 3.0 * m),
                (x + (b - x) * 0.85, y - 3.0 * m),
                (b, y - 2.25 * m),
                (a, y - 2.25 * m),
            ],
            tone,
        )
        c.rect(a, y - 2.26 * m, b, y - 2.0 * m, tone)
    c.rect(x - half, y - 0.95 * m, x + half, y, (150, 112, 72))
    fruit: tuple[Colour, ...] = (
        (226, 46, 40),
        (246, 166, 30),
        (90, 170, 50),
        (250, 220, 70),
        (150, 40, 110),
        (236, 100, 40),
        (60, 120, 50),
    )
    crates = max(3, int(wide_m * 1.5))
    for i in range(crates):
        left, tone = x - half + 2 * half * i / crates, c.pick(*fruit)
        wide = 2 * half / crates * 0.9
        c.poly(
            [(left, y - 0.95 * m), (left + wide, y - 0.95 * m), (left + wide, y - 0.45 * m), (left, y - 0.45 * m)],
            blend(tone, (60, 40, 20), 0.25),
        )
        for k in range(3):
            c.oval(left + wide * (0.2 + 0.3 * k), y - 0.95 * m, wide * 0.2, 0.14 * m, tone)
    if c.lamps:
        c.glow(x, y - 1.7 * m, 1.5 * m, (255, 214, 140), 0.7)


def table(c: PictureCanvas, x: float, y: float, m: float) -> None:
    """A small round table with chairs and glasses."""
    for side in (-1, 1):
        c.line([(x + side * 0.75 * m, y + 0.1 * m), (x + side * 0.75 * m, y - 0.9 * m)], (120, 76, 44), 0.09 * m)
        c.rect(x + side * 0.45 * m, y - 0.48 * m, x + side * 0.78 * m, y - 0.4 * m, (150, 96, 56))
    c.line([(x, y), (x, y - 0.7 * m)], (60, 58, 58), 0.1 * m)
    c.oval(x, y - 0.74 * m, 0.5 * m, 0.13 * m, (240, 236, 228))
    c.rect(x - 0.2 * m, y - 0.98 * m, x - 0.08 * m, y - 0.76 * m, (236, 170, 60))
    c.rect(x + 0.12 * m, y - 0.9 * m, x + 0.26 * m, y - 0.76 * m, (250, 250, 250))


def lamp_post(c: PictureCanvas, x: float, y: float, m: float, tall_m: float = 6.0) -> None:
    """A street lamp."""
    way = 1 if x < 0.5 else -1
    c.line([(x, y), (x, y - tall_m * m), (x + way * 1.2 * m, y - tall_m * m)], (84, 88, 92), max(0.12 * m, 0.004))
    if c.lamps:
        at = x + way * 1.2 * m
        c.bright(at - 0.3 * m - 0.003, y - tall_m * m, at + 0.3 * m + 0.003, y - (tall_m - 0.25) * m, (255, 226, 160))
        c.glow(at, y - (tall_m - 0.2) * m, 1.5 * m + 0.05, (255, 206, 120), 1.0)
        c.glow(at, y, 2.2 * m, (255, 190, 110), 0.3)


def tent(c: PictureCanvas, x: float, y: float, m: float, colour: Colour) -> None:
    """A tent; glows from within at night when somebody is in."""
    half, tall = 1.7 * m, 1.75 * m
    lit = c.lamps and c.rng.random() < 0.7
    c.shadow(x, y, 2.6 * m, 1.2 * m)
    if c.rng.random() < 0.5:
        shell = [
            (x - half, y),
            (x - half * 0.75, y - tall * 0.7),
            (x, y - tall),
            (x + half * 0.75, y - tall * 0.7),
            (x + half, y),
        ]
    else:
        shell = [(x - half, y), (x - half * 0.1, y - tall), (x + half * 0.5, y - tall * 0.92), (x + half * 1.3, y)]
    c.poly(shell, colour)
    c.poly(
        [(x - half * 0.45, y), (x - half * 0.05, y - tall * 0.85), (x + half * 0.3, y)],
        blend(colour, (20, 20, 30), 0.55),
    )
    c.line([(x - half * 1.35, y + 0.1 * m), shell[1]], (226, 226, 220), 0.004)
    if lit:
        c.glow(x, y - tall * 0.4, 2.2 * m, blend(colour, (255, 200, 110), 0.65), 1.0)


def fence(
    c: PictureCanvas, y: float, m: float, colour: Colour = (140, 108, 76), *, rails: int = 2, tall_m: float = 1.2
) -> None:
    """A fence across the frame."""
    step = max(2.4 * m, 0.04)
    x = c.rng.uniform(-step, 0)
    while x < 1:
        c.line([(x, y), (x, y - tall_m * m)], colour, max(0.12 * m, 0.005))
        x += step
    for rail in range(rails):
        up = tall_m * (rail + 1) / (rails + 0.15)
        c.line([(0, y - up * m), (1, y - up * m)], colour, max(0.06 * m, 0.004))


def net_fence(c: PictureCanvas, y: float, m: float, tall_m: float = 3.5) -> None:
    """A wire fence behind a court."""
    step = max(3 * m, 0.05)
    x = c.rng.uniform(0, step)
    while x < 1:
        c.line([(x, y), (x, y - tall_m * m)], (96, 112, 104), 0.005)
        x += step
    for up in (0.33, 0.66, 1.0):
        c.line([(0, y - up * tall_m * m), (1, y - up * tall_m * m)], (130, 142, 136), 0.003)
