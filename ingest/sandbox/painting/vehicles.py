"""Cars, trucks, farm machines, trains and planes of the ground pictures.

Everything stands with its foot at x, y of the frame; m is the length of a metre there.
"""

from ingest.sandbox.painting.canvas import PictureCanvas
from ingest.sandbox.painting.light import Colour, blend

PAINT: tuple[Colour, ...] = (
    (236, 236, 238),
    (40, 42, 48),
    (150, 154, 160),
    (176, 38, 36),
    (40, 74, 140),
    (92, 96, 102),
    (206, 200, 186),
    (52, 92, 70),
)


LOUD: tuple[Colour, ...] = (
    (206, 52, 44),
    (40, 92, 176),
    (244, 244, 244),
    (238, 178, 40),
    (46, 140, 96),
    (228, 112, 36),
)


GLASS: Colour = (70, 92, 112)


RUBBER: Colour = (26, 26, 28)


def car_end(c: PictureCanvas, x: float, y: float, m: float, *, rear: bool) -> None:
    """A car from behind with red lights, or from the front with white ones."""
    paint = c.pick(*PAINT)
    c.rect(x - 0.85 * m, y - 0.3 * m, x - 0.55 * m, y, RUBBER)
    c.rect(x + 0.55 * m, y - 0.3 * m, x + 0.85 * m, y, RUBBER)
    c.poly(
        [
            (x - 0.68 * m, y - 0.85 * m),
            (x - 0.5 * m, y - 1.45 * m),
            (x + 0.5 * m, y - 1.45 * m),
            (x + 0.68 * m, y - 0.85 * m),
        ],
        paint,
    )
    c.poly(
        [
            (x - 0.56 * m, y - 0.88 * m),
            (x - 0.43 * m, y - 1.36 * m),
            (x + 0.43 * m, y - 1.36 * m),
            (x + 0.56 * m, y - 0.88 * m),
        ],
        GLASS,
    )
    c.rect(x - 0.9 * m, y - 0.9 * m, x + 0.9 * m, y - 0.18 * m, paint)
    c.rect(x - 0.88 * m, y - 0.32 * m, x + 0.88 * m, y - 0.18 * m, blend(paint, (0, 0, 0), 0.5))
    colour: Colour = (255, 40, 26) if rear else (255, 246, 214)
    lit = c.light.dark > 0.2 or c.scene.rain or (rear and c.rng.random() < 0.75)
    for side in (-0.72, 0.72):
        box = (x + side * m - 0.15 * m, y - 0.8 * m, x + side * m + 0.15 * m, y - 0.58 * m)
        if lit:
            c.bright(*box, colour)
            c.glow(
                x + side * m,
                y - 0.68 * m,
                (0.35 if rear else 0.55) * m * (0.7 + c.light.dark) + 0.01,
                colour,
                0.3 + 0.6 * c.light.dark,
            )
        else:
            c.rect(*box, (150, 24, 20) if rear else (220, 224, 226))
    c.rect(x - 0.22 * m, y - 0.55 * m, x + 0.22 * m, y - 0.42 * m, (226, 226, 214))


def car_side(c: PictureCanvas, x: float, y: float, m: float) -> None:
    """A car from the side."""
    paint = c.pick(*PAINT)
    c.shadow(x, y, 3.9 * m, 1.2 * m)
    c.poly(
        [
            (x - 1.2 * m, y - 0.85 * m),
            (x - 0.8 * m, y - 1.42 * m),
            (x + 0.6 * m, y - 1.42 * m),
            (x + 1.15 * m, y - 0.85 * m),
        ],
        paint,
    )
    c.poly(
        [
            (x - 0.98 * m, y - 0.88 * m),
            (x - 0.72 * m, y - 1.3 * m),
            (x + 0.52 * m, y - 1.3 * m),
            (x + 0.9 * m, y - 0.88 * m),
        ],
        GLASS,
    )
    c.rect(x - 2.0 * m, y - 0.88 * m, x + 2.0 * m, y - 0.28 * m, paint)
    for side in (-1.25, 1.25):
        c.oval(x + side * m, y - 0.3 * m, 0.33 * m, 0.33 * m, RUBBER)
        c.oval(x + side * m, y - 0.3 * m, 0.16 * m, 0.16 * m, (150, 152, 156))


