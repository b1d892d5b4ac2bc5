"""Which collections there are for a GIS: collections of tiles, saved searches, and sets of labels.

A collection of tiles has its own name as id, `search:ID` is a saved search, `labels:ID` a set of labels; names have no
colon. A search or set whose collection is gone is left out of the list. It does not know their features.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from ingest.catalog.labels import LabelSet
from ingest.catalog.saved_searches import SavedSearch
from ingest.field.columns import first_and_last
from search_ui.search.query import rfc3339
from search_ui.service.answers import Shown
from search_ui.service.service import Service
from trainer.errors import MissingError

HoldingKind = Literal["tiles", "search", "labels"]
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"


@dataclass(frozen=True)
class Holding:
    """One collection of OGC API.

    Attributes:
        id: As it is asked for.
        title: For people.
        says: What it holds, a sentence.
        collection: Name of the collection of tiles that it is of, or of whose tiles.
        saved: The saved search; None: it is none.
        labels: The set of labels; None: it is none.
    """

    id: str
    title: str
    says: str
    collection: str
    saved: SavedSearch | None = None
    labels: LabelSet | None = None

    @property
    def kind(self) -> HoldingKind:
        """What it holds."""
        return "search" if self.saved else "labels" if self.labels else "tiles"


def box_of(shown: Shown) -> tuple[float, float, float, float] | None:
    """A box of degrees that holds a collection and does not cross ±180°; None where there is no tile."""
    if shown.bounds is None:
        return None
    west, south, east, north = shown.bounds
    return (-180.0, south, 180.0, north) if east > 180 or west < -180 else shown.bounds


def extent(service: Service, held: Holding, shown: Shown) -> dict[str, Any]:
    """The `extent` of the standard, without what is not known."""
    told: dict[str, Any] = {}
    if (box := box_of(shown)) is not None:
        told["spatial"] = {"bbox": [list(box)], "crs": CRS84}
    if held.labels is not None:
        ends = service.labelling.sets.first_and_last(held.labels.id)
    else:
        ends = first_and_last(service.engine.field(service.tiles(held.collection)).acquired_us)
    if ends is not None:
        told["temporal"] = {"interval": [[rfc3339(end) for end in ends]]}
    return told


def holdings(service: Service) -> Iterator[tuple[Holding, Shown]]:
    """Every one with its collection: collections by name, then saved searches, then sets of labels."""
    shown = {one.name: one for one in service.collections() if one.model is not None}
    every = [
        *map(_of_tiles, shown),
        *map(_of_search, service.saved_searches.all()),
        *map(_of_labels, service.labelling.sets.all()),
    ]
    yield from ((held, shown[held.collection]) for held in every if held.collection in shown)


def holding(service: Service, collection_id: str) -> Holding:
    """The one of an id.

    Raises:
        MissingError: There is none, or what it is of is gone.
    """
    kind, colon, name = collection_id.partition(":")
    if not colon:
        held = _of_tiles(collection_id)
    elif kind == "search":
        held = _of_search(service.saved_searches.get(name))
    elif kind == "labels":
        held = _of_labels(service.labelling.sets.get(name))
    else:
        raise MissingError(f"no collection {collection_id[:60]!r}: /ogc/collections lists what there is")
    service.tiles(held.collection)
    return held


def _of_tiles(name: str) -> Holding:
    return Holding(name, name, f"Tiles of {name}; with a question (q=…, when=…) those that look most like it.", name)


def _of_search(saved: SavedSearch) -> Holding:
    says = f"Hits of a saved search in {saved.collection}, the best first."
    return Holding(f"search:{saved.id}", saved.name, says, saved.collection, saved=saved)


def _of_labels(labels: LabelSet) -> Holding:
    says = f"Places in {labels.collection} called yes, no or unsure; the map is what was learnt from them."
    return Holding(f"labels:{labels.id}", labels.name, says, labels.collection, labels=labels)
