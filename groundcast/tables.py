"""Tables as a notebook takes them: a GeoDataFrame, or Arrow with the metadata of GeoParquet and GeoArrow.

Both have the same rows in the same order, and both say where they come from: `frame.attrs["provenance"]`, or the
table's metadata ``provenance``, JSON. Geometry is WGS84 degrees, x = longitude, split at ±180°. It does not know what
the values mean.
"""

import json
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pyproj
import shapely

from trainer.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from search_ui.search.query import Answer
    from search_ui.search.scores import Scores

TableKind = Literal["geopandas", "arrow"]

_GEOARROW = {
    "ARROW:extension:name": "geoarrow.wkb",
    "ARROW:extension:metadata": json.dumps({"crs": "OGC:CRS84", "crs_type": "authority_code"}),
}  # by which GeoPandas, lonboard and DuckDB know the column


def check_kind(kind: str) -> None:
    """Refuse an unknown kind of table, before any work is done for it.

    Raises:
        UsageError: It is unknown, or the package for it is not installed.
    """
    if kind not in get_args(TableKind):
        raise UsageError(f"as_={kind!r}: take one of {', '.join(map(repr, get_args(TableKind)))}")
    if kind == "geopandas":
        try:
            import geopandas  # noqa: F401 - to find out whether it is here
        except ModuleNotFoundError as error:
            raise UsageError(
                f"a GeoDataFrame needs the package {error.name}, which is not installed: "
                "pip install 'groundcast[notebook]', or ask for as_=\"arrow\""
            ) from error


def table_as(table: "pa.Table", kind: str) -> Any:
    """A table with the columns ``geometry``, WKB in degrees, and ``bbox``, as it was asked for."""
    if kind == "arrow":
        at = table.schema.get_field_index("geometry")
        fields = [field.with_metadata(_GEOARROW) if row == at else field for row, field in enumerate(table.schema)]
        import pyarrow as pa

        return pa.Table.from_arrays(table.columns, schema=pa.schema(fields, metadata=table.schema.metadata))
    from geopandas import GeoDataFrame
    from geopandas.array import GeometryArray

    outlines = shapely.from_wkb(np.array([*table["geometry"].to_pylist(), None], np.object_)[:-1])
    plain = table.drop_columns(["geometry", "bbox"]).to_pandas()
    plain["geometry"] = GeometryArray(outlines, crs=_crs())  # set beforehand: half of what it takes given beside
    frame = GeoDataFrame(plain, geometry="geometry")
    frame.attrs["provenance"] = json.loads((table.schema.metadata or {})[b"provenance"])
    return frame


@cache
def _crs() -> pyproj.CRS:
    """What tables are mostly in that one joins with; GeoPandas counts x as the longitude in any case."""
    return pyproj.CRS.from_epsg(4326)


def hits_as(answer: "Answer", block: dict[str, Any], kind: str) -> Any:
    """An answer, one row a hit, in the columns of a file of it."""
    from search_ui.files.answers import hits_table

    return table_as(hits_table(answer, block), kind)


def scores_as(scores: "Scores", provenance: dict[str, Any], kind: str) -> Any:
    """Scores of tiles, one row a tile, in their order."""
    from ingest.geo.footprints import Places
    from search_ui.files.tables import tiles_table

    places = Places(scores.lat, scores.lon, scores.size_m)
    columns = {"cosine": scores.cosine, "relevance": scores.relevance}
    return table_as(tiles_table(scores.tile_id, columns, places=places, told={"provenance": provenance}), kind)