def truck_end(c: PictureCanvas, x: float, y: float, m: float, *, rear: bool, body: Colour | None = None) -> None:
    """A truck from behind (doors of the box, red lights) or from the front (cab, windscreen, white lights)."""
    body, cab = body or c.pick(*LOUD), c.pick(*LOUD)
    c.rect(x - 1.15 * m, y - 0.9 * m, x - 0.65 * m, y, RUBBER)
    c.rect(x + 0.65 * m, y - 0.9 * m, x + 1.15 * m, y, RUBBER)
    c.rect(x - 1.28 * m, y - 3.9 * m, x + 1.28 * m, y - 0.75 * m, body)
    if rear:
        c.rect(x - 0.03 * m, y - 3.8 * m, x + 0.03 * m, y - 0.8 * m, blend(body, (0, 0, 0), 0.5))
        c.rect(x - 1.28 * m, y - 0.95 * m, x + 1.28 * m, y - 0.75 * m, (60, 60, 62))
    else:
        c.rect(x - 1.2 * m, y - 3.1 * m, x + 1.2 * m, y - 0.4 * m, cab)
        c.rect(x - 1.05 * m, y - 2.75 * m, x + 1.05 * m, y - 1.75 * m, GLASS)
        c.rect(x - 0.8 * m, y - 1.4 * m, x + 0.8 * m, y - 0.75 * m, blend(cab, (0, 0, 0), 0.6))
    colour: Colour = (255, 40, 26) if rear else (255, 246, 214)
    for side in (-0.98, 0.98):
        if c.light.dark > 0.2:
            c.bright(x + side * m - 0.16 * m, y - 0.85 * m, x + side * m + 0.16 * m, y - 0.6 * m, colour)
            c.glow(x + side * m, y - 0.72 * m, 0.7 * m + 0.01, colour, 0.8)
        else:
            c.rect(
                x + side * m - 0.16 * m,
                y - 0.85 * m,
                x + side * m + 0.16 * m,
                y - 0.6 * m,
                (170, 40, 34) if rear else (226, 228, 226),
            )


def truck_side(c: PictureCanvas, x: float, y: float, m: float, *, way: int = 1, body: Colour | None = None) -> None:
    """A long truck from the side, cab towards `way`."""
    body, cab = body or c.pick(*LOUD), c.pick(*LOUD)
    c.shadow(x, y, 12 * m, 2.5 * m)
    c.rect(x - 6 * m, y - 1.0 * m, x + 6 * m, y - 0.7 * m, (50, 50, 54))
    c.rect(x - way * 6.2 * m, y - 3.9 * m, x + way * 3.7 * m, y - 0.95 * m, body)
    c.rect(x - way * 6.2 * m, y - 2.5 * m, x + way * 3.7 * m, y - 2.2 * m, blend(body, (255, 255, 255), 0.4))
    c.rect(x + way * 4.0 * m, y - 3.1 * m, x + way * 6.2 * m, y - 0.6 * m, cab)
    c.rect(x + way * 5.1 * m, y - 2.8 * m, x + way * 6.1 * m, y - 1.8 * m, GLASS)
    for at in (-5.2, -4.1, -3.0, 2.6, 5.1):
        c.oval(x + way * at * m, y - 0.5 * m, 0.5 * m, 0.5 * m, RUBBER)
    if c.lamps:
        c.bright(x + way * 6.0 * m - 0.1 * m, y - 1.1 * m, x + way * 6.0 * m + 0.2 * m, y - 0.85 * m, (255, 244, 210))
        c.glow(x + way * 6.4 * m, y - 1.0 * m, 2.2 * m, (255, 236, 190), 0.8)


