"""One shard of the plan: its candidates' photos and overhead images, written as pairs, and a record of each candidate.

    train/train-000000-000000.tar    the pairs, in the layout of `trainer.shards.tars`
    records/train-000000.parquet     one row a candidate: `pair`, or the reason why it is none; written after the tar

A shard with a record is done; one without is made from the beginning, and comes out the same where the photos and the
imagery are still there. It does not know other shards.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import h3
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.archive.prefetch import prefetched
from ingest.pairs.recipe import Recipe, shown
from ingest.pairs.samples.circuit_breaker import CircuitBreaker
from ingest.pairs.samples.likeness import HeldOut, Kept
from ingest.pairs.samples.overhead import Overhead, cut
from ingest.pairs.samples.photograph import Darkroom, Photograph
from ingest.pairs.samples.words import captions, plain, tags
from ingest.pairs.workplace import Workplace, write_table, writing
from ingest.sources.source import Source
from trainer.errors import ItemError
from trainer.shards.tars import ShardWriter

if TYPE_CHECKING:
    from trainer.embedder import Embedder  # torch, for who compares by embeddings

PAIR = "pair"
RECORD = pa.schema(
    [
        *((name, pa.string()) for name in ("split", "shard", "sample", "id", "outcome", "message", "owner", "licence")),
        ("lat", pa.float64()),
        ("lon", pa.float64()),
        ("taken", pa.timestamp("s")),
        ("country", pa.string()),
        ("address", pa.string()),
    ]
)
_PLACE_CELLS = 9  # H3 cells of about 0.1 km², half a tile: photos of one are no negatives of each other
_AT_ONCE = 32  # photos that are compared together

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class ShardContext:
    """What a shard is made with.

    Attributes:
        recipe: What is asked for.
        place: Where everything lies.
        source: The imagery that overhead images are cut from.
        darkroom: Makes photographs.
        embedder: Compares them; None: bytes are compared.
        held_out: Whom the photos must not be like; None: nobody.
        threads: At work at once, for photos and for imagery.
        servers: Hears whether the photos' servers answer.
        imagery: Hears whether that of the imagery does.
    """

    recipe: Recipe
    place: Workplace
    source: Source
    darkroom: Darkroom
    embedder: "Embedder | None"
    held_out: HeldOut | None
    threads: int
    servers: CircuitBreaker = field(default_factory=lambda: CircuitBreaker("the photos' servers"))
    imagery: CircuitBreaker = field(default_factory=lambda: CircuitBreaker("the imagery"))


def make_shard(task: str, context: ShardContext, progress: Callable[[int], object]) -> None:
    """Make a shard that is not there yet.

    Args:
        task: Its name in the plan, such as ``train-000000``.
        context: What it is made with; `held_out` is for shards for training alone.
        progress: Called with the number of candidates that are done since the last call.

    Raises:
        SourceError: Nobody answers; what is done is kept.
        ArchiveError: The disk refuses.
    """
    split = task.rpartition("-")[0]
    folder = context.place.folder / split
    rows: list[Row] = pq.read_table(context.place.plan / f"{task}.parquet").to_pylist()
    kept = Kept(context.embedder, context.recipe.near_identical, context.held_out)
    outcomes = _Outcomes(rows, progress)
    with writing(folder):
        folder.mkdir(exist_ok=True)
        for left in (*folder.glob(f"{task}-*.tar"), *folder.glob(f".{task}-*.part")):  # of a run that was stopped
            left.unlink()
        with ShardWriter(folder, task, samples_per_shard=max(1, len(rows))) as shard:  # one tar a task
            for number, photo, overhead in _pairs(rows, context, kept, outcomes):
                sample = f"{task}-{number:06d}"
                shard.write(sample, photo.jpeg, overhead.jpeg, _metadata(rows[number], overhead))
                outcomes.pair(number, sample)
        # before the record: training's shards begin once all others have theirs
        if split != "train":
            kept.keep_out(context.place.held_out, task)
    write_table(context.place.record(task), outcomes.table(split, task))
    context.servers.recorded(context.place.record(task))
    context.imagery.recorded(context.place.record(task))


class _Outcomes:
    """What became of each candidate."""

    def __init__(self, rows: list[Row], progress: Callable[[int], object]) -> None:
        self._rows, self._progress = rows, progress
        self._found: dict[int, tuple[str, str, str | None]] = {}

    def pair(self, number: int, sample: str) -> None:
        self._found[number] = (PAIR, "", sample)
        self._progress(1)

    def left_out(self, number: int, reason: str, message: str) -> None:
        self._found[number] = (reason, message, None)
        self._progress(1)

    def table(self, split: str, task: str) -> pa.Table:
        """Of the schema `RECORD`."""
        listed = [
            row
            | {"id": shown(row["id"]), "address": shown(row["address"]), "split": split, "shard": task}
            | dict(zip(("outcome", "message", "sample"), self._found[n], strict=True))
            for n, row in enumerate(self._rows)
        ]
        return pa.Table.from_pylist(listed, RECORD)


def _pairs(
    rows: list[Row], context: ShardContext, kept: Kept, outcomes: _Outcomes
) -> Iterator[tuple[int, Photograph, Overhead]]:
    """Number, photo and overhead image of each candidate that has both, in their order; what has not is told."""

    def with_imagery(found: tuple[int, Photograph]) -> tuple[int, Photograph, Overhead | ItemError]:
        number, photo = found
        row = rows[number]
        try:
            return number, photo, cut(context.source, context.recipe, photo=row["id"], lat=row["lat"], lon=row["lon"])
        except ItemError as error:
            return number, photo, error

    photos = _unlike(_photos(rows, context, outcomes), kept, outcomes)
    for number, photo, overhead in prefetched(with_imagery, photos, threads=context.threads, begun=2 * context.threads):
        context.imagery.heard(overhead)
        if isinstance(overhead, ItemError):
            outcomes.left_out(number, overhead.reason, str(overhead))
        else:
            yield number, photo, overhead


def _photos(rows: list[Row], context: ShardContext, outcomes: _Outcomes) -> Iterator[tuple[int, Photograph]]:
    """The photos that can be had, in the order of the candidates."""

    def photo(number: int) -> tuple[int, Photograph | ItemError]:
        try:
            return number, context.darkroom(rows[number]["address"])
        except ItemError as error:
            return number, error

    for number, found in prefetched(photo, range(len(rows)), threads=context.threads, begun=4 * context.threads):
        context.servers.heard(found)
        if isinstance(found, ItemError):
            outcomes.left_out(number, found.reason, str(found))
        else:
            yield number, found


def _unlike(
    photos: Iterable[tuple[int, Photograph]], kept: Kept, outcomes: _Outcomes
) -> Iterator[tuple[int, Photograph]]:
    """The photos that are like no other."""
    waiting: list[tuple[int, Photograph]] = []

    def judged() -> Iterator[tuple[int, Photograph]]:
        reasons = kept.refused([photo.digest for _, photo in waiting], [photo.pixels for _, photo in waiting])
        for (number, photo), reason in zip(waiting, reasons, strict=True):
            if reason:
                outcomes.left_out(number, reason, "")
            else:
                yield number, photo
        waiting.clear()

    for found in photos:
        waiting.append(found)
        if len(waiting) == _AT_ONCE:
            yield from judged()
    yield from judged()


def _metadata(row: Row, overhead: Overhead) -> dict[str, Any]:
    """What stands beside a pair; a value that is not known is left out."""
    escaped = row["escaped"]
    known = {name: plain(row[name], escaped=escaped) or None for name in ("owner", "owner_name", "page")}
    document = {
        "latitude": row["lat"],
        "longitude": row["lon"],
        "date_taken": row["taken"],
        "photo_id": shown(row["id"]),
        "place": h3.latlng_to_cell(row["lat"], row["lon"], _PLACE_CELLS),
        "captions": captions(row["title"], row["description"], escaped=escaped),
        "tags": tags(row["tags"], escaped=escaped),
        "licence": row["licence"],
        "country": row["country"] or None,
        "accuracy": row["accuracy"],
        **(known | {"page": known["page"] and shown(known["page"])}),
    }
    return {name: value for name, value in document.items() if value not in (None, [])} | {"overhead": overhead.about}
