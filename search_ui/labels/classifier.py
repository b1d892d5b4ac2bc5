"""A classifier of a collection's vectors, learnt from labels: scikit-learn's logistic regression.

What it sees of a tile is S at the set's moment at length 1, less the collection's mean and at the collection's spread,
and beside it the cosine of the question that the set began from, in standard deviations: few labels then correct what
the words said, many overrule it. Both sides weigh the same. All of that is linear in S at length 1, so a classifier is
a direction: its score of a tile is a cosine, which the field computes for every tile as it does for words.

The probability is calibrated by a second logistic regression of one number, on labels that were held out in blocks of
ground (`search_ui.labels.blocks`), with Platt's targets (J. C. Platt, *Probabilistic outputs for support vector
machines*, 1999). It is the chance of a yes among tiles such as those that were labelled, no better than their choice.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from search_ui.labels.blocks import Folds, folds_of
from search_ui.labels.roc import Roc
from trainer.errors import UsageError

LEAST = 5
"""Labels of either side that a classifier takes."""
SURE = 20  # of either side, from which on nothing is said of their number
_C = 1.0  # inverse strength of the penalty, with both kinds of features at unit spread; `benchmarks/labels.py`
_MOST_STEPS = 1_000

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Degrees = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Labelled:
    """n labels that say yes or no.

    Attributes:
        s: S of their tiles at the set's moment, of any length, float32 [n, d].
        yes: bool [n].
        lat: Centres of the tiles, degrees [n].
        lon: Centres of the tiles, degrees [n].
        size_m: Side of a tile, metres.
    """

    s: Floats
    yes: Bools
    lat: Degrees
    lon: Degrees
    size_m: float


@dataclass(frozen=True)
class Surroundings:
    """What is usual in the collection at the set's moment.

    Attributes:
        mean: Mean of S at length 1, [d].
        spread: Root mean square distance from it.
        question: Unit vector of the question that the set began from, [d]; None: there is none.
        usual: Mean and standard deviation of its cosine.
    """

    mean: npt.NDArray[np.float64]
    spread: float
    question: Floats | None = None
    usual: tuple[float, float] = (0.0, 1.0)

    @classmethod
    def of(cls, s: Floats, question: Floats | None) -> "Surroundings":
        """Of tiles of the collection, S of any length, [m, d]."""
        unit = _unit(s)
        mean = unit.mean(axis=0)
        spread = float(np.sqrt(((unit - mean) ** 2).sum(axis=1).mean())) or 1.0
        if question is None:
            return cls(mean, spread)
        cosine = unit @ question.astype(np.float64)
        return cls(mean, spread, question, (float(cosine.mean()), float(cosine.std()) or 1.0))


@dataclass(frozen=True)
class Classifier:
    """A direction, and what its cosine means.

    Attributes:
        vector: Unit length, float32 [d].
        slope: Of the log odds over the cosine, more than 0.
        intercept: Log odds at cosine 0.
    """

    vector: Floats
    slope: float
    intercept: float

    def probability(self, cosine: Floats) -> Floats:
        """Of a yes, where the cosine is so, float32 [n], 0..1; NaN stays NaN."""
        odds = self.slope * cosine.astype(np.float64) + self.intercept
        return (1 / (1 + np.exp(-np.clip(odds, -60, 60)))).astype(np.float32)


@dataclass(frozen=True)
class Assessment:
    """How well a classifier does on labels that it has not seen.

    Attributes:
        yeses: Labels that say so.
        noes: Labels that say so.
        classifier: Of labels held out in blocks of ground.
        question: Of the question's own cosine on the same labels; None: the set began from no question.
        block_m: Side of the blocks, metres.
        blocks: In how many the labels lie.
        folds: How often some were held out.
        notes: Sentences that a person should read beside it.
    """

    yeses: int
    noes: int
    classifier: Roc
    question: Roc | None
    block_m: float
    blocks: int
    folds: int
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Say it in JSON types."""
        return {
            "yes": self.yeses,
            "no": self.noes,
            "classifier": self.classifier.as_dict(),
            "question": None if self.question is None else self.question.as_dict(),
            "block_m": round(self.block_m, 1),
            "blocks": self.blocks,
            "folds": self.folds,
            "notes": list(self.notes),
        }


def lacking(yeses: int, noes: int) -> str | None:
    """How many more labels a classifier takes, in words; None: there are enough."""
    more = [f"{LEAST - count} more {name}" for name, count in (("yes", yeses), ("no", noes)) if count < LEAST]
    if not more:
        return None
    have = f"a classifier takes at least {LEAST} yes and {LEAST} no, there are {yeses} and {noes}"
    return f"{have}: label {' and '.join(more)}"


