"""Map tiles in one file: PMTiles, in a file or behind range requests, and MBTiles.

Of both it is common that what they say of themselves is not so; then the tiles are believed. Pictures are not decoded.
"""

import hashlib
import itertools
import json
import logging
import math
import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pmtiles.tile import (
    Compression,
    Entry,
    TileType,
    deserialize_directory,
    deserialize_header,
    find_tile,
    tileid_to_zxy,
    zxy_to_tileid,
)
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
_HEADER_BYTES = 127
_DEPTH = 4  # directories on the way to a tile
_MOST_BYTES = 4 * 2**20  # of a directory or of metadata, unpacked: some hundred times what programs write
_MOST_RUNS = 5_000_000
_MOST_TILE_BYTES = 64 * 2**20
_MOST_SAID = 10_000  # rows of what an MBTiles file says of itself
_SECONDS = 20.0  # for a question to a database
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
            self._header: dict[str, Any] = {**deserialize_header(self._bytes(0, _HEADER_BYTES))}
            self._check()
            self._metadata = self._said()
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
        header, tile_id = self._header, zxy_to_tileid(z, x, y)
        offset, length = header["root_offset"], header["root_length"]
        try:
            for _ in range(_DEPTH):
                entry = find_tile(self._directory(offset, length), tile_id)
                if entry is None:
                    return None
                length = entry.length
                if entry.run_length:
                    return self._bytes(header["tile_data_offset"] + entry.offset, length)
                offset = header["leaf_directory_offset"] + entry.offset
        except (EOFError, OSError, ValueError, IndexError, zlib.error) as error:  # of a directory cut short
            raise ItemError(
                "truncated", f"{self.name(z, x, y)}: its directory is broken ({reason(error)}); copy the file again"
            ) from error
        return None

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
        runs = list(itertools.islice(self._runs(root, _DEPTH), _MOST_RUNS + 1))
        if len(runs) > _MOST_RUNS:
            raise SourceError(
                f"{self.uri}: its header says not where it lies, and it has more than {_MOST_RUNS:,} tiles to look at: "
                "write it anew with bounds, such as with `pmtiles edit`"
            )
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

    def _said(self) -> dict[str, Any]:
        """What its metadata says."""
        content = self._bytes(self._header["metadata_offset"], self._header["metadata_length"])
        if self._header["internal_compression"] == Compression.GZIP:
            content = self._unpacked(content)
        said: dict[str, Any] = json.loads(content[: _MOST_BYTES + 1])
        return said

    def _directory(self, offset: int, length: int) -> list[Entry]:
        content = self._bytes(offset, length)
        self._unpacked(content)  # the library has no bound
        return deserialize_directory(content)

    def _unpacked(self, content: bytes) -> bytes:
        """What was compressed.

        Raises:
            SourceError: It grows beyond what a directory or metadata can have.
        """
        unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)  # gzip
        found = unpacking.decompress(content, _MOST_BYTES)
        # what follows would be unpacked too
        if unpacking.unconsumed_tail or unpacking.unused_data.strip(b"\0"):
            raise SourceError(
                f"{self.uri}: {len(content):,} bytes of it unpack to more than {_MOST_BYTES >> 20} MiB: they are no "
                "directory of tiles, or damaged; make the file anew"
            )
        if not unpacking.eof:
            raise EOFError("it is cut short")
        return found

    def _runs(self, entries: list[Entry], depth: int) -> Iterator[tuple[int, int]]:
        """First id and number of the tiles that directories name, so many of them below one another."""
        for entry in entries:
            if entry.run_length > 0:
                yield entry.tile_id, entry.run_length
            elif depth == 1:
                raise SourceError(f"{self.uri}: its directories lead to one another: make the file anew")
            else:
                leaf = self._directory(self._header["leaf_directory_offset"] + entry.offset, entry.length)
                yield from self._runs(leaf, depth - 1)

    def _from_file(self, path: Path) -> Callable[[int, int], bytes]:
        if path.stat().st_size == 0:
            raise SourceError(f"{path}: the file is empty (0 bytes)")
        file = path.open("rb")
        self._close.append(file.close)

        def read(offset: int, length: int) -> bytes:
            # not mapped: where another program cuts a mapped file short, whoever reads it ends without a word
            number = file.fileno()
            there = max(0, os.fstat(number).st_size - offset)
            return os.pread(number, min(length, there), offset) if there else b""

        return read

    def _from_web(self, uri: str, options: SourceOptions) -> Callable[[int, int], bytes]:
        web = Web(options)
        self._close.append(web.close)

        def read(offset: int, length: int) -> bytes:
            found = web.get(uri, first=offset, length=length)
            if found is None:
                raise SourceError(f"{self.uri}: there is no such file on the server")
            return found

        return read


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
        self._database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_TILE_BYTES)
        self._database.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        self._until = math.inf  # by the clock of this process
        self._database.set_progress_handler(lambda: time.monotonic() > self._until, 10_000)  # instructions
        try:
            said = dict(self._ask("SELECT name, value FROM metadata LIMIT ?", (_MOST_SAID,)))
            self._check(said)
            self._database.execute(_PLACED)
            described = describe(said, self.uri)
            rows = self._ask("SELECT DISTINCT zoom_level FROM placed ORDER BY zoom_level")
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
            found = next(
                iter(
                    self._ask(
                        "SELECT tile_data FROM tiles WHERE zoom_level = ? AND tile_column = ? AND tile_row = ? LIMIT 1",
                        (z, x, row),
                    )
                ),
                None,
            )
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

    def _ask(self, question: str, values: Sequence[Any] | dict[str, Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of the database; a view in it that never comes to an end is interrupted.

        Raises:
            sqlite3.DatabaseError: It is broken, or takes longer than `_SECONDS`.
        """
        with self._lock:
            self._until = time.monotonic() + _SECONDS
            try:
                return self._database.execute(question, values).fetchall()
            except sqlite3.OperationalError as error:
                if time.monotonic() <= self._until:
                    raise
                raise sqlite3.DatabaseError(f"to look up its tiles takes more than {_SECONDS:.0f} s") from error

    def _check(self, said: dict[str, str]) -> None:
        kind = str(said.get("format") or "png").lower()
        if kind.rpartition("/")[2] not in ("png", "jpg", "jpeg", "webp", "avif"):
            raise SourceError(f"{self.uri}: its tiles are {kind}, not pictures: PNG, JPEG, WebP or AVIF is needed")

    def _shown_by(self, area: BaseGeometry, north: bool) -> bool:
        """Whether rows count from the north: the finest tiles lie in the area that is said if they do."""
        z = self.zooms[-1]
        (ends,) = self._ask(
            "SELECT min(tile_column), min(tile_row), max(tile_column), max(tile_row) FROM placed WHERE zoom_level = ?",
            (z,),
        )
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
            rows = self._ask(_LARGER, {"up": up, "most": _MANY + 1})  # read no further
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
