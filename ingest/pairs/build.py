"""The whole: metadata in, shards of pairs out. The same command again goes on where the last run stopped.

    metadata ─► candidates ─► plan ─► shards: photo, likeness, overhead image ─► statistics, data card

The shards that are held out come first, so that photos for training can be compared with them. Processes with the same
recipe and folder share the shards. It knows no formats.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.opening import open_source
from ingest.pairs.card import write_card
from ingest.pairs.plots import write_plots
from ingest.pairs.recipe import Recipe, shown
from ingest.pairs.samples.likeness import HeldOut
from ingest.pairs.samples.photograph import Darkroom
from ingest.pairs.samples.shard import ShardContext, make_shard
from ingest.pairs.selection.candidates import gather, gathered
from ingest.pairs.selection.plan import ShardPlan, make_plan
from ingest.pairs.tally import tally
from ingest.pairs.workplace import Workplace, write_json
from ingest.places.countries import Countries
from ingest.sources.chips import ChipSource
from ingest.sources.web import Web
from trainer.errors import SourceError, UsageError

if TYPE_CHECKING:
    from trainer.embedder import Embedder

Progress = Callable[[int], object]
_LOOK_S = 1.0  # between two looks at what other processes have made
_ENOUGH = 64  # free shards: more need not be counted

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Means:
    """How the work is done, which does not change what comes out.

    Attributes:
        threads: At work at once, for photos and for imagery.
        countries: Where the world's countries lie.
        embedder: That of the recipe's model; None without one.
        reading: Called with the number of rows of metadata read since the last call.
        planned: Called with the number of candidates, and of those that are done already; returns what is called with
            the number done since the last call.
        call: Where given, no shard is made here: called every second with the number of shards that can be made now and
            that nobody has in hand (64 at most), it sees to it that others make them, by `help_with`.
    """

    threads: int
    countries: Countries
    embedder: "Embedder | None"
    reading: Progress
    planned: Callable[[int, int], Progress]
    call: Callable[[int], object] | None = None


def build_pairs(recipe: Recipe, folder: Path, means: Means) -> dict[str, Any]:
    """Make everything that is not there yet.

    Args:
        folder: Where it goes: new, or begun with the same recipe.
        means: How the work is done, which does not change what comes out.

    Returns:
        The statistics, as in ``statistics.json``.

    Raises:
        UsageError: The folder was begun with another recipe, or the imagery is chips without places.
        SourceError: Metadata or imagery cannot be opened, or nobody answers.
        ArchiveError: The disk refuses.
    """
    place = Workplace(folder)
    with _opened(recipe, place, threads=means.threads, embedder=means.embedder) as context:
        with place.alone():
            place.settle(recipe)
            gather(recipe, place, means.countries, means.reading)
            plan = make_plan(recipe, place)
        _make_shards(plan, context, means)
        with place.alone():
            found = tally(gathered(place), plan, place.records, recipe.splits)
            document = {"recipe": recipe.document(), "attribution": context.source.attribution} | found.document()
            write_json(folder / "statistics.json", document)
            write_plots(found, means.countries, folder / "statistics.png")
            write_card(document, folder / "README.md")
    return document


def help_with(
    recipe: Recipe,
    folder: Path,
    *,
    threads: int,
    embedder: "Embedder | None",
    goes_on: Callable[[], bool],
) -> bool:
    """Make shards of a build that another process has planned and will finish: one, and others as long as it goes on.

    Args:
        recipe: What that process was asked for.
        folder: That process's, which must be seen from here.
        threads: As in `Means`.
        embedder: As in `Means`.
        goes_on: Whether another shard may be begun.

    Returns:
        Whether there are shards left that could be made now and that nobody has in hand.

    Raises:
        UsageError: The folder was begun with another recipe; or it has no plan.
        SourceError: Photos, imagery or metadata cannot be seen from here, or nobody answers.
        ArchiveError: The disk refuses.
    """
    place = Workplace(folder)
    if "://" not in recipe.yfcc_base and not Path(recipe.yfcc_base).is_dir():
        raise SourceError(f"{recipe.yfcc_base} cannot be seen here, so its photos would seem to be missing")
    if not place.planned.exists():
        raise UsageError(f"{folder} has no plan of pairs here: workers must see the folder of `groundcast pairs build`")
    place.settle(recipe)
    plan = make_plan(recipe, place)
    with _opened(recipe, place, threads=threads, embedder=embedder) as context:
        for task in _ready(plan, place.recorded()):
            if _made(task, context, lambda _: None) and not goes_on():
                break
    return any(place.free(task) for task in _ready(plan, place.recorded()))


def _make_shards(plan: ShardPlan, context: ShardContext, means: Means) -> None:
    """Make the shards that no other process makes, and wait for those."""
    place, sizes = context.place, dict(zip(plan.tasks, plan.sizes, strict=True))
    done = place.recorded()
    progress = means.planned(sum(plan.sizes), sum(sizes[task] for task in done))
    while ready := _ready(plan, done):
        made = set()
        if means.call is None:
            made = {task for task in ready if _made(task, context, progress)}
        else:
            means.call(sum(1 for _ in islice((task for task in ready if place.free(task)), _ENOUGH)))
        # others have in hand all that is ready
        if not made:
            time.sleep(_LOOK_S)
        before, done = done, place.recorded()
        progress(sum(sizes[task] for task in done - before - made))  # of others: what was made here is counted already


def _ready(plan: ShardPlan, done: Set[str]) -> Sequence[str]:
    """The shards that can be made now and are not done: those for training once all others are."""
    left = [task for task in plan.tasks if task not in done]
    return [task for task in left if not task.startswith("train-")] or left


def _made(task: str, context: ShardContext, progress: Progress) -> bool:
    """Make a shard, unless another process does."""
    with context.place.claimed(task) as mine:
        if mine:
            held_out = HeldOut(context.place.held_out) if task.startswith("train-") else None
            make_shard(task, replace(context, held_out=held_out), progress)
            log.info("%s is done", task)
    return mine


@contextmanager
def _opened(recipe: Recipe, place: Workplace, *, threads: int, embedder: "Embedder | None") -> Iterator[ShardContext]:
    """What shards are made with, its imagery and connections open."""
    source = open_source(recipe.overhead, recipe.options)
    if isinstance(source, ChipSource):
        source.close()
        raise UsageError(
            f"{shown(recipe.overhead)} holds chips, which cannot be cut at a photo's place: give the imagery itself"
        )
    prepare = None if embedder is None else embedder.prepare_photo
    # each photo is fetched once, so none is cached
    with source, Web(replace(recipe.options, cache_dir=None)) as web:
        darkroom = Darkroom(web, recipe.photo_px, recipe.quality, prepare)
        yield ShardContext(recipe, place, source, darkroom, embedder, None, threads)