def learn(labelled: Labelled, around: Surroundings) -> tuple[Classifier, Assessment]:
    """A classifier of labels, and how well it does.

    Raises:
        UsageError: There are too few labels of a side; or they all lie in one place, or the classifier cannot tell
            yes from no.
    """
    yes = labelled.yes
    few = lacking(int(yes.sum()), int((~yes).sum()))
    if few is not None:
        raise UsageError(few)
    folds = folds_of(yes, lat=labelled.lat, lon=labelled.lon, size_m=labelled.size_m)
    if folds is None:
        raise UsageError("all yes, or all no, lie in one place: label some that lie elsewhere")
    features = _features(labelled.s, around)
    held_out = _held_out(features, yes, folds)
    slope, intercept = platt(held_out, yes)
    found = Roc.of(yes, held_out)
    # a slope below 0 would turn the map round: what was called yes would seem unlikely
    if slope <= 0:
        raise UsageError(
            f"what was labelled yes and no looks alike to the model (area under the ROC curve {found}): "
            "nothing can be learnt from these labels; look at them again, or label others"
        )
    question = None
    if around.question is not None:
        question = Roc.of(yes, _unit(labelled.s) @ around.question.astype(np.float64))
    direction, constant = _direction(_fitted(features, yes), around)
    length = float(np.linalg.norm(direction))
    classifier = Classifier((direction / length).astype(np.float32), slope * length, slope * constant + intercept)
    return classifier, _assessed(yes, folds, found, question)


def _features(s: Floats, around: Surroundings) -> npt.NDArray[np.float64]:
    """What the regression sees, [n, d] or [n, d + 1]."""
    unit = _unit(s)
    seen = (unit - around.mean) / around.spread
    if around.question is None:
        return seen
    mean, deviation = around.usual
    return np.column_stack([seen, (unit @ around.question.astype(np.float64) - mean) / deviation])


def _direction(model: Any, around: Surroundings) -> tuple[npt.NDArray[np.float64], float]:
    """The same as v and c, where the regression's log odds of S at length 1 are v·S + c."""
    weights = model.coef_[0]
    if around.question is None:
        direction, said = weights / around.spread, 0.0
    else:
        mean, deviation = around.usual
        direction = weights[:-1] / around.spread + weights[-1] / deviation * around.question.astype(np.float64)
        said = float(weights[-1] * mean / deviation)
    seen = float(weights[: len(around.mean)] @ around.mean) / around.spread
    return direction, float(model.intercept_[0]) - seen - said


def _regression() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=_C, class_weight="balanced", max_iter=_MOST_STEPS)


def _fitted(features: npt.NDArray[np.float64], yes: Bools) -> Any:
    return _regression().fit(features, yes)


def _held_out(features: npt.NDArray[np.float64], yes: Bools, folds: Folds) -> npt.NDArray[np.float64]:
    """Log odds of each label from those of other blocks, [n]."""
    odds = np.empty(len(yes))
    for learnt, held in folds.splits:
        odds[held] = _fitted(features[learnt], yes[learnt]).decision_function(features[held])
    return odds


def platt(odds: npt.NDArray[np.float64], yes: Bools) -> tuple[float, float]:
    """Slope and intercept that make probabilities of log odds, [n], of which it is known what is so, bool [n].

    A label counts a little for the other side too, the more so the fewer there are: Platt's targets (k + 1) / (k + 2).
    """
    from sklearn.linear_model import LogisticRegression

    count = np.where(yes, yes.sum(), (~yes).sum())
    weights = np.concatenate([(count + 1) / (count + 2), 1 / (count + 2)])
    model = LogisticRegression(C=np.inf, max_iter=_MOST_STEPS)
    model.fit(np.tile(odds, 2)[:, None], np.concatenate([yes, ~yes]), sample_weight=weights)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def _assessed(yes: Bools, folds: Folds, found: Roc, question: Roc | None) -> Assessment:
    yeses, noes = int(yes.sum()), int((~yes).sum())
    notes = []
    if min(yeses, noes) < SURE:
        spread = f"anything from {found.low:.2f} to {found.high:.2f}"
        notes.append(f"{yeses} yes and {noes} no are few: the true area may be {spread}")
    if folds.close:
        notes.append("the labels lie close together: how well it does elsewhere is not known")
    if found.low <= 0.5:
        notes.append("it may be no better than guessing")
    if question is not None and question.area > found.area:
        notes.append("the question alone tells these labels apart as well: more labels may help, or are not needed")
    return Assessment(yeses, noes, found, question, folds.block_m, folds.blocks, len(folds.splits), tuple(notes))


def _unit(s: Floats) -> npt.NDArray[np.float64]:
    long = s.astype(np.float64)
    return np.asarray(long / np.maximum(np.linalg.norm(long, axis=1, keepdims=True), 1e-12))
