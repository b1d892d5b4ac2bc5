"""What can be taken along: the hits and the map as files, and the address of the page.

It does not know the formats: `search_ui.files.answers` and `search_ui.maps.snapshots` write them.
"""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import streamlit as st

from search_ui.files.answers import write_answer
from search_ui.maps.snapshots import About, say_question, write_difference, write_scores
from search_ui.search.feedback import Feedback
from search_ui.search.query import Query
from search_ui.service.place_lists import ShownList
from search_ui.service.service import Service, Shown
from search_ui.views.state.address import value
from search_ui.views.state.question import at, shown_value, when_of

_HITS = {
    "geojson": ("GeoJSON", "application/geo+json"),
    "csv": ("CSV", "text/csv"),
    "kml": ("KML", "application/vnd.google-earth.kml+xml"),
    "parquet": ("GeoParquet", "application/vnd.apache.parquet"),
}
_MAPS = {
    "tif": ("GeoTIFF", "image/tiff"),
    "png": ("PNG", "image/png"),
    "parquet": ("GeoParquet", "application/vnd.apache.parquet"),
}


def export_panel(service: Service, shown: Shown, query: Query | None, listed: ShownList | None, said: Feedback) -> None:
    """Buttons that write a file when they are pressed."""
    if query is None or listed is None:
        st.caption("Ask for something first: then its places and its map can be taken along as files.")
        return
    with st.container():
        st.markdown(
            f"**The {len(listed.places.rows):,} places**",
            help="Each file names the question, the model, the collection and whom to credit.",
        )
        with st.container(horizontal=True):
            for suffix, (name, mime) in _HITS.items():
                st.download_button(
                    name, partial(_hits, service, shown, listed, suffix), f"{shown.name}-places.{suffix}",
                    mime, key=f"hits {suffix}", on_click="ignore",
                )  # fmt: skip
        which = "difference of the two moments" if value("view") == "difference" else "moment asked about"
        st.markdown(
            f"**The map: every tile at the {which}**",
            help="GeoTIFF and GeoParquet hold cosine and relevance; the picture shows what the map shows.",
        )
        with st.container(horizontal=True):
            for suffix, (name, mime) in _MAPS.items():
                st.download_button(
                    name, partial(_map, service, shown, query, said, suffix), f"{shown.name}-map.{suffix}",
                    mime, key=f"map {suffix}", on_click="ignore",
                )  # fmt: skip
        st.caption("To share what you see, copy the address of this page: it holds the whole question.")


def _hits(service: Service, shown: Shown, listed: ShownList, suffix: str) -> bytes:
    provenance = service.engine.provenance(shown.name)
    every = replace(listed.found.answer, hits=listed.places.hits(0, len(listed.places.rows)))
    return _written(suffix, lambda path: write_answer(every, path, provenance))


def _map(service: Service, shown: Shown, query: Query, said: Feedback, suffix: str) -> bytes:
    asked = {name: told for name, told in query.as_dict().items() if name not in ("k", "distinct")}
    about = About(say_question(query), {"query": asked} | service.engine.provenance(shown.name).facts())
    show = shown_value()
    scores = service.scores(shown.name, query, said)
    if value("view") == "difference":
        minus = service.scores(shown.name, at(query, when_of("month2", "hour2")), said)
        return _written(suffix, lambda path: write_difference(path, scores, minus, about, value=show))
    return _written(suffix, lambda path: write_scores(path, scores, about, value=show, published=False))


def _written(suffix: str, write: Callable[[Path], object]) -> bytes:
    """What a writer writes to a file of that suffix."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"export.{suffix}"
        write(path)
        return path.read_bytes()
