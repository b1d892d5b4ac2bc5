"""What a home holds, opened for questions: archives, fields, models, calibrations, the names of places near hits.

Each is opened when it is first needed and made anew when tiles come or go. It knows no question.
"""

import hashlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ingest.archive.lookup import Lookup
from ingest.archive.parts import Archive
from ingest.catalog.aliases import Aliases
from ingest.catalog.catalog import Catalog, Collection
from ingest.catalog.foreign import ForeignModel, foreign_model
from ingest.field.scorer import ExactScorer, FieldEncoder, open_scorer
from ingest.index.kept_open import KeptOpen
from ingest.places.gazetteer import Gazetteer
from ingest.places.own_places import nearest_of
from ingest.places.place import Nearby
from ingest.settings import Settings
from search_ui.search.candidates import Sample, sample_field, take_sample
from search_ui.search.listings import Listings, one_request
from search_ui.search.provenance import Provenance
from search_ui.search.recent import Recent
from search_ui.search.relevance.calibration import BANK, Calibration
from search_ui.search.relevance.fitted import fits_of
from search_ui.search.relevance.unlike import caution
from search_ui.search.relevance.unrated import Unrated
from search_ui.search.relevance.usual_files import UsualFiles
from search_ui.search.vectors import Floats, Vectors
from trainer.encoding import When
from trainer.errors import UsageError

if TYPE_CHECKING:
    from trainer.embedder import Embedder

_NAMES = 50_000  # of places near hits, kept


