"""What an experiment found, as files: a table for people, tables and JSON for machines, pictures.

    FOLDER/finding.json       everything but the pictures, with what it was made of
    FOLDER/finding.md         the same to read
    FOLDER/TABLE.csv          one file a table
    FOLDER/PICTURE.png

The JSON is written last: where it lies, the rest is whole. Nothing here measures or draws.
"""

import csv
import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from trainer.errors import GroundcastError, UsageError
from trainer.measures.report import table as markdown

NAME = "finding.json"


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Attributes:
        name: Name of its CSV file, without the suffix.
        title: What stands above it.
        head: Names of the columns, of the length of every row.
        rows: The cells as they are printed, row by row.
        texts: How many columns from the left are texts; the others are numbers.
    """

    name: str
    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    texts: int = 1


@dataclass(frozen=True)
class Picture:
    """A picture in the finding's folder, and what it shows."""

    file: str
    caption: str


@dataclass(frozen=True)
class Beside:
    """A number of the paper and ours for the same thing; ours may be of another kind of data."""

    what: str
    paper: str
    ours: str


@dataclass(frozen=True)
class ExperimentResult:
    """What one experiment found.

    Attributes:
        title: Name of the experiment, for people.
        paper: What it repeats, such as `Table 1`.
        outcome: What came out, in a sentence.
        says: Sentences: what was asked, of what, how it was measured.
        tables: The numbers as they are printed.
        pictures: The picture files in the finding's folder.
        beside: The paper's numbers, each with ours for the same thing.
        numbers: Every number, for machines; NaN becomes null.
    """

    title: str
    paper: str
    outcome: str
    says: tuple[str, ...]
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    beside: tuple[Beside, ...] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stored:
    """A finding with what it was made of.

    Attributes:
        finding: What the experiment found, without what it was made of.
        inputs: Model, data and code, see `trainer.experiments.running`.
        seconds: How long the experiment took.
    """

    finding: ExperimentResult
    inputs: Mapping[str, str]
    seconds: float


def write(folder: Path, stored: Stored) -> None:
    """Write a finding beside its pictures; see the module.

    Raises:
        GroundcastError: The disk refuses.
    """
    finding = stored.finding
    document = {"finding": _plain(asdict(finding)), "inputs": dict(stored.inputs), "seconds": stored.seconds}
    part = folder / f".{NAME}.{os.getpid()}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for table in finding.tables:
            with (folder / f"{table.name}.csv").open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([table.head, *table.rows])
        (folder / "finding.md").write_text(say(finding), "utf-8")
        # last, and renamed: `read` takes a folder with this file for a whole one
        part.write_text(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
        part.rename(folder / NAME)
    except OSError as error:
        raise GroundcastError(f"{folder} cannot be written: {error.strerror or error}") from error


def read(folder: Path) -> Stored | None:
    """A finding that was written there, or None.

    Raises:
        UsageError: The file is no finding.
    """
    try:
        document = json.loads((folder / NAME).read_text("utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise UsageError(f"{folder / NAME} is no finding ({error}): remove {folder} and run again") from error
    try:
        found = document["finding"]
        whole = ExperimentResult(
            found["title"],
            found["paper"],
            found["outcome"],
            tuple(found["says"]),
            tables=tuple(
                Table(t["name"], t["title"], tuple(t["head"]), tuple(map(tuple, t["rows"])), t["texts"])
                for t in found["tables"]
            ),
            pictures=tuple(Picture(**p) for p in found["pictures"]),
            beside=tuple(Beside(**b) for b in found["beside"]),
            numbers=found["numbers"],
        )
        return Stored(whole, document["inputs"], document["seconds"])
    except (KeyError, TypeError) as error:
        raise UsageError(f"{folder / NAME} is no finding ({error!r}): remove {folder} and run again") from error


def say(finding: ExperimentResult) -> str:
    """A finding as Markdown."""
    parts = [f"# {finding.title}", f"*{finding.paper}*", f"**{finding.outcome}**", *finding.says]
    if finding.beside:
        rows = [(b.what, b.paper, b.ours) for b in finding.beside]
        parts += ["## Beside the paper", markdown(["what", "paper", "here"], rows)]
    for table in finding.tables:
        parts += [f"## {table.title}", markdown(table.head, table.rows, texts=table.texts)]
    parts += [f"![{picture.caption}]({picture.file})" for picture in finding.pictures]
    return "\n\n".join(parts) + "\n"


def _plain(value: Any) -> Any:
    """The same in JSON's types."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
