"""Ids of rows of a field, decoded when they are looked at: most of those who hold them never look at most of them.

It does not know what the rows are.
"""

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

from ingest.field.columns import MappedColumns

Rows = npt.NDArray[np.int64]


class RowIds(Sequence[str]):
    """Ids in the order of the rows.

    Args:
        columns: The field's.
        rows: Ascending row numbers, [m]; None: all of them.
    """

    def __init__(self, columns: MappedColumns, rows: Rows | None = None) -> None:
        self._columns, self._rows = columns, rows

    def __len__(self) -> int:
        return self._columns.n if self._rows is None else len(self._rows)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            every = range(self._columns.n) if self._rows is None else self._rows
            return self._columns.ids(np.asarray(every[place], np.int64))
        at = range(len(self))[place]  # also from the end, and never beyond it
        return self._columns.ids(np.array([at if self._rows is None else self._rows[at]], np.int64))[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns.ids(self._rows))

    def __contains__(self, item: object) -> bool:
        return isinstance(item, str) and self._place(item) is not None

    def index(self, item: str, start: int = 0, stop: int | None = None) -> int:
        """The place of an id.

        Raises:
            ValueError: It is not among them.
        """
        place = self._place(item)
        if place is None or place not in range(len(self))[start:stop]:
            raise ValueError(f"no row has the id {item[:60]!r}")
        return place

    def _place(self, item: str) -> int | None:
        row = self._columns.row(item)
        if row is None or self._rows is None:
            return row
        place = int(np.searchsorted(self._rows, row))
        return place if place < len(self._rows) and self._rows[place] == row else None

    def __eq__(self, other: object) -> bool:
        if isinstance(other, RowIds) and other._columns is self._columns:
            one, two = self._rows, other._rows
            return one is two or (one is not None and two is not None and np.array_equal(one, two))
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]
