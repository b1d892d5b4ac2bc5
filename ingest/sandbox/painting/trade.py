"""Subjects where people make, store and build, each a whole picture."""

from collections.abc import Callable

from ingest.sandbox.painting.canvas import PictureCanvas
from ingest.sandbox.painting.distance import behind
from ingest.sandbox.painting.fittings import fence
from ingest.sandbox.painting.life import person
from ingest.sandbox.painting.light import Colour, blend, white
from ingest.sandbox.painting.vehicles import digger, truck_end, truck_side
from ingest.sandbox.painting.works import containers, tower_crane, works


def factory(c: PictureCanvas) -> None:
    """Factory halls with saw-tooth roofs, pipes, tanks and smoking chimneys."""
    c.horizon = c.rng.uniform(0.6, 0.7)
    behind(c)
    m = c.rng.uniform(0.0105, 0.0135)
    c.flood(0.42)
    works(c, c.rng.uniform(0.4, 0.6), c.horizon + 0.05, m)
    c.ground(white(c.scene, (140, 136, 128)), top=c.horizon + 0.05, grain=0.25)
    if c.rng.random() < 0.7:
        fence(c, c.horizon + 0.15, 0.03, (110, 114, 118), rails=3, tall_m=2)
    if c.rng.random() < 0.4:
        truck_side(c, c.rng.uniform(0.2, 0.8), c.horizon + 0.16, 0.018, way=c.rng.choice((-1, 1)))
    for k in range(3):
        c.line([(0, c.horizon + 0.2 + 0.05 * k), (1, c.horizon + 0.22 + 0.05 * k)], (104, 92, 84), 0.008)


def warehouse_trucks(c: PictureCanvas) -> None:
    """A long hall with numbered doors and trucks backed up to them."""
    c.horizon = c.rng.uniform(0.44, 0.52)
    behind(c)
    base = c.horizon + 0.14
    c.flood(0.5)
    wall = c.pick((206, 210, 214), (150, 166, 184), (226, 222, 212), (120, 130, 142))
    top = base - c.rng.uniform(0.26, 0.32)
    c.rect(-0.02, top, 1.02, base, wall)
    c.rect(-0.02, top, 1.02, top + 0.05, c.pick((36, 84, 160), (206, 60, 44), (40, 120, 90), (236, 160, 40)))
    for k in range(34):
        c.line([(k / 33, top + 0.05), (k / 33, base)], blend(wall, (40, 40, 46), 0.14), 0.004)
    c.ground(white(c.scene, (128, 128, 130)), top=base, grain=0.12)
    for k in range(5):
        x = 0.1 + k * 0.2
        c.rect(x - 0.066, base - 0.155, x + 0.066, base, (44, 46, 50))
        c.rect(x - 0.054, base - 0.14, x + 0.054, base - 0.012, (232, 232, 228))
        for row in range(3):
            c.line(
                [(x - 0.054, base - 0.04 - row * 0.034), (x + 0.054, base - 0.04 - row * 0.034)], (180, 180, 180), 0.004
            )
        c.rect(x - 0.016, base - 0.19, x + 0.016, base - 0.162, (246, 200, 40))
        c.lamp(x, base - 0.2, 0.012, (240, 244, 255))
    for k in c.rng.sample(range(5), c.rng.randint(2, 4)):
        truck_end(c, 0.1 + k * 0.2, base + 0.06, 0.046, rear=False)
    for k in range(6):
        c.line([(k * 0.2, base + 0.07), (0.5 + (k * 0.2 - 0.5) * 2.2, 1)], (246, 214, 70), 0.008)
    if c.rng.random() < 0.55:
        truck_side(c, c.rng.uniform(0.3, 0.7), base + 0.27, 0.052, way=c.rng.choice((-1, 1)))
    elif c.rng.random() < 0.6:
        containers(c, 0.6, 0.95, base + 0.24, 0.035, high=1)
    for _ in range(3):
        x, y = c.rng.random(), base + c.rng.uniform(0.1, 0.3)
        c.rect(x, y - 0.05, x + 0.06, y, (186, 140, 90))
        c.line([(x, y - 0.025), (x + 0.06, y - 0.025)], (130, 92, 56), 0.006)


def building_site(c: PictureCanvas) -> None:
    """Raw floors of a new building under a tower crane, workers with helmets."""
    c.horizon = c.rng.uniform(0.56, 0.66)
    behind(c)
    base, m = c.horizon + 0.06, c.rng.uniform(0.0115, 0.014)
    x0 = c.rng.uniform(0.1, 0.3)
    x1 = x0 + c.rng.uniform(0.42, 0.56)
    way = c.rng.choice((-1, 1))
    tower_crane(c, (x1 + 0.07) if way > 0 else (x0 - 0.06), base, m, tall_m=c.rng.uniform(36, 44))
    floors = c.rng.choice((3, 4, 5))
    tall = 3.4 * m * 1.35
    grey: Colour = (186, 182, 176)
    c.rect(x0 + 0.01, base - floors * tall, x1 - 0.01, base, (104, 100, 98))
    for floor in range(floors + 1):
        y = base - floor * tall
        c.rect(x0, y - 0.014, x1, y, grey)
        for k in range(7):
            x = x0 + 0.006 + (x1 - x0 - 0.02) * k / 6
            if floor < floors:
                c.rect(x, y - tall, x + 0.011, y, grey)
            else:
                c.line([(x, y - 0.01), (x, y - c.rng.uniform(0.03, 0.07))], (150, 80, 54), 0.005)
        if floor < floors and c.rng.random() < 0.6:
            k = c.rng.randint(0, 5)
            a = x0 + 0.017 + (x1 - x0 - 0.02) * k / 6
            c.rect(a, y - tall * 0.9, a + (x1 - x0) / 6 - 0.016, y - 0.014, (190, 96, 66))
    for k in range(6):
        x = x0 - 0.02 if way < 0 else x1 + 0.012
        c.line([(x, base - k * tall * floors / 6), (x + 0.014, base - k * tall * floors / 6)], (226, 180, 60), 0.006)
    c.ground(white(c.scene, (172, 140, 104)), top=base, grain=0.4)
    for _ in range(2):
        x, y = c.rng.random(), c.rng.uniform(base + 0.06, 0.94)
        if c.rng.random() < 0.5:
            c.poly([(x - 0.12, y), (x, y - 0.08), (x + 0.12, y)], (214, 186, 136))
        else:
            for row in range(3):
                c.rect(x, y - 0.022 * (row + 1), x + 0.11, y - 0.022 * row - 0.003, (190, 92, 62))
    digger(c, c.rng.choice((0.24, 0.76)), base + 0.17, 0.04, way)
    for y in sorted(c.rng.uniform(base + 0.1, 0.95) for _ in range(c.rng.randint(2, 4))):
        x, size = c.rng.uniform(0.1, 0.9), 0.03 + (y - c.horizon) * 0.3
        person(
            c,
            x,
            y,
            size,
            shirt=c.pick((250, 226, 40), (255, 128, 20)),
            trousers=(50, 64, 100),
            pose=c.rng.choice(("stand", "reach", "walk")),
        )
        c.oval(x, y - 1.66 * size, 0.19 * size, 0.12 * size, c.pick((255, 214, 30), (250, 250, 250), (230, 60, 40)))
    fence(c, 0.985, 0.09, (226, 90, 44), rails=2, tall_m=0.9)


SUBJECTS: dict[str, Callable[[PictureCanvas], None]] = {
    "factory": factory,
    "warehouse_trucks": warehouse_trucks,
    "building_site": building_site,
}
