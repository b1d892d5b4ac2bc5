"""Relevance: about how likely it is that what a text asks for is really to be seen in a tile, 0..1.

A cosine means nothing to a person: its level comes from the model, the text and the collection. Relevance is a product
of two chances:

    place     Is it a place for it, at its best moment? Fitted to what is true there at the best moment.
    now       Is it now, the tile against itself over the year and the day? Fitted, where it is a place for it, to
              whether .35 of what is true at the best moment, or more, is true now. 1 where no moment is asked.

Both come from numbers without unit. The *excess* of a tile at a moment is cos(S, q) minus the mean cosine of a bank of
neutral prompts with the same tile, minus the usual level of that difference, all divided by how far the neutral prompts
themselves reach (`Usual.reach`). At the `TYPICAL` moments it has a highest and a lowest value:

    place     cos(O, q) against all tiles of the collection, in standard deviations of the same text; and the highest
              excess.
    now       how far it lies at the moment below the tile's best, by itself and by its month and hour (`years`): a
              thing that is there all the year falls nowhere.

Shift or scale all cosines of a model and nothing changes; where a text reaches no higher than neutral ones, as with
random weights, little is `strong`. Where the imagery is unlike what the model learned from, *place* is worth less and
nothing is `strong` (`unlike`). An excess is one cosine, with q minus the mean of the bank, so a tile's year costs 144
of them, and only tiles that can come to matter are looked at so. How good it is, and its limits: docs/relevance.md.

It does not know texts, models or collections by name. It was measured with texts; what is asked by a picture gets a
number that orders the tiles and means less, and its answer says so.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from functools import partial
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
from cachetools import LRUCache

from search_ui.search.likeliest import HOURS, LIKELY, TYPICAL, Likeliest
from search_ui.search.relevance.unlike import OUTSIDE, TRUST, share_outside
from search_ui.search.relevance.usual import LEAST, CalibrationTiles, Usual, usual_at
from search_ui.search.relevance.usual_files import UsualFiles
from search_ui.search.relevance.years import KnownYears, Years
from trainer.encoding import Month, MonthHour, When, at_hour
from trainer.neutral_prompts import BANK
from trainer.novelty import Novelty

__all__ = [
    "BANK", "DIGITS", "POSSIBLE", "STRONG", "WEAK", "Calibration", "Grade", "Judged", "chance", "chance_now", "grade",
    "say_relevance",
]  # fmt: skip

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Grade = Literal["strong", "possible", "weak", "nothing", "unrated"]

STRONG, POSSIBLE, WEAK = 0.71, 0.35, 0.1
"""From which relevance on. Of the best tiles of islands at moments without the thing .07 are `possible`, .01 `strong`;
`python -m benchmarks.relevance` prints them."""

DIGITS = 4
"""Of a relevance, in answers and files: the word goes by what they say."""

PLACE, NEUTRAL, BIAS = 0.55, 2.82, -7.40
NOW, REGULAR, NOW_BIAS = 8.00, 5.07, 3.36
"""Two logistic regressions; `python -m benchmarks.relevance` fits such and prints them. Those of the place were fitted
to the model `908dc6e4df72c1bf`, whose O is the bundled model's: constants of its own tell words of no caption less
well, and as a whole nothing better (docs/relevance.md)."""

FURTHEST = 2.5
"""Of the highest excess: beyond it a text is easy for the model, not likelier to be true."""

_MARGIN = 0.75
"""Of excess: a tile is left whose highest would have to lie further above that of the moment (of `_FEW`) to matter."""

_FEW = tuple(when for when in TYPICAL if when.month in (1, 4, 7, 10) and when.hour in (0, 8, 16))
"""The moments at which every tile is looked at where the day, the hour or both are open."""

_NEUTRAL_SLACK = 3.0  # standard deviations of the neutral prompts' mean: tiles that need more than that are left too
_LITTLE = 0.999 * WEAK  # what those tiles have at most
_TO_THE_END = 1_000  # of so few none is left: tiles of an answer, and of collections too small for a usual range
_KEPT = 16  # queries whose tiles' years are remembered
_KEPT_WHOLE = 1_000  # tiles of each whose years are remembered moment by moment, 576 bytes a tile


class RelevanceColumns(Protocol):
    """What relevance needs of a field, or of a few of its rows."""

    def cosines(self, query: Floats, *, when: When = None, rows: Rows | None = None) -> Floats:
        """See `ingest.field.scorer.ExactScorer.cosines`."""

    def frames(self, query: Floats, whens: Sequence[When], *, rows: Rows | None = None) -> Floats:
        """See `ingest.field.scorer.ExactScorer.frames`."""


@dataclass(frozen=True)
class Judged:
    """The two chances of some tiles, [m], and what they are made of.

    Attributes:
        place: That it is a place for it, at its best moment.
        now: That it is now; 1 where no moment was asked, or the model knows none.
        year: That it would be now at each of the `TYPICAL` moments, [144, m]; None where the model knows no time.
        when: The moment; None: none was asked.
        any_day: That it would be now if it were any weekday, [m]; None where no weekday was asked.
    """

    place: Floats
    now: Floats
    year: Floats | None
    when: When = None
    any_day: Floats | None = None

    @property
    def relevance(self) -> Floats:
        """Place × now, [m]."""
        return self.place * self.now

    @property
    def not_now(self) -> npt.NDArray[np.bool_]:
        """Where it is a place for it, and not the moment, [m]."""
        return (self.place >= POSSIBLE) & (self.now < LIKELY) & (self.relevance < POSSIBLE)

    def at(self, tiles: Rows) -> "Judged":
        """Some of them."""
        year = None if self.year is None else self.year[:, tiles]
        any_day = None if self.any_day is None else self.any_day[tiles]
        return replace(self, place=self.place[tiles], now=self.now[tiles], year=year, any_day=any_day)

    def likeliest(self) -> Likeliest | None:
        """When it is likeliest in all of them together; None where there are none, or the model knows no time."""
        if self.year is None or not len(self.place):
            return None
        missed = self.when if self.now.mean() < LIKELY else None
        on_other_days = self.any_day is not None and bool(self.any_day.mean() >= LIKELY)
        return Likeliest.of(self.year.mean(axis=1), missed=missed, on_other_days=on_other_days)


@dataclass
class Calibration:
    """What is usual in a collection; made once, used for every query. May be used from several threads.

    Attributes:
        bank: Unit vectors of the neutral prompts, float32 [b, d].
        neutral: Their mean, which is shorter than 1, [d].
        moments: The moments at which a tile is looked at; None alone where the model knows no time.
        outside: The share of the tiles beyond what the model learned, see `unlike`.
    """

    bank: Floats
    neutral: Floats
    moments: tuple[When, ...]
    _tiles: CalibrationTiles
    outside: float = 0.0
    _sampled: Callable[[], CalibrationTiles] | None = None
    _files: UsualFiles | None = None
    _usual: dict[str, Usual] = field(default_factory=dict)
    _years: LRUCache[bytes, KnownYears] = field(default_factory=lambda: LRUCache(_KEPT))
    _courses: LRUCache[bytes, dict[int, Floats]] = field(default_factory=lambda: LRUCache(_KEPT))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(
        cls,
        tiles: CalibrationTiles,
        bank: Floats,
        *,
        knows_time: bool,
        novelty: Novelty | None = None,
        sampled: Callable[[], CalibrationTiles] | None = None,
        files: UsualFiles | None = None,
        kept: int = _KEPT,
    ) -> "Calibration":
        """Calibrate a collection.

        Args:
            tiles: The collection's field, or a sample of it; what is usual there is read when it is first needed.
            bank: The neutral prompts as the collection's model embeds them, float32 [b, d], of any length.
            knows_time: Whether a moment plays a part in its model.
            novelty: What is usual among the tiles that its model learned from, where that is known.
            sampled: Gives the tiles by which what is usual is told; None: `tiles`.
            files: Where what is usual is kept; None: it is made anew.
            kept: Of how many queries the years of the field's tiles are remembered, as `KnownYears` has them.
        """
        unit = (bank / np.maximum(np.linalg.norm(bank, axis=1, keepdims=True), LEAST)).astype(np.float32)
        moments = TYPICAL if knows_time else (None,)
        outside = share_outside(tiles, novelty)
        return cls(unit, unit.mean(axis=0), moments, tiles, outside, sampled, files, _years=LRUCache(kept))

    def relevance(
        self, columns: RelevanceColumns, query: Floats, cosine: Floats, *, when: When = None, rows: Rows | None = None
    ) -> Floats:
        """Relevance of rows, float32 [m], 0..1; 0 where there is no cosine.

        Where there are many, what stays below `WEAK` is not computed to the end.

        Args:
            columns: The field, or other columns of its collection.
            query: Unit vector, float32 [d].
            cosine: Of each of those rows with the query at the moment, [m].
            when: The moment of `cosine`; None: any time.
            rows: Which rows of `columns`; None: all.
        """
        if not len(cosine):
            return np.empty(0, np.float32)
        spread = self._spread(columns, query, cosine, when, rows)
        excess = self._without_bank(query, cosine, when)
        found = np.minimum(chance(np.stack([spread, excess], axis=1)), np.float32(_LITTLE))
        near = self._near(columns, query, spread, excess, when, rows)
        if len(near):
            at = near if rows is None else rows[near]
            years = self._years_of(columns, query, at)
            found[near] = self._place(spread[near], years.highest) * self._now(columns, query, when, at, years)
        return np.where(np.isfinite(cosine), found, np.float32(0))

    def judged(
        self, columns: RelevanceColumns, query: Floats, cosine: Floats, *, when: When = None, rows: Rows | None = None
    ) -> Judged:
        """The two chances of rows, each of them, with their year; arguments as for `relevance`."""
        spread = self._spread(columns, query, cosine, when, rows)
        year = self._year(columns, query, rows)
        years = Years.of(year)
        place = np.where(np.isfinite(cosine), self._place(spread, years.highest), np.float32(0))
        now = self._now(columns, query, when, rows, years)
        if self.moments == (None,):
            return Judged(place, now, None)
        any_day = _on_any_weekday(when)
        then = None if any_day is None else self._now(columns, query, any_day, rows, years)
        return Judged(place, now, chance_now(years.falls(year, self.moments)), when, then)

    def evidence(
        self, columns: RelevanceColumns, query: Floats, cosine: Floats, *, when: When = None, rows: Rows | None = None
    ) -> Floats:
        """The numbers of the module's description, float32 [m, 4]: two of the place, two of now (0 at no moment).

        Where only the day or the hour is known, those of now are of the likeliest such moment.
        """
        spread = self._spread(columns, query, cosine, when, rows)
        years = self._years_of(columns, query, np.arange(len(cosine)) if rows is None else rows)
        falls = self._falls(columns, query, when, rows, years)
        best = np.zeros((len(spread), 2), np.float32)
        if falls is not None:
            best = falls[chance_now(falls).argmax(axis=0), np.arange(len(spread))]
        return np.column_stack([spread, np.minimum(years.highest, FURTHEST), best]).astype(np.float32)

    def falls(self, columns: RelevanceColumns, query: Floats, rows: Rows) -> Floats:
        """How far rows lie below their best at each of the moments, the numbers that say "now", float32 [T, m, 2]."""
        year = self._excess(columns, query, self.moments, rows)
        return Years.of(year).falls(year, self.moments)

    def usual(self, when: When) -> Usual:
        """What is usual at moments of this kind: with date and hour, with date only, with hour only, or none."""
        kind = _kind(when)
        # held while it is made: two threads would draw and multiply the same sample
        with self._lock:
            if kind not in self._usual:
                make = partial(self._reckon_usual, when)
                self._usual[kind] = make() if self._files is None else self._files.get(kind, self.bank, make)
            return self._usual[kind]

    def _reckon_usual(self, when: When) -> Usual:
        return usual_at(self._tiles if self._sampled is None else self._sampled(), when, self.bank)

    def _place(self, spread: Floats, highest: Floats) -> Floats:
        """That it is a place for it, [m]."""
        trust = np.float32(TRUST if self.outside >= OUTSIDE else 1.0)
        return trust * chance(np.stack([spread, highest], axis=1))

    def _spread(
        self, columns: RelevanceColumns, query: Floats, cosine: Floats, when: When, rows: Rows | None
    ) -> Floats:
        """cos(O, q) against all tiles of the collection, in standard deviations, [m]."""
        place = cosine if when is None else columns.cosines(query, rows=rows)
        level, spread = self.usual(None).level(query)
        return np.nan_to_num(_over(place - level, spread))

    def _near(
        self, columns: RelevanceColumns, query: Floats, spread: Floats, excess: Floats, when: When, rows: Rows | None
    ) -> Rows:
        """Which rows may come to matter, of few all: first by the excess without the bank, [m], then by the true one.

        Where the hour or the day is open, `_FEW` are looked at: the excess of no moment says little of one season.
        """
        if len(spread) <= _TO_THE_END:
            return np.arange(len(spread))
        usual, knows_time = self.usual(when), self.moments != (None,)
        if knows_time and not isinstance(when, datetime):
            few = self._excess(columns, query, _FEW, rows).max(axis=0)
            return np.flatnonzero(chance(np.stack([spread, few + _MARGIN], axis=1)) >= WEAK)
        margin = _MARGIN if knows_time else 0.0
        slack = margin + _NEUTRAL_SLACK * float(_over(usual.level(self.neutral)[1], usual.reach))
        near = np.flatnonzero(chance(np.stack([spread, excess + slack], axis=1)) >= WEAK)
        if not len(near):
            return near
        exact = self._excess(columns, query, [when], near if rows is None else rows[near])[0]
        return near[chance(np.stack([spread[near], exact + margin], axis=1)) >= WEAK]

    def _without_bank(self, query: Floats, cosine: Floats, when: When) -> Floats:
        """The excess of rows if the neutral prompts scored there what they score on the whole, [m]."""
        usual = self.usual(when)
        return np.nan_to_num(_over(cosine - usual.level(query)[0], usual.reach))

    def _excess(self, columns: RelevanceColumns, query: Floats, whens: Sequence[When], rows: Rows | None) -> Floats:
        """How far rows exceed what is neutral and usual at moments of one kind, [T, m]."""
        aimed = query - self.neutral
        length, usual = float(np.linalg.norm(aimed)), self.usual(whens[0])
        if length <= LEAST:
            return np.zeros((len(whens), len(columns.cosines(query, rows=rows))), np.float32)
        if len(whens) == 1:
            cosine = columns.cosines(aimed, when=whens[0], rows=rows)[None]
        else:
            cosine = columns.frames(aimed, whens, rows=rows)
        return np.nan_to_num(_over(np.float32(length) * cosine - usual.level(aimed)[0], usual.reach))

    def _now(self, columns: RelevanceColumns, query: Floats, when: When, rows: Rows | None, years: Years) -> Floats:
        """That it is now, [m]; where only the day or the hour is known, at the best such moment; else 1."""
        falls = self._falls(columns, query, when, rows, years)
        best: Floats = np.ones_like(years.highest) if falls is None else chance_now(falls).max(axis=0)
        return best

    def _falls(
        self, columns: RelevanceColumns, query: Floats, when: When, rows: Rows | None, years: Years
    ) -> Floats | None:
        """How far rows lie below their best at the moment, or at each of which a day or an hour is known, [T, m, 2].

        None where no moment is asked, or the model knows none.
        """
        if when is None or self.moments == (None,):
            return None
        whens = _moments_of(when)
        return years.falls(self._excess(columns, query, whens, rows), whens)

    def _year(self, columns: RelevanceColumns, query: Floats, rows: Rows | None) -> Floats:
        """The excess of rows at the typical moments, [T, m]; remembered for some of the field's.

        The same tiles are looked at again at every other moment of a question.
        """
        own: object = self._tiles
        if columns is not own or rows is None or len(rows) > _KEPT_WHOLE:
            return self._excess(columns, query, self.moments, rows)
        with self._lock:
            known = self._courses.setdefault(query.tobytes(), {})
            found = {row: known[row] for row in rows.tolist() if row in known}
        new = np.array([row for row in rows.tolist() if row not in found], np.int64)
        if len(new):
            made = dict(zip(new.tolist(), self._excess(columns, query, self.moments, new).T.copy(), strict=True))
            found |= made
            with self._lock:
                if len(known) + len(made) > _KEPT_WHOLE:
                    known.clear()
                known |= made
        return np.array([found[row] for row in rows.tolist()], np.float32).reshape(len(rows), len(self.moments)).T

    def _years_of(self, columns: RelevanceColumns, query: Floats, rows: Rows) -> Years:
        """The years of rows; remembered for the field's."""
        own: object = self._tiles

        def make(some: Rows) -> Years:
            return Years.of(self._excess(columns, query, self.moments, some))

        if columns is not own:
            return make(rows)
        with self._lock:
            known = self._years.get(query.tobytes())
            if known is None:
                known = self._years[query.tobytes()] = KnownYears(self._tiles.n)
        return known.get(rows, make)


