"""Runs a request with a progress bar and says what came of it; shared by `ingest`, `photos` and `jobs retry`."""

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from search_ui.commands.context import CommandContext, as_lines, print_json, tell

if TYPE_CHECKING:
    from ingest.catalog.catalog import Job
    from ingest.jobs.items import Intake
    from ingest.jobs.photo_facts import PhotoFacts
    from ingest.jobs.request import Request
    from ingest.jobs.run import IngestResult
    from ingest.jobs.work import IngestSummary, Spent
    from trainer.embedder import Embedder

_COMPUTE = 0.5  # share of their time for which readers compute, above which waiting is not what holds them up
PRECISION = click.Choice(["auto", "float32", "compiled", "bfloat16", "bfloat16-compiled", "int8", "int8-compiled"])


def run_request(
    ctx: CommandContext,
    request: "Request",
    *,
    model: str | None,
    precision: str | None,
    as_json: bool,
    retry_job: "Job | None" = None,
    retry_reason: str | None = None,
) -> None:
    """Carries a request out and prints the closing lines, or with `as_json` the whole outcome."""
    from trainer.errors import SourceError

    embedder = load_model(ctx, request, model, precision)
    outcome = watch(ctx, request, embedder, retry_job=retry_job, retry_reason=retry_reason)
    facts = photo_facts_of(ctx, outcome.job)
    if as_json:
        print_json(outcome_json(outcome) | ({} if facts is None else {"photos": vars(facts)}))
    else:
        for line in outcome_lines(outcome, _unit(request)):
            click.echo(line)
        if facts is not None and facts.photos:
            which = f"; `groundcast jobs show {outcome.job.id}` says which not" if facts.lacking else ""
            click.echo(f"{facts}{which}")
        if outcome.report is not None and outcome.report.done:
            click.echo(f"vectors at {embedder.precision}, model {embedder.model_id}")
    if outcome.report is not None and outcome.report.done:
        check_saved_searches(ctx, request.collection.partition("@")[0])
    # after the closing lines: they say what was left out, and a collection without a tile is a failure
    if not outcome.stopped and not ctx.catalog.items_done(outcome.job.collection, ("archived", "done")):
        reasons = ", ".join(f"{reason} {count}" for reason, count in (outcome.job.skipped | outcome.job.failed).items())
        raise SourceError(
            f"{outcome.job.source}: nothing could be ingested ({reasons}); `groundcast jobs show {outcome.job.id}`"
        )


def check_saved_searches(ctx: CommandContext, collection: str) -> None:
    """Begin `groundcast searches check` in a process that nobody waits for; nothing where no search is saved."""
    from search_ui.service.background import begin_check

    begin_check(ctx.settings, ctx.catalog, collection)


def watch(
    ctx: CommandContext,
    request: "Request",
    embedder: "Embedder",
    *,
    retry_job: "Job | None" = None,
    retry_reason: str | None = None,
) -> "IngestResult":
    """Carries a request out under a progress bar."""
    from tqdm import tqdm

    from ingest.jobs.cautions import cautions
    from ingest.jobs.run import carry_out
    from ingest.places.making import make_ahead

    make_ahead(ctx.settings.places_dir)  # beside the work, so that the first question by name need not wait
    unit = _unit(request)
    bars: list[tqdm[Any]] = []

    def start(intake: "Intake", left: int) -> Callable[[int], Any]:
        for warning in cautions(intake, embedder):
            tell(f"warning: {warning}")
        # before the first batch: `auto` decides by the size of the job
        embedder.expect(left)
        tell(f"{left} {unit} to do")
        every_s = 0.1 if sys.stderr.isatty() else 30.0  # a log file wants a line now and then
        bars.append(
            tqdm(
                total=left,
                unit=f" {unit}",
                desc=request.collection,
                mininterval=every_s,
                maxinterval=every_s,
                smoothing=0.05,
                disable=as_lines(),
            )
        )
        return bars[0].update

    try:
        outcome = carry_out(
            ctx.settings, ctx.catalog, request, embedder, start, retry_job=retry_job, retry_reason=retry_reason
        )
    finally:
        for bar in bars:
            bar.close()
    return outcome


def _unit(request: "Request") -> str:
    return "photos" if request.kind == "gallery" else "tiles"


