"""Sites on the land seen from above: slopes and summits, vines and orchards, horses, glass, stone, sun and wind."""

from itertools import pairwise

import numpy as np

from ingest.sandbox.aerial.brush import Brush
from ingest.sandbox.aerial.palette import Palette


def ski_slope(b: Brush, style: Palette) -> None:
    """Pale aisles down a dark wood, lifts in straight lines, the valley station with its car park."""
    site = b.site
    hu, hv = site.hu, site.hv
    edge = np.minimum(hu - abs(b.u), hv - abs(b.v)) + 26 * b.grain(24.0)
    light, tree = b.canvas.textures.woods(b.canvas.x[b.window], b.canvas.y[b.window], b.soft, leafy=False)
    b.paint(b.inside(edge), np.asarray(style.conifer, np.float32) * (light * (0.86 + 0.25 * tree))[..., None])
    top = 0.86 * hv
    for k in range(3):
        middle = (k - 1) * 0.5 * hu * (0.45 + 0.55 * np.clip(0.9 - b.v / hv * 0.5, 0, 1.4)) + 26 * np.sin(
            b.v / (70 + 25 * k) + 6 * b.chance(k)
        )
        aisle = b.inside(25 + 6 * b.grain(20.0) - abs(b.u - middle)) * b.inside(top - b.v) * b.inside(b.v + 0.8 * hv)
        b.paint(aisle, np.add(style.pasture, (36, 26, 18)).astype(np.float32), 5)
        if style.snow:
            left = aisle * b.inside(b.v - 0.35 * hv + 60 * b.grain(26.0))
            b.paint(left, (240, 243, 247), 3)
    b.paint(b.disc(0, 0.84 * hv, 52), np.add(style.pasture, (36, 26, 18)).astype(np.float32), 5)
    b.paint(b.oval(0, -0.8 * hv, 0.7 * hu, 50), np.add(style.pasture, (30, 22, 14)).astype(np.float32), 5)
    # two lifts with nine masts each, a station at either end
    for side in (-1.0, 1.0):
        u0, u1 = side * 0.30 * hu, side * 0.22 * hu
        b.paint(b.line(u0, -0.78 * hv, u1, 0.82 * hv, 5.0), np.add(style.pasture, (24, 16, 10)).astype(np.float32))
        b.paint(b.line(u0, -0.78 * hv, u1, 0.82 * hv, 0.9), (62, 62, 66))
        for k in range(9):
            t = k / 8
            b.dot(u0 + t * (u1 - u0), (-0.78 + 1.6 * t) * hv, 3.0, (236, 236, 240), 9)
        b.block(u0, -0.79 * hv, 10, 8, 7, (196, 60, 48))
        b.block(u1, 0.84 * hv, 8, 7, 6, (96, 100, 108))
    b.paint(b.rect(0, -0.92 * hv, 80, 16), (128, 128, 130), 4)
    iu, iv, du, dv = b.cells(5.5, 12.0)
    luck = b.luck(3, iu, iv)
    b.paint(
        b.rect(0, -0.92 * hv, 76, 13) * (luck < 0.5) * b.inside(1.7 - abs(du)) * b.inside(3.2 - abs(dv)),
        (60 + 340 * luck)[..., None] * np.ones(3, np.float32),
    )
    b.block(96, -0.88 * hv, 12, 14, 9, (136, 84, 60), ridge=1)


def mountain_summit(b: Brush, style: Palette) -> None:
    """A rocky top from which ragged ridges run down, lit on one side, snow in the gullies, a path winding up."""
    site = b.site
    x, y = b.canvas.x[b.window], b.canvas.y[b.window]
    broad = b.canvas.textures.clouds(x, y, 5.0)
    reach = np.hypot(b.u, b.v)
    turn = np.arctan2(b.v, b.u)
    edge = 0.84 * site.hu - reach + 22 * broad
    cover = np.clip(edge / 26, 0, 1)
    ridges = 3 + int(2 * b.chance(1))
    wave = ridges * turn + 6.28 * b.chance(2) + 0.9 * broad + np.sin(reach / 31 + 2 * turn)
    towards = turn - np.arctan2(-b.fall[1], -b.fall[0])
    flank = np.cos(wave) * np.sin(towards) + 0.75 * np.cos(towards)  # slopes that face the sun
    lit = 1 + 0.30 * np.clip(flank, -1.2, 1) * np.clip(reach / 20, 0, 1) + 0.07 * broad + 0.05 * b.grain(6.0)
    stone = np.asarray(style.rock, np.float32) * np.float32(0.98)
    b.paint(cover, stone * lit[..., None].astype(np.float32))
    if style.snow:
        gully = b.inside((-np.sin(wave) - 0.62 + 0.12 * broad) * 24) * b.inside(0.66 * site.hu - reach + 12 * broad)
        b.paint(gully * cover, (242, 245, 249))
    path = 26 * np.sin(b.v / 11.0) * np.clip(-b.v / 40, 0, 1) - b.u
    b.paint(b.inside(2.6 - abs(path) * 0.42) * b.inside(-b.v) * b.inside(0.8 * site.hu - reach), (236, 224, 198))
    b.dot(0, 0, 9.0, (206, 202, 194), 0)
    b.tower(0, 0, 3.6, 22, (250, 250, 248))
    b.dot(0, 0, 2.0, (200, 40, 36))


