"""Sites in settlements seen from above: squares, shops, school, church, works, stores, building site, crossing."""

import numpy as np

from ingest.sandbox.aerial.brush import Brush, Colour, Cover
from ingest.sandbox.aerial.palette import Palette
from ingest.sandbox.aerial.water import ASPHALT, BRIGHT

PAVING: Colour = (196, 186, 168)
_GREYS: tuple[Colour, ...] = ((186, 184, 180), (158, 158, 162), (206, 200, 190), (136, 132, 130))


def _street(b: Brush) -> None:
    """A street around the site, so that it does not cut through houses."""
    b.ground((128, 126, 124), 3)


def _parked(b: Brush, cover: Cover, share: float, salt: int) -> None:
    """Cars in rows on a car park."""
    iu, iv, du, dv = b.cells(5.2, 11.0)
    luck = b.luck(salt, iu, iv)
    there = cover * (luck < share) * b.inside(1.9 - abs(du)) * b.inside(3.6 - abs(dv))
    b.paint(
        there,
        # coloured, white and dark cars
        np.concatenate([BRIGHT, np.full((3, 3), 225), np.full((2, 3), 46)])[
            (luck / share * 10.99).astype(np.int32).clip(0, 10)
        ],
    )


def market_stalls(b: Brush, style: Palette) -> None:
    """A square full of awnings in bright colours, rows with lanes between, houses around."""
    site = b.site
    hu, hv = site.hu, site.hv
    _street(b)
    b.ground((206, 194, 172), 4, margin=9)
    iu, iv, du, dv = b.cells(11.0, 12.5)
    luck = b.luck(1, iu, iv)
    there = b.rect(0, -2, hu - 22, hv - 20) * (luck < 0.95)
    b.darken(
        there * b.inside(4.5 - abs(du - 2 * np.sign(b.fall[0]))) * b.inside(4.2 - abs(dv - 2 * np.sign(b.fall[1]))), 0.4
    )
    stall = there * b.inside(4.5 - abs(du)) * b.inside(4.3 - abs(dv))
    tones = np.array(
        ((216, 44, 40), (250, 248, 244), (36, 104, 188), (248, 200, 36), (40, 150, 84), (240, 120, 32)), np.float32
    )
    b.paint(stall, tones[(luck / 0.95 * 5.99).astype(np.int32).clip(0, 5)])
    # half of the awnings are striped
    b.paint(0.8 * stall * (luck * 17 % 1 < 0.5) * b.stripes(du, 3.0, 1.4), (252, 250, 246))
    for k, (cu, cv, su, sv) in enumerate(((0, 1, 1, 0), (0, -1, 1, 0), (1, 0, 0, 1), (-1, 0, 0, 1))):
        b.block(
            cu * (hu - 8),
            cv * (hv - 8),
            8 if not su else hu - 22,
            8 if not sv else hv - 24,
            9,
            style.roofs[k % 2],
            ridge=1,
        )


def cafe_terrace(b: Brush, style: Palette) -> None:
    """A square with a fountain and trees, cream parasols before the houses on its sides."""
    site = b.site
    hu, hv = site.hu, site.hv
    _street(b)
    b.ground((222, 204, 172), 3, margin=9)
    b.paint(b.stripes(b.u + b.v, 14.0, 1.0) * b.rect(0, 0, hu - 14, hv - 14) * 0.5, (196, 174, 142))
    for k, (cu, cv, su, sv) in enumerate(((0, 1, 1, 0), (0, -1, 1, 0), (1, 0, 0, 1))):
        b.block(
            cu * (hu - 8),
            cv * (hv - 8),
            8 if not su else hu - 18,
            8 if not sv else hv - 24,
            11,
            style.roofs[(k + 1) % 2],
            ridge=1,
        )
    iu, iv, du, dv = b.cells(7.6, 7.6)
    luck = b.luck(1, iu, iv)
    edge = np.minimum(hu - 20 - abs(b.u), hv - 18 - abs(b.v))
    there = b.inside(edge) * b.inside(15 - edge) * (luck < 0.9)
    b.darken(there * b.inside(2.9 - np.hypot(du - 1.6 * np.sign(b.fall[0]), dv - 1.6 * np.sign(b.fall[1]))), 0.45)
    tones = np.array(((255, 250, 232), (255, 248, 226), (252, 240, 208), (170, 40, 52)), np.float32)
    b.paint(there * b.inside(3.1 - np.hypot(du, dv)), tones[(luck / 0.9 * 3.99).astype(np.int32).clip(0, 3)])
    for k in range(8):
        turn = k * np.pi / 4 + 0.4
        b.dot(
            16 * float(np.cos(turn)), 14 * float(np.sin(turn)), 4.2, tuple(np.multiply(style.leafy, 0.82).tolist()), 5
        )
    b.dot(0, 0, 7.5, (232, 228, 220))
    b.dot(0, 0, 5.5, (88, 168, 198))


