"""Rows of photo metadata, some ten thousand at a time, in the same columns whatever they come from.

    id, address      name of the photo, and where its picture is: a URL or a file
    lat, lon         degrees WGS84, as text
    taken, uploaded  the camera's wall clock; seconds since 1970 or a date, UTC
    accuracy         of the place, Flickr's 1 … 16
    owner, owner_name, licence, page, title, description, tags

All columns are text as it was written; what is not known is null. A row that is no row, or no photo, is counted by
reason. What a value is worth is for `ingest.pairs.selection.sieve` to say.
"""

import codecs
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv

from trainer.errors import SourceError

COLUMNS = (
    "id", "address", "lat", "lon", "taken", "uploaded", "accuracy", "owner", "owner_name", "licence", "page",
    "title", "description", "tags",
)  # fmt: skip
COMPRESSED = (".bz2", ".gz")
BLOCK_BYTES = 2 << 20  # of text, unpacked: some ten thousand rows
_NULLS = ["", "null", "NULL", "\\N"]


@dataclass(frozen=True)
class Block:
    """Some rows.

    Attributes:
        rows: pa.RecordBatch with some of `COLUMNS`, text or bytes, or anything that text can be made of.
        left_out: Rows of the input that are none of these, by reason.
        notes: Rows that are here without a value that their file claims to have, by reason.
        escaped: Title, description, tags and names are URL-escaped, with + for a blank.
    """

    rows: pa.RecordBatch
    left_out: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    escaped: bool = False

    @property
    def read(self) -> int:
        """Rows of the input."""
        return len(self.rows) + self.left_out.total()


def inner_suffix(path: Path) -> str:
    """The suffix of a file, in lower case, without that of its compression."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def first_lines(path: Path, size: int = 1 << 18) -> list[bytes]:
    """The whole lines in the first bytes of a file, compressed or not.

    Raises:
        SourceError: It cannot be read.
    """
    with readable(path), pa.input_stream(str(path), compression="detect") as stream:
        start = stream.read(size)
    lines: list[bytes] = start.splitlines()
    # a file at least that long: its last line here may be cut
    return lines if len(start) < size else lines[:-1]


def delimited(
    path: Path, *, names: Sequence[str] | None, wanted: Mapping[str, str], delimiter: str, quoted: bool
) -> Iterator[Block]:
    """Blocks of a file of delimited text, compressed or not.

    Args:
        names: Of its columns; None: its first line has them.
        wanted: Name of ours by name of the file's.
        delimiter: One character.
        quoted: Cells may stand in double quotes, and lines may break within them.

    Raises:
        SourceError: It cannot be read to its end, or a quote is open.
    """
    broken: Counter[str] = Counter()

    def count(_row: csv.InvalidRow) -> str:
        broken["broken_row"] += 1
        return "skip"

    options: dict[str, Any] = {
        "read_options": csv.ReadOptions(column_names=names, block_size=BLOCK_BYTES),
        "parse_options": csv.ParseOptions(
            delimiter=delimiter,
            quote_char='"' if quoted else False,
            newlines_in_values=quoted,
            invalid_row_handler=count,
        ),
        "convert_options": csv.ConvertOptions(
            column_types=dict.fromkeys(wanted, pa.binary()),
            include_columns=list(wanted),
            strings_can_be_null=True,
            null_values=_NULLS,
        ),
    }
    with (
        readable(path),
        pa.input_stream(str(path), compression="detect") as stream,
        csv.open_csv(pa.PythonFile(lines := _Lines(stream), "r"), **options) as rows,
    ):
        for batch in rows:
            # pyarrow reads ahead and counts meanwhile: what it has counted so far goes with this batch
            seen = Counter(broken)
            broken.subtract(seen)
            yield Block(batch.rename_columns(list(wanted.values())), +seen)
    if quoted and lines.quotes % 2:
        raise SourceError(f"'{path}' has a double quote that is not closed, which swallows rows: mend it, or double it")
    if +broken:
        yield Block(pa.RecordBatch.from_pylist([], pa.schema([("id", pa.binary())])), +broken)


class _Lines(io.RawIOBase):
    """A stream of bytes as pyarrow can read it, which stops at a broken row that is no UTF-8 or longer than a block.

    Bytes that are no UTF-8 are replaced by U+FFFD, and what is too long of a line is left out.

    Args:
        stream: The open file, plain or decompressed, read once from its start.

    Attributes:
        quotes: Double quotes so far; an odd number at the end leaves one open.
    """

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self.quotes = 0
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")  # the end of a piece may cut a character
        self._line = 0  # bytes since the last line's end
        self._held = bytearray()
        self._ended = False

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = BLOCK_BYTES) -> bytes:
        """So many bytes, less at the end only: pyarrow takes whatever it gets for a block."""
        while len(self._held) < size and not self._ended:
            piece = self._stream.read(size)
            self._ended = not piece
            # half a block: a line that pyarrow finds in more than two blocks is an error of the whole file
            self._held += self._decoded(self._cut(piece, size // 2))
        read = bytes(self._held[:size])
        del self._held[:size]
        return read

    def _cut(self, piece: bytes, limit: int) -> bytes:
        """The piece without what is beyond the limit of the line that it begins with."""
        end = piece.find(b"\n")
        first = len(piece) if end < 0 else end
        beyond = max(0, self._line + first - limit)
        kept = max(0, first - beyond)
        self._line = self._line + first if end < 0 else len(piece) - 1 - piece.rfind(b"\n")
        return piece[:kept] + piece[first:] if beyond else piece

    def _decoded(self, piece: bytes) -> bytes:
        self.quotes += piece.count(b'"')
        # nothing of a cut character is held back
        if piece.isascii() and piece and not self._decoder.getstate()[0]:
            return piece
        return self._decoder.decode(piece, final=self._ended).encode()


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Tells what goes wrong within as a `SourceError`."""
    try:
        yield
    except FileNotFoundError as error:
        raise SourceError(f"'{path}' does not exist: give photo metadata or a folder of photos") from error
    except (OSError, pa.ArrowException) as error:
        hint = "a line is far too long" if "straddl" in str(error) else "is it whole? copy it again"
        raise SourceError(f"'{path}' cannot be read: {error}; {hint}") from error
