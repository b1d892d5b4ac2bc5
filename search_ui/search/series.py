"""Moments in a row: which ones a time series has, and the scores of every tile at each.

Scores are asked for in parts, so that memory does not grow with the number of moments.

    hours       the 24 hours of a day
    months      the 12 months
    calendar    both: 12 × 24 moments
    2025-01-15T12,2025-07-15T12,…    these

It knows neither how scores are made nor what becomes of them.
"""

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from datetime import UTC, date, datetime, time

import numpy as np
import numpy.typing as npt

from search_ui.search.moments import parse_moment
from search_ui.search.scores import Frames
from trainer.encoding import Month, MonthHour, When, at_hour
from trainer.errors import GroundcastError, UsageError

MAX_FRAMES = 366
_KEPT = 32_000_000  # scores: 128 MB

Ask = Callable[[Sequence[When]], Frames]
Scores32 = npt.NDArray[np.float32]


def parse_frames(text: str, *, when: When, year: int) -> tuple[When, ...]:
    """The moments of a time series.

    Args:
        text: As at the top of this module.
        when: The moment asked about: the day of `hours`, the hour of `months` and, without a list, the year.
        year: The year where `when` has none.

    Raises:
        UsageError: It cannot be understood, or has fewer than 2 or more than `MAX_FRAMES` moments.
    """
    day = when.date() if isinstance(when, datetime) else when if isinstance(when, date) else None
    clock = when.time() if isinstance(when, datetime) else when if isinstance(when, time) else None
    match text.strip().lower():
        case "hours":
            if day is None:
                return tuple(time(hour) for hour in range(24))
            return tuple(at_hour(day, time(hour)) for hour in range(24))
        case "months":
            days = [Month.of(day.year if day else year, month) for month in range(1, 13)]
            return tuple(days if clock is None else [at_hour(one, clock) for one in days])
        case "calendar":
            return calendar_moments(day.year if day else year)
    whens = tuple(parse_moment(part) for part in text.split(",") if part.strip())
    if not 2 <= len(whens) <= MAX_FRAMES:
        raise UsageError(
            f"--frames {text[:40]!r} has {len(whens)} moments: give 2 to {MAX_FRAMES} with commas between, "
            "or hours, months or calendar"
        )
    return whens


def check_year(year: int | None) -> None:
    """Refuse a year that is in no calendar.

    Raises:
        UsageError: It is not from 1 to 9999.
    """
    if year is not None and not 1 <= year <= 9999:
        raise UsageError(f"--year {year}: give a year from 1 to 9999")


def this_year() -> int:
    """The year of the clock."""
    return datetime.now(UTC).year


def calendar_moments(year: int) -> tuple[MonthHour, ...]:
    """Each month at each hour, 12 × 24, month by month."""
    return tuple(MonthHour.of(year, month, hour) for month in range(1, 13) for hour in range(24))


class Reel:
    """The scores of the same tiles at many moments, in parts of bounded size.

    Args:
        ask: Gives the scores at some moments; asked again in every pass if they do not all fit.
        whens: The moments, at least one.
        kept: How many scores are held at once.
    """

    def __init__(self, ask: Ask, whens: Sequence[When], *, kept: int = _KEPT) -> None:
        self.whens = tuple(whens)
        self._ask = ask
        # one moment tells how many tiles there are, and so how many moments make a part
        first = ask(self.whens[:1])
        count = max(1, len(first.tile_id))
        self._step = max(1, min(len(self.whens), kept // count))
        # where all fit they are asked for once: a film reads them for its scale, then for its frames
        self._all = ask(self.whens).cosine if self._step == len(self.whens) else None
        self.tiles = replace(first, cosine=first.cosine[:0], whens=())
        self._change: Callable[[Scores32], Scores32] | None = None

    def __len__(self) -> int:
        return len(self.whens)

    def changed(self, change: Callable[[Scores32], Scores32]) -> "Reel":
        """The same moments with other values, made part by part from the scores."""
        other = copy(self)
        other._change = change
        return other

    def parts(self) -> Iterator[tuple[int, Scores32]]:
        """The number of a part's first moment, and its values, float32 [some, n]."""
        for start, cosine in self._scored():
            yield start, cosine if self._change is None else self._change(cosine)

    def _scored(self) -> Iterator[tuple[int, Scores32]]:
        if self._all is not None:
            yield 0, self._all
            return
        for start in range(0, len(self), self._step):
            part = self._ask(self.whens[start : start + self._step])
            # an ingest may finish between two parts; then row i is no longer the same tile
            if part.tile_id != self.tiles.tile_id:
                raise GroundcastError("the collection changed while its moments were scored: run the command again")
            yield start, part.cosine

    def frames(self) -> Iterator[tuple[When, Scores32]]:
        """Each moment with its scores, float32 [n]."""
        for start, cosine in self.parts():
            yield from zip(self.whens[start : start + len(cosine)], cosine, strict=True)

    def sample(self, count: int = 2_000_000) -> Scores32:
        """Scores of all moments, evenly thinned to about so many."""
        step = max(1, len(self) * len(self.tiles.tile_id) // count)  # over the tiles: every moment stays in the sample
        return np.concatenate([cosine[:, ::step].reshape(-1) for _, cosine in self.parts()])