def vineyard(b: Brush, style: Palette) -> None:
    """Blocks of close green stripes on light earth, each block turned its own way."""
    site = b.site
    cover = b.ground(tuple(np.add(style.sand, (-22, -34, -40)).tolist()), 4)
    iu, iv, du, dv = b.cells(2 * site.hu / 3 + 0.01, site.hv)
    inside = np.minimum(site.hu / 3 - abs(du), site.hv / 2 - abs(dv))
    luck = b.luck(1, iu, iv)
    # each block is turned its own way
    along = np.where(luck < 0.4, b.u, np.where(luck < 0.7, b.v, 0.94 * b.u + 0.34 * b.v))
    rows = b.stripes(along, 13.0, 6.6)
    if b.soft < 1.3:  # fine enough for single vines
        rows = rows * b.inside(0.9 - abs(along % 3.3 - 1.65))
    block = cover * b.inside(inside - 5)
    b.darken(block * b.stripes(along - 2.5, 13.0, 4.0), 0.22)
    b.paint(block * rows, np.asarray(style.green, np.float32) * (0.78 + 0.12 * luck)[..., None], 4)
    b.block(site.hu * 0.02, -site.hv * 0.03, 17, 9, 8, style.roofs[0], ridge=1)
    b.block(site.hu * 0.02 + 24, -site.hv * 0.03 + 6, 8, 8, 7, style.roofs[1], ridge=1)


def orchard_blossom(b: Brush, style: Palette) -> None:
    """Round trees in a square grid on mown grass."""
    site = b.site
    cover = b.ground(tuple(np.add(style.pasture, (26, 22, 6)).tolist()), 4)
    iu, iv, du, dv = b.cells(16.0, 16.0)
    luck = b.luck(1, iu, iv)
    lane = (abs(b.u) > 9) & (abs(b.v - 0.1 * site.hv) > 9)
    there = cover * lane * (luck < 0.97) * b.inside(np.minimum(site.hu - abs(b.u), site.hv - abs(b.v)) - 10)
    shift_u, shift_v = 3.2 * np.sign(b.fall[0]), 3.2 * np.sign(b.fall[1])
    b.darken(there * b.inside(5.6 - np.hypot(du - shift_u, dv - shift_v)), 0.5)
    radius = 4.8 + 0.9 * luck
    b.paint(
        there * b.inside(radius - np.hypot(du, dv)),
        np.asarray(style.leafy, np.float32) * (0.62 + 0.16 * luck)[..., None],
    )
    b.paint(
        0.5 * there * b.inside(2.2 - np.hypot(du + 0.4 * shift_u, dv + 0.4 * shift_v)),
        np.multiply(style.leafy, 1.2).tolist(),
    )
    b.paint(cover * b.inside(3.5 - np.minimum(abs(b.u), abs(b.v - 0.1 * site.hv))), (198, 184, 152))
    b.block(0.12 * site.hu, 0.1 * site.hv - 22, 15, 10, 8, style.roofs[0], ridge=1)


