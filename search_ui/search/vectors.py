"""Questions as vectors: the parts of a query, embedded with the collection's own model and added up.

Models stay loaded between questions. It does not know scores, indexes or the screen.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ingest.archive.parts import Archive
from ingest.catalog.catalog import Catalog, Collection
from ingest.catalog.foreign import require_model
from ingest.settings import Settings
from ingest.sources.picture import read_picture
from search_ui.search.query import ENSEMBLE, Part, Query
from search_ui.search.recent import Recent
from search_ui.search.relevance.usual import LEAST
from search_ui.search.text_cache import cached_texts
from trainer.embedder import Embedder
from trainer.errors import MissingError, UsageError
from trainer.texts import multilingual

TEXTS, TEXTS_BYTES = 5_000, 32 * 2**20  # kept in memory: to look on the disk takes as long as to score a collection

Floats = npt.NDArray[np.float32]


@dataclass
class Vectors:
    """The models of a home folder, and what they make of questions.

    Attributes:
        settings: Of the home: where models and the cache of texts lie, and the device.
        catalog: The open catalog; says which model a collection is of.
        archive: Gives the parts of a collection.
    """

    settings: Settings
    catalog: Catalog
    archive: Callable[[Collection], Archive]
    _embedders: dict[str, Embedder] = field(default_factory=dict)
    _texts: Recent[Floats] = field(default_factory=lambda: Recent(TEXTS, max_bytes=TEXTS_BYTES))
    _loading: threading.Lock = field(default_factory=threading.Lock)

    def embedder(self, collection: Collection) -> Embedder:
        """The model that made the collection, loaded once.

        Raises:
            CatalogError: It is not here.
            UsageError: Its vectors were brought, and nothing here can embed for them.
        """
        require_model(self.catalog, collection)
        # one at a time: two threads that ask for one model must not load it twice
        with self._loading:
            if collection.model_id not in self._embedders:
                model = self.catalog.model(model_id=collection.model_id)
                folder = self.settings.models_dir / model.name
                # float32: for a text or a picture at a time no faster arithmetic pays
                self._embedders[collection.model_id] = Embedder.load(
                    folder, precision="float32", device=self.settings.device, export_texts=True
                )
            return self._embedders[collection.model_id]

    def texts(self, collection: Collection, texts: Sequence[str]) -> Floats:
        """Texts as the collection's model embeds them, float32 [n, d]; from the cache of texts where they are there."""
        embedder = self.embedder(collection)
        key = (embedder.model_id, tuple(texts))
        return self._texts.get(key, lambda: self._embedded(embedder, texts), size=lambda made: made.nbytes)

    def read_otherwise(self, collection: Collection, query: Query) -> list[str]:
        """Texts of a query that the model's own text tower does not understand, and its adapter to languages reads."""
        texts = [str(part.value) for part in query.parts if part.kind == "text"]
        return [text for text in texts if self._words(collection, [text])[1]]

    def _words(self, collection: Collection, ways: Sequence[str]) -> tuple[Floats, bool]:
        """Ways to say one text as vectors [n, d], the plain one first; whether they are read as another language."""
        own, embedder = self.texts(collection, ways), self.embedder(collection)
        adapter = embedder.languages if multilingual.is_here() else None
        if adapter is None:
            return own, False
        folder, name = self.settings.cache_dir / "texts", f"{embedder.model_id} {adapter.name}"
        read = self._texts.get(
            (name, tuple(ways)),
            lambda: cached_texts(folder, name, ways, lambda new: adapter.vectors(multilingual.sentence_vectors(new))),
            size=lambda made: made.nbytes,
        )
        if adapter.understood(ways[:1], own[:1], read[:1])[0]:
            return own, False
        return read, True

    def _embedded(self, embedder: Embedder, texts: Sequence[str]) -> Floats:
        return cached_texts(self.settings.cache_dir / "texts", embedder.model_id, texts, embedder.embed_texts)

    def query(self, collection: Collection, query: Query, spread: Callable[[Floats], float] | None = None) -> Floats:
        """The sum of the weighted unit vectors of the parts, float32 [d], unit length.

        Args:
            spread: Of the collection's cosines with a unit vector [d], their standard deviation, by which the vector is
                divided: so a picture, whose cosines are further apart, does not outweigh words. A part without
                spread, which tells no tile from another, weighs nothing beside parts that have one. None: it is not.

        Raises:
            UsageError: The parts cancel out, or an image cannot be used.
            CatalogError: No such tile, or the model is not here.
        """
        # at length 1 first: a weight compares directions, however long the model makes texts and pictures
        vectors = [unit(self._part(collection, part, query.ensemble)) for part in query.parts]
        weights = [part.weight for part in query.parts]
        apart = [0.0 if spread is None else spread(vector) for vector in vectors]
        least = min((one for one in apart if one > LEAST), default=None)
        if least is not None:
            # the smallest spread keeps its weight, so that the sum stays one of vectors of about length 1
            weights = [w * least / one if one > LEAST else 0.0 for w, one in zip(weights, apart, strict=True)]
        return unit(np.sum([weight * vector for weight, vector in zip(weights, vectors, strict=True)], axis=0))

    def _part(self, collection: Collection, part: Part, ensemble: bool) -> Floats:
        """float32 [d], of any length."""
        match part.kind:
            case "text":
                ways = [way.format(part.value) for way in (ENSEMBLE if ensemble else ENSEMBLE[:1])]
                said, _ = self._words(collection, ways)
                return unit(np.sum([unit(vector) for vector in said], axis=0))
            case "image":
                image = _overhead(Path(part.value), collection)
                return unit(self.embedder(collection).embed_tiles(image[np.newaxis])[0])
            case "photo":
                embedder = self.embedder(collection)
                return unit(embedder.compared(embedder.embed_photos([read_picture(Path(part.value))]))[0])
            case "tile":
                found = self.archive(collection).find(str(part.value))
                if found is None:
                    raise MissingError(
                        f"collection {collection.name!r} has no tile {part.value!r}: take an id from a hit"
                    )
                return found[1]


def unit(vector: npt.NDArray[np.floating]) -> Floats:
    """A vector at length 1.

    Raises:
        UsageError: It has no direction.
    """
    norm = float(np.linalg.norm(vector))
    if not np.isfinite(norm) or norm < 1e-6:
        raise UsageError("positives and negatives cancel out: the query has no direction left")
    return (vector / norm).astype(np.float32)


def _overhead(path: Path, collection: Collection) -> npt.NDArray[np.uint8]:
    """An overhead picture, shown as the collection's own imagery is: bands, stretch."""
    # here, because it brings rasterio, which a question in words does not need
    from ingest.jobs.request import options_from_json
    from ingest.sources.crop import RASTER_SUFFIXES, read_crop

    if path.suffix.lower() not in RASTER_SUFFIXES:
        return read_picture(path)
    return read_crop(path, options_from_json(collection.spec["options"]), collection.spec.get("stretch"))
