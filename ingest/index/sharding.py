"""How a collection lies on the nodes of a Qdrant cluster."""

from dataclasses import dataclass

from qdrant_client import models


@dataclass(frozen=True)
class Sharding:
    """Of a collection that is there; of one that is asked for, None leaves it to the server.

    Attributes:
        shards: Into how many parts it is cut.
        replicas: On how many nodes each of them lies.
        write_consistency: How many of those have a point before it counts as written.
    """

    shards: int | None = None
    replicas: int | None = None
    write_consistency: int | None = None

    @classmethod
    def of(cls, found: models.CollectionInfo) -> "Sharding":
        """As the server tells it."""
        params = found.config.params
        return cls(params.shard_number, params.replication_factor, params.write_consistency_factor)

    def __str__(self) -> str:
        """Such as ``6 shards × 2 replicas``."""
        told = [_counted(self.shards or 1, "shard"), _counted(self.replicas or 1, "replica")]
        return " × ".join(told)

    def differs(self, asked: "Sharding") -> str | None:
        """In what it is not as asked, by the names of the settings; None: in nothing."""
        pairs = [
            ("qdrant_shards", self.shards, asked.shards),
            ("qdrant_replicas", self.replicas, asked.replicas),
            ("qdrant_write_consistency", self.write_consistency, asked.write_consistency),
        ]
        told = [f"{name} = {want}, it has {have or 1}" for name, have, want in pairs if want not in (None, have or 1)]
        return "; ".join(told) or None


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