def horse_riding(b: Brush, style: Palette) -> None:
    """Paddocks with white fences, a sand arena, an oval track, stables around a yard."""
    site = b.site
    hu, hv = site.hu, site.hv
    b.ground(style.pasture, 5)
    for k, (cu, cv, su, sv) in enumerate(
        ((-0.68, 0.55, 0.29, 0.4), (-0.05, 0.62, 0.3, 0.33), (0.62, 0.55, 0.33, 0.4), (-0.68, -0.42, 0.29, 0.5))
    ):
        tone = np.asarray(style.pasture) * (0.9, 1.08, 0.98, 1.04)[k] + (14 * (k % 2), 4, 0)
        b.paint(b.rect(cu * hu, cv * hv, su * hu, sv * hv), tone.astype(np.float32), 4)
        b.paint(b.frame(cu * hu, cv * hv, su * hu, sv * hv, 1.5), (246, 244, 238))
        for j in range(3):
            pu, pv = cu + su * 1.4 * (b.chance(9 * k + j) - 0.5), cv + sv * 1.4 * (b.chance(50 + 9 * k + j) - 0.5)
            b.dot(pu * hu, pv * hv, 1.9, (96, 58, 38) if j else (60, 44, 36), 2)
    # distance from a straight line: the oval of a race track
    ring = np.hypot(np.maximum(abs(b.u - 0.36 * hu) - 0.26 * hu, 0), b.v + 0.42 * hv)
    b.paint(b.inside(0.40 * hv - ring), tuple(np.add(style.pasture, (6, 8, 0)).tolist()), 3)
    b.paint(b.inside(7.5 - abs(ring - 0.34 * hv)), (214, 184, 138), 3)
    b.paint(b.inside(0.9 - abs(ring - 0.42 * hv)), (246, 244, 238))
    b.paint(b.rect(0.36 * hu, -0.42 * hv, 34, 17), (226, 202, 160), 3)
    b.paint(b.frame(0.36 * hu, -0.42 * hv, 34, 17, 1.2), (246, 244, 238))
    b.paint(b.rect(-0.18 * hu, -0.3 * hv, 24, 40), (180, 168, 148), 5)
    b.block(-0.30 * hu, -0.3 * hv, 7, 34, 7, (138, 84, 58), ridge=1)
    b.block(-0.14 * hu, -0.62 * hv, 20, 7, 7, (138, 84, 58), ridge=1)
    b.block(-0.12 * hu, 0.06 * hv, 18, 9, 9, (120, 124, 126), ridge=1)


def greenhouse(b: Brush, style: Palette) -> None:
    """Long glass houses side by side, bright, with green shining through."""
    site = b.site
    b.ground(tuple(np.add(style.heath, (24, 22, 22)).tolist()), 5)
    iu, iv, du, dv = b.cells(site.hu, 30.0)
    inside = b.rect(0, 0, site.hu - 8, site.hv - 8)
    luck = b.luck(1, iu, iv)
    house = inside * b.inside(site.hu / 2 - 9 - abs(du)) * b.inside(12.2 - abs(dv)) * (luck < 0.93)
    b.darken(inside * b.inside(site.hu / 2 - 9 - abs(du)) * b.inside(12 - abs(dv - 4 * np.sign(b.fall[1]))), 0.3)
    pane = 0.5 + 0.5 * np.cos(dv * (2 * np.pi / 8.1))  # roofs of glass, ridge by ridge
    tone = np.asarray((206, 222, 226), np.float32) + (26 * pane)[..., None] - ((luck > 0.5) * 18.0)[..., None]
    b.paint(house, tone.astype(np.float32))
    b.paint(0.55 * house * b.stripes(du, 18.0, 2.2), (150, 184, 172))
    b.paint(0.6 * house * (luck < 0.3) * (pane < 0.4), (130, 170, 120))
    b.block(0.0, -site.hv + 16, 12, 8, 8, (150, 152, 156))
    b.dot(-24, -site.hv + 16, 7.5, (60, 110, 140))


def quarry(b: Brush, style: Palette) -> None:
    """Terraces cut into pale stone around a floor with a pond, heaps and yellow machines."""
    site = b.site
    turn = np.arctan2(b.v, b.u)
    a = 6.28 * b.chance(1)
    form = 0.9 + 0.07 * np.sin(2 * turn + a) + 0.05 * np.sin(5 * turn + 2 * a)
    depth = (form - np.hypot(b.u / site.hu, (b.v - 0.06 * site.hv) / site.hv)) * site.hv + 3 * b.grain(12.0)
    pale = np.asarray(style.rock) * 0.45 + np.asarray((216, 204, 182)) * 0.55
    b.paint(b.inside(depth + 10), tuple((pale * 0.86).tolist()), 8)
    level = np.clip(np.floor(depth / 17), 0, 4)
    within = depth - 17 * level
    facing = (b.u * b.fall[0] + b.v * b.fall[1]) / np.maximum(np.hypot(b.u, b.v), 1)
    tone = pale.astype(np.float32) * (1.10 - 0.045 * level + 0.05 * b.grain(6.0))[..., None]
    b.paint(b.inside(depth), tone)
    face = b.inside(depth) * b.inside(5.2 - within) * (depth < 17 * 4.4)
    b.darken(face, 0.38)
    # the wall on the side where shadows fall looks at the sun
    b.paint(face * (facing > 0.15), np.minimum(pale * 1.22, 252).astype(np.float32))
    b.paint(b.oval(-0.16 * site.hu, 0.12 * site.hv, 26, 19), (78, 150, 152))
    for k in range(4):
        cu, cv = (b.chance(10 + k) - 0.3) * 0.5 * site.hu, (b.chance(20 + k) - 0.6) * 0.5 * site.hv
        b.dot(cu, cv, 10, tuple((pale * 0.8).tolist()), 7)
        b.dot(cu + 2, cv + 2, 5.5, tuple(np.minimum(pale * 1.14, 250).tolist()))
    for k in range(3):
        b.block(
            (b.chance(30 + k) - 0.5) * 0.7 * site.hu, (b.chance(40 + k) - 0.5) * 0.6 * site.hv, 5, 3, 3, (240, 186, 34)
        )
    b.stroke(0.1 * site.hu, -0.25 * site.hv, 0.34 * site.hu, -0.7 * site.hv, 6, (226, 214, 190))
    b.stroke(0.34 * site.hu, -0.7 * site.hv, 0.25 * site.hu, -site.hv - 20, 6, (214, 202, 178))
    b.block(0.55 * site.hu, -0.8 * site.hv, 18, 8, 10, (128, 132, 138))
    b.stroke(0.42 * site.hu, -0.5 * site.hv, 0.6 * site.hu, -0.78 * site.hv, 2.2, (100, 104, 110))