def shopping_crowd(b: Brush, style: Palette) -> None:
    """Four large stores around a cross of pale shopping streets under glass, a car park on a roof."""
    del style
    site = b.site
    hu, hv = site.hu, site.hv
    _street(b)
    b.ground((232, 222, 204), 3, margin=8)
    for k, (su, sv) in enumerate(((1, 1), (-1, 1), (-1, -1), (1, -1))):
        cu, cv = su * (hu / 2 + 2), sv * (hv / 2 + 2)
        ru, rv = hu / 2 - 15, hv / 2 - 14
        b.block(cu, cv, ru, rv, 16, ((236, 234, 230), (206, 208, 212), (224, 214, 200), (178, 182, 188))[k])
        if k == int(b.chance(1) * 3.99):  # one of the four has a car park on its roof
            b.paint(b.rect(cu, cv, ru - 3, rv - 3), ASPHALT)
            _parked(b, b.rect(cu, cv, ru - 5, rv - 4), 0.75, 2)
        else:
            iu, iv, du, dv = b.cells(17.0, 15.0)
            unit = b.rect(cu, cv, ru - 7, rv - 7) * (b.luck(3, iu, iv) < 0.5)
            b.paint(unit * b.inside(3.6 - abs(du)) * b.inside(2.8 - abs(dv)), (120, 124, 132))
    glass = np.maximum(b.rect(0, 0, hu - 18, 5.5), b.rect(0, 0, 5.5, hv - 18))
    b.paint(glass, (130, 186, 214))
    b.paint(glass * b.stripes(b.u + b.v, 9.0, 1.6), (226, 240, 246))
    b.dot(0, 0, 13, (150, 204, 228), 6)
    b.dot(0, 0, 6, (230, 244, 250))


def school_yard(b: Brush, style: Palette) -> None:
    """A comb of wings around an asphalt yard with painted games, a red sports ground, a lawn with trees."""
    site = b.site
    hu, hv = site.hu, site.hv
    _street(b)
    b.ground(style.pasture, 5, margin=6)
    b.paint(b.rect(0.05 * hu, 0.0, 0.62 * hu, 0.42 * hv), (142, 140, 142), 4)
    b.paint(b.rect(0.42 * hu, 0.02 * hv, 21, 13), (196, 84, 58))
    b.paint(b.frame(0.42 * hu, 0.02 * hv, 18, 10.5, 0.8), (250, 248, 240))
    b.paint(b.rect(0.42 * hu, 0.02 * hv, 0.7, 10.5), (250, 248, 240))
    iu, iv, du, dv = b.cells(7.5, 7.5)
    luck = b.luck(1, iu, iv)
    games = b.rect(-0.14 * hu, 0.0, 0.30 * hu, 0.32 * hv) * (luck < 0.55)
    b.paint(
        games * b.inside(2.5 - abs(du)) * b.inside(2.5 - abs(dv)),
        BRIGHT[(luck / 0.55 * 5.99).astype(np.int32).clip(0, 5)],
    )
    roof = ((172, 92, 66), (150, 150, 154), (190, 120, 80))[int(b.chance(2) * 2.99)]
    b.block(0.0, 0.72 * hv, 0.82 * hu, 8, 11, roof, ridge=1)
    for k in range(3):
        b.block((k - 1) * 0.72 * hu, 0.50 * hv, 7.5, 0.16 * hv, 11, roof, ridge=1)
    b.block(-0.74 * hu, -0.1 * hv, 8, 0.36 * hv, 11, roof, ridge=1)
    b.paint(b.rect(0.15 * hu, -0.68 * hv, 0.66 * hu, 0.18 * hv), (190, 78, 60))
    b.paint(b.rect(0.15 * hu, -0.68 * hv, 0.66 * hu, 0.18 * hv) * b.stripes(b.v, 5.0, 0.8), (244, 232, 222))
    b.trees(b.rect(-0.7 * hu, -0.68 * hv, 0.2 * hu, 0.2 * hv), 11, 0.8, tuple(np.multiply(style.leafy, 0.82).tolist()))


