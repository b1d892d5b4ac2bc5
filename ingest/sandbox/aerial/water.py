"""Sites at the water seen from above: beaches, harbours, the lighthouse, the lake. One painter a kind.

At the coast v points to the sea and v = 0 is the shore.
"""

from itertools import pairwise

import numpy as np

from ingest.sandbox.aerial.brush import Brush, Colour, Cover
from ingest.sandbox.aerial.palette import Palette

CONCRETE: Colour = (176, 173, 166)
ASPHALT: Colour = (104, 104, 108)
WOOD: Colour = (170, 146, 112)
STONE: Colour = (118, 114, 108)
BRIGHT = np.array(
    ((206, 58, 46), (44, 92, 168), (236, 190, 52), (244, 244, 240), (46, 140, 96), (232, 122, 44)), np.float32
)


def beach_bathers(b: Brush, style: Palette) -> None:
    """Fine sand with rows of parasols, a promenade with trees, bathing water marked with buoys."""
    site, shore = b.site, b.canvas.shore[b.window]
    ends = b.inside(site.hu - abs(b.u) + 6 * b.grain(16.0)) * b.inside(site.hv - abs(b.v))
    # bathing water is lighter, fading out to 95 m from the shore and towards the ends
    bay = np.clip((site.hu - abs(b.u)) / 60, 0, 1) * b.inside(-shore - 1) * np.clip(1 + shore / 95, 0, 1)
    b.paint(0.85 * bay, np.add(style.shallow, (18, 22, 12)).astype(np.float32), 2)
    b.paint(ends * b.inside(shore - 62) * b.inside(112 - shore), style.pasture, 5)
    b.paint(ends * b.inside(72 - shore) * b.inside(shore - 1), np.add(style.sand, (16, 14, 8)).astype(np.float32), 3)
    foam = b.inside(2.2 - abs(shore + 1))
    b.paint(0.8 * foam * ends, (244, 248, 248))
    iu, _, du, _ = b.cells(13.0, 13.0)
    row = np.floor(shore / 13).astype(np.int32)  # rows follow the shore, not the axes of the site
    luck = b.luck(1, iu, row)
    there = ends * (row >= 1) * (row <= 4) * (luck < 0.86)
    dv = shore - (row + np.float32(0.5)) * 13
    b.darken(there * b.inside(3.4 - np.hypot(du - 2.2 * np.sign(b.fall[0]), dv + 2.2 * np.sign(b.fall[1]))), 0.35)
    tones = BRIGHT[np.minimum(luck / 0.86 * 6, 5).astype(np.int32)]
    b.paint(there * b.inside(3.7 - np.hypot(du, dv)), tones)
    b.paint(ends * b.inside(4.5 - abs(shore - 77)), (196, 182, 164))
    b.trees(ends * b.inside(5.5 - abs(shore - 87)), 13, 0.8, np.multiply(style.leafy, 0.8).tolist())
    for k in range(3):
        at_u = (k - 1) * 0.6 * site.hu + 30 * (b.chance(5 + k) - 0.5)
        hut = b.inside(11 - abs(b.u - at_u)) * b.inside(7 - abs(shore - 99))
        b.paint(hut, ((236, 232, 224), (204, 96, 64), (70, 130, 170))[k])
    buoys = b.inside(2.0 - abs(shore + 78)) * b.inside(1.6 - abs(du))
    b.paint(ends * buoys, (246, 206, 40))


