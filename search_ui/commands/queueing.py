"""Leaves a request to workers and says how it stands with them; shared by `ingest` and `jobs`."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from search_ui.commands.context import CommandContext, as_lines, print_json, tell
from search_ui.commands.running import job_json, load_model

if TYPE_CHECKING:
    from ingest.catalog.catalog import Job
    from ingest.catalog.progress import Progress
    from ingest.jobs.request import Request

_Command = TypeVar("_Command", bound=Callable[..., Any])
_LOOK_S = 1.0


def queue_options(command: _Command) -> _Command:
    """``--queue`` and ``--priority``."""
    priority = click.option(
        "--priority",
        type=click.Choice(["high", "normal", "low"]),
        default="normal",
        show_default=True,
        help="With --queue: high goes before what is being worked on, after its present chunk.",
    )
    return click.option("--queue", is_flag=True, help="Leave the work to `groundcast worker`.")(priority(command))


def queue_request(
    ctx: CommandContext,
    request: "Request",
    *,
    model: str | None,
    priority: str,
    as_json: bool,
    retry_job: "Job | None" = None,
    retry_reason: str | None = None,
) -> None:
    """Plans a request, wakes workers for it, and says how to follow it."""
    from ingest.catalog.progress import progress
    from ingest.jobs.run import leave_to_workers
    from workers.app import make_app
    from workers.dispatch import PRIORITIES, dispatch_chunks

    app = make_app(ctx.settings)  # refuses before an hour of planning
    embedder = load_model(ctx, request, model, None)
    job = leave_to_workers(
        ctx.settings,
        ctx.catalog,
        request,
        embedder,
        priority=PRIORITIES[priority],
        retry_job=retry_job,
        retry_reason=retry_reason,
    )
    woken = dispatch_chunks(app, ctx.catalog)
    if as_json:
        print_json({"job": job_json(job), "woken": woken})
        return
    left = progress(ctx.catalog, job.id).left
    click.echo(f"job {job.id}: {left} of {job.items} left to workers; see it with")
    click.echo(f"  groundcast jobs show {job.id} --follow")
    if not woken:
        tell("Redis did not answer: workers begin by themselves once it does")


def wake(ctx: CommandContext) -> None:
    """Wakes workers for what there is to do, if Redis is there."""
    from workers.app import make_app
    from workers.dispatch import dispatch_chunks

    if not dispatch_chunks(make_app(ctx.settings), ctx.catalog):
        tell("Redis did not answer: workers begin by themselves once it does")


def progress_line(progress: "Progress") -> str:
    """How far workers are, for people."""
    who = f"{len(progress.workers)} at work" if progress.workers else "nobody at work"
    pace = "" if progress.rate_per_s is None else f", {progress.rate_per_s:.1f}/s"
    left = "" if progress.left_s is None else f", {_span(progress.left_s)} left"
    behind = f"; {progress.unindexed} chunks wait for the index" if progress.unindexed else ""
    return f"{progress.left} to do, {who}{pace}{left}{behind}"


def follow(ctx: CommandContext, job_id: str) -> "Job":
    """Shows a bar until a job no longer runs; returns the job."""
    from tqdm import tqdm

    from ingest.catalog.progress import progress

    job = ctx.catalog.job(job_id)
    bar_format = "{desc} {percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt}{postfix}"
    with tqdm(total=job.items, desc=job.collection, bar_format=bar_format, disable=as_lines()) as bar:
        while True:
            state, now = ctx.catalog.job_state(job.id), progress(ctx.catalog, job.id)
            # set, not counted up: others do the work, and the ledger says how far they are
            bar.n = job.items - now.left
            bar.set_postfix_str(progress_line(now))
            if state != "running":
                return ctx.catalog.job(job.id)
            time.sleep(_LOOK_S)


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
