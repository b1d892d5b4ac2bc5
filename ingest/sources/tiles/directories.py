"""The directories of a PMTiles archive: where in it a tile lies, and what it says of itself.

They unpack to so much and no more, and do not lead to one another without end. It does not know what a tile holds.
"""

import json
import os
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pmtiles.tile import (
    Compression,
    Entry,
    deserialize_directory,
    deserialize_header,
    find_tile,
    zxy_to_tileid,
)

from trainer.errors import SourceError

_HEADER_BYTES = 127
_DEPTH = 4  # directories on the way to a tile
_MOST_BYTES = 4 * 2**20  # of a directory or of metadata, unpacked: some hundred times what programs write


class Directories:
    """Those of one archive. May be used from several threads if it may be read from several.

    Attributes:
        header: What stands first in it.

    Args:
        uri: Of the archive, for messages.
        read: So many bytes from a place on.

    Raises:
        Exception: Whatever a broken header leads the library to.
    """

    def __init__(self, uri: str, read: Callable[[int, int], bytes]) -> None:
        self._uri, self._read = uri, read
        self.header: dict[str, Any] = {**deserialize_header(read(0, _HEADER_BYTES))}

    def metadata(self) -> dict[str, Any]:
        """What it says of itself.

        Raises:
            SourceError: It unpacks to too much.
            ValueError: It is no JSON.
            EOFError: It is cut short.
        """
        content = self._read(self.header["metadata_offset"], self.header["metadata_length"])
        if self.header["internal_compression"] == Compression.GZIP:
            content = self._unpacked(content)
        said: dict[str, Any] = json.loads(content[: _MOST_BYTES + 1])
        return said

    def root(self) -> list[Entry]:
        """The first directory; errors as of `metadata`."""
        return self._directory(self.header["root_offset"], self.header["root_length"])

    def get(self, z: int, x: int, y: int) -> bytes | None:
        """A tile as it is stored, or None; errors as of `metadata`."""
        header, tile_id = self.header, zxy_to_tileid(z, x, y)
        entries = self.root()
        for _ in range(_DEPTH):
            entry = find_tile(entries, tile_id)
            if entry is None:
                return None
            if entry.run_length:
                return self._read(header["tile_data_offset"] + entry.offset, entry.length)
            entries = self._directory(header["leaf_directory_offset"] + entry.offset, entry.length)
        return None

    def runs(self, entries: list[Entry], depth: int = _DEPTH) -> Iterator[tuple[int, int]]:
        """First id and number of the tiles that directories name, so many of them below one another.

        Raises:
            SourceError: They lead to one another, or one unpacks to too much.
        """
        for entry in entries:
            if entry.run_length > 0:
                yield entry.tile_id, entry.run_length
            elif depth == 1:
                raise SourceError(f"{self._uri}: its directories lead to one another: make the file anew")
            else:
                leaf = self._directory(self.header["leaf_directory_offset"] + entry.offset, entry.length)
                yield from self.runs(leaf, depth - 1)

    def _directory(self, offset: int, length: int) -> list[Entry]:
        content = self._read(offset, length)
        self._unpacked(content)  # the library has no bound
        return deserialize_directory(content)

    def _unpacked(self, content: bytes) -> bytes:
        unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)  # gzip
        found = unpacking.decompress(content, _MOST_BYTES)
        # what follows would be unpacked too
        if unpacking.unconsumed_tail or unpacking.unused_data.strip(b"\0"):
            raise SourceError(
                f"{self._uri}: {len(content):,} bytes of it unpack to more than {_MOST_BYTES >> 20} MiB: they are no "
                "directory of tiles, or damaged; make the file anew"
            )
        if not unpacking.eof:
            raise EOFError("it is cut short")
        return found


def opened(path: Path) -> tuple[Callable[[int, int], bytes], Callable[[], None]]:
    """Reads pieces of a file, from several threads, and closes it.

    Raises:
        OSError: It cannot be opened.
    """
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def read(offset: int, length: int) -> bytes:
        # not mapped: where another program cuts a mapped file short, whoever reads it ends without a word
        there = max(0, os.fstat(number).st_size - offset)
        return os.pread(number, min(length, there), offset) if there else b""

    return read, partial(os.close, number)