def surfing(b: Brush, style: Palette) -> None:
    """Long white breakers one behind the other, a wild beach with dunes, vans behind."""
    site, shore = b.site, b.canvas.shore[b.window]
    fade = np.clip((site.hu - abs(b.u) + 8 * b.grain(22.0)) / 70, 0, 1)
    ends = fade * np.clip((site.hv + 25 - abs(b.v)) / 60, 0, 1)
    rough = ends * b.inside(-shore)
    b.paint(0.6 * rough, np.add(style.shallow, (6, 8, 6)).astype(np.float32), 5)
    wide = b.canvas.textures.clouds(b.canvas.x[b.window], b.canvas.y[b.window], 7.0)
    swell = -shore + 7 * wide
    # waves 38 m apart; each breaks along a part of its crest, another part for each wave
    period = 38.0
    phase = swell % period
    broken = np.clip(1.15 - swell / 190 + 0.8 * np.sin(b.u / 47 + np.floor(swell / period) * 2.1), 0, 1)
    crest = b.inside(10.0 - phase) * broken * rough
    b.darken(b.inside(5.0 - abs(phase - 14)) * rough, 0.22)
    b.paint(crest, (246, 250, 250), 5)
    b.paint(0.45 * b.inside(24 - phase) * broken * rough, (214, 230, 230), 12)
    b.paint(0.9 * b.inside(14 + 8 * wide - abs(shore + 5)) * ends, (240, 246, 246))
    beach = ends * b.inside(46 + 6 * wide - shore) * b.inside(shore - 4)
    b.paint(beach, style.sand, 3)
    dune = ends * b.inside(88 - shore) * b.inside(shore - 46 - 6 * wide)
    b.paint(dune, np.multiply(style.sand, 0.93).tolist(), 6)
    b.paint(dune * (wide > 0.15), np.multiply(style.heath, 0.9).tolist(), 8)
    park = b.inside(48 - abs(b.u - 0.3 * site.hu)) * b.inside(9 - abs(shore - 106))
    b.paint(park, (170, 164, 152))
    iu, _, du, _ = b.cells(7.0, 7.0)
    luck = b.luck(2, iu)
    vans = park * (luck < 0.7) * b.inside(2.1 - abs(du)) * b.inside(4.5 - abs(shore - 106))
    b.paint(vans, BRIGHT[np.minimum(luck / 0.7 * 6, 5).astype(np.int32)])


def _basin(b: Brush, style: Palette, hu: float, v0: float, v1: float) -> Cover:
    """Harbour water in a rectangle."""
    cover = b.rect(0, (v0 + v1) / 2, hu, (v1 - v0) / 2)
    tone = 0.55 * np.asarray(style.deep) + 0.45 * np.asarray(style.shallow)
    shore = b.canvas.shore[b.window]
    dredged = np.clip((shore + 110) / 90, 0, 1)  # out at sea the water is deep already
    rim = np.clip(np.minimum(hu - abs(b.u), v1 - b.v) / 45, 0, 1)
    b.paint(cover * dredged * np.where(shore > -6, 1, rim), tone.astype(np.float32), 2.5)
    return cover


def _mole(b: Brush, points: tuple[tuple[float, float], ...], half: float) -> None:
    """A breakwater of stone with a walk on it."""
    for (u0, v0), (u1, v1) in pairwise(points):
        part = b.near((u0 + u1) / 2, (v0 + v1) / 2, float(np.hypot(u1 - u0, v1 - v0)) / 2 + half)
        if part is not None:
            part.paint(part.line(u0, v0, u1, v1, half), STONE, 13)
            part.paint(part.line(u0, v0, u1, v1, 0.38 * half), (190, 184, 174))


def _hull(b: Brush, cu: float, cv: float, along: float, wide: float, colour: Colour, *, turned: bool) -> None:
    """A boat: a pointed hull, lying along u or (turned) along v."""
    part = b.near(cu, cv, along + 4)
    if part is None:
        return
    du, dv = part.u - cu, part.v - cv
    if turned:
        du, dv = dv, du
    bow = np.clip((du - 0.25 * along) / (0.75 * along), 0, 1)
    part.paint(part.inside(along - abs(du)) * part.inside(wide * (1 - 0.8 * bow * bow) - abs(dv)), colour)


