"""A collection as a publication: everything in a folder that appears whole or not at all.

All of it is of one state of the collection: its parts are listed once, and looked at again at the end.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingest.archive import files as storage
from ingest.archive.parts import Archive
from ingest.catalog.catalog import Collection
from ingest.catalog.foreign import foreign_model
from search_ui.publishing.card import write_card
from search_ui.publishing.folder import check_folder, clear_up, whole_folder
from search_ui.publishing.imagery import public_name
from search_ui.publishing.layout import file_facts
from search_ui.publishing.model_item import PublishedModel, write_description
from search_ui.publishing.publication_facts import PublicationFacts
from search_ui.publishing.score_maps import PublishedMap, write_score_map
from search_ui.publishing.stac import write_stac
from search_ui.publishing.survey import Survey, check_unchanged, survey
from search_ui.publishing.tables import TileTable, write_tables
from search_ui.search.engine import Engine
from search_ui.search.provenance import Provenance
from search_ui.search.query import Query
from trainer.checkpoint import read_meta
from trainer.errors import GroundcastError

_ROOM = 2.5
"""Times the size of the archive that are free before work begins: buckets, tables, maps."""


@dataclass(frozen=True)
class PublishOptions:
    """What is asked of a publication.

    Attributes:
        queries: A score map of each is written: a text and a moment.
        licence: SPDX id under which it is published; None: nobody says.
        replace: Whether a publication that stands in the folder goes.
    """

    queries: tuple[Query, ...] = ()
    licence: str | None = None
    replace: bool = False


@dataclass(frozen=True)
class Published:
    """What was written.

    Attributes:
        tiles: How many.
        tables: Names of the files of tiles.
        maps: Names of the score maps.
        size_bytes: Of all files together.
        notes: What a person should know, a sentence each.
    """

    tiles: int
    tables: list[str]
    maps: list[str]
    size_bytes: int
    notes: list[str]


def publish(
    engine: Engine,
    name: str,
    folder: Path,
    wanted: PublishOptions,
    progress: Callable[[int], object] = lambda _: None,
) -> Published:
    """Publish a collection of tiles.

    Args:
        engine: Of the home.
        name: Of the collection, as people give it: an alias or NAME@VERSION.
        folder: A new one, an empty one, or a publication that is replaced.
        wanted: Score maps, licence, whether it may replace.
        progress: Called with the number of tiles that have been written since the last call.

    Raises:
        UsageError: The folder cannot be taken, the collection is a gallery, or holds no tiles.
        CatalogError: There is no such collection.
        ArchiveError: A part is broken.
        GroundcastError: It cannot be written, such as on a full disk, or the collection changed meanwhile.
    """
    clear_up(folder)
    check_folder(folder, replace=wanted.replace)
    with engine.request():
        collection = engine.tiles(name)
        listed = engine.archive(collection)
        _check_room(folder, listed)
        with whole_folder(folder, replace=wanted.replace) as temporary:
            # the rows are read twice: from a network they come once
            with listed.at_hand(list(listed.stamps()), beside=temporary) as archive:
                surveyed = survey(archive, collection.model_id)
                description = _write(engine, name, collection, temporary, surveyed, wanted, progress)
            check_unchanged(listed, surveyed.names)
            write_description(temporary, description.model)
            write_stac(temporary, description)
            write_card(temporary, description)
            size = sum(path.stat().st_size for path in temporary.rglob("*") if path.is_file())
    return Published(
        tiles=description.tiles,
        tables=[f"embeddings/{table.path.name}" for table in description.tables],
        maps=[f"maps/{one.geotiff.name}" for one in description.maps],
        size_bytes=size,
        notes=description.notes,
    )


def _write(
    engine: Engine,
    name: str,
    collection: Collection,
    folder: Path,
    surveyed: Survey,
    wanted: PublishOptions,
    progress: Callable[[int], object],
) -> PublicationFacts:
    """The data; what is to be said of it."""
    model, spec = _model(engine, collection), collection.spec
    sources = [one | {"source": public_name(one["source"])} for one in surveyed.sources()]
    provenance = Provenance(
        collection=name,
        model_id=collection.model_id,
        source=", ".join(one["source"] or "" for one in sources),
        attribution=", ".join(dict.fromkeys(one["attribution"] for one in sources if one["attribution"])) or None,
        created_at=datetime.now(UTC).replace(microsecond=0),
    )
    facts = file_facts(
        collection=name,
        model_id=collection.model_id,
        model=model.name,
        dim=surveyed.dim,
        grid=spec.get("grid"),
        sources=sources,
        licence=wanted.licence,
        made={key: provenance.facts()[key] for key in ("created_at", "groundcast_version")},
    )
    tables = _tables(folder, surveyed, facts, progress)
    maps, notes = _maps(engine, name, folder, model, wanted, provenance.facts())
    if surveyed.without_direction:
        notes.append(
            f"{surveyed.without_direction:,} tiles have a vector that is zero or not finite: it points nowhere."
        )
    sizes = surveyed.places.size_m
    return PublicationFacts(
        name=name,
        tiles=len(surveyed),
        model=model,
        extent=surveyed.extent(),
        gsd_m=surveyed.gsd_m,
        grid=spec.get("grid"),
        sizes_m=(float(sizes.min()), float(sizes.max())),
        sources=sources,
        licence=wanted.licence,
        created_at=provenance.created_at,
        version=provenance.groundcast_version,
        tables=tables,
        maps=maps,
        notes=notes,
    )


def _tables(
    folder: Path, surveyed: Survey, facts: dict[str, Any], progress: Callable[[int], object]
) -> list[TileTable]:
    target = folder / "embeddings"
    target.mkdir()
    return write_tables(target, surveyed, facts, progress=progress)


def _maps(
    engine: Engine, name: str, folder: Path, model: PublishedModel, wanted: PublishOptions, facts: dict[str, Any]
) -> tuple[list[PublishedMap], list[str]]:
    if not wanted.queries:
        return [], []
    if model.meta is None:
        return [], [
            f"There are no score maps: the model {model.name!r} is not here, so no text can be compared with it."
        ]
    target = folder / "maps"
    target.mkdir()
    return [
        write_score_map(target, number, engine, name, query, facts)
        for number, query in enumerate(wanted.queries, start=1)
    ], []


def _model(engine: Engine, collection: Collection) -> PublishedModel:
    found = next((one for one in engine.catalog.models() if one.model_id == collection.model_id), None)
    if found is None:
        foreign = foreign_model(engine.catalog, collection)
        name = "unknown" if foreign is None else foreign.name
        return PublishedModel(name, collection.model_id, collection.dim, collection.created_at, None)
    meta = read_meta(engine.settings.models_dir / found.name)
    return PublishedModel(found.name, found.model_id, collection.dim, found.added_at, meta)


def _check_room(folder: Path, listed: Archive) -> None:
    """Refuse where the disk is too small, before any work is done."""
    needed = int(_ROOM * sum(size for size, _ in listed.stamps().values()))
    free = storage.free_bytes(folder.absolute().parent)
    if free is not None and free < needed:
        raise GroundcastError(
            f"'{folder}': {needed >> 20:,} MiB are needed on the way and {free >> 20:,} MiB are free: make room there, "
            "or name another place"
        )
