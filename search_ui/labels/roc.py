"""How well scores tell yes from no: the ROC curve, the area under it, and how sure that is of so few labels.

The interval is Newcombe's (R. G. Newcombe, *Confidence intervals for an effect size measure based on the Mann-Whitney
statistic. Part 2*, Statistics in Medicine 25, 2006, method 5): the areas θ that lie within z standard errors of what
was found, where Hanley and McNeil's variance is that of θ itself,

    θ(1 − θ) (1 + N (1 − θ)/(2 − θ) + N θ/(1 + θ)) / (m n),    N = (m + n)/2 − 1

so that few labels which are all in order do not seem certain. It does not know where scores come from.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_Z = 1.959964  # of 95 %

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Roc:
    """A ROC curve.

    Attributes:
        false_yes: Share of the noes above each threshold, rising from 0 to 1, [t].
        true_yes: Share of the yeses above it, [t].
        area: Under the curve: the chance that a yes is scored above a no, 0..1; .5 is guessing.
        low: Lower end of its interval of 95 %.
        high: Upper end.
    """

    false_yes: tuple[float, ...]
    true_yes: tuple[float, ...]
    area: float
    low: float
    high: float

    @classmethod
    def of(cls, yes: Bools, score: Floats) -> "Roc":
        """Of labels, bool [n], at least one of each, and their scores, [n]."""
        from sklearn.metrics import roc_auc_score, roc_curve

        false_yes, true_yes, _ = roc_curve(yes, score)
        area = float(roc_auc_score(yes, score))
        low, high = interval(area, int(yes.sum()), int((~yes).sum()))
        along, up = (tuple(np.round(axis, 4).tolist()) for axis in (false_yes, true_yes))
        return cls(along, up, round(area, 4), round(low, 4), round(high, 4))

    def as_dict(self) -> dict[str, Any]:
        """Say it in JSON types."""
        curve = {"false_yes": list(self.false_yes), "true_yes": list(self.true_yes)}
        return {"area": self.area, "interval": [self.low, self.high]} | curve

    def __str__(self) -> str:
        return f"{self.area:.2f} ({self.low:.2f} to {self.high:.2f})"


def interval(area: float, yeses: int, noes: int) -> tuple[float, float]:
    """The ends of the interval of 95 % of an area under the curve of so many labels."""

    def outside(theta: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        spread = 1 + ((yeses + noes) / 2 - 1) * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return np.asarray(np.abs(theta - area) > _Z * np.sqrt(theta * (1 - theta) * spread / (yeses * noes)))

    # one interval round the area; a grid of a ten-thousandth is finer than any label can tell
    thetas = np.linspace(0, 1, 10_001)
    inside = thetas[~outside(thetas)]
    return float(min(inside.min(initial=area), area)), float(max(inside.max(initial=area), area))
