"""Subjects in harbours and under sail, each a whole picture."""

from collections.abc import Callable

from ingest.sandbox.painting.boats import container_ship, ferry, fishing_boat, sailboat
from ingest.sandbox.painting.buildings import old_house
from ingest.sandbox.painting.canvas import PictureCanvas
from ingest.sandbox.painting.distance import behind, sea_colour
from ingest.sandbox.painting.fittings import lamp_post
from ingest.sandbox.painting.life import gulls, person
from ingest.sandbox.painting.light import blend, white
from ingest.sandbox.painting.vehicles import car_end
from ingest.sandbox.painting.works import containers, port_crane


def sailing_boats(c: PictureCanvas) -> None:
    """Boats under sail on the water, or a marina full of masts."""
    c.horizon = c.rng.uniform(0.42, 0.56)
    behind(c)
    c.water(sea_colour(c), waves=0.25)
    if c.rng.random() < 0.6:
        for y in sorted(c.rng.uniform(c.horizon + 0.02, c.horizon + 0.3) ** 1.0 for _ in range(c.rng.randint(3, 6))):
            sailboat(
                c, c.rng.uniform(0.08, 0.92), y, 0.011 + (y - c.horizon) * 0.16, far=max(0.0, 0.5 - (y - c.horizon) * 3)
            )
        return
    for y in (c.horizon + 0.06, c.horizon + 0.16, c.horizon + 0.3):
        m = 0.016 + (y - c.horizon) * 0.12
        x = c.rng.uniform(-0.05, 0.1)
        while x < 1.05:
            sailboat(c, x, y, m, sails=False)
            x += 8.5 * m + c.rng.uniform(0, 0.03)
        c.rect(0, y + 0.012, 1, y + 0.012 + 0.35 * m, (178, 152, 116))


def fishing_boats(c: PictureCanvas) -> None:
    """Fishing boats at a quay with nets and boxes."""
    c.horizon = c.rng.uniform(0.36, 0.46)
    behind(c)
    if c.rng.random() < 0.6:
        x = -0.02
        while x < 1:
            wide = c.rng.uniform(0.1, 0.16)
            old_house(c, x, x + wide, c.horizon + 0.03, 0.016, far=0.3)
            x += wide
        c.rect(0, c.horizon + 0.03, 1, c.horizon + 0.06, (150, 142, 132))
    c.water(blend(sea_colour(c), (40, 70, 80), 0.4), top=c.horizon + 0.05, waves=0.25)
    c.flood(0.45)
    for y in sorted(c.rng.uniform(c.horizon + 0.14, 0.8) for _ in range(c.rng.randint(2, 4))):
        fishing_boat(c, c.rng.uniform(0.15, 0.85), y, 0.02 + (y - c.horizon) * 0.07, c.rng.choice((-1, 1)))
    c.ground(white(c.scene, (150, 144, 136)), top=0.87, grain=0.2)
    for _ in range(3):
        x, y = c.rng.random(), c.rng.uniform(0.9, 0.97)
        c.oval(x, y, 0.08, 0.03, c.pick((40, 120, 110), (226, 120, 50), (60, 100, 150)))
        c.rect(x + 0.08, y - 0.03, x + 0.16, y + 0.02, c.pick((230, 200, 70), (70, 120, 190), (220, 220, 216)))
    if c.rng.random() < 0.6:
        person(c, c.rng.uniform(0.2, 0.8), 0.95, 0.17, shirt=(236, 190, 40), trousers=(50, 70, 80), pose="reach")
    gulls(c, c.rng.randint(3, 8))
    lamp_post(c, c.rng.choice((0.08, 0.92)), 0.92, 0.07)


def container_port(c: PictureCanvas) -> None:
    """Ship-to-shore cranes over stacked containers, a ship behind."""
    c.horizon = c.rng.uniform(0.5, 0.62)
    behind(c)
    c.water(sea_colour(c), waves=0.2)
    c.flood(0.6)
    if c.rng.random() < 0.65:
        container_ship(
            c, c.rng.uniform(0.3, 0.7), c.horizon + 0.1, c.rng.uniform(0.0055, 0.0075), c.rng.choice((-1, 1))
        )
    way, m = c.rng.choice((-1, 1)), c.rng.uniform(0.0085, 0.0115)
    for i in range(c.rng.choice((1, 2, 2, 3))):
        port_crane(c, 0.2 + i * 0.34 + c.rng.uniform(-0.05, 0.05), c.horizon + 0.14, m, way)
    c.ground(white(c.scene, (128, 128, 130)), top=c.horizon + 0.12, grain=0.15)
    containers(c, -0.02, c.rng.uniform(0.4, 1.0), c.horizon + 0.22, 0.017, high=4)
    containers(c, c.rng.uniform(0.3, 0.6), 1.02, c.horizon + 0.34, 0.027, high=4, ends=c.rng.random() < 0.4)
    if c.lamps:
        for x in (0.1, 0.5, 0.9):
            c.lamp(x, c.horizon - 0.16, 0.018, (240, 244, 255))
            c.glow(x, c.horizon + 0.1, 0.4, (255, 200, 130), 0.35)


def ferry_terminal(c: PictureCanvas) -> None:
    """A large ferry at its ramp, cars waiting on the quay."""
    c.horizon = c.rng.uniform(0.44, 0.54)
    behind(c)
    c.water(sea_colour(c), waves=0.25)
    c.flood(0.55)
    way = c.rng.choice((-1, 1))
    m = c.rng.uniform(0.0125, 0.017)
    quay = c.horizon + 0.2
    ferry(c, 0.5 + way * c.rng.uniform(0.02, 0.12), quay - 0.03, m, way)
    c.ground(white(c.scene, (140, 140, 142)), top=quay, grain=0.15)
    c.poly(
        [
            (0.5 - way * 0.3, quay - 0.03),
            (0.5 - way * 0.18, quay - 0.03),
            (0.5 - way * 0.2, quay + 0.05),
            (0.5 - way * 0.45, quay + 0.05),
        ],
        (96, 98, 102),
    )
    for line in range(3):
        c.poly(
            [
                (0.2 + line * 0.25, 1),
                (0.212 + line * 0.25, 1),
                (0.42 + line * 0.09, quay + 0.02),
                (0.416 + line * 0.09, quay + 0.02),
            ],
            (240, 236, 210),
        )
    for y in (quay + 0.08, quay + 0.16, quay + 0.28):
        for x in (0.3, 0.58, 0.84):
            if y < 0.99 and c.rng.random() < 0.7:
                car_end(c, 0.5 + (x - 0.5) * (0.5 + (y - quay) * 2.2), y, 0.02 + (y - quay) * 0.13, rear=True)
    gulls(c, c.rng.randint(1, 5))
    lamp_post(c, c.rng.choice((0.07, 0.93)), quay + 0.12, 0.05)


SUBJECTS: dict[str, Callable[[PictureCanvas], None]] = {
    "sailing_boats": sailing_boats,
    "fishing_boats": fishing_boats,
    "container_port": container_port,
    "ferry_terminal": ferry_terminal,
}
