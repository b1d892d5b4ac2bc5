"""Works, chimneys, cranes, containers, turbines and lighthouses of the ground pictures.

Everything stands with its foot at x, y of the frame; m is the length of a metre there.
"""

import math

from ingest.sandbox.painting.buildings import PANE, window
from ingest.sandbox.painting.canvas import PictureCanvas
from ingest.sandbox.painting.light import Colour, blend, white

BOXES: tuple[Colour, ...] = (
    (186, 54, 40),
    (36, 92, 160),
    (50, 132, 84),
    (226, 136, 40),
    (206, 206, 200),
    (120, 60, 110),
    (224, 184, 60),
    (40, 130, 150),
)


def lighthouse(c: PictureCanvas, x: float, y: float, m: float, *, far: float = 0.0) -> None:
    """A lighthouse of 24 m; its lamp shines and sweeps in the dark."""
    band: Colour = c.rng.choice(((206, 40, 36), (206, 40, 36), (30, 32, 38), (246, 246, 246)))
    shell: Colour = (248, 247, 242)
    top_m, rows = 20.0, 6
    for row in range(rows):
        low, high = row / rows, (row + 1) / rows
        half_low, half_high = (3.0 - 1.3 * low) * m, (3.0 - 1.3 * high) * m
        colour = band if row % 2 else shell
        c.poly(
            [
                (x - half_low, y - low * top_m * m),
                (x + half_low, y - low * top_m * m),
                (x + half_high, y - high * top_m * m),
                (x - half_high, y - high * top_m * m),
            ],
            colour,
            far,
        )
        c.poly(
            [
                (x + half_low * 0.35, y - low * top_m * m),
                (x + half_low, y - low * top_m * m),
                (x + half_high, y - high * top_m * m),
                (x + half_high * 0.35, y - high * top_m * m),
            ],
            blend(colour, (30, 34, 52), 0.2),
            far,
        )
    c.rect(x - 2.4 * m, y - 20.6 * m, x + 2.4 * m, y - 19.9 * m, (60, 60, 64), far)
    c.rect(x - 1.3 * m, y - 23 * m, x + 1.3 * m, y - 20.6 * m, (196, 214, 220), far)
    c.poly([(x - 1.8 * m, y - 23 * m), (x, y - 25.4 * m), (x + 1.8 * m, y - 23 * m)], (176, 40, 36), far)
    c.rect(x - 0.45 * m, y - 9 * m, x + 0.45 * m, y - 7.5 * m, PANE, far)
    if c.lamps:
        lamp_y = y - 21.8 * m
        c.bright(x - 1.3 * m, lamp_y - 1.2 * m, x + 1.3 * m, lamp_y + 1.2 * m, (255, 250, 214))
        c.glow(x, lamp_y, 9 * m + 0.06, (255, 244, 190), 1.3)
        way, tilt = c.rng.choice((-1, 1)), c.rng.uniform(-0.05, 0.09)
        for step in range(1, 16):
            reach = step * (0.045 + 0.3 * m)
            c.glow(
                x + way * reach, lamp_y + tilt * reach, 0.025 + 0.05 * step / 10, (255, 244, 196), 0.42 - 0.018 * step
            )


def turbine(c: PictureCanvas, x: float, y: float, m: float, *, far: float = 0.0) -> None:
    """A wind turbine, 100 m to the hub and blades of 55 m."""
    pale = c.scene.cloud < 0.45 or c.light.dark > 0.3
    shell: Colour = (250, 251, 253) if pale else (128, 134, 146)  # before grey cloud they stand dark
    hub = y - 100 * m
    c.poly([(x - 2.6 * m, y), (x + 2.9 * m, y), (x + 1.6 * m, hub), (x - 1.6 * m, hub)], shell, far)
    turn, flat = c.rng.uniform(0, 2.1), c.rng.uniform(0.6, 1.0)
    for blade in range(3):
        angle = turn + blade * 2 * math.pi / 3
        tip = (x + math.sin(angle) * 56 * m * flat, hub - math.cos(angle) * 56 * m)
        side = (math.cos(angle) * 3.4 * m * flat, math.sin(angle) * 3.4 * m)
        middle = (x + (tip[0] - x) * 0.22, hub + (tip[1] - hub) * 0.22)
        c.poly(
            [
                (x, hub),
                (middle[0] + side[0], middle[1] + side[1]),
                tip,
                (middle[0] - side[0] * 0.6, middle[1] - side[1] * 0.6),
            ],
            shell,
            far,
        )
    c.oval(x, hub, 3.2 * m, 3.2 * m, blend(shell, (60, 64, 72), 0.2), far)
    if c.lamps:
        c.bright(x - 1.5 * m - 0.003, hub - 5 * m, x + 1.5 * m + 0.003, hub - 1 * m, (255, 40, 40))
        c.glow(x, hub, 0.05, (255, 40, 40), 0.8)


