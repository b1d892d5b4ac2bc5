"""Map tiles in one file: PMTiles, in a file or behind range requests, and MBTiles.

Of both it is common that what they say of themselves is not so; then the tiles are believed. Pictures are not decoded.
"""

import hashlib
import logging
import math
import mmap
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pmtiles.reader import Reader as PmtilesReader
from pmtiles.tile import Compression, Entry, TileType, deserialize_directory, tileid_to_zxy, zxy_to_tileid
from shapely.geometry.base import BaseGeometry

from ingest.geo.geometry import box
from ingest.sources.source import SourceOptions
from ingest.sources.tiles.description import describe
from ingest.sources.tiles.store import Indexes, telling, tile_bounds, tile_boxes, tiles_area
from ingest.sources.tiles.template import MAX_ZOOM
from ingest.sources.web import Web, mask_url
from trainer.errors import AreaError, ItemError, SourceError, reason

_BOUNDS = ("min_lon_e7", "min_lat_e7", "max_lon_e7", "max_lat_e7")
_MANY = 20_000  # tiles, of which not every one is looked up to tell where they lie
_MANY_LEAVES = 64  # directories below the first
_PLACED = """
CREATE TEMP VIEW placed AS SELECT zoom_level, tile_column, tile_row FROM tiles
WHERE typeof(zoom_level) = 'integer' AND typeof(tile_column) = 'integer' AND typeof(tile_row) = 'integer'
AND zoom_level BETWEEN 0 AND 30
AND tile_column BETWEEN 0 AND (1 << zoom_level) - 1 AND tile_row BETWEEN 0 AND (1 << zoom_level) - 1
"""  # rows of MBTiles that are of a tile of their zoom's square
_LARGER = """
SELECT DISTINCT max(zoom_level - :up, 0), tile_column >> min(zoom_level, :up), tile_row >> min(zoom_level, :up)
FROM placed LIMIT :most
"""  # tiles that hold them, so many levels up
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
            raise SourceError(f"{self.uri}: not a PMTiles archive that can be read ({reason(error)})") from error
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
                "truncated", f"{self.name(z, x, y)}: its directory is broken ({reason(error)}); copy the file again"
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
        if kind not in (TileType.PNG, TileType.JPEG, TileType.WEBP, TileType.AVIF):
            raise SourceError(f"{self.uri}: its tiles are {kind.name}, not pictures: PNG, JPEG, WebP or AVIF is needed")
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
        bounds = [self._header[key] / 1e7 for key in _BOUNDS]
        return tuple(zooms), _true_area(self.uri, said, bounds, telling(_indexes(runs)))

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
    """MBTiles of pictures. GDAL reads them too, but shows a tile that is broken as none.

    Their rows count from the south; where they count from the north, the bounds show it, or the scheme says so.

    Args:
        path: The file.

    Raises:
        SourceError: It cannot be read, holds no pictures, or none at all.
    """

    def __init__(self, path: Path) -> None:
        self.uri, self.sparse = str(path), True
        self._path, self._lock = path, threading.Lock()
        if path.stat().st_size == 0:
            raise SourceError(f"{path}: the file is empty (0 bytes)")
        self._database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False)
        try:
            said = dict(self._database.execute("SELECT name, value FROM metadata").fetchall())
            self._check(said)
            self._database.execute(_PLACED)
            described = describe(said, self.uri)
            rows = self._database.execute("SELECT DISTINCT zoom_level FROM placed ORDER BY zoom_level").fetchall()
            self.zooms = tuple(z for (z,) in rows)
            if not self.zooms:
                raise SourceError(f"{path}: it holds no tile")
            self._north = described.south is False
            if described.area is not None:
                self._north = self._shown_by(described.area, self._north)
            self._coverage = self._extent(described.area)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # the last of a damaged file, in sqlite3's message
            self._database.close()
            raise SourceError(f"{path}: not a raster that can be read: no MBTiles ({error})") from error
        except SourceError:
            self._database.close()
            raise
        self.attribution = described.attribution

    def get(self, z: int, x: int, y: int) -> bytes | None:
        """The encoded tile, or None.

        Raises:
            ItemError: The database is broken there.
        """
        row = y if self._north else 2**z - 1 - y
        try:
            with self._lock:
                found = self._database.execute(
                    "SELECT tile_data FROM tiles WHERE zoom_level = ? AND tile_column = ? AND tile_row = ?", (z, x, row)
                ).fetchone()
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise ItemError("truncated", f"{self.name(z, x, y)}: {error}; copy the file again") from error
        if found is None:
            return None
        return found[0] if isinstance(found[0], bytes) else b""  # an empty file, which the decoder tells

    def name(self, z: int, x: int, y: int) -> str:
        """The archive and the place in it."""
        return f"{self.uri}#{z}/{x}/{y}"

    def coverage(self) -> BaseGeometry:
        """The bounds that it says if its tiles lie there, else where they do."""
        return self._coverage

    def fingerprint(self) -> str:
        """Its size and time."""
        stat = self._path.stat()
        return hashlib.sha256(repr((stat.st_size, stat.st_mtime_ns)).encode()).hexdigest()[:16]

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._database.close()

    def _check(self, said: dict[str, str]) -> None:
        kind = str(said.get("format") or "png").lower()
        if kind.rpartition("/")[2] not in ("png", "jpg", "jpeg", "webp", "avif"):
            raise SourceError(f"{self.uri}: its tiles are {kind}, not pictures: PNG, JPEG, WebP or AVIF is needed")

    def _shown_by(self, area: BaseGeometry, north: bool) -> bool:
        """Whether rows count from the north: the finest tiles lie in the area that is said if they do."""
        z = self.zooms[-1]
        ends = self._database.execute(
            "SELECT min(tile_column), min(tile_row), max(tile_column), max(tile_row) FROM placed WHERE zoom_level = ?",
            (z,),
        ).fetchone()
        corners = np.array(ends, dtype=np.int64).reshape(2, 2)
        here, turned = (_box(z, places).intersects(area) for places in (corners, _turned(z, corners)))
        return north if here == turned else bool(here)

    def _extent(self, said: BaseGeometry | None) -> BaseGeometry:
        tiles = self._tiles_or_larger()
        if not self._north:
            tiles = {z: _turned(z, found) for z, found in tiles.items()}
        return _true_area(self.uri, said, None if said is None else said.bounds, telling(tiles))

    def _tiles_or_larger(self) -> dict[int, Indexes]:
        """Columns and rows of its tiles, by zoom; where they are very many, of those that hold them."""
        for up in range(MAX_ZOOM + 1):
            rows = self._database.execute(_LARGER, {"up": up, "most": _MANY + 1}).fetchall()  # read no further
            if len(rows) <= _MANY:
                break
        places = np.array(rows, dtype=np.int64).reshape(-1, 3)
        return {int(z): places[places[:, 0] == z, 1:] for z in np.unique(places[:, 0])}


def _box(z: int, corners: Indexes) -> BaseGeometry:
    west, south, east, north = tile_bounds(z, *corners.T.astype(np.float64))
    found: BaseGeometry = shapely.box(west.min(), south.min(), east.max(), north.max())
    return found


def _true_area(
    uri: str, said: BaseGeometry | None, bounds: Sequence[float] | None, tiles: dict[int, Indexes]
) -> BaseGeometry:
    """The area that is said, if all tiles lie in it and it is not far wider than they are; else theirs."""
    area = tiles_area(tiles)
    if said is not None and shapely.intersects(said, tile_boxes(tiles)).all() and said.area <= _TOO_WIDE * area.area:
        return said
    if bounds is not None:
        log.warning(
            "%s: it says that it lies at %s, but its tiles lie at %s: these are believed",
            uri, [round(v, 6) for v in bounds], [round(v, 6) for v in area.bounds],
        )  # fmt: skip
    return area


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
