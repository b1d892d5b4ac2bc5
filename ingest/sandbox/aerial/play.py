"""Sites of travel and sport seen from above: station, airport, pitches and courts, golf, camping, playground, park."""

import numpy as np

from ingest.sandbox.aerial.brush import Brush, Colour, Cover
from ingest.sandbox.aerial.palette import Palette
from ingest.sandbox.aerial.water import ASPHALT, BRIGHT

_LINE: Colour = (250, 250, 246)


def _dark(colour: Colour, share: float) -> Colour:
    return colour[0] * share, colour[1] * share, colour[2] * share


def train_station(b: Brush, style: Palette) -> None:
    """Many tracks side by side, long platforms under roofs, trains, the hall and its forecourt."""
    site = b.site
    hu, hv = site.hu, site.hv
    b.ground((134, 120, 108), 7)
    track = abs(b.v - 12 - 12.0 * np.rint((b.v - 12) / 12.0))  # tracks are 12 m apart
    yard = b.rect(0, 12, hu, 48)
    b.paint(0.75 * yard * b.inside(1.5 - track), (70, 62, 58))
    b.paint(yard * b.inside(0.35 - abs(track - 0.75)), (196, 194, 196))
    for k in range(3):
        cv = 12.0 + 24 * (k - 1) + 6
        b.paint(b.rect(0, cv, 0.72 * hu, 4.2), (214, 206, 192))
        b.block(0, cv, 0.46 * hu, 3.4, 5, ((236, 238, 240), (206, 212, 216), (236, 238, 240))[k])
    trains: tuple[Colour, ...] = ((206, 40, 40), (244, 244, 242), (44, 84, 160))
    for k in range(4):
        cv = 12 + 12 * (k - 1.5) * 2 - (6 if k % 2 else -6)
        cu = (b.chance(k) - 0.5) * 0.7 * hu
        b.block(cu, 12 + 12 * round((cv - 12) / 12), 0.34 * hu, 2.6, 3, trains[int(b.chance(10 + k) * 2.99)])
    b.paint(b.rect(0, -hv + 22, 0.8 * hu, 17), (186, 178, 166), 4)
    b.block(0, -hv + 30, 0.34 * hu, 9, 14, style.roofs[0], ridge=1)
    b.block(0, -hv + 30, 13, 13, 20, _dark(style.roofs[1], 0.9))
    for k in range(5):
        b.block(-0.6 * hu + 20 * k, -hv + 12, 7, 1.9, 3, (236, 190, 40))
    iu, iv, du, dv = b.cells(5.5, 11.0)
    luck = b.luck(3, iu, iv)
    cars = b.rect(0.58 * hu, -hv + 20, 0.2 * hu, 13) * (luck < 0.7) * b.inside(1.8 - abs(du)) * b.inside(3.4 - abs(dv))
    b.paint(cars, BRIGHT[(luck / 0.7 * 5.99).astype(np.int32).clip(0, 5)])


