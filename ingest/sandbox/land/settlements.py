"""Where people live on an island, and the ways between: a city, towns and villages, roads, a motorway, a railway.

It reads the bare terrain and adds to it the layer TOWN; it does not know single buildings or sites.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ingest.sandbox.land.islands import HALF_M
from ingest.sandbox.land.noise import Field, fractal
from ingest.sandbox.land.terrain import BARE, CELL_M, SHORE, TOWN, N, Points, Terrain, at, centres

_COARSE = 8  # cells of the raster that ways are found on, in cells of the terrain: 400 m
# how many, radius in metres, TOWN in the middle
_KINDS = (("city", 1, 3000.0, 1.4), ("town", 6, 1350.0, 0.95), ("village", 16, 520.0, 0.5))
_FAR = np.float32(1e9)


@dataclass(frozen=True, slots=True)
class Settlement:
    """A city, town or village.

    Attributes:
        kind: city, town or village.
        x: Metres east of the island's centre.
        y: Metres north of it.
        radius_m: About how far it reaches.
        angle: Of its streets against east, radians.
    """

    kind: str
    x: float
    y: float
    radius_m: float
    angle: float


@dataclass(frozen=True)
class Way:
    """A line on the ground.

    Attributes:
        kind: motorway, road, rail.
        points: [k, 2] metres.
    """

    kind: str
    points: Points


@dataclass(frozen=True)
class Settled:
    """What people made of an island.

    Attributes:
        settlements: The city first, then towns, then villages.
        ways: Drawn in this order.
        home: Number of the nearest settlement, int16 [N, N].
    """

    settlements: tuple[Settlement, ...]
    ways: tuple[Way, ...]
    home: npt.NDArray[np.int16]


def settle(terrain: Terrain, seed: int) -> Settled:
    """Settlements and ways of an island; fills the layer TOWN."""
    rng = np.random.default_rng([seed, 3])
    settlements = _found(rng, terrain)
    home = _town_layer(rng, terrain, settlements)
    ways = _connect(terrain, settlements)
    return Settled(settlements, ways, home)


def _found(rng: np.random.Generator, terrain: Terrain) -> tuple[Settlement, ...]:
    """Places for all settlements: flat and low, the city by the sea, none near another."""
    shore, height = terrain.layers[..., SHORE], terrain.height_m
    rise_y, rise_x = np.gradient(height, CELL_M)
    flat = (np.hypot(rise_x, rise_y) < 0.16) & (height < 330) & (terrain.layers[..., BARE] < 0.3)
    axis = centres()
    found: list[Settlement] = []
    for kind, count, radius, _ in _KINDS:
        low, high = {"city": (900, 2600), "town": (500, 6000), "village": (350, 9000)}[kind]
        rows, columns = np.nonzero(flat & (shore > low) & (shore < high))
        order = rng.permutation(len(rows))[:4000]
        placed = 0
        for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
            x, y = float(axis[column]), float(axis[row])
            apart = 1.25 * radius + 350
            if any(np.hypot(x - other.x, y - other.y) < apart + 1.25 * other.radius_m for other in found):
                continue
            if kind == "city" and _land_share(shore, x, y, radius) < 0.8:
                continue
            size = radius * float(rng.uniform(0.8, 1.15)) if kind != "city" else radius
            found.append(Settlement(kind, x, y, size, float(rng.uniform(-0.6, 0.6))))
            placed += 1
            if placed == count:
                break
    return tuple(found)


def _land_share(shore: Field, x: float, y: float, radius: float) -> float:
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    rings = np.array([0.35, 0.7, 1.0])[:, None] * radius
    return float((at(shore, x + rings * np.cos(angles), y + rings * np.sin(angles)) > 0).mean())


def _town_layer(
    rng: np.random.Generator, terrain: Terrain, settlements: tuple[Settlement, ...]
) -> npt.NDArray[np.int16]:
    """Fill TOWN; the number of the nearest settlement of every cell."""
    x, y = np.meshgrid(centres().astype(np.float32), centres().astype(np.float32))
    ragged = 0.16 * fractal(rng, N, 45, 2)
    peak = {kind: top for kind, _, _, top in _KINDS}
    nearest, home = np.full((N, N), _FAR), np.zeros((N, N), np.int16)
    town = np.zeros((N, N), np.float32)
    for number, place in enumerate(settlements):
        away = np.hypot(x - np.float32(place.x), y - np.float32(place.y))
        reach = away / np.float32(place.radius_m)
        level = np.clip(1 - reach + ragged * (reach > 0.2), 0, 1) * np.float32(peak[place.kind])
        np.maximum(town, level, out=town)
        # nearest by its edge, not by its middle: a city reaches further than a village
        closer = away - np.float32(place.radius_m) < nearest
        nearest[closer] = (away - np.float32(place.radius_m))[closer]
        home[closer] = number
    town *= np.clip((terrain.layers[..., SHORE] - 40) / 60, 0, 1)
    terrain.layers[..., TOWN] = np.minimum(town, 1.4)
    return home


def _connect(terrain: Terrain, settlements: tuple[Settlement, ...]) -> tuple[Way, ...]:
    """Roads as a tree with some loops, a motorway and a railway from the city through towns."""
    cost = _cost(terrain)
    nodes = [_node(place) for place in settlements]
    fields = [_spread(cost, node) for node in nodes]
    lengths = np.array([[field[node] for node in nodes] for field in fields])
    # a step costs what the cell costs that it enters, so there and back differ
    lengths = np.minimum(lengths, lengths.T)
    reachable = lengths[0] < _FAR / 2
    ways = []
    for a, b in _tree(lengths, reachable):
        ways.append(Way("road", _path(fields[a], settlements[a], settlements[b])))
    towns = [i for i, place in enumerate(settlements) if place.kind == "town" and reachable[i]]
    for kind, stops, side in (
        ("rail", [0, *_tour(lengths, towns[::-1])], 330.0),
        ("motorway", [0, *_tour(lengths, towns)], 950.0),
    ):
        for a, b in pairwise(stops):
            line = _path(fields[a], settlements[a], settlements[b])
            beside = [_aside(line, side), _aside(line, -side)]
            ways.append(Way(kind, max(beside, key=lambda way: _dry(terrain, way))))
    return tuple(ways)


def _dry(terrain: Terrain, line: Points) -> float:
    """How much of a line runs well inland, 0..1."""
    return float(np.clip(at(terrain.layers[..., SHORE], line[:, 0], line[:, 1]) / 300, -2, 1).mean())


def _node(place: Settlement) -> tuple[int, int]:
    cell = CELL_M * _COARSE
    return int((place.y + HALF_M) / cell), int((place.x + HALF_M) / cell)


def _cost(terrain: Terrain) -> Field:
    """What a metre of way costs in each cell of 400 m."""
    n = N // _COARSE
    shore = terrain.layers[..., SHORE].reshape(n, _COARSE, n, _COARSE).min(axis=(1, 3))
    height = terrain.height_m.reshape(n, _COARSE, n, _COARSE).mean(axis=(1, 3))
    rise_y, rise_x = np.gradient(height, CELL_M * _COARSE)
    cost = 1 + 12 * np.hypot(rise_x, rise_y) + height / 400
    cost = np.where(shore < 120, 6, cost)
    return np.where(shore < -300, 60, cost).astype(np.float32)


def _spread(cost: Field, start: tuple[int, int]) -> Field:
    """Cost of the cheapest way from a cell to every other, float32, by relaxing all cells until nothing changes."""
    n = cost.shape[0]
    padded = np.full((n + 2, n + 2), _FAR, np.float32)
    padded[start[0] + 1, start[1] + 1] = 0
    steps = [(dy, dx, float(np.hypot(dx, dy))) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dx or dy]
    inside = padded[1:-1, 1:-1]
    for turn in range(6 * n):
        # comparing brings nothing forward, so it is done now and then
        before = inside.copy() if turn % 8 == 7 else None
        for dy, dx, length in steps:
            came = padded[1 + dy : n + 1 + dy, 1 + dx : n + 1 + dx] + np.float32(length) * cost
            np.minimum(inside, came, out=inside)
        if before is not None and np.array_equal(before, inside):
            break
    return inside.copy()


def _path(field: Field, source: Settlement, target: Settlement) -> Points:
    """From the target down to the source of a field of costs, smoothed, [k, 2] metres."""
    row, column = _node(target)
    goal = _node(source)
    cells = [(row, column)]
    while (row, column) != goal and len(cells) < 1000:
        around = field[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
        best = np.unravel_index(int(around.argmin()), around.shape)
        row, column = max(0, row - 1) + int(best[0]), max(0, column - 1) + int(best[1])
        if (row, column) == cells[-1]:
            break
        cells.append((row, column))
    points = (np.array(cells, float)[:, ::-1] + 0.5) * CELL_M * _COARSE - HALF_M
    points[0], points[-1] = (target.x, target.y), (source.x, source.y)
    return _smooth(points)


def _smooth(points: Points) -> Points:
    """Corners rounded: neighbours averaged, then each cut twice."""
    for _ in range(3):
        points[1:-1] = (points[:-2] + 2 * points[1:-1] + points[2:]) / 4
    for _ in range(2):
        # Chaikin's corner cutting
        ahead, behind = 0.75 * points[:-1] + 0.25 * points[1:], 0.25 * points[:-1] + 0.75 * points[1:]
        middle = np.stack([ahead, behind], axis=1).reshape(-1, 2)
        points = np.concatenate([points[:1], middle, points[-1:]])
    return points


def _aside(points: Points, metres: float) -> Points:
    """The line moved to its right, so that a motorway passes beside the towns."""
    along = np.gradient(points, axis=0)
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-6)[:, None]
    moved = points + metres * np.stack([along[:, 1], -along[:, 0]], axis=1)
    for _ in range(12):
        moved[1:-1] = (moved[:-2] + 2 * moved[1:-1] + moved[2:]) / 4
    return moved


def _tree(lengths: npt.NDArray[np.float32], reachable: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Pairs to connect: the shortest tree, and short links that spare a long way round."""
    inside, links = {0}, []
    while rest := [i for i in range(len(lengths)) if i not in inside and reachable[i]]:
        a, b = min(((a, b) for a in inside for b in rest), key=lambda pair: lengths[pair])
        links.append((a, b))
        inside.add(b)
    for a in sorted(inside):
        others = sorted((b for b in inside if b != a), key=lambda b: lengths[a, b])[:2]
        links += [(a, b) for b in others if (a, b) not in links and (b, a) not in links]
    return links


def _tour(lengths: npt.NDArray[np.float32], towns: list[int]) -> list[int]:
    """The towns, each the nearest to the one before, the first the nearest to the city."""
    tour, rest = [], list(towns[: max(2, len(towns) * 2 // 3)])
    last = 0
    while rest:
        last = min(rest, key=lambda i: lengths[last, i])
        tour.append(last)
        rest.remove(last)
    return tour
