"""Fixtures that several test modules share."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real imagery and photos beside the project; tests that need it are skipped without it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real imagery is not here: {folder} is missing")
    return folder


@dataclass(frozen=True)
class Ran:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


Groundcast = Callable[..., Ran]


@pytest.fixture
def groundcast(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Groundcast:
    """Runs the command line in this process, with a home folder of its own."""
    monkeypatch.setenv("GROUNDCAST_HOME", str(tmp_path / "home"))

    def run(*arguments: object) -> Ran:
        from search_ui.cli import main

        capfd.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main([str(argument) for argument in arguments])
        printed = capfd.readouterr()
        code = exit_.value.code
        return Ran(code if isinstance(code, int) else 0, printed.out, printed.err)

    return run


def start_groundcast(home: Path, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Starts the command line in a process of its own."""
    environment = os.environ | {"GROUNDCAST_HOME": str(home)}
    command = [sys.executable, "-m", "search_ui.cli", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    return subprocess.Popen(command, cwd=ROOT, env=environment, **pipes)
