"""Map tiles in one file: PMTiles, in a file or behind range requests; and MBTiles whose rows count from the north.

MBTiles that keep to their specification are rasters to GDAL, and read as such. It does not decode pictures.
"""

import hashlib
import logging
import math
import mmap
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pmtiles.reader import Reader as PmtilesReader
from pmtiles.tile import Compression, Entry, TileType, deserialize_directory, tileid_to_zxy, zxy_to_tileid
from shapely.geometry.base import BaseGeometry

from ingest.geo.geometry import box
from ingest.sources.source import SourceOptions
from ingest.sources.tiledescription import Described, describe
from ingest.sources.tilestore import Indexes, finest, tile_bounds, tile_boxes, tiles_area
from ingest.sources.web import Web, mask_url
from trainer.errors import AreaError, ItemError, SourceError

_BOUNDS = ("min_lon_e7", "min_lat_e7", "max_lon_e7", "max_lat_e7")
_MANY = 20_000  # tiles, of which not every one is looked up to tell where they lie
_MANY_LEAVES = 64  # directories below the first
_TOO_WIDE = 10  # times the area of its tiles: bounds that a program filled in

log = logging.getLogger(__name__)


class PmtilesStore:
    """A PMTiles archive of pictures, in a file or behind range requests.

    Args:
        uri: Path or URL.
        options: How to ask a server.

    Raises:
        SourceError: It cannot be read, holds no pictures, or none at all.
    """

    def __init__(self, uri: str, options: SourceOptions) -> None:
        self.uri, self.sparse = mask_url(uri), True
        self._close: list[Callable[[], None]] = []
        self._bytes = self._from_web(uri, options) if uri.startswith("http") else self._from_file(Path(uri))
        try:
            self._reader = _reader(self._bytes)
            self._header: dict[str, Any] = self._reader.header()
            self._metadata: dict[str, Any] = self._reader.metadata()
            self._check()
            self.zooms, self._coverage = self._extent()
        except (SourceError, ItemError):
            self.close()
            raise
        except Exception as error:  # the library raises whatever a broken header leads to
            self.close()
            raise SourceError(f"{self.uri}: not a PMTiles archive that can be read ({error})") from error
        self.attribution = self._metadata.get("attribution") or None

    def get(self, z: int, x: int, y: int) -> bytes | None:
        """The encoded tile, or None.

        Raises:
            ItemError: The part of its directory that leads there is broken, or the server does not answer.
        """
        try:
            found: bytes | None = self._reader.get(z, x, y)
        except (EOFError, OSError, ValueError, IndexError, zlib.error) as error:  # of a directory cut short
            raise ItemError(
                "truncated", f"{self.name(z, x, y)}: its directory is broken ({error}); copy the file again"
            ) from error
        return found

    def name(self, z: int, x: int, y: int) -> str:
        """The archive and the place in it."""
        return f"{self.uri}#{z}/{x}/{y}"

    def coverage(self) -> BaseGeometry:
        """The bounds in its header if its tiles lie there, else where they do."""
        return self._coverage

    def fingerprint(self) -> str:
        """Its header, and of a file its size and time."""
        file = Path(self.uri)
        stat = (file.stat().st_size, file.stat().st_mtime_ns) if file.is_file() else ()
        return hashlib.sha256(repr((sorted(map(str, self._header.items())), stat)).encode()).hexdigest()[:16]

    def close(self) -> None:
        """Close the file or the connection."""
        while self._close:
            self._close.pop()()

    def _check(self) -> None:
        kind = self._header["tile_type"]
        if kind not in (TileType.PNG, TileType.JPEG, TileType.WEBP):
            raise SourceError(f"{self.uri}: its tiles are {kind.name}, not pictures: PNG, JPEG or WebP is needed")
        if self._header["tile_compression"] not in (Compression.NONE, Compression.UNKNOWN):
            raise SourceError(f"{self.uri}: its tiles are compressed twice ({self._header['tile_compression'].name})")

    def _extent(self) -> tuple[tuple[int, ...], BaseGeometry]:
        """Its zooms, and where its tiles lie: headers that leave the bounds out, or fill them in, are common."""
        said = self._header_box()
        root = self._directory(self._header["root_offset"], self._header["root_length"])
        leaves = [entry for entry in root if entry.run_length == 0]
        if said is not None and len(leaves) > _MANY_LEAVES:  # too much to read, as a server's
            top = range(self._header["min_zoom"], self._header["max_zoom"] + 1)
            some = _indexes([(entry.tile_id, 1) for entry in leaves])
            if top and top[-1] in some and tiles_area({top[-1]: some[top[-1]]}).intersects(said):
                return tuple(top), said
        runs = list(self._runs(root))
        if not runs:
            raise SourceError(f"{self.uri}: it holds no tile")
        zooms = sorted({tileid_to_zxy(first)[0] for first, _ in runs})
        tiles = finest(_indexes(runs))
        area = tiles_area(tiles)
        outside = said is None or not shapely.intersects(said, tile_boxes(tiles)).all()
        if said is not None and not outside and said.area <= _TOO_WIDE * area.area:
            return tuple(zooms), said
        bounds = [round(self._header[key] / 1e7, 6) for key in _BOUNDS]
        log.warning(
            "%s: its header says that it lies at %s, but its tiles lie at %s: these are believed",
            self.uri, bounds, [round(v, 6) for v in area.bounds],
        )  # fmt: skip
        return tuple(zooms), area

    def _header_box(self) -> BaseGeometry | None:
        try:
            return box(*(self._header[key] / 1e7 for key in _BOUNDS))
        except AreaError:
            return None

    def _directory(self, offset: int, length: int) -> list[Entry]:
        return deserialize_directory(self._bytes(offset, length))

    def _runs(self, entries: list[Entry]) -> Iterator[tuple[int, int]]:
        """First id and number of the tiles that directories name."""
        for entry in entries:
            if entry.run_length > 0:
                yield entry.tile_id, entry.run_length
            else:
                yield from self._runs(
                    self._directory(self._header["leaf_directory_offset"] + entry.offset, entry.length)
                )

    def _from_file(self, path: Path) -> Callable[[int, int], bytes]:
        if path.stat().st_size == 0:
            raise SourceError(f"{path}: the file is empty (0 bytes)")
        with path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._close.append(content.close)
        return lambda offset, length: content[offset : offset + length]

    def _from_web(self, uri: str, options: SourceOptions) -> Callable[[int, int], bytes]:
        web = Web(options)
        self._close.append(web.close)

        def read(offset: int, length: int) -> bytes:
            found = web.get(uri, first=offset, length=length)
            if found is None:
                raise SourceError(f"{self.uri}: there is no such file on the server")
            return found

        return read


