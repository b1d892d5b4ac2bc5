"""Addresses of the search page: what a value is written as, and the address that asks a saved search again.

The names are those of `search_ui.views.state.address`, which reads them. It does not know what the page shows.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import Any
from urllib.parse import urlencode

import shapely
from shapely.geometry.base import BaseGeometry

from ingest.catalog.saved_searches import SavedSearch
from ingest.geo.area import parse_bbox, parse_near, parse_wkt
from search_ui.search.moments import parse_moment
from search_ui.service.answers import PAGE

MAX_CHARS = 4_000
"""Of one value: browsers and proxies cut longer addresses."""
_OUTLINE_DIGITS = 5  # of degrees: a metre
_SAME = {
    "q": "q",
    "also": "plus",
    "negative": "minus",
    "tile": "like",
    "acquired_from": "from",
    "acquired_to": "to",
    "min_relevance": "min",
    "liked": "up",
    "disliked": "down",
    "labels": "labels",
}
"""Parameters of the HTTP routes, and the fields of the address that hold the same."""


def written(kept: Any) -> tuple[str, ...]:
    """A value as it stands in an address; a list stands there several times."""
    if isinstance(kept, list):
        return tuple(map(str, kept))
    if isinstance(kept, bool):
        return ("1" if kept else "0",)
    return (f"{kept:g}" if isinstance(kept, float) else str(kept),)


def link_to(base: str, saved: SavedSearch, tile: str) -> str:
    """The address that asks a saved search and opens a tile.

    Args:
        base: The app's, without a slash behind it.
        saved: The search.
        tile: Id of the tile.
    """
    state = saved.question.get(PAGE) or _state_of(saved.question)
    fields = {name: written(value) for name, value in state.items() if name not in ("collection", "panel", "tile")}
    fields = {name: words for name, words in fields.items() if sum(map(len, words)) <= MAX_CHARS}
    asked = {"collection": (saved.collection,)} | fields | {"tile": (tile,)}
    return f"{base}/?{urlencode(asked, doseq=True)}"


def _state_of(question: Mapping[str, Any]) -> dict[str, Any]:
    """A question in the words of the HTTP routes as the page's fields, as far as it has them."""
    state = {field: question[name] for name, field in _SAME.items() if question.get(name)}
    for kind, name in (("overhead", "image"), ("photo", "photo")):
        if question.get(name):
            state["image"] = f"{kind}:{question[name]}"
    if question.get("place"):
        state["area"] = f"place:{question['place']}"
    else:
        read: dict[str, Callable[[str], BaseGeometry]] = {"bbox": parse_bbox, "near": parse_near, "wkt": parse_wkt}
        for name in read.keys() & question.keys():
            outline = read[name](question[name])
            state["area"] = f"wkt:{shapely.to_wkt(outline, rounding_precision=_OUTLINE_DIGITS)}"
    return state | (_moment(question["when"]) if question.get("when") else {})


def _moment(text: str) -> dict[str, int]:
    match when := parse_moment(text):
        case time():
            return {"hour": when.hour}
        case datetime():
            return {"month": when.month, "hour": when.hour, "year": when.year}
        case date():
            return {"month": when.month, "year": when.year}
    return {}
