"""What an evaluation against truth says, as text for a terminal: each number beside what knows nothing."""

import math
from collections.abc import Iterator

from search_ui.truth.evaluation import ClassResult, TruthResult, say_rule, say_when
from search_ui.truth.measures import Measured, Operating
from trainer.measures.metrics import Estimate

NAMES = {
    "average_precision": "average precision",
    "roc_auc": "ROC AUC",
    "f1_best": "F1 by tile, best threshold",
    "object_f1_best": "F1 by object, best threshold",
    "brier": "Brier score of relevance",
    "ece": "calibration error (ECE)",
}
"""In words; a name that is not here stands for itself."""

LESS = frozenset({"brier", "ece"})
"""Of which less is better."""


def lines(result: TruthResult) -> Iterator[str]:
    """The report, line by line."""
    plan = result.plan
    yield f"{plan.collection} against {plan.truth}, {say_when(plan.when)}: {say_rule(plan.share)}"
    for note in result.notes:
        yield f"note: {note}"
    for one in result.classes:
        yield ""
        yield from _class(one)
    for name, why in result.left_out.items():
        yield ""
        yield f"{name}: not measured: {why}"


def _class(one: ClassResult) -> Iterator[str]:
    yes, n = int(one.sample.yes.sum()), len(one.rows)
    yield f"{'' if one.name is None else one.name + ': '}“{one.text}”"
    yield (
        f"{n:,} tiles judged, {yes:,} positive ({yes / n:.1%}), {one.unknown:,} unknown; "
        f"{one.sample.objects:,} objects; "
        f"intervals of 95 % by {one.blocks.count:,} blocks of {one.blocks.side_m:,.0f} m"
    )
    yield ""
    yield f"{'':32}{'value':>8}  {'interval':>14}  {'knows nothing':>13}  {'best':>6}"
    for number in one.measures.numbers:
        yield _number(number)
    yield ""
    rates = f"{'precision':>9}  {'recall':>8}  {'F1':>16}  {'object recall':>13}  {'object F1':>16}"
    yield f"{'threshold':36}{'tiles':>7}  {rates}"
    for row in one.measures.operating:
        yield _threshold(row)
    yield ""
    yield f"{'relevance':12}{'tiles':>8}  {'mean':>6}  {'positive':>8}  {'interval':>14}"
    for place in one.measures.bins:
        yield (
            f"{place.low:.1f} to {place.high:.1f}  {place.tiles:>8,}  {place.relevance:>6.3f}  "
            f"{_plain(place.share):>8}  {_interval(place.share):>14}"
        )
    for note in one.notes:
        yield f"note: {note}"
    if one.fitting is not None:
        made = one.fitting
        yield (
            f"fitted: slope {made.fit.slope:.3g}, intercept {made.fit.intercept:.3g}; on ground held out the Brier "
            f"score goes from {made.brier_before:.4f} to {made.brier_after:.4f}, ECE from {made.ece_before:.4f} to "
            f"{made.ece_after:.4f}"
        )
    if one.not_fitted is not None:
        yield f"not fitted: {one.not_fitted}"


def _number(number: Measured) -> str:
    name = NAMES.get(number.name, number.name)
    nothing = "–" if number.knows_nothing is None else f"{number.knows_nothing:.3f}"
    best = "–" if number.best is None else f"{number.best:.3f}"
    return f"{name:32}{_plain(number.estimate):>8}  {_interval(number.estimate):>14}  {nothing:>13}  {best:>6}"


def _threshold(row: Operating) -> str:
    name = row.name if math.isnan(row.threshold) else f"{row.name} ({row.of} ≥ {row.threshold:.3g})"
    cells = [f"{name:36}{row.tiles:>7,}"]
    for rate, wide in (("precision", 9), ("recall", 8), ("f1", 16), ("object_recall", 13), ("object_f1", 16)):
        found = row.rates.get(rate)
        said = "–" if found is None else _plain(found)
        if found is not None and "f1" in rate and not math.isnan(found.low):
            said += f" ({found.low:.2f}–{found.high:.2f})"
        cells.append(f"{said:>{wide}}")
    return "  ".join(cells)


def _plain(estimate: Estimate) -> str:
    return "–" if math.isnan(estimate.value) else f"{estimate.value:.3f}"


def _interval(estimate: Estimate) -> str:
    return "–" if math.isnan(estimate.low) else f"{estimate.low:.3f}–{estimate.high:.3f}"
