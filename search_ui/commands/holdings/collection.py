"""`groundcast collection`: another model for a collection, another name, its end, and the ways back."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from search_ui.commands.context import CommandContext, json_option, pass_command_context, print_json
from search_ui.commands.planet import prompt_of_concept
from search_ui.commands.queueing import follow, queue_options
from search_ui.commands.running import PRECISION, outcome_json, outcome_lines, watch

if TYPE_CHECKING:
    from ingest.catalog.aliases import Version
    from ingest.jobs.request import Request
    from search_ui.search.comparison import Comparison
    from trainer.embedder import Embedder

FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.group(short_help="Another model or name for a collection; delete it.")
def command() -> None:
    """Another model for a collection that is being searched, another name, its end; and the ways back.

    A collection has versions, each of one model. Its name stands for one of them; NAME@1, NAME@2 ask for a certain one.
    A gallery is called gallery.NAME here, as `groundcast collections` lists it.
    """


@command.command("upgrade")
@click.argument("name")
@click.option("--model", required=True, metavar="MODEL", help="The model that takes over.")
@click.option("--keep", is_flag=True, help="Embed and compare only; the name goes on standing for the present version.")
@click.option("--incomplete", is_flag=True, help="Take over even if items are missing in the new version.")
@click.option("--prompts", type=FILE, metavar="FILE", help="Texts to compare with, one a line [45 common scenes].")
@click.option(
    "--labels",
    multiple=True,
    metavar="[TEXT=]FILE",
    help="Parquet with tile_id, probability and, without TEXT, concept: what is to be seen; may be repeated.",
)
@click.option("--precision", type=PRECISION, help="Arithmetic of the model; see `groundcast ingest --help`.")
@queue_options
@json_option
@pass_command_context
def upgrade(
    ctx: CommandContext,
    /,
    name: str,
    model: str,
    keep: bool,
    incomplete: bool,
    prompts: Path | None,
    labels: tuple[str, ...],
    precision: str | None,
    queue: bool,
    priority: str,
    as_json: bool,
) -> None:
    """Embed collection NAME with another model beside the present version, compare the two, and change over.

    Everything that was ever ingested into NAME is ingested again, from the sources that the ledger names, into a new
    version. Searches are answered by the present version until the new one takes over, which is one step; the one
    before is kept for `groundcast collection rollback`. The same command again goes on where the last run stopped.
    With --queue workers embed, and this command waits for them. Where both models see tiles alike and differ in what
    place and time make of them, the vectors are taken over and nothing is embedded: that takes seconds.
    """
    from ingest.jobs.carry_over import vectors_stay
    from ingest.jobs.upgrade import change_over, requests, shadow
    from search_ui.search.relevance.fitted import fits_of

    # files are read first: a wrong name must not show after hours of embedding
    asked, known = _prompts(prompts), _labels(labels)
    present = ctx.aliases.collection(name)
    name = ctx.aliases.called(present.name)
    before = next(version for version in ctx.aliases.versions(name) if version.role == "in service")
    embedder = _embedder(ctx, model, precision)
    after = shadow(ctx.catalog, name, embedder)
    asked_for = requests(ctx.catalog, present, after.collection)
    kept = None
    if vectors_stay(ctx.settings, ctx.catalog, present, embedder.model_id):
        kept, done = _carried(ctx, before, after, silent=as_json), []
    elif queue:
        done = _by_workers(ctx, asked_for, embedder, priority)
    else:
        done = [_here(ctx, request, embedder, silent=as_json) for request in asked_for]
    comparison = _compare(ctx, before, after, asked, known)
    left = [] if after.collection.model_id == present.model_id else sorted(fits_of(present))
    if not as_json:
        _say(comparison.lines())
    # compared before the change over: what a person is shown is about a choice that is still open
    if not keep:
        change_over(ctx.settings, ctx.catalog, name, after, incomplete=incomplete)
    if as_json:
        print_json(_upgraded(ctx, name, done, kept, comparison) | {"fits_of_the_model_before": left})
    elif keep:
        click.echo(f"{name} goes on standing for {before.name}; the same command without --keep changes over")
    else:
        click.echo(f"{name} stands for {after.name} now; `groundcast collection rollback {name}` goes back")
        for text in left:
            again = f"groundcast evaluate {name} --truth FILE --text {text!r} --fit"
            click.echo(f"relevance of {text!r} was fitted with the model before, and is not any more: `{again}`")
        for gallery, photos in ctx.aliases.in_service().items():
            if present.kind == "tiles" and photos.kind == "gallery" and photos.model_id == present.model_id:
                click.echo(f"its photos next: `groundcast collection upgrade {gallery} --model {model}`")


@command.command("rollback")
@click.argument("name")
@json_option
@pass_command_context
def rollback(ctx: CommandContext, name: str, as_json: bool) -> None:
    """Let NAME stand for the version before again; a second rollback takes that back."""
    from ingest.jobs.upgrade import missing, roll_back

    left = ctx.aliases.collection(name)
    version = roll_back(ctx.settings, ctx.catalog, name)
    lacking = len(missing(ctx.settings, left, version.collection))
    if as_json:
        print_json(
            {"name": name, "in_service": version.name, "model_id": version.collection.model_id, "lacks": lacking}
        )
        return
    click.echo(f"{name} stands for {version.name} now, model {version.collection.model_id}")
    if lacking:
        model = ctx.catalog.model(model_id=version.collection.model_id).name
        click.echo(
            f"{lacking} items came after it and are not in it: `groundcast collection rollback {name}`, then "
            f"`groundcast collection upgrade {name} --model {model}` brings them in"
        )


@command.command("rename")
@click.argument("name")
@click.argument("new_name")
@json_option
@pass_command_context
def rename(ctx: CommandContext, name: str, new_name: str, as_json: bool) -> None:
    """Call NAME otherwise from now on.

    Saved searches and sets of labels go with it. Links and commands with NAME go on too, so no other collection can be
    called that while this one is here.
    """
    from ingest.jobs.lifetime import rename as rename_collection

    new = rename_collection(ctx.settings, ctx.catalog, name, new_name)
    if as_json:
        print_json({"name": new, "before": name})
    else:
        click.echo(f"{name} is called {new} now; links and commands that say {name} go on leading to it")


@command.command("delete")
@click.argument("name")
@json_option
@pass_command_context
def delete(ctx: CommandContext, name: str, as_json: bool) -> None:
    """Delete NAME with all its versions; for a day `groundcast collection undelete` brings it back.

    From now on it is not searched, and what runs into it is paused. After a day its index, field, archive, saved
    searches and labels are removed: by the app, if one runs, or by the next `delete`. A .zip of `groundcast backup`
    keeps longer.
    """
    from ingest.catalog.deletions import Deletions
    from ingest.jobs.lifetime import remove_overdue

    deletions = Deletions(ctx.catalog)
    lost = deletions.belongings(name)
    deleted = deletions.delete(name)
    gone = remove_overdue(ctx.settings, ctx.catalog)
    if as_json:
        until = deleted.until.isoformat()
        print_json({"name": deleted.name, "deleted_at": deleted.deleted_at.isoformat(), "until": until, "gone": gone})
        return
    click.echo(
        f"{deleted.name} is deleted; until {deleted.until:%Y-%m-%d %H:%M} UTC `groundcast collection undelete "
        f"{deleted.name}` brings it back" + (f", with its {lost}" if str(lost) else "")
    )
    for stored in gone:
        click.echo(f"{stored} is gone: it was deleted more than a day ago")


@command.command("undelete")
@click.argument("name")
@json_option
@pass_command_context
def undelete(ctx: CommandContext, name: str, as_json: bool) -> None:
    """Bring NAME back, deleted less than a day ago; `groundcast collections --deleted` lists what there is."""
    from ingest.catalog.deletions import Deletions

    found = Deletions(ctx.catalog).undelete(name)
    called, paused = ctx.aliases.called(found.name), [j for j in ctx.catalog.jobs(found.name) if j.state == "paused"]
    if as_json:
        print_json({"name": called, "paused": [job.id for job in paused]})
        return
    click.echo(f"{called} is back, with {ctx.catalog.items_done(found.name, ('archived', 'done')):,} items")
    for job in paused:
        click.echo(f"job {job.id} is paused: `groundcast jobs {'resume' if job.queued else 'retry'} {job.id}` goes on")


@command.command("drop")
@click.argument("name")
@click.option("--version", "number", type=click.IntRange(1), required=True, help="Its number.")
@json_option
@pass_command_context
def drop(ctx: CommandContext, name: str, number: int, as_json: bool) -> None:
    """Remove a version of NAME that is not in service: index, field, archive, and its rows in the catalog."""
    from ingest.jobs.upgrade import drop as drop_version
    from trainer.errors import CatalogError

    versions = ctx.aliases.versions(name)
    version = next((version for version in versions if version.number == number), None)
    if version is None:
        have = ", ".join(f"{version.number}" for version in versions) or "none"
        raise CatalogError(f"{name!r} has no version {number} (have: {have}): see `groundcast collections`")
    drop_version(ctx.settings, ctx.catalog, version)
    if as_json:
        print_json({"name": name, "dropped": version.name})
    else:
        click.echo(f"{version.name} is gone: index, field, archive and rows of the catalog")


def _embedder(ctx: CommandContext, model: str, precision: str | None) -> "Embedder":
    from trainer.embedder import Embedder

    settings = ctx.settings
    settings.cache_dir.mkdir(parents=True, exist_ok=True)
    return Embedder.load(
        settings.models_dir / ctx.catalog.model(model).name,
        precision=precision or settings.precision,
        device=settings.device,
        measurements=settings.cache_dir / "precision.json",
    )


def _compare(
    ctx: CommandContext, before: "Version", after: "Version", prompts: list[str], labels: dict[str, dict[str, float]]
) -> "Comparison":
    from search_ui.search.comparison import compare
    from search_ui.search.engine import Engine

    return compare(Engine(ctx.settings, ctx.catalog), before, after, prompts, labels)


def _prompts(file: Path | None) -> list[str]:
    """The texts of a file, or what the sandbox planet's concepts are asked by: ordinary scenes of anywhere."""
    from trainer.errors import UsageError

    if file is None:
        return list(prompt_of_concept().values())
    texts = [line.strip() for line in file.read_text("utf-8").splitlines() if line.strip()]
    if not texts:
        raise UsageError(f"{file}: no text in it: write one a line")
    return texts


