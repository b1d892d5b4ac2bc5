"""No message that the app may show speaks of commands and options; where it can, it names the place in the app."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from search_ui.views.app_words import told

ROOT = Path(__file__).parents[1]
SAYING = ("str", "info", "warning", "error", "caption", "notice")
PACKAGES = ("ingest", "search_ui", "trainer", "workers")


def messages(path: Path) -> Iterator[str]:
    """Every text of a module that is no docstring; what is put in stands as X."""
    tree = ast.parse(path.read_text("utf-8"))
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(node.value)  # docstrings
        if isinstance(node, ast.JoinedStr):
            skipped |= {part for part in ast.walk(node) if part is not node}
            yield "".join(part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in skipped and " " in node.value:
            yield node.value


def modules() -> list[Path]:
    every = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    silent = {"commands", "migrations", "app_words.py"}
    return [path for path in every if not silent.intersection(path.parts)]


def test_no_message_reaches_the_app_with_words_of_the_command_line() -> None:
    every = [text for path in modules() for text in messages(path)]
    said = {text: told(text) for text in every if re.search("`groundcast |`rio |--[a-z]", text)}
    assert len(said) > 80
    assert not {text: one for text, one in said.items() if re.search("`groundcast |`rio |command line|--[a-z]", one)}
    own = [path for path in modules() if "views" in path.parts and path.name not in ("app_words.py", "adding.py")]
    assert not [text for path in own for text in messages(path) if "`groundcast " in text]


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("no model '![x](https://y)' here", "No model '!&#91;x](https://y)' here"),
        ("no collection 'x' here (have: none yet): make it with `groundcast ingest`",
         "No collection 'x' here (have: none yet): add imagery on the page “Collections”"),
        ("several galleries here (a, b): choose one with --gallery",
         "Several galleries here (a, b): choose one with “gallery”"),
        ("imagery needs a grid of tiles; pass --tile-size-m",
         "Imagery needs a grid of tiles; pass “Side of a tile, metres”"),
        ("it lacks; `groundcast jobs retry` does what is left",
         "It lacks; “Go on” on the page “Collections”, which does what is left"),
        ("index 'a' lacks 1 of 9; run `groundcast verify a --repair`, which rebuilds it from the archive",
         "Index 'a' lacks 1 of 9; ask whoever runs this server to mend it, which rebuilds it from the archive"),
        ("so every tile is scored: `groundcast verify a@2 --index`",
         "So every tile is scored: ask whoever runs this server to build it"),
        ("no direction: run `groundcast verify`", "No direction: ask whoever runs this server to check the archive"),
        ("this groundcast is read-only: run your own with `groundcast ui` to add or save things",
         "This groundcast is read-only: run your own with a groundcast of your own to add or save things"),
        ("a.tif: set it with `rio edit-info --crs EPSG:… FILE`, or put a .prj file of its name beside it",
         "a.tif: set it in QGIS or another program for maps, or put a .prj file of its name beside it"),
        ("a.tif: look swapped; set `rio edit-info --transform '[WIDTH, 0, WEST]' FILE` of a pixel and of its corner",
         "a.tif: look swapped; set it in QGIS or another program for maps"),
        ("a.gpkg: or `rio convert FILE NEW.tif` and look at it",
         "a.gpkg: or make a GeoTIFF of it with QGIS or another program for maps and look at it"),
        ("choose with --asset and the name of one",
         "Choose with “asset”, which whoever runs this server can give, and the name of one"),
        ("smaller tiles, or build overviews (`rio overview --build auto FILE`)",
         "Smaller tiles, or build overviews in QGIS or another program for maps"),
        ("Error: Invalid value for '--weights': Path '/x.pt' does not exist.", "Path '/x.pt' does not exist."),
        ("the hub cannot be reached: download https://y/x.pt and pass it with --pretrained openai --weights FILE",
         "The hub cannot be reached: ask whoever runs this server to download https://y/x.pt and to add the model "
         "from that file"),
        ("the line -- as it is -- stays", "The line -- as it is -- stays"),
    ],
)  # fmt: skip
def test_a_message_says_where_in_the_app_or_whom_to_ask(message: str, words: str) -> None:
    assert told(message) == words


def test_the_app_shows_errors_and_notes_in_its_own_words_alone() -> None:
    shown = [ROOT / "search_ui" / "app.py", *(ROOT / "search_ui" / "views").rglob("*.py")]
    bare = [f"{path.name}:{line}" for path in shown for line in bare_lines(path)]
    assert not bare


def bare_lines(path: Path) -> Iterator[int]:
    """Lines of a module that say an error, or show a note, as it is."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        said = []
        if isinstance(node, ast.FormattedValue):
            said = [node.value]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in SAYING:
            said = node.args
        if any(ast.unparse(one) == "error" or ast.unparse(one).endswith(".note") for one in said):
            yield node.lineno


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("“**bold** $x^2$ _a_ <b>” is read", r"“\*\*bold\*\* \$x^2\$ \_a\_ \<b>” is read"),
        ("no tile g480_a at 18:30:59, see http://a.b/c", "No tile g480_a at 18:30:59, see http://a.b/c"),
        ("write `a_*_b` or ```[x](y)` `", "Write `a_*_b` or ```&#91;x](y)` `"),
        ("an odd ` and *one*", r"An odd ` and \*one\*"),
    ],
)
def test_what_somebody_typed_is_no_markup_of_a_note(message: str, words: str) -> None:
    assert told(message) == words
