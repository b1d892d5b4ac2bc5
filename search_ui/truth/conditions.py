"""Which rows of a table are meant: `building`, `building=yes`, `building=house,residential`, as OSM's tags are said."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.errors import UsageError

_SAID_NOT = frozenset({"no", "false", "0"})


@dataclass(frozen=True)
class Condition:
    """What a column must say.

    Attributes:
        column: Its name.
        values: Any of these, whatever the case; empty: anything but nothing, "no", "false" and 0.
    """

    column: str
    values: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, said: str) -> "Condition":
        """Of COLUMN, COLUMN=VALUE or COLUMN=VALUE,VALUE.

        Raises:
            UsageError: It has no column, or nothing behind its sign.
        """
        column, equals, rest = said.partition("=")
        values = frozenset(value.strip().casefold() for value in rest.split(",") if value.strip())
        if not column.strip() or (equals and not values):
            raise UsageError(f"--where {said!r}: write COLUMN, or COLUMN=VALUE, such as building=yes")
        return cls(column.strip(), values)

    def holds(self, column: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
        """Of each value of the column, bool [n]."""
        told = [text_of(value) for value in column]
        if self.values:
            return np.array([text is not None and text.casefold() in self.values for text in told], np.bool_)
        return np.array([text is not None and text.casefold() not in _SAID_NOT for text in told], np.bool_)


def text_of(value: Any) -> str | None:
    """A value of a table as text; None where there is none: missing, NaN or blank. 1.0 is 1, for gaps make floats."""
    if value is None or (isinstance(value, float | np.floating) and not np.isfinite(value)):
        return None
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    return str(value).strip() or None
