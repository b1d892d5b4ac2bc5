"""The ground seen from above: sea and shore, grass and rock, woods, fields and streets with houses.

It paints whole canvases from the rasters of an island, before ways and sites. It does not know either.
"""

import numpy as np
import numpy.typing as npt

from ingest.sandbox.aerial.brush import AerialCanvas, Cover, edge
from ingest.sandbox.aerial.palette import Colour, Palette
from ingest.sandbox.land.noise import Field, hashed
from ingest.sandbox.land.parcels import GREEN, PASTURE, PLOUGHED, WHEAT, parcels
from ingest.sandbox.land.terrain import BARE, FARM, FOREST, LEAFY, MOIST, SANDY, SHADE, SHORE, TOWN, at, nearest
from ingest.sandbox.view import CITY, DENSE
from ingest.sandbox.world import Land


def paint_land(canvas: AerialCanvas, land: Land, palette: Palette) -> Field:
    """Everything that nature and fields make; returns the layers at each pixel, [px, px, 9]."""
    layers = at(land.terrain.layers, canvas.x, canvas.y)
    canvas.shore, canvas.town = layers[..., SHORE], layers[..., TOWN]
    if canvas.shore.max() > -20:  # else open sea
        fine = canvas.textures.grain(canvas.x, canvas.y, 5.0, canvas.gsd_m)
        broad = canvas.textures.clouds(canvas.x, canvas.y, 6.0)
        ragged = canvas.textures.edges(canvas.x, canvas.y, 6.0)
        _grass(canvas, layers, palette, fine, broad, ragged)
        _fields(canvas, land, layers, palette, fine, broad)
        _woods(canvas, layers, palette, ragged)
        # before houses, which have shadows of their own
        canvas.rgb *= (0.25 + 0.75 * layers[..., SHADE])[..., None]
        _towns(canvas, land, layers, palette)
    if canvas.shore.min() < 120:
        _coast(canvas, layers, palette)
    return layers


def _mix(a: Colour, b: Colour, t: Field) -> Field:
    """Between two colours, [h, w, 3]."""
    return np.asarray(a, np.float32) + t[..., None] * np.subtract(b, a).astype(np.float32)


def _grass(canvas: AerialCanvas, layers: Field, palette: Palette, fine: Cover, broad: Cover, ragged: Field) -> None:
    """Rough grass, heath where it is dry, rock and old snow where it is high."""
    heath = np.clip(0.5 - 0.5 * layers[..., MOIST] + 0.2 * broad, 0, 1)
    canvas.rgb[...] = _mix(palette.grass, palette.heath, heath)
    canvas.rgb += (4 * fine + 5 * broad)[..., None]
    bare = layers[..., BARE]
    if bare.max() > 0.2:
        rock = edge(bare + 0.08 * ragged - 0.5, 0.1)
        canvas.lay(rock, np.asarray(palette.rock, np.float32) + (9 * broad + 8 * fine)[..., None])
        if palette.snow:
            snow = edge(bare + 0.1 * ragged + 0.1 * broad - 1.12 + 0.1 * palette.snow, 0.05)
            canvas.lay(snow, np.asarray((236, 240, 244), np.float32) + 3 * fine[..., None])


def _fields(canvas: AerialCanvas, land: Land, layers: Field, palette: Palette, fine: Cover, broad: Cover) -> None:
    """Parcels with their crops, hedges around pasture, tracks between arable land."""
    dry = (layers[..., SHORE] > 60) & (layers[..., TOWN] < 0.08)
    farm = ((layers[..., FARM] > 0.5) & (layers[..., FOREST] < 0.62) & (layers[..., BARE] < 0.55) & dry).astype(
        np.float32
    )
    if not farm.any():
        return
    found = parcels(land.farmland, canvas.x, canvas.y)
    tones = np.zeros((4, 3), np.float32)
    for crop, tone in (
        (WHEAT, palette.wheat),
        (PLOUGHED, palette.plough),
        (PASTURE, palette.pasture),
        (GREEN, palette.green),
    ):
        tones[crop] = tone
    colour = tones[found.crop] * (1 + 0.16 * (found.luck - 0.5))[..., None]
    pasture, wheat = found.crop == PASTURE, found.crop == WHEAT
    across = np.asarray(found.across, np.float32)
    lines = np.where(wheat, _lines(across, 20.0, 3.5, canvas.gsd_m), _lines(across, 11.0, 4.5, canvas.gsd_m))
    depth = np.choose(found.crop, [26.0, 30.0, 0.0, 20.0]).astype(np.float32)  # wheat, ploughed, pasture, green
    colour -= (lines * depth)[..., None]
    colour += (np.where(pasture, 7 * broad + 3 * fine, 2.5 * fine))[..., None]
    canvas.lay(farm, colour)
    rim = np.asarray(found.edge_m, np.float32)
    hedge = farm * pasture * edge(6.0 - rim + 1.5 * fine, canvas.gsd_m)
    canvas.lay(hedge, np.asarray(palette.leafy, np.float32) * 0.72)
    track = farm * ~pasture * edge(2.6 - rim, canvas.gsd_m)
    canvas.lay(0.75 * track, np.asarray(palette.sand, np.float32) * 0.86)
    _cattle(canvas, land, farm * pasture * (rim > 14), found.luck)


