"""groundcast in Python: search, scores, maps, calendars and ground photos, in a notebook or a program.

    import groundcast as gc

    home = gc.open()
    home["town"].search("a ferry", when="2025-07")

A facade over the rooms that the command line and the app have, of few names, which are kept stable: what is not in
`__all__` may change. Importing it loads none of them; each name is loaded when it is first used.

In reading order: words, tables, areas, moments, question, opened, coverage, score_map, score_calendar, ground_photos,
labels, tile_collection, ingests, home.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from groundcast.ground_photos import GroundOptions, GroundPhotos
    from groundcast.home import Home, open
    from groundcast.ingests import Ingested, IngestOptions
    from groundcast.labels import CollectionLabels
    from groundcast.question import SearchOptions
    from groundcast.score_calendar import ScoreCalendar
    from groundcast.score_map import ScoreMap
    from groundcast.tile_collection import TileCollection
    from search_ui.ground.view import PhotoHit
    from trainer.embedder import Embedder
    from trainer.errors import (
        AreaError,
        CatalogError,
        GroundcastError,
        MissingError,
        ModelMismatchError,
        ReadOnlyError,
        SettingsError,
        SourceError,
        UploadError,
        UsageError,
    )

    __version__: str

__all__ = [
    "AreaError",
    "CatalogError",
    "CollectionLabels",
    "Embedder",
    "GroundOptions",
    "GroundPhotos",
    "GroundcastError",
    "Home",
    "IngestOptions",
    "Ingested",
    "MissingError",
    "ModelMismatchError",
    "PhotoHit",
    "ReadOnlyError",
    "ScoreCalendar",
    "ScoreMap",
    "SearchOptions",
    "SettingsError",
    "SourceError",
    "TileCollection",
    "UploadError",
    "UsageError",
    "__version__",
    "open",
]

_HOMES = {
    "CollectionLabels": "groundcast.labels",
    "Embedder": "trainer.embedder",
    "GroundOptions": "groundcast.ground_photos",
    "GroundPhotos": "groundcast.ground_photos",
    "Home": "groundcast.home",
    "IngestOptions": "groundcast.ingests",
    "Ingested": "groundcast.ingests",
    "PhotoHit": "search_ui.ground.view",
    "ScoreCalendar": "groundcast.score_calendar",
    "ScoreMap": "groundcast.score_map",
    "SearchOptions": "groundcast.question",
    "TileCollection": "groundcast.tile_collection",
    "open": "groundcast.home",
}


def __getattr__(name: str) -> Any:
    """A public name, loaded when it is first asked for."""
    if name == "__version__":
        from search_ui.search.provenance import program_version

        value: Any = program_version()
    elif name in __all__:
        value = getattr(import_module(_HOMES.get(name, "trainer.errors")), name)
    else:
        raise AttributeError(f"module 'groundcast' has no attribute {name!r}: it has {', '.join(__all__)}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
