"""Boats and ships of the ground pictures.

Everything floats with its waterline at x, y of the frame; m is the length of a metre there.
"""

from ingest.sandbox.painting.canvas import PictureCanvas
from ingest.sandbox.painting.life import SKIN
from ingest.sandbox.painting.light import Colour, blend
from ingest.sandbox.painting.vehicles import GLASS, LOUD


def sailboat(c: PictureCanvas, x: float, y: float, m: float, *, sails: bool = True, far: float = 0.0) -> None:
    """A sailing boat, under sail or with bare mast."""
    way = c.rng.choice((-1, 1))
    hull = c.pick((246, 246, 246), (36, 62, 120), (240, 240, 236), (176, 44, 44))
    c.poly(
        [(x - 3.6 * m, y - 0.95 * m), (x + way * 4.2 * m, y - 1.1 * m), (x + 2.6 * m, y), (x - 2.8 * m, y)], hull, far
    )
    c.rect(x - 1.2 * m, y - 1.5 * m, x + 1.0 * m, y - 0.9 * m, (226, 226, 222), far)
    c.line([(x, y - 0.9 * m), (x, y - 11 * m)], (206, 208, 212), 0.16 * m, far)
    if sails:
        main: Colour = c.pick((252, 252, 250), (252, 252, 250), (252, 250, 240), (214, 60, 50), (242, 190, 60))
        c.poly(
            [(x - way * 0.25 * m, y - 10.6 * m), (x - way * 0.25 * m, y - 1.7 * m), (x - way * 3.6 * m, y - 1.7 * m)],
            main,
            far,
        )
        c.poly(
            [(x + way * 0.2 * m, y - 9.6 * m), (x + way * 0.2 * m, y - 1.9 * m), (x + way * 3.7 * m, y - 1.4 * m)],
            blend(main, (190, 196, 210), 0.25),
            far,
        )
    else:
        c.line([(x, y - 1.9 * m), (x - way * 3 * m, y - 1.9 * m)], (60, 92, 160), 0.4 * m, far)


def fishing_boat(c: PictureCanvas, x: float, y: float, m: float, way: int) -> None:
    """A small wooden fishing boat with wheelhouse, mast and nets; about 9 m long."""
    hull = c.pick((34, 86, 150), (178, 42, 38), (40, 120, 88), (226, 160, 48), (44, 52, 66))
    c.poly(
        [
            (x - way * 4.4 * m, y - 1.5 * m),
            (x + way * 5 * m, y - 2.4 * m),
            (x + way * 3.8 * m, y),
            (x - way * 4 * m, y),
        ],
        hull,
    )
    c.line([(x - way * 4.4 * m, y - 1.5 * m), (x + way * 5 * m, y - 2.4 * m)], (240, 236, 226), 0.28 * m)
    c.rect(x - way * 0.6 * m, y - 4.2 * m, x + way * 2.0 * m, y - 1.7 * m, (240, 240, 234))
    c.rect(x - way * 0.3 * m, y - 3.8 * m, x + way * 1.8 * m, y - 3.0 * m, GLASS)
    c.rect(x - way * 0.9 * m, y - 4.5 * m, x + way * 2.3 * m, y - 4.2 * m, hull)
    c.line([(x - way * 0.4 * m, y - 4.2 * m), (x - way * 0.4 * m, y - 7.4 * m)], (120, 92, 64), 0.2 * m)
    c.line([(x - way * 0.4 * m, y - 7.0 * m), (x - way * 4.2 * m, y - 3.2 * m)], (90, 80, 66), 0.14 * m)
    for at in (-1.6, -2.5, -3.3):
        c.oval(x + way * at * m, y - 1.9 * m, 0.62 * m, 0.55 * m, c.pick((232, 116, 40), (54, 130, 120)))
    c.lamp(x - way * 0.4 * m, y - 7.4 * m, 0.35 * m)