def _lines(across: Cover, period: float, width: float, gsd_m: float) -> Cover:
    """Stripes; finer than pixels, their mean."""
    if period < 1.6 * gsd_m:  # what pixels cannot show would beat with their grid
        return np.full_like(across, width / period)
    return edge(width / 2 - abs(across - period * np.rint(across / period)), gsd_m)


def _cattle(canvas: AerialCanvas, land: Land, cover: Cover, luck: Cover) -> None:
    """White and brown specks: a herd on most pastures."""
    if canvas.gsd_m > 7 or not cover.any():  # a cow is smaller than a pixel
        return
    cell = np.float32(17.0)
    i, j = np.floor(canvas.x / cell).astype(np.int32), np.floor(canvas.y / cell).astype(np.int32)
    own = hashed(land.seed + 5, i, j)
    herd = np.clip(np.sin(canvas.x / 55 + 9 * luck) + np.sin(canvas.y / 47 + 5 * luck) - 0.4, 0, 1)
    jitter = (own * 97 % 1) - 0.5  # other numbers out of the same hash
    dx, dy = (
        canvas.x - (i + np.float32(0.5) + 0.5 * jitter) * cell,
        canvas.y - (j + np.float32(0.5) - 0.4 * jitter) * cell,
    )
    there = cover * (own < 0.45 * herd) * edge(2.6 - np.hypot(dx, dy), canvas.gsd_m)
    canvas.lay(there, np.where((own * 31 % 1 < 0.55)[..., None], (232, 226, 216), (92, 62, 46)).astype(np.float32))


def _woods(canvas: AerialCanvas, layers: Field, palette: Palette, ragged: Field) -> None:
    """Crowns, broad and narrow, with paths between."""
    depth = layers[..., FOREST] + 0.045 * ragged - 0.5
    cover = edge(depth, 0.02) * (layers[..., SHORE] > 20) * (layers[..., TOWN] < 0.1) * (layers[..., BARE] < 0.6)
    if not cover.any():
        return
    light, tree = canvas.textures.woods(canvas.x, canvas.y, canvas.gsd_m, leafy=True)
    dark, pine = canvas.textures.woods(canvas.x, canvas.y, canvas.gsd_m, leafy=False)
    broadleaf = edge(layers[..., LEAFY] + 0.3 * (tree - 0.5) + 0.04 * ragged - 0.5, 0.05)
    warm = np.asarray(palette.leafy, np.float32) * (light * (0.86 + 0.3 * tree))[..., None]
    warm = warm + ((tree - 0.5) * 26)[..., None] * np.array((1, 0.7, 0), np.float32)
    cold = np.asarray(palette.conifer, np.float32) * (dark * (0.86 + 0.24 * pine))[..., None]
    canvas.lay(cover, cold + broadleaf[..., None] * (warm - cold))
    x, y = canvas.x, canvas.y
    # paths follow the lines on which this wave is 0
    winding = np.sin(x / 97 + 1.6 * np.sin(y / 73) + 0.8 * np.sin((x + y) / 41))
    path = cover * edge(2.0 - 50 * abs(winding), canvas.gsd_m) * (depth > 0.01)
    canvas.lay(0.6 * path, np.asarray(palette.sand, np.float32) * 0.8)


def _towns(canvas: AerialCanvas, land: Land, layers: Field, palette: Palette) -> None:
    """Streets and houses, closer towards the middle of a settlement."""
    town = layers[..., TOWN]
    if town.max() < 0.06:
        return
    home = nearest(land.settled.home, canvas.x, canvas.y)
    angles = land.farmland.angles[home]
    cos, sin = np.cos(angles), np.sin(angles)
    u, v = canvas.x * cos + canvas.y * sin, canvas.y * cos - canvas.x * sin
    # the turn of the first pixel's settlement, for the whole picture
    fall = _turned(canvas.shadow, float(angles.reshape(-1)[0]))
    built = edge(town - 0.06, 0.02)
    if (town < DENSE + 0.1).any():
        _suburb(canvas, land, u, v, built, palette, fall)
    block = _level_of_block(land, u, v, cos, sin, 104.0)
    if (block >= DENSE).any():
        _dense(canvas, land, u, v, built * (block >= DENSE) * (block < CITY), palette, fall)
        _city(canvas, land, u, v, built * (block >= CITY), fall)