def airport_planes(b: Brush, style: Palette) -> None:
    """A long runway with its marks, a taxiway, planes at a white terminal on a pale apron."""
    site = b.site
    hu, hv = site.hu, site.hv
    b.ground(tuple(np.add(style.grass, (14, 10, 4)).tolist()), 5)
    run_v, taxi_v, apron_v = 0.58 * hv, 0.06 * hv, -0.5 * hv
    for at_u in (-0.86 * hu, -0.3 * hu, 0.3 * hu, 0.86 * hu):
        b.stroke(at_u, taxi_v, at_u, run_v, 10, (146, 146, 148))
        b.stroke(at_u, taxi_v, at_u, run_v, 0.9, (232, 196, 60))
    b.paint(b.rect(0, taxi_v, 0.92 * hu, 12), (146, 146, 148), 3)
    b.paint(b.rect(0, taxi_v, 0.92 * hu, 0.9), (232, 196, 60))
    b.paint(b.rect(0, run_v, hu - 8, 25), (92, 92, 98), 4)
    b.paint(b.rect(0, run_v, 0.82 * hu, 1.7) * b.inside(18 - abs(b.u % 62 - 31)), _LINE)  # dashes of the middle line
    b.paint(b.frame(0, run_v, hu - 14, 21.5, 1.1), _LINE)
    # threshold bars at both ends
    keys = (
        b.inside(15 - abs(abs(b.u) - 0.945 * hu))
        * b.inside(19 - abs(b.v - run_v))
        * b.stripes(b.v - run_v - 3, 6.2, 3.0)
    )
    b.paint(keys, _LINE)
    # touchdown marks
    b.paint(b.inside(19 - abs(abs(b.u) - 0.78 * hu)) * b.inside(3.2 - abs(abs(b.v - run_v) - 10)), _LINE)
    b.paint(b.rect(0, apron_v, 0.72 * hu, 0.42 * hv), (192, 190, 184), 3)
    # joints of the concrete
    b.paint(
        b.rect(0, apron_v, 0.72 * hu, 0.42 * hv) * np.maximum(b.stripes(b.u, 50, 0.8), b.stripes(b.v, 50, 0.8)),
        (160, 158, 152),
    )
    b.block(0, -0.86 * hv, 0.46 * hu, 14, 16, (236, 238, 242))
    for k in range(3):
        b.block((k - 1) * 0.3 * hu, -0.68 * hv, 8, 24, 12, (226, 230, 236))
    for k in range(9):
        cu = (k - 4) * 0.147 * hu
        if b.chance(k) < 0.92:
            _plane(b, cu, -0.42 * hv if k % 2 else -0.36 * hv, 1.0 + 0.3 * (k % 3 == 0), k)
    b.block(0.62 * hu, -0.82 * hv, 40, 22, 16, (158, 166, 172))
    b.tower(-0.58 * hu, -0.84 * hv, 7, 48, (240, 240, 240))
    b.paint(b.rect(-0.72 * hu, -0.86 * hv, 34, 18), ASPHALT, 3)


def _plane(b: Brush, cu: float, cv: float, size: float, salt: int) -> None:
    """An airliner, its nose towards the terminal."""
    part = b.near(cu, cv, 34 * size + 6)
    if part is None:
        return
    # fuselage, wings, tailplane
    form = np.maximum.reduce([
        part.line(cu, cv - 22 * size, cu, cv + 20 * size, 2.9 * size),
        part.line(cu, cv - 5 * size, cu + 22 * size, cv + 8 * size, 2.3 * size),
        part.line(cu, cv - 5 * size, cu - 22 * size, cv + 8 * size, 2.3 * size),
        part.line(cu - 9 * size, cv + 21 * size, cu + 9 * size, cv + 21 * size, 1.8 * size),
    ])  # fmt: skip
    shade = np.maximum(
        part.line(
            cu + 4 * part.fall[0] * 2,
            cv - 22 * size + 8 * part.fall[1],
            cu + 8 * part.fall[0],
            cv + 20 * size,
            2.9 * size,
        ),
        part.line(
            cu - 22 * size + 8 * part.fall[0], cv + 8 * size + 8 * part.fall[1], cu + 22 * size, cv + 8 * size, 2.0
        ),
    )
    part.darken(0.7 * shade, 0.4)
    part.paint(form, (253, 253, 253))
    part.paint(part.line(cu, cv + 16 * size, cu, cv + 22 * size, 2.0), tuple(BRIGHT[salt % 6].tolist()))


