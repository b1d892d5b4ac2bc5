"""`groundcast demo`: everything offline, on one island of the sandbox planet."""

import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from search_ui.commands.context import CommandContext, json_option, pass_command_context, print_json
from search_ui.commands.models.model import keep_model
from search_ui.commands.running import outcome_lines, watch

if TYPE_CHECKING:
    from ingest.jobs.request import Request
    from search_ui.commands.demonstration import Reply
    from trainer.embedder import Embedder

K = 3


@click.command(short_help="Everything offline, on one island of a planet whose truth is known.")
@click.option("--no-browser", is_flag=True, help="Do not open the app afterwards.")
@json_option
@pass_command_context
def command(ctx: CommandContext, no_browser: bool, as_json: bool) -> None:
    """Ingest one island of the sandbox planet with the bundled model, ask it, and draw the answers as a map.

    Makes the model, the collection and the gallery `demo` in the home folder. The second time only the questions are
    asked. Each answer stands beside what is true there: the probability that a person at the place sees it then.
    Then, in a terminal, the app opens with it; a script, a pipe and --json end here.
    """
    from tqdm import tqdm

    from ingest.catalog.names import gallery_name
    from ingest.geo.grid import Grid
    from ingest.jobs.request import Request
    from ingest.sandbox.source import planet
    from search_ui.commands.demonstration import ISLAND, NAME, PHOTOS, ask, draw_map, draw_photos
    from search_ui.search.engine import Engine

    started = time.perf_counter()
    embedder = _model(ctx, NAME)
    world = planet()
    island = world.islands[ISLAND].name
    grid = Grid(size_m=480, stride_m=480)
    _say(as_json, f"the island {island}, seen from above, into the collection {NAME}")
    _ingest(ctx, Request(kind="tiles", collection=NAME, source=f"sandbox:{island}", grid=grid), embedder, as_json)
    _say(as_json, f"photos that people took there, into the gallery {NAME}")
    with tqdm(total=PHOTOS, unit=" photos", desc="drawing") as bar:
        manifest = draw_photos(ctx.settings.home / "demo-photos", world, bar.update)
    _ingest(ctx, Request(kind="gallery", collection=gallery_name(NAME), source=str(manifest)), embedder, as_json)
    engine = Engine(ctx.settings, ctx.catalog)
    replies, first = [], 0.0
    for reply in ask(engine, world):
        first = first or time.perf_counter() - started
        replies.append(reply)
        if not as_json:
            _show(reply)
    picture = ctx.settings.home / "demo.png"
    draw_map(picture, replies, engine.provenance(NAME).attribution)
    times = {"first_answer_s": first, "seconds": time.perf_counter() - started}
    if as_json:
        print_json({"answers": [_reply_json(reply) for reply in replies], "map": str(picture)} | times)
        return
    click.echo(f"\nmaps of all answers: {picture}")
    click.echo("the first answer after {first_answer_s:.0f} s, {seconds:.0f} s in all".format(**times))
    click.echo(f'ask yourself:  groundcast search "a crowded beach" --collection {NAME}')
    # the app would not return to a script or a pipe
    if no_browser or not (sys.stdin.isatty() and sys.stdout.isatty()):
        click.echo("or look at it in a browser:  groundcast ui")
        return
    from search_ui.server import Listening, serve

    serve(ctx.settings, Listening(), say=click.echo)


def _model(ctx: CommandContext, name: str) -> "Embedder":
    """The bundled model under a name of the home folder; kept from the last time if it is the same."""
    from trainer.bundled import add_bundled, bundled_meta
    from trainer.embedder import Embedder
    from trainer.errors import ModelMismatchError

    known = {model.name: model.model_id for model in ctx.catalog.models()}
    wanted = bundled_meta().model_id
    if name not in known:
        keep_model(ctx, name, add_bundled)
    # a home of another version: its collection is of that model, and must not be mixed with this one
    elif known[name] != wanted:
        raise ModelMismatchError(
            f"the model {name!r} in {ctx.settings.home} is {known[name]}, this groundcast brings {wanted}: "
            "give another --home"
        )
    folder = ctx.settings.models_dir / name
    return Embedder.load(folder, precision="float32", device=ctx.settings.device)


def _ingest(ctx: CommandContext, request: "Request", embedder: "Embedder", as_json: bool) -> None:
    outcome = watch(ctx, request, embedder)
    for line in outcome_lines(outcome, "photos" if request.kind == "gallery" else "tiles"):
        _say(as_json, line)


def _say(as_json: bool, line: str) -> None:
    click.echo(line, err=as_json)


def _show(reply: "Reply") -> None:
    best = reply.best(K)
    found, everywhere = float(reply.probability[reply.best(9)].mean()), float(reply.probability.mean())
    click.echo(
        f"\n“{reply.question.text}”, {_moment(reply.when)}: {len(reply.scores.cosine)} tiles in {reply.seconds:.2f} s"
    )
    for rank, row in enumerate(best, start=1):
        place = f"{reply.scores.lat[row]:9.5f} {reply.scores.lon[row]:10.5f}"
        true = f"in truth {reply.probability[row]:.2f}"
        said = f"relevance {reply.scores.relevance[row]:.2f}  cosine {reply.scores.cosine[row]:.3f}"
        click.echo(f"  {rank}  {said}  {place}  {reply.scores.tile_id[row]}  {true}")
    click.echo(f"  truth among the first nine {found:.2f}, on the whole island {everywhere:.3f}")


def _moment(when: datetime) -> str:
    return f"{when.day} {when:%B} at {when.hour} h"


def _reply_json(reply: "Reply") -> dict[str, Any]:
    scores = reply.scores
    hits = [
        {
            "rank": rank,
            "tile_id": scores.tile_id[row],
            "lat": float(scores.lat[row]),
            "lon": float(scores.lon[row]),
            "cosine": round(float(scores.cosine[row]), 6),
            "relevance": round(float(scores.relevance[row]), 4),
            "probability": round(float(reply.probability[row]), 4),
        }
        for rank, row in enumerate(reply.best(9), start=1)
    ]
    asked = {"text": reply.question.text, "concept": reply.question.concept, "when": reply.when.isoformat()}
    return asked | {"tiles": len(scores.cosine), "seconds": reply.seconds, "hits": hits}
