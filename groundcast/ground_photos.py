"""What one would see on the ground: the photos of a gallery that are most like it, with their pictures.

It does not know how photos are found.
"""

import io
import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, overload

import numpy as np
from PIL import Image

from groundcast.question import check_options, file_path, number, texts, whole
from groundcast.tables import TableKind, check_kind, table_as
from search_ui.ground.files import check_target, write_view
from search_ui.ground.gallery import PhotoFilter, parse_hours, parse_months
from search_ui.ground.view import GroundView, PhotoHit
from trainer.errors import ItemError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa
    from geopandas import GeoDataFrame

logger = logging.getLogger(__name__)

_SHEET = 100  # photos, at most


class GroundOptions(TypedDict, total=False):
    """Which photos may answer; None: any. A filter never matches what is not known of a photo.

    Attributes:
        within_km: Taken so far from the place at most, kilometres.
        licences: Of one of these licences, such as ``CC-BY``.
        seasons: Of spring, summer, autumn or winter, as it is there.
        months: Of these months: numbers, or text such as ``nov-feb``.
        hours: Of these hours of the camera's clock: from and to, or text such as ``22-4``.
    """

    within_km: float | None
    licences: str | Sequence[str] | None
    seasons: str | Sequence[str] | None
    months: str | Sequence[int] | None
    hours: str | tuple[float, float] | None


def filter_of(given: dict[str, Any]) -> PhotoFilter:
    """The filter of `GroundOptions`.

    Raises:
        UsageError: One cannot be understood.
    """
    asked = check_options(given, GroundOptions)
    months, hours = asked.get("months"), asked.get("hours")
    within_km = number("within_km", asked["within_km"]) if "within_km" in asked else None
    return PhotoFilter(
        within_m=None if within_km is None else within_km * 1000,
        licences=texts("licences", asked.get("licences")),
        seasons=frozenset(name.strip().lower() for name in texts("seasons", asked.get("seasons"))),
        months=parse_months(months) if isinstance(months, str) else frozenset(_wholes(months)),
        hours=parse_hours(hours) if isinstance(hours, str) else _span(hours),
    )


def _wholes(months: Any) -> list[int]:
    return [] if months is None else [whole("months", month) for month in np.atleast_1d(np.asarray(months, object))]


def _span(hours: Any) -> tuple[float, float] | None:
    if hours is None:
        return None
    try:
        first, last = hours
    except (TypeError, ValueError) as error:
        raise UsageError(f"hours = {hours!r}: give from and to, such as (6, 10)") from error
    return number("hours", first), number("hours", last)


class GroundPhotos(Sequence[PhotoHit]):
    """The photos of a tile at a moment, best first. A notebook shows them as a contact sheet.

    Attributes:
        view: The whole answer: the tile, the gallery, how many photos were compared.
    """

    def __init__(self, view: GroundView, photo: Callable[[str, str, int], bytes]) -> None:
        self.view = view
        self._photo = photo

    @overload
    def __getitem__(self, index: int) -> PhotoHit: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[PhotoHit]: ...
    def __getitem__(self, index: int | slice) -> PhotoHit | Sequence[PhotoHit]:
        return self.view.hits[index]

    def __len__(self) -> int:
        return len(self.view.hits)

    def __repr__(self) -> str:
        view = self.view
        return f"GroundPhotos({len(self)} of {view.candidates:,} in {view.gallery!r}, tile {view.tile_id})"

    @property
    def note(self) -> str | None:
        """What should be read beside them."""
        return self.view.note

    def pictures(self, px: int = 256) -> Iterator[Image.Image | None]:
        """The photos themselves in their order, upright, RGB, `px` along the longer side at most.

        None stands for one whose file is gone or cannot be read; the log says why.

        Raises:
            UsageError: `px` is not from 16 to 1,024.
        """
        for hit in self.view.hits:
            try:
                content = self._photo(self.view.gallery, hit.photo_id, px)
            except ItemError as error:
                logger.warning("photo %s: %s", hit.photo_id, error)
                yield None
            else:
                with Image.open(io.BytesIO(content)) as picture:
                    yield picture.convert("RGB")

    @overload
    def table(self, *, as_: Literal["geopandas"] = "geopandas") -> "GeoDataFrame": ...
    @overload
    def table(self, *, as_: Literal["arrow"]) -> "pa.Table": ...
    def table(self, *, as_: TableKind = "geopandas") -> Any:
        """The photos as a table, one row a photo, best first.

        Args:
            as_: ``geopandas`` or ``arrow``.

        Returns:
            rank, photo_id, cosine (−1..1), lat, lon (degrees), distance_m (metres), here (whether it was taken in the
            tile), taken_local (wall-clock time there), taken_utc, owner, licence, path, url, heading_deg (from north,
            clockwise); what is not known is missing. Geometry is where it was taken, WGS84 degrees.

        Raises:
            UsageError: An unknown kind, or GeoPandas is asked for and not installed.
        """
        check_kind(as_)
        import pyarrow as pa
        import shapely

        from ingest.geo.geoparquet import POINTS, geo_metadata, geometry_columns

        table = pa.Table.from_pylist([vars(hit) for hit in self.view.hits], schema=_schema())
        points = [
            None if hit.lat is None or hit.lon is None else shapely.Point(hit.lon, hit.lat) for hit in self.view.hits
        ]
        for name, column in geometry_columns(points).items():
            table = table.append_column(name, column)
        told = {name: value for name, value in self.view.as_dict().items() if name != "hits"}
        told = {"geo": geo_metadata(POINTS), "provenance": json.dumps(told)}
        return table_as(table.replace_schema_metadata(told), as_)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write them, by the suffix: ``.png`` (a contact sheet of at most 100), ``.json``, ``.geojson``, ``.csv``.

        Returns:
            The path.

        Raises:
            UsageError: An unknown suffix, a folder that is not there, or too many for a sheet.
            GroundcastError: It cannot be written, such as on a full disk.
        """
        target = file_path("path", path)
        check_target(target, len(self))
        for trouble in write_view(self.view, target):
            logger.warning("%s", trouble)
        return target

    def _repr_jpeg_(self) -> bytes | None:
        """The contact sheet, for notebooks, of a fifth of the PNG's bytes; None, where there are too many for one."""
        if len(self) > _SHEET:
            return None
        from search_ui.ground.contact_sheet import draw_sheet

        told = {name: value for name, value in self.view.as_dict().items() if name != "hits"}
        sink = io.BytesIO()
        with Image.open(io.BytesIO(draw_sheet(self.view, json.dumps(told))[0])) as sheet:
            sheet.convert("RGB").save(sink, "JPEG", quality=85)
        return sink.getvalue()


def _schema() -> "pa.Schema":
    import pyarrow as pa

    fields = [("rank", pa.int32()), ("photo_id", pa.string()), ("cosine", pa.float64())]
    fields += [("lat", pa.float64()), ("lon", pa.float64()), ("distance_m", pa.float64()), ("here", pa.bool_())]
    fields += [("taken_local", pa.timestamp("us")), ("taken_utc", pa.timestamp("us", "UTC"))]
    fields += [(name, pa.string()) for name in ("owner", "licence", "path", "url")]
    return pa.schema([*fields, ("heading_deg", pa.float64())])
