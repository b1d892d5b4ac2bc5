"""The question in time on the map: at one moment, two, their difference, a film, the best moment of each tile.

Maps that are compared have one scale. It does not know how scores are made.
"""

from dataclasses import replace

import numpy as np
import streamlit as st

from ingest.catalog.labels import LabelSet
from search_ui.components.map_view import HeatOnMap
from search_ui.maps.calendars import best_moments
from search_ui.maps.scales import hour_scale, month_scale
from search_ui.search.feedback import Feedback
from search_ui.search.query import Query
from search_ui.search.series import calendar_moments
from search_ui.service.place_lists import key_of
from search_ui.service.service import Service, Shown
from search_ui.views import words
from search_ui.views.app_words import told
from search_ui.views.map.heat import Heat, difference, heats, painted, probable
from search_ui.views.map.search_map import NOTHING_PAINTED, Painted
from search_ui.views.state.address import ANY, value
from search_ui.views.state.question import say_when, shown_value, when_of, year
from trainer.encoding import MonthHour, When
from trainer.errors import GroundcastError

BEST_HOURS = 3  # every third hour of each month
TWO = ("two moments", "difference")
"""Views of two moments."""


def in_time(service: Service, shown: Shown, query: Query, said: Feedback) -> Painted:
    """What the view that the address names shows."""
    view = value("view")
    if value("show") == "nothing" and view in ("map", "two moments", "film"):
        return NOTHING_PAINTED
    if not shown.knows_time and view != "map":
        told = "The model of this collection knows no time: every moment would look the same."
        return replace(NOTHING_PAINTED, note=told)
    drawing = {"two moments": _two, "difference": _difference, "film": _film, "best moment": _best}.get(view, _one)
    return drawing(service, shown, query, said)


def probability(service: Service, shown: Shown, found: LabelSet) -> Painted:
    """The probability of a set of labels; nothing but the reason where nothing can be learnt from it."""
    try:
        drawn = probable(service, shown.name, found, value("cut"))
    except GroundcastError as error:
        return replace(NOTHING_PAINTED, note=told(error))
    says = f"Map of the probability that a tile is a yes of the labels “{found.name}”"
    return Painted([[HeatOnMap(drawn.tiles, "")]], drawn.legend, says)


def _one(service: Service, shown: Shown, query: Query, said: Feedback) -> Painted:
    drawn = heats(service, shown.name, query, [query.when], shown_value(), said)[0]
    says = f"Map of {shown_value()} for the question at {say_when(query.when)}, with the places numbered"
    return Painted([[HeatOnMap(drawn.tiles, "")]], drawn.legend, says)


def _two(service: Service, shown: Shown, query: Query, said: Feedback) -> Painted:
    whens = (when_of("month", "hour"), when_of("month2", "hour2"))
    drawn = heats(service, shown.name, query, whens, shown_value(), said)
    says = f"Maps of {shown_value()} at {say_when(whens[0])} and at {say_when(whens[1])}"
    return Painted([[_named(heat, when) for heat, when in zip(drawn, whens, strict=True)]], drawn[0].legend, says)


def _difference(service: Service, shown: Shown, query: Query, said: Feedback) -> Painted:
    first, second = when_of("month", "hour"), when_of("month2", "hour2")
    drawn = difference(service, shown.name, query, first, second, shown_value(), said)
    if drawn is None:
        return NOTHING_PAINTED
    name = f"{say_when(first)} less {say_when(second)}"
    says = f"Difference of {shown_value()}: {name}"
    return Painted([[HeatOnMap(drawn.tiles, name)]], drawn.legend, says, words.DIFFERENCE)


def _film(service: Service, shown: Shown, query: Query, said: Feedback) -> Painted:
    whens: list[When]
    if value("over") == "hours":
        month = value("month") if value("month") > 0 else 7
        whens = [MonthHour.of(year(), month, hour) for hour in range(24)]
    else:
        hour = value("hour") if value("hour") != ANY else 12
        whens = [MonthHour.of(year(), month, hour) for month in range(1, 13)]
    drawn = heats(service, shown.name, query, whens, shown_value(), said)
    frames = [[_named(heat, when)] for heat, when in zip(drawn, whens, strict=True)]
    return Painted(frames, drawn[0].legend, f"Film of {shown_value()} over {len(whens)} moments")


def _best(service: Service, shown: Shown, query: Query, said: Feedback) -> Painted:
    asked = replace(query, when=None)
    moments = [when for when in calendar_moments(year()) if when.hour % BEST_HOURS == 0]
    key = f"{service.version(shown.name)} {key_of(asked)} {said} {year()}"
    with st.spinner(f"Asking {len(moments)} moments …"):
        month, hour = _kept_best(key, service, shown, asked, said)
    if not len(month):
        return NOTHING_PAINTED
    scores = service.scores(shown.name, asked)
    values, scale = (hour, hour_scale()) if value("best") == "hour" else (month, month_scale())
    drawn = painted(service, shown.name, asked, scores, values, scale)
    name = f"best {value('best')}"
    note = f"{words.BEST_MOMENT} Looked at: each month, every third hour, on any weekday."
    return Painted([[HeatOnMap(drawn.tiles, name)]], drawn.legend, f"Map of the {name} of each tile", note)


@st.cache_resource(max_entries=16, show_spinner=False)
def _kept_best(
    key: str,  # noqa: ARG001
    _service: Service,
    _shown: Shown,
    _query: Query,
    _said: Feedback,
) -> tuple[np.ndarray, np.ndarray]:
    moments = [when for when in calendar_moments(year()) if when.hour % BEST_HOURS == 0]
    best = best_moments(_service.reel(_shown.name, _query, moments, _said))
    return best.month, best.hour


def _named(heat: Heat, when: When) -> HeatOnMap:
    return HeatOnMap(heat.tiles, say_when(when))
