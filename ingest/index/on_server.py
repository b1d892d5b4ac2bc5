"""The collections of a catalog on a Qdrant server: opened under the names that the catalog records, made, removed.

Whoever writes makes what is missing, and says in it whose it is. Whoever searches reads, and writes nothing. What
belongs to another catalog is opened by nobody here, and never removed.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from qdrant_client import QdrantClient, models

from ingest.archive.parts import Archive
from ingest.catalog.aliases import Aliases
from ingest.catalog.catalog import Catalog, Collection
from ingest.catalog.server_names import ServerNames
from ingest.index import connection
from ingest.index.ownership import PREFIX, NewCollection, Owner, owner_of
from ingest.index.refusals import ERRORS, refusal
from ingest.index.rights import Rights, rights
from ingest.index.server import ServerIndex
from ingest.index.sharding import Sharding
from ingest.settings import Settings
from trainer.errors import IndexRightsError, IndexTakenError, VectorIndexError

log = logging.getLogger(__name__)


def connect(settings: Settings) -> QdrantClient:
    """A client of the server that the settings name; see `ingest.index.connection.connect`."""
    key = settings.qdrant_api_key
    return connection.connect(str(settings.qdrant_url), key.get_secret_value() if key else None)


def open_to_read(settings: Settings, catalog: Catalog, collection: Collection) -> ServerIndex:
    """The index of a collection as it is there; nothing is written.

    Raises:
        IndexRightsError: The key may not read it.
        VectorIndexError: It is not there, of another catalog or model, or the server cannot be reached.
    """
    desk = _Desk(settings, catalog, collection)
    name = desk.names.of(collection.name)
    if name is None:
        raise VectorIndexError(
            f"the index of {desk.called} is not on the Qdrant server yet: `groundcast verify {desk.called} --repair` "
            "makes it from the archive"
        )
    return desk.opened(connect(settings), name, new=None)


def open_to_write(settings: Settings, catalog: Catalog, collection: Collection) -> ServerIndex:
    """The index of a collection, made when it is missing; its name is recorded, and its aliases are set.

    Raises:
        IndexRightsError: The key may not write it, or not make it.
        IndexTakenError: Another catalog has it.
        VectorIndexError: It is of another model, cannot be made as the settings ask, or the server cannot be reached.
    """
    desk = _Desk(settings, catalog, collection)
    client = connect(settings)
    recorded = desk.names.of(collection.name)
    with desk.told(client):
        name = recorded
        # one of before there were prefixes that is gone is made anew under a name of this catalog's own
        if name is None or not (client.collection_exists(name) or name.startswith(desk.names.prefix)):
            name = desk.names.new(collection.name)
        index = desk.made(client, name)
    if name != recorded:
        desk.names.record(collection.name, name)
    desk.keep_aliases(index)
    return index


def remove(settings: Settings, catalog: Catalog, collection: Collection) -> None:
    """Removes a collection from the server, and its name from the catalog; another catalog's stays there.

    Raises:
        VectorIndexError: The server cannot be reached, or refuses.
    """
    desk = _Desk(settings, catalog, collection)
    name = desk.names.of(collection.name)
    if name is not None:
        client = connect(settings)
        with desk.told(client):
            desk.remove(client, name)
        client.close()
        desk.names.forget(collection.name)


def open_beside(settings: Settings, catalog: Catalog, collection: Collection) -> ServerIndex:
    """A new collection beside the one that is recorded, to be filled; one that was begun so before is gone on with.

    Raises:
        VectorIndexError: It cannot be made.
    """
    desk = _Desk(settings, catalog, collection)
    client = connect(settings)
    with desk.told(client):
        name = desk.free(client, beside=desk.names.of(collection.name))
        begun = desk.made(client, name)
        if begun.sharding.differs(_sharding(settings)):  # begun under other settings
            begun.drop()
            begun = desk.made(client, name)
        return begun


def change_over(settings: Settings, catalog: Catalog, collection: Collection, to: ServerIndex) -> str | None:
    """Lets a collection that was built beside take over, and removes the one before.

    Returns:
        Why the one before could not be removed; None: it is gone.
    """
    desk = _Desk(settings, catalog, collection)
    before = desk.names.of(collection.name)
    desk.names.record(collection.name, to.name)
    desk.keep_aliases(to, before=before)
    if before in (None, to.name):
        return None
    try:
        with desk.told(to.client):
            desk.remove(to.client, str(before))
    except VectorIndexError as error:
        return f"collection {before!r} stays on the Qdrant server: {error}"
    return None


@dataclass(frozen=True)
class OnServer:
    """A collection as it is on the server.

    Attributes:
        name: There.
        sharding: How it is laid out over nodes; None where it cannot be read.
        problem: Why not, or which settings it differs from; None: neither.
        refused: The key may not read it.
    """

    name: str
    sharding: Sharding | None = None
    problem: str | None = None
    refused: bool = False


def look(settings: Settings, catalog: Catalog, client: QdrantClient) -> dict[str, OnServer]:
    """By stored name, what is on the server of all collections that the catalog records there and that are in use."""
    recorded = ServerNames(catalog, settings.qdrant_prefix).all()
    found = {}
    for collection in catalog.collections():
        name = recorded.get(collection.name)
        if name is None or collection.deleted_at is not None:
            continue
        desk = _Desk(settings, catalog, collection)
        try:
            index = desk.opened(client, name, new=None, closes_client=False)
            differs = index.sharding.differs(_sharding(settings))
            told = f"{differs}: `groundcast verify {desk.called} --rebuild-index` makes it so" if differs else None
            found[collection.name] = OnServer(name, index.sharding, told)
        except VectorIndexError as error:
            found[collection.name] = OnServer(name, None, str(error), isinstance(error, IndexRightsError))
    return found


def may(client: QdrantClient, names: Iterable[str]) -> Rights:
    """What the client's key may do with the server and with some collections on it.

    Raises:
        VectorIndexError: The server does not answer.
    """
    try:
        return rights(client, names)
    except ERRORS as error:
        raise refusal(error, name="of all collections") from error


class _Desk:
    """What is done with one collection of a catalog on the server."""

    def __init__(self, settings: Settings, catalog: Catalog, collection: Collection) -> None:
        self.settings, self.collection = settings, collection
        self.names = ServerNames(catalog, settings.qdrant_prefix)
        self.aliases = Aliases(catalog)
        self.called = self.aliases.asked_for(collection.name)
        archive = Archive(settings.archive_dir(collection.name), collection.kind)
        self.owner = Owner(self.names.catalog_id, self.names.prefix, archive.holding)

    def opened(
        self, client: QdrantClient, name: str, *, new: NewCollection | None, closes_client: bool = True
    ) -> ServerIndex:
        return ServerIndex(
            client,
            name,
            self.collection.dim,
            called=self.called,
            new=new,
            owner=self.owner,
            int8_above=self.settings.qdrant_int8_above,
            closes_client=closes_client,
        )

    def free(self, client: QdrantClient, *, beside: str | None) -> str:
        """The next name for a new collection that is not another catalog's; one of this catalog's was begun before."""
        name = self.names.new(self.collection.name, beside=beside)
        while client.collection_exists(name) and owner_of(client.get_collection(name)) != self.owner.catalog:
            name = self.names.new(self.collection.name, beside=name)
        return name

    def made(self, client: QdrantClient, name: str) -> ServerIndex:
        """The writable collection of that name, made where it is missing."""
        asked = self.settings
        if not client.collection_exists(name):
            self._refuse_taken_prefix(client)
            self._refuse_few_nodes(client)
        return self.opened(client, name, new=NewCollection(asked.qdrant_datatype, _sharding(asked)))

    def remove(self, client: QdrantClient, name: str) -> None:
        """Removes a collection of this catalog's."""
        if not client.collection_exists(name):
            return
        try:
            # opened to be written: it says by then that it is ours
            self.opened(client, name, new=NewCollection(), closes_client=False).drop()
        except IndexTakenError as error:
            log.warning("%s", error)

    def keep_aliases(self, index: ServerIndex, *, before: str | None = None) -> None:
        """Lets the aliases on the server follow the catalog's names, for those who read the server without us."""
        if not self.aliases.serves(self.collection.name):
            return
        wanted = self.names.aliases(self.collection.name, self.aliases.names(self.collection.name))
        try:
            index.serve_as(wanted, own={*self.names.all().values(), before or index.name})
        except IndexRightsError as error:  # an ingest needs none
            log.info("aliases on the Qdrant server stay as they are: %s", error)

    @contextmanager
    def told(self, client: QdrantClient) -> Iterator[None]:
        """What the server refuses as our error; the client is closed then."""
        try:
            yield
        except ERRORS as error:
            client.close()
            raise refusal(error, name=self.called) from error
        except VectorIndexError:
            client.close()
            raise

    def _refuse_taken_prefix(self, client: QdrantClient) -> None:
        """A prefix that a setting names may be another catalog's; one made of the catalog's id cannot."""
        if self.settings.qdrant_prefix is None:
            return
        begin = f"{self.names.prefix}-"
        for found in client.get_collections().collections:
            if found.name.startswith(begin):
                info = client.get_collection(found.name)
                its_own = (info.config.metadata or {}).get(PREFIX, self.names.prefix)
                if its_own == self.names.prefix and owner_of(info) not in (None, self.owner.catalog):
                    raise IndexTakenError(
                        f"qdrant_prefix = {self.names.prefix!r} is taken on that server: collection {found.name!r} is "
                        f"recorded by another catalog ({owner_of(info)}; this one is {self.owner.catalog}); take "
                        "another prefix, or remove that catalog's collections there if it is lost"
                    )

    def _refuse_few_nodes(self, client: QdrantClient) -> None:
        replicas = self.settings.qdrant_replicas
        if replicas is None or replicas == 1:
            return
        status = client.cluster_status()
        nodes = len(status.peers) if isinstance(status, models.ClusterStatusOneOf1) else 1
        if nodes < replicas:
            raise VectorIndexError(
                f"qdrant_replicas = {replicas} and the cluster has {nodes} node{'s' if nodes > 1 else ''}, of which "
                "each takes one replica: add nodes, or ask for fewer"
            )


def _sharding(settings: Settings) -> Sharding:
    return Sharding(settings.qdrant_shards, settings.qdrant_replicas, settings.qdrant_write_consistency)