def load_model(ctx: CommandContext, request: "Request", model: str | None, precision: str | None) -> "Embedder":
    """The model that a request is for: the one asked for, or the collection's, or the only one."""
    from ingest.jobs.run import model_for

    return model_for(ctx.settings, ctx.catalog, request.collection, model, precision=precision)


def photo_facts_of(ctx: CommandContext, job: "Job") -> "PhotoFacts | None":
    """How many photos of a job have a place and a time; None for a job of tiles."""
    from ingest.archive.parts import Archive
    from ingest.jobs.photo_facts import photo_facts

    if job.spec.get("kind") != "gallery":
        return None
    archive = Archive(ctx.settings.archive_dir(job.collection), "gallery")
    return photo_facts(archive, [chunk.key for chunk in ctx.catalog.chunks(job=job.id)])


def outcome_lines(outcome: "IngestResult", unit: str) -> list[str]:
    """The closing lines for people."""
    from ingest.jobs.work import Spent

    job, report = outcome.job, outcome.report
    totals = f"{job.done} {unit} done{_counts('skipped', job.skipped)}{_counts('failed', job.failed)}"
    retry = f"; `groundcast jobs show {job.id}` says which" if job.failed else ""
    if report is None:
        return [f"nothing to do: job {job.id} is complete, {totals}{retry}"]
    rates = report.rates()
    lines = []
    if report.done:
        lines.append(
            f"{rates['all']:.1f} {unit}/s in {report.wall_s:.1f} s "
            f"(alone: read {rates['read']:.0f}/s, embed {rates['embed']:.1f}/s, write {rates['write']:.0f}/s)"
        )
        lines.append(bottleneck_line(Spent.of(report.spent()), outcome.job, report.readers))
    if report.unindexed:
        lines.append("another process holds the index: it takes the new parts up before its next search")
    verb = job.state if report.cancelled else "complete"
    return [*lines, f"job {job.id} {verb}: {totals}{retry}"]


def bottleneck_line(spent: "Spent", job: "Job", readers: int | None = None) -> str:
    """What set the pace of a job, and what would make it faster.

    Args:
        spent: Where its time went.
        job: Says what was read.
        readers: How many read at once in the end, if that is known.
    """
    stage, share = spent.bottleneck()
    if stage == "model":
        line = f"the model set the pace, at work {share:.0%} of the time: a faster --precision or a GPU would help"
        return f"{line}, on a GPU a larger batch_size"
    if stage == "writing":
        return f"writing and indexing set the pace, the model waited {share:.0%} of the time: a faster disk would help"
    line = f"reading set the pace, the model waited {share:.0%} of the time"
    if job.source.startswith(("http://", "https://")) and "{" in job.source:
        rate = job.spec.get("options", {}).get("rate_per_s", 10.0)
        return f"{line}: it asks {rate:g} times a second at most; a higher --rate helps where the server allows it"
    line = f"{line}, {readers} read at once" if readers else line
    if spent.readers_computed > _COMPUTE:
        return f"{line} and computed {spent.readers_computed:.0%} of it: more cores, or workers elsewhere, would help"
    waited = 1 - spent.readers_computed
    line = f"{line} and waited {waited:.0%} of it for the network or disk"
    return f"{line}: imagery that lies nearer, or a larger read_threads in the settings, would help"


def outcome_json(outcome: "IngestResult") -> dict[str, Any]:
    """The outcome as JSON values."""
    report = outcome.report
    return {"job": job_json(outcome.job), "run": None if report is None else _report_json(report)}


def job_json(job: "Job") -> dict[str, Any]:
    """A job as JSON values."""
    times = {"created_at": job.created_at.isoformat(), "updated_at": job.updated_at.isoformat()}
    return vars(job) | times | {"spec": job.spec | {"source": job.source}}  # the URL as asked may hold a key


def _report_json(report: "IngestSummary") -> dict[str, Any]:
    counters = {"skipped": dict(report.skipped), "failed": dict(report.failed)}
    return vars(report) | counters | {"rates": report.rates()}


def _counts(verb: str, counts: Mapping[str, int]) -> str:
    if not counts:
        return ""
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items()))
    return f", {sum(counts.values())} {verb} ({reasons})"
