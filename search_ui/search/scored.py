"""Tiles that were scored, on the way from a question to its hits.

It does not know how they are scored or chosen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from trainer.encoding import When

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


class ScoredColumns(Protocol):
    """Tiles as columns: an `ExactScorer`, or the `Pool` of what an index proposes."""

    @property
    def lat(self) -> npt.NDArray[np.float64]:
        """Centres, degrees north, [n]."""

    @property
    def lon(self) -> npt.NDArray[np.float64]:
        """Centres, degrees east, [n]."""

    @property
    def size_m(self) -> Floats:
        """Sides, metres, [n]."""

    @property
    def acquired_us(self) -> Rows:
        """Microseconds since 1970, UTC, [n]."""

    def ids(self, rows: Rows) -> list[str]:
        """Ids of rows."""

    def cosines(self, query: Floats, *, when: When = None, rows: Rows | None = None) -> Floats:
        """See `ingest.field.scorer.ExactScorer.cosines`."""

    def frames(self, query: Floats, whens: Sequence[When], *, rows: Rows | None = None) -> Floats:
        """See `ingest.field.scorer.ExactScorer.frames`."""


@dataclass(frozen=True)
class Asked:
    """A question as vectors: as it was put, and as feedback steers it; the same one where nothing was said."""

    vector: Floats
    steered: Floats


@dataclass(frozen=True)
class Scored:
    """Tiles that were scored: rows of `columns`, or all of them, with m cosines."""

    columns: ScoredColumns
    rows: Rows | None
    cosine: Floats
    asked: Asked
    when: When
    method: str
    said: str | None = None  # to a person: why not otherwise

    def at(self, some: Rows) -> Rows:
        """Rows of the columns behind rows of the scores."""
        return some if self.rows is None else self.rows[some]
