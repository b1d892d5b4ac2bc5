"""The plugin for QGIS: what it asks, what it is made of, and all of it in a QGIS without a screen, where one is."""

import ast
import configparser
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from home_copy import whole_copy_of

from tests.conftest import ROOT, start_groundcast
from tests.services import free_port

PLUGINS = ROOT / "deploy" / "qgis"
PLUGIN = PLUGINS / "groundcast_search"
PYTHON = "/usr/bin/python3"  # the one that Debian's QGIS is made for


def question_module():
    sys.path.insert(0, str(PLUGINS))
    try:
        from groundcast_search import question
    finally:
        sys.path.remove(str(PLUGINS))
    return question


@pytest.mark.parametrize(
    ("asked", "when"),
    [({}, None), ({"month": 7}, "2026-07"), ({"hour": 6}, "T06"), ({"month": 12, "hour": 23}, "2026-12T23")],
)
def test_a_month_and_an_hour_are_written_as_the_server_reads_a_moment(asked, when) -> None:
    from search_ui.search.moments import parse_moment

    question = question_module().Question("demo", "a beach", year=2026, **asked)
    assert parse_qs(question.of_hits()).get("when", [None])[0] == when
    if when is not None:
        parse_moment(when)


def test_a_question_says_all_of_itself_and_a_saved_search_has_its_own() -> None:
    question = question_module().Question
    asked = question("demo", " dunes & é ", least=0.35, box=(-165.2, 42.9, -164.8, 43.2))
    told = parse_qs(asked.of_hits())
    assert (told["q"], told["min_relevance"]) == (["dunes & é"], ["0.35"]) and "+" not in asked.of_hits()
    assert told["wkt"][0].startswith("POLYGON((-165.200000 42.900000,")
    assert "min_relevance" not in asked.of_scores()
    assert question("search:3f2a", "not asked", month=3).of_hits() == ""
    assert question("demo").of_hits() == ""


def test_the_grades_of_the_plugin_are_those_of_the_answers() -> None:
    from search_ui.search.relevance.calibration import POSSIBLE, STRONG, WEAK, grade

    source = (PLUGIN / "layers.py").read_text("utf-8")
    table = next(one for one in ast.parse(source).body if ast.unparse(one).startswith("GRADES = "))
    grades = ast.literal_eval(table.value)
    edges = [1, STRONG, POSSIBLE, WEAK, 0]
    assert [(least, most) for least, most, *_ in grades] == list(zip(edges[1:], edges[:-1], strict=True))
    assert [word for _, _, word, _ in grades] == [grade(least) for least, *_ in grades]
    said = ", ".join(f"{least:g} {word}".lstrip("0") for least, _, word, _ in grades[:-1])
    assert said in (PLUGIN / "dock.py").read_text("utf-8")


def test_the_plugin_is_pure_python_that_loads_qgis_and_itself_and_nothing_else(tmp_path) -> None:
    allowed = {"qgis", "__future__", "json", "urllib", "pathlib", "dataclasses"}
    for path in PLUGIN.glob("*.py"):
        tree = ast.parse(path.read_text("utf-8"), feature_version=(3, 9))
        for node in ast.walk(tree):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names.append(node.module or "")
            assert {name.partition(".")[0] for name in names} <= allowed, path.name
    told = configparser.ConfigParser()
    told.read(PLUGIN / "metadata.txt", "utf-8")
    assert {"name", "description", "about", "version", "author", "qgisminimumversion"} <= set(told["general"])
    assert (PLUGIN / told["general"]["icon"]).is_file()
    subprocess.run(["make", "-s", "qgis", f"QGIS_ZIP={tmp_path}/plugin.zip"], cwd=ROOT, check=True)
    with zipfile.ZipFile(tmp_path / "plugin.zip") as made:
        files = ("__init__.py", "metadata.txt", "icon.svg")
        assert {f"groundcast_search/{name}" for name in files} <= set(made.namelist())
        assert not [name for name in made.namelist() if "__pycache__" in name]


def has_qgis() -> bool:
    return (
        Path(PYTHON).exists()
        and not subprocess.run(
            [PYTHON, "-c", "import qgis.gui"], env={"PATH": os.environ["PATH"]}, capture_output=True
        ).returncode
    )


@pytest.mark.skipif(not has_qgis(), reason=f"no QGIS: {PYTHON} cannot import it (apt-get install qgis python3-qgis)")
def test_qgis_loads_hits_and_scores_of_a_running_app_and_says_what_is_not_there(demo, tmp_path) -> None:
    home, port = whole_copy_of(demo.home, tmp_path / "home"), free_port()
    app = start_groundcast(home, "ui", "--no-browser", "--port", port, "--base-path", "/ground")
    try:
        assert app.stdout is not None and "The app is at" in app.stdout.readline()
        own = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"}
        walk = [PYTHON, "-B", ROOT / "tests" / "qgis_walk.py", f"http://127.0.0.1:{port}/ground", PLUGINS, tmp_path]
        ran = subprocess.run(walk, env=own, capture_output=True, text=True, timeout=300)
        assert ran.returncode == 0, ran.stderr[-2_000:]
        found = json.loads(ran.stdout.splitlines()[-1])
    finally:
        app.terminate()
        app.communicate(timeout=60)
    assert "is the server running" in found["nobody there"][0]
    assert found["collections"] == ["demo"]
    asked, later, every = found["asked"], found["not now"], found["tiles"]
    assert asked["told"] == [] and asked["hits"]["provider"] == "OAPIF" and asked["scores"]["valid"]
    assert 50 < asked["hits"]["features"] < 500 and asked["says"] == f"{asked['hits']['features']} places"
    assert asked["hits"]["renderer"] == "graduatedSymbol" and {"relevance", "likeliest"} <= set(asked["hits"]["fields"])
    assert "not now" in later["told"][0] and (later["hits"] is None or later["hits"]["features"] < 50)
    # hits above their scores, and what came last above what was there
    assert found["order"][-2:] == [asked["hits"]["name"], asked["scores"]["name"]]
    assert found["nowhere"]["hits"] is found["nowhere"]["scores"] is None and "no box" in found["nowhere"]["told"][0]
    odd = found["odd"]
    assert odd["scores"]["valid"] and (odd["hits"] is not None or "nothing" in odd["told"][0])
    assert every["told"] == [] and every["hits"]["features"] == 3054  # in pages
    assert found["middle"] == pytest.approx(-165 / 180 * 20_037_508, rel=0.01)  # the map shows where they are
    assert "sandbox" in asked["scores"]["credit"][0]
    assert found["left"] == 0 and {"dock.png", "map.png"} <= {path.name for path in tmp_path.iterdir()}