def _turned(shadow: tuple[float, float], angle: float) -> tuple[float, float]:
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    return shadow[0] * cos + shadow[1] * sin, shadow[1] * cos - shadow[0] * sin


def _level_of_block(land: Land, u: Cover, v: Cover, cos: Field, sin: Field, pitch: float) -> Field:
    """TOWN in the middle of the block of houses of each pixel, so that a block is of one kind."""
    mu, mv = (np.floor(u / pitch) + 0.5) * pitch, (np.floor(v / pitch) + 0.5) * pitch
    return np.asarray(nearest(land.terrain.layers[..., TOWN], mu * cos - mv * sin, mu * sin + mv * cos), np.float32)


def _cell(along: Cover, pitch: float) -> tuple[npt.NDArray[np.int32], Field]:
    """Number of the cell, and metres from its middle."""
    number = np.floor(along * np.float32(1 / pitch))
    return number.astype(np.int32), along - (number + np.float32(0.5)) * np.float32(pitch)


def _suburb(
    canvas: AerialCanvas, land: Land, u: Cover, v: Cover, cover: Cover, palette: Palette, fall: tuple[float, float]
) -> None:
    """Detached houses in gardens along quiet streets."""
    soft = canvas.gsd_m
    _, bu = _cell(u, 208.0)
    jv, dv = _cell(v, 69.333)  # a third of 208: three rows of plots to a block
    iu, du = _cell(u, 26.0)
    side = (dv > 0).astype(np.int32)
    luck = hashed(land.seed + 6, iu, jv, side)
    grass = np.asarray(palette.pasture, np.float32) * (0.80 + 0.22 * luck)[..., None]
    canvas.lay(0.9 * cover, grass)
    hv = dv - np.where(side == 1, 17.5, -17.5).astype(np.float32)
    shift = (hashed(land.seed + 7, iu, jv, side) - 0.5) * 6
    wide, deep = 7.5 + 2.5 * luck, 6.0 + 1.5 * luck
    built = cover * (luck < 0.93)
    shade = _box(du - shift - 5.5 * fall[0], hv - 5.5 * fall[1], wide, deep, soft)
    roof = _box(du - shift, hv, wide, deep, soft)
    for place, size in ((2, 0.62), (3, 0.55)):  # two trees a garden
        tu = du - 10 + 20 * hashed(land.seed + 6 + place, iu, jv, side)
        tv = abs(dv) - 5 - 22 * hashed(land.seed + 9 + place, iu, jv, side) * (place == 3) + 4
        tree = cover * edge(4.6 * size + 1.2 - np.hypot(tu, tv), soft)
        canvas.lay(tree, np.asarray(palette.leafy, np.float32) * 0.78)
    canvas.rgb *= (1 - 0.5 * built * shade)[..., None]
    tones = np.asarray(palette.roofs, np.float32)[np.minimum(luck * 3.2, 2).astype(np.int32)]
    lit = 1 + 0.11 * np.sign(hv) * (1 if fall[1] < 0 else -1)
    canvas.lay(built * roof, tones * lit[..., None])
    # along every row of plots, and across every 208 m
    street = np.maximum(edge(3.8 - (34.667 - abs(dv)), soft), edge(3.8 - (104 - abs(bu)), soft))
    canvas.lay(cover * street, (142, 140, 138))


def _box(du: Cover, dv: Cover, hu: Cover | float, hv: Cover | float, soft: float) -> Cover:
    return edge(hu - abs(du), soft) * edge(hv - abs(dv), soft)


def _dense(
    canvas: AerialCanvas, land: Land, u: Cover, v: Cover, cover: Cover, palette: Palette, fall: tuple[float, float]
) -> None:
    """Rows of houses around courtyards."""
    soft = canvas.gsd_m
    iu, du = _cell(u, 104.0)
    iv, dv = _cell(v, 104.0)
    inside = 46.5 - np.maximum(abs(du), abs(dv))  # depth into the block
    canvas.lay(cover, (134, 132, 130))
    row = edge(inside, soft) * edge(15.0 - inside, soft)  # houses 15 m deep along the rim of the block
    _, hu = _cell(np.where(abs(du) > abs(dv), v, u), 17.0)
    ku, _ = _cell(u, 17.0)
    kv, _ = _cell(v, 17.0)
    luck = hashed(land.seed + 15, np.where(abs(du) > abs(dv), kv, ku), iu, iv)
    yard = edge(inside - 15.0, soft)
    canvas.lay(cover * yard, np.asarray(palette.leafy, np.float32) * 0.9)
    shade = edge(inside - 15, soft) * edge(
        7 - np.minimum(46.5 - 15 + np.sign(fall[0]) * -du, 46.5 - 15 - np.sign(fall[1]) * dv), soft
    )
    canvas.rgb *= (1 - 0.45 * cover * shade)[..., None]
    tones = np.asarray(palette.roofs[:2], np.float32)[(luck > 0.55).astype(np.int32)] * (0.86 + 0.3 * luck)[..., None]
    lit = np.where(inside > 7.5, 1.1, 0.92) - 0.25 * edge(1.2 - (8.5 - abs(hu)), soft)
    canvas.lay(cover * row, tones * lit[..., None])


