"""What is said of a publication as a whole: by its STAC documents, its data card, and the metadata of its tables.

It does not know how any of them looks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from search_ui.publishing.extent import TileExtent
from search_ui.publishing.model_item import PublishedModel
from search_ui.publishing.score_maps import PublishedMap
from search_ui.publishing.tables import TileTable


@dataclass(frozen=True)
class PublicationFacts:
    """A publication.

    Attributes:
        name: Of the collection, as it was asked for.
        tiles: How many there are.
        model: What made the vectors.
        extent: How far the tiles reach.
        gsd_m: Median ground sample distance, metres; None: not known.
        grid: ``size_m`` and ``stride_m``; None: its tiles are single chips.
        sizes_m: Smallest and largest side of a tile, metres.
        sources: ``source`` and ``attribution`` of its imagery, as they may be told.
        licence: SPDX id; None: nobody said one.
        created_at: When it was published, aware UTC.
        version: Of the groundcast that wrote it.
        tables: Its files of tiles.
        maps: Its score maps.
        notes: What a person should know, a sentence each.
    """

    name: str
    tiles: int
    model: PublishedModel
    extent: TileExtent
    gsd_m: float | None
    grid: Mapping[str, Any] | None
    sizes_m: tuple[float, float]
    sources: list[dict[str, str | None]]
    licence: str | None
    created_at: datetime
    version: str
    tables: list[TileTable]
    maps: list[PublishedMap]
    notes: list[str]

    @property
    def credits(self) -> list[str]:
        """Whom to credit for the imagery, each once."""
        return list(dict.fromkeys(one["attribution"] for one in self.sources if one["attribution"]))

    @property
    def tile_size(self) -> str:
        """In words."""
        small, large = (f"{size:g}" for size in self.sizes_m)
        return f"{small} m" if small == large else f"{small} to {large} m"
