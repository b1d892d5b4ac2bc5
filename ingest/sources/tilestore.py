"""Where the tiles of a Web-Mercator pyramid are kept: a folder, a PMTiles archive, a web server.

A store hands out encoded pictures by zoom, column and row (from the north). It does not decode or place them.
"""

import hashlib
import mmap
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import shapely
from pmtiles.reader import Reader as PmtilesReader
from pmtiles.tile import Compression, TileType
from shapely.geometry.base import BaseGeometry

from ingest.sources.source import SourceOptions
from ingest.sources.web import Web, mask_url
from trainer.errors import ItemError, SourceError, reason

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp")
LAT_LIMIT = 85.0511287798066  # where the square Web-Mercator world ends
_WEB_ZOOMS = tuple(range(20))  # what a server may have; it does not say


class TileStore(Protocol):
    """Encoded tiles.

    Attributes:
        uri: Where the tiles are, without secrets.
        zooms: Zoom levels it may have, ascending.
        attribution: The credit to show, if it says so.
        sparse: It knows at once which tiles it lacks, so that looking for others costs nothing.
    """

    uri: str
    zooms: tuple[int, ...]
    attribution: str | None
    sparse: bool

    def get(self, z: int, x: int, y: int) -> bytes | None:
        """The encoded tile, or None."""

    def name(self, z: int, x: int, y: int) -> str:
        """What to call a tile in messages."""

    def coverage(self) -> BaseGeometry:
        """Where there are tiles, degrees."""

    def fingerprint(self) -> str:
        """Changes when the tiles change."""

    def close(self) -> None:
        """Close files and connections."""


class FolderStore:
    """A folder z/x/y.png (or jpg, jpeg, webp, mixed at will)."""

    def __init__(self, root: Path, *, tms: bool) -> None:
        self.uri, self._root, self._tms = str(root), root, tms
        self.attribution: str | None = None
        self.sparse = True
        self._suffixes: dict[int, dict[tuple[int, int], str]] = {}
        for folder in sorted(p for p in root.iterdir() if p.name.isdecimal() and p.is_dir()):
            z = int(folder.name)
            # what lies outside the level's square is no tile of it
            tiles = {place: suffix for place, suffix in _tiles_below(folder) if max(place) < 2**z}
            if tiles:
                self._suffixes[z] = tiles
        if not self._suffixes:
            raise SourceError(f"{root}: no tile found; expected {root}/z/x/y with {', '.join(EXTENSIONS)}")
        self.zooms = tuple(sorted(self._suffixes))

    def get(self, z: int, x: int, y: int) -> bytes | None:
        """The encoded tile, or None."""
        path = self._path(z, x, y)
        return path.read_bytes() if path else None

    def name(self, z: int, x: int, y: int) -> str:
        """Its path."""
        return str(self._path(z, x, y) or self._root / f"{z}/{x}/{y}")

    def coverage(self) -> BaseGeometry:
        """All its tiles, of every zoom."""
        boxes = []
        for z, tiles in self._suffixes.items():
            places = np.array(sorted(tiles), dtype=np.float64)
            rows = 2.0**z - 1 - places[:, 1] if self._tms else places[:, 1]
            boxes.append(shapely.box(*tile_bounds(z, places[:, 0], rows)))
        return shapely.union_all(np.concatenate(boxes))

    def fingerprint(self) -> str:
        """Names, sizes and times of its tiles."""
        digest = hashlib.sha256()
        for z, tiles in sorted(self._suffixes.items()):
            for (x, y), suffix in sorted(tiles.items()):
                stat = (self._root / f"{z}/{x}/{y}{suffix}").stat()
                digest.update(f"{z}/{x}/{y}{suffix} {stat.st_size} {stat.st_mtime_ns};".encode())
        return digest.hexdigest()[:16]

    def close(self) -> None:
        """Nothing is open."""

    def _path(self, z: int, x: int, y: int) -> Path | None:
        row = 2**z - 1 - y if self._tms else y
        suffix = self._suffixes.get(z, {}).get((x, row))
        return self._root / f"{z}/{x}/{row}{suffix}" if suffix else None


def _tiles_below(folder: Path) -> list[tuple[tuple[int, int], str]]:
    found = []
    for column in folder.iterdir():
        if column.name.isdecimal() and column.is_dir():
            for file in column.iterdir():
                if file.suffix.lower() in EXTENSIONS and file.stem.isdecimal():
                    found.append(((int(column.name), int(file.stem)), file.suffix))
    return found


def is_tile_folder(root: Path) -> bool:
    """Whether a folder looks like z/x/y."""
    zooms = [p for p in root.iterdir() if p.name.isdecimal() and p.is_dir()]
    return any(column.name.isdecimal() and column.is_dir() for zoom in zooms for column in zoom.iterdir())