def tractor(c: PictureCanvas, x: float, y: float, m: float, way: int, paint: Colour) -> None:
    """A tractor from the side, bonnet towards `way`."""
    c.shadow(x, y, 4 * m, 2.2 * m)
    c.rect(x, y - 1.65 * m, x + way * 2.1 * m, y - 0.75 * m, paint)
    c.rect(x - way * 1.2 * m, y - 2.75 * m, x + way * 0.15 * m, y - 1.0 * m, paint)
    c.rect(x - way * 1.05 * m, y - 2.55 * m, x + way * 0.02 * m, y - 1.6 * m, GLASS)
    c.rect(x + way * 1.2 * m, y - 2.4 * m, x + way * 1.3 * m, y - 1.6 * m, (40, 40, 40))
    for at, radius in ((-0.75, 0.9), (1.65, 0.55)):
        c.oval(x + way * at * m, y - radius * m, radius * m, radius * m, RUBBER)
        c.oval(x + way * at * m, y - radius * m, radius * 0.48 * m, radius * 0.48 * m, (226, 190, 60))
    if c.lamps:
        c.lamp(x + way * 2.1 * m, y - 1.3 * m, 0.25 * m)
        c.glow(x + way * 3.2 * m, y - 0.7 * m, 3 * m, (255, 232, 180), 0.7)


def combine(c: PictureCanvas, x: float, y: float, m: float, way: int) -> None:
    """A combine harvester from the side with its header towards `way`, in a cloud of dust."""
    paint = c.pick((64, 140, 60), (206, 54, 40), (240, 186, 44))
    for at in (-3.6, -4.8, -5.8):
        c.oval(x + way * at * m, y - 1.1 * m, 1.3 * m, 1.0 * m, (214, 194, 150))
    c.poly(
        [
            (x - way * 3.2 * m, y - 1.2 * m),
            (x - way * 3.2 * m, y - 3.1 * m),
            (x + way * 1.2 * m, y - 3.4 * m),
            (x + way * 1.4 * m, y - 1.0 * m),
        ],
        paint,
    )
    c.rect(x + way * 1.0 * m, y - 3.6 * m, x + way * 2.5 * m, y - 1.5 * m, blend(paint, (0, 0, 0), 0.25))
    c.rect(x + way * 1.3 * m, y - 3.4 * m, x + way * 2.5 * m, y - 2.0 * m, GLASS)
    c.poly(
        [
            (x + way * 2.0 * m, y - 1.6 * m),
            (x + way * 3.9 * m, y - 0.9 * m),
            (x + way * 3.9 * m, y),
            (x + way * 3.0 * m, y - 0.2 * m),
        ],
        (120, 40, 34),
    )
    c.oval(x + way * 4.1 * m, y - 0.75 * m, 0.8 * m, 0.72 * m, (190, 60, 44))
    c.oval(x + way * 4.1 * m, y - 0.75 * m, 0.5 * m, 0.45 * m, (222, 188, 96))
    c.line([(x - way * 1.0 * m, y - 3.2 * m), (x - way * 3.6 * m, y - 4.4 * m)], paint, 0.35 * m)
    for at, radius in ((1.2, 0.95), (-2.3, 0.6)):
        c.oval(x + way * at * m, y - radius * m, radius * m, radius * m, RUBBER)
        c.oval(x + way * at * m, y - radius * m, radius * 0.45 * m, radius * 0.45 * m, (230, 200, 80))
    if c.lamps:
        for at in (2.3, 2.9):
            c.lamp(x + way * at * m, y - 3.5 * m, 0.3 * m)
        c.glow(x + way * 4.5 * m, y - 1.2 * m, 4.5 * m, (255, 236, 190), 0.9)


