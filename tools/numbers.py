"""Makes docs/numbers.md of docs/numbers/: what benchmarks printed as JSON, each with the day, commit and machine.

A file there is what `python -m benchmarks.NAME --json` printed (benchmark, setting, rows, ratios), and `measured`.
Where that has a `variant`, such as the processor, it is stored as NAME-VARIANT.json.
Numbers that were measured before that and typed by hand stand in docs/numbers/earlier.md and come last, as they are.

    python -m tools.numbers                               the document from the stored JSON
    python -m tools.numbers --measure NAME [ARGUMENT …]   runs a benchmark, stores what it prints, then the document
"""

import argparse
import ast
import json
import subprocess
import sys
from datetime import UTC, datetime
from itertools import groupby
from os import cpu_count
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
STORED = ROOT / "docs" / "numbers"
DOCUMENT = ROOT / "docs" / "numbers.md"
INSTRUCTIONS = {"avx2", "avx512f", "avx512_fp16", "amx_tile"}  # which decide how ratios come out
OPENING = """# Numbers

Each section is what its command printed as JSON, stored in [numbers/](numbers/) and set by `python -m tools.numbers`.
Nothing here is typed by hand but the last part, which says so. Compare ratios, not seconds: the machines are shared.
"""


def page() -> str:
    """The whole document."""
    documents = [json.loads(path.read_text("utf-8")) for path in sorted(STORED.glob("*.json"))]
    return "\n".join([OPENING, *map(_section, documents), (STORED / "earlier.md").read_text("utf-8")])


def _section(document: dict[str, Any]) -> str:
    name, measured = document["benchmark"], document["measured"]
    parts = [
        f"## {' '.join([name, *_variant(document)])}\n",
        _question(name) + "\n",
        f"`{measured['command']}`, {measured['on']}, commit {measured['commit']}, {measured['machine']}.\n",
    ]
    if document["setting"]:
        parts.append(f"Setting: {_said(document['setting'])}.\n")
    parts += [_table(list(rows)) for _, rows in groupby(document["rows"], key=list)]
    if document["ratios"]:
        ratios = [{"ratio": key, "value": value} for key, value in document["ratios"].items()]
        parts.append(_table(ratios))
    return "\n".join(parts)


def _variant(document: dict[str, Any]) -> list[str]:
    """What of several ways it was measured in, where there are several."""
    return [document["variant"]] if "variant" in document else []


def _question(name: str) -> str:
    """What the benchmark asks: the first paragraph of its docstring."""
    found = next(path for folder in ("benchmarks", "tools") if (path := ROOT / folder / f"{name}.py").exists())
    docstring = ast.get_docstring(ast.parse(found.read_text("utf-8"))) or ""
    return " ".join(docstring.partition("\n\n")[0].split())


def _table(rows: list[dict[str, Any]]) -> str:
    names = [name for name in rows[0] if not name.endswith((" low", " high"))]
    lines = [names, ["---"] * len(names), *([_cell(row, name) for name in names] for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _cell(row: dict[str, Any], name: str) -> str:
    """A value, with its interval where it has one."""
    if f"{name} low" not in row:
        return _said(row[name])
    return f"{_said(row[name])} [{_said(row[f'{name} low'])} {_said(row[f'{name} high'])}]"


def _said(value: Any) -> str:
    match value:
        case None:
            return ""
        case float():
            return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
        case list():
            return ", ".join(map(_said, value))
        case dict():
            return ", ".join(f"{key} {_said(inner)}" for key, inner in value.items())
    return str(value).replace("|", "\\|").replace("\n", " ")


def _measure(name: str, arguments: list[str]) -> None:
    folder = "benchmarks" if (ROOT / "benchmarks" / f"{name}.py").exists() else "tools"
    asked = ["-m", f"{folder}.{name}", *arguments, "--json"]
    printed = subprocess.run([sys.executable, *asked], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    measured = {
        "command": " ".join(["python", *asked]),
        "on": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": subprocess.check_output(["git", "describe", "--always", "--dirty"], cwd=ROOT, text=True).strip(),
        "machine": _machine(),
    }
    document = json.loads(printed.splitlines()[-1]) | {"measured": measured}
    stored = STORED / f"{'-'.join([name, *_variant(document)])}.json"
    stored.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    said = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = sorted(INSTRUCTIONS & set(said.get("flags", "").split()))
    return f"{cpu_count()} cores of {said.get('model name', 'an unnamed processor')} ({', '.join(flags)})"


def main() -> None:
    """Measures what is asked for, and writes the document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", nargs=argparse.REMAINDER, default=[], metavar="NAME")
    asked = parser.parse_args().measure
    if asked:
        _measure(asked[0], asked[1:])
    DOCUMENT.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
