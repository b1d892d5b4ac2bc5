"""`groundcast jobs`: what was asked, how far it is, what failed and why."""

from typing import TYPE_CHECKING

import click

from search_ui.commands.context import CommandContext, json_option, pass_command_context, print_json
from search_ui.commands.queueing import follow, progress_line, queue_options, queue_request, wake
from search_ui.commands.running import PRECISION, bottleneck_line, job_json, photo_facts_of, run_request

if TYPE_CHECKING:
    from ingest.catalog.catalog import Job

SHOWN = 50


@click.group(short_help="List, show, pause, resume, retry and cancel jobs.")
def command() -> None:
    """List, show, pause, resume, retry and cancel jobs, those of workers too."""


@command.command("list")
@click.option("--collection", metavar="NAME", help="Only those of this collection.")
@json_option
@pass_command_context
def list_jobs(ctx: CommandContext, collection: str | None, as_json: bool) -> None:
    """List jobs, oldest first."""
    if collection is not None:
        collection = ctx.aliases.collection(collection).name
    jobs = ctx.catalog.jobs(collection)
    if as_json:
        print_json([job_json(job) | {"state": _state(ctx, job)} for job in jobs])
        return
    for job in jobs:
        click.echo(_line(ctx, job))
    if not jobs:
        click.echo("no job yet")


@command.command("show")
@click.argument("job_id")
@click.option("--follow", "following", is_flag=True, help="Show a bar until workers have done it.")
@json_option
@pass_command_context
def show(ctx: CommandContext, job_id: str, following: bool, as_json: bool) -> None:
    """Show one job, how far it is, and its failures; JOB_ID may be its first digits."""
    from ingest.catalog.progress import progress
    from ingest.jobs.work import Spent

    job = follow(ctx, job_id) if following else ctx.catalog.job(job_id)
    failures = ctx.catalog.failures(job.id)
    now = progress(ctx.catalog, job.id)
    facts = photo_facts_of(ctx, job)
    spent = Spent.of(job.spent)
    stage, share = spent.bottleneck()
    if as_json:
        document = job_json(job) | {"state": _state(ctx, job), "progress": vars(now)}
        document["bottleneck"] = {"stage": stage, "share": share} if share else None
        document |= {} if facts is None else {"photos": vars(facts)}
        print_json(document | {"failures": [vars(failure) for failure in failures]})
        return
    click.echo(_line(ctx, job))
    if job.state == "running" or now.unindexed:
        click.echo(f"  {progress_line(now)}")
    if share:
        click.echo(f"  pace     {bottleneck_line(spent, job)}")
    if job.note:
        click.echo(f"  note     {job.note}")
    for note in job.spec.get("notes", []):
        click.echo(f"  note     {note}")
    for reason, count in sorted(job.skipped.items()):
        click.echo(f"  skipped  {reason}: {count}")
    _some([f"  failed   {failure.reason}: {failure.message}" for failure in failures])
    if facts is not None and facts.photos:
        click.echo(f"  photos   {facts}")
        _some([f"  lacking  {lacks}: {name}" for name, lacks in facts.lacking])


def _some(lines: list[str]) -> None:
    for line in lines[:SHOWN]:
        click.echo(line)
    if len(lines) > SHOWN:
        click.echo(f"  … and {len(lines) - SHOWN} more: see --json")


@command.command("retry")
@click.argument("job_id")
@click.option("--reason", metavar="CODE", help="Only items that failed for this reason.")
@click.option("--precision", type=PRECISION, help="Arithmetic of the model; see `groundcast ingest --help`.")
@queue_options
@json_option
@pass_command_context
def retry(
    ctx: CommandContext,
    job_id: str,
    reason: str | None,
    precision: str | None,
    queue: bool,
    priority: str,
    as_json: bool,
) -> None:
    """Do the failed items of a job again, here or with --queue elsewhere."""
    from ingest.catalog.aliases import version_name
    from ingest.catalog.foreign import IMPORTED
    from ingest.jobs.request import Request
    from trainer.errors import UsageError

    job = ctx.catalog.job(job_id)
    if IMPORTED in job.spec:
        raise UsageError(
            f"job {job.id} brought vectors, whose rows fail by what is in them: mend them and import again"
        )
    request = Request.from_json(job.spec | {"collection": version_name(job.collection)})  # not what the name stands for
    again = {"retry_job": job, "retry_reason": reason}
    if queue:
        queue_request(ctx, request, model=None, priority=priority, as_json=as_json, **again)  # type: ignore[arg-type]
    else:
        run_request(ctx, request, model=None, precision=precision, as_json=as_json, **again)  # type: ignore[arg-type]


@command.command("pause")
@click.argument("job_id")
@json_option
@pass_command_context
def pause(ctx: CommandContext, job_id: str, as_json: bool) -> None:
    """Stop a job after the chunks at hand, until `jobs resume`."""
    from trainer.errors import CatalogError

    job = ctx.catalog.job(job_id)
    if not ctx.catalog.stop_job(job.id, "paused"):
        raise CatalogError(f"job {job.id} is {ctx.catalog.job_state(job.id)}: there is nothing to pause")
    _say(ctx, job, "paused", as_json)


@command.command("resume")
@click.argument("job_id")
@json_option
@pass_command_context
def resume(ctx: CommandContext, job_id: str, as_json: bool) -> None:
    """Let workers go on with a job that was paused or cancelled."""
    from trainer.errors import CatalogError

    job = ctx.catalog.job(job_id)
    if job.state not in ("paused", "cancelled"):
        raise CatalogError(f"job {job.id} is {job.state}: only a paused or cancelled one can be resumed")
    if not job.queued:
        raise CatalogError(f"job {job.id} was not left to workers: the same ingest command goes on with it")
    ctx.catalog.enqueue(job.id, priority=job.priority)
    wake(ctx)
    _say(ctx, job, "resumed", as_json)


@command.command("cancel")
@click.argument("job_id")
@json_option
@pass_command_context
def cancel(ctx: CommandContext, job_id: str, as_json: bool) -> None:
    """Stop a running job after its present chunk; the same ingest command takes it up again."""
    from trainer.errors import CatalogError

    job = ctx.catalog.job(job_id)
    if not ctx.catalog.stop_job(job.id, "cancelled"):
        raise CatalogError(f"job {job.id} is {ctx.catalog.job_state(job.id)}: there is nothing to cancel")
    again = "`groundcast jobs resume`" if job.queued else "the same ingest command"
    _say(ctx, job, f"cancelled; {again} takes it up again", as_json)


def _say(ctx: CommandContext, job: "Job", what: str, as_json: bool) -> None:
    job = ctx.catalog.job(job.id)
    if as_json:
        print_json(job_json(job))
    else:
        click.echo(f"job {job.id}, {job.done} of {job.items} done: {what}")


def _state(ctx: CommandContext, job: "Job") -> str:
    """A job that was running when its process died is stopped: nobody holds its collection. Workers come and go."""
    from filelock import FileLock, Timeout

    if job.state != "running" or job.queued:
        return job.state
    try:
        # a living ingest holds this lock: whoever gets it at once knows that there is none
        with FileLock(ctx.settings.lock_path(job.collection), timeout=0):
            return "stopped"
    except Timeout:
        return "running"


def _line(ctx: CommandContext, job: "Job") -> str:
    skipped, failed = sum(job.skipped.values()), sum(job.failed.values())
    return (
        f"{job.id}  {_state(ctx, job):10}  {job.done} of {job.items} done, {skipped} skipped, {failed} failed  "
        f"{job.collection} ← {job.source}"
    )