def church_square(b: Brush, style: Palette) -> None:
    """A roof in the form of a cross with a tower, on a pale square ringed with trees."""
    site = b.site
    hu, hv = site.hu, site.hv
    _street(b)
    b.ground((216, 206, 186), 3, margin=8)
    edge = np.minimum(hu - 12 - abs(b.u), hv - 12 - abs(b.v))
    b.trees(b.inside(edge) * b.inside(9.5 - edge), 10.5, 0.85, tuple(np.multiply(style.leafy, 0.8).tolist()))
    roof = ((84, 88, 98), (150, 72, 56), (96, 130, 116))[int(b.chance(1) * 2.99)]
    part = b.near(0, 0, 90)
    if part is None:
        return
    # the cross casts its shadow twice, halfway and whole, so that it has no gap
    fu, fv = part.fall[0] * 17, part.fall[1] * 17
    for t in (0.5, 1.0):
        part.darken(np.maximum(part.rect(t * fu, t * fv, 37, 9.5), part.rect(10 + t * fu, t * fv, 9.5, 26)), 0.36)
    nave, arms = part.rect(0, 0, 37, 9.5), part.rect(10, 0, 9.5, 26)
    apse = part.disc(37, 0, 9.0)
    # each roof is lit on the side away from its shadow
    lit_v = 1 + 0.2 * np.sign(part.v) * (1 if part.fall[1] < 0 else -1)
    lit_u = 1 + 0.2 * np.sign(part.u - 10) * (1 if part.fall[0] < 0 else -1)
    tone = np.asarray(roof, np.float32)
    part.paint(apse, tone * 1.05)
    part.paint(arms, tone * lit_u[..., None])
    part.paint(nave, tone * lit_v[..., None])
    b.tower(-35, 0, 8.0, 62, (206, 196, 180))
    b.paint(b.rect(-35, 0, 8.5, 8.5), (210, 200, 184))
    b.paint(b.rect(-35, 0, 5.5, 5.5), tuple(np.multiply(roof, 0.85).tolist()))