def soccer_match(b: Brush, style: Palette) -> None:
    """A mown pitch with white lines, stands along its sides, floodlights."""
    site = b.site
    b.ground(_dark(style.pasture, 0.94), 4)
    pitch_u, pitch_v = 56.0, 37.0
    # within a running track: places at one distance from a straight line make its oval
    if b.chance(1) < 0.5:
        ring = np.hypot(np.maximum(abs(b.u) - 38, 0), b.v)
        b.paint(b.inside(5.5 - abs(ring - 48.5)), (192, 84, 60))
    mown = np.where(np.floor(b.u / 11.2) % 2 == 0, 1.0, 0.86)[..., None]
    b.paint(b.rect(0, 0, pitch_u, pitch_v), (np.asarray((84, 158, 64), np.float32) * mown).astype(np.float32))
    u, v = abs(b.u), b.v
    half = 1.15
    # outline, halfway line, circle, penalty areas
    lines = np.maximum.reduce([
        b.frame(0, 0, pitch_u - 3, pitch_v - 3, half),
        b.inside(half - u) * b.inside(pitch_v - 3 - abs(v)),
        b.inside(half - abs(np.hypot(u, v) - 9.5)),
        b.inside(half - abs(np.maximum(36.5 - u, abs(v) - 20))) * b.inside(53 - u) * b.inside(21 - abs(v)),
    ])  # fmt: skip
    b.paint(lines, _LINE)
    for side in (-1, 1):
        if side < 0 or b.chance(2) < 0.6:
            b.block(0, side * 61, 46, 7.5, 10, ((206, 210, 216), (64, 96, 150), (178, 60, 50))[int(b.chance(4) * 2.99)])
    for su in (-1, 1):
        for sv in (-1, 1):
            b.tower(su * 68, sv * 45, 1.8, 26, (226, 226, 226))
    b.trees(b.inside(abs(b.u) - 82) * b.rect(0, 0, site.hu, site.hv), 10, 0.6, _dark(style.leafy, 0.8))


def tennis_courts(b: Brush, style: Palette) -> None:
    """Six courts in two rows, clay or blue, with white lines and fences, the club house."""
    site = b.site
    b.ground(style.pasture, 4)
    surface, around = (((204, 104, 66), (182, 88, 56)), ((56, 108, 176), (66, 140, 96)))[int(b.chance(1) < 0.4)]
    pu, pv = 42.0, 46.0
    b.paint(b.rect(0, 8, 1.5 * pu + 1, pv + 1), around, 4)
    iu, iv = np.floor((b.u + pu / 2) / pu), np.floor((b.v - 8) / pv)
    du, dv = b.u - iu * pu, b.v - 8 - (iv + 0.5) * pv
    area = b.rect(0, 8, 1.5 * pu, pv)
    b.paint(area * b.inside(13.0 - abs(du)) * b.inside(19.0 - abs(dv)), surface)
    half = 0.8
    # outline, singles side lines, service lines, middle line
    lines = np.maximum.reduce([
        b.inside(half - abs(np.minimum(9.0 - abs(du), 16.0 - abs(dv)))),
        b.inside(half - abs(abs(du) - 6.6)) * b.inside(16 - abs(dv)),
        b.inside(half - abs(abs(dv) - 8.0)) * b.inside(6.6 - abs(du)),
        b.inside(half - abs(du)) * b.inside(8 - abs(dv)),
    ])  # fmt: skip
    b.paint(area * lines, _LINE)
    b.paint(area * b.inside(0.6 - abs(dv)) * b.inside(10.5 - abs(du)), (60, 60, 64))  # nets
    b.paint(area * b.inside(0.8 - np.minimum(pu / 2 - abs(du), pv / 2 - abs(dv))), (52, 84, 62))  # fences
    b.block(-0.3 * site.hu, -site.hv + 13, 18, 8, 7, style.roofs[0], ridge=1)
    b.trees(b.rect(0.5 * site.hu, -site.hv + 12, 28, 10), 10, 0.8, _dark(style.leafy, 0.8))


