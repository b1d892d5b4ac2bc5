"""The public names of the Python package: few, sorted, documented, and loaded when they are first used."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import groundcast as gc

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "python.md").read_text("utf-8")
CLASSES = [gc.CollectionLabels, gc.GroundPhotos, gc.Home, gc.ScoreCalendar, gc.ScoreMap, gc.TileCollection]
HEAVY = ("torch", "streamlit", "geopandas", "pandas", "rasterio", "matplotlib", "sklearn", "transformers")


def test_there_are_few_public_names_and_all_of_them_are_there() -> None:
    assert gc.__all__ == sorted(gc.__all__, key=lambda name: (not name[0].isupper(), name)) == gc.__dir__()
    assert len(gc.__all__) <= 30
    assert [name for name in gc.__all__ if getattr(gc, name) is None] == []
    with pytest.raises(AttributeError, match="no attribute 'opne'"):
        gc.opne  # noqa: B018 - it is looked up


def test_what_type_checkers_see_is_what_is_exported() -> None:
    tree = ast.parse((ROOT / "groundcast" / "__init__.py").read_text("utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    seen |= {node.target.id for node in block.body if isinstance(node, ast.AnnAssign)}
    assert seen == set(gc.__all__)
    assert (ROOT / "groundcast" / "py.typed").exists()


def test_every_name_has_its_line_in_the_documentation_in_the_same_order() -> None:
    _, _, table = PAGE.partition("## All names")
    assert re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE) == gc.__all__


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_method_is_explained_where_it_stands_and_in_the_documentation(kind: type) -> None:
    for name, member in vars(kind).items():
        if not name.startswith("_") and (callable(member) or isinstance(member, property)):
            assert inspect.getdoc(member), f"{kind.__name__}.{name} says nothing of itself"
            assert re.search(rf"\b{name}\b", PAGE), f"docs/python.md has no {kind.__name__}.{name}"


def test_help_spells_the_arguments_out() -> None:
    shown = inspect.signature(gc.TileCollection.search).parameters
    assert {"text", "when", "k", "not_", "bbox", "area", "acquired_to"} <= set(shown)
    assert set(gc.SearchOptions.__annotations__) <= set(shown) and "options" not in shown
    for options in (gc.SearchOptions, gc.GroundOptions, gc.IngestOptions):
        assert [name for name in options.__annotations__ if f"{name}:" not in (options.__doc__ or "")] == []


def test_importing_and_opening_load_nothing_heavy(tmp_path: Path) -> None:
    code = f"""
import sys
import groundcast as gc
print(*[name for name in sys.modules if name.split(".")[0] in ("numpy", "ingest", "search_ui", "trainer")])
with gc.open({str(tmp_path / "home")!r}, create=True) as home:
    assert list(home) == home.models() == []
print(*[name for name in {HEAVY} if name in sys.modules])
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout.split()) == (0, []), ran.stderr