@dataclass
class Holdings:
    """The collections of one home folder, as far as they have been needed. May be used from several threads.

    Attributes:
        settings: Of the home: its folders, the device, and `exact_tiles`, up to which every tile is scored.
        catalog: The open catalog, which is not closed here.
        gazetteer: Names the places near hits, where a collection's source names none of its own.
    """

    settings: Settings
    catalog: Catalog
    _vectors: Vectors = field(init=False)
    gazetteer: Gazetteer = field(init=False)
    _indexes: KeptOpen = field(init=False)
    _samples: dict[str, tuple[tuple[object, ...], Sample]] = field(default_factory=dict)  # with the parts of then
    _fields: dict[str, tuple[tuple[object, ...], ExactScorer]] = field(default_factory=dict)  # with the parts of then
    _calibrations: dict[str, tuple[ExactScorer | Sample, Calibration | Unrated]] = field(default_factory=dict)
    _lookups: dict[str, Lookup] = field(default_factory=dict)
    _names: Recent[str] = field(default_factory=lambda: Recent(_NAMES))
    _counts: Recent[int] = field(default_factory=lambda: Recent(64))
    # by collection; re-entrant, because a calibration opens the field under it
    _opening: defaultdict[str, threading.RLock] = field(default_factory=lambda: defaultdict(threading.RLock))
    _listings: Listings = field(default_factory=Listings)
    _spent: threading.local = field(default_factory=threading.local)  # each thread times its own query

    def __post_init__(self) -> None:
        self._vectors = Vectors(self.settings, self.catalog, self.archive)
        self.gazetteer = Gazetteer(self.settings.places_dir)
        self._indexes = KeptOpen(self.settings, self.catalog)

    def close(self) -> None:
        """Lets other processes have the indexes; the next question opens what it needs again."""
        self._indexes.close()

    @property
    def seconds(self) -> dict[str, float]:
        """Where the time of the last query of this thread went, by stage."""
        spent: dict[str, float] = self._spent.__dict__.setdefault("seconds", {})
        return spent

    def request(self) -> AbstractContextManager[None]:
        """A request of this thread: in it each archive is listed once, whatever is asked; see `Listings.request`."""
        return self._listings.request()

    def collection(self, name: str, find: Callable[[str], Collection] | None = None) -> Collection:
        """The collection that a name, or a version of it, stands for; in a request it is found once.

        Args:
            name: As people give it.
            find: Finds it, in place of a look into the catalog.

        Raises:
            MissingError: There is none.
        """
        return self._listings.named(name, find or Aliases(self.catalog).collection)

    def tiles(self, name: str) -> Collection:
        """A collection of tiles by its alias or version.

        Raises:
            CatalogError: No such collection.
            UsageError: It is a gallery.
        """
        collection = self.collection(name)
        if collection.kind != "tiles":
            raise UsageError(f"{collection.name!r} is a gallery of photos: search a collection of tiles")
        return collection

    def archive(self, collection: Collection) -> Archive:
        """The parts of a collection, as the request found them."""
        return self._listings.of(Archive(self.settings.archive_dir(collection.name), collection.kind))

    def record(self, collection: Collection, item_id: str) -> dict[str, Any] | None:
        """What the archive says of one item but its vector; None where there is none of that id."""
        return self._lookup(collection).find(self.archive(collection), item_id)

    def _lookup(self, collection: Collection) -> Lookup:
        with self._opening[collection.name]:
            return self._lookups.setdefault(collection.name, Lookup())

    def _parts(self, collection: Collection) -> tuple[tuple[str, int], ...]:
        return tuple((name, stamp[1]) for name, stamp in self.archive(collection).stamps().items())

    @one_request
    def version(self, collection: Collection) -> str:
        """A text that changes when tiles come or go, with the model, or with a fit to truth."""
        told = f"{collection.model_id} {self._parts(collection)} {fits_of(collection) or ''}"
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def embedder(self, collection: Collection) -> "Embedder":
        """The model that made the collection, loaded once."""
        return self._vectors.embedder(collection)

    def foreign(self, collection: Collection) -> ForeignModel | None:
        """The model of a collection whose vectors were brought, where it is not here; None: it is."""
        return foreign_model(self.catalog, collection)

    def knows_time(self, collection: Collection) -> bool:
        """Whether a moment plays a part in the answers of a collection."""
        return self.foreign(collection) is None and self.embedder(collection).has_encoder

    def moment(self, collection: Collection, when: When) -> tuple[When, str | None]:
        """The moment as the model can use it, and what a person should know if it cannot."""
        foreign = self.foreign(collection)
        encoding = None if foreign is not None else self.embedder(collection).meta.encoding
        if when is not None and encoding is None:
            return None, "the model of this collection knows no time: the moment plays no part"
        if when is not None and encoding == "sat2cap" and not isinstance(when, datetime):
            return None, "this model takes a date with an hour or nothing: the moment plays no part"
        return when, None

    def texts(self, collection: Collection, texts: Sequence[str]) -> Floats:
        """Texts as the collection's model embeds them, float32 [n, d]; kept."""
        return self._vectors.texts(collection, texts)

    @one_request
    def caution(self, collection: Collection) -> str | None:
        """What a person should know of every answer of a collection, see `relevance.unlike`; None: nothing."""
        return caution(self._calibration(collection).outside)

    def provenance(self, collection_name: str) -> Provenance:
        """Where the answers of a collection come from, for files."""
        collection = self.collection(collection_name)
        return Provenance(
            collection=collection_name,
            model_id=collection.model_id,
            source=collection.spec["source"],
            attribution=collection.spec.get("attribution"),
            caution=self.caution(collection) if collection.kind == "tiles" else None,
        )

    def nearest_place(self, collection: Collection, *, lat: float, lon: float) -> Nearby | None:
        """The named place nearest to a point: of the collection's own places, where its source names some."""
        own = collection.spec.get("places")
        return nearest_of(own, lat=lat, lon=lon) if own else self.gazetteer.nearest_place([lat], [lon])[0]

    def _near(
        self, collection: Collection, lats: npt.NDArray[np.float64], lons: npt.NDArray[np.float64]
    ) -> list[str | None]:
        """The nearest named place of each; a question asked at another moment finds many of the same tiles."""

        def name(lat: float, lon: float) -> str:
            found = self.nearest_place(collection, lat=lat, lon=lon)
            return "" if found is None else str(found)

        places = zip(lats.tolist(), lons.tolist(), strict=True)
        # the names are kept as texts: "" where there is none
        return [self._names.get((collection.name, *place), partial(name, *place)) or None for place in places]

    @one_request
    def scores_every_tile(self, collection: Collection) -> bool:
        """Whether every tile of a collection is scored; else the index proposes candidates."""
        return self._small(collection)

    def _small(self, collection: Collection) -> bool:
        key = (collection.name, self._parts(collection))
        # the ledger counts without opening a part; kept by the parts, for one search asks several times
        tiles = self._counts.get(key, lambda: self.catalog.items_done(collection.name, ("archived", "done")))
        return tiles <= self.settings.exact_tiles

    @one_request
    def prepare(self, collection: Collection) -> None:
        """Reckon, or read, what is usual in a collection that is scored exactly, ahead of the first question."""
        if self._small(collection):
            calibration = self._calibration(collection)
            for when in (None, calibration.moments[0]):
                calibration.usual(when)

    @one_request
    def field(self, collection: Collection) -> ExactScorer:
        """The field of a collection of tiles or photos, up to date with its archive."""
        parts = self._parts(collection)
        known = self._fields.get(collection.name)
        # without the lock: nearly every call finds the field up to date
        if known is not None and known[0] == parts:
            return known[1]
        with self._opening[collection.name]:
            return self._open_field(collection)

    def _open_field(self, collection: Collection) -> ExactScorer:
        parts, archive = self._parts(collection), self.archive(collection)
        known = self._fields.get(collection.name)
        if known is not None and known[0] == parts:  # another thread was at it
            return known[1]
        with self._timed("open_scorer"):
            folder, encoder = self.settings.field_dir(collection.name), self._encoder(collection)
            opened = open_scorer(folder, archive, model_id=collection.model_id, encoder=encoder)
        self._fields[collection.name] = (parts, opened)
        return opened

    def _encoder(self, collection: Collection) -> FieldEncoder | None:
        """What the collection's model makes of place and time; None where it knows neither."""
        if self.foreign(collection) is not None:
            return None
        embedder = self.embedder(collection)
        encoding = embedder.meta.encoding
        return None if encoding is None else FieldEncoder(encoding, embedder.encoder_weights())

    def _sample(self, collection: Collection) -> Sample:
        parts = self._parts(collection)
        with self._opening[collection.name]:
            known = self._samples.get(collection.name)
            # taken anew when tiles come or go: else each process would judge by what there was when it was started
            if known is None or known[0] != parts:
                with self._timed("sample"):
                    known = parts, take_sample(self.archive(collection), self._encoder(collection))
                self._samples[collection.name] = known
        return known[1]

    def _calibration(self, collection: Collection) -> Calibration | Unrated:
        """What is usual in a collection: of its field, or of a sample where it is too large for one."""
        usual = self.field(collection) if self._small(collection) else self._sample(collection)
        # made anew only when the field or the sample is another object: then tiles have come or gone
        known = self._calibrations.get(collection.name)
        if known is not None and known[0] is usual:
            return known[1]
        with self._opening[collection.name], self._timed("calibrate"):
            known = self._calibrations.get(collection.name)
            if known is not None and known[0] is usual:
                return known[1]
            if self.foreign(collection) is not None:
                self._calibrations[collection.name] = (usual, Unrated())
                return Unrated()
            knows_time = self.embedder(collection).has_encoder
            bank = self._vectors.texts(collection, BANK)
            novelty, files = self.embedder(collection).novelty, self._usual_files(collection, usual)
            # by the same tiles, whether the field answers or the index: one relevance for one tile and question
            same = partial(sample_field, self.archive(collection), usual) if isinstance(usual, ExactScorer) else None
            calibration = Calibration.of(usual, bank, knows_time=knows_time, novelty=novelty, sampled=same, files=files)
        self._calibrations[collection.name] = (usual, calibration)
        return calibration

    def _usual_files(self, collection: Collection, tiles: ExactScorer | Sample) -> UsualFiles | None:
        """Where what is usual is kept beside a field; a sample has no file by which it could be told from another."""
        if not isinstance(tiles, ExactScorer):
            return None
        return UsualFiles(self.settings.field_dir(collection.name), f"{collection.model_id} {tiles.fingerprint}")

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - started
