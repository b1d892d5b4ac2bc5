"""Which collections there are for a GIS: collections of tiles, saved searches, and sets of labels.

A collection of tiles has its own name as id, `search:ID` is a saved search, `labels:ID` a set of labels; names have no
colon. A search or set whose collection is gone is left out of the list. It does not know their features.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import numpy as np

from ingest.catalog.labels import LabelSet
from ingest.catalog.saved_searches import SavedSearch
from ingest.field.scorer import NO_DATE
from search_ui.search.query import rfc3339
from search_ui.service.answers import Shown
from search_ui.service.service import Service
from trainer.errors import MissingError

HoldingKind = Literal["tiles", "search", "labels"]
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Holding:
    """One collection of OGC API.

    Attributes:
        id: As it is asked for.
        title: For people.
        says: What it holds, a sentence.
        shown: The collection of tiles that it is of, or of whose tiles.
        saved: The saved search; None: it is none.
        labels: The set of labels; None: it is none.
    """

    id: str
    title: str
    says: str
    shown: Shown
    saved: SavedSearch | None = None
    labels: LabelSet | None = None

    @property
    def kind(self) -> HoldingKind:
        """What it holds."""
        return "search" if self.saved else "labels" if self.labels else "tiles"

    @property
    def bounds(self) -> tuple[float, float, float, float] | None:
        """A box of degrees that holds it and does not cross ±180°; None where there is no tile."""
        if self.shown.bounds is None:
            return None
        west, south, east, north = self.shown.bounds
        return (-180.0, south, 180.0, north) if east > 180 or west < -180 else self.shown.bounds

    def extent(self, service: Service) -> dict[str, Any]:
        """The `extent` of the standard; without what is not known."""
        told: dict[str, Any] = {}
        if self.bounds is not None:
            told["spatial"] = {"bbox": [list(self.bounds)], "crs": CRS84}
        ends = _labelled(service, self.labels) if self.labels else _taken(service, self.shown)
        if ends is not None:
            told["temporal"] = {"interval": [[rfc3339(end) for end in ends]]}
        return told


def holdings(service: Service) -> Iterator[Holding]:
    """Every one: collections by name, then saved searches, then sets of labels."""
    shown = {one.name: one for one in service.collections() if one.model is not None}
    yield from map(_of_tiles, shown.values())
    yield from (_of_search(saved, shown[saved.collection]) for saved in service.saved_searches.all()
                if saved.collection in shown)  # fmt: skip
    yield from (_of_labels(labels, shown[labels.collection]) for labels in service.labelling.sets.all()
                if labels.collection in shown)  # fmt: skip


def holding(service: Service, collection_id: str) -> Holding:
    """The one of an id.

    Raises:
        MissingError: There is none, or what it is of is gone.
    """
    kind, colon, name = collection_id.partition(":")
    find = _FIND.get(kind)
    if not colon:
        return _of_tiles(service.shown(collection_id))
    if find is None:
        raise MissingError(f"no collection {collection_id[:60]!r}: /ogc/collections lists what there is")
    return find(service, name)


def _find_search(service: Service, name: str) -> Holding:
    saved = service.saved_searches.get(name)
    return _of_search(saved, service.shown(saved.collection))


def _find_labels(service: Service, name: str) -> Holding:
    labels = service.labelling.sets.get(name)
    return _of_labels(labels, service.shown(labels.collection))


_FIND: dict[str, Callable[[Service, str], Holding]] = {"search": _find_search, "labels": _find_labels}


def _of_tiles(shown: Shown) -> Holding:
    says = f"Tiles of {shown.name}; with a question (q=…, when=…) those that look most like it, the best first."
    return Holding(shown.name, shown.name, says, shown)


def _of_search(saved: SavedSearch, shown: Shown) -> Holding:
    says = f"Hits of a saved search in {shown.name}, the best first."
    return Holding(f"search:{saved.id}", saved.name, says, shown, saved=saved)


def _of_labels(labels: LabelSet, shown: Shown) -> Holding:
    says = f"Places in {shown.name} called yes, no or unsure; the map is what was learnt from them."
    return Holding(f"labels:{labels.id}", labels.name, says, shown, labels=labels)


def _taken(service: Service, shown: Shown) -> tuple[datetime, datetime] | None:
    """When the first and the last of the imagery was taken, as far as that is known."""
    taken = service.engine.field(service.tiles(shown.name)).acquired_us
    known = taken[taken != NO_DATE]
    if not len(known):
        return None
    first, last = (_EPOCH + timedelta(microseconds=int(end)) for end in (np.min(known), np.max(known)))
    return first, last


def _labelled(service: Service, labels: LabelSet) -> tuple[datetime, datetime] | None:
    moments = [label.labelled_at for label in service.labelling.sets.labels(labels.id)]
    return (min(moments), max(moments)) if moments else None
