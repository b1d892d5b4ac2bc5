"""Subjects that stand small behind another one, drawn over its horizon.

What the season or the hour brings (snow, autumn leaves, lights) is in the picture anyway and needs nothing here.
"""

from collections.abc import Callable

from ingest.sandbox.painting.boats import sailboat
from ingest.sandbox.painting.buildings import church
from ingest.sandbox.painting.canvas import PictureCanvas
from ingest.sandbox.painting.distance import peaks
from ingest.sandbox.painting.life import cow
from ingest.sandbox.painting.light import grass, white
from ingest.sandbox.painting.town import lit_street
from ingest.sandbox.painting.vehicles import plane_in_air
from ingest.sandbox.painting.works import containers, lighthouse, port_crane, tower_crane, turbine, works


def _turbines(c: PictureCanvas) -> None:
    for _ in range(c.rng.randint(2, 4)):
        turbine(c, c.rng.random(), c.horizon + 0.005, c.rng.uniform(0.0014, 0.0022), far=0.2)


def _sails(c: PictureCanvas) -> None:
    for _ in range(3):
        sailboat(c, c.rng.random(), c.horizon + c.rng.uniform(0.008, 0.02), c.rng.uniform(0.006, 0.01), far=0.2)


def _cows(c: PictureCanvas) -> None:
    x = c.rng.choice((c.rng.uniform(0, 0.25), c.rng.uniform(0.75, 1)))
    for k in range(3):
        cow(c, x + 0.06 * (k - 1), c.horizon + c.rng.uniform(0.03, 0.06), 0.016)


def _port(c: PictureCanvas) -> None:
    x = c.rng.choice((0.1, 0.9))
    for k in range(2):
        port_crane(c, x + 0.1 * k, c.horizon + 0.01, 0.0034, c.rng.choice((-1, 1)), far=0.3)
    containers(c, x - 0.1, x + 0.1, c.horizon + 0.014, 0.004, high=3)


def _panels(c: PictureCanvas) -> None:
    x = c.rng.uniform(0, 0.7)
    for k in range(3):
        y = c.horizon + 0.012 + 0.014 * k
        c.poly([(x, y), (x + 0.3, y), (x + 0.29, y - 0.008), (x + 0.01, y - 0.008)], (36, 56, 118), 0.2)


def _vines(c: PictureCanvas) -> None:
    x, up = c.rng.uniform(0, 0.7), 0.06
    c.poly(
        [
            (x - 0.12, c.horizon + 0.01),
            (x + 0.02, c.horizon - up),
            (x + 0.24, c.horizon - up * 0.9),
            (x + 0.42, c.horizon + 0.01),
        ],
        white(c.scene, (156, 140, 100)),
        0.4,
    )
    for k in range(11):
        s = k / 10
        c.line(
            [(x - 0.1 + 0.5 * s, c.horizon + 0.008), (x + 0.03 + 0.2 * s, c.horizon - up * 0.9)],
            grass(c.scene),
            0.007,
            0.3,
        )


_PAINTERS: dict[str, Callable[[PictureCanvas], None]] = {
    "wind_turbines": _turbines,
    "lighthouse": lambda c: lighthouse(c, c.rng.choice((0.08, 0.92)), c.horizon + 0.008, 0.006, far=0.2),
    "sailing_boats": _sails,
    "grazing_cattle": _cows,
    "factory": lambda c: works(c, c.rng.choice((0.12, 0.88)), c.horizon + 0.01, 0.0036, far=0.3),
    "container_port": _port,
    "church_square": lambda c: church(c, c.rng.choice((0.08, 0.85)), c.horizon + 0.012, 0.0055, far=0.2),
    "airport_planes": lambda c: plane_in_air(
        c, c.rng.uniform(0.15, 0.85), c.horizon * 0.35, 0.0065, c.rng.choice((-1, 1))
    ),
    "mountain_summit": lambda c: peaks(c, 0.2, 0.7),
    "building_site": lambda c: tower_crane(c, c.rng.choice((0.1, 0.86)), c.horizon + 0.01, 0.0055, far=0.2),
    "vineyard": _vines,
    "solar_park": _panels,
    "night_lights": lit_street,
}


def distant(c: PictureCanvas) -> None:
    """All subjects of the scene but the main one."""
    for name in c.scene.subjects[1:]:
        if name in _PAINTERS:
            _PAINTERS[name](c)
