"""What can be searched here, with its coverage; adding imagery; and the jobs that did it, with what failed and why."""

from collections import Counter
from typing import Literal

import streamlit as st

from ingest.catalog.catalog import Failure, Job
from search_ui.service.service import Service, Shown
from search_ui.views import pieces, words
from search_ui.views.adding import add_imagery
from search_ui.views.app_words import told
from search_ui.views.map.backdrop import chip_url
from search_ui.views.map.coverage import coverage_map
from search_ui.views.panels.asking import notice, show_notice
from search_ui.views.work import background, ended, job_bar, watch, watch_workers
from trainer.errors import GroundcastError

_PICTURES = 12  # of failed tiles at once
_CHIP_PX = 192


def collections_page(service: Service) -> None:
    """Show the page."""
    st.title("Collections and jobs")
    show_notice()
    tasks = background(service).tasks()
    for name, task in tasks.items():
        if task.running:
            watch(service, name)
        else:
            ended(task)
    watch_workers(service)
    shown = service.collections()
    with st.expander("Add imagery", icon=":material/add_photo_alternate:", expanded=not shown, key="adding"):
        if service.read_only:
            st.info("This server is read-only: run a groundcast of your own to add imagery.")
        else:
            add_imagery(service)
    for one in shown:
        _collection(service, one)
    if not shown and not tasks:
        st.caption("No collection yet.")
    _galleries(service)


def _collection(service: Service, one: Shown) -> None:
    with st.container(border=True):
        left, right = st.columns([1.1, 1])
        with left:
            st.subheader(one.name)
            pieces.facts(
                [
                    ("Tiles", f"{one.tiles:,} of {one.tile_m:g} m"),
                    ("Model", one.model or f"{one.model_id}, which is not here any more"),
                    ("Answers for", _knows(one)),
                    ("A pixel shows", None if one.gsd_m is None else f"{one.gsd_m:.2g} m"),
                    ("Source", one.source),
                    ("Credit", one.attribution or "the source names nobody"),
                    ("Made", f"{one.created_at:%Y-%m-%d %H:%M} UTC"),
                ]
            )
            jobs = service.catalog.jobs(service.aliases.stored(one.name))
            for job in reversed(jobs):
                if job.items or job.failed:  # an ingest that found everything done has nothing to tell
                    _job(service, one, job)
        with right:
            if one.tiles and one.bounds is not None:
                failures = [each for job in jobs if job.failed for each in service.catalog.failures(job.id)]
                coverage_map(service, one, failures)


def _knows(one: Shown) -> str:
    return "any month and hour" if one.knows_time else "no particular time" if one.knows_time is False else "unknown"


def _job(service: Service, one: Shown, job: Job) -> None:
    """A job with its bar, what was left out, and what failed."""
    failed, skipped = sum(job.failed.values()), sum(job.skipped.values())
    state = {"done": "done", "running": "not finished", "superseded": "replaced"}
    title = f"{state.get(job.state, job.state)}: {job.done:,} of {job.items:,} tiles"
    title += f", {skipped:,} left out" if skipped else ""
    title += f", {failed:,} failed" if failed else ""
    with st.expander(title, expanded=bool(failed), icon=":material/history:"):
        if job.state == "running":
            job_bar(service, job)
        st.caption(f"{job.source} · {job.created_at:%Y-%m-%d %H:%M} UTC")
        for note in job.spec.get("notes", []):
            st.caption(f"Note: {told(note)}")
        for reason, count in sorted(job.skipped.items()):
            st.markdown(f"Left out on purpose: **{_plain(reason)}** {count:,}")
        if failed:
            _failures(service, one, job)
        if job.state == "running" and not service.read_only:
            with st.container(horizontal=True):
                for name, then in (("Pause", "paused"), ("Cancel", "cancelled")):
                    st.button(name, key=f"{name} {job.id}", on_click=_stop, args=(service, job, then))
        if job.state != "done" and not (job.queued and job.state == "running") and not service.read_only:
            arguments = ["jobs", "resume", job.id] if job.queued else ["jobs", "retry", job.id]
            st.button("Go on", key=f"go on {job.id}", on_click=_again, args=(service, job, arguments))


def _failures(service: Service, one: Shown, job: Job) -> None:
    failures = service.catalog.failures(job.id)
    for reason, count in Counter(failure.reason for failure in failures).most_common():
        some = [failure for failure in failures if failure.reason == reason]
        st.markdown(f"**{_plain(reason)}**: {count:,}")
        st.caption(told(some[0].message))
        tiles = [failure for failure in some if failure.chunk is not None][:_PICTURES]
        if tiles:
            pieces.photos([_picture(one, failure) for failure in tiles])
            if not service.read_only:
                arguments = ["jobs", "retry", job.id, f"--reason={reason}", *(["--queue"] if job.queued else [])]
                st.button(
                    f"Try these {count:,} again", key=f"retry {job.id} {reason}", icon=":material/refresh:",
                    on_click=_again, args=(service, job, arguments),
                )  # fmt: skip
        else:
            st.caption("These are files: mend them, then add the imagery again under the same name.")


def _picture(one: Shown, failure: Failure) -> pieces.PictureCard:
    url = chip_url(one.name, failure.subject, _CHIP_PX)
    return pieces.PictureCard(
        url, f"tile {failure.subject}, as far as it can be read", (failure.subject, failure.message[:90])
    )


def _stop(service: Service, job: Job, state: Literal["paused", "cancelled"]) -> None:
    """Stop a job after the chunks at hand; what is done stays, and it can go on."""
    try:
        service.require_writable()
        if not service.catalog.stop_job(job.id, state):
            notice("This job has ended meanwhile.")
    except GroundcastError as error:
        notice(told(error))


def _again(service: Service, job: Job, arguments: list[str]) -> None:
    try:
        service.require_writable()
        background(service).start(f"retry-{job.id}", f"{job.collection} again", arguments)
    except GroundcastError as error:
        notice(told(error))


def _galleries(service: Service) -> None:
    found = service.named_galleries()
    st.subheader("Galleries of ground photos", help=words.PHOTOS)
    for name, gallery in found.items():
        photos = service.catalog.items_done(gallery.name, ("archived", "done"))
        st.markdown(f"**{name}** · {photos:,} photos")
    if not found:
        st.caption("None yet: whoever runs this server brings photos in.")


def _plain(reason: str) -> str:
    return reason.replace("_", " ")