def chance(evidence: npt.NDArray[np.floating]) -> Floats:
    """The chance that it is a place for it, from two numbers a row, [m, 2]: float32 [m]."""
    return _logistic(PLACE * evidence[:, 0] + NEUTRAL * np.minimum(evidence[:, 1], FURTHEST) + BIAS)


def chance_now(falls: npt.NDArray[np.floating]) -> Floats:
    """The chance that it is now, from how far it lies below its best, `Years.falls`, [..., 2]: float32 [...]."""
    return _logistic(falls @ np.array([NOW, REGULAR], np.float32) + NOW_BIAS)


def grade(value: float | None) -> Grade:
    """A relevance in a word, by the four digits that are kept of it; None and NaN: there is none."""
    if value is None or np.isnan(value):
        return "unrated"
    told = round(float(value), DIGITS)
    if told >= STRONG:
        return "strong"
    if told >= POSSIBLE:
        return "possible"
    return "weak" if told >= WEAK else "nothing"


def say_relevance(value: float | None) -> str:
    """A relevance in two digits, rounded down: 0.709 is not `strong`, and so never told as 0.71; a dash for none."""
    if value is None or np.isnan(value):
        return "–"
    hundredths = round(float(value) * 10**DIGITS) // 10 ** (DIGITS - 2)
    return f"{hundredths / 100:.2f}"