def _labels(given: tuple[str, ...]) -> dict[str, dict[str, float]]:
    from search_ui.search.comparison import read_labels

    labels: dict[str, dict[str, float]] = {}
    for one in given:
        # the last =, because a text may hold one; without any the file is all
        text, _, file = one.rpartition("=")
        for prompt, known in read_labels(Path(file), text or None, asked=prompt_of_concept()).items():
            labels.setdefault(prompt, {}).update(known)
    return labels


def _here(ctx: CommandContext, request: "Request", embedder: "Embedder", *, silent: bool) -> dict[str, Any]:
    from trainer.errors import CatalogError

    outcome = watch(ctx, request, embedder)
    if not silent:
        _say(outcome_lines(outcome, "photos" if request.kind == "gallery" else "tiles"))
    if outcome.stopped:
        raise CatalogError(f"job {outcome.job.id} is {outcome.job.state}: the same command goes on with it")
    return outcome_json(outcome)


def _carried(ctx: CommandContext, before: "Version", after: "Version", *, silent: bool) -> int:
    """Takes the vectors of one version over into another; returns how many tiles it has."""
    from ingest.jobs.carry_over import carry_over

    started = time.perf_counter()
    carry_over(ctx.settings, ctx.catalog, before.collection, after.collection)
    tiles = ctx.catalog.items_done(after.collection.name, ("archived", "done"))
    if not silent:
        click.echo(
            f"both models see tiles alike, so the vectors stay and nothing is embedded: {tiles:,} tiles taken over in "
            f"{time.perf_counter() - started:.1f} s"
        )
    return tiles


