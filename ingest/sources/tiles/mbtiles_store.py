"""MBTiles: map tiles in one file that is an SQLite database.

What it says of where its tiles lie is often not so; then the tiles are believed. Its tables may be views that never end
or reach elsewhere: a question has a time, and there is no other database. Pictures are not decoded.
"""

import hashlib
import math
import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from ingest.sources.tiles.description import describe
from ingest.sources.tiles.store import MANY, Indexes, telling, tile_bounds, true_area
from ingest.sources.tiles.template import MAX_ZOOM
from trainer.errors import ItemError, SourceError

_MOST_TILE_BYTES = 64 * 2**20
_MOST_SAID = 10_000  # rows of what it says of itself
_SECONDS = 20.0  # for a question
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
        return true_area(self.uri, said, None if said is None else said.bounds, telling(tiles))

    def _tiles_or_larger(self) -> dict[int, Indexes]:
        """Columns and rows of its tiles, by zoom; where they are very many, of those that hold them."""
        for up in range(MAX_ZOOM + 1):
            rows = self._ask(_LARGER, {"up": up, "most": MANY + 1})  # read no further
            if len(rows) <= MANY:
                break
        places = np.array(rows, dtype=np.int64).reshape(-1, 3)
        return {int(z): places[places[:, 0] == z, 1:] for z in np.unique(places[:, 0])}


def _box(z: int, corners: Indexes) -> BaseGeometry:
    west, south, east, north = tile_bounds(z, *corners.T.astype(np.float64))
    found: BaseGeometry = shapely.box(west.min(), south.min(), east.max(), north.max())
    return found


def _turned(z: int, places: Indexes) -> Indexes:
    return np.column_stack([places[:, 0], 2**z - 1 - places[:, 1]])
