"""`Query` in, `Answer` out: encodes the question with the collection's own model and asks the index.

The score is the cosine between the tile's vector and the query's: the sum of the normalised vectors of text, image
and tile, less half the mean of the normalised vectors of `--not`. Filters act inside the index. Time plays no part: a
tile stands for itself, S = O.

It knows neither the screen nor the command line, nor how imagery is read.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import shapely

from ingest.archive import Archive
from ingest.catalog import Catalog, Collection
from ingest.geo import Footprint, distance_m
from ingest.index import Filter, Index, Match
from ingest.indexing import open_for_search
from ingest.picture import read_picture
from ingest.request import options_from_json
from ingest.scan_index import ScanIndex
from ingest.settings import Settings
from ingest.sources.crop import RASTER_SUFFIXES, read_crop
from search_ui.export import Provenance
from search_ui.query import Answer, Hit, Query
from trainer.embedder import Embedder
from trainer.errors import CatalogError, UsageError

NOT_WEIGHT = 0.5  # a negative steers; at 1 it would outweigh the question itself

Vector = npt.NDArray[np.float32]


@dataclass
class Engine:
    """Searches the collections of one home folder.

    Models stay loaded between queries; the index is opened for a query and given back, so that others can write.

    Attributes:
        settings: Where things are.
        catalog: Open.
        seconds: Where the time of the last query went, by stage.
    """

    settings: Settings
    catalog: Catalog
    seconds: dict[str, float] = field(default_factory=dict)
    _embedders: dict[str, Embedder] = field(default_factory=dict)

    def search(self, collection_name: str, query: Query) -> Answer:
        """The tiles of a collection most like the query.

        Raises:
            CatalogError: No such collection, tile or model.
            UsageError: The image cannot be used, or the collection is a gallery.
        """
        self.seconds = {}
        collection = self.catalog.collection(collection_name)
        if collection.kind != "tiles":
            raise UsageError(f"{collection.name!r} is a gallery of photos: search a collection of tiles")
        vector = self._query_vector(collection, query)
        filter_ = self._filter(collection, query)
        with self._timed("index_open"):
            index = open_for_search(self.settings, self.catalog, collection)
        with index, self._timed("index_query"):
            matches = index.query(vector, query.k, filter_)
            candidates = index.count(filter_)
            note = None if matches else self._why_empty(collection, query, index)
        hits = [_hit(rank, match, collection) for rank, match in enumerate(matches, start=1)]
        return Answer(
            query=query.as_dict(),
            method=_method(index),
            candidates=candidates,
            hits=hits,
            note=note,
        )

    def provenance(self, collection_name: str) -> Provenance:
        """Where the answers of a collection come from, for files."""
        collection = self.catalog.collection(collection_name)
        return Provenance(
            collection=collection.name,
            model_id=collection.model_id,
            source=collection.spec["source"],
            attribution=collection.spec.get("attribution"),
        )

    def embedder(self, collection: Collection) -> Embedder:
        """The model that made the collection, loaded once.

        Raises:
            CatalogError: It is not here.
        """
        if collection.model_id not in self._embedders:
            model = self.catalog.model(model_id=collection.model_id)
            folder = self.settings.models_dir / model.name
            self._embedders[collection.model_id] = Embedder.load(
                folder, precision="float32", device=self.settings.device
            )
        return self._embedders[collection.model_id]

    def _query_vector(self, collection: Collection, query: Query) -> Vector:
        """[d], unit length."""
        positives: list[Vector] = []
        if query.text is not None:
            positives.append(self._texts(collection, [query.text])[0])
        if query.image is not None:
            positives.append(self._image(collection, query.image))
        if query.tile_id is not None:
            positives.append(self._tile(collection, query.tile_id))
        total = np.sum([_unit(vector) for vector in positives], axis=0)
        if query.negatives:
            negatives = self._texts(collection, list(query.negatives))
            total = total - NOT_WEIGHT * np.mean([_unit(vector) for vector in negatives], axis=0)
        return _unit(total)

    def _texts(self, collection: Collection, texts: list[str]) -> Vector:
        embedder = self.embedder(collection)
        with self._timed("load_model_and_embed"):
            return embedder.embed_texts(texts)

    def _image(self, collection: Collection, path: Path) -> Vector:
        image = _picture(path, collection)
        embedder = self.embedder(collection)
        with self._timed("load_model_and_embed"):
            vector: Vector = embedder.embed_tiles(image[np.newaxis])[0]
        return vector

    def _tile(self, collection: Collection, tile_id: str) -> Vector:
        found = self._archive(collection).find(tile_id)
        if found is None:
            raise CatalogError(f"collection {collection.name!r} has no tile {tile_id!r}: take an id from a hit")
        return found[1]

    def _archive(self, collection: Collection) -> Archive:
        return Archive(self.settings.archive_dir(collection.name), collection.kind)

    def _filter(self, collection: Collection, query: Query) -> Filter:
        """A tile lies in an area when its footprint touches it; an index knows centres and widens by `reach_m`."""
        reach = float(collection.spec["largest_tile_m"]) / 2 * 2**0.5
        return Filter(area=query.area, reach_m=reach, acquired_from=query.acquired_from, acquired_to=query.acquired_to)

    def _why_empty(self, collection: Collection, query: Query, index: Index) -> str:
        lats, lons = self._centres(collection)
        if not len(lats):
            return f"collection {collection.name!r} is empty: run `groundcast ingest`"
        in_area = index.count(replace(self._filter(collection, query), acquired_from=None, acquired_to=None))
        if in_area:
            return f"{in_area} tiles lie there, none acquired in that time; a tile without a date never matches one"
        centre = query.area.representative_point() if query.area is not None else shapely.Point(0, 0)
        away_km = float(distance_m(lat=centre.y, lon=centre.x, lats=lats, lons=lons).min()) / 1000
        return f"no tile in that area; the nearest tile is {away_km:,.1f} km from its middle"

    def _centres(self, collection: Collection) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        archive = self._archive(collection)
        columns = [[archive.column(part, name).to_numpy() for part in archive.parts()] for name in ("lat", "lon")]
        lats, lons = (np.concatenate(column) if column else np.empty(0) for column in columns)
        return lats, lons

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - started


def _picture(path: Path, collection: Collection) -> npt.NDArray[np.uint8]:
    """An overhead picture, shown as the collection's own imagery is: bands, stretch."""
    if path.suffix.lower() not in RASTER_SUFFIXES:
        return read_picture(path)
    return read_crop(path, options_from_json(collection.spec["options"]), collection.spec.get("stretch"))


def _unit(vector: npt.NDArray[np.floating]) -> Vector:
    norm = float(np.linalg.norm(vector))
    if not np.isfinite(norm) or norm == 0:
        raise UsageError("positives and negatives cancel out: the query has no direction left")
    return (vector / norm).astype(np.float32)


def _method(index: Index) -> str:
    if isinstance(index, ScanIndex):
        return "exact scan of the archive (another process holds the index)"
    return "index"


def _hit(rank: int, match: Match, collection: Collection) -> Hit:
    payload = match.payload
    place = payload["location"]
    footprint = Footprint(lat=place["lat"], lon=place["lon"], size_m=payload["size_m"])
    acquired = payload.get("acquired_at")
    return Hit(
        rank=rank,
        tile_id=payload["tile_id"],
        lat=footprint.lat,
        lon=footprint.lon,
        bbox=footprint.bbox,
        cosine=round(match.score, 6),
        relevance=None,
        acquired_at=None if acquired is None else datetime.fromisoformat(acquired),
        source=str(collection.spec["source"]),
        collection=collection.name,
        model_id=collection.model_id,
        size_m=footprint.size_m,
    )