def sailing_boats(b: Brush, style: Palette) -> None:
    """A marina: jetties in a row, white yachts on both sides of each, a breakwater."""
    site = b.site
    hu, hv = site.hu, site.hv
    _basin(b, style, hu, -8, hv)
    b.paint(b.rect(0, -24, hu, 17), (198, 192, 182), 3)
    b.paint(b.rect(0, -0.66 * hv, hu, 0.30 * hv), ASPHALT, 4)
    pitch = 46.0
    # jetties 46 m apart, boats 7 m apart on both sides of each
    k = np.rint(b.u / pitch)
    away = b.u - k * pitch
    moored = b.inside(0.74 * hv - b.v) * b.inside(b.v + 8) * b.inside(0.84 * hu - abs(b.u) + 12)
    jv = np.floor(b.v / 7.0)
    luck = b.luck(1, k.astype(np.int32), jv.astype(np.int32), (away > 0).astype(np.int32))
    dv = b.v - (jv + 0.5) * 7.0
    out = abs(away) - 9.2
    hull = b.inside(2.5 * np.clip(1.15 - np.maximum(out, 0) / 9, 0, 1) - abs(dv)) * b.inside(7.0 - abs(out))
    mask = moored * (luck < 0.88)
    b.darken(mask * b.inside(2.0 - abs(dv - 2.4 * np.sign(b.fall[1]))) * b.inside(7.0 - abs(out)), 0.35)
    b.paint(mask * hull, (246, 247, 248))
    b.paint(mask * b.inside(0.9 - abs(dv)) * b.inside(3.2 - abs(out + 1)), (58, 84, 140))
    b.paint(moored * b.inside(1.7 - abs(away)), WOOD)
    _mole(b, ((-0.95 * hu, -5), (-0.95 * hu, 0.72 * hv), (-0.6 * hu, 0.93 * hv), (0.55 * hu, 0.93 * hv)), 7)
    _mole(b, ((0.95 * hu, -5), (0.95 * hu, 0.75 * hv)), 7)
    b.block(-0.45 * hu, -0.62 * hv, 26, 11, 8, (226, 222, 214))
    iu, iv, du, dv2 = b.cells(8.0, 16.0)
    parked = b.rect(0.35 * hu, -0.68 * hv, 0.5 * hu, 0.2 * hv) * (b.luck(4, iu, iv) < 0.6)
    b.paint(parked * b.inside(2.2 - abs(du)) * b.inside(5.5 - abs(dv2)), (240, 240, 240))


def fishing_boats(b: Brush, style: Palette) -> None:
    """A small harbour of thick stone moles, coloured boats at the quay, sheds with nets before them."""
    site = b.site
    hu, hv = site.hu, site.hv
    _basin(b, style, 0.93 * hu, -4, 0.92 * hv)
    b.paint(b.rect(0, -0.34 * hv, hu, 0.33 * hv), (150, 143, 132), 7)
    _mole(b, ((-0.9 * hu, -2), (-0.9 * hu, 0.86 * hv), (0.25 * hu, 0.88 * hv)), 12)
    _mole(b, ((0.9 * hu, -2), (0.9 * hu, 0.55 * hv), (0.62 * hu, 0.62 * hv)), 12)
    for k in range(9):  # along the quay and the moles
        tone = BRIGHT[int(b.chance(10 + k) * 5.99)]
        if k < 5:
            _hull(b, (k - 2) * 0.32 * hu, 13 + 3 * b.chance(30 + k), 9.5, 3.6, tuple(tone), turned=True)
            b.dot((k - 2) * 0.32 * hu, 9 + 3 * b.chance(30 + k), 2.1, (246, 244, 238), 3)
        else:
            side = -1 if k % 2 else 1
            cv = 0.18 * hv + (k - 5) // 2 * 0.24 * hv
            _hull(b, side * (0.9 * hu - 17), cv, 10, 3.6, tuple(tone), turned=True)
            b.dot(side * (0.9 * hu - 17), cv - 4, 2.1, (246, 244, 238), 3)
    for k in range(3):
        b.block((k - 1) * 0.62 * hu, -0.5 * hv, 22, 9, 8, ((96, 112, 124), (150, 74, 62), (120, 128, 130))[k], ridge=1)
    iu, iv, du, dv = b.cells(9.0, 9.0)
    luck = b.luck(2, iu, iv)
    nets = b.rect(0, -0.2 * hv, 0.85 * hu, 0.12 * hv) * (luck < 0.4) * b.inside(3.0 - np.hypot(du, dv))
    b.paint(nets, np.where((luck < 0.2)[..., None], (42, 138, 128), (226, 120, 40)).astype(np.float32))