def solar_park(b: Brush, style: Palette) -> None:
    """Rows of dark blue panels in blocks, with gaps between, in a fence."""
    site = b.site
    b.ground(tuple(np.add(style.grass, (16, 12, 6)).tolist()), 4)
    b.paint(b.frame(0, 0, site.hu - 4, site.hv - 4, 1.0), (190, 190, 186))
    inside = b.rect(0, 0, site.hu - 14, site.hv - 14)
    iu, _, du, _ = b.cells(2 * site.hu / 3 + 0.01, 15.0)
    lane = b.inside(site.hu / 3 - 6 - abs(du)) * b.inside(abs(b.v) - 5)
    row = b.stripes(b.v, 14.0, 9.6)
    b.darken(inside * lane * b.stripes(b.v - 2.5 * np.sign(b.fall[1]), 14.0, 9.6), 0.35)
    tone = np.asarray((30, 42, 88), np.float32) + 5 * b.luck(1, iu, np.floor(b.v / 14).astype(np.int32))[..., None]
    b.paint(inside * lane * row, tone)
    seam = b.inside(0.5 - abs(du % 6 - 3)) + b.inside(0.35 - abs(b.v % 14 - 7) % 3)
    if b.soft < 2:
        b.paint(0.5 * inside * lane * row * np.minimum(seam, 1), (150, 160, 190))
    b.paint(inside * b.inside(3.6 - np.minimum(abs(b.v), site.hu / 3 - abs(du))), (186, 178, 158))
    b.block(0.0, 0.0, 6, 4, 4, (236, 236, 234))
    b.block(-site.hu + 24, site.hv - 22, 9, 5, 5, (150, 160, 150))


def wind_turbines(b: Brush, style: Palette) -> None:
    """White turbines in a line, three blades and a long shadow each, a gravel track from foot to foot."""
    site = b.site
    track = tuple(np.multiply(style.sand, 0.95).tolist())
    spots = [(-0.78, 0.25), (-0.27, -0.25), (0.27, 0.2), (0.78, -0.25)]
    places = [(su * site.hu, sv * site.hv) for su, sv in spots]
    for (u0, v0), (u1, v1) in pairwise(places):
        b.stroke(u0, v0, u1, v1, 3.4, track)
    for k, (cu, cv) in enumerate(places):
        part = b.near(cu, cv, 175)
        if part is None:
            continue
        part.paint(part.rect(cu, cv - 16, 21, 15), track)
        height = 120.0
        su, sv = cu + part.fall[0] * height, cv + part.fall[1] * height
        shade = part.line(cu, cv, su, sv, 3.2)
        first = 2.1 * b.chance(k)
        blades = []
        for j in range(3):
            turn = first + 2 * np.pi * j / 3
            du, dv = 52 * float(np.cos(turn)), 52 * float(np.sin(turn))
            np.maximum(shade, 0.9 * part.line(su, sv, su + 0.8 * du, sv + 0.8 * dv, 2.2), out=shade)
            blades.append((cu + du, cv + dv))
        part.darken(shade, 0.55)
        part.paint(part.disc(cu, cv, 7.5), (206, 202, 194))
        for end_u, end_v in blades:
            part.paint(part.line(cu, cv, end_u, end_v, 2.9), (252, 252, 252))
        part.paint(part.disc(cu, cv, 5.0), (255, 255, 255))