def golf(b: Brush, style: Palette) -> None:
    """Light fairways winding between trees, pale greens, white bunkers, ponds."""
    site = b.site
    hu, hv = site.hu, site.hv
    edge = np.minimum(hu - abs(b.u), hv - abs(b.v)) + 14 * b.grain(30.0)
    cover = b.inside(edge)
    b.paint(cover, tuple(np.multiply(style.pasture, 0.86).tolist()), 5)
    _, tree = b.canvas.textures.woods(b.canvas.x[b.window], b.canvas.y[b.window], b.soft, leafy=True)
    wood = cover * (b.grain(44.0) + 0.5 * b.grain(23.0) > 0.45) * (tree > 0.25)
    b.paint(wood, np.asarray(style.leafy, np.float32) * (0.55 + 0.4 * tree)[..., None])
    fair = (134, 184, 88)
    for k in range(8):
        row, side = k // 2, 1 if k % 2 else -1
        cv = (-0.75 + 0.5 * row) * hv
        u0, u1 = side * 0.10 * hu, side * 0.86 * hu
        bend = 40 * (b.chance(k) - 0.5)
        part = b.near((u0 + u1) / 2, cv, abs(u1 - u0) / 2 + 70)
        if part is None:
            continue
        # the fairway bends like one half of a sine
        t = np.clip((part.u - u0) / (u1 - u0), 0, 1)
        away = np.hypot(part.u - u0 - t * (u1 - u0), part.v - cv - bend * np.sin(np.pi * t))
        part.paint(part.inside(31 - away), tuple(np.multiply(style.pasture, 0.95).tolist()), 3)
        lane = part.inside(22 + 5 * np.sin(9 * t + k) - away)
        part.paint(lane, fair, 2)
        part.paint(0.35 * lane * part.stripes(part.u + part.v, 17.0, 8.5), _dark(fair, 0.88))
        part.paint(part.disc(u1, cv, 17), (168, 216, 116))  # the green, its flag and bunkers
        part.dot(u1 + 4, cv + 3, 1.5, (252, 252, 252))
        for j in range(3):
            turn = 6.28 * b.chance(20 + 3 * k + j)
            part.paint(part.oval(u1 + 25 * float(np.cos(turn)), cv + 23 * float(np.sin(turn)), 9.5, 7), (244, 232, 196))
        part.paint(part.oval(u0 + (0.4 + 0.25 * b.chance(60 + k)) * (u1 - u0), cv + 22, 11, 6.5), (244, 232, 196))
    for k in range(2):
        pu, pv = (0.7 * b.chance(80 + k) - 0.35) * hu, (k - 0.5) * hv
        ring = 1 - np.hypot((b.u - pu) / 44, (b.v - pv) / 30) + 0.08 * b.grain(20.0)
        b.paint(b.inside(ring * 30), style.fresh)
    b.block(0, -hv + 26, 24, 10, 9, style.roofs[1], ridge=1)
    b.paint(b.rect(50, -hv + 24, 22, 14), (150, 148, 146), 3)


def camping(b: Brush, style: Palette) -> None:
    """Rows of tents in bright colours and white caravans along lanes, hedges, a pool."""
    site = b.site
    hu, hv = site.hu, site.hv
    b.ground(tuple(np.add(style.pasture, (10, 6, 4)).tolist()), 5)
    b.trees(
        b.inside(11 - np.minimum(hu - abs(b.u), hv - abs(b.v))) * b.rect(0, 0, hu, hv), 11, 0.8, _dark(style.leafy, 0.8)
    )
    rows = b.rect(0, 4, hu - 14, hv - 18)
    iv = np.floor(b.v / 40).astype(np.int32)
    dv = b.v - (iv + np.float32(0.5)) * 40
    b.paint(rows * b.inside(3.0 - abs(dv)), (214, 200, 168))
    b.paint(rows * b.inside(2.2 - abs(abs(dv) - 20)), _dark(style.leafy, 0.7))
    iu = np.floor(b.u / 15).astype(np.int32)
    du = b.u - (iu + np.float32(0.5)) * 15
    side = (dv > 0).astype(np.int32)
    luck = b.luck(1, iu, iv, side)
    out = abs(dv) - 10.5
    there = rows * (luck < 0.93)
    tent = luck < 0.58  # the others are caravans
    shape = np.where(tent, 5.0 - (abs(du) + abs(out)) * 0.78, np.minimum(3.1 - abs(du), 5.0 - abs(out)))
    b.darken(there * b.inside(3.6 - np.hypot(du - 2.4 * np.sign(b.fall[0]), out)), 0.35)
    tones = np.array(((244, 116, 30), (40, 110, 200), (232, 52, 52), (250, 214, 46), (52, 160, 96)), np.float32)
    colour = np.where(tent[..., None], tones[(luck / 0.58 * 4.99).astype(np.int32).clip(0, 4)], np.float32(250))
    b.paint(there * b.inside(shape), colour.astype(np.float32))
    b.paint(b.rect(0.66 * hu, -hv + 22, 19, 9), (226, 218, 204))
    b.paint(b.rect(0.66 * hu, -hv + 22, 15, 6), (64, 186, 220))
    b.block(-0.1 * hu, -hv + 18, 14, 6, 5, (160, 96, 70), ridge=1)


