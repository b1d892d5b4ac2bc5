"""Sets of labels as tables: read into a frame, written from one, by the door that files of labels go through.

It does not know what is learnt from them.
"""

import io
import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

from groundcast.opened import OpenHome
from groundcast.question import one_text, texts
from groundcast.tables import TableKind, check_kind, table_as
from ingest.catalog.labels import VERDICTS, Verdict
from trainer.errors import MissingError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa
    from geopandas import GeoDataFrame

logger = logging.getLogger(__name__)

_FILE = "the table.parquet"  # what messages call it; its suffix says how it is read


class CollectionLabels:
    """The sets of labels of one collection: tiles that somebody said yes, no or unsure of, under a name."""

    def __init__(self, home: OpenHome, collection: str) -> None:
        self._home, self._collection = home, collection

    def __repr__(self) -> str:
        return f"CollectionLabels({self._collection!r})"

    def names(self) -> list[str]:
        """Names of the sets, the newest first."""
        with self._home.labelling() as labelling:
            return [found.name for found in labelling.sets.all(self._collection)]

    @overload
    def read(self, name: str, *, as_: Literal["geopandas"] = "geopandas") -> "GeoDataFrame": ...
    @overload
    def read(self, name: str, *, as_: Literal["arrow"]) -> "pa.Table": ...
    def read(self, name: str, *, as_: TableKind = "geopandas") -> Any:
        """A set as a table, one row a label: tile_id, label, lat, lon, size_m, labelled_at (UTC), labelled_by.

        Geometry is the tile's middle, WGS84 degrees. What is read is written back as it was.

        Args:
            name: Of the set.
            as_: ``geopandas`` or ``arrow``.

        Raises:
            MissingError: There is no set of that name.
            UsageError: GeoPandas is asked for and not installed.
        """
        check_kind(as_)
        import pyarrow.parquet as pq

        with self._home.labelling() as labelling:
            found = labelling.sets.find(one_text("name", name), self._collection)
            return table_as(pq.read_table(io.BytesIO(labelling.export(found.id, ".parquet"))), as_)

    def write(self, name: str, table: Any) -> dict[str, Any]:
        """Take a table as a set, or into the one of that name, whose labels of other tiles stay.

        Args:
            name: Of the set.
            table: A GeoDataFrame of points in any CRS that it names, a DataFrame, an Arrow table or a dict of columns:
                ``label`` (yes, no, unsure), and ``tile_id`` or a place (the points, or ``lat`` and ``lon`` in degrees).

        Returns:
            How many labels were taken, and which rows were left out for which reason, in JSON types; the log tells
            of those, too.

        Raises:
            UploadError: The table cannot be understood, or no row of it can be taken; then nothing is changed.
            UsageError: It is no table.
        """
        with self._home.labelling() as labelling:
            sets, name = labelling.sets.all(self._collection), one_text("name", name)
            into = next((found.id for found in sets if name in (found.name, found.id)), None)
            _, taken = labelling.bring(
                _parquet(table), _FILE, self._collection, name=name if into is None else None, into=into
            )
        for line in taken.lines():
            logger.warning("labels %r: %s", name, line)
        return taken.as_dict()

    def say(self, name: str, tiles: str | Iterable[str], verdict: Verdict | None, *, by: str | None = None) -> int:
        """Label tiles; a set that is not there yet is made.

        Args:
            name: Of the set.
            tiles: Id of a tile, or several: a column ``tile_id``, for instance.
            verdict: What is said of each: ``yes``, ``no``, ``unsure``; None takes their labels away.
            by: Who says so.

        Returns:
            How many labels the set has now.

        Raises:
            UsageError: An unknown verdict, or no tile.
            MissingError: There is no such tile; or no such set to take labels out of.
        """
        with self._home.labelling() as labelling:
            listed = tiles.to_pylist() if hasattr(tiles, "to_pylist") else tiles  # a column of Arrow's
            ids, name = list(texts("tiles", listed)), one_text("name", name)
            if verdict is not None and verdict not in VERDICTS:
                known = ", ".join(map(repr, VERDICTS))
                raise UsageError(f"verdict = {verdict!r}: say {known}, or None to take labels away")
            if not ids:
                raise UsageError("nothing is labelled: give the id of a tile, or several")
            try:
                found = labelling.sets.find(name, self._collection)
            except MissingError:
                if verdict is None:
                    raise
                # with its first labels, all of it or nothing
                return labelling.create(name, self._collection, {}, dict.fromkeys(ids, verdict), by).total
            labelling.label(found.id, ids, verdict, by)
            return labelling.sets.get(found.id).total

    def delete(self, name: str) -> None:
        """Forget a set with its labels.

        Raises:
            MissingError: There is no set of that name.
        """
        with self._home.labelling() as labelling:
            labelling.delete(labelling.sets.find(one_text("name", name), self._collection).id)


def _parquet(table: Any) -> bytes:
    """A table as the bytes of a Parquet file; a GeoDataFrame in degrees.

    Raises:
        UsageError: It is none.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    if hasattr(table, "to_crs"):  # GeoPandas' own, without importing it
        if table.crs is not None:
            table = table.to_crs("EPSG:4326")
        table.to_parquet(sink, index=False)
        return sink.getvalue()
    if hasattr(table, "to_parquet"):
        table = pa.Table.from_pandas(table, preserve_index=False)
    elif isinstance(table, Mapping):
        try:
            table = pa.table(dict(table))
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise UsageError(f"the labels are no columns of one length: {error}") from error
    if not isinstance(table, pa.Table):
        raise UsageError(f"the labels are {table!r:.60}: give a GeoDataFrame, a DataFrame or an Arrow table")
    pq.write_table(table, sink)
    return sink.getvalue()
