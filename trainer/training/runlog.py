"""What a run writes down as it goes: two CSV files, TensorBoard events, and a picture of the curves.

    RUN/train.csv       step, loss, lr, temperature, pairs_per_s, seconds; a row every `log_every` steps
    RUN/measures.csv    step and the measures on the validation split
    RUN/curves.png      both
    RUN/events…         for TensorBoard

A run that goes on from a stored state drops the rows after it, so that the files tell of one unbroken run. Nothing
here knows how the numbers come about.
"""

import csv
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer.errors import GroundcastError

logger = logging.getLogger(__name__)

TRAIN, MEASURES, CURVES = "train.csv", "measures.csv", "curves.png"


class RunLog:
    """The logs of one run; use it in `with`.

    Args:
        folder: Of the run; made if it is missing.
        done: Steps that the state has from which the run goes on; later rows are dropped.
        writes: False: keep nothing, as all processes but the first.
    """

    def __init__(self, folder: Path, done: int, *, writes: bool = True) -> None:
        self._folder, self._events = folder, None
        self._drawn = False  # since the last row
        if not writes:
            return
        from torch.utils.tensorboard import SummaryWriter

        folder.mkdir(parents=True, exist_ok=True)
        for name in (TRAIN, MEASURES):
            rows = [row for row in read_rows(folder / name) if row["step"] <= done]
            (folder / name).unlink(missing_ok=True)
            for row in rows:
                _append(folder / name, row)
        self._events = SummaryWriter(str(folder), purge_step=done + 1)

    def __enter__(self) -> "RunLog":
        """The log itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Write what is held back."""
        if self._events is not None:
            self._events.close()

    def training(self, step: int, numbers: Mapping[str, float]) -> None:
        """A row of `train.csv`."""
        self._row(TRAIN, "train", step, numbers)

    def measured(self, step: int, numbers: Mapping[str, float]) -> None:
        """A row of `measures.csv`."""
        self._row(MEASURES, "val", step, numbers)

    def draw(self) -> None:
        """Draw the curves so far."""
        if self._events is None or self._drawn:
            return
        self._drawn = True
        draw_curves(read_rows(self._folder / TRAIN), read_rows(self._folder / MEASURES), self._folder / CURVES)

    def _row(self, name: str, group: str, step: int, numbers: Mapping[str, float]) -> None:
        if self._events is None:
            return
        self._drawn = False
        _append(self._folder / name, {"step": step, **numbers})
        for key, value in numbers.items():
            self._events.add_scalar(f"{group}/{key}", value, step)


def read_rows(path: Path) -> list[dict[str, float]]:
    """Rows of one of the CSV files; empty where it is missing."""
    if not path.exists():
        return []
    with path.open(newline="") as f:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(f)]


def _append(path: Path, row: Mapping[str, float]) -> None:
    new = not path.exists()
    try:
        with path.open("a", newline="") as f:
            writer = csv.DictWriter(f, list(row), lineterminator="\n")
            if new:
                writer.writeheader()
            writer.writerow({k: int(v) if k == "step" else repr(float(v)) for k, v in row.items()})
    except OSError as e:
        raise GroundcastError(f"log {path} cannot be written ({e.strerror}): make room, then the run goes on") from e


def draw_curves(training: Sequence[Mapping[str, float]], measured: Sequence[Mapping[str, float]], path: Path) -> None:
    """Draw loss, learning rate and measures over steps to a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure  # no global state, so that no window is ever asked for

    figure = Figure(figsize=(11, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    steps = [row["step"] for row in training]
    loss = [row["loss"] for row in training]
    left.plot(steps, loss, color="0.75", linewidth=1)
    left.plot(steps, _smooth(loss), color="C0", label="loss")
    rate = left.twinx()
    rate.plot(steps, [row["lr"] for row in training], color="C1", linewidth=1, linestyle="--", label="learning rate")
    rate.set_ylim(bottom=0)
    _dress(left, "Training", "loss")
    rate.set_ylabel("learning rate")
    lines = [*left.get_lines()[1:], *rate.get_lines()]
    left.legend(lines, [str(line.get_label()) for line in lines], frameon=False)
    for key in [k for k in (measured[0] if measured else {}) if k != "step" and "median" not in k]:
        right.plot([r["step"] for r in measured], [r[key] for r in measured], marker=".", label=_NAMES.get(key, key))
    _dress(right, "Validation", "share of queries (recall)")
    if measured:
        right.set_ylim(bottom=0)
        right.legend(frameon=False)
    figure.savefig(path, dpi=120)


_NAMES = {
    "r10": "R@10, mean of both directions",
    "forward_r10": "R@10, picture to target",
    "backward_r10": "R@10, target to picture",
    "r10_without": "R@10, mean, without place and time",
}


def _dress(axes: Any, title: str, label: str) -> None:
    axes.set_title(title)
    axes.set_xlabel("step")
    axes.set_ylabel(label)
    axes.spines["top"].set_visible(False)
    axes.grid(alpha=0.25)


def _smooth(values: Sequence[float], weight: float = 0.9) -> list[float]:
    """Exponential mean, unbiased at the start."""
    mean, total, smooth = 0.0, 0.0, []
    for value in values:
        mean, total = weight * mean + (1 - weight) * value, weight * total + (1 - weight)
        smooth.append(mean / total)
    return smooth
