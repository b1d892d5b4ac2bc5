"""Subjects on roads, rails and runways, each a whole picture."""

from collections.abc import Callable

from ingest.sandbox.painting.backdrops import ASPHALT, street
from ingest.sandbox.painting.buildings import block
from ingest.sandbox.painting.canvas import PictureCanvas
from ingest.sandbox.painting.distance import behind, hills, skyline, treeline
from ingest.sandbox.painting.life import dressed, person
from ingest.sandbox.painting.light import Colour, blend, grass, white
from ingest.sandbox.painting.vehicles import (
    LOUD,
    car_end,
    plane,
    plane_in_air,
    train,
    train_front,
    truck_end,
    truck_side,
)


def traffic_jam(c: PictureCanvas) -> None:
    """Columns of cars, bumper to bumper, brake lights on."""
    c.horizon, c.eye_m = c.rng.uniform(0.34, 0.44), c.rng.choice((2.2, 3.0, 3.6))
    behind(c)
    if c.scene.backdrop in {"city", "town"} or c.rng.random() < 0.5:
        street(c, "city")
        c.ground(white(c.scene, (150, 146, 140)), top=c.horizon + 0.16, grain=0.1)
    else:
        c.ground(grass(c.scene))
    lanes = c.rng.choice((3, 4))
    middle = c.rng.uniform(0.44, 0.56)
    half = 0.9
    c.poly(
        [
            (middle - 0.03, c.horizon + 0.01),
            (middle + 0.03, c.horizon + 0.01),
            (middle + half, 1.05),
            (middle - half, 1.05),
        ],
        ASPHALT,
    )
    for lane in range(1, lanes):
        x = middle - half + 2 * half * lane / lanes
        c.line([(middle, c.horizon + 0.02), (x, 1.05)], (226, 226, 220), 0.006)
    for share in (0.07, 0.1, 0.14, 0.2, 0.29, 0.42, 0.62, 0.9):
        for lane in range(lanes):
            if c.rng.random() < 0.9:
                at = share * c.rng.uniform(0.94, 1.06)
                y = c.horizon + 0.01 + (1.04 - c.horizon) * at
                x = middle + (-half + 2 * half * (lane + 0.5) / lanes) * at
                m = at * 2 * half / lanes / 2.7
                rear = lane >= lanes / 2 or c.rng.random() < 0.85
                if c.rng.random() < 0.08:
                    truck_end(c, x, y, m, rear=True)
                else:
                    car_end(c, x, y, m, rear=rear)


def motorway_trucks(c: PictureCanvas) -> None:
    """Trucks on a wide motorway with guard rails, blue signs and lane marks."""
    c.horizon = c.rng.uniform(0.4, 0.48)
    behind(c)
    treeline(c, 0.05, 0.6)
    c.ground(grass(c.scene))
    h, start, way = c.horizon, c.rng.uniform(0.3, 0.7), c.rng.choice((-1, 1))
    left, right = 0.5 - way * 0.1 - 0.75, 0.5 - way * 0.1 + 0.65
    c.poly([(start - 0.03, h + 0.005), (start + 0.03, h + 0.005), (right, 1.02), (left, 1.02)], (112, 112, 116))
    for edge in (0.02, 0.98):
        c.line([(start - 0.03 + 0.06 * edge, h + 0.005), (left + (right - left) * edge, 1.02)], (246, 246, 240), 0.012)
    for lane in (1 / 3, 2 / 3):
        top, foot = start - 0.03 + 0.06 * lane, left + (right - left) * lane
        for a in (0.04, 0.09, 0.17, 0.3, 0.5, 0.78):
            b = a * 1.3
            c.line(
                [(top + (foot - top) * a, h + (1 - h) * a), (top + (foot - top) * b, h + (1 - h) * b)],
                (246, 246, 240),
                0.005 + 0.012 * a,
            )
    for side, x in ((-1, left), (1, right)):
        for up in (0.0, 0.012):
            c.line(
                [(start + side * 0.035, h + 0.004 - up * 0.2), (x + side * 0.05, 0.96 - up * 2)], (196, 200, 204), 0.009
            )
    if c.rng.random() < 0.55:
        y = h - c.rng.uniform(0.06, 0.13)
        c.line(
            [(start - 0.24, h + 0.05), (start - 0.24, y), (start + 0.24, y), (start + 0.24, h + 0.05)],
            (150, 154, 158),
            0.012,
        )
        for x in (start - 0.17, start + 0.04):
            c.rect(x, y - 0.03, x + 0.14, y + 0.05, (26, 84, 180))
            c.rect(x + 0.02, y - 0.005, x + 0.11, y + 0.008, (244, 246, 250))
            c.rect(x + 0.02, y + 0.018, x + 0.08, y + 0.03, (244, 246, 250))
    c.flood(0.38)
    for share in (0.09, 0.16, 0.27, 0.48):
        for lane in (0, 1, 2):
            chance = (0.4, 0.5, 0.9)[lane]
            if c.rng.random() > chance:
                continue
            at = share * c.rng.uniform(0.9, 1.1)
            top = start - 0.03 + 0.06 * (lane + 0.5) / 3
            x, y = top + (left + (right - left) * (lane + 0.5) / 3 - top) * at, h + (1 - h) * at
            m = at * (right - left) / 3 / 3.4
            (truck_end if lane == 2 or c.rng.random() < 0.3 else car_end)(c, x, y, m, rear=True)
    if c.rng.random() < 0.75:
        truck_side(c, c.rng.uniform(0.35, 0.65), h + c.rng.uniform(0.44, 0.5), c.rng.uniform(0.052, 0.066), way=way)


