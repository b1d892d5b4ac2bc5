"""What was learnt from a set of labels: how well it tells yes from no, how likely every tile is, and the areas.

It does not know how labels are given.
"""

import base64
from functools import partial

import streamlit as st

from ingest.catalog.labels import LabelSet
from search_ui.labels.area_files import MEDIA
from search_ui.labels.areas import Area
from search_ui.labels.roc import Roc
from search_ui.service.learning import Learnt
from search_ui.service.service import Service, Shown
from search_ui.views import words
from search_ui.views.app_words import told
from search_ui.views.panels.asking import notice
from search_ui.views.state import labelled
from search_ui.views.state.address import change, held, value
from trainer.errors import GroundcastError

_SIDE, _EDGE = 220, 34  # of the curve's picture, pixels
_OURS, _WORDS, _INK = "#0072B2", "#E69F00", "#808488"  # ink that is read on light and dark pages
_SHOWN = 8  # areas
_NAMES = {".geojson": "GeoJSON", ".parquet": "GeoParquet", ".kml": "KML"}


def learnt_panel(service: Service, shown: Shown, found: LabelSet) -> None:
    """What a classifier of the set says."""
    few = service.learning.lacking(found)
    if few is not None:
        st.info(f"{few[0].upper()}{few[1:]}.", icon=":material/school:")
        return
    try:
        with st.spinner("Learning from the labels …", show_time=True):
            made = service.learning.learnt(found.id)
    except GroundcastError as error:
        st.warning(told(error))
        return
    _how_well(made)
    _on_the_map()
    _areas(service, shown, found)


def _how_well(made: Learnt) -> None:
    told = made.assessment
    st.markdown("**How well it tells yes from no**", help=words.ROC)
    left, right = st.columns([1, 1.1], vertical_alignment="center")
    picture = base64.b64encode(roc_picture(told.classifier, told.question).encode()).decode()
    said = f"ROC curve: area {told.classifier}" + ("" if told.question is None else f"; words alone {told.question}")
    left.html(f'<img alt="{said}" src="data:image/svg+xml;base64,{picture}" style="width: 100%">')
    lines = [f"Learnt from the labels: **{told.classifier}**"]
    if told.question is not None:
        lines.append(f"The words alone: **{told.question}**")
    lines.append(f"Tried {told.folds} times on blocks of {told.block_m / 1000:.3g} km that it had not seen.")
    right.markdown("\n\n".join(lines))
    for note in told.notes:
        st.caption(f"{note[0].upper()}{note[1:]}.")
    if made.lost:
        st.caption(f"{made.lost:,} labels lie where the collection has no tile any more.")


def _on_the_map() -> None:
    shown = value("show") == "probability"
    name = "Show relevance on the map again" if shown else "Show the probability on the map"
    then = {"show": "relevance" if shown else "probability", "view": "map"}
    st.button(name, icon=":material/layers:", key="probability", on_click=change, kwargs=then, help=words.PROBABILITY)
    st.slider("Least probability", 0.05, 0.95, step=0.05, **held("cut"), help=words.CUT)


def _areas(service: Service, shown: Shown, found: LabelSet) -> None:
    try:
        areas = service.learning.areas(found.id, value("cut"))
    except GroundcastError as error:
        st.warning(told(error))
        return
    whole, tiles = sum(area.area_km2 for area in areas), sum(area.tiles for area in areas)
    st.markdown(f"**{len(areas):,} areas**, {whole:,.2f} km² in {tiles:,} tiles")
    if not areas:
        st.caption("No tile is so likely: lower the least probability.")
        return
    for area in areas[:_SHOWN]:
        st.button(
            _line(area), key=f"area {area.number}", type="tertiary", on_click=_open, args=(service, shown, area),
        )  # fmt: skip
    if len(areas) > _SHOWN:
        st.caption(f"… and {len(areas) - _SHOWN:,} smaller ones, on the map and in the files.")
    with st.container(horizontal=True):
        for suffix, mime in MEDIA.items():
            st.download_button(
                _NAMES[suffix], partial(service.learning.areas_file, found.id, value("cut"), suffix),
                f"{shown.name}-areas{suffix}", mime, key=f"areas {suffix}", on_click="ignore",
            )  # fmt: skip


def _line(area: Area) -> str:
    tiles = "1 tile" if area.tiles == 1 else f"{area.tiles:,} tiles"
    return f"{area.number} · {area.area_km2:,.2f} km² · {tiles} · up to {area.highest:.2f}"


def _open(service: Service, shown: Shown, area: Area) -> None:
    labelled.try_to(lambda: change(tile=service.tile_at(shown.name, lat=area.lat, lon=area.lon)), notice)


def roc_picture(ours: Roc, question: Roc | None) -> str:
    """The curves as SVG: what was learnt, and the question alone."""
    side, edge = _SIDE, _EDGE

    def at(along: float, up: float) -> str:
        return f"{edge + along * side:.1f},{8 + (1 - up) * side:.1f}"

    def curve(roc: Roc, colour: str, dash: str) -> str:
        points = " ".join(at(along, up) for along, up in zip(roc.false_yes, roc.true_yes, strict=True))
        return (
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5" stroke-dasharray="{dash}"/>'
        )

    grey = 'stroke="#888" stroke-width="1"'
    parts = [
        f'<rect x="{edge}" y="8" width="{side}" height="{side}" fill="none" {grey}/>',
        f'<line x1="{edge}" y1="{8 + side}" x2="{edge + side}" y2="8" {grey} stroke-dasharray="3 4"/>',
        "" if question is None else curve(question, _WORDS, "6 4"),
        curve(ours, _OURS, ""),
        *(f'<text x="{edge + x * side:.0f}" y="{22 + side}" text-anchor="middle">{x:g}</text>' for x in (0, 0.5, 1)),
        *(f'<text x="{edge - 5}" y="{12 + (1 - y) * side:.0f}" text-anchor="end">{y:g}</text>' for y in (0, 0.5, 1)),
        f'<text x="{edge + side / 2}" y="{36 + side}" text-anchor="middle">noes taken for a yes</text>',
        f'<text x="10" y="{8 + side / 2}" text-anchor="middle" transform="rotate(-90 10 {8 + side / 2})">'
        "yeses found</text>",
        f'<text x="{edge + side - 6}" y="{side - 22}" text-anchor="end" fill="{_OURS}">learnt</text>',
    ]
    if question is not None:
        parts.append(f'<text x="{edge + side - 6}" y="{side - 6}" text-anchor="end" fill="{_WORDS}">words alone</text>')
    width, height = edge + side + 10, side + 44
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="12" fill="{_INK}">{"".join(parts)}</svg>'
    )
