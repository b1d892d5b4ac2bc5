"""Whose a collection on a Qdrant server is, and how a new one is made.

A server may be shared. So a collection says in its metadata which catalog it belongs to; one that was made before they
did is taken for a catalog's own if the archive beside that catalog holds what is in it, and is marked then.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from ingest.index.protocol import ACQUIRED_AT, ID_FIELDS, LOCATION, VECTOR, item_id
from ingest.index.sharding import Sharding
from trainer.errors import IndexTakenError, VectorIndexError

log = logging.getLogger(__name__)

CATALOG = "groundcast_catalog"  # in the metadata: id of the catalog
PREFIX = "groundcast_prefix"  # and what its names begin with: "team-a-town" may be of "team" or of "team-a"
_SAMPLE = 100  # items by which a collection without it is known as one's own

Datatype = Literal["float32", "float16"]


@dataclass(frozen=True)
class NewCollection:
    """How a collection that is missing is made: how it stores vectors, and how it lies on nodes."""

    datatype: Datatype = "float16"
    sharding: Sharding = field(default_factory=Sharding)


AS_USUAL = NewCollection()


@dataclass(frozen=True)
class Owner:
    """Whose a collection is.

    Attributes:
        catalog: Id of the catalog.
        prefix: What the names of its new collections begin with.
        holds: Which of some items its archive holds; asked of a collection that does not say whose it is.
    """

    catalog: str
    prefix: str
    holds: Callable[[set[str]], set[str]]


@dataclass(frozen=True)
class Ownership:
    """A collection on a server, as one catalog may use it. Errors of the client pass through.

    Attributes:
        client: Of the server.
        name: Of the collection there.
        called: How people ask for it.
        owner: Whose it must be; None: anybody's.
    """

    client: QdrantClient
    name: str
    called: str
    owner: Owner | None

    def create(self, new: NewCollection, dim: int) -> None:
        """Makes it for vectors of `dim` values; a filter on a field without a payload index is refused there."""
        vectors = models.VectorParams(size=dim, distance=models.Distance.COSINE, datatype=models.Datatype(new.datatype))
        strict = models.StrictModeConfig(
            enabled=True, unindexed_filtering_retrieve=False, unindexed_filtering_update=False
        )
        try:
            self.client.create_collection(
                self.name,
                vectors_config={VECTOR: vectors},
                shard_number=new.sharding.shards,
                replication_factor=new.sharding.replicas,
                write_consistency_factor=new.sharding.write_consistency,
                strict_mode_config=strict,
                metadata=None if self.owner is None else {CATALOG: self.owner.catalog, PREFIX: self.owner.prefix},
            )
        except (UnexpectedResponse, ValueError):
            if not self.client.collection_exists(self.name):  # another process may have been faster
                raise

    def check(self, found: models.CollectionInfo, dim: int) -> None:
        """Refuses what is not this catalog's, or not of this model.

        Raises:
            IndexTakenError: It is another catalog's.
            VectorIndexError: It has other vectors than of `dim` values.
        """
        whose = owner_of(found)
        if self.owner is not None and whose not in (None, self.owner.catalog):
            raise IndexTakenError(
                f"collection {self.name!r} on the Qdrant server is recorded by another catalog ({whose}; this one is "
                f"{self.owner.catalog}), and stays untouched: {self._rebuild()}"
            )
        vectors = found.config.params.vectors
        params = vectors.get(VECTOR) if isinstance(vectors, dict) else None
        if params is None or (params.size, params.distance) != (dim, models.Distance.COSINE):
            shape = "no such vectors" if params is None else f"{params.size} values, {params.distance.value}"
            raise VectorIndexError(
                f"index {self.name!r} on the Qdrant server has {shape}; asked for were vectors {VECTOR!r} of "
                f"{dim} values, Cosine: use the model it was made with; {self._rebuild()}"
            )

    def prepare(self, found: models.CollectionInfo) -> None:
        """Makes sure that it may be written: whose it is, with which rights, and that payload indexes are there.

        Raises:
            IndexTakenError: It does not say whose it is, and holds items that the archive does not.
        """
        if self.owner is not None and owner_of(found) is None:
            self._take(self.owner)
        require_write(self.client, self.name)
        kinds = models.PayloadSchemaType
        # before the first point: later they would have to be built over all
        for name, kind in ((LOCATION, kinds.GEO), (ACQUIRED_AT, kinds.DATETIME)):
            if name not in (found.payload_schema or {}):
                self.client.create_payload_index(self.name, name, field_schema=kind, wait=True)

    def _take(self, owner: Owner) -> None:
        records, _ = self.client.scroll(self.name, limit=_SAMPLE, with_payload=list(ID_FIELDS), with_vectors=False)
        found = {item_id(record.payload or {}) for record in records}
        strange = found - owner.holds(found)
        if strange:
            raise IndexTakenError(
                f"collection {self.name!r} on the Qdrant server does not say whose it is, and {len(strange)} of "
                f"{len(found)} items in it, such as {min(strange)}, are not in the archive of {self.called!r}: "
                f"{self._rebuild()}"
            )
        try:
            self.client.update_collection(self.name, metadata={CATALOG: owner.catalog})
        except UnexpectedResponse as error:
            if error.status_code != 403:
                raise
            log.info("the key may not mark collection %s as this catalog's", self.name)

    def _rebuild(self) -> str:
        return f"`groundcast verify {self.called} --rebuild-index` makes one of this catalog's own beside it"


def require_write(client: QdrantClient, name: str) -> None:
    """Asks for a change of nothing, which a key that may only read is refused.

    Raises:
        UnexpectedResponse: With status 401 or 403: it may not write this collection.
    """
    try:
        client.delete(name, models.PointIdsList(points=[]), wait=True)
    except UnexpectedResponse as error:
        if error.status_code != 400:  # a server may call it an empty request, which it says to who may write
            raise


def owner_of(found: models.CollectionInfo) -> str | None:
    """Id of the catalog whose it is; None: it does not say."""
    whose = (found.config.metadata or {}).get(CATALOG)
    return None if whose is None else str(whose)
