"""A collection's name and its end: it is given another name, and what was deleted a day ago is removed.

It does not know who deletes (`ingest.catalog.deletions`), nor when somebody looks for what is overdue.
"""

import logging
from datetime import datetime

from ingest.catalog.aliases import MARK, Aliases, name_of
from ingest.catalog.catalog import Catalog
from ingest.catalog.deletions import Deletions
from ingest.catalog.names import GALLERY, check_name, gallery_name
from ingest.jobs.run import only_writer
from ingest.jobs.upgrade import remove, show_to_others
from ingest.settings import Settings
from trainer.errors import CatalogError, UsageError, VectorIndexError

log = logging.getLogger(__name__)


def rename(settings: Settings, catalog: Catalog, name: str, new: str) -> str:
    """Gives a collection or gallery another name; all that it ever had lead to it.

    Args:
        settings: Where locks lie, and whether a Qdrant server is to be told.
        catalog: The open catalog that keeps the names.
        name: Any name of it, without a version.
        new: What it is called from now on.

    Returns:
        What it is called in the catalog: a gallery NEW is ``gallery.NEW``.

    Raises:
        MissingError: There is none of that name, or it was deleted.
        UsageError: The new name cannot be one.
        CatalogError: Another collection has that name or had it, or one is being made under it now.
    """
    aliases = Aliases(catalog)
    if MARK in name:
        raise UsageError(f"{name!r} is a version: names are of all versions, so give {name_of(name)!r}")
    gallery = aliases.collection(name).kind == "gallery"
    new = gallery_name(new.removeprefix(GALLERY)) if gallery else check_name(new)
    # an ingest that makes a collection of that name holds this lock while it does
    with only_writer(settings, new):
        aliases.rename(name, new)
    show_to_others(settings, catalog, new)
    return new


def remove_overdue(settings: Settings, catalog: Catalog, *, now: datetime | None = None) -> list[str]:
    """Removes what was deleted more than a day ago: index, field, archive, and at last what the catalog knows of it.

    What somebody still writes, or whose index another process holds, is left for the next time, and whatever is
    interrupted goes on then.

    Args:
        settings: Where archive, index and locks lie.
        catalog: The open catalog.
        now: Aware; None takes the present.

    Returns:
        Stored names of the versions that are gone.
    """
    deletions, gone = Deletions(catalog), list[str]()
    for version in deletions.overdue(now=now):
        stored = version.collection.name
        try:
            with only_writer(settings, stored):
                # the version's row goes last: as long as it is there, the next look finds it
                deletions.forget_names(name_of(stored))
                remove(settings, catalog, version)
        except (CatalogError, VectorIndexError) as error:
            log.warning("%s was deleted and is still there: %s", version.name, error)
            continue
        settings.lock_path(stored).unlink(missing_ok=True)
        gone.append(stored)
        log.info("%s is gone, a day after it was deleted", version.name)
    return gone
