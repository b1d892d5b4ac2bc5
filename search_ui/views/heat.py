"""Scores as pictures for the map, with the scale that all moments of a question share.

Relevance has one scale, 0 to 1. The scale of cosines is that of the question over a year by day and by night, so that
a change of the moment is seen as a change of colour.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt
import shapely
import streamlit as st

from search_ui.feedback import NOTHING_SAID, Feedback
from search_ui.footprints import Places
from search_ui.moments import MONTH_DAY
from search_ui.query import Query
from search_ui.relevance import POSSIBLE, STRONG, WEAK
from search_ui.scales import Scale, amount_scale, difference_scale, joint
from search_ui.scores import Scores
from search_ui.service import Service
from search_ui.views.overlay import Bounds, Sheet, picture_url, sheet_of
from trainer.encoding import When

_MANY = 200_000  # tiles; above, a scale is that of the moments shown
_HOURS = (3, 12)

UNITS = {
    "relevance": "relevance: chance that one would see it there",
    "cosine": "cosine with the question",
}
_TICKS = ((0.0, "0"), (WEAK, "weak"), (POSSIBLE, "possible"), (STRONG, "strong"), (1.0, "1"))
Values = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Heat:
    """A picture of scores.

    Attributes:
        url: A data URL.
        bounds: West, south, east and north of the picture.
        scale: What its colours mean.
        faint: Values below it are drawn faintly; None: none are.
    """

    url: str
    bounds: Bounds
    scale: Scale
    faint: float | None = None


def heats(
    service: Service, collection: str, query: Query, whens: Sequence[When], show: str, said: Feedback = NOTHING_SAID
) -> list[Heat]:
    """The question at some moments, all on one scale.

    Args:
        service: Of the app.
        collection: Whose tiles.
        query: Its own moment plays no part.
        whens: The moments.
        show: ``relevance`` or ``cosine``.
        said: Thumbs.

    Returns:
        As many as moments; none where no tile is asked for.
    """
    scores = [service.scores(collection, replace(query, when=when), said) for when in whens]
    if not scores or not len(scores[0].tile_id):
        return []
    sheet = _sheet(service, collection, query, scores[0])
    if show == "relevance":
        scale, faint = Scale(0.0, 1.0, UNITS["relevance"], ticks=_TICKS), WEAK
        columns = [one.relevance for one in scores]
    else:
        columns = [one.cosine for one in scores]
        scale, faint = _cosine_scale(service, collection, query, columns), None
    return [Heat(picture_url(sheet, column, scale, faint), sheet.bounds, scale, faint) for column in columns]


def difference(service: Service, collection: str, query: Query, first: When, second: When, show: str) -> Heat | None:
    """The question at one moment less the same at another; None where no tile is asked for."""
    one, two = (service.scores(collection, replace(query, when=when)) for when in (first, second))
    if not len(one.tile_id):
        return None
    values = one.relevance - two.relevance if show == "relevance" else one.cosine - two.cosine
    sheet, scale = _sheet(service, collection, query, one), difference_scale(values, f"difference of {show}")
    return Heat(picture_url(sheet, values, scale), sheet.bounds, scale)


def painted(service: Service, collection: str, query: Query, of: Scores, values: Values, scale: Scale) -> Heat:
    """Any values of the question's tiles, such as their best months."""
    sheet = _sheet(service, collection, query, of)
    return Heat(picture_url(sheet, values, scale), sheet.bounds, scale)


def _sheet(service: Service, collection: str, query: Query, scores: Scores) -> Sheet:
    area = None if query.area is None else shapely.to_wkb(query.area)
    key = (collection, service.version(collection), area, query.acquired_from, query.acquired_to)
    return _kept_sheet(key, Places(scores.lat, scores.lon, scores.size_m))


@st.cache_resource(max_entries=16, show_spinner=False)
def _kept_sheet(key: Hashable, _places: Places) -> Sheet:
    return sheet_of(_places)


def _cosine_scale(service: Service, collection: str, query: Query, columns: list[Values]) -> Scale:
    """Over the year, if the model knows it and there are not too many tiles for that."""
    whens = {one.name: one for one in service.collections()}[collection]
    if not whens.knows_time or len(columns[0]) > _MANY:
        return amount_scale(joint(columns), UNITS["cosine"])
    asked = replace(query, when=None, k=1, min_relevance=0.0)
    return _kept_scale(f"{collection} {service.version(collection)} {asked!r}", service, collection, asked)


@st.cache_resource(max_entries=64, show_spinner=False)
def _kept_scale(key: str, _service: Service, _collection: str, _query: Query) -> Scale:
    moments = [datetime(2025, month, MONTH_DAY, hour) for month in range(1, 13) for hour in _HOURS]
    return amount_scale(_service.frames(_collection, _query, moments).cosine, UNITS["cosine"])