def _reader(read: Callable[[int, int], bytes]) -> Any:
    return PmtilesReader(read)  # type: ignore[no-untyped-call]


class MbtilesStore:
    """MBTiles whose rows count from the north, against their specification: GDAL would turn them over.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.uri, self.sparse = str(path), True
        self._path, self._lock = path, threading.Lock()
        described = _said(path)
        self.attribution = described.attribution
        self._database = _open(path)
        tiles = _levels(self._database)
        self.zooms = tuple(sorted(tiles))
        self._coverage = described.within(tiles_area(finest(tiles)))

    def get(self, z: int, x: int, y: int) -> bytes | None:
        """The encoded tile, or None.

        Raises:
            ItemError: The database is broken there.
        """
        try:
            with self._lock:
                found = self._database.execute(
                    "SELECT tile_data FROM tiles WHERE zoom_level = ? AND tile_column = ? AND tile_row = ?", (z, x, y)
                ).fetchone()
        except sqlite3.DatabaseError as error:
            raise ItemError("truncated", f"{self.name(z, x, y)}: {error}; copy the file again") from error
        return None if found is None else bytes(found[0])

    def name(self, z: int, x: int, y: int) -> str:
        """The archive and the place in it."""
        return f"{self.uri}#{z}/{x}/{y}"

    def coverage(self) -> BaseGeometry:
        """Where its tiles lie, within the bounds that it says."""
        return self._coverage

    def fingerprint(self) -> str:
        """Its size and time."""
        stat = self._path.stat()
        return hashlib.sha256(repr((stat.st_size, stat.st_mtime_ns)).encode()).hexdigest()[:16]

    def close(self) -> None:
        """Close the database."""
        self._database.close()


def rows_from_north(path: Path) -> bool:
    """Whether rows of MBTiles count from the north, as their bounds show, or where these do not, as they say.

    Raises:
        SourceError: What they say cannot be meant.
    """
    try:
        described = _said(path)
        with closing(_open(path)) as database:
            (z,) = database.execute("SELECT max(zoom_level) FROM tiles").fetchone()
            ends = database.execute(
                "SELECT min(tile_column), min(tile_row), max(tile_column), max(tile_row) FROM tiles "
                "WHERE zoom_level = ?", (z,)
            ).fetchone()  # fmt: skip
    except sqlite3.DatabaseError:
        return False  # GDAL says what is wrong with it
    if z is None:
        return False
    if described.area is not None:
        corners = np.array(ends, dtype=np.int64).reshape(2, 2)
        north, south = (_box(z, places).intersects(described.area) for places in (corners, _turned(z, corners)))
        if north != south:
            return bool(north)
    return described.south is False


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False)


def _box(z: int, corners: Indexes) -> BaseGeometry:
    west, south, east, north = tile_bounds(z, *corners.T.astype(np.float64))
    found: BaseGeometry = shapely.box(west.min(), south.min(), east.max(), north.max())
    return found


def _said(path: Path) -> Described:
    with closing(_open(path)) as database:
        return describe(dict(database.execute("SELECT name, value FROM metadata").fetchall()), str(path))


def _levels(database: sqlite3.Connection) -> dict[int, Indexes]:
    """Columns and rows as they are counted, by zoom."""
    rows = database.execute("SELECT zoom_level, tile_column, tile_row FROM tiles").fetchall()
    places = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return {int(z): places[places[:, 0] == z, 1:] for z in np.unique(places[:, 0])}


def _turned(z: int, places: Indexes) -> Indexes:
    return np.column_stack([places[:, 0], 2**z - 1 - places[:, 1]])


def _indexes(runs: list[tuple[int, int]]) -> dict[int, Indexes]:
    """Columns and rows of runs of tile ids, by zoom; where they are very many, of the tiles that hold them."""
    up = max(0, math.ceil(math.log(sum(length for _, length in runs) / _MANY, 4)))
    found: dict[int, set[tuple[int, int]]] = {}
    for first, length in runs:
        z = tileid_to_zxy(first)[0]
        start = first - zxy_to_tileid(z, 0, 0)
        coarse = max(0, z - up)
        fewer = 2 * (z - coarse)  # along the curve of ids four tiles follow each other in one of the level above
        for place in range(start >> fewer, (start + length - 1 >> fewer) + 1):
            _, x, y = tileid_to_zxy(zxy_to_tileid(coarse, 0, 0) + place)
            found.setdefault(coarse, set()).add((x, y))
    return {z: np.array(sorted(places), dtype=np.int64) for z, places in found.items()}
