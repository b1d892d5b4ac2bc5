"""The data card: what the pairs are, where they come from, what was left out and why, and what to mind. Markdown.

It counts nothing.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingest.pairs.workplace import writing
from ingest.places.areas import OSM

_STEPS = {
    "metadata": "rows of metadata that are no candidates",
    "plan": "candidates that are in no shard",
    "picture": "candidates of the shards that became no pair",
}
_SPLITS = {
    "train": "for training",
    "val": "to watch training: blocks of 1° and photographers of their own; with --split random, photos at random",
    "test_random": "photos drawn at random beside those of training, as in the paper",
    "test_strict": "blocks of 1° and photographers of their own",
}


def write_card(found: Mapping[str, Any], file: Path) -> None:
    """Write the card.

    Args:
        found: The document of ``statistics.json``.
        file: Replaced where it exists.
    """
    recipe = found["recipe"]
    sections = [_about(found, recipe), _splits(found), _left_out(found), _rights(found, recipe), _mind(found, recipe)]
    with writing(file):
        file.write_text("\n\n".join(sections) + "\n", "utf-8")


def _about(found: Mapping[str, Any], recipe: Mapping[str, Any]) -> str:
    side = recipe["size_px"] * recipe["gsd_m"]
    return f"""# Pairs of ground-level photo and overhead image

{sum(found["pairs"].values()):,} pairs from {found["rows"]:,} rows of metadata, in WebDataset shards. Each sample has
`groundlevel.jpg`, `overhead.jpg` ({recipe["size_px"]} px at {recipe["gsd_m"]:g} m, that is {side:g} m, north up) and
`metadata.json`: place, the camera's wall clock (`date_taken`), photographer, licence, words, and under `overhead` where
the image comes from, when it was taken and where in it the photo stands (`photo_px`).

Photos: {", ".join(f"`{Path(path).name}`" for path in recipe["photos"])}. Imagery: `{recipe["overhead"]}`.

    groundcast train strong train=train val=val teacher=MODEL out=RUN

![Where and when the photos were taken](statistics.png)"""


def _splits(found: Mapping[str, Any]) -> str:
    rows = [[f"`{split}`", f"{count:,}", _SPLITS[split]] for split, count in found["pairs"].items()]
    return "## Splits\n\n" + _table(["split", "pairs", "what"], rows)


def _left_out(found: Mapping[str, Any]) -> str:
    rows = [
        [reason, f"{count:,}", _STEPS[step]]
        for step, counts in found["left_out"].items()
        for reason, count in counts.items()
    ]
    notes = ", ".join(f"{reason} {count:,}" for reason, count in found["notes"].items())
    return (
        "## What was left out\n\n"
        + (_table(["reason", "count", "step"], rows) if rows else "Nothing.")
        + (f"\n\nKept without a value: {notes}." if notes else "")
        + "\n\nEvery candidate of the shards is in `records/`, with its reason."
    )


def _rights(found: Mapping[str, Any], recipe: Mapping[str, Any]) -> str:
    rows = [[licence or "not told", f"{count:,}"] for licence, count in found["licences"].items()]
    credit = found["attribution"] or f"as its owner asks ({recipe['overhead']})"
    return (
        "## Rights\n\nEach photo keeps its own licence, and most ask to name the photographer: `licence`, "
        "`owner_name`, `page` and `photo_id` are in `metadata.json`. "
        f"Credit for the imagery: {credit}. Countries: {OSM}.\n\n" + _table(["licence", "pairs"], rows)
    )


def _mind(found: Mapping[str, Any], recipe: Mapping[str, Any]) -> str:
    like = (
        f"by embeddings of model {recipe['model_id']}, cosine above {recipe['near_identical']}"
        if recipe["model_id"]
        else "by their bytes only, since no model was named"
    )
    return f"""## What to mind

- Times are the camera's, as it was set: a wrong time zone cannot be seen, only the implausible is left out.
- Photos that look the same were sought {like}: within a shard, and for training against all held-out photos.
- {found["nameless"]:,} pairs name no photographer, so of those the strict split is disjoint in place only.
- {found["undated"]:,} pairs have no date.
- The overhead image is not of the photo's moment; `acquired_at` says when it was taken, where that is known.
- People photograph some places, hours and seasons far more than others: see the picture above."""


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
