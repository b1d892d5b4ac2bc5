"""The stored states of a run, from which the same command goes on: the last two, and the best network so far.

    STATES/step-00000500.pt     network, optimiser, queue, step, what early stopping remembers, configuration
    STATES/best.pt              network and measures of the best measurement

Each is written under a temporary name and renamed, so a full disk or a crash leaves the one before. They are read with
`weights_only`: nothing in them can run. Who only wants the model reads the checkpoint folder instead.
"""

import logging
import os
import pickle
from pathlib import Path
from typing import Any, TypeAlias

import torch

from trainer.errors import CheckpointError

logger = logging.getLogger(__name__)

State: TypeAlias = dict[str, Any]

KEPT = 2
BEST = "best.pt"


def save_state(folder: Path, step: int, state: State) -> Path:
    """Store the state after a step, and let go of all but the last ones."""
    path = _save(folder / f"step-{step:08d}.pt", state)
    for old in _steps(folder)[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def save_best(folder: Path, state: State) -> Path:
    """Store the best network."""
    return _save(folder / BEST, state)


def load_last(folder: Path) -> State | None:
    """The last state that can be read, on the CPU; None where there is none.

    Raises:
        CheckpointError: There are states, and not one can be read.
    """
    paths = _steps(folder)
    for path in reversed(paths):
        try:
            return _load(path)
        except CheckpointError as e:
            logger.warning("%s; taking the one before", e)
    if paths:
        raise CheckpointError(f"not one of the states in {folder} can be read: remove the folder to start again")
    return None


def load_best(folder: Path) -> State | None:
    """The best network, on the CPU; None where none was stored."""
    return _load(folder / BEST) if (folder / BEST).exists() else None


def last_good(folder: Path) -> str:
    """What a message says about what is left."""
    paths = _steps(folder)
    return f"the last good state is {paths[-1]}" if paths else "no state was stored before"


def _steps(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*.pt"))


def _save(path: Path, state: State) -> Path:
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as f:
            torch.save(state, f)
            f.flush()
            os.fsync(f.fileno())
        part.replace(path)
    except (OSError, RuntimeError) as e:  # torch reports a full disk as either
        part.unlink(missing_ok=True)
        raise CheckpointError(f"state {path} cannot be written ({e}): make room; {last_good(path.parent)}") from e
    return path


def _load(path: Path) -> State:
    try:
        state: State = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as e:
        first = (str(e).splitlines() or [type(e).__name__])[0][:200]
        raise CheckpointError(f"state {path} cannot be read: {first}") from e
    return state
