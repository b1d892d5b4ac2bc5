"""Log lines as JSON: of whatever comes to the surface in a process, each is an object, from the first to the last."""

import json
import logging
import os
import subprocess
import sys

import pytest

from search_ui.commands import context
from search_ui.commands.holdings.backup import bar
from tests.conftest import ROOT

ODD_ENDS = """
import logging, threading, warnings
from workers.log_lines import configure, hand_over

class Odd:
    def __del__(self):
        raise RuntimeError("in del")

configure("json", verbose=False)
Odd()
warnings.warn("of a library\\nin two lines")
thread = threading.Thread(target=lambda: 1 / 0)
thread.start(); thread.join()
logging.getLogger("multiprocessing").propagate = False
logging.getLogger("multiprocessing").addHandler(logging.StreamHandler())
hand_over("multiprocessing")
logging.getLogger("multiprocessing").error("child died")
raise SystemError("at last")
"""


def lines_of(*command: str, **environment: str) -> list[dict[str, object]]:
    """What a process says, each line as the object that it must be."""
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=os.environ | environment, timeout=120)
    return [json.loads(line) for line in ran.stderr.splitlines()]


def test_what_nobody_catches_is_json_too() -> None:
    said = [f"{line['message']} {line.get('exc_info', '')}" for line in lines_of(sys.executable, "-c", ODD_ENDS)]
    looked_for = ("in del", "of a library", "ZeroDivisionError", "child died", "at last")
    assert len(said) == len(looked_for)
    assert all(words in line for words, line in zip(looked_for, said, strict=True)), said


@pytest.mark.parametrize(
    ("command", "setting", "words"),
    [
        (("worker", "--bogus"), "HOME", "--bogus"),
        (("wurker",), "HOME", "No such command 'wurker'"),
        (("worker",), "BOGUS", "unknown setting GROUNDCAST_BOGUS"),
    ],
)
def test_a_wrong_command_line_or_setting_is_told_as_json(tmp_path, command, setting, words) -> None:
    environment = {"GROUNDCAST_LOG": "json", f"GROUNDCAST_{setting}": str(tmp_path)}
    (line,) = lines_of(sys.executable, "-m", "search_ui.cli", *command, **environment)
    assert line["level"] == "ERROR" and words in str(line["message"])


@pytest.mark.parametrize("lines", [True, False])
def test_no_bar_is_drawn_and_nothing_said_among_lines(lines, monkeypatch, capsys, caplog) -> None:
    monkeypatch.setattr(context, "as_json", lambda: lines)
    caplog.set_level(logging.INFO, logger="search_ui")
    with bar("saved") as draw:
        draw(5)
    context.tell("5 tiles to do")
    assert ("5 tiles to do" in caplog.messages) == lines
    told = capsys.readouterr().err
    assert (told == "") if lines else ("saved" in told and "5 tiles to do" in told)