def container_port(b: Brush, style: Palette) -> None:
    """Stacks of containers in all colours, gantry cranes over the quay, a loaded ship alongside."""
    site = b.site
    hu, hv = site.hu, site.hv
    _basin(b, style, hu, 0, hv)
    b.paint(b.rect(0, -0.5 * hv, hu, 0.5 * hv), (148, 148, 150), 4)
    b.paint(b.rect(0, -0.94 * hv, hu, 7), ASPHALT, 3)
    _containers(b, b.rect(0, -0.55 * hv, 0.95 * hu, 0.30 * hv), 15.0, 5.6, 0.88, lanes=True)
    length = 0.66 * hu
    at_u = (b.chance(1) - 0.5) * 0.5 * hu
    part = b.near(at_u, 24, length + 30)
    if part is not None:
        du, dv = part.u - at_u, part.v - 24
        bow = np.clip((abs(du) - 0.82 * length) / (0.18 * length), 0, 1) * (du > 0)  # one end only is pointed
        hull = part.inside(length - abs(du)) * part.inside(17 * (1 - bow * bow) - abs(dv))
        part.darken(part.inside(length - abs(du)) * part.inside(16 - abs(dv - 9)), 0.35)
        part.paint(hull, (128, 44, 44) if b.chance(2) < 0.5 else (36, 52, 84))
        _containers(
            part, part.inside(0.78 * length - abs(du)) * part.inside(13 - abs(dv)), 14.0, 5.2, 0.95, lanes=False
        )
        part.paint(part.inside(7 - abs(du + 0.72 * length)) * part.inside(15 - abs(dv)), (246, 246, 244))
    tone = (206, 62, 40) if b.chance(3) < 0.5 else (48, 96, 176)
    for k in range(4):
        cu = at_u + (k - 1.5) * 0.36 * length
        part = b.near(cu, 0, 90)
        if part is None:
            continue
        fu, fv = part.fall[0] * 38, part.fall[1] * 38
        part.darken(part.line(cu + fu, -34 + fv, cu + fu, 44 + fv, 4.0), 0.4)
        part.darken(part.line(cu, -12, cu + fu, -12 + fv, 2.5), 0.35)
        part.paint(part.line(cu, -34, cu, 46, 4.2), tone)
        part.paint(part.rect(cu, -14, 12, 2.4), tone)


def _containers(b: Brush, cover: Cover, length: float, wide: float, share: float, *, lanes: bool) -> None:
    """Boxes in many colours within an area; with lanes for lorries between blocks."""
    iu, iv, du, dv = b.cells(length, wide)
    luck = b.luck(5, iu, iv)
    there = cover * (luck < share)
    if lanes:
        there = there * ((iv % 6 != 0) & (iu % 7 != 0))
        b.darken(there * b.inside(wide * 0.6 - abs(dv - 0.4 * wide * np.sign(b.fall[1]))), 0.35)
    tones = np.concatenate([BRIGHT * 0.86, np.array(((150, 74, 52), (120, 128, 134), (28, 70, 112)), np.float32)])
    b.paint(
        there * b.inside(length / 2 - 0.5 - abs(du)) * b.inside(wide / 2 - 0.4 - abs(dv)),
        tones[(luck / share * 8.99).astype(np.int32).clip(0, 8)],
    )


def ferry_terminal(b: Brush, style: Palette) -> None:
    """A large white ferry at its pier, lanes of waiting cars, the terminal."""
    site = b.site
    hu, hv = site.hu, site.hv
    _basin(b, style, hu, 0, hv)
    b.paint(b.rect(0, -0.5 * hv, hu, 0.5 * hv), (132, 132, 134), 4)
    b.paint(b.rect(-0.36 * hu, 0.32 * hv, 9, 0.34 * hv), CONCRETE, 3)
    b.paint(b.rect(0.42 * hu, 0.25 * hv, 9, 0.26 * hv), CONCRETE, 3)
    part = b.near(0.02 * hu, 0.46 * hv, 0.5 * hv + 20)
    if part is not None:
        du, dv = part.u - 0.02 * hu, part.v - 0.46 * hv
        length, wide = 0.42 * hv, 15.5
        bow = np.clip((dv - 0.45 * length) / (0.55 * length), 0, 1)
        part.darken(part.inside(length - abs(dv)) * part.inside(wide - abs(du - 10 * np.sign(part.fall[0]))), 0.45)
        hull = part.inside(length - abs(dv)) * part.inside(wide * (1 - bow**2.2) - abs(du))
        part.paint(hull, (250, 250, 250))
        part.paint(part.rect(0.02 * hu, 0.42 * hv, 10.5, 0.26 * hv), (222, 226, 232))
        part.paint(part.rect(0.02 * hu, 0.30 * hv, 5.5, 6), (206, 48, 44) if b.chance(1) < 0.5 else (32, 78, 160))
        part.paint(part.frame(0.02 * hu, 0.42 * hv, 10.5, 0.26 * hv, 0.7), (120, 130, 146))
    b.paint(b.rect(0.02 * hu, 0.0, 8, 9), (206, 196, 120))
    iu, iv, du, dv = b.cells(6.0, 8.5)
    luck = b.luck(3, iu, iv)
    lanes = b.rect(0.05 * hu, -0.42 * hv, 0.58 * hu, 0.28 * hv)
    b.paint(lanes * b.inside(0.5 - abs(abs(du) - 3)), (214, 214, 210))
    b.paint(
        lanes * (luck < 0.72) * b.inside(2.0 - abs(du)) * b.inside(3.4 - abs(dv)),
        BRIGHT[(luck / 0.72 * 5.99).astype(np.int32).clip(0, 5)],
    )
    b.block(-0.74 * hu, -0.42 * hv, 0.15 * hu, 0.26 * hv, 12, (230, 232, 236))
    b.block(0.85 * hu, -0.5 * hv, 0.1 * hu, 0.2 * hv, 8, (170, 90, 74), ridge=1)


