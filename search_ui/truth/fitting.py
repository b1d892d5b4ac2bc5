"""Relevance fitted to truth: a slope and an intercept, and what they are worth on ground that they were not fitted on.

Fitted is the log odds of relevance to what is so (`search.relevance.fitted`), with Platt's targets, so that few tiles
do not seem certain (`search_ui.labels.classifier.platt`). Judged is it on blocks of ground that were held out. A fit
that is no better there than relevance as it was, or than saying the share of positives of every tile, or that would
turn the order round, is refused.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from search_ui.labels.classifier import platt
from search_ui.search.relevance.fitted import Fit, constants_of, log_odds
from search_ui.truth.measures import Bools, Bootstrap, Floats, KnownTiles, expected_calibration_error
from trainer.errors import UsageError

LEAST = 10
"""Positive and negative tiles that a fit takes, and as many objects where truth has any."""


@dataclass(frozen=True)
class Fitting:
    """A fit and what it is worth.

    Attributes:
        fit: The fit.
        brier_before: Brier score of relevance as it was.
        brier_after: The same of held-out tiles, fitted on the others.
        ece_before: Expected calibration error of relevance as it was.
        ece_after: The same of held-out tiles.
        held_out: Fitted relevance of each tile by the tiles of other blocks, [n].
    """

    fit: Fit
    brier_before: float
    brier_after: float
    ece_before: float
    ece_after: float
    held_out: Floats

    def as_dict(self) -> dict[str, Any]:
        """Say it in JSON types."""
        names = ("brier_before", "brier_after", "ece_before", "ece_after")
        return asdict(self.fit) | {name: round(getattr(self, name), 4) for name in names}


@dataclass(frozen=True)
class FitFor:
    """What a fit is of, see `Fit`."""

    text: str
    model_id: str
    truth: str
    when: str | None


def fit(sample: KnownTiles, of: FitFor) -> Fitting:
    """Fit relevance to truth.

    Args:
        sample: Its relevance is that without a fit, exact also where it is small.
        of: What the fit is of.

    Raises:
        UsageError: There are too few positives or negatives, they lie too close together, or the fit is worth nothing.
    """
    yes, said = sample.yes, f"--fit {of.text!r}"
    positives, negatives = int(yes.sum()), int((~yes).sum())
    if min(positives, negatives) < LEAST or 0 < sample.objects < LEAST:
        have = f"{positives} positive and {negatives} negative tiles" + (
            f", {sample.objects} objects" if sample.objects else ""
        )
        raise UsageError(
            f"{said}: there are {have}, a fit takes at least {LEAST} of each: add truth, or leave --fit out"
        )
    if sample.folds is None:
        raise UsageError(
            f"{said}: all positives, or all negatives, lie in one place: a fit could not be judged elsewhere"
        )
    odds = log_odds(sample.relevance.astype(np.float32))
    slope, intercept = platt(odds, yes)
    held_out, rate = np.empty(len(yes)), np.empty(len(yes))
    for learnt, held in sample.folds.splits:
        a, b = platt(odds[learnt], yes[learnt])
        held_out[held], rate[held] = 1 / (1 + np.exp(-(a * odds[held] + b))), yes[learnt].mean()
    before, after = _brier(sample.relevance, yes), _brier(held_out, yes)
    if slope <= 0:
        raise UsageError(
            f"{said}: relevance falls where truth rises (slope {slope:.2g}): a fit would turn the order round. Ask in "
            "other words, or learn a classifier from labels"
        )
    if after >= before:
        raise UsageError(
            f"{said}: on ground that it was not fitted on, a fit is no better than relevance as it is (Brier score "
            f"{after:.4f} and {before:.4f}): nothing is kept"
        )
    nothing = _brier(rate, yes)
    if after >= nothing:
        raise UsageError(
            f"{said}: on ground that it was not fitted on, a fit is no better than saying the share of positives of "
            f"every tile (Brier score {after:.4f} and {nothing:.4f}): relevance does not tell these tiles apart"
        )
    boot = Bootstrap(sample.block, draws=1, seed=0)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    line = round(slope, 6), round(intercept, 6)
    made = Fit(of.text, of.model_id, *line, of.truth, len(yes), positives, of.when, now, constants_of(of.when))
    gap, left = (float(expected_calibration_error(chance, yes, boot)[0]) for chance in (sample.relevance, held_out))
    return Fitting(made, before, after, gap, left, held_out)


def _brier(chance: Floats, yes: Bools) -> float:
    return float(((chance - yes) ** 2).mean())