def chimney(c: PictureCanvas, x: float, y: float, m: float, tall_m: float, *, far: float = 0.0) -> None:
    """A chimney with its smoke."""
    brick = c.pick((164, 84, 62), (176, 172, 166), (150, 74, 58))
    top = y - tall_m * m
    c.poly([(x - 2.2 * m, y), (x + 2.2 * m, y), (x + 1.5 * m, top), (x - 1.5 * m, top)], brick, far)
    for up in (0.9, 0.72):
        c.rect(
            x - 1.7 * m,
            y - up * tall_m * m - 1.6 * m,
            x + 1.7 * m,
            y - up * tall_m * m,
            (226, 222, 216) if brick[0] < 180 else (190, 60, 50),
            far,
        )
    drift, tone = c.rng.uniform(-1, 1), c.rng.choice(((226, 226, 230), (196, 196, 202), (150, 148, 152)))
    for puff in range(7):
        size = (2 + 1.35 * puff) * m
        c.oval(
            x + drift * puff * 5 * m,
            top - (1 + 3.2 * puff) * m,
            size * 1.25,
            size,
            blend(tone, (255, 255, 255), 0.05 * puff),
            far * 0.5,
        )
    c.lamp(x, top + 1.5 * m, max(0.7 * m, 0.008), (255, 70, 50))


def works(c: PictureCanvas, x: float, y: float, m: float, *, far: float = 0.0) -> None:
    """Factory halls with saw-tooth roofs, a tank, pipes and chimneys; about 70 m wide."""
    wall = c.pick((178, 132, 108), (170, 172, 174), (196, 188, 170), (146, 96, 82))
    for at, tall in ((-22, 42), (-12, 36), (24, 46)):
        if at != -12 or c.rng.random() < 0.6:
            chimney(c, x + at * m, y, m, tall + c.rng.uniform(-5, 8), far=far)
    for tooth in range(6):
        left = x + (-34 + tooth * 8) * m
        c.poly(
            [(left, y - 11 * m), (left, y - 16 * m), (left + 8 * m, y - 11 * m)], white(c.scene, (112, 112, 116)), far
        )
        c.poly(
            [(left, y - 11 * m), (left, y - 15 * m), (left + 2 * m, y - 14 * m), (left + 2 * m, y - 11 * m)], PANE, far
        )
    c.rect(x - 34 * m, y - 11 * m, x + 14 * m, y, wall, far)
    for at in range(-31, 12, 6):
        window(c, x + at * m, y - 8.5 * m, x + (at + 3.4) * m, y - 4 * m, share=0.9, far=far)
    c.rect(x + 15 * m, y - 13 * m, x + 23 * m, y, (198, 202, 206), far)
    c.oval(x + 19 * m, y - 13 * m, 4 * m, 1.4 * m, (220, 222, 224), far)
    c.rect(x + 26 * m, y - 20 * m, x + 34 * m, y, blend(wall, (0, 0, 0), 0.2), far)
    c.line([(x + 14 * m, y - 9 * m), (x + 30 * m, y - 9 * m), (x + 30 * m, y - 16 * m)], (206, 152, 60), 1.1 * m, far)