def _by_workers(
    ctx: CommandContext, asked_for: "list[Request]", embedder: "Embedder", priority: str
) -> list[dict[str, Any]]:
    """Leaves the requests to workers and waits until they are done.

    Raises:
        CatalogError: One was paused or cancelled meanwhile.
    """
    from ingest.jobs.run import IngestResult, leave_to_workers
    from trainer.errors import CatalogError
    from workers.app import make_app
    from workers.dispatch import PRIORITIES, dispatch_chunks

    app = make_app(ctx.settings)
    jobs = [
        leave_to_workers(ctx.settings, ctx.catalog, request, embedder, priority=PRIORITIES[priority])
        for request in asked_for
    ]
    dispatch_chunks(app, ctx.catalog)
    done = [follow(ctx, job.id) for job in jobs]
    stopped = [job for job in done if job.state != "done"]
    if stopped:
        raise CatalogError(
            f"job {stopped[0].id} is {stopped[0].state}: `groundcast jobs resume {stopped[0].id}`, then the same "
            "command again"
        )
    return [outcome_json(IngestResult(job, None)) for job in done]


def _upgraded(
    ctx: CommandContext, name: str, done: list[dict[str, Any]], kept: int | None, comparison: "Comparison"
) -> dict[str, Any]:
    serving = next(version for version in ctx.aliases.versions(name) if version.role == "in service")
    return {
        "name": name,
        "in_service": serving.name,
        "model_id": serving.collection.model_id,
        "jobs": done,
        "vectors_kept": kept,
        "comparison": comparison.to_json(),
    }


def _say(lines: list[str]) -> None:
    for line in lines:
        click.echo(line)
