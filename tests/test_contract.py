"""The shape of the project itself: who imports whom, and what stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("trainer", "ingest", "workers", "search_ui")
DOORS = {  # a heavy dependency and the only places that may import it
    "sqlalchemy": (
        "ingest/catalog/saved_searches.py",
        "ingest/catalog/catalog.py",
        "ingest/catalog/migrations/",
        "ingest/catalog/database.py",
        "ingest/catalog/dump.py",
        "ingest/catalog/clock.py",
        "ingest/catalog/aliases.py",
        "ingest/catalog/backlog.py",
        "ingest/catalog/leases.py",
        "ingest/catalog/progress.py",
        "ingest/catalog/dispatch.py",
    ),
    "alembic": ("ingest/catalog/database.py", "ingest/catalog/migrations/"),
    "qdrant_client": ("ingest/index/server.py", "ingest/index/upkeep.py"),
    "qdrant_edge": ("ingest/index/edge.py",),
    "rasterio": ("ingest/sources/", "search_ui/maps/raster.py"),
    "celery": ("workers/",),
    "streamlit": ("search_ui/",),
    "pydeck": ("search_ui/",),
    "torch": ("trainer/", "search_ui/commands/doctor.py"),
    "open_clip": ("trainer/",),
    "click": ("search_ui/",),
}


def imports(path: Path) -> set[str]:
    """Top-level names of everything that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return names


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def test_a_package_imports_only_packages_to_its_left() -> None:
    wrong = []
    for path in sources():
        own = PACKAGES.index(path.relative_to(ROOT).parts[0])
        wrong += [f"{path}: {name}" for name in imports(path) & set(PACKAGES) if PACKAGES.index(name) > own]
    assert wrong == []


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