def digger(c: PictureCanvas, x: float, y: float, m: float, way: int) -> None:
    """An excavator with its arm towards `way`."""
    yellow: Colour = (238, 182, 36)
    c.shadow(x, y, 3 * m, 2 * m)
    c.rect(x - 1.7 * m, y - 0.75 * m, x + 1.7 * m, y, (44, 44, 46))
    c.rect(x - way * 1.8 * m, y - 1.9 * m, x + way * 0.6 * m, y - 0.8 * m, yellow)
    c.rect(x + way * 0.1 * m, y - 2.8 * m, x + way * 1.2 * m, y - 0.85 * m, yellow)
    c.rect(x + way * 0.3 * m, y - 2.6 * m, x + way * 1.1 * m, y - 1.6 * m, GLASS)
    c.line(
        [(x + way * 1.0 * m, y - 1.4 * m), (x + way * 2.8 * m, y - 4.0 * m), (x + way * 4.4 * m, y - 2.2 * m)],
        yellow,
        0.42 * m,
    )
    c.poly(
        [
            (x + way * 4.0 * m, y - 2.2 * m),
            (x + way * 4.9 * m, y - 2.2 * m),
            (x + way * 4.6 * m, y - 1.3 * m),
            (x + way * 3.9 * m, y - 1.5 * m),
        ],
        (70, 68, 66),
    )


def dump_truck(c: PictureCanvas, x: float, y: float, m: float, way: int) -> None:
    """A dump truck of a quarry or building site."""
    c.shadow(x, y, 6 * m, 2 * m)
    c.poly(
        [
            (x - way * 3.2 * m, y - 1.4 * m),
            (x - way * 3.6 * m, y - 3.2 * m),
            (x + way * 1.2 * m, y - 3.2 * m),
            (x + way * 0.8 * m, y - 1.4 * m),
        ],
        (232, 168, 40),
    )
    c.poly(
        [(x - way * 3.2 * m, y - 3.2 * m), (x - way * 1.2 * m, y - 3.9 * m), (x + way * 0.9 * m, y - 3.2 * m)],
        (150, 140, 126),
    )
    c.rect(x + way * 1.2 * m, y - 2.9 * m, x + way * 3.0 * m, y - 0.8 * m, (236, 176, 44))
    c.rect(x + way * 1.9 * m, y - 2.7 * m, x + way * 2.9 * m, y - 1.8 * m, GLASS)
    for at in (-2.2, 2.0):
        c.oval(x + way * at * m, y - 0.8 * m, 0.85 * m, 0.85 * m, RUBBER)


def plane(c: PictureCanvas, x: float, y: float, m: float, way: int) -> None:
    """An airliner on its wheels from the side, nose towards `way`; about 38 m long."""
    stripe, hull = c.pick((206, 44, 44), (36, 82, 168), (20, 120, 120), (238, 150, 40)), (238, 240, 244)
    c.shadow(x, y, 30 * m, 4 * m)
    for at in (-1.5, 13):
        c.line([(x + way * at * m, y - 3 * m), (x + way * at * m, y)], (70, 70, 74), 0.6 * m)
        c.oval(x + way * at * m, y - 0.6 * m, 0.8 * m, 0.7 * m, RUBBER)
    c.poly(
        [
            (x - way * 19 * m, y - 6.2 * m),
            (x - way * 20.5 * m, y - 12.5 * m),
            (x - way * 16.5 * m, y - 12.5 * m),
            (x - way * 11 * m, y - 6.4 * m),
        ],
        stripe,
    )
    c.poly(
        [
            (x - way * 20 * m, y - 6.4 * m),
            (x + way * 14 * m, y - 6.6 * m),
            (x + way * 19 * m, y - 4.6 * m),
            (x + way * 17 * m, y - 2.9 * m),
            (x - way * 10 * m, y - 2.7 * m),
        ],
        hull,
    )
    c.line([(x - way * 14 * m, y - 4.2 * m), (x + way * 17.5 * m, y - 4.2 * m)], stripe, 0.7 * m)
    for step in range(14):
        at = x + way * (-10 + step * 1.9) * m
        if c.lamps:
            c.bright(at, y - 5.5 * m, at + 0.8 * m, y - 4.8 * m, (255, 226, 150))
        else:
            c.rect(at, y - 5.5 * m, at + 0.8 * m, y - 4.8 * m, (60, 70, 86))
    c.poly(
        [
            (x + way * 4 * m, y - 3.6 * m),
            (x - way * 3 * m, y - 3.6 * m),
            (x - way * 12 * m, y - 1.0 * m),
            (x - way * 9 * m, y - 1.0 * m),
        ],
        (178, 182, 190),
    )
    c.oval(x - way * 1 * m, y - 2.0 * m, 2.4 * m, 1.1 * m, (120, 124, 132))


