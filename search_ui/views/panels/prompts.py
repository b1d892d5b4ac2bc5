"""Questions that a collection can answer: of some everyday scenes those that are most surely to be seen there.

It does not know how they are shown.
"""

import streamlit as st

from search_ui.search.query import Part, Query
from search_ui.service.service import Service, Shown
from trainer.errors import GroundcastError

SCENES = (
    "people swimming at a sandy beach",
    "boats in a harbour",
    "a container port with cranes",
    "a steep cliff above the sea",
    "farmers harvesting wheat",
    "rows of vines in a vineyard",
    "a market with many stalls",
    "city lights at night",
    "a busy shopping street",
    "a factory with chimneys",
    "planes at an airport",
    "a football match",
    "a golf course",
    "solar panels in a field",
    "wind turbines on a hill",
    "a temple with visitors",
)
SHOWN = 6


def prompts_of(service: Service, shown: Shown) -> list[str]:
    """The scenes of the highest relevance in a collection, the highest first; all of them look for any time."""
    if not shown.tiles or shown.model is None or not shown.words:
        return []
    return _kept(f"{shown.name} {service.version(shown.name)}", service, shown.name)


@st.cache_data(max_entries=64, show_spinner="Looking for examples …")
def _kept(key: str, _service: Service, _collection: str) -> list[str]:  # noqa: ARG001 - what it is kept under
    best: list[tuple[float, str]] = []
    for scene in SCENES:
        try:
            hits = _service.search(_collection, Query(parts=(Part("text", scene),), k=1)).answer.hits
        except GroundcastError:
            return list(SCENES[:SHOWN])  # a model without a text tower
        best.append(((hits[0].relevance or 0.0) if hits else 0.0, scene))
    return [scene for _, scene in sorted(best, key=lambda one: -one[0])[:SHOWN]]