def tower_crane(c: PictureCanvas, x: float, y: float, m: float, *, tall_m: float = 38, far: float = 0.0) -> None:
    """A yellow tower crane with its jib."""
    yellow = c.pick((244, 190, 30), (236, 96, 40), (240, 200, 60))
    top, way = y - tall_m * m, c.rng.choice((-1, 1))
    for side in (-1, 1):
        c.line([(x + side * 0.9 * m, y), (x + side * 0.9 * m, top)], yellow, 0.4 * m, far)
    steps = int(tall_m / 3.2)
    zigzag = [(x + (0.9 if step % 2 else -0.9) * m, y - step * 3.2 * m) for step in range(steps + 1)]
    c.line(zigzag, yellow, 0.28 * m, far)
    reach = c.rng.uniform(24, 34)
    c.line([(x - way * 11 * m, top), (x + way * reach * m, top)], yellow, 1.0 * m, far)
    c.line([(x - way * 11 * m, top), (x, top - 6 * m), (x + way * reach * 0.8 * m, top)], yellow, 0.3 * m, far)
    c.line([(x, top), (x, top - 6 * m)], yellow, 0.6 * m, far)
    c.rect(x - way * 11 * m, top, x - way * 8 * m, top + 3 * m, (150, 150, 150), far)
    hook = x + way * reach * c.rng.uniform(0.4, 0.9) * m
    c.line([(hook, top), (hook, top + 13 * m)], (60, 60, 60), 0.2 * m, far)
    c.rect(hook - 1.3 * m, top + 13 * m, hook + 1.3 * m, top + 14.6 * m, (150, 120, 96), far)
    c.lamp(x, top - 6 * m, max(0.7 * m, 0.008), (255, 60, 50))


def port_crane(c: PictureCanvas, x: float, y: float, m: float, way: int, *, far: float = 0.0) -> None:
    """A ship-to-shore crane, 50 m high, its boom towards `way`."""
    paint = c.pick((36, 90, 170), (208, 54, 44), (236, 180, 40), (90, 110, 130))
    for at in (-8, 8):
        c.line([(x + at * m, y), (x + at * 0.8 * m, y - 36 * m)], paint, 1.7 * m, far)
    for up in (14, 34):
        c.line([(x - 8.6 * m, y - up * m), (x + 8.6 * m, y - up * m)], paint, 1.3 * m, far)
    c.line([(x - 7.5 * m, y - 14 * m), (x + 7 * m, y - 33 * m)], paint, 0.7 * m, far)
    c.line([(x - way * 18 * m, y - 37 * m), (x + way * 44 * m, y - 37 * m)], paint, 2.0 * m, far)
    c.line(
        [(x - way * 16 * m, y - 37 * m), (x + way * 3 * m, y - 54 * m), (x + way * 40 * m, y - 37 * m)],
        paint,
        0.7 * m,
        far,
    )
    c.line([(x + way * 3 * m, y - 37 * m), (x + way * 3 * m, y - 54 * m)], paint, 1.2 * m, far)
    hook = x + way * c.rng.uniform(12, 34) * m
    c.line([(hook, y - 37 * m), (hook, y - 22 * m)], (70, 70, 72), 0.4 * m, far)
    c.rect(hook - 4 * m, y - 22 * m, hook + 4 * m, y - 19 * m, c.pick(*BOXES), far)
    for at in (-12, 6, 24, 40):
        if c.lamps:
            c.lamp(x + way * at * m, y - 35.5 * m, max(0.9 * m, 0.008))


def containers(
    c: PictureCanvas, x0: float, x1: float, y: float, m: float, *, high: int = 4, ends: bool = False
) -> None:
    """Stacked containers, sides or ends towards the viewer."""
    wide = (2.5 if ends else 6.2) * m
    x = x0
    while x < x1:
        for row in range(c.rng.randint(max(1, high - 2), high)):
            paint = c.pick(*BOXES)
            c.rect(x, y - (row + 1) * 2.6 * m, x + wide * 0.97, y - (row * 2.6 + 0.12) * m, paint)
            shade = blend(paint, (0, 0, 0), 0.28)
            for rib in range(1, 2 if ends else 5):
                at = x + wide * rib / (2 if ends else 5)
                c.line([(at, y - (row + 1) * 2.6 * m), (at, y - row * 2.6 * m)], shade, 0.12 * m)
        x += wide