def plane_in_air(c: PictureCanvas, x: float, y: float, m: float, way: int) -> None:
    """A plane taking off or landing."""
    hull: Colour = (232, 236, 242)
    rise = 0.16
    c.line([(x - way * 9 * m, y + rise * 9 * m), (x + way * 9 * m, y - rise * 9 * m)], hull, 3.2 * m)
    c.poly(
        [
            (x + way * 2 * m, y),
            (x - way * 3 * m, y + 1 * m),
            (x - way * 8 * m, y + 6 * m),
            (x - way * 5 * m, y + 6 * m),
        ],
        (170, 176, 186),
    )
    c.poly(
        [
            (x - way * 9 * m, y + 1.4 * m),
            (x - way * 11 * m, y - 4.5 * m),
            (x - way * 8.5 * m, y - 4.5 * m),
            (x - way * 5 * m, y + 0.4 * m),
        ],
        (190, 48, 48),
    )
    if c.lamps:
        c.glow(x + way * 9 * m, y - rise * 9 * m, 4 * m, (255, 250, 220), 1.0)


def train(c: PictureCanvas, x0: float, y0: float, x1: float, y1: float, m0: float, m1: float, paint: Colour) -> None:
    """A train in perspective from its front (x0, y0, metre m0) to its far end (x1, y1, metre m1)."""
    tall = 3.9
    c.poly([(x0, y0), (x1, y1), (x1, y1 - tall * m1), (x0, y0 - tall * m0)], paint)
    c.poly([(x0, y0 - 2.1 * m0), (x1, y1 - 2.1 * m1), (x1, y1 - 3.1 * m1), (x0, y0 - 3.1 * m0)], (46, 56, 70))
    c.poly([(x0, y0 - 0.9 * m0), (x1, y1 - 0.9 * m1), (x1, y1 - 1.2 * m1), (x0, y0 - 1.2 * m0)], (244, 244, 240))
    for step in range(9):
        share = 1 - (1 - step / 9) ** 1.8
        x, m = x0 + (x1 - x0) * share, m0 + (m1 - m0) * share
        y = y0 + (y1 - y0) * share
        if step % 3 == 1:
            c.line([(x, y - 0.3 * m), (x, y - 3.4 * m)], (236, 236, 230), 0.14 * m)
        if c.lamps:
            reach = (x1 - x0) * 0.06 * (1 - share)
            c.poly(
                [(x, y - 2.2 * m), (x + reach, y - 2.2 * m), (x + reach, y - 3.0 * m), (x, y - 3.0 * m)],
                (255, 255, 255),
            )
            c.glow(x + reach / 2, y - 2.6 * m, 1.2 * m, (255, 226, 160), 0.8)


def train_front(c: PictureCanvas, x: float, y: float, m: float, paint: Colour) -> None:
    """The face of a train."""
    c.poly(
        [
            (x - 1.45 * m, y),
            (x - 1.5 * m, y - 2.4 * m),
            (x - 1.1 * m, y - 3.9 * m),
            (x + 1.1 * m, y - 3.9 * m),
            (x + 1.5 * m, y - 2.4 * m),
            (x + 1.45 * m, y),
        ],
        paint,
    )
    c.poly(
        [
            (x - 1.2 * m, y - 2.2 * m),
            (x - 0.95 * m, y - 3.5 * m),
            (x + 0.95 * m, y - 3.5 * m),
            (x + 1.2 * m, y - 2.2 * m),
        ],
        (30, 36, 46),
    )
    c.rect(x - 1.45 * m, y - 0.5 * m, x + 1.45 * m, y, (50, 50, 54))
    for side in (-1.0, 1.0):
        c.bright(x + side * m - 0.2 * m, y - 1.3 * m, x + side * m + 0.2 * m, y - 0.95 * m, (255, 250, 226))
        c.glow(x + side * m, y - 1.1 * m, 0.9 * m, (255, 244, 206), 0.3 + 0.7 * c.light.dark)
