"""A tile's year in 26 numbers: where its excess lies highest and lowest, and what each month and each hour make of it.

    range     = highest − lowest, over the `TYPICAL` moments
    fall      = (excess now − highest) ÷ (range + 1)
    usual     = month's mean over the hours + hour's mean over the months
    regular   = (usual now − highest usual) ÷ (highest usual − lowest usual + 1)

Both are 0 at the tile's best and hardly ever below −1; near 0 at any moment for what is there all the year. The 1 is
what a neutral prompt reaches. One moment's excess is a noisy number, and an answer shows the tiles in which it is high
by chance; means over the year are hardly so. It does not know where excesses come from.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import numpy as np
import numpy.typing as npt

from search_ui.search.likeliest import HOURS
from trainer.encoding import When

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

MOST = 100_000
"""Tiles whose years are remembered for a query, 10 MB of them: more are worked out again at each moment."""

_MONTHS = 12
_STEP_H = 24 / len(HOURS)


@dataclass(frozen=True)
class Years:
    """Of m tiles.

    Attributes:
        numbers: Highest and lowest excess, the mean of each month, that of each of the `HOURS`: float32 [26, m].
    """

    numbers: Floats

    @classmethod
    def of(cls, excess: Floats) -> "Years":
        """Of the excess at the `TYPICAL` moments, [144, m]; of a model that knows no time, [1, m]."""
        months, hours = np.zeros((2, _MONTHS, excess.shape[1]), np.float32)
        if len(excess) == _MONTHS * len(HOURS):
            year = excess.reshape(_MONTHS, len(HOURS), -1)
            months, hours = year.mean(axis=1), year.mean(axis=0)
        return cls(np.concatenate([[excess.max(axis=0), excess.min(axis=0)], months, hours]).astype(np.float32))

    @property
    def highest(self) -> Floats:
        """The highest excess, [m]."""
        highest: Floats = self.numbers[0]
        return highest

    def falls(self, excess: Floats, whens: Sequence[When]) -> Floats:
        """How far below their best tiles lie at T moments, fall and regular, float32 [T, m, 2].

        Args:
            excess: At those moments, [T, m].
            whens: Each with day and hour.
        """
        highest, lowest = self.numbers[:2]
        months, hours = self.numbers[2 : 2 + _MONTHS], self.numbers[2 + _MONTHS :]
        usual = np.stack([_usual(months, hours, cast("datetime", when)) for when in whens])
        top, bottom = months.max(axis=0) + hours.max(axis=0), months.min(axis=0) + hours.min(axis=0)
        return np.stack([_fall(excess, highest, lowest), _fall(usual, top, bottom)], axis=-1)


class KnownYears:
    """The years of a field's tiles that were looked at for a query: 4 bytes a tile, and 104 for each of at most `MOST`.

    Args:
        n: Tiles of the field.
    """

    def __init__(self, n: int) -> None:
        self._place = np.full(n, -1, np.int32)  # among those that are known
        self._numbers: Floats = Years.of(np.empty((1, 0), np.float32)).numbers
        self._lock = threading.Lock()

    def get(self, rows: Rows, make: Callable[[Rows], Years]) -> Years:
        """The years of rows; those that are not known are made."""
        with self._lock:
            place = self._place[rows]
            unknown = place < 0
            found = np.empty((len(self._numbers), len(rows)), np.float32)
            found[:, ~unknown] = self._numbers[:, place[~unknown]]
        if unknown.any():
            new, which = np.unique(rows[unknown], return_inverse=True)
            made = make(new).numbers
            found[:, unknown] = made[:, which]
            with self._lock:
                kept = self._numbers.shape[1]
                if kept + len(new) <= MOST:
                    # another thread may have come first; then some are kept twice, and either is right
                    self._place[new] = kept + np.arange(len(new))
                    self._numbers = np.concatenate([self._numbers, made], axis=1)
        return Years(found)


def _usual(months: Floats, hours: Floats, when: datetime) -> Floats:
    """The month's mean + the hour's, which runs straight between the hours that were looked at, [m]."""
    before, part = divmod((when.hour + when.minute / 60) / _STEP_H, 1)
    at = int(before)
    hour = (1 - part) * hours[at] + part * hours[(at + 1) % len(hours)]
    return np.asarray(months[when.month - 1] + hour, np.float32)


def _fall(value: Floats, highest: Floats, lowest: Floats) -> Floats:
    fall: Floats = np.minimum(value - highest, np.float32(0)) / (highest - lowest + np.float32(1))
    return fall
