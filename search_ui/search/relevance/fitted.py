"""Relevance fitted to truth: for a text, a logistic function that brings its relevance to what was found on the ground.

    fitted = 1 ÷ (1 + exp(−(slope · log(r ÷ (1 − r)) + intercept)))        r of `search_ui.search.relevance.calibration`

Cox's recalibration (D. R. Cox, *Two further applications of a model for binary regression*, Biometrika 45, 1958): with
a slope above 0 it rises with r, so it changes what a number means and never which of two tiles has more of it. A fit
is of one text, one model and the constants of relevance, and stands in the facts of the collection in the catalog, so
that it is renamed, backed up and deleted with it; a version of another model has none, and where the constants are
others it is not applied. It does not know how fits are made.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ingest.catalog.catalog import FITS, Catalog, Collection
from search_ui.search.query import Query
from search_ui.search.relevance.calibration import (
    BIAS,
    NEUTRAL,
    NOW,
    NOW_BIAS,
    PLACE,
    REGULAR,
    Calibration,
    Judged,
    RelevanceColumns,
)
from trainer.encoding import When
from trainer.errors import MissingError

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

_LEAST = 1e-6  # and 1 less that: a relevance of 0 or 1 has no log odds
_AT_ONCE = 20_000  # tiles whose year is held at once, 576 bytes each


@dataclass(frozen=True)
class Fit:
    """The fit of one text.

    Attributes:
        text: The question.
        model_id: The model of the vectors that it was fitted on.
        slope: Above 0.
        intercept: Added to it.
        truth: Name of the file of truth.
        tiles: How many tiles were known.
        positives: In how many of them it was to be seen.
        when: The moment of the truth, ISO 8601; None: any.
        fitted_at: ISO 8601 in UTC.
        constants: `constants_of` the relevance that it was fitted to; fits from before this was written down were
            made with those of the place as they are, and with others of now.
    """

    text: str
    model_id: str
    slope: float
    intercept: float
    truth: str
    tiles: int
    positives: int
    when: str | None
    fitted_at: str
    constants: tuple[float, ...] = (0.55, 2.82, -7.40)

    @property
    def holds(self) -> bool:
        """Whether relevance is still what it was fitted to."""
        return self.constants == constants_of(self.when)

    def chance(self, relevance: Floats) -> Floats:
        """Fitted relevance of such as is given, of any shape, 0..1."""
        fitted: Floats = (1 / (1 + np.exp(-(self.slope * log_odds(relevance) + self.intercept)))).astype(np.float32)
        return fitted

    def note(self) -> str:
        """What a person should read beside an answer."""
        if not self.holds:
            return (
                f"the fit of {self.text!r} to {self.truth} is not applied, for relevance is told otherwise since: fit "
                "it anew with `groundcast evaluate … --fit`"
            )
        at = "" if self.when is None else f" at {self.when}"
        return (
            f"relevance fitted to {self.truth}{at} ({self.positives:,} of {self.tiles:,} tiles, {self.fitted_at[:10]})"
        )


class Judge(Protocol):
    """What gives tiles their relevance: a `Calibration`, or a `Refitted` one."""

    @property
    def outside(self) -> float:
        """See `Calibration`."""

    def relevance(
        self, columns: RelevanceColumns, query: Floats, cosine: Floats, *, when: When = None, rows: Rows | None = None
    ) -> Floats:
        """See `Calibration.relevance`."""

    def judged(
        self, columns: RelevanceColumns, query: Floats, cosine: Floats, *, when: When = None, rows: Rows | None = None
    ) -> Judged:
        """See `Calibration.judged`."""


@dataclass(frozen=True)
class Refitted:
    """A calibration behind a fit."""

    plain: Calibration
    fit: Fit

    @property
    def outside(self) -> float:
        """Share of the collection that is unlike what the model learned from."""
        return self.plain.outside

    def relevance(
        self, columns: RelevanceColumns, query: Floats, cosine: Floats, *, when: When = None, rows: Rows | None = None
    ) -> Floats:
        """Fitted relevance of rows, float32 [m]; arguments as for `Calibration.relevance`."""
        exact = exact_relevance(self.plain, columns, query, cosine, when=when, rows=rows)
        return np.where(np.isfinite(cosine), self.fit.chance(exact), np.float32(0))

    def judged(
        self, columns: RelevanceColumns, query: Floats, cosine: Floats, *, when: When = None, rows: Rows | None = None
    ) -> Judged:
        """The two chances of rows, fitted: their product is the fitted relevance, their year stays as it is."""
        told = self.plain.judged(columns, query, cosine, when=when, rows=rows)
        place = np.where(np.isfinite(cosine), self.fit.chance(told.place), np.float32(0))
        any_day = None if told.any_day is None else self._now(place, told.place * told.any_day)
        return Judged(place, self._now(place, told.relevance), told.year, told.when, any_day)

    def _now(self, place: Floats, relevance: Floats) -> Floats:
        """What relevance as it is without a fit makes of a fitted place."""
        now: Floats = np.minimum(self.fit.chance(relevance) / np.maximum(place, np.float32(_LEAST)), np.float32(1))
        return now


def exact_relevance(
    calibration: Calibration,
    columns: RelevanceColumns,
    query: Floats,
    cosine: Floats,
    *,
    when: When = None,
    rows: Rows | None = None,
) -> Floats:
    """Relevance of rows to the end, also below `WEAK`, where `Calibration.relevance` stops early; float32 [m]."""
    at = np.arange(len(cosine)) if rows is None else rows
    found = [
        calibration.judged(columns, query, cosine[some], when=when, rows=at[some]).relevance
        for some in (slice(start, start + _AT_ONCE) for start in range(0, len(cosine), _AT_ONCE))
    ]
    return np.concatenate(found) if found else np.empty(0, np.float32)


def log_odds(relevance: Floats) -> npt.NDArray[np.float64]:
    """log(r ÷ (1 − r)), of any shape."""
    chance = np.clip(relevance.astype(np.float64), _LEAST, 1 - _LEAST)
    odds: npt.NDArray[np.float64] = np.log(chance / (1 - chance))
    return odds


def constants_of(when: str | None) -> tuple[float, ...]:
    """The constants of relevance at a moment; None: at none, where those of now play no part."""
    place, now = (PLACE, NEUTRAL, BIAS), (NOW, REGULAR, NOW_BIAS)
    return place if when is None else place + now


def fit_for(collection: Collection, query: Query) -> Fit | None:
    """The fit of a question: of one text alone, asked as it was put when it was fitted; None: there is none."""
    if len(query.parts) != 1 or query.parts[0].kind != "text" or query.parts[0].weight < 0 or query.ensemble:
        return None
    return fits_of(collection).get(str(query.parts[0].value).strip())


def fits_of(collection: Collection) -> dict[str, Fit]:
    """The fits of a collection by text; those of another model are none."""
    kept: Mapping[str, Any] = collection.spec.get(FITS) or {}
    fits = [Fit(**said | {"constants": tuple(said.get("constants", Fit.constants))}) for said in kept.values()]
    return {fit.text: fit for fit in fits if fit.model_id == collection.model_id}


def keep_fits(catalog: Catalog, collection: Collection, fits: Mapping[str, Fit]) -> None:
    """Keep fits with a collection; those of the same texts are replaced."""
    spec = catalog.collection(collection.name).spec
    kept = (spec.get(FITS) or {}) | {text: asdict(fit) for text, fit in fits.items()}
    catalog.update_collection(collection.name, spec | {FITS: kept})


def drop_fits(catalog: Catalog, collection: Collection, texts: list[str]) -> list[str]:
    """Take fits away from a collection.

    Args:
        catalog: Of the home.
        collection: Whose they are.
        texts: Of the fits; none: all of them.

    Returns:
        The texts whose fits are gone.

    Raises:
        MissingError: A text has none, or there is none at all.
    """
    spec = catalog.collection(collection.name).spec
    kept = dict(spec.get(FITS) or {})
    strange = [text for text in texts if text not in kept]
    if strange or not kept:
        have = ", ".join(repr(text) for text in kept) or "none"
        what = f"no fit of {strange[0]!r}" if strange else "no fit"
        raise MissingError(f"collection {collection.name!r} has {what}; fitted are: {have}")
    gone = texts or list(kept)
    left = {text: said for text, said in kept.items() if text not in gone}
    rest = {name: value for name, value in spec.items() if name != FITS}
    catalog.update_collection(collection.name, rest | ({FITS: left} if left else {}))
    return gone
