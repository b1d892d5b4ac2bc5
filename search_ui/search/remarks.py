"""What a person should read beside an answer: that nothing is here, or not now, why it is empty, what to be wary of.

It scores nothing.
"""

from collections.abc import Sequence
from dataclasses import replace

import shapely

from ingest.field.scorer import ExactScorer
from ingest.geo.geometry import distance_m
from ingest.index.protocol import Filter
from search_ui.search.likeliest import Likeliest, say_not_now
from search_ui.search.query import Hit, Query
from search_ui.search.relevance.calibration import grade, say_relevance
from search_ui.search.relevance.fitted import Judge, Refitted
from search_ui.search.relevance.unlike import caution
from search_ui.search.relevance.unrated import WHY, Unrated

_NOT_BY_WORDS = "relevance was fitted to words: asked by a picture or a tile it puts in order, and is no chance"


def remark(query: Query, hits: Sequence[Hit], highest: float | None, not_now: Likeliest | None) -> str | None:
    """What the hits show, where tiles were scored at all.

    Args:
        query: The question.
        hits: Its hits.
        highest: The relevance of the best tile, hit or not; None: no tile has any.
        not_now: When it is likeliest, where that is not now.
    """
    if not_now is not None:
        return say_not_now(not_now)
    if not hits:
        return f"nothing here: no tile reaches the minimum relevance of {query.min_relevance:g}"
    if highest is None:
        return WHY
    if grade(highest) == "nothing":
        return f"nothing here looks like it (best relevance {say_relevance(highest)}); these are the nearest"
    if all(hit.grade == "nothing" for hit in hits):
        return f"none of these looks like it; the best of those after them has relevance {say_relevance(highest)}"
    return None


def say_likeliest(place: float, likeliest: Likeliest | None) -> str:
    """The sentence beside a calendar: when it is likeliest, or that nothing there is a place for it.

    Args:
        place: The relevance of the best place at its best moment.
        likeliest: When; None: it is no place for it.
    """
    if likeliest is None:
        return f"nothing here looks like it at any time (best relevance {say_relevance(place)})"
    return f"likeliest {likeliest} (relevance of the best place then up to {say_relevance(place)})"


def why_empty(name: str, columns: ExactScorer | None, wanted: Filter) -> str:
    """Why no tile was scored.

    Args:
        name: Of the collection.
        columns: Its field; None: it is too large to be opened for that.
        wanted: Area and dates.
    """
    if columns is None:
        dated = wanted.acquired_from is not None or wanted.acquired_to is not None
        where = " lies in that area" if wanted.area is not None else ""
        return f"no tile{where}{' and' if where and dated else ''}{' was acquired in that time' if dated else ''}"
    if not columns.n:
        return f"collection {name!r} is empty: run `groundcast ingest`"
    # which of the two leaves nothing: the dates or the area?
    in_area = columns.rows(replace(wanted, acquired_from=None, acquired_to=None))
    if in_area is None or len(in_area):
        count = columns.n if in_area is None else len(in_area)
        return f"{count} tiles lie there, none acquired in that time; a tile without a date never matches one"
    centre = wanted.area.representative_point() if wanted.area is not None else shapely.Point(0, 0)
    away_km = float(distance_m(lat=centre.y, lon=centre.x, lats=columns.lat, lons=columns.lon).min()) / 1000
    return f"no tile in that area; the nearest tile is {away_km:,.1f} km from its middle"


def said_of(judge: Judge, query: Query) -> str | None:
    """What should be known of relevance; a fit was made on this very imagery, however unlike it is."""
    if isinstance(judge, Refitted):
        return judge.fit.note()
    by_words = isinstance(judge, Unrated) or all(part.kind == "text" for part in query.parts)
    return joined(caution(judge.outside), None if by_words else _NOT_BY_WORDS)


def joined(*notes: str | None) -> str | None:
    """Remarks as one; None: there is nothing to say."""
    return "; ".join(note for note in notes if note) or None
