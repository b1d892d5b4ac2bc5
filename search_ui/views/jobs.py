"""The jobs of a collection or gallery: how far each is, what was left out, and what failed and why.

Counts come with the job; the failures themselves are fetched when somebody opens it, so many of each reason. It does
not know how work is done.
"""

from collections.abc import Sequence

import streamlit as st

from ingest.catalog.catalog import Failure, Job
from ingest.catalog.foreign import IMPORTED
from ingest.geo.grid import Grid
from search_ui.service.service import Service
from search_ui.views import pieces
from search_ui.views.app_words import plainly, told
from search_ui.views.map.backdrop import chip_url
from search_ui.views.panels.asking import notice
from search_ui.views.work import at_work, bring, job_bar, stop_buttons
from trainer.errors import GroundcastError

_PICTURES = 12  # of failed tiles of one reason
_CHIP_PX = 192
_STATES = {"done": "done", "running": "not finished", "superseded": "replaced"}


def job_card(service: Service, name: str, job: Job) -> bool:
    """A job, which can be opened; whether it is.

    Args:
        service: The app's service.
        name: What the collection is called; of a gallery with the prefix of the catalog.
        job: One of its jobs.
    """
    failed, skipped = sum(job.failed.values()), sum(job.skipped.values())
    title = f"{_STATES.get(job.state, job.state)}: {job.done:,} of {job.items:,} {unit_of(job)}"
    title += f", {skipped:,} left out" if skipped else ""
    title += f", {failed:,} failed" if failed else ""
    icon = ":material/error:" if failed else ":material/history:"
    room = st.expander(title, icon=icon, key=f"job {job.id}", on_change="rerun")
    if room.open:
        with room:
            _inside(service, name, job)
    if not service.read_only:
        _buttons(service, job)
    return bool(room.open)


def unit_of(job: Job) -> str:
    """What it brings in."""
    return "photos" if job.spec.get("kind") == "gallery" else "tiles"


def _inside(service: Service, name: str, job: Job) -> None:
    if job.state == "running":
        job_bar(service, job)
    st.caption(f"{job.source} · {job.created_at:%Y-%m-%d %H:%M} UTC")
    for note in job.spec.get("notes", []):
        st.caption(f"Note: {told(note)}")
    for reason, count in sorted(job.skipped.items()):
        st.markdown(f"Left out on purpose: **{_plain(reason)}** {count:,}")
    for reason, count in sorted(job.failed.items(), key=lambda one: -one[1]):
        _failures(service, name, job, reason, count)


def _buttons(service: Service, job: Job) -> None:
    if job.state == "running":
        stop_buttons(service, job, "card")
    # one that runs without anybody at it was cut off, or is another program's, which then says so
    going_on = (job.state == "running" and job.queued) or at_work(service, job.collection) is not None
    if job.state in ("done", "superseded") or going_on:
        return
    if IMPORTED in job.spec:
        st.caption("The same import once more goes on where this one stopped.")
    else:
        arguments = ["jobs", "resume", job.id] if job.queued else ["jobs", "retry", job.id]
        st.button("Go on", key=f"go on {job.id}", on_click=_again, args=(service, job, arguments))


def _failures(service: Service, name: str, job: Job, reason: str, count: int) -> None:
    some = service.catalog.failures(job.id, reason=reason, most=_PICTURES)
    st.markdown(f"**{_plain(reason)}**: {count:,}")
    if some:
        st.caption(told(some[0].message))
    tiles = [failure for failure in some if failure.chunk is not None]
    if not tiles:
        st.caption("These are files: mend them, then add them again under the same name.")
        return
    if unit_of(job) == "tiles":
        pieces.photos([_picture(name, job, failure) for failure in tiles])
        more = count - len(tiles)
        if more > 0:
            st.caption(f"… and {more:,} more")
    if not service.read_only:
        arguments = ["jobs", "retry", job.id, f"--reason={reason}", *(["--queue"] if job.queued else [])]
        st.button(
            f"Try these {count:,} again", key=f"retry {job.id} {reason}", icon=":material/refresh:",
            on_click=_again, args=(service, job, arguments),
        )  # fmt: skip


def _picture(name: str, job: Job, failure: Failure) -> pieces.PictureCard:
    where = place_of(job, failure)
    title = failure.subject if where is None else f"{where[0]:.5f}, {where[1]:.5f}"
    return pieces.PictureCard(
        chip_url(name, failure.subject, _CHIP_PX), f"The tile at {title}, as far as it can be read",
        (title, plainly(failure.message)[:90]),
    )  # fmt: skip


def place_of(job: Job, failure: Failure) -> tuple[float, float] | None:
    """Latitude and longitude of a tile that failed, which the id of a grid's tile says; None for all else."""
    grid = job.spec.get("grid")
    if grid is None or failure.chunk is None:
        return None
    try:
        tile = Grid(**grid).tile(failure.subject)
    except GroundcastError:
        return None
    return tile.lat, tile.lon


def places_of_failures(service: Service, jobs: Sequence[Job], most: int) -> list[tuple[float, float, str]]:
    """Latitude, longitude and what is to be said of tiles that failed, `most` at most."""
    found: list[tuple[float, float, str]] = []
    for job in jobs:
        for failure in service.catalog.failures(job.id, most=most - len(found)) if job.failed else ():
            if (where := place_of(job, failure)) is not None:
                found.append((*where, plainly(failure.message)[:200]))
    return found


def _again(service: Service, job: Job, arguments: list[str]) -> None:
    called = service.aliases.called(job.collection)
    try:
        service.require_writable()
        bring(service, f"retry-{job.id}", f"{called} again", arguments, job.collection)
    except GroundcastError as error:
        notice(told(error))


def _plain(reason: str) -> str:
    return reason.replace("_", " ")
