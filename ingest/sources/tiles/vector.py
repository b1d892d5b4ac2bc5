"""Vector tiles in one PMTiles file that somebody brings, such as a map of roads and names, handed on as they are.

It knows what the file says of itself, and neither the layers in its tiles nor how they are drawn.
"""

import html
import re
from pathlib import Path

from pmtiles.tile import Compression, TileType

from ingest.sources.tiles.directories import Directories, opened
from trainer.errors import SourceError, reason

_ENCODINGS = {Compression.NONE: None, Compression.GZIP: "gzip", Compression.BROTLI: "br", Compression.ZSTD: "zstd"}


class VectorTiles:
    """The file, open until the process ends. May be used from several threads.

    Attributes:
        min_zoom: The farthest zoom that it has.
        max_zoom: The nearest.
        bounds: West, south, east, north of what it says it holds, degrees.
        attribution: Whom it asks to credit, without markup; None: nobody.
        encoding: What its tiles are compressed with, in the words of HTTP; None: with nothing.
        version: A text that changes with the file.

    Args:
        path: Of the file.

    Raises:
        SourceError: It cannot be read, or holds no vector tiles.
    """

    def __init__(self, path: Path) -> None:
        try:
            stat = path.stat()
            read, close = opened(path)
        except OSError as error:
            raise _unreadable(path, error) from error
        try:
            self._directories = Directories(str(path), read)
            header, said = self._directories.header, self._directories.metadata()
        except Exception as error:  # the library raises whatever a broken header leads to
            close()
            raise _unreadable(path, error) from error
        if header["tile_type"] != TileType.MVT or header["tile_compression"] not in _ENCODINGS:
            close()
            kind = f"{header['tile_type'].name}, {header['tile_compression'].name}"
            raise SourceError(
                f"basemap {path}: it holds no vector tiles but {kind}: such as Protomaps makes are needed"
            )
        self.min_zoom, self.max_zoom = int(header["min_zoom"]), int(header["max_zoom"])
        west, south, east, north = (header[f"{side}_e7"] / 1e7 for side in ("min_lon", "min_lat", "max_lon", "max_lat"))
        self.bounds = west, south, east, north
        self.attribution = html.unescape(re.sub(r"<[^>]*>", "", str(said.get("attribution") or ""))).strip() or None
        self.encoding = _ENCODINGS[header["tile_compression"]]
        self.version = f"{stat.st_size:x}-{stat.st_mtime_ns:x}"

    def get(self, z: int, x: int, y: int) -> bytes | None:
        """A tile as it is stored, or None.

        Raises:
            SourceError: The file's directory of it is broken.
        """
        try:
            return self._directories.get(z, x, y)
        except Exception as error:  # of a directory cut short
            raise SourceError(
                f"the basemap's tile {z}/{x}/{y} cannot be read ({reason(error)}): copy it again"
            ) from error


def _unreadable(path: Path, error: Exception) -> SourceError:
    return SourceError(
        f"basemap {path}: not a PMTiles file that can be read ({reason(error)}); copy it again, or take `basemap` out "
        "of the settings"
    )
