"""A collection under another model, beside the one in service: the shadow, what goes into it, and the change-over.

The shadow is the next version of the collection (`ingest.catalog.aliases`), an ordinary collection that is ingested by
the same requests as the one in service, read from the ledger; so it is resumed like any ingest. Searches meet it only
once the name stands for it.

It does not know how versions are compared, nor how an ingest is shown.
"""

import json
import logging
import shutil
from datetime import UTC, datetime

from ingest.archive.parts import Archive
from ingest.catalog.aliases import MARK, Aliases, Version, name_of
from ingest.catalog.catalog import Catalog, Collection
from ingest.catalog.foreign import IMPORTED
from ingest.index.upkeep import catch_up, open_index, remove_index
from ingest.jobs.request import Request
from ingest.jobs.run import only_writer
from ingest.settings import Settings
from trainer.embedder import Embedder
from trainer.errors import CatalogError, ModelMismatchError, UsageError

log = logging.getLogger(__name__)


def shadow(catalog: Catalog, name: str, embedder: Embedder) -> Version:
    """The version that is to take over: one of that model that is there already, else a new one.

    Raises:
        CatalogError: No such collection.
        ModelMismatchError: The one in service is of that model.
    """
    aliases = Aliases(catalog)
    present = aliases.collection(name)
    if IMPORTED in present.spec:
        raise UsageError(f"the vectors of {name!r} were brought: another model's are imported into another collection")
    if present.model_id == embedder.model_id:
        raise ModelMismatchError(f"{name!r} is of model {embedder.model_id} already: choose another with --model")
    versions = aliases.versions(name)
    made = [version for version in versions if version.collection.model_id == embedder.model_id]
    if not made:
        number = versions[-1].number + 1
        catalog.add_collection(
            Collection(
                name=f"{name_of(present.name)}{MARK}{number}",
                kind=present.kind,
                model_id=embedder.model_id,
                dim=embedder.dim,
                spec=present.spec,
                created_at=datetime.now(UTC),
            )
        )
        made = [version for version in aliases.versions(name) if version.number == number]
    return made[-1]


def requests(catalog: Catalog, present: Collection, into: Collection) -> list[Request]:
    """What was ever asked of a collection, each once, oldest first, as requests for another."""
    asked = {json.dumps(job.spec, sort_keys=True): job.spec for job in catalog.jobs(present.name)}
    return [Request.from_json(spec | {"collection": into.name}) for spec in asked.values()]


def missing(settings: Settings, present: Collection, new: Collection) -> set[str]:
    """Items that the archive of one version holds and that of the other does not."""
    held, taken = (set(Archive(settings.archive_dir(c.name), c.kind).ids()) for c in (present, new))
    return held - taken


def change_over(settings: Settings, catalog: Catalog, name: str, to: Version, *, incomplete: bool = False) -> None:
    """Lets the name stand for a version that has all that the one in service has.

    Args:
        settings: Where archive, index and locks lie.
        catalog: The open catalog in which the name is pointed at the new version.
        name: Of the collection.
        to: The version that takes over.
        incomplete: Change over even if it lacks items.

    Raises:
        CatalogError: It lacks items, or somebody is bringing new ones into the version in service.
    """
    present = Aliases(catalog).collection(name)
    # what is compared must still hold when the name is pointed
    with only_writer(settings, present.name):
        lacking = missing(settings, present, to.collection)
        if lacking and not incomplete:
            some = ", ".join(sorted(lacking)[:3])
            raise CatalogError(
                f"{to.name!r} lacks {len(lacking)} items of {name!r}, such as {some}: see `groundcast jobs list`, run "
                "the same command again, or pass --incomplete"
            )
        Aliases(catalog).point(name, to.collection.name, instead_of=present.name)
    show_to_others(settings, catalog, name)


def show_to_others(settings: Settings, catalog: Catalog, name: str) -> None:
    """Lets the aliases on a Qdrant server follow the catalog's, for those who read the server without us.

    What the index of a version lacks, such as one of before the server, is filled from the archive: whoever searches
    only reads it.
    """
    if settings.qdrant_url is not None:
        collection = Aliases(catalog).collection(name)
        with open_index(settings, catalog, collection) as index:  # which sets its aliases
            catch_up(catalog, Archive(settings.archive_dir(collection.name), collection.kind), index, collection)


def drop(settings: Settings, catalog: Catalog, version: Version) -> None:
    """Removes a version that is not in service: index, field, archive, and at last what the catalog knows of it.

    Whatever is interrupted, the same call goes on.

    Raises:
        CatalogError: It is in service, or somebody is writing it.
        IndexLockedError: Another process holds its index.
    """
    collection = version.collection
    with only_writer(settings, collection.name):
        # first: from here on no rollback comes back to it
        Aliases(catalog).withdraw(version)
        remove(settings, catalog, version)
    settings.lock_path(collection.name).unlink(missing_ok=True)


def remove(settings: Settings, catalog: Catalog, version: Version) -> None:
    """The same of a version that no name stands for any more, while nobody else writes it."""
    collection = version.collection
    remove_index(settings, catalog, collection)
    shutil.rmtree(settings.field_dir(collection.name), ignore_errors=True)
    Archive(settings.archive_dir(collection.name), collection.kind).drop()
    Aliases(catalog).forget(version)