def lighthouse(b: Brush, style: Palette) -> None:
    """A white tower with a long shadow on a bare cape in the surf."""
    rim = np.hypot(b.u / 66, (b.v + 12) / 66)
    edge = (1 - rim) * 60 + 9 * b.grain(14.0)
    b.paint(0.8 * b.inside(edge + 9) * b.inside(b.v + 30), (240, 245, 246))
    b.paint(b.inside(edge), np.multiply(style.rock, 0.86).tolist(), 13)
    b.paint(b.inside(edge - 16 + 5 * b.grain(7.0)), style.grass, 6)
    b.stroke(0, -30, 8, -90, 2.6, (206, 194, 170))
    b.paint(b.frame(0, -28, 27, 22, 1.4), (236, 232, 224))
    b.paint(b.rect(0, -28, 25, 20), (186, 176, 156), 4)
    b.block(-13, -36, 9, 6, 6, (176, 68, 54), ridge=1)
    b.tower(6, -24, 8.5, 92, (248, 248, 246))
    part = b.near(6, -24, 12)
    if part is not None:
        part.paint(part.inside(1.8 - abs(np.hypot(part.u - 6, part.v + 24) - 6.6)), (206, 44, 40))
        part.paint(part.disc(6, -24, 4.0), (200, 40, 38))


def lake_rowing(b: Brush, style: Palette) -> None:
    """A lake with a marked rowing course, jetties before a boathouse, boats on the water."""
    site = b.site
    hu, hv = 0.94 * site.hu, 0.94 * site.hv
    turn = np.arctan2(b.v / hv, b.u / hu)
    a, c = 6.28 * b.chance(1), 6.28 * b.chance(2)
    form = 0.88 + 0.08 * np.sin(2 * turn + a) + 0.05 * np.sin(3 * turn + c) + 0.03 * np.sin(7 * turn + a)
    depth = (form - np.hypot(b.u / hu, b.v / hv)) * min(hu, hv)
    wood = b.inside(depth + 34 + 10 * b.grain(20.0))
    _, tree = b.canvas.textures.woods(b.canvas.x[b.window], b.canvas.y[b.window], b.soft, leafy=True)
    b.paint(wood, style.pasture, 6)
    b.paint(wood * (tree > 0.5), np.asarray(style.leafy, np.float32) * (0.6 + 0.4 * tree)[..., None])
    b.paint(b.inside(depth + 6), np.multiply(style.heath, 1.05).tolist(), 8)
    b.paint(b.inside(depth), style.fresh, 2)
    b.paint(0.45 * b.inside(12 - depth) * b.inside(depth), np.add(style.fresh, (20, 34, 14)).astype(np.float32), 6)
    lane = b.stripes(b.v, 15.0, 2.0) * b.inside(48 - abs(b.v)) * b.inside(0.62 * hu - abs(b.u))
    b.paint(lane * b.inside(3.0 - abs((b.u + 4000) % 14 - 7)) * b.inside(depth - 14), (250, 236, 214))
    shore_v = -(0.80 + 0.06) * hv
    b.paint(b.rect(0, shore_v - 16, 58, 20), (176, 172, 160), 4)
    b.block(-20, shore_v - 20, 24, 9, 8, (150, 78, 58), ridge=1)
    b.block(32, shore_v - 20, 14, 9, 7, (112, 116, 118), ridge=1)
    for k in range(4):
        b.stroke((k - 1.5) * 24, shore_v, (k - 1.5) * 24, shore_v + 0.2 * hv, 2.2, (206, 186, 150))
    for k in range(12):
        cu, cv = (b.chance(20 + k) - 0.5) * 1.15 * hu, (b.chance(40 + k) - 0.5) * 1.1 * hv
        if np.hypot(cu / hu, cv / hv) < 0.72:
            _hull(b, cu, cv, 8.0, 2.2, ((250, 250, 246), (222, 60, 48), (246, 206, 60))[k % 3], turned=False)
