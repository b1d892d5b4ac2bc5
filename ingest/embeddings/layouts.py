"""Which column of a table of embeddings is what: known layouts by their columns, and others by the types of theirs.

    layout                  known by                                        made by
    groundcast              metadata ``groundcast``; tile_id, and vector    the model that it names
                            (archive) or embedding (publication)
    LGND                    chips_id, embedding, geometry                   Clay v1.5
    Clay v0                 embeddings, source_url, date                    Clay v0
    Clay v1.5               embeddings, geometry; metadata date, gsd, uri   Clay v1.5
    Major TOM               unique_id, grid_cell, embedding, geometry       said by nobody
    EarthEmbeddings         unique_id, grid_cell, embedding, centre_lat     said by nobody
    Planet                  embedding, datetime, chip_size, centroid_lat    said by nobody
    Earth Index             metadata ``emb``; or 384 numbers and nothing    as ``emb`` says, else SoftCon
                            but id, embedding, geometry
    AlphaEarth table        A00 … A63                                       AlphaEarth Foundations
    any other               one column of vectors, or numbered ones         said by nobody

It looks at names and types, never at rows.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ingest.embeddings.quantised import ALPHA_EARTH, Rule
from trainer.errors import SourceError

if TYPE_CHECKING:
    import pyarrow as pa

_LEAST_NUMBERED = 16  # columns v0, v1, …: of fewer, they are measurements rather than a vector
_LAT = ("lat", "latitude", "centre_lat", "center_lat", "centroid_lat")
_LON = ("lon", "longitude", "centre_lon", "center_lon", "centroid_lon", "lng")
_DATES = ("acquired_at", "datetime", "date", "timestamp", "acquired")
_IDS = ("tile_id", "unique_id", "id", "chips_id", "chip_id")
_ORIGINS = ("origin", "source_url", "product_id", "stac_item_id")
_SCALES = ("scale", "scales")
_VECTORS = ("vector", "embedding", "embeddings", "features")
_WIDTHS = {"LGND": 1024, "Clay v0": 768, "Clay v1.5": 1024}
_SOFTCON = 384
_UNKNOWN = "unknown layout"
EARTH_INDEX_M = 320.0
"""Side of the patch around a point of Earth Index, metres."""


@dataclass(frozen=True)
class Roles:
    """What the columns of a table are.

    Attributes:
        layout: What it was taken for.
        model: What made the vectors; None: nobody says.
        model_id: Of groundcast's own model, where the file names one.
        vector: The column of lists, or the columns of the numbers in their order.
        id: Of the rows' names; None: they are named after file and row.
        geometry: Of footprints, well-known binary.
        cell: Of names of Major TOM cells.
        lat: Of middles, degrees.
        lon: The same.
        size_m: Of sides, metres.
        side_m: Side of the square around a point, metres, where the layout has one.
        pixels: Of boxes of Sentinel-2's pixels, whose width is a side.
        date: When the imagery was taken.
        origin: Of which image it is.
        scale: One number a row, by which its whole numbers are multiplied.
        gsd_m: Ground sample distance, metres.
        valid_fraction: Share of valid pixels.
        norm: Length of the vector before it was rounded.
        rule: How whole numbers become floats.
        told_date: A date that the file says for all of its rows.
        attribution: Whom it says is to be credited.
    """

    layout: str
    vector: tuple[str, ...]
    model: str | None = None
    model_id: str | None = None
    id: str | None = None
    geometry: str | None = None
    cell: str | None = None
    lat: str | None = None
    lon: str | None = None
    size_m: str | None = None
    side_m: float | None = None
    pixels: str | None = None
    date: str | None = None
    origin: str | None = None
    scale: str | None = None
    gsd_m: str | None = None
    valid_fraction: str | None = None
    norm: str | None = None
    rule: Rule | None = None
    told_date: str | None = None
    attribution: str | None = None

    @property
    def read(self) -> list[str]:
        """Names of the columns that are read."""
        where = (self.geometry, self.cell, self.lat, self.lon, self.size_m, self.pixels)
        facts = (self.date, self.origin, self.scale, self.gsd_m, self.valid_fraction, self.norm)
        named = [*self.vector, self.id, *where, *facts]
        return list(dict.fromkeys(name for name in named if name is not None))


@dataclass(frozen=True)
class NamedColumns:
    """Columns that a person names; None: they are found.

    Attributes:
        vector: The column of vectors.
        id: The column of the rows' names.
        date: The column of dates.
    """

    vector: str | None = None
    id: str | None = None
    date: str | None = None


def recognise(schema: "pa.Schema", metadata: Mapping[bytes, bytes], wanted: NamedColumns, where: str) -> Roles:
    """What the columns of a table are.

    Args:
        schema: Names and types of its columns.
        metadata: Of the file, key and value.
        wanted: Columns that a person names.
        where: Which file it is, for messages.

    Raises:
        SourceError: There is no column of vectors, or several and no layout says which; the message lists them.
    """
    names = set(schema.names)
    for name in (wanted.vector, wanted.id, wanted.date):
        if name is not None and name not in names:
            raise SourceError(f"{where}: it has no column {name!r}; it has {', '.join(schema.names)}")
    own = _own(metadata, where)
    roles = _layout(names, metadata, own)
    vector = (wanted.vector,) if wanted.vector else roles.vector or _vector(schema, own, metadata, where)
    numbered = len(vector) > 1
    if not numbered and not is_vectors(schema.field(vector[0]).type):
        kind = schema.field(vector[0]).type
        raise SourceError(f"{where}: column {vector[0]!r} is of type {kind}, which is no list of numbers")
    rule = ALPHA_EARTH if numbered and vector[0] == "A00" and is_whole(schema.field("A00").type) else roles.rule
    return replace(
        roles,
        vector=vector,
        rule=rule,
        id=wanted.id or roles.id,
        date=wanted.date or _first(names, _DATES),
        geometry=roles.geometry or ("geometry" if "geometry" in names else None),
        cell="grid_cell" if "grid_cell" in names else None,
        lat=_first(names, _LAT),
        lon=_first(names, _LON),
        size_m="size_m" if "size_m" in names else None,
        pixels="pixel_bbox" if "pixel_bbox" in names and roles.layout == "EarthEmbeddings" else None,
        origin=_first(names, _ORIGINS),
        scale=_first(names, _SCALES) if not numbered and is_whole(value_type(schema.field(vector[0]).type)) else None,
    )


def check_types(schema: "pa.Schema", roles: Roles, where: str) -> None:
    """Refuse columns that cannot be what they are taken for.

    Raises:
        SourceError: Places that are no numbers, geometries that are no bytes, names that are neither texts nor numbers.
    """
    import pyarrow as pa

    def refuse(name: str | None, what: str, *fits: Any) -> None:
        if name is None:
            return
        kind = schema.field(name).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else _storage(kind)
        if not any(fit(kind) for fit in (*fits, pa.types.is_null)):
            raise SourceError(f"{where}: column {name!r} is of type {kind}: {what}")

    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    numbers = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    for name in (roles.lat, roles.lon, roles.size_m, roles.scale, roles.gsd_m, roles.valid_fraction, roles.norm):
        refuse(name, "it should hold numbers", *numbers)
    refuse(roles.geometry, "geometries should be well-known binary", pa.types.is_binary, pa.types.is_large_binary)
    refuse(roles.cell, "names of cells should be texts", *texts)
    refuse(roles.id, "ids should be texts or whole numbers", *texts, pa.types.is_integer)
    dates = (pa.types.is_timestamp, pa.types.is_date, *texts)
    refuse(roles.date, "dates should be timestamps, days or ISO 8601 texts", *dates)
    origins = (*texts, *numbers)
    refuse(roles.origin, "what an image is called should be text", *origins)


def with_width(roles: Roles, names: set[str], dim: int) -> Roles:
    """The roles, once the width of the vectors is known: that of another model makes it another layout.

    Args:
        roles: As `recognise` gives them.
        names: Of all columns.
        dim: How many numbers a vector has.
    """
    if dim != _WIDTHS.get(roles.layout, dim):
        return replace(roles, layout=_UNKNOWN, model=None)
    # what Earth Index publishes without its metadata: nothing but names, places and vectors of that one width
    plain = {"embedding", "geometry"} <= names <= {"id", "tile_id", "embedding", "geometry", "bbox"}
    if roles.layout == _UNKNOWN and dim == _SOFTCON and plain:
        return replace(roles, layout="Earth Index", model="SoftCon", side_m=EARTH_INDEX_M)
    return roles


def is_vectors(kind: Any) -> bool:
    """Whether a column of that type holds lists of numbers."""
    value = value_type(kind)
    return value is not None and (is_whole(value) or _is_float(value))


def list_size(kind: Any) -> int | None:
    """How many numbers each list has, where the type says it."""
    import pyarrow as pa

    kind = _storage(kind)
    return int(kind.list_size) if pa.types.is_fixed_size_list(kind) else None


def _own(metadata: Mapping[bytes, bytes], where: str) -> dict[str, Any] | None:
    """What groundcast says of a file of its own."""
    stored = metadata.get(b"groundcast")
    if stored is None:
        return None
    try:
        own = json.loads(stored)
    except ValueError as error:
        raise SourceError(f"{where}: its metadata of groundcast is no JSON ({error}): export it anew") from error
    return own if isinstance(own, dict) else None


def _layout(names: set[str], metadata: Mapping[bytes, bytes], own: Mapping[str, Any] | None) -> Roles:  # noqa: PLR0911
    """The known layout that a table has; its vector is empty where none has a say in it."""
    named = _first(names, _IDS)
    column = _first(names, ("vector", "embedding"))
    if own is not None and "tile_id" in names and column is not None:
        model_id = str(own["model_id"]) if own.get("model_id") else None
        return Roles(
            "groundcast", (column,), own.get("model"), model_id, id="tile_id", attribution=_credit(own),
            gsd_m="gsd_m" if "gsd_m" in names else None,
            valid_fraction="valid_fraction" if "valid_fraction" in names else None,
            norm="norm" if "norm" in names else None,
        )  # fmt: skip
    if {"chips_id", "embedding", "geometry"} <= names:
        return Roles("LGND", ("embedding",), "Clay v1.5", id="chips_id")
    if {"embeddings", "source_url", "date"} <= names:
        return Roles("Clay v0", ("embeddings",), "Clay v0")
    if {"embeddings", "geometry"} <= names:
        day = metadata.get(b"date", b"").decode("utf-8", "replace").strip(' "') or None
        return Roles("Clay v1.5", ("embeddings",), "Clay v1.5", id=named, told_date=day)
    if {"unique_id", "grid_cell", "embedding"} <= names:
        if "geometry" in names:
            return Roles("Major TOM", ("embedding",), id="unique_id")
        return Roles("EarthEmbeddings", ("embedding",), id="unique_id")
    if {"embedding", "datetime", "chip_size", "centroid_lat"} <= names:
        return Roles("Planet", ("embedding",))
    emb = _emb(metadata)
    if emb is not None and {"embedding", "geometry"} <= names:
        when = None if emb.get("datetime") is None else str(emb["datetime"])
        return Roles(
            "Earth Index", ("embedding",), _emb_model(emb), id=named, side_m=EARTH_INDEX_M, told_date=when
        )  # fmt: skip
    alpha = tuple(f"A{number:02}" for number in range(64))
    if set(alpha) <= names:
        return Roles("AlphaEarth table", alpha, "AlphaEarth Foundations", id=named)
    return Roles(_UNKNOWN, (), id=named)


def _credit(own: Mapping[str, Any]) -> str | None:
    """Whom groundcast says is to be credited: of a part of an archive, or of all sources of a publication."""
    sources = own.get("sources")
    told = [one.get("attribution") for one in sources if isinstance(one, dict)] if isinstance(sources, list) else []
    named = [str(one) for one in (own.get("attribution"), *told) if one]
    return "; ".join(dict.fromkeys(named)) or None


def _vector(
    schema: "pa.Schema", own: Mapping[str, Any] | None, metadata: Mapping[bytes, bytes], where: str
) -> tuple[str, ...]:
    """The one column of vectors of a table in no known layout."""
    lists = [field.name for field in schema if is_vectors(field.type)]
    called = [name for name in lists if name.casefold() in _VECTORS]
    if len(lists) > 1 and len(called) != 1:
        several = ", ".join(repr(name) for name in lists)
        raise SourceError(f"{where}: several columns could be the vectors: {several}; say which with --vector-column")
    if lists:
        return tuple((called or lists)[:1])
    numbered = _numbered(schema)
    if numbered:
        return numbered
    if own is not None or b"provenance" in metadata:
        raise SourceError(
            f"{where}: a table of answers of groundcast, which has no vectors: import the parts of an archive, or "
            "what `groundcast publish` writes"
        )
    raise SourceError(
        f"{where}: no column holds vectors, that is, lists of numbers; it has {', '.join(map(str, schema.names))}"
    )


def _numbered(schema: "pa.Schema") -> tuple[str, ...]:
    """Columns of numbers that differ by a number at their end, in its order; of several such rows the longest."""
    rows: dict[str, list[tuple[int, str]]] = {}
    for field in schema:
        match = re.fullmatch(r"(.*?)(\d+)", field.name)
        if match and (_is_float(field.type) or is_whole(field.type)):
            rows.setdefault(match[1], []).append((int(match[2]), field.name))
    longest = max(rows.values(), key=len, default=[])
    order = sorted(longest)
    if len(order) < _LEAST_NUMBERED or order[-1][0] - order[0][0] != len(order) - 1:  # a gap: a number is missing
        return ()
    return tuple(name for _, name in order)


def _emb(metadata: Mapping[bytes, bytes]) -> dict[str, Any] | None:
    """What a file says of its embeddings under ``emb``, as Earth Index does."""
    try:
        told = json.loads(metadata.get(b"emb", b"null"))
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _emb_model(emb: Mapping[str, Any] | None) -> str | None:
    model = (emb or {}).get("model")
    if not isinstance(model, Mapping):
        return None
    named = [str(model[key]) for key in ("name", "version") if model.get(key)]
    return " ".join(named) or (str(model["id"]) if model.get("id") else None)


def _first(names: set[str], known: tuple[str, ...]) -> str | None:
    return next((name for name in known if name in names), None)


def _storage(kind: Any) -> Any:
    return getattr(kind, "storage_type", kind)  # a tensor of a fixed shape is a list behind


def value_type(kind: Any) -> Any:
    """The type of the numbers in a column of lists; None for any other column."""
    import pyarrow as pa

    kind = _storage(kind)
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return kind.value_type if lists else None


def is_whole(kind: Any) -> bool:
    """Whether a type is of whole numbers."""
    import pyarrow as pa

    return kind is not None and pa.types.is_integer(kind)


def _is_float(kind: Any) -> bool:
    import pyarrow as pa

    return kind is not None and pa.types.is_floating(kind)
