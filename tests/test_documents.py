"""The documents say what is so: made by a script, as it makes them; written by hand, with the program's names."""

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ingest.settings import Settings
from tools import architecture, numbers

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "deploy").glob("*.md")]


def test_every_file_of_the_packages_is_in_the_architecture_with_its_own_first_sentence():
    assert architecture.DOCUMENT.read_text("utf-8") == architecture.page(), "run `make documents`"


def test_the_numbers_are_those_that_benchmarks_printed():
    assert numbers.DOCUMENT.read_text("utf-8") == numbers.page(), "run `make documents`"


def test_what_truth_and_monitoring_are_said_to_reach_is_what_their_benchmarks_printed():
    text = (ROOT / "docs" / "truth.md").read_text("utf-8")

    def told(start: str) -> list[float]:
        (line,) = [line for line in text.splitlines() if line.startswith(f"| {start} |")]
        return [float(number) for number in re.findall(r"\d*\.\d+|\d+", line)]

    def printed(name: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads((numbers.STORED / f"{name}.json").read_text("utf-8"))["rows"]
        return rows

    for row in printed("truth"):
        model = {"random": "random weights"}.get(row["model"], row["model"])
        known = ("average_precision", "roc_auc", "precision@9", "f1_best")
        inside = [row[f"{one}{end}"] for one in known for end in ("", " low", " high", ", knows nothing")]
        found = told(f"{row['town'].capitalize()} | {model}")
        assert (found[0], round(100 * row["positive"])) == (row["tiles"], found[1])
        assert found[2 : 2 + len(inside)] == pytest.approx(inside, abs=0.0051), row
    said = {"all that is told": "all that is told, with rose and fell",
            "by relevance alone": "by relevance alone, without calibration"}  # fmt: skip
    for row in [row for row in printed("monitor") if row.get("concept") == "all"]:
        names = ("told", "found", "of it hardly moved", "of it unchanged tiles")
        assert told(said.get(row["way"], row["way"])) == pytest.approx([row[name] for name in names], abs=0.0051)


def test_every_setting_is_described_with_its_default():
    rows = re.findall(r"^\| `(\w+)` \| ?(.*?) ?\|", (ROOT / "docs/settings.md").read_text("utf-8"), flags=re.MULTILINE)
    said = {name: default.strip("`").replace(",", "") for name, default in rows}
    known = {name: field.default for name, field in Settings.model_fields.items()}
    assert set(said) == set(known)
    assert said.pop("home") == "~/.groundcast"
    shown = {name: said[name] for name, default in known.items() if name != "home" and default is not None}
    written = {(): "[]", False: "false", True: "true"}  # as in settings.toml
    known = {name: default for name, default in known.items() if name in shown}
    assert shown == {name: str(written.get(default, default)) if isinstance(default, bool | tuple) else str(default)
                     for name, default in known.items()}  # fmt: skip
    assert {said[name] for name in said if name not in shown} <= {"", "none"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_page_links_to_is_there(page):
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8"))
    inside = [link for link in links if "://" not in link and not link.startswith(("mailto:", "data:"))]
    assert [link for link in inside if not (page.parent / link).exists()] == []


def test_readme_is_read_in_one_sitting():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 160


def test_the_demonstration_is_installed_with_what_its_extra_names():
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]["demo"]
    named = {re.split(r"[<>=]", requirement)[0] for requirement in extra}
    setup = (ROOT / "tools/setup.sh").read_text("utf-8")
    (extras,) = re.findall(r"^install --editable '\.\[([a-z,]*)\]' ", setup, flags=re.MULTILINE)
    lines = re.findall(r"^install (?:--editable \S+|--no-deps) (.*)$", setup, flags=re.MULTILINE)
    installed = {name for line in lines for name in line.split()}
    assert installed | {f"groundcast[{extra}]" for extra in extras.split(",")} == named


def test_every_goal_of_make_is_explained():
    text = (ROOT / "Makefile").read_text("utf-8")
    (goals,) = re.findall(r"^\.PHONY: (.*)$", text, flags=re.MULTILINE)
    assert set(goals.split()) - {"clean"} == set(re.findall(r"^# make (\S+)", text, flags=re.MULTILINE))
    subprocess.run(["make", "--dry-run", *goals.split()], cwd=ROOT, check=True, capture_output=True)