def train_station(c: PictureCanvas) -> None:
    """A train at the platform, people waiting under the roof, tracks and wires."""
    c.horizon = c.rng.uniform(0.38, 0.46)
    behind(c)
    if c.rng.random() < 0.6:
        skyline(c, 0.6, tall=0.5)
    c.flood(0.6)
    h, way = c.horizon, c.rng.choice((-1, 1))
    vanish = 0.5 - way * c.rng.uniform(0.02, 0.12)
    c.ground(white(c.scene, (120, 108, 98)), grain=0.5)
    for k in range(2):
        foot = 0.5 - way * (0.12 + 0.34 * k)
        for rail in (-0.06, 0.06):
            c.line([(vanish, h + 0.01), (foot + rail, 1)], (176, 174, 176), 0.01)
    for share in (0.1, 0.16, 0.25, 0.38, 0.58, 0.85):
        y = h + (1 - h) * share
        c.line(
            [(vanish + (0.5 - way * 0.62 - vanish) * share, y), (vanish + (0.5 - vanish) * share, y)],
            (92, 76, 64),
            0.006 + 0.014 * share,
        )
    paint = c.pick((206, 36, 40), (36, 84, 168), (40, 130, 90), (236, 236, 238), (240, 150, 40))
    foot = 0.5 - way * c.rng.uniform(0.1, 0.16)
    base = h + 0.4
    x0 = vanish + (foot - vanish) * 0.75
    train(c, x0 - way * 0.13, base, vanish - way * 0.02, h + 0.012, 0.083, 0.003, paint)
    train_front(c, x0, base, 0.083, blend(paint, (250, 220, 60), 0.25))
    plat = 0.5 + way * 0.02
    c.poly(
        [(vanish + way * 0.01, h + 0.012), (plat + way * 0.02, 1), (0.5 + way * 0.9, 1), (0.5 + way * 0.7, h + 0.03)],
        white(c.scene, (190, 184, 176)),
    )
    c.line([(vanish + way * 0.012, h + 0.014), (plat + way * 0.06, 1)], (250, 210, 60), 0.018)
    c.poly(
        [
            (vanish + way * 0.02, h - 0.02),
            (0.5 + way * 0.16, 0.06),
            (0.5 + way * 0.6, 0.02),
            (0.5 + way * 0.6, h - 0.05),
        ],
        (104, 112, 122),
    )
    _platform_roof(c, vanish, way)
    for share in sorted(c.rng.uniform(0.16, 0.9) for _ in range(c.rng.randint(3, 8))):
        y = h + (1 - h) * share
        x = vanish + (0.5 + way * c.rng.uniform(0.14, 0.42) - vanish) * (0.3 + share * 0.75)
        person(c, x, y, 0.02 + 0.17 * share, shirt=dressed(c), pose=c.rng.choice(("stand", "stand", "walk")))
        if c.rng.random() < 0.4:
            c.rect(x + 0.03 * share, y - 0.11 * share, x + 0.09 * share, y, c.pick(*LOUD))


