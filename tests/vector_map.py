"""A map file as Protomaps makes them, of a few features, written by hand: PMTiles of gzipped Mapbox Vector Tiles."""

import gzip
import math
from collections.abc import Iterable
from pathlib import Path

from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

EXTENT = 4096
CREDIT = '<a href="https://www.openstreetmap.org/copyright" target="_blank">&copy; OpenStreetMap</a>'
POINT, LINE, POLYGON = 1, 2, 3
Tile = tuple[int, int, int]
Feature = tuple[str, int, list[tuple[float, float]], dict[str, str]]
"""Layer, kind of geometry, places (longitude, latitude), properties."""


def write_map(path: Path, features: list[Feature], zooms: Iterable[int] = range(15)) -> Path:
    """The file, with every tile that a feature lies in."""
    places = [place for _, _, ring, _ in features for place in ring]
    west, south = (min(place[axis] for place in places) for axis in (0, 1))
    east, north = (max(place[axis] for place in places) for axis in (0, 1))
    tiles: list[Tile] = []
    for z in zooms:
        (left, top), (right, bottom) = (map(int, _world(z, *corner)) for corner in ((west, north), (east, south)))
        tiles += [(z, x, y) for x in range(left, right + 1) for y in range(top, bottom + 1)]
    bounds = {"min_lon_e7": west, "min_lat_e7": south, "max_lon_e7": east, "max_lat_e7": north}
    with path.open("wb") as file:
        writer = Writer(file)
        for tile in sorted(tiles, key=lambda one: zxy_to_tileid(*one)):
            writer.write_tile(zxy_to_tileid(*tile), gzip.compress(_tile(tile, features), mtime=0))
        header = {name: int(value * 1e7) for name, value in bounds.items()}
        header |= {"tile_type": TileType.MVT, "tile_compression": Compression.GZIP, "center_zoom": 0}
        header |= {"min_zoom": min(zooms), "max_zoom": max(zooms), "center_lon_e7": 0, "center_lat_e7": 0}
        writer.finalize(header, {"attribution": CREDIT})
    return path


def _tile(tile: Tile, features: list[Feature]) -> bytes:
    layers: dict[str, list[Feature]] = {}
    for feature in features:
        layers.setdefault(feature[0], []).append(feature)
    return b"".join(_field(3, _layer(tile, name, some)) for name, some in layers.items())


def _layer(tile: Tile, name: str, features: list[Feature]) -> bytes:
    keys = sorted({key for _, _, _, said in features for key in said})
    values = sorted({value for _, _, _, said in features for value in said.values()})
    made = _number(15, 2) + _field(1, name.encode())
    for _, kind, places, said in features:
        tags = [number for key, value in said.items() for number in (keys.index(key), values.index(value))]
        drawn = _geometry(kind, [_pixel(tile, *place) for place in places])
        made += _field(2, _field(2, _packed(tags)) + _number(3, kind) + _field(4, _packed(drawn)))
    made += b"".join(_field(3, key.encode()) for key in keys)
    return made + b"".join(_field(4, _field(1, value.encode())) for value in values) + _number(5, EXTENT)


def _pixel(tile: Tile, lon: float, lat: float) -> tuple[int, int]:
    z, x, y = tile
    right, down = _world(z, lon, lat)
    return round((right - x) * EXTENT), round((down - y) * EXTENT)


def _world(z: int, lon: float, lat: float) -> tuple[float, float]:
    """Tiles of a zoom from the world's north-west corner."""
    return (lon + 180) / 360 * 2**z, (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 2**z


def _geometry(kind: int, pixels: list[tuple[int, int]]) -> list[int]:
    commands, (x, y) = list[int](), (0, 0)
    for number, (to_x, to_y) in enumerate(pixels):
        if number == 0:
            commands.append(1 | 1 << 3)
        elif number == 1:
            commands.append(2 | (len(pixels) - 1) << 3)
        commands += [_zigzag(to_x - x), _zigzag(to_y - y)]
        x, y = to_x, to_y
    return commands + ([7 | 1 << 3] if kind == POLYGON else [])


def _zigzag(value: int) -> int:
    return (value << 1) ^ (value >> 31)


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    return bytes([*made, value])


def _packed(values: list[int]) -> bytes:
    return b"".join(map(_varint, values))


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)