class WebStore:
    """A URL template with {z}, {x}, {y} (or {-y} for rows from the south), {s} for a server a, b or c, {q} quadkeys."""

    def __init__(self, template: str, options: SourceOptions) -> None:
        if not (("{x}" in template and "{z}" in template and re.search(r"\{-?y\}", template)) or "{q}" in template):
            raise SourceError(f"{mask_url(template)}: a tile URL needs {{z}}, {{x}} and {{y}} (or {{-y}}), or {{q}}")
        self.uri, self._template, self._tms = mask_url(template), template, options.tms
        self.zooms, self.attribution, self.sparse = _WEB_ZOOMS, options.attribution, False
        self._web = Web(options)

    def get(self, z: int, x: int, y: int) -> bytes | None:
        """The encoded tile; None where the server has none."""
        return self._web.get(self._url(z, x, y)) or None  # an empty answer is none

    def name(self, z: int, x: int, y: int) -> str:
        """Its URL without secrets."""
        return mask_url(self._url(z, x, y))

    def coverage(self) -> BaseGeometry:
        """The whole Web-Mercator world: a server does not say where it has imagery, so give an area."""
        return shapely.box(-180, -LAT_LIMIT, 180, LAT_LIMIT)

    def fingerprint(self) -> str:
        """The template: what a server holds is not known."""
        return hashlib.sha256(self.uri.encode()).hexdigest()[:16]

    def close(self) -> None:
        """Close connections."""
        self._web.close()

    def _url(self, z: int, x: int, y: int) -> str:
        south = 2**z - 1 - y
        # a digit a level, the coarsest first: 1 for the eastern half, 2 for the southern
        quad = "".join(str((x >> i & 1) + 2 * (y >> i & 1)) for i in range(z - 1, -1, -1))
        # {s} follows from the place, so a cache finds a tile again under its URL
        values = {"z": z, "x": x, "y": south if self._tms else y, "-y": south, "s": "abc"[(x + y) % 3], "q": quad}
        return re.sub(r"\{(-?\w)\}", lambda m: str(values.get(m[1], m[0])), self._template)


class PmtilesStore:
    """A PMTiles archive of pictures, in a file or behind range requests."""

    def __init__(self, uri: str, options: SourceOptions) -> None:
        self.uri, self.sparse = mask_url(uri), True
        self._close: list[Callable[[], None]] = []
        read = self._from_web(uri, options) if uri.startswith("http") else self._from_file(Path(uri))
        try:
            self._reader = _pmtiles_reader(read)
            self._header: dict[str, Any] = self._reader.header()
            self._metadata: dict[str, Any] = self._reader.metadata()
            self._check()
        except (SourceError, ItemError):
            self.close()
            raise
        except Exception as error:  # the library raises whatever a broken header leads to
            self.close()
            raise SourceError(f"{self.uri}: not a PMTiles archive that can be read ({reason(error)})") from error
        self.zooms = tuple(range(self._header["min_zoom"], self._header["max_zoom"] + 1))
        self.attribution = self._metadata.get("attribution") or None

    def get(self, z: int, x: int, y: int) -> bytes | None:
        """The encoded tile, or None."""
        try:
            found: bytes | None = self._reader.get(z, x, y)
        except (SourceError, ItemError):
            raise
        except Exception as error:  # the library raises whatever a broken directory leads to
            told = f"{self.uri}: its directory of tiles is broken ({reason(error)}): copy the archive again"
            raise ItemError("corrupt", told) from error
        return found

    def name(self, z: int, x: int, y: int) -> str:
        """The archive and the place in it."""
        return f"{self.uri}#{z}/{x}/{y}"

    def coverage(self) -> BaseGeometry:
        """The bounds in its header."""
        corners = [self._header[k] / 1e7 for k in ("min_lon_e7", "min_lat_e7", "max_lon_e7", "max_lat_e7")]
        box: BaseGeometry = shapely.box(*corners)
        return box

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


def _pmtiles_reader(read: Callable[[int, int], bytes]) -> Any:
    return PmtilesReader(read)  # type: ignore[no-untyped-call]


def tile_bounds(z: int, x: Any, y: Any) -> tuple[Any, Any, Any, Any]:
    """West, south, east and north in degrees of tiles, numbers or arrays."""
    n = 2.0**z
    west, east = x / n * 360 - 180, (x + 1) / n * 360 - 180
    # the inverse of y = asinh(tan φ)
    north, south = (np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * row / n)))) for row in (y, y + 1))
    return west, south, east, north