def rowing_boat(c: PictureCanvas, x: float, y: float, m: float, *, crew: int, far: float = 0.0) -> None:
    """A wooden rowing boat with people and oars."""
    wood = c.pick((150, 92, 48), (178, 118, 62), (120, 74, 44), (196, 60, 48))
    for side in (-1, 1) if crew else ():
        c.line([(x + side * 0.2 * m, y - 0.75 * m), (x + side * 2.7 * m, y + 0.15 * m)], (222, 196, 150), 0.1 * m, far)
        c.oval(x + side * 2.8 * m, y + 0.2 * m, 0.42 * m, 0.12 * m, (236, 216, 176), far)
    for i in range(crew):
        at = x + (i - (crew - 1) / 2) * 1.1 * m
        c.rect(at - 0.24 * m, y - 1.25 * m, at + 0.24 * m, y - 0.4 * m, c.pick(*LOUD), far)
        c.oval(at, y - 1.47 * m, 0.17 * m, 0.21 * m, c.rng.choice(SKIN), far)
    c.poly([(x - 2.2 * m, y - 0.75 * m), (x + 2.2 * m, y - 0.75 * m), (x + 1.7 * m, y), (x - 1.7 * m, y)], wood, far)
    c.line([(x - 2.2 * m, y - 0.72 * m), (x + 2.2 * m, y - 0.72 * m)], blend(wood, (255, 240, 210), 0.5), 0.12 * m, far)


def ferry(c: PictureCanvas, x: float, y: float, m: float, way: int) -> None:
    """A car ferry, about 60 m long, with decks of windows and a funnel."""
    dark = c.pick((28, 66, 130), (24, 98, 90), (190, 40, 40))
    c.poly(
        [(x - way * 28 * m, y - 6 * m), (x + way * 32 * m, y - 7 * m), (x + way * 28 * m, y), (x - way * 28 * m, y)],
        dark,
    )
    c.rect(x - way * 26 * m, y - 11.5 * m, x + way * 24 * m, y - 6 * m, (246, 246, 246))
    c.rect(x - way * 20 * m, y - 15.5 * m, x + way * 16 * m, y - 11.5 * m, (236, 238, 240))
    c.rect(x + way * 8 * m, y - 18.5 * m, x + way * 16 * m, y - 15.5 * m, (240, 240, 242))
    c.poly(
        [
            (x - way * 8 * m, y - 15.5 * m),
            (x - way * 9 * m, y - 21 * m),
            (x - way * 3 * m, y - 21 * m),
            (x - way * 2 * m, y - 15.5 * m),
        ],
        dark,
    )
    for row in (9.6, 13.8):
        for step in range(17 if row < 10 else 12):
            at = x + (-23 + step * 2.9) * m if row < 10 else x + (-17 + step * 2.8) * m
            box = (at, y - row * m, at + 1.5 * m, y - (row - 1.4) * m)
            if c.lamps:
                c.bright(*box, (255, 222, 140))
            else:
                c.rect(*box, (52, 72, 100))
    if c.lamps:
        c.glow(x, y - 11 * m, 26 * m, (255, 214, 140), 0.35)


def container_ship(c: PictureCanvas, x: float, y: float, m: float, way: int) -> None:
    """A container ship, about 120 m long, stacked high."""
    hull = c.pick((30, 40, 66), (120, 32, 34), (28, 84, 70))
    c.poly(
        [(x - way * 58 * m, y - 11 * m), (x + way * 64 * m, y - 13 * m), (x + way * 56 * m, y), (x - way * 56 * m, y)],
        hull,
    )
    c.rect(x - way * 58 * m, y - 2.5 * m, x + way * 57 * m, y, (150, 48, 42))
    for column in range(9):
        left = -34 + column * 10
        for row in range(c.rng.randint(2, 4)):
            c.rect(
                x + way * left * m,
                y - (14.5 + row * 3.2) * m,
                x + way * (left + 9.4) * m,
                y - (11.2 + row * 3.2) * m,
                c.pick(*LOUD),
            )
    c.rect(x - way * 52 * m, y - 32 * m, x - way * 40 * m, y - 11 * m, (236, 236, 232))
    for row in (16, 20, 24, 28):
        c.rect(x - way * 51 * m, y - (row + 1.6) * m, x - way * 41 * m, y - row * m, (60, 76, 96))
    c.lamp(x - way * 46 * m, y - 33 * m, 2 * m)
