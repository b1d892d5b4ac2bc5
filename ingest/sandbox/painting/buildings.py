"""Houses and churches of the ground pictures.

Everything stands with its foot at x, y of the frame; m is the length of a metre there.
"""

from ingest.sandbox.painting.canvas import PictureCanvas
from ingest.sandbox.painting.light import Colour, blend, white

PLASTER: tuple[Colour, ...] = (
    (238, 226, 200),
    (226, 196, 152),
    (240, 238, 230),
    (206, 160, 124),
    (222, 206, 186),
    (196, 204, 206),
    (232, 190, 168),
)


TILES: tuple[Colour, ...] = ((166, 74, 52), (142, 62, 50), (96, 92, 94), (180, 98, 62), (112, 76, 60))


PANE: Colour = (62, 78, 96)


LIT: tuple[Colour, ...] = ((255, 214, 128), (255, 196, 100), (255, 232, 176), (226, 234, 255))


def window(
    c: PictureCanvas, x0: float, y0: float, x1: float, y1: float, *, share: float = 0.5, far: float = 0.0
) -> None:
    """A window; lit in the dark in a share of cases."""
    hour = c.scene.when.hour
    late = 0.35 if 0 <= hour < 5 else 1.0
    if c.lamps and c.rng.random() < share * late * min(1, c.light.dark + 0.2):
        c.bright(x0, y0, x1, y1, c.rng.choice(LIT))
    else:
        c.rect(x0, y0, x1, y1, PANE, far)


def house(
    c: PictureCanvas, x: float, y: float, m: float, *, wide_m: float = 9, floors: int = 1, far: float = 0.0
) -> None:
    """A family house with a pitched roof."""
    wall, roof = c.pick(*PLASTER), white(c.scene, c.pick(*TILES))
    half, eaves = wide_m * m / 2, y - (2.9 * floors + 0.3) * m
    c.shadow(x, y, 2 * half, 5 * m)
    c.rect(x - half, eaves, x + half, y, wall, far)
    if c.rng.random() < 0.5:
        c.poly([(x - half * 1.1, eaves), (x, eaves - 3.6 * m), (x + half * 1.1, eaves)], roof, far)
        c.poly([(x - half * 0.82, eaves), (x, eaves - 2.6 * m), (x + half * 0.82, eaves)], wall, far)
    else:
        c.poly(
            [
                (x - half * 1.12, eaves),
                (x - half * 0.8, eaves - 3 * m),
                (x + half * 0.8, eaves - 3 * m),
                (x + half * 1.12, eaves),
            ],
            roof,
            far,
        )
    c.rect(x + half * 0.35, eaves - 3.9 * m, x + half * 0.5, eaves - 2.2 * m, (150, 90, 72), far)
    for floor in range(floors):
        top = y - (2.5 + 2.9 * floor) * m
        for at in (-0.62, 0.0, 0.62):
            if floor == 0 and at == 0.0:
                c.rect(
                    x - 0.5 * m, y - 2.1 * m, x + 0.5 * m, y, c.pick((110, 70, 48), (60, 84, 72), (150, 50, 44)), far
                )
            else:
                window(c, x + at * half - 0.6 * m, top, x + at * half + 0.6 * m, top + 1.3 * m, far=far)


def block(
    c: PictureCanvas,
    x0: float,
    x1: float,
    y: float,
    m: float,
    floors: int,
    *,
    wall: Colour | None = None,
    far: float = 0.0,
) -> None:
    """A block of flats or offices with a grid of windows."""
    wall = wall or c.pick(*PLASTER, (150, 160, 172), (120, 132, 146))
    top = y - floors * 3.2 * m
    c.rect(x0, top, x1, y, wall, far)
    c.rect(x0, top - 0.5 * m, x1, top, white(c.scene, blend(wall, (0, 0, 0), 0.3)), far)
    columns = max(2, min(9, int((x1 - x0) / max(2.6 * m, 0.016))))
    rows = max(1, min(floors, int((y - top) / 0.022)))
    step_x, step_y = (x1 - x0) / columns, (y - top) / rows
    for row in range(rows):
        for column in range(columns):
            left, up = x0 + (column + 0.25) * step_x, top + (row + 0.25) * step_y
            window(c, left, up, left + 0.5 * step_x, up + 0.52 * step_y, share=0.75, far=far)


