"""What a key or token may do on a Qdrant server, and what that is enough for. Asking changes nothing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from qdrant_client import QdrantClient
from qdrant_client.http.exceptions import UnexpectedResponse

from ingest.index.ownership import require_write


@dataclass(frozen=True)
class Rights:
    """What it may do.

    Attributes:
        manages: Make and remove collections, set aliases.
        reads: Collections that it reads.
        writes: Collections that it writes.
        lacks: Collections that it does not even read.
    """

    manages: bool
    reads: list[str]
    writes: list[str]
    lacks: list[str]

    def __str__(self) -> str:
        """What that is enough for, in words."""
        if self.manages:
            return "may manage the server: enough for everything"
        if self.lacks:
            return f"may not read {', '.join(self.lacks)}: they cannot be searched by their index"
        if not self.reads:
            return "may not make collections: enough for nothing yet"
        if len(self.writes) == len(self.reads):
            return "may write the collections: enough for searching and for ingests into them, not for new ones"
        if self.writes:
            return f"may write {', '.join(self.writes)} alone and read the rest: enough for searching"
        return "may read: enough for searching; an ingest takes one that writes"


def rights(client: QdrantClient, names: Iterable[str]) -> Rights:
    """Finds out what the client's key may do, with the server and with some collections that are there.

    Raises:
        ApiException: The server does not answer.
    """
    reads, writes, lacks = list[str](), list[str](), list[str]()
    for name in names:
        if _may(client.get_collection, name):
            reads.append(name)
            if _may(require_write, client, name):
                writes.append(name)
        else:
            lacks.append(name)
    # a change of no alias at all
    return Rights(_may(client.update_collection_aliases, []), reads, writes, lacks)


def _may(ask: Callable[..., object], *arguments: object) -> bool:
    """Whether a request is not refused for its key."""
    try:
        ask(*arguments)
    except UnexpectedResponse as error:
        return error.status_code not in (401, 403)
    return True
