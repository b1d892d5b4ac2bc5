"""Which differences of scores are more than chance: against the spread of tiles that did not change.

    d = cosine after − cosine before                    of one text, tile by tile
    z = (d − median(d)) ÷ (1.376 · median |d − median(d)|)
    q = the Benjamini-Hochberg adjusted two-sided p of z under Student's t with 5 degrees of freedom

Most tiles of an area do not change, so median and median absolute deviation of all differences are those of tiles that
did not: another light or season that moves all tiles is taken out, and how far tiles move without a change is measured
on this very pair of dates (an empirical null; B. Efron, *Large-scale simultaneous hypothesis testing: the choice of a
null hypothesis*, JASA 99, 2004; 1.376 makes the deviation that of the t distribution). Differences have longer tails
than a normal distribution, under which changes are told where nothing changed; 5 degrees are from the sandbox planet
(`python -m benchmarks.monitor`). A change is told where q is at most the false discovery rate asked for: at most
so large a share of the changes told is expected to be none (Y. Benjamini and Y. Hochberg, *Controlling the false
discovery rate*, JRSS B 57, 1995), which also holds for tiles that are alike because they are neighbours. It does not
hold where half of an area changed. Long tails have a price: a lone change among 300 tiles must have a z of 10, among
100,000 of 33, so ask about an area.

A tile **appeared** where the score rose so and relevance came to `possible`, **vanished** where it fell so from there;
else it **rose** or **fell**: something changed, and what was asked for was never likely there.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from search_ui.search.relevance.calibration import DIGITS, POSSIBLE
from trainer.errors import UsageError

LEAST_TILES = 30
"""Fewer have no spread that could be told."""

FDR = 0.05
DEGREES = 5
"""Of freedom."""

_FLOOR = 5e-4  # of a cosine: what vectors of 16 bits leave open

Floats = npt.NDArray[np.float64]
Word = Literal["appeared", "vanished", "rose", "fell", ""]
WORDS: tuple[Word, ...] = ("appeared", "vanished", "rose", "fell")


@dataclass(frozen=True)
class Changes:
    """Of m tiles.

    Attributes:
        difference: Cosine after less cosine before, [m].
        z: How far from what is usual, in units of the spread, [m].
        q: Adjusted p, 0..1, [m].
        word: What is told, "" where nothing is, [m].
        shift: The median difference.
        spread: By which differences are divided.
    """

    difference: Floats
    z: Floats
    q: Floats
    word: npt.NDArray[np.str_]
    shift: float
    spread: float

    def count(self, word: Word) -> int:
        """How many tiles have a word."""
        return int((self.word == word).sum())


def check_fdr(fdr: float) -> None:
    """Refuse a false discovery rate that is none.

    Raises:
        UsageError: It does not lie between 0 and 1.
    """
    if not 0 < fdr < 1:
        raise UsageError(f"--fdr {fdr:g}: give a share between 0 and 1, such as {FDR:g}")


def changes(before: Floats, after: Floats, relevance_before: Floats, relevance_after: Floats, *, fdr: float) -> Changes:
    """Tell what changed.

    Args:
        before: Cosines, [m]; NaN where there is none, and nothing is told.
        after: The same, [m].
        relevance_before: 0..1, [m].
        relevance_after: 0..1, [m].
        fdr: The false discovery rate.

    Raises:
        UsageError: There are fewer than `LEAST_TILES`, or the rate is none.
    """
    from scipy.stats import false_discovery_control, t

    check_fdr(fdr)
    difference = after - before
    known = np.isfinite(difference)
    if known.sum() < LEAST_TILES:
        raise UsageError(
            f"{int(known.sum())} tiles lie in both collections: at least {LEAST_TILES} are needed to know how far "
            "tiles move without a change"
        )
    shift = float(np.median(difference[known]))
    usual = t(DEGREES)
    spread = max(_FLOOR, float(np.median(np.abs(difference[known] - shift)) / usual.ppf(0.75)))
    z = np.where(known, (difference - shift) / spread, 0.0)
    q = np.ones(len(z))
    q[known] = false_discovery_control(2 * usual.sf(np.abs(z[known])), method="bh")
    told = q <= fdr
    likely = [np.round(side, DIGITS) >= POSSIBLE for side in (relevance_before, relevance_after)]
    word = np.select(
        [told & (z > 0) & likely[1], told & (z < 0) & likely[0], told & (z > 0), told & (z < 0)], WORDS, ""
    )
    return Changes(difference, z, q, word, shift, spread)
