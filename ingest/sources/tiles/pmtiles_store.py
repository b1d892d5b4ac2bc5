"""PMTiles: map tiles in one file, on a disk or behind range requests.

What it says of where its tiles lie is often not so; then the tiles are believed. Pictures are not decoded.
"""

import hashlib
import itertools
import math
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pmtiles.tile import Compression, TileType, tileid_to_zxy, zxy_to_tileid
from shapely.geometry.base import BaseGeometry

from ingest.geo.geometry import box
from ingest.sources.source import SourceOptions
from ingest.sources.tiles.directories import Directories, opened
from ingest.sources.tiles.store import MANY, Indexes, telling, tiles_area, true_area
from ingest.sources.web import Web, mask_url
from trainer.errors import AreaError, ItemError, SourceError, reason

_BOUNDS = ("min_lon_e7", "min_lat_e7", "max_lon_e7", "max_lat_e7")
_MANY_LEAVES = 64  # directories below the first
_MOST_RUNS = 5_000_000


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
        read = self._from_web(uri, options) if uri.startswith("http") else self._from_file(Path(uri))
        try:
            self._directories = Directories(self.uri, read)
            self._header = self._directories.header
            self._check()
            self.attribution = self._directories.metadata().get("attribution") or None
            self.zooms, self._coverage = self._extent()
        except (SourceError, ItemError):
            self.close()
            raise
        except Exception as error:  # the library raises whatever a broken header leads to
            self.close()
            raise SourceError(f"{self.uri}: not a PMTiles archive that can be read ({reason(error)})") from error

    def get(self, z: int, x: int, y: int) -> bytes | None:
        """The encoded tile, or None.

        Raises:
            ItemError: The part of its directory that leads there is broken, or the server does not answer.
        """
        try:
            return self._directories.get(z, x, y)
        except (EOFError, OSError, ValueError, IndexError, zlib.error) as error:  # of a directory cut short
            raise ItemError(
                "truncated", f"{self.name(z, x, y)}: its directory is broken ({reason(error)}); copy the file again"
            ) from error

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
        root = self._directories.root()
        leaves = [entry for entry in root if entry.run_length == 0]
        if said is not None and len(leaves) > _MANY_LEAVES:  # too much to read, as a server's
            top = range(self._header["min_zoom"], self._header["max_zoom"] + 1)
            some = _indexes([(entry.tile_id, 1) for entry in leaves])
            if top and top[-1] in some and tiles_area({top[-1]: some[top[-1]]}).intersects(said):
                return tuple(top), said
        runs = list(itertools.islice(self._directories.runs(root), _MOST_RUNS + 1))
        if len(runs) > _MOST_RUNS:
            raise SourceError(
                f"{self.uri}: its header says not where it lies, and it has more than {_MOST_RUNS:,} tiles to look at: "
                "write it anew with bounds, such as with `pmtiles edit`"
            )
        if not runs:
            raise SourceError(f"{self.uri}: it holds no tile")
        zooms = sorted({tileid_to_zxy(first)[0] for first, _ in runs})
        bounds = [self._header[key] / 1e7 for key in _BOUNDS]
        return tuple(zooms), true_area(self.uri, said, bounds, telling(_indexes(runs)))

    def _header_box(self) -> BaseGeometry | None:
        try:
            return box(*(self._header[key] / 1e7 for key in _BOUNDS))
        except AreaError:
            return None

    def _from_file(self, path: Path) -> Callable[[int, int], bytes]:
        if path.stat().st_size == 0:
            raise SourceError(f"{path}: the file is empty (0 bytes)")
        read, close = opened(path)
        self._close.append(close)
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


def _indexes(runs: list[tuple[int, int]]) -> dict[int, Indexes]:
    """Columns and rows of runs of tile ids, by zoom; where they are very many, of the tiles that hold them."""
    up = max(0, math.ceil(math.log(sum(length for _, length in runs) / MANY, 4)))
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
