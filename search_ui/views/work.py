"""Work that goes on while the page is looked at: what runs, how far it is, and how long it will take.

It does not know how the work is done: `search_ui.service.background` runs it, the ledger counts it.
"""

import time
from collections.abc import Sequence
from typing import Literal

import streamlit as st

from ingest.catalog.aliases import name_of
from ingest.catalog.catalog import Job
from ingest.catalog.names import GALLERY
from ingest.catalog.progress import progress
from search_ui.service.background import Background, Task
from search_ui.service.service import Service
from search_ui.views import pieces, words
from search_ui.views.app_words import told
from search_ui.views.panels.asking import notice
from trainer.errors import GroundcastError, UsageError

_EVERY_S = 2.0


@st.cache_resource(show_spinner=False)
def _background(home: str, _service: Service) -> Background:  # noqa: ARG001 - one a home
    return Background(_service.settings)


def background(service: Service) -> Background:
    """The work of this home; the same for every visitor."""
    return _background(str(service.settings.home), service)


def at_work(service: Service, collection: str) -> Task | None:
    """What this server is bringing into a collection or gallery, by any of its names, right now."""
    first = service.aliases.first_name(name_of(collection))
    return background(service).at_work([collection, *service.aliases.names(first)])


def bring(service: Service, name: str, title: str, arguments: Sequence[str], collection: str) -> None:
    """Start to bring something into a collection or gallery; see `Background.start`.

    Raises:
        UsageError: Something is being brought into it already, or the work that was paused has not stopped yet.
    """
    before = at_work(service, collection)
    if before is not None:
        raise UsageError(f"{before.title} is still at work: wait for it to end")
    background(service).start(name, title, arguments, collection=collection)


def say_span(seconds: float) -> str:
    """A time to wait: `40 s`, `3 min`, `2 h 05 min`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"


@st.fragment(run_every=_EVERY_S)
def watch(service: Service, name: str) -> None:
    """A task with its bars; when it ends the whole page is shown anew."""
    task = background(service).task(name)
    if task is None:
        return
    # a fragment runs by itself: only a run of the whole page shows what the work has made
    if not task.running:
        st.session_state[f"ended {name}"] = True
        st.rerun()
    with st.container(border=True):
        st.markdown(f"**{pieces.as_words(task.title)}** · for {say_span(time.time() - task.started_at)}")
        running, stopping = _jobs_of(service, task)
        for job in running:
            job_bar(service, job)
            stop_buttons(service, job, name)
        bar = task.bar()
        if stopping and not running:
            st.caption("Stopping after the tiles at hand; what is done is kept …")
        elif bar is not None and not running:
            left = f", {bar.left} left" if bar.left else ""
            st.progress(bar.share, text=f"{pieces.as_words(bar.what) or 'done'}: {bar.amounts}{left}")
        elif bar is None and (said := told(task.last_line()[:200]) or ("" if running else "starting …")):
            st.caption(said)


def _jobs_of(service: Service, task: Task) -> tuple[list[Job], bool]:
    """The jobs of what a task brings something into that run, and whether one was told to stop since it began."""
    if task.collection is None:  # the jobs of others are none of its
        return [], False
    jobs = [job for job in service.catalog.jobs(service.aliases.stored(task.collection)) if not job.queued]
    stopped = [job for job in jobs if job.state in ("paused", "cancelled")]
    return [job for job in jobs if job.state == "running"], any(
        job.updated_at.timestamp() >= task.started_at for job in stopped
    )


@st.fragment(run_every=_EVERY_S)
def watch_workers(service: Service) -> None:
    """The jobs that were left to workers and are not done; when one ends the whole page is shown anew."""
    running = [job for job in service.catalog.jobs() if job.queued and job.state in ("running", "paused")]
    ids = sorted(job.id for job in running)
    if st.session_state.setdefault("left to workers", ids) != ids:
        st.session_state["left to workers"] = ids
        st.rerun()
    if not running:
        return
    with st.container(border=True):
        st.markdown("**Left to the workers**", help=words.WORKERS)
        for job in running:
            job_bar(service, job)
            if job.state == "running":
                stop_buttons(service, job, "workers")


def stop_buttons(service: Service, job: Job, where: str) -> None:
    """Pause and cancel a job that runs; `where` on the page they stand, for one job is shown in several places."""
    if service.read_only:
        return
    with st.container(horizontal=True):
        for title, then in (("Pause", "paused"), ("Cancel", "cancelled")):
            st.button(title, key=f"{title} {where} {job.id}", on_click=_stop, args=(service, job, then))


def _stop(service: Service, job: Job, state: Literal["paused", "cancelled"]) -> None:
    """Stop a job after the chunks at hand; what is done stays, and it can go on."""
    try:
        service.require_writable()
        if not service.catalog.stop_job(job.id, state):
            notice("This job has ended meanwhile.")
    except GroundcastError as error:
        notice(told(error))


def job_bar(service: Service, job: Job) -> None:
    """How far a job is, in tiles, and how long the rest takes."""
    now = progress(service.catalog, job.id)
    dealt = job.items - now.left
    rate = "" if now.rate_per_s is None else f", {now.rate_per_s:.1f} a second"
    left = "" if now.left_s is None else f", about {say_span(now.left_s)} left"
    unit = "photos" if job.spec.get("kind") == "gallery" else "tiles"
    called = pieces.as_words(service.aliases.called(job.collection).removeprefix(GALLERY))
    text = f"{called}: read, embedded and kept {dealt:,} of {job.items:,} {unit}{rate}{left}"
    if job.state == "paused":
        text += "; paused"
    elif job.queued:
        text += f"; {len(now.workers)} at work" if now.workers else "; no worker is at it yet"
    st.progress(dealt / job.items if job.items else 1.0, text=text)


def ended(service: Service, task: Task | None) -> None:
    """What came of a task that has ended."""
    if task is None or task.running:
        return
    title = pieces.as_words(task.title)
    if task.failed:
        st.error(f"{title} did not work. {told(task.last_line())}")
        st.caption(f"All that it said stands in the file logs/{task.log.name} in the home folder of this server.")
        return
    stored = None if task.collection is None else service.aliases.stored(task.collection)
    jobs = service.catalog.jobs(stored) if stored is not None else []
    if not jobs:
        st.success(f"{title}: done.")
        return
    job = max(jobs, key=lambda job: job.updated_at)
    skipped, failed = sum(job.skipped.values()), sum(job.failed.values())
    unit = "photos" if job.spec.get("kind") == "gallery" else "tiles"
    counts = [f"{job.done:,} of {job.items:,} {unit}"]
    counts += [f"{skipped:,} left out"] if skipped else []
    counts += [f"{failed:,} failed"] if failed else []
    unfinished = "left to the workers" if job.queued else "not finished"
    how = job.state if job.state in ("done", "paused", "cancelled") else unfinished
    st.success(f"{title}: {how}, {', '.join(counts)}.")
