"""Rivers, roads, the motorway with its lorries and the railway, seen from above.

Lines are painted from the distance to them, segment by segment; it does not know where they lead.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.sandbox.aerial.brush import AerialCanvas, edge
from ingest.sandbox.aerial.palette import Palette
from ingest.sandbox.land.islands import HALF_M
from ingest.sandbox.land.noise import Field, hashed
from ingest.sandbox.world import Land

Segments = npt.NDArray[np.float32]  # [k, 7]: from x, y, to x, y, metres along at the start, half width at either end
_REACH_M = 60.0


@dataclass
class _Line:
    """Distance to a line at every pixel.

    Attributes:
        away: Metres, [px, px]; large where the line is far.
        side: Metres to its left (above 0) or right.
        along: Metres from its start, of the nearest place on it.
        half: Half its width there, metres; 0 but for rivers.
    """

    away: Field
    side: Field
    along: Field
    half: Field


def segments(land: Land) -> dict[str, Segments]:
    """All lines of an island, cut into straight pieces, by kind."""
    lines: dict[str, list[Segments]] = {"river": [], "road": [], "rail": [], "motorway": []}
    for river in land.terrain.rivers:
        lines["river"].append(_cut(river.points, river.half_m))
    for way in land.settled.ways:
        lines[way.kind].append(_cut(way.points, np.zeros(len(way.points))))
    return {kind: np.concatenate(found) if found else np.zeros((0, 7), np.float32) for kind, found in lines.items()}


def _cut(points: npt.NDArray[np.float64], half: npt.NDArray[np.float64]) -> Segments:
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    return np.column_stack([points[:-1], points[1:], length[:-1], half[:-1], half[1:]]).astype(np.float32)


def paint_ways(canvas: AerialCanvas, lines: dict[str, Segments], palette: Palette, seed: int) -> None:
    """All lines, rivers lowest."""
    for kind, paint in (("river", _river), ("road", _road), ("rail", _rail), ("motorway", _motorway)):
        line = _nearest(canvas, lines[kind])
        if line is not None:
            paint(canvas, line, palette, seed)


def _nearest(canvas: AerialCanvas, pieces: Segments) -> _Line | None:
    """Distance to the nearest of the pieces that touch the canvas; None where none does."""
    # as in `AerialCanvas.window`: north is up only at the middle of the tile
    margin = _REACH_M + 0.01 * canvas.x.shape[0] * canvas.gsd_m
    west, east = float(canvas.x.min()) - margin, float(canvas.x.max()) + margin
    south, north = float(canvas.y.min()) - margin, float(canvas.y.max()) + margin
    low_x, high_x = np.minimum(pieces[:, 0], pieces[:, 2]), np.maximum(pieces[:, 0], pieces[:, 2])
    low_y, high_y = np.minimum(pieces[:, 1], pieces[:, 3]), np.maximum(pieces[:, 1], pieces[:, 3])
    close = pieces[(high_x > west) & (low_x < east) & (high_y > south) & (low_y < north)]
    if not len(close):
        return None
    far = np.full(canvas.x.shape, 1e6, np.float32)
    line = _Line(far, far.copy(), np.zeros_like(far), np.zeros_like(far))
    for piece in close.tolist():
        _closer(canvas, line, piece)
    return line


def _closer(canvas: AerialCanvas, line: _Line, piece: list[float]) -> None:
    """Update a line with one straight piece, in place."""
    x0, y0, x1, y1, start, half0, half1 = piece
    dx, dy = x1 - x0, y1 - y0
    length = max(float(np.hypot(dx, dy)), 1e-6)
    window = canvas.window((x0 + x1) / 2, (y0 + y1) / 2, max(abs(dx), abs(dy)) / 2 + _REACH_M)
    if window is None:
        return
    ax, ay = canvas.x[window] - np.float32(x0), canvas.y[window] - np.float32(y0)
    dx, dy = dx / length, dy / length
    along, side = ax * np.float32(dx) + ay * np.float32(dy), ay * np.float32(dx) - ax * np.float32(dy)
    beyond = along - np.clip(along, 0, length)
    away = np.hypot(beyond, side)
    better = away < line.away[window]
    line.away[window][better] = away[better]
    line.side[window][better] = side[better]
    line.along[window][better] = along[better] + start
    line.half[window][better] = half0 + (half1 - half0) * np.clip(along[better] / length, 0, 1)


def _river(canvas: AerialCanvas, line: _Line, palette: Palette, seed: int) -> None:
    """Water between gravel and a line of trees, with jetties for anglers."""
    dry = canvas.shore > -20
    broad = canvas.textures.clouds(canvas.x, canvas.y, 5.0)
    wobble = line.away + 3.0 * broad
    half = line.half * 1.1
    _light, tree = canvas.textures.woods(canvas.x, canvas.y, canvas.gsd_m, leafy=True)
    bank = edge(half + 17 - wobble, canvas.gsd_m) * (tree > 0.42) * dry
    canvas.lay(0.9 * bank, np.asarray(palette.leafy, np.float32) * (0.7 + 0.35 * tree)[..., None])
    canvas.lay(edge(half + 5.5 - wobble, canvas.gsd_m) * dry, np.asarray(palette.sand, np.float32) * 0.94)
    water = np.asarray(palette.fresh, np.float32) * 0.7 + np.asarray(palette.shallow, np.float32) * 0.3
    canvas.lay(edge(half - wobble, canvas.gsd_m) * dry, water + 2.5 * broad[..., None])
    cell = np.floor(line.along / 65).astype(np.int32)
    there = hashed(seed + 31, cell) < 0.6
    jetty = there * edge(1.7 - abs(line.along - (cell + 0.5) * 65), canvas.gsd_m)
    reach = edge(half + 4 - line.away, canvas.gsd_m) * edge(line.away - half + 9, canvas.gsd_m)
    canvas.lay(jetty * reach * (half > 9) * dry, (172, 146, 112))


def _road(canvas: AerialCanvas, line: _Line, palette: Palette, seed: int) -> None:
    """Two lanes with light edges, a few cars; in a settlement its streets take over."""
    # in a settlement the road is moved out of sight
    line.away = away = line.away + 1e3 * (canvas.town > 0.12)
    line.side = line.side + 1e3 * (canvas.town > 0.12)
    canvas.lay(0.7 * edge(7.5 - away, canvas.gsd_m), np.asarray(palette.grass, np.float32) * 1.1)
    canvas.lay(edge(4.6 - away, canvas.gsd_m), (146, 144, 140))
    dash = edge(0.35 - away, canvas.gsd_m) * ((line.along % 12) < 6)
    canvas.lay(0.8 * dash, (232, 230, 222))
    _cars(canvas, line, seed + 41, pitch=60.0, lanes=(-2.2, 2.2), share=0.22, size=(4.2, 2.0))


def _motorway(canvas: AerialCanvas, line: _Line, palette: Palette, seed: int) -> None:
    """Two carriageways of three lanes with many lorries."""
    away = line.away
    canvas.lay(edge(27 - away, canvas.gsd_m), np.asarray(palette.grass, np.float32) * 1.06)
    road = edge(9.0 - abs(away - 12.5), canvas.gsd_m)  # `away` has no sign: what is drawn once lies on both sides
    canvas.lay(road, (96, 97, 102))
    for at_m in (4.4, 20.6):
        canvas.lay(0.85 * edge(0.5 - abs(away - at_m), canvas.gsd_m), (238, 238, 234))
    for at_m in (9.6, 14.6):
        dash = edge(0.35 - abs(away - at_m), canvas.gsd_m) * ((line.along % 16) < 7)
        canvas.lay(0.8 * dash, (232, 230, 222))
    _cars(canvas, line, seed + 43, pitch=30.0, lanes=(-7.2, 7.2, -12.0, 12.0), share=0.35, size=(4.6, 2.1))
    _cars(canvas, line, seed + 44, pitch=52.0, lanes=(-17.4, 17.4), share=0.62, size=(17.0, 3.4))


def _rail(canvas: AerialCanvas, line: _Line, palette: Palette, _seed: int) -> None:
    """Ballast with two tracks."""
    away = line.away
    canvas.lay(0.8 * edge(10.5 - away, canvas.gsd_m), np.asarray(palette.heath, np.float32) * 0.9)
    canvas.lay(edge(6.2 - away, canvas.gsd_m), (126, 114, 104))
    sleepers = edge(1.3 - abs(away - 2.6), canvas.gsd_m) * (
        # single sleepers only where pixels are small enough
        0.45 + 0.35 * ((line.along % 1.4) < 0.6 if canvas.gsd_m < 0.7 else 0.5)
    )
    canvas.lay(sleepers, (78, 70, 66))
    for at_m in (1.9, 3.3):
        canvas.lay(0.9 * edge(0.15 - abs(away - at_m), canvas.gsd_m), (186, 184, 186))


def _cars(
    canvas: AerialCanvas,
    line: _Line,
    seed: int,
    *,
    pitch: float,
    lanes: tuple[float, ...],
    share: float,
    size: tuple[float, float],
) -> None:
    """Vehicles on lanes, a share of all places has one; `size` is length and width in metres."""
    if canvas.gsd_m > 8 or float(line.away.min()) > max(lanes) + 5:
        return
    for lane in lanes:
        shifted = line.along + (lane * 7.7 + HALF_M)  # lanes are out of step; HALF_M keeps it above 0
        number = np.floor(shifted / pitch).astype(np.int32)
        luck = hashed(seed + round(lane), number)
        inside = edge(size[0] / 2 - abs(shifted - (number + 0.5) * pitch), canvas.gsd_m)
        cover = (luck < share) * inside * edge(size[1] / 2 - abs(line.side - lane), canvas.gsd_m)
        tones = np.array(((240, 240, 238), (214, 60, 48), (52, 82, 150), (236, 236, 240), (40, 42, 46)), np.float32)
        canvas.lay(cover, tones[np.minimum(luck / share * 5, 4).astype(np.int32)])
