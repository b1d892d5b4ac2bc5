"""PMTiles: map tiles in one file, on a disk or behind range requests.

What it says of where its tiles lie is often not so; then the tiles are believed. Directories and metadata unpack to so
much and no more. Pictures are not decoded.
"""

import hashlib
import itertools
import json
import math
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
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
from ingest.sources.tiles.store import MANY, Indexes, telling, tiles_area, true_area
from ingest.sources.web import Web, mask_url
from trainer.errors import AreaError, ItemError, SourceError, reason

_BOUNDS = ("min_lon_e7", "min_lat_e7", "max_lon_e7", "max_lat_e7")
_MANY_LEAVES = 64  # directories below the first
_HEADER_BYTES = 127
_DEPTH = 4  # directories on the way to a tile
_MOST_BYTES = 4 * 2**20  # of a directory or of metadata, unpacked: some hundred times what programs write
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
        return tuple(zooms), true_area(self.uri, said, bounds, telling(_indexes(runs)))

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