def _city(canvas: AerialCanvas, land: Land, u: Cover, v: Cover, cover: Cover, fall: tuple[float, float]) -> None:
    """Flat roofs of many heights between wide streets with trees."""
    if not cover.any():
        return
    soft = canvas.gsd_m
    _, du = _cell(u, 104.0)
    _, dv = _cell(v, 104.0)
    ku, eu = _cell(u, 52.0)
    kv, ev = _cell(v, 52.0)
    luck, tall = hashed(land.seed + 20, ku, kv), hashed(land.seed + 21, ku, kv)
    canvas.lay(cover, (112, 112, 116))
    tree = edge(2.6 - np.hypot((u + 500) % 13 - 6.5, 52 - abs(dv) - 7.2), soft)
    canvas.lay(cover * tree, (70, 100, 56))
    stripe = edge(0.6 - abs(52 - abs(dv)), soft) + edge(0.6 - abs(52 - abs(du)), soft)
    canvas.lay(0.5 * cover * np.minimum(stripe, 1), (206, 204, 196))
    # each quarter of a block is one building, set back by chance, away from the street's 9 m
    hu, hv = 17.5 + 3.5 * luck, 17.5 + 3.5 * tall
    away_u, away_v = np.where(du > 0, -4.0, 4.0), np.where(dv > 0, -4.0, 4.0)
    cu, cv = eu - away_u.astype(np.float32), ev - away_v.astype(np.float32)
    reach = 6 + 16 * tall
    for t in (0.5, 1.0):
        shade = _box(cu - t * reach * fall[0], cv - t * reach * fall[1], hu, hv, soft)
        canvas.rgb *= (1 - 0.42 * cover * shade)[..., None]
    tone = 118 + 96 * luck
    colour = np.stack([tone + 8 * tall, tone, tone - 4 + 10 * (tall - 0.5)], axis=-1)
    roof = _box(cu, cv, hu, hv, soft)
    canvas.lay(cover * roof, colour)
    court = _box(cu, cv, hu - 9, hv - 9, soft) * (luck < 0.5)
    canvas.lay(cover * court, colour * 0.62)


def _coast(canvas: AerialCanvas, layers: Field, palette: Palette) -> None:
    """Sea, surf, and the shore: sand, rock or cliff."""
    soft, shore, sandy = canvas.gsd_m, layers[..., SHORE], layers[..., SANDY]
    fine = canvas.textures.grain(canvas.x, canvas.y, 4.0, soft)
    broad = canvas.textures.clouds(canvas.x, canvas.y, 5.0)
    natural = layers[..., TOWN] < 0.35
    width = np.clip(8 + 42 * sandy, 6, 52)
    beach = (sandy > -0.1) * edge(width - shore + 4 * broad, soft)
    canvas.lay(beach * (shore > -30), np.asarray(palette.sand, np.float32) + 4 * fine[..., None])
    rocky = np.clip(-0.1 - sandy, 0, 1) > 0
    cliff = sandy < -0.5
    if rocky.any():
        band = rocky * natural * edge(np.where(cliff, 34.0, 13.0) - shore + 5 * broad, soft)
        ledge = np.sin(shore / 3.1 + 2 * broad)
        stone = np.asarray(palette.rock, np.float32) * 0.82 + (11 * ledge + 8 * fine)[..., None]
        canvas.lay(band, stone)
        brink = cliff * edge(4.0 - abs(shore - 36 + 5 * broad), soft)
        canvas.lay(0.8 * brink * natural, np.asarray(palette.rock, np.float32) * 1.28)
    # shelving along sand, steep under rock
    depth = np.clip(-shore / np.where(rocky, 60, 190), 0, 1)
    water = _mix(palette.shallow, palette.deep, np.sqrt(depth)) + (2.2 * broad + 1.4 * fine)[..., None]
    wet = edge(-shore, soft)
    canvas.lay(wet, water)
    if cliff.any():  # the sea in the shadow of the cliff
        canvas.rgb *= (1 - 0.3 * cliff * wet * edge(16 + shore, 8.0))[..., None]
    reach = np.where(rocky, 6.0 + 5 * broad, 3.2 + 1.5 * broad)
    foam = edge(reach - abs(shore + np.where(rocky, 5, 2)), soft)
    canvas.lay(np.where(rocky, 0.85, 0.6) * foam, (236, 242, 244))