def old_house(c: PictureCanvas, x0: float, x1: float, y: float, m: float, *, far: float = 0.0) -> None:
    """A narrow house of the old town, gable to the street or not."""
    wall, roof = c.pick(*PLASTER, (214, 120, 84), (160, 184, 170), (230, 200, 110)), white(c.scene, c.pick(*TILES))
    floors = c.rng.choice((2, 3, 3))
    top = y - floors * 3.1 * m
    if c.rng.random() < 0.5:
        c.poly([(x0, top), ((x0 + x1) / 2, top - 4 * m), (x1, top)], roof if c.rng.random() < 0.3 else wall, far)
        c.line([(x0, top), ((x0 + x1) / 2, top - 4 * m), (x1, top)], roof, 0.012, far)
    else:
        c.poly([(x0, top), (x0 + 1 * m, top - 2.6 * m), (x1 - 1 * m, top - 2.6 * m), (x1, top)], roof, far)
    c.rect(x0, top, x1, y, wall, far)
    columns = max(2, min(4, int((x1 - x0) / (2.4 * m))))
    for floor in range(floors):
        for column in range(columns):
            left = x0 + (column + 0.28) * (x1 - x0) / columns
            up = top + (floor * 3.1 + 0.7) * m
            window(c, left, up, left + 0.44 * (x1 - x0) / columns, up + 1.6 * m, far=far)


def church(c: PictureCanvas, x: float, y: float, m: float, *, far: float = 0.0) -> None:
    """A church, tower with clock and spire at one end of the nave."""
    wall, roof = (
        c.pick((240, 234, 220), (214, 200, 176), (176, 160, 140), (232, 210, 170)),
        white(c.scene, c.pick((140, 66, 50), (86, 92, 100), (84, 128, 112))),
    )
    way = c.rng.choice((-1, 1))
    c.shadow(x, y, 16 * m, 10 * m)
    c.rect(x - way * 1 * m, y - 8 * m, x + way * 15 * m, y, wall, far)
    c.poly(
        [
            (x - way * 1 * m, y - 8 * m),
            (x + way * 1 * m, y - 13 * m),
            (x + way * 14 * m, y - 13 * m),
            (x + way * 15.6 * m, y - 8 * m),
        ],
        roof,
        far,
    )
    for at in (5, 8.5, 12):
        left, top = x + way * at * m - 0.6 * m, y - 6 * m
        c.oval(x + way * at * m, top, 0.6 * m, 0.8 * m, PANE, far)
        window(c, left, top, left + 1.2 * m, y - 2.2 * m, share=0.4, far=far)
    c.rect(x - 3 * m, y - 19 * m, x + 3 * m, y, blend(wall, (255, 255, 255), 0.15), far)
    spire = c.rng.choice((9, 13, 6))
    c.poly([(x - 3.5 * m, y - 19 * m), (x, y - (19 + spire) * m), (x + 3.5 * m, y - 19 * m)], roof, far)
    c.line([(x, y - (19 + spire) * m), (x, y - (21.8 + spire) * m)], (214, 180, 70), 0.35 * m, far)
    c.line(
        [(x - 0.9 * m, y - (20.8 + spire) * m), (x + 0.9 * m, y - (20.8 + spire) * m)], (214, 180, 70), 0.35 * m, far
    )
    c.oval(x, y - 15.5 * m, 1.6 * m, 1.6 * m, (250, 250, 244), far)
    c.line([(x, y - 16.6 * m), (x, y - 15.5 * m), (x + 0.8 * m, y - 15.2 * m)], (30, 30, 30), 0.25 * m, far)
    for up in (11.5, 8):
        c.rect(x - 0.7 * m, y - up * m, x + 0.7 * m, y - (up - 2.2) * m, (56, 54, 58), far)
    c.poly(
        [(x - 1.3 * m, y), (x - 1.3 * m, y - 3 * m), (x, y - 4.2 * m), (x + 1.3 * m, y - 3 * m), (x + 1.3 * m, y)],
        (104, 62, 40),
        far,
    )
    if c.lamps:
        c.glow(x, y - 6 * m, 12 * m, (255, 206, 130), 0.5)
