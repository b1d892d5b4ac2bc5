"""Writes the second half of docs/architecture.md: every file of the packages, with its own first sentence.

Folders come from the ground up, files in the reading order of their folder's `__init__`. A test holds that the document
is what this makes.

    python -m tools.architecture
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "architecture.md"
PACKAGES = ("trainer", "ingest", "workers", "search_ui", "groundcast")
HEADING = "## Every file\n"


def page() -> str:
    """The document: what a person wrote, up to the heading, and the files."""
    written = DOCUMENT.read_text("utf-8").partition(HEADING)[0]
    folders = [line for package in PACKAGES for line in _folder(ROOT / package, _tracked())]
    return written + HEADING + "\n" + "\n".join(folders)


def _tracked() -> set[Path]:
    listed = subprocess.run(["git", "ls-files", "-z", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=True)
    return {ROOT / name for name in listed.stdout.split("\0") if name.endswith(".py")}


def _folder(folder: Path, tracked: set[Path]) -> Iterator[str]:
    opening = _docstring(folder / "__init__.py")
    inside = {path for path in tracked if path.parent == folder and path.name != "__init__.py"}
    rooms = {path.parent for path in tracked if path.parent.parent == folder}
    name = folder.relative_to(ROOT).as_posix()
    yield f"### `{name}/`\n"
    yield f"{_first_sentence(opening)}\n"
    ordered = sorted(inside | rooms, key=lambda path: _place(path.stem, opening))
    if inside:
        yield "| file | what it is |"
        yield "|---|---|"
        for path in ordered:
            if path in inside:
                said = _first_sentence(_docstring(path)).replace("|", "\\|")
                yield f"| `{path.relative_to(ROOT).as_posix()}` | {said} |"
        yield ""
    for path in ordered:
        if path in rooms:
            yield from _folder(path, tracked)


def _place(stem: str, opening: str) -> tuple[int, str]:
    """Where the reading order names it; what it does not name comes last."""
    order = opening[opening.lower().find("reading order") :]
    named = re.search(rf"\b{re.escape(stem)}\b", order)
    return (named.start() if named else len(order), stem)


def _docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""


def _first_sentence(docstring: str) -> str:
    paragraph = " ".join(docstring.partition("\n\n")[0].split())
    return re.split(r"(?<=[.?!]) (?=[A-Z`])", paragraph)[0].rstrip(".")


if __name__ == "__main__":
    DOCUMENT.write_text(page(), "utf-8")
