"""People and animals of the ground pictures.

Everybody stands with the feet at x, y of the frame; m is the length of a metre there.
"""

from ingest.sandbox.painting.canvas import PictureCanvas
from ingest.sandbox.painting.light import Colour, blend

SKIN: tuple[Colour, ...] = ((236, 192, 160), (214, 160, 124), (164, 112, 80), (112, 74, 52), (224, 176, 140))


CLOTHES: tuple[Colour, ...] = (
    (208, 52, 48),
    (48, 84, 170),
    (240, 240, 236),
    (246, 196, 52),
    (60, 140, 84),
    (52, 54, 62),
    (150, 72, 150),
    (236, 130, 44),
    (120, 170, 214),
)


TROUSERS: tuple[Colour, ...] = ((44, 52, 82), (52, 50, 50), (112, 94, 72), (90, 110, 150), (30, 32, 40))


def person(
    c: PictureCanvas, x: float, y: float, m: float, *, shirt: Colour | None = None, trousers: Colour | None = None,
    pose: str = "stand", tall_m: float = 1.75,
) -> None:  # fmt: skip
    """Somebody who stands, walks, runs, sits, or stands with arms raised (`reach`)."""
    shirt, trousers = shirt or c.pick(*CLOTHES), trousers or c.pick(*TROUSERS)
    skin = c.rng.choice(SKIN)
    h = tall_m * m
    hip, neck, head = 0.47 * h, 0.82 * h, 0.085 * h
    stride = {"walk": 0.12, "run": 0.2}.get(pose, 0.05) * h
    way = c.rng.choice((-1, 1))
    lean = 0.07 * h * way if pose == "run" else 0.0
    base = y
    if pose == "sit":
        base, hip, neck = y + 0.2 * h, 0.47 * h, 0.8 * h
        c.rect(x - 0.02 * h, base - hip, x + way * 0.24 * h, base - hip + 0.1 * h, trousers)
        c.line([(x + way * 0.22 * h, base - hip), (x + way * 0.22 * h, y)], trousers, 0.09 * h)
    else:
        c.shadow(x, y, 0.2 * h, h)
        c.line([(x, base - hip), (x - stride, base)], trousers, 0.09 * h)
        c.line([(x, base - hip), (x + stride, base - (0.08 * h if pose == "run" else 0))], trousers, 0.09 * h)
    c.poly(
        [
            (x - 0.1 * h, base - hip + 0.02 * h),
            (x + 0.1 * h, base - hip + 0.02 * h),
            (x + 0.12 * h + lean, base - neck),
            (x - 0.12 * h + lean, base - neck),
        ],
        shirt,
    )
    arm = blend(shirt, (0, 0, 0), 0.15)
    if pose in {"run", "reach"}:
        rise = 0.2 * h if pose == "reach" else -0.12 * h
        c.line(
            [(x + lean, base - neck + 0.05 * h), (x + lean + way * 0.24 * h, base - neck + 0.05 * h - rise)],
            arm,
            0.06 * h,
        )
    else:
        c.line([(x + 0.13 * h, base - neck + 0.03 * h), (x + 0.15 * h, base - hip)], arm, 0.055 * h)
    c.oval(x + lean, base - neck - 0.085 * h, head * 0.8, head, skin)
    c.oval(
        x + lean,
        base - neck - 0.12 * h,
        head * 0.82,
        head * 0.62,
        c.rng.choice(((50, 38, 30), (96, 66, 40), (196, 160, 96), (30, 28, 28))),
    )


def dressed(c: PictureCanvas) -> Colour:
    """A top for the weather: dull coats in the cold, bright shirts in the heat."""
    if c.scene.warmth < 0.3:
        return c.pick((60, 62, 74), (96, 40, 44), (44, 66, 96), (90, 84, 70), (176, 54, 50))
    return c.pick(*CLOTHES)


def crowd(c: PictureCanvas, count: int, x0: float, x1: float, near: float, far: float, pose: str = "walk") -> None:
    """People on flat ground, the far ones first; near and far are heights in the frame."""
    for y in sorted(c.rng.uniform(far, near) for _ in range(count)):
        person(c, c.rng.uniform(x0, x1), y, c.metre(y), shirt=dressed(c), pose=pose, tall_m=c.rng.uniform(1.45, 1.85))


def swimmer(c: PictureCanvas, x: float, y: float, m: float) -> None:
    """Head and arms in the water."""
    skin = c.rng.choice(SKIN)
    c.oval(x, y, 0.34 * m, 0.07 * m, (226, 240, 246))
    c.oval(x, y - 0.22 * m, 0.13 * m, 0.17 * m, skin)
    c.oval(x, y - 0.31 * m, 0.13 * m, 0.1 * m, (60, 44, 34))
    if c.rng.random() < 0.6:
        way = c.rng.choice((-1, 1))
        c.line([(x + 0.1 * m * way, y), (x + 0.4 * m * way, y - 0.35 * m), (x + 0.65 * m * way, y)], skin, 0.09 * m)


