"""What stands in the place of a calibration where relevance cannot be told: for vectors of a model that is not here.

Relevance is calibrated with words. Without them a cosine says which tiles are more alike than others, and nothing of
what is to be seen there; so every relevance is NaN, which answers and files leave empty.
"""

from dataclasses import dataclass

import numpy as np

from search_ui.search.relevance.calibration import Floats, Judged, RelevanceColumns, Rows
from trainer.encoding import When
from trainer.errors import UsageError

WHY = "no relevance: the model of these vectors is not here, so the cosine alone puts tiles in order"


@dataclass(frozen=True)
class Unrated:
    """A collection without relevance; see `calibration.Calibration`, whose questions it answers."""

    moments: tuple[When, ...] = (None,)
    outside: float = 0.0

    def relevance(
        self,
        columns: RelevanceColumns,  # noqa: ARG002 - as a calibration is asked
        query: Floats,  # noqa: ARG002
        cosine: Floats,
        *,
        when: When = None,  # noqa: ARG002
        rows: Rows | None = None,  # noqa: ARG002
    ) -> Floats:
        """NaN for every row, float32 [m]."""
        return np.full(len(cosine), np.nan, np.float32)

    def judged(
        self, columns: RelevanceColumns, query: Floats, cosine: Floats, *, when: When = None, rows: Rows | None = None
    ) -> Judged:
        """Of every row that nothing is known: a place by NaN, and any time."""
        place = self.relevance(columns, query, cosine, when=when, rows=rows)
        return Judged(place, np.ones_like(place), None)

    def usual(self, when: When) -> None:
        """Nothing: there is nothing to be made ahead of a question."""


def refuse_minimum(collection: str, least: float) -> None:
    """Refuse a least relevance where there is none.

    Raises:
        UsageError: One is asked for.
    """
    if least > 0:
        raise UsageError(
            f"minimum relevance {least:g}: collection {collection!r} has no relevance, for the model of its vectors is "
            "not here: leave it out, and cut by the cosine"
        )
