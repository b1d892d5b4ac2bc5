"""A collection's index made anew from the archive while searches go on: beside the one before, then in its place.

It is for an index that is broken for good, such as on a node that is lost, of another model or layout, or not this
catalog's. It does not know what is wrong with the one before.
"""

from ingest.archive.parts import Archive
from ingest.catalog.catalog import Catalog, Collection
from ingest.index.edge import discard
from ingest.index.protocol import Index
from ingest.index.upkeep import catch_up, fill, open_index, require_room
from ingest.settings import Settings


def rebuild(settings: Settings, catalog: Catalog, collection: Collection) -> list[str]:
    """Makes the index anew. On a server the one before answers until the new one takes over; whatever is interrupted,
    the same call goes on. An embedded one is away meanwhile, and every tile is scored.

    Returns:
        What was done, a sentence each.

    Raises:
        ArchiveError: A part is broken; nothing is changed over then.
        IndexLockedError: Another process holds the embedded index.
        VectorIndexError: The new one cannot be made.
    """
    archive = Archive(settings.archive_dir(collection.name), collection.kind)
    if settings.qdrant_url is None:
        items = catalog.items_done(collection.name, ("archived", "done"))
        discard(settings.index_dir(collection.name))
        require_room(settings, collection, items)
        with open_index(settings, catalog, collection) as index:
            done = [_filled(archive, index)]
            catch_up(catalog, archive, index, collection)
            index.optimize()
        return done
    from ingest.index.on_server import change_over, open_beside

    with open_beside(settings, catalog, collection) as index:
        done = [_filled(archive, index)]
        catch_up(catalog, archive, index, collection)
        left = change_over(settings, catalog, collection, index)
    return [*done, f"{index.name} answers now"] + ([left] if left else [])


def _filled(archive: Archive, index: Index) -> str:
    """Brings a new index to what the archive holds; says how much that is."""
    wanted, there = set(archive.ids()), index.ids()
    fill(archive, index, wanted - there)
    index.delete(there - wanted)
    return f"the index was made anew from the archive, {len(wanted):,} items"
