"""Pictures of an evaluation: recall over k, silhouette over k, time swap, AUROC of every concept. PNG files.

Nothing here measures anything.
"""

from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trainer.measures.evaluate import TEACHER, Evaluation, EvaluationRow
from trainer.measures.maps import ANY_TIME, AT_A_MOMENT, MapScores
from trainer.measures.metrics import Estimate
from trainer.measures.report import DIRECTIONS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6a51a3")  # told apart by all eyes
_GREY = "#777777"
_STYLES = {"tile": "--", "tile + place": ":", "tile + place + time": "-"}


def plot(done: Evaluation, folder: Path, *, only: Collection[str] | None = None) -> list[Path]:
    """Write the pictures that the evaluation has numbers for.

    Args:
        done: What was measured; decides which pictures there can be.
        folder: Made if it is missing.
        only: Names of the pictures to write, of `recall`, `silhouette`, `time_swap`, `maps_MODEL`; None: all.

    Returns:
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures: dict[str, Callable[[], Figure | None]] = {
        "recall": lambda: _recall(done),
        "silhouette": lambda: _silhouette(done),
        "time_swap": lambda: _time_swap(done),
    }
    for scores in done.maps:
        if not scores.model.startswith(TEACHER):
            pictures[f"maps_{_plain(scores.model)}"] = partial(_maps, scores)
    written = []
    for name, draw in pictures.items():
        figure = draw() if only is None or name in only else None
        if figure is not None:
            written.append(folder / f"{name}.png")
            figure.savefig(written[-1], dpi=150)
    return written


def _recall(done: Evaluation) -> "Figure":
    figure, axes = _panels(2, width=11, height=4.6)
    for axis, (title, direction) in zip(axes, DIRECTIONS, strict=True):
        measures = [(row, getattr(row, direction)) for row in done.rows]
        ks = [int(name.removeprefix("R@")) for name in measures[0][1] if name != "median"]
        for row, values in measures:
            _curve(axis, done, row, ks, [Estimate.of(values[f"R@{k}"]) for k in ks])
        # k of n drawn blindly hold the right one k times in n
        axis.plot(ks, [k / done.pairs for k in ks], color=_GREY, linewidth=0.8, linestyle="-.", label="chance")
        axis.set(title=title, xlabel="k", xscale="log", ylim=(0, 1))
        axis.set_xticks(ks, [str(k) for k in ks])
        axis.minorticks_off()
    axes[0].set_ylabel(f"recall@k, gallery {done.pairs}")
    _legend(figure, axes[0])
    return figure


def _silhouette(done: Evaluation) -> "Figure | None":
    if not done.rows[0].silhouette:
        return None
    figure, (axis,) = _panels(1, width=7.5, height=4.6)
    for row in done.rows:
        _curve(axis, done, row, list(row.silhouette), list(row.silhouette.values()))
    ks = list(done.rows[0].silhouette)
    axis.set(xlabel="clusters, k", ylabel="mean silhouette", xscale="log")
    axis.set_xticks(ks, [str(k) for k in ks])
    axis.minorticks_off()
    _legend(figure, axis)
    return figure


def _time_swap(done: Evaluation) -> "Figure | None":
    if not done.swaps or not any(done.swaps[0].pairs.values()):
        return None
    figure, (axis,) = _panels(1, width=7.5, height=4.2)
    kinds = list(done.swaps[0].accuracy)
    width = 0.8 / len(done.swaps)
    for i, swap in enumerate(done.swaps):
        found = [swap.accuracy[kind] for kind in kinds]
        at = np.arange(len(kinds)) + (i - (len(done.swaps) - 1) / 2) * width
        axis.bar(at, [e.value for e in found], 0.92 * width, color=_colour(done, swap.model), label=swap.model)
        axis.errorbar(at, [e.value for e in found], yerr=_whiskers(found), fmt="none", ecolor="black", capsize=2)
    labels = [f"{kind}\n{done.swaps[0].pairs[kind]} pairs" for kind in kinds]
    axis.set_xticks(range(len(kinds)), labels)
    axis.axhline(0.5, color=_GREY, linestyle="-.", linewidth=0.8, label="guessing")
    axis.set(ylim=(0, 1), ylabel="right photo chosen")
    _legend(figure, axis)
    return figure


def _maps(scores: MapScores) -> "Figure | None":
    ways = {ANY_TIME: (_COLOURS[1], "D"), AT_A_MOMENT: (_COLOURS[0], "o")}
    found = {way: scores.concepts(way) for way in ways}
    found = {way: values for way, values in found.items() if values}
    if not found:
        return None
    order = next(iter(found.values()))
    # by the value of the first way, so that one sees which concepts the model does not know
    names = sorted({c for values in found.values() for c in values}, key=lambda c: order[c][0] if c in order else 0)
    figure, (axis,) = _panels(1, width=7.5, height=1.6 + 0.19 * len(names))
    for shift, (way, values) in zip((-0.16, 0.16), found.items(), strict=False):
        known = [i for i, name in enumerate(names) if name in values]
        estimates = [Estimate.of(values[names[i]]) for i in known]
        colour, marker = ways[way]
        mean = np.mean([e.value for e in estimates])
        axis.errorbar(
            [e.value for e in estimates],
            [i + shift for i in known],
            xerr=_whiskers(estimates),
            fmt=marker,
            color=colour,
            markersize=3.5,
            elinewidth=1,
            label=f"{way}, mean {mean:.3f}",
        )
    axis.axvline(0.5, color=_GREY, linestyle="-.", linewidth=0.8, label="guessing")
    axis.set_yticks(range(len(names)), [name.replace("_", " ") for name in names], fontsize=8)
    axis.set(xlabel=f"AUROC of the maps of {scores.model}, {scores.tiles} tiles", ylim=(-1, len(names)))
    axis.set_xlim(left=min(0.48, axis.get_xlim()[0]), right=1.005)
    _legend(figure, axis)
    return figure


def _curve(axis: "Axes", done: Evaluation, row: EvaluationRow, ks: list[int], estimates: list[Estimate]) -> None:
    """A line with its interval as a band."""
    teacher = row.model.startswith(TEACHER)
    colour = "black" if teacher else _colour(done, row.model)
    label = f"{row.model} (tile)" if teacher else f"{row.model}, {row.given}"
    axis.plot(ks, [e.value for e in estimates], _STYLES[row.given], color=colour, marker=".", label=label)
    axis.fill_between(
        ks, [e.low for e in estimates], [e.high for e in estimates], color=colour, alpha=0.12, linewidth=0
    )


def _whiskers(estimates: list[Estimate]) -> np.ndarray:
    """Lengths of the error bars below and above, [2, n]."""
    below = [max(e.value - e.low, 0) for e in estimates]
    return np.nan_to_num([below, [max(e.high - e.value, 0) for e in estimates]])  # no interval, no whisker


def _colour(done: Evaluation, model: str) -> str:
    names = list(done.models)
    return _COLOURS[names.index(model) % len(_COLOURS)] if model in names else _GREY


def _panels(count: int, *, width: float, height: float) -> "tuple[Figure, list[Axes]]":
    # a figure of its own, not pyplot's: no window system is asked for, and nothing stays open
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = [figure.add_subplot(1, count, i + 1) for i in range(count)]
    for axis in axes:
        axis.grid(alpha=0.3, linewidth=0.6)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _legend(figure: "Figure", axis: "Axes") -> None:
    """Below the picture, so that it hides nothing."""
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=min(len(labels), 3 if len(labels) > 8 else 2), fontsize=8
    )


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in name)