def playground(b: Brush, style: Palette) -> None:
    """Soft ground in loud colours, a sandpit, swings and a climbing tower among trees."""
    site = b.site
    b.ground(tuple(np.add(style.pasture, (4, 8, 0)).tolist()), 4)
    edge = np.minimum(site.hu - abs(b.u), site.hv - abs(b.v))
    b.trees(b.inside(edge) * b.inside(12 - edge), 11, 0.8, _dark(style.leafy, 0.8))
    ring = np.hypot(b.u / 1.15, b.v)
    b.paint(b.inside(2.4 - abs(ring - 33)), (222, 208, 178))
    for k, (cu, cv, ru, rv) in enumerate(((-14, 12, 17, 13), (17, 10, 13, 14), (3, -15, 19, 11))):
        spot = b.oval(cu, cv, ru, rv)
        b.paint(spot, ((222, 62, 54), (36, 118, 210), (250, 196, 40))[(k + int(3 * b.chance(1))) % 3])
        b.paint(
            b.oval(cu, cv, 0.5 * ru, 0.5 * rv),
            ((250, 214, 70), (240, 240, 236), (60, 170, 110))[(k + int(3 * b.chance(1))) % 3],
        )
    b.paint(b.disc(-26, -12, 9.5), (246, 228, 176))
    b.block(-14, 12, 3.6, 3.6, 6, (200, 60, 160))
    b.stroke(-14, 12, -4, 20, 1.4, (250, 220, 40))
    b.block(17, 10, 5.5, 1.6, 4, (60, 60, 66))
    b.dot(3, -15, 4.2, (250, 250, 250), 3)
    b.dot(27, -16, 4.0, (120, 60, 190), 3)


def running_trail(b: Brush, style: Palette) -> None:
    """A park with a red path that winds all around it, lawns, groups of trees, a pond."""
    site = b.site
    hu, hv = site.hu, site.hv
    b.ground(style.pasture, 5, ragged=3)
    _, tree = b.canvas.textures.woods(b.canvas.x[b.window], b.canvas.y[b.window], b.soft, leafy=True)
    inside = b.rect(0, 0, hu - 4, hv - 4)
    groups = inside * (b.grain(36.0) + 0.4 * b.grain(17.0) > 0.42)
    b.darken(groups, 0.2)
    b.paint(groups * (tree > 0.3), np.asarray(style.leafy, np.float32) * (0.6 + 0.42 * tree)[..., None])
    ring = 1 - np.hypot((b.u - 0.18 * hu) / 48, (b.v + 0.1 * hv) / 34) + 0.08 * b.grain(24.0)
    b.paint(b.inside(ring * 34), style.fresh)
    # around the middle at a distance that winds with the direction
    turn = np.arctan2(b.v / hv, b.u / hu)
    a = 6.28 * b.chance(1)
    form = 0.78 + 0.09 * np.sin(3 * turn + a) + 0.05 * np.sin(7 * turn + 2 * a)
    away: Cover = abs(np.hypot(b.u / hu, b.v / hv) - form) * min(hu, hv)
    b.paint(b.inside(8.5 - away), tuple(np.add(style.pasture, (18, 16, 6)).tolist()), 3)
    b.paint(b.inside(5.2 - away), (206, 92, 62))
    b.paint(0.6 * b.inside(0.45 - away), (246, 236, 226))
    b.stroke(-hu + 8, 0, -0.66 * hu, 0, 3.0, (214, 200, 172))
    b.stroke(0.18 * hu, -hv + 6, 0.18 * hu, -0.62 * hv, 3.0, (214, 200, 172))