def _platform_roof(c: PictureCanvas, vanish: float, way: int) -> None:
    """Posts with lamps, a wire and the clock."""
    h = c.horizon
    for share in (0.14, 0.3, 0.6):
        x = vanish + (0.5 + way * 0.34 - vanish) * share * 1.2
        y = h + (1 - h) * share
        c.line([(x, y), (x, h - (h - 0.03) * share)], (80, 90, 104), 0.01 + 0.012 * share)
        c.lamp(x, h - (h - 0.06) * share * 0.9, 0.012 + 0.012 * share, (250, 244, 224))
    c.line([(vanish, h - 0.02), (0.5 - way * 0.25, 0)], (60, 60, 64), 0.005)
    clock = 0.5 + way * 0.22
    c.oval(clock, 0.2, 0.034, 0.034, (250, 250, 246))
    c.line([(clock, 0.18), (clock, 0.2), (clock + 0.016, 0.206)], (20, 20, 20), 0.006)


def airport_planes(c: PictureCanvas) -> None:
    """Planes on the apron before terminal and control tower, one in the air."""
    c.horizon = c.rng.uniform(0.46, 0.56)
    c.sky()
    hills(c, blend(grass(c.scene), (110, 130, 130), 0.5), 0.05, 1.0)
    way = c.rng.choice((-1, 1))
    c.flood(0.5)
    x = c.rng.uniform(0.1, 0.9)
    c.poly(
        [(x - 0.012, c.horizon), (x + 0.012, c.horizon), (x + 0.01, c.horizon - 0.17), (x - 0.01, c.horizon - 0.17)],
        (216, 216, 214),
    )
    c.poly(
        [
            (x - 0.022, c.horizon - 0.16),
            (x + 0.022, c.horizon - 0.16),
            (x + 0.034, c.horizon - 0.2),
            (x - 0.034, c.horizon - 0.2),
        ],
        (70, 110, 130),
    )
    c.rect(x - 0.036, c.horizon - 0.212, x + 0.036, c.horizon - 0.2, (226, 226, 224))
    c.lamp(x, c.horizon - 0.22, 0.012, (255, 60, 50))
    block(c, 0.0, c.rng.uniform(0.5, 0.9), c.horizon + 0.015, 0.0115, 3, wall=(206, 212, 218))
    c.ground(white(c.scene, (158, 158, 160)), grain=0.1)
    c.poly(
        [(0, c.horizon + 0.05), (1, c.horizon + 0.05), (1, c.horizon + 0.085), (0, c.horizon + 0.085)], grass(c.scene)
    )
    c.line([(0.5 - way * 0.5, 0.86), (0.5 + way * 0.1, 0.8), (0.5 + way * 0.5, 0.97)], (246, 206, 50), 0.012)
    for k in range(8):
        c.rect(k * 0.13, c.horizon + 0.11, k * 0.13 + 0.07, c.horizon + 0.117, (244, 244, 240))
    if c.rng.random() < 0.6:
        plane(c, 0.5 + way * c.rng.uniform(0.1, 0.3), c.horizon + 0.12, 0.0085, -way)
    plane(
        c,
        0.5 - way * c.rng.uniform(-0.06, 0.08),
        c.horizon + c.rng.uniform(0.3, 0.36),
        c.rng.uniform(0.0205, 0.0245),
        way,
    )
    if c.rng.random() < 0.5:
        plane_in_air(c, c.rng.uniform(0.2, 0.8), c.rng.uniform(0.08, 0.2), c.rng.uniform(0.006, 0.01), way)
    for k in range(8):
        if c.lamps:
            colour: Colour = c.rng.choice(((90, 140, 255), (255, 250, 220), (110, 255, 140)))
            at = k / 7
            c.bright(at - 0.004, c.horizon + 0.095, at + 0.006, c.horizon + 0.105, colour)
            c.glow(at, c.horizon + 0.1, 0.035, colour, 0.8)
    c.rect(0.5 + way * 0.3, 0.86, 0.5 + way * 0.4, 0.91, c.pick((246, 200, 40), (240, 240, 240)))


SUBJECTS: dict[str, Callable[[PictureCanvas], None]] = {
    "traffic_jam": traffic_jam,
    "motorway_trucks": motorway_trucks,
    "train_station": train_station,
    "airport_planes": airport_planes,
}
