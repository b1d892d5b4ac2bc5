"""Vectors that are brought, whatever they are read from: rows in a fixed order, in blocks, each row with a name.

A row's name is the id of its tile. A row that can be no tile, such as a second one with the same id, goes by its file
and number. It does not know tables, rasters or the archive.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class NamedRows:
    """Rows that follow each other.

    Attributes:
        ids: Of their tiles, None where a row has none, [n].
        places: File and number of each, [n].
    """

    ids: Sequence[str | None]
    places: Sequence[str]


@dataclass(frozen=True)
class RowBlock:
    """Rows that were read: those that are tiles, and the others.

    Attributes:
        columns: Of the archive, by name, [m].
        vectors: float32 [m, d].
        left_out: Rows that are left out on purpose, by reason.
        failures: Names of rows that are no tiles, with a reason code and a sentence.
        unread_dates: Rows whose date could not be read; they have none.
    """

    columns: dict[str, Any]
    vectors: npt.NDArray[np.float32]
    left_out: dict[str, int]
    failures: list[tuple[str, str, str]]
    unread_dates: int = 0


class VectorSource(Protocol):
    """Vectors of one source."""

    @property
    def uri(self) -> str:
        """Where they come from, without secrets."""

    @property
    def said(self) -> list[str]:
        """What the files were taken for, a sentence each."""

    @property
    def layout(self) -> str:
        """The same in a word or two."""

    @property
    def dim(self) -> int:
        """Numbers in a vector."""

    @property
    def model(self) -> str | None:
        """What made them; None: nobody says."""

    @property
    def model_id(self) -> str | None:
        """Of groundcast's own model, where the files name one."""

    @property
    def attribution(self) -> str | None:
        """Whom the files say is to be credited."""

    @property
    def makes_ids(self) -> bool:
        """Whether rows have no ids of their own, and are named after their file and number."""

    @property
    def rows(self) -> int:
        """How many there are, or may be."""

    @property
    def stamp(self) -> str:
        """Changes when the files do."""

    def names(self, size: int) -> Iterator[NamedRows]:
        """All rows in their order, in blocks of so many; the last has fewer."""

    def read(self, number: int, size: int, wanted: Sequence[str]) -> RowBlock:
        """Rows of a block of `names`.

        Args:
            number: Of the block, counted from 0.
            size: Rows of a block.
            wanted: Names of its rows that are to be read: ids, or places of those that can be no tile.

        Raises:
            SourceError: The files are broken, or are not what they were.
        """

    def close(self) -> None:
        """Lets go of files."""


def hashes(names: Sequence[str]) -> Hashes:
    """64 bits of each name. Of two million names the chance that two share them is one in nine million."""
    digests = (hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest() for name in names)
    return np.frombuffer(b"".join(digests), "<u8")


def seconds(found: Hashes) -> npt.NDArray[np.bool_]:
    """Which hashes stand before already, [n]: of equal ones all but the first."""
    order = np.argsort(found, kind="stable")
    again = np.zeros(len(found), np.bool_)
    again[order[1:]] = found[order[1:]] == found[order[:-1]]
    return again
