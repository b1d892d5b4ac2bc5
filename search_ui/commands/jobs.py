"""`groundcast jobs`: what was asked, how far it is, what failed and why."""

from typing import TYPE_CHECKING

import click

from search_ui.commands.running import PRECISION, job_json, run_request
from search_ui.door import Door, json_option, pass_door, print_json

if TYPE_CHECKING:
    from ingest.catalog import Job

SHOWN = 50


@click.group(short_help="List, show, retry and cancel jobs.")
def command() -> None:
    """List, show, retry and cancel jobs."""


@command.command("list")
@click.option("--collection", metavar="NAME", help="Only those of this collection.")
@json_option
@pass_door
def list_jobs(door: Door, collection: str | None, as_json: bool) -> None:
    """List jobs, oldest first."""
    if collection is not None:
        collection = door.aliases.collection(collection).name
    jobs = door.catalog.jobs(collection)
    if as_json:
        print_json([job_json(job) | {"state": _state(door, job)} for job in jobs])
        return
    for job in jobs:
        click.echo(_line(door, job))
    if not jobs:
        click.echo("no job yet")


@command.command("show")
@click.argument("job_id")
@json_option
@pass_door
def show(door: Door, job_id: str, as_json: bool) -> None:
    """Show one job and its failures; JOB_ID may be its first digits."""
    job = door.catalog.job(job_id)
    failures = door.catalog.failures(job.id)
    if as_json:
        print_json(job_json(job) | {"state": _state(door, job)} | {"failures": [vars(failure) for failure in failures]})
        return
    click.echo(_line(door, job))
    for reason, count in sorted(job.skipped.items()):
        click.echo(f"  skipped  {reason}: {count}")
    for failure in failures[:SHOWN]:
        click.echo(f"  failed   {failure.reason}: {failure.message}")
    if len(failures) > SHOWN:
        click.echo(f"  … and {len(failures) - SHOWN} more: see --json")


@command.command("retry")
@click.argument("job_id")
@click.option("--reason", metavar="CODE", help="Only items that failed for this reason.")
@click.option("--precision", type=PRECISION, help="Arithmetic of the model; see `groundcast ingest --help`.")
@json_option
@pass_door
def retry(door: Door, job_id: str, reason: str | None, precision: str | None, as_json: bool) -> None:
    """Do the failed items of a job again."""
    from ingest.aliases import version_name
    from ingest.request import Request

    job = door.catalog.job(job_id)
    request = Request.from_json(job.spec | {"collection": version_name(job.collection)})
    run_request(door, request, model=None, precision=precision, as_json=as_json, retry_job=job, retry_reason=reason)


@command.command("cancel")
@click.argument("job_id")
@json_option
@pass_door
def cancel(door: Door, job_id: str, as_json: bool) -> None:
    """Stop a running job after its present chunk; the same ingest command takes it up again."""
    from trainer.errors import CatalogError

    job = door.catalog.job(job_id)
    if job.state == "done":
        raise CatalogError(f"job {job.id} is done: there is nothing to cancel")
    door.catalog.set_job_state(job.id, "cancelled")
    job = door.catalog.job(job.id)
    if as_json:
        print_json(job_json(job))
    else:
        click.echo(f"job {job.id} cancelled after {job.done} items; the same ingest command takes it up again")


def _state(door: Door, job: "Job") -> str:
    """A job that was running when its process died is stopped: nobody holds its collection."""
    from filelock import FileLock, Timeout

    if job.state != "running":
        return job.state
    try:
        with FileLock(door.settings.lock_path(job.collection), timeout=0):
            return "stopped"
    except Timeout:
        return "running"


def _line(door: Door, job: "Job") -> str:
    skipped, failed = sum(job.skipped.values()), sum(job.failed.values())
    return (
        f"{job.id}  {_state(door, job):10}  {job.done} of {job.items} done, {skipped} skipped, {failed} failed  "
        f"{job.collection} ← {job.source}"
    )
