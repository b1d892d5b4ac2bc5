"""`groundcast train`: trains a model on pairs of one's own, or on the sandbox's."""

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from search_ui.commands.context import json_option, print_json

if TYPE_CHECKING:
    from tqdm import tqdm

    from trainer.train import Outcome


@click.command(short_help="Train a model.")
@click.argument("config")
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
@json_option
def command(config: str, settings: tuple[str, ...], as_json: bool) -> None:
    """Train a model on shards of pairs; CONFIG is a TOML file, or one of the presets.

    \b
    paper           the authors' recipe
    strong          ours, for a GPU
    sandbox         ours, for the sandbox planet's small model
    sandbox-fine    goes on from it, with more pixels and for longer: the model that comes with groundcast
    sandbox-paper   the authors', for the small model
    teacher         the sandbox's photos and captions: the model that the others learn from
    teacher-dark    goes on from it with photos of all hours alike
    tiny            seconds on a CPU, to see the whole way

    \b
    groundcast train strong train=shards/train val=shards/val teacher=models/clip out=runs/first
    torchrun --nproc-per-node 4 -m search_ui.cli train strong …    # on four GPUs; batch is that of all together

    The same command again goes on where the last run stopped. The folder `out` gets the logs, the curves and, at the
    end, the checkpoint `model/`, which `groundcast model add NAME --checkpoint` takes.
    """
    from trainer.train import train
    from trainer.training.config import load_config

    chosen = load_config(config, settings)
    first = os.environ.get("RANK", "0") == "0"
    with _Bars(chosen.steps, chosen.batch * chosen.accumulate) as bars:
        outcome = train(chosen, bars)
    if not first:  # under torchrun one process speaks
        return
    if as_json:
        print_json(_document(outcome))
        return
    for line in _lines(outcome, chosen.out, config):
        click.echo(line)


class _Bars:
    """A progress bar for the embedding of targets, then one for the steps."""

    def __init__(self, steps: int, pairs_per_step: int) -> None:
        self._steps, self._pairs_per_step = steps, pairs_per_step
        self._what = ""
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> "_Bars":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def preparing(self, what: str, done: int, total: int) -> None:
        """Targets are being embedded."""
        self._at(f"embedding {what}", total, done, f" {what}")

    def stepped(self, step: int, pairs: int, numbers: Mapping[str, float]) -> None:  # noqa: ARG002 - the trainer's call
        """A step is done."""
        bar = self._at("training", self._steps, step, " steps")
        shown = {"loss": "{:.3f}", "r10": "{:.3f}", "pairs_per_s": "{:.0f}"}
        names = {"r10": "R@10", "pairs_per_s": "pairs/s"}
        bar.set_postfix(
            {names.get(key, key): form.format(numbers[key]) for key, form in shown.items() if key in numbers},
            refresh=False,
        )

    def _at(self, what: str, total: int, done: int, unit: str) -> "tqdm[Any]":
        from tqdm import tqdm

        # going back means another thing of the same name, such as the next split
        if self._bar is None or what != self._what or done <= self._bar.n:
            if self._bar is not None:
                self._bar.close()
            every_s = 0.2 if sys.stderr.isatty() else 30.0  # a log file wants a line now and then
            # a run that goes on begins where it stood; the step that is told now is counted below
            start = done - 1 if what == "training" else 0
            self._bar = tqdm(
                total=total,
                initial=start,
                desc=what,
                unit=unit,
                mininterval=every_s,
                maxinterval=every_s,
                smoothing=0.05,
            )
            self._what = what
        self._bar.update(done - self._bar.n)
        return self._bar


def _document(outcome: "Outcome") -> dict[str, Any]:
    folder = None if outcome.folder is None else str(outcome.folder)
    meta = None if outcome.meta is None else asdict(outcome.meta)
    return {
        "why": outcome.why,
        "step": outcome.step,
        "steps": outcome.steps,
        "folder": folder,
        "measures": outcome.measures,
        "checkpoint": meta,
    }


def _lines(outcome: "Outcome", out: str, config: str) -> list[str]:
    """The closing lines for people."""
    if outcome.folder is None or outcome.meta is None:
        return [f"stopped after {outcome.steps} steps, as max_minutes says; the same command goes on from there"]
    measured = ", ".join(f"{name} {value:.3f}" for name, value in outcome.measures.items())
    ends = {
        "done": f"{outcome.steps} steps done",
        "early stop": f"stopped after {outcome.steps} steps: nothing got better any more",
        "was done": f"nothing to do: {out} is complete",
    }
    return [
        ends[outcome.why]
        + (f"; the checkpoint is that of step {outcome.step}" if outcome.step != outcome.steps else ""),
        *([f"validation: {measured}"] if measured else []),
        f"model {outcome.meta.model_id} in {outcome.folder}; add it with "
        f"`groundcast model add {config.rpartition('/')[2].removesuffix('.toml')} --checkpoint {outcome.folder}`",
    ]
