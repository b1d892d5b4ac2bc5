"""What can be searched here, with its coverage and jobs; adding imagery, photos and models; what was deleted lately."""

from collections.abc import Callable

import streamlit as st

from ingest.catalog.catalog import Collection
from ingest.catalog.names import GALLERY
from search_ui.service.service import Service, Shown
from search_ui.views import pieces, words
from search_ui.views.adding import ADDING, add_imagery
from search_ui.views.adding_models import add_model, models_here
from search_ui.views.adding_photos import add_photos
from search_ui.views.jobs import job_card, places_of_failures
from search_ui.views.keeping import deleted, keeping
from search_ui.views.map.coverage import MOST, coverage_map
from search_ui.views.panels.asking import show_notice
from search_ui.views.work import background, ended, watch, watch_workers

Search = Callable[[str], None]


def collections_page(service: Service, search: Search) -> None:
    """Show the page.

    Args:
        service: The app's service.
        search: Shows the search page, with the collection of a name chosen.
    """
    st.title("Collections")
    show_notice()
    with st.spinner("Opening the collections …", show_time=True):  # the first look after a start takes a while
        shown = service.collections()
    _work(service, {one.name for one in shown if one.tiles}, search)
    deleted(service)
    if service.read_only:
        st.info("This server may only be looked at: run a groundcast of your own to add imagery, photos and models.")
    else:
        with st.expander(
            "Add imagery", icon=":material/add_photo_alternate:", expanded=not shown, key=ADDING, on_change="rerun"
        ):
            add_imagery(service)
    for one in shown:
        _collection(service, one, search)
    if not shown:
        st.caption("No collection yet.")
    _galleries(service)
    _models(service)


def _work(service: Service, searchable: set[str], search: Search) -> None:
    """What is going on, and what came of it."""
    told: set[str | None] = set()
    for name, task in background(service).tasks().items():
        called = None if task.collection is None else service.aliases.present_name(task.collection)
        # the latest first: what came of earlier work on the same collection is told by its jobs
        if called is not None and called in told and not task.running:
            continue
        told.add(called)
        if task.running:
            watch(service, name)
            continue
        ended(service, task)
        if called in searchable and not task.failed:
            _search_it(called, search, key=f"search made {called}")
    watch_workers(service)


def _search_it(name: str, search: Search, *, key: str) -> None:
    if st.button("Search it", type="primary", icon=":material/search:", key=key):
        search(name)


def _collection(service: Service, one: Shown, search: Search) -> None:
    with st.container(border=True):
        left, right = st.columns([1.1, 1])
        with left:
            st.subheader(pieces.as_words(one.name))
            with st.container(horizontal=True):
                if one.tiles:
                    _search_it(one.name, search, key=f"search {one.name}")
                keeping(service, one.name)
            pieces.facts(
                [
                    ("Tiles", f"{one.tiles:,} of {one.tile_m:g} m"),
                    ("Model", one.model or "one that is not here any more"),
                    ("Answers for", _knows(one)),
                    ("A pixel shows", None if one.gsd_m is None else f"{one.gsd_m:.2g} m"),
                    ("Source", one.source),
                    ("Credit", one.attribution or "the source names nobody"),
                    ("Made", f"{one.created_at:%Y-%m-%d %H:%M} UTC"),
                ]
            )
            jobs = service.catalog.jobs(service.aliases.stored(one.name))
            told = [job for job in reversed(jobs) if job.items or job.failed]  # of nothing to do there is none to tell
            opened = [job for job in told if job_card(service, one.name, job)]
        with right:
            if one.tiles and one.bounds is not None:
                coverage_map(service, one, places_of_failures(service, opened, MOST))


def _knows(one: Shown) -> str:
    return "any month and hour" if one.knows_time else "no particular time" if one.knows_time is False else "unknown"


def _galleries(service: Service) -> None:
    st.header("Ground photos", help=words.PHOTOS)
    found = service.named_galleries()
    if not service.read_only:
        with st.expander("Add photos", icon=":material/add_a_photo:", key="adding photos"):
            add_photos(service)
    for name, gallery in found.items():
        _gallery(service, name, gallery)
    if not found:
        st.caption("No gallery yet: searches work without, and a place then shows no photos of what one would see.")


def _gallery(service: Service, name: str, gallery: Collection) -> None:
    photos = service.catalog.items_done(gallery.name, ("archived", "done"))
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{pieces.as_words(name)}** · {photos:,} photos")
            keeping(service, GALLERY + name)
        for job in reversed(service.catalog.jobs(gallery.name)):
            if job.items or job.failed:
                job_card(service, GALLERY + name, job)


def _models(service: Service) -> None:
    st.header("Models", help=words.MODELS)
    if not service.read_only:
        with st.expander("Add a model", icon=":material/neurology:", key="adding models"):
            add_model(service)
    models_here(service)