def _kind(when: When) -> str:
    """What of a moment is known, as the files of what is usual are named."""
    kinds = (datetime, date, time)
    return next((kind.__name__ for kind in kinds if isinstance(when, kind)), type(None).__name__)


def _on_any_weekday(when: When) -> Month | MonthHour | None:
    """The same day of the year, and hour if that is known, without its weekday; None where none is told."""
    if not isinstance(when, date) or isinstance(when, Month | MonthHour):
        return None
    # not the 15th: for a model that looks at no weekdays it has to be the same moment
    if isinstance(when, datetime):
        return MonthHour(when.year, when.month, when.day, when.hour, when.minute)
    return Month(when.year, when.month, when.day)


def _moments_of(when: When) -> Sequence[When]:
    """The moment, or all moments of which a day or an hour is known."""
    if isinstance(when, datetime) or not isinstance(when, date | time):
        return [when]
    if isinstance(when, time):
        return [at_hour(one.date(), when) for one in TYPICAL[:: len(HOURS)]]
    return [at_hour(when, time(hour)) for hour in HOURS]


def _logistic(score: npt.NDArray[np.floating]) -> Floats:
    probability: Floats = (1 / (1 + np.exp(-np.clip(score, -30, 30)))).astype(np.float32)
    return probability


def _over(value: Floats | float, spread: float) -> Floats:
    """A value in units of a spread; 0 where there is none."""
    return np.asarray(value, np.float32) / np.float32(spread if spread > LEAST else np.inf)
