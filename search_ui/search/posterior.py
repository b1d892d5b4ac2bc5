"""When a photo was taken, as far as it shows: how likely each month and hour is, and the least span that holds most.

    chance(month, hour) ∝ exp(cos(S, photo) / TEMPERATURE)        S of the tile in that month at that hour

Every one of the 12 × 24 is as likely beforehand: what is told is what the photo shows, not that people take more photos
by day. A month stands for all its days, an hour for half an hour to either side. It does not know how cosines are made.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from search_ui.search.likeliest import Likeliest, Span

Chances = npt.NDArray[np.float64]

TEMPERATURE = 0.0571
"""Of the bundled model, fitted on photos of other islands than it is judged on, in tiles that it did not learn from.
`python -m benchmarks.photo_time` fits it and prints it."""

LEVEL = 0.52
"""exp(entropy) ÷ the number of moments, 1 where all are as likely: from here on a photo does not tell when it is.
Half of all pictures of noise lie there (.4 to .7), and one in forty of the sandbox planet's photos."""

SHARES = (0.5, 0.8)  # which the spans that are told hold at least

MONTHS, HOURS = 12, 24


@dataclass(frozen=True)
class Posterior:
    """How likely a photo was taken in each month at each hour.

    Attributes:
        chance: Sums to 1, float64 [12, 24], January and midnight first.
    """

    chance: Chances

    @classmethod
    def of(cls, cosine: npt.NDArray[np.floating], temperature: float = TEMPERATURE) -> "Posterior":
        """Of the cosines with S at `search_ui.search.series.calendar_moments`, [288]."""
        exact = np.asarray(cosine, np.float64).reshape(MONTHS, HOURS)
        weight = np.exp((exact - exact.max()) / temperature)  # the highest is 1: nothing overflows
        return cls(weight / weight.sum())

    @property
    def months(self) -> Chances:
        """Of each month, at whatever hour, [12]."""
        found: Chances = self.chance.sum(axis=1)
        return found

    @property
    def hours(self) -> Chances:
        """Of each hour, in whatever month, [24]."""
        found: Chances = self.chance.sum(axis=0)
        return found

    @property
    def best(self) -> tuple[int, int]:
        """The likeliest month (1 to 12), and the likeliest hour, each for itself."""
        return int(self.months.argmax()) + 1, int(self.hours.argmax())

    @property
    def level(self) -> float:
        """exp(entropy) ÷ the number of moments: as if so large a share of them were left, all as likely."""
        known = self.chance[self.chance > 0]
        return float(np.exp(-(known * np.log(known)).sum())) / self.chance.size

    @property
    def tells(self) -> bool:
        """Whether the photo shows when it was taken."""
        return self.level < LEVEL

    def span(self, share: float) -> tuple[Likeliest, float]:
        """The fewest months by hours that are at least so likely together, and how likely they are.

        Args:
            share: 0 to 1; of spans as small the likeliest.
        """
        months, hours = _spans(MONTHS), _spans(HOURS)
        likely = months.inside @ self.chance @ hours.inside.T  # of every span of months with every one of hours
        size = np.outer(months.inside.sum(axis=1), hours.inside.sum(axis=1))
        # less than 1 off its size, so that it decides between equals alone; all of them are in, whatever is rounded
        order = np.where(likely >= share, size - likely / 2, np.inf)
        order[-1, -1] = size[-1, -1]
        m, h = np.unravel_index(int(order.argmin()), order.shape)
        first, hour = months.ends[m], hours.ends[h]
        month, at = self.best
        shown = Likeliest(None if first is None else (first[0] + 1, first[1] + 1), hour, month, at)
        return shown, min(1.0, float(likely[m, h]))

    def __str__(self) -> str:
        """Say it, such as `June to August, 11 to 16 h: 53 %; May to September, 9 to 18 h: 81 %`."""
        if not self.tells:
            return "cannot tell: every month and hour is about as likely"
        told = (self.span(share) for share in SHARES)
        return "; ".join(f"{shown}: {100 * likely:.0f} %" for shown, likely in told)

    def as_dict(self) -> dict[str, Any]:
        """Say it in JSON types."""
        month, hour = self.best
        spans = []
        for share in SHARES:
            shown, likely = self.span(share)
            spans.append({"chance": round(likely, 4), "months": _listed(shown.months), "hours": _listed(shown.hours)})
        return {
            "says": str(self), "tells": self.tells, "level": round(self.level, 4),
            "month": {"likeliest": month, "chance": round(float(self.months[month - 1]), 4)},
            "hour": {"likeliest": hour, "chance": round(float(self.hours[hour]), 4)},
            "spans": spans, "chances": np.round(self.chance, 6).tolist(),
        }  # fmt: skip


@dataclass(frozen=True)
class _Spans:
    """The spans of a circle.

    Attributes:
        ends: First and last of each; the last one, None, is the whole circle.
        inside: Which numbers each holds, 0 or 1, float64 [spans, n].
    """

    ends: list[Span | None]
    inside: Chances


@lru_cache(maxsize=2)
def _spans(n: int) -> _Spans:
    """All spans of a circle of n."""
    ends: list[Span | None] = [(first, (first + length - 1) % n) for length in range(1, n) for first in range(n)]
    rows = [[(k - first) % n < length for k in range(n)] for length in range(1, n) for first in range(n)]
    return _Spans([*ends, None], np.array([*rows, [True] * n], np.float64))


def _listed(span: Span | None) -> list[int] | None:
    return None if span is None else list(span)
