"""What was asked of an ingest, as JSON values for the ledger, and the intake that it opens.

A request read back from the ledger opens the same items, in this process or another.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import shapely
from pydantic import TypeAdapter
from shapely.geometry.base import BaseGeometry

from ingest.geo.grid import Grid
from ingest.jobs.items import MIN_VALID, ChipIntake, GridIntake, Intake, PhotoIntake
from ingest.opening import open_source
from ingest.photos.folder import open_photos
from ingest.sources.chips import ChipSource
from ingest.sources.pyramid import PyramidSource
from ingest.sources.source import SourceOptions
from trainer.errors import AreaError, SourceError

READING_OPTIONS = ("bands", "nodata", "scale", "zoom", "tms", "asset", "acquired_at", "date_in_name")
"""Options that change pixels or dates: one collection is read with one choice of them."""

_OPTIONS: TypeAdapter[SourceOptions] = TypeAdapter(SourceOptions)
# what came later, and what of it says nothing: that is left out, so that jobs of before are the same jobs
_LATER: dict[str, Any] = {"allowed_hosts": None, "missing_403": False}
_NOTHING_SAID: Mapping[str, Any] = MappingProxyType({})
_HERE = ("cache_bytes", "offline", "beyond")  # of this home as it is now


@dataclass(frozen=True)
class Request:
    """A source to be brought into a collection.

    Attributes:
        kind: ``tiles`` or ``gallery``.
        collection: Name of collection or gallery.
        source: URI or absolute path.
        grid: None for photos, and of no effect for a folder of chips.
        area: WGS84 degrees; only tiles that touch it.
        min_valid: Smallest share of valid pixels of a tile.
        options: Bands, zoom, dates and the like.
    """

    kind: Literal["tiles", "gallery"]
    collection: str
    source: str
    grid: Grid | None = None
    area: BaseGeometry | None = None
    min_valid: float = MIN_VALID
    options: SourceOptions = field(default_factory=SourceOptions)

    def to_json(self) -> dict[str, Any]:
        """JSON values that say all of it."""
        options = _OPTIONS.dump_python(self.options, mode="json", exclude=set(_HERE))
        return {
            "kind": self.kind,
            "collection": self.collection,
            "source": self.source,
            "grid": None if self.grid is None else {"size_m": self.grid.size_m, "stride_m": self.grid.stride_m},
            # a tenth of a millimetre; one area has one text, and so one job
            "area": None if self.area is None else shapely.to_wkt(self.area, rounding_precision=9),
            "min_valid": self.min_valid,
            "options": {k: v for k, v in options.items() if k not in _LATER or v != _LATER[k]},
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Request":
        """The request that `to_json` wrote."""
        return cls(
            kind=values["kind"],
            collection=values["collection"],
            source=values["source"],
            grid=None if values["grid"] is None else Grid(**values["grid"]),
            area=None if values["area"] is None else shapely.from_wkt(values["area"]),
            min_valid=values["min_valid"],
            options=options_from_json(values["options"]),
        )

    def open(self, *, input_px: int, reading: Mapping[str, Any] = _NOTHING_SAID) -> Intake:
        """Opens the items.

        Args:
            input_px: Pixels across the model's input; tiles are read at this size, so that overviews serve.
            reading: What the home says of it, `Settings.reading`.

        Raises:
            SourceError: Nothing can be read there.
            AreaError: A tile server without an area.
        """
        if self.kind == "gallery":
            return PhotoIntake(open_photos(Path(self.source)))
        source = open_source(self.source, replace(self.options, **reading))
        if self.area is None and isinstance(source, PyramidSource) and source.boundless:
            source.close()
            raise AreaError("a tile server does not say where it has imagery: give --bbox, --near or --area")
        if isinstance(source, ChipSource):
            return ChipIntake(source, size_px=input_px, area=self.area, min_valid=self.min_valid)
        if self.grid is None:
            raise SourceError(f"{self.source}: imagery needs a grid of tiles; pass --tile-size-m")
        return GridIntake(source, self.grid, size_px=input_px, area=self.area, min_valid=self.min_valid)


def options_from_json(values: dict[str, Any]) -> SourceOptions:
    """Source options as `Request.to_json` wrote them."""
    return _OPTIONS.validate_python(values)
