"""The boxes of a JPEG 2000 file (ISO/IEC 15444-1, annex I), looked at before GDAL walks them.

A box inside another that claims to have no length sends GDAL's search for GML round for ever. It does not know pixels.
"""

import struct
from pathlib import Path
from typing import BinaryIO

from trainer.errors import ItemError

_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
_SUPERBOXES = (b"asoc", b"jp2h", b"res ", b"uinf")
_HEADER = 8  # bytes: length and type
_DEPTH = 16  # of boxes in boxes


def check_boxes(path: Path) -> None:
    """Refuses a JPEG 2000 file whose boxes do not fill each other; of any other file nothing is said.

    Raises:
        ItemError: They do not.
    """
    with path.open("rb") as file:
        if file.read(len(_SIGNATURE)) != _SIGNATURE:
            return
        if not _sound(file, 0, path.stat().st_size, depth=0):
            raise ItemError(
                "unreadable",
                f"{path}: a JPEG 2000 file whose boxes are damaged: copy it again",
            )


def _sound(file: BinaryIO, start: int, stop: int, *, depth: int) -> bool:
    """Whether the boxes between two places, bytes, follow each other to the end."""
    while start < stop:
        file.seek(start)
        header = file.read(_HEADER)
        if len(header) < _HEADER:
            return False
        length, kind = struct.unpack(">I4s", header)
        body = start + _HEADER
        if length == 1:  # a 64-bit length follows
            (length,) = struct.unpack(">Q", file.read(8).ljust(8, b"\0"))
            body += 8
        elif length == 0 and depth == 0:  # the last box of a file may leave its length open
            length = stop - start
        end = start + length
        # a codestream that is cut short is the decoder's to refuse, or to read as far as it goes
        if end < body or (end > stop and depth):
            return False
        if kind in _SUPERBOXES and not (depth < _DEPTH and _sound(file, body, min(end, stop), depth=depth + 1)):
            return False
        start = end
    return True
