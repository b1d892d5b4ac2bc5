"""Score maps of a text at a moment: a cloud-optimised GeoTIFF of all scores, and PMTiles of the relevance as pictures.

It does not know STAC, or how scores are made.
"""

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search_ui.maps.heatmap import Layer, heat_of, legend, scale_of
from search_ui.maps.snapshots import About, say_question, write_scores
from search_ui.publishing.web_tiles import write_pmtiles
from search_ui.search.engine import Engine
from search_ui.search.moments import say_moment
from search_ui.search.query import Query

_LONGEST = 40


@dataclass(frozen=True)
class PublishedMap:
    """The map of a question, as files.

    Attributes:
        name: What its files are called, without suffix.
        question: In words.
        moment: In words.
        query: What was asked, in JSON types.
        geotiff: Bands are cosine and relevance.
        pmtiles: Pictures of the relevance.
        legend: What the colours of the pictures mean, in JSON types.
        note: What a person should read beside it.
    """

    name: str
    question: str
    moment: str
    query: dict[str, Any]
    geotiff: Path
    pmtiles: Path
    legend: dict[str, Any]
    note: str | None


def write_score_map(
    folder: Path, number: int, engine: Engine, collection: str, query: Query, facts: dict[str, Any]
) -> PublishedMap:
    """Ask, and write what comes.

    Args:
        folder: Where the files go.
        number: Of the map, from 1.
        engine: Answers; in a request, so that all maps are of one state of the collection.
        collection: Name, as people give it.
        query: A text and a moment.
        facts: Provenance that travels in the files, in JSON types, see `Provenance.facts`.

    Raises:
        GroundcastError: The question cannot be answered, or a file cannot be written.
    """
    scores = engine.scores(collection, query)
    asked = {key: value for key, value in query.as_dict().items() if key not in ("k", "distinct")}
    name = f"{number:02d}-{_slug(say_question(query))}"
    about = About(say_question(query), {"query": asked, "method": "exact"} | facts)
    geotiff, pmtiles = folder / f"{name}.tif", folder / f"{name}.pmtiles"
    write_scores(geotiff, scores, about, value="cosine", published=False)
    layer = Layer(query=query)
    heat = heat_of(layer, scores, None, scale_of(layer, None, scores, None), of=name)
    told = legend(heat.scale)
    moment = say_moment(scores.when)
    title = f"{about.question} · {moment}"
    write_pmtiles(pmtiles, heat, name=title, attribution=_credit(facts), told={"legend": told, **about.provenance})
    return PublishedMap(name, about.question, moment, asked, geotiff, pmtiles, told, scores.note)


def _credit(facts: dict[str, Any]) -> str:
    return f"Imagery: {facts['attribution']}" if facts.get("attribution") else ""


def _slug(question: str) -> str:
    """Letters and digits of a question, for the name of a file."""
    plain = unicodedata.normalize("NFKD", question).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:_LONGEST].strip("-") or "map"