def factory(b: Brush, style: Palette) -> None:
    """Saw-tooth roofs, tall chimneys with smoke and long shadows, round tanks, a dark yard."""
    del style
    site = b.site
    hu, hv = site.hu, site.hv
    b.ground((112, 106, 100), 7, ragged=1.5)
    b.paint(b.frame(0, 0, hu - 5, hv - 5, 4.0), (140, 138, 134))
    for cu, cv, ru, rv in ((-0.42, 0.38, 0.48, 0.46), (0.55, 0.45, 0.32, 0.36)):
        b.block(cu * hu, cv * hv, ru * hu, rv * hv, 15, (150, 132, 120))
        hall = b.rect(cu * hu, cv * hv, ru * hu, rv * hv)
        tooth = (b.u % 15.0) / 15.0  # a roof of teeth, 15 m each
        b.paint(
            hall,
            (
                np.asarray((104, 96, 92), np.float32) + 88 * np.where(tooth[..., None] < 0.6, tooth[..., None], 0.1)
            ).astype(np.float32),
        )
        b.paint(hall * b.inside(1.7 - abs(b.u % 15.0 - 10.5)), (186, 206, 216))
    for k in range(6):
        cu, cv = (-0.78 + 0.2 * (k % 3)) * hu, (-0.40 - 0.30 * (k // 3)) * hv
        b.dot(cu, cv, 12.5, (222, 222, 218), 8)
        b.dot(cu, cv, 9.5, (198, 198, 194))
    b.block(0.28 * hu, -0.5 * hv, 0.2 * hu, 0.26 * hv, 22, (124, 86, 72))
    b.stroke(-0.3 * hu, -0.52 * hv, 0.1 * hu, -0.52 * hv, 1.8, (196, 170, 90))
    b.stroke(-0.3 * hu, -0.62 * hv, 0.1 * hu, -0.62 * hv, 1.8, (150, 160, 166))
    for cu, cv in ((0.60, -0.45), (0.74, -0.45), (0.67, -0.75)):
        b.tower(cu * hu, cv * hv, 6.5, 110, (172, 84, 66))
        b.paint(b.disc(cu * hu, cv * hv, 4.4), (238, 232, 226))
        b.paint(b.disc(cu * hu, cv * hv, 2.6), (44, 40, 40))
    _smoke(b, 0.60 * hu, -0.45 * hv)
    _smoke(b, 0.67 * hu, -0.75 * hv)


def _smoke(b: Brush, cu: float, cv: float) -> None:
    """A plume that drifts along u and widens."""
    along, aside = cu - b.u, b.v - cv - 7 * np.sin((cu - b.u) / 31)
    wide = 5 + 0.17 * np.maximum(along, 0)
    thick = np.clip(1 - abs(aside) / wide, 0, 1) * np.clip(along / 8, 0, 1) * np.clip(1.1 - along / 190, 0, 1)
    b.paint(0.85 * np.clip(thick * (1.25 + 0.25 * b.grain(9.0)), 0, 1).astype(np.float32), (238, 238, 240))


def warehouse_trucks(b: Brush, style: Palette) -> None:
    """Two huge flat roofs with docks, lorries side by side at every door."""
    del style
    site = b.site
    hu, hv = site.hu, site.hv
    b.ground((118, 118, 122), 4)
    b.paint(b.frame(0, 0, hu - 4, hv - 4, 3.0), (120, 138, 92))
    for cv, tone in ((0.52 * hv, (238, 240, 242)), (-0.58 * hv, (212, 216, 222))):
        ru, rv = 0.86 * hu, 0.34 * hv
        b.block(0, cv, ru, rv, 12, tone)
        iu, _, du, dv = b.cells(24.0, 21.0)
        b.paint(
            0.75 * b.rect(0, cv, ru - 8, rv - 6) * b.inside(4.2 - abs(du)) * b.inside(1.8 - abs(dv)), (156, 176, 190)
        )
        b.paint(b.rect(0, cv, ru, 0.8), (186, 190, 196))
        # both docks lie on the yard between the halls
        side = -1 if cv > 0 else 1
        dock = cv + side * (rv + 12)
        iu = np.floor(b.u / 8.0).astype(np.int32)
        luck = b.luck(7 + side, iu)
        du = b.u - (iu + np.float32(0.5)) * 8.0
        row = b.rect(0, dock, ru - 6, 9.5) * (luck < 0.7)
        b.darken(row * b.inside(2.6 - abs(du - 2.2 * np.sign(b.fall[0]))), 0.4)
        trailer = np.array(
            ((246, 246, 246), (236, 238, 240), (44, 92, 168), (206, 58, 46), (248, 248, 244)), np.float32
        )
        b.paint(row * b.inside(2.5 - abs(du)), trailer[(luck / 0.7 * 4.99).astype(np.int32).clip(0, 4)])
        cab = b.rect(0, dock + side * 11, ru - 6, 2.4) * (luck < 0.45) * b.inside(2.3 - abs(du))
        b.paint(cab, BRIGHT[(luck / 0.45 * 5.99).astype(np.int32).clip(0, 5)])
    b.paint(b.rect(0, -0.03 * hv, 0.9 * hu, 0.7), (226, 222, 150))


def building_site(b: Brush, style: Palette) -> None:
    """Bare earth with a pit, a raw concrete grid, cranes with long jibs, huts and heaps."""
    del style
    site = b.site
    hu, hv = site.hu, site.hv
    earth = (178, 142, 104)
    b.ground(earth, 10)
    b.paint(b.frame(0, 0, hu - 3, hv - 3, 1.4), (222, 220, 214))
    b.paint(b.oval(-0.35 * hu, -0.3 * hv, 0.46 * hu, 0.5 * hv) * 0.8, (142, 108, 78), 9)
    b.paint(b.rect(-0.38 * hu, -0.32 * hv, 24, 20), (108, 84, 64))
    b.darken(b.rect(-0.38 * hu + 4 * np.sign(b.fall[0]) * -1, -0.32 * hv, 24, 20) * 0.5, 0.4)
    cu, cv, ru, rv = 0.32 * hu, 0.26 * hv, 36.0, 27.0
    b.block(cu, cv, ru, rv, 14, (196, 192, 186))
    inner = b.rect(cu, cv, ru - 2, rv - 2)
    b.paint(inner * np.maximum(b.stripes(b.u - cu, 12.0, 2.4), b.stripes(b.v - cv, 12.0, 2.4)), (120, 116, 114))
    iu, iv, _, _ = b.cells(12.0, 12.0)
    b.paint(inner * (b.luck(1, iu, iv) < 0.28), (96, 78, 66))
    for k in range(7):
        b.block(-0.72 * hu + 13 * k, -0.84 * hv, 5.2, 2.7, 5, ((244, 244, 242), (52, 104, 176), (236, 178, 40))[k % 3])
    for k in range(3):
        b.dot((0.15 + 0.24 * k) * hu, -0.66 * hv, 7.5, ((206, 190, 158), (120, 92, 70), (170, 166, 160))[k], 6)
    b.stroke(-0.1 * hu, -0.5 * hv, 0.75 * hu, -0.38 * hv, 4.5, (206, 176, 136))
    for k, (tu, tv) in enumerate(((cu - ru - 8, cv), (cu + ru + 4, cv - rv - 6))):
        part = b.near(tu, tv, 125)
        if part is None:
            continue
        turn = 6.28 * b.chance(20 + k)
        du, dv = float(np.cos(turn)), float(np.sin(turn))
        su, sv = tu + part.fall[0] * 58, tv + part.fall[1] * 58
        part.darken(
            np.maximum(
                part.line(tu, tv, su, sv, 2.0), part.line(su - 16 * du, sv - 16 * dv, su + 54 * du, sv + 54 * dv, 2.0)
            ),
            0.5,
        )
        part.paint(part.line(tu - 17 * du, tv - 17 * dv, tu + 55 * du, tv + 55 * dv, 2.3), (250, 196, 28))
        part.paint(part.rect(tu - 16 * du, tv - 16 * dv, 4, 4), (140, 140, 144))
        part.paint(part.disc(tu, tv, 3.6), (214, 150, 20))


def traffic_jam(b: Brush, style: Palette) -> None:
    """Two avenues that cross, all lanes full of cars, large houses in the corners."""
    site = b.site
    hu, hv = site.hu, site.hv
    b.ground((150, 148, 146), 3)
    wide = 27.0
    for k, (su, sv) in enumerate(((1, 1), (-1, 1), (-1, -1), (1, -1))):
        cu, cv = su * (hu + wide + 12) / 2, sv * (hv + wide + 12) / 2
        ru, rv = (hu - wide - 22) / 2, (hv - wide - 22) / 2
        b.block(cu, cv, ru, rv, 22 + 14 * b.chance(k), _GREYS[int(b.chance(10 + k) * 3.99)])
        b.paint(
            b.rect(cu, cv, ru - 15, rv - 15), ((116, 118, 120), tuple(np.multiply(style.leafy, 0.9).tolist()))[k % 2]
        )
    road = np.maximum(b.rect(0, 0, hu, wide), b.rect(0, 0, wide, hv))
    b.paint(road, (74, 74, 80))
    # 3.1 m a lane: cars do not stand abreast
    for along, across, salt in ((b.u, b.v, 1), (b.v, b.u, 2)):
        arm = b.inside(wide - abs(across)) * b.inside(abs(along) - wide - 7) * b.inside(site.hu - abs(along))
        lane = np.floor(across / 6.2).astype(np.int32)
        number = np.floor((along + 3.1 * lane) / 9.2).astype(np.int32)
        luck = b.luck(salt, lane, number)
        da, dc = (along + 3.1 * lane) - (number + np.float32(0.5)) * 9.2, across - (lane + np.float32(0.5)) * 6.2
        cars = arm * (luck < 0.88) * b.inside(3.3 - abs(da)) * b.inside(1.85 - abs(dc))
        tones = np.concatenate([BRIGHT, np.full((3, 3), 236), np.full((1, 3), 150), np.full((1, 3), 40)]).astype(
            np.float32
        )
        b.paint(cars, tones[(luck / 0.88 * 10.99).astype(np.int32).clip(0, 10)])
        b.paint(arm * b.inside(1.1 - abs(across)), (216, 196, 96))
        zebra = b.inside(wide - abs(across)) * b.inside(2.6 - abs(abs(along) - wide - 3)) * b.stripes(across, 4.0, 2.0)
        b.paint(zebra, (240, 240, 236))
    b.trees(
        np.maximum(
            b.inside(3.5 - abs(abs(b.u) - wide - 5.5)) * b.inside(abs(b.v) - wide - 8),
            b.inside(3.5 - abs(abs(b.v) - wide - 5.5)) * b.inside(abs(b.u) - wide - 8),
        ),
        9,
        0.6,
        tuple(np.multiply(style.leafy, 0.8).tolist()),
    )