def cow(c: PictureCanvas, x: float, y: float, m: float) -> None:
    """A cow, brown or black and white, often with its head in the grass."""
    kind = c.rng.random()
    hide = (44, 40, 40) if kind < 0.45 else c.pick((138, 84, 50), (168, 112, 70), (108, 66, 42))
    patch: Colour = (240, 238, 230)
    way, legs = c.rng.choice((-1, 1)), blend(hide, (0, 0, 0), 0.2)
    c.shadow(x, y, 1.9 * m, 1.2 * m)
    for at in (-0.8, -0.62, 0.6, 0.78):
        c.rect(x + at * m - 0.07 * m, y - 0.75 * m, x + at * m + 0.07 * m, y, legs)
    c.poly(
        [
            (x - 0.95 * m, y - 1.35 * m),
            (x + 0.9 * m, y - 1.4 * m),
            (x + 0.98 * m, y - 0.75 * m),
            (x - 0.9 * m, y - 0.6 * m),
        ],
        hide,
    )
    if kind < 0.45:
        c.oval(x - 0.4 * m, y - 1.05 * m, 0.3 * m, 0.26 * m, patch)
        c.oval(x + 0.45 * m, y - 0.95 * m, 0.26 * m, 0.22 * m, patch)
    down = c.rng.random() < 0.65
    head_y = y - (0.28 if down else 1.5) * m
    c.line([(x + way * 0.85 * m, y - 1.2 * m), (x + way * 1.3 * m, head_y)], hide, 0.36 * m)
    c.oval(x + way * 1.4 * m, head_y, 0.3 * m, 0.2 * m, hide)
    c.oval(x + way * 1.56 * m, head_y + 0.06 * m, 0.13 * m, 0.12 * m, (216, 180, 164))
    c.line([(x - way * 0.95 * m, y - 1.3 * m), (x - way * 1.05 * m, y - 0.6 * m)], legs, 0.06 * m)


def horse(c: PictureCanvas, x: float, y: float, m: float, *, rider: bool) -> None:
    """A horse, with somebody in the saddle or without."""
    hide = c.pick((110, 64, 38), (70, 46, 34), (190, 150, 104), (226, 222, 214), (150, 92, 52))
    way, dark = c.rng.choice((-1, 1)), blend(hide, (0, 0, 0), 0.45)
    c.shadow(x, y, 1.6 * m, (2.4 if rider else 1.6) * m)
    for at, step in ((-0.7, -0.18), (-0.6, 0.15), (0.55, -0.16), (0.65, 0.2)):
        c.line(
            [(x + at * m, y - 0.9 * m), (x + (at + step) * m, y - 0.4 * m), (x + (at + step * 0.7) * m, y)],
            hide,
            0.15 * m,
        )
    c.oval(x, y - 1.1 * m, 0.92 * m, 0.36 * m, hide)
    c.poly(
        [
            (x + way * 0.5 * m, y - 1.0 * m),
            (x + way * 0.9 * m, y - 1.1 * m),
            (x + way * 1.3 * m, y - 1.95 * m),
            (x + way * 1.0 * m, y - 2.0 * m),
        ],
        hide,
    )
    c.line([(x + way * 1.1 * m, y - 1.9 * m), (x + way * 1.55 * m, y - 1.55 * m)], hide, 0.24 * m)
    c.line([(x + way * 0.55 * m, y - 1.45 * m), (x + way * 1.0 * m, y - 2.05 * m)], dark, 0.14 * m)
    c.line([(x - way * 0.88 * m, y - 1.25 * m), (x - way * 1.15 * m, y - 0.5 * m)], dark, 0.15 * m)
    if rider:
        shirt = dressed(c)
        c.line([(x, y - 1.45 * m), (x + way * 0.22 * m, y - 0.85 * m)], (228, 222, 206), 0.2 * m)
        c.rect(x - 0.2 * m, y - 2.15 * m, x + 0.2 * m, y - 1.4 * m, shirt)
        c.line([(x + way * 0.1 * m, y - 1.95 * m), (x + way * 0.55 * m, y - 1.6 * m)], shirt, 0.12 * m)
        c.oval(x, y - 2.3 * m, 0.14 * m, 0.17 * m, c.rng.choice(SKIN))
        c.oval(x, y - 2.4 * m, 0.17 * m, 0.12 * m, (34, 32, 36))


def gulls(c: PictureCanvas, count: int) -> None:
    """Sea birds in the air."""
    for _ in range(count):
        x, y, r = c.rng.random(), c.rng.uniform(0.03, c.horizon), c.rng.uniform(0.008, 0.02)
        c.line([(x - r, y - r * 0.4), (x, y + r * 0.3), (x + r, y - r * 0.5)], (236, 238, 242), 0.007)
