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
    return [path for path in every if not {"commands", "migrations"}.intersection(path.parts)]


def test_no_message_reaches_the_app_with_words_of_the_command_line() -> None:
    every = [text for path in modules() for text in messages(path)]
    said = {text: told(text) for text in every if re.search("`groundcast |--[a-z]", text)}
    assert len(said) > 80
    assert not {text: one for text, one in said.items() if re.search("`groundcast |--[a-z]", one)}
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
        ("imagery needs a grid of tiles; pass --tile-size-m", "Imagery needs a grid of tiles; pass “tile size m”"),
        ("it lacks; `groundcast jobs retry` does what is left",
         "It lacks; “Go on” on the page “Collections”, which does what is left"),
        ("index 'a' lacks 1 of 9; run `groundcast verify a --repair`, which rebuilds it from the archive",
         "Index 'a' lacks 1 of 9; ask whoever runs this server to mend it, which rebuilds it from the archive"),
        ("so every tile is scored: `groundcast verify a@2 --index`",
         "So every tile is scored: ask whoever runs this server to build it"),
        ("no direction: run `groundcast verify`", "No direction: ask whoever runs this server to check the archive"),
        ("this groundcast is read-only: run your own with `groundcast ui` to add or save things",
         "This groundcast is read-only: run your own with a groundcast of your own to add or save things"),
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
