"""Models that are not here: a collection whose vectors were brought, and what made them, as far as anybody said.

Such a collection has a `model_id` like any other, made of the model's name and the width of its vectors, so that two
collections of one model are known to be. Its `spec` says the name under ``foreign``. Nothing can be embedded for it:
it is searched by its own tiles and by labels, and has no relevance, which is calibrated with words. Where the model is
here after all, such as groundcast's own that was added later, the collection is an ordinary one.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from ingest.catalog.catalog import Catalog, Collection
from trainer.errors import UsageError

KEY = "foreign"
IMPORTED = "imported"
"""In the `spec` of a collection, and in the record of a job: its vectors were brought, and no imagery was read."""


@dataclass(frozen=True)
class ForeignModel:
    """A model that is known by name alone.

    Attributes:
        name: As people call it, such as ``Clay v1.5``.
        dim: Width of its vectors.
        known_id: Its `model_id` where the file says one, as groundcast's own do; None: one is made of the name.
    """

    name: str
    dim: int
    known_id: str | None = None

    @property
    def model_id(self) -> str:
        """16 hexadecimal digits; the same for the same name, whatever its case and blanks, and width."""
        told = f"foreign\0{''.join(self.name.casefold().split())}\0{self.dim}"
        return self.known_id or hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """What stands in the `spec` of its collections."""
        return {"name": self.name, "dim": self.dim}

    def __str__(self) -> str:
        return f"{self.name} ({self.dim:,} numbers)"


def foreign_model(catalog: Catalog, collection: Collection) -> ForeignModel | None:
    """The model of a collection that is not here; None: the model is here, or should be."""
    told = collection.spec.get(KEY)
    if told is None or any(model.model_id == collection.model_id for model in catalog.models()):
        return None
    return ForeignModel(str(told["name"]), collection.dim, collection.model_id)


def names_of_models(catalog: Catalog) -> dict[str, str]:
    """Names of models by their id, as people read them: those that are here, and those of vectors that were brought."""
    found = [foreign for one in catalog.collections() if (foreign := foreign_model(catalog, one)) is not None]
    brought = {foreign.model_id: f"{foreign}, not here" for foreign in found}
    return brought | {model.model_id: model.name for model in catalog.models()}


def what_it_lacks(collection: Collection, foreign: ForeignModel) -> str:
    """What a person is told who asks of a collection what only its model could answer."""
    return (
        f"collection {collection.name!r} holds vectors of {foreign}, and that model is not here: words, pictures and "
        "moments mean nothing to it. Ask by one of its tiles (--tile ID) or by labels (`groundcast labels`); whoever "
        "has the model adds it (`groundcast model add`) and imports into another collection with --model"
    )


def require_model(catalog: Catalog, collection: Collection) -> None:
    """Refuse what takes the collection's model, where that is foreign.

    Raises:
        UsageError: It is; the message says what can be asked instead.
    """
    foreign = foreign_model(catalog, collection)
    if foreign is not None:
        raise UsageError(what_it_lacks(collection, foreign))
