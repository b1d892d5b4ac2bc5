"""The data card: what a publication holds, whom to credit, what its numbers mean, how to open it. Markdown.

It counts nothing.
"""

from pathlib import Path

from search_ui.publishing.layout import COLUMNS, DATETIME, NORM_RULE
from search_ui.publishing.publication_facts import PublicationFacts
from search_ui.publishing.score_maps import PublishedMap
from search_ui.publishing.stac import CARD

_OURS = """Each tile of overhead imagery has a vector that says what one would see there on the ground. Tiles whose
vectors point the same way look alike from where a person stands, and a text's vector can be compared with them."""
_THEIRS = """Each tile of overhead imagery has a vector that a model made of it, which was not at hand for this
publication. Tiles whose vectors point the same way are alike to that model; what else is comparable with them, only it
can tell."""


def write_card(folder: Path, told: PublicationFacts) -> None:
    """Write README.md."""
    sections = [_about(told), _rights(told), _columns(told), _numbers(told), _maps(told), _opening(told), _checks()]
    text = "\n\n".join(section for section in sections if section) + "\n"
    (folder / CARD).write_text(text.encode("utf-8", "replace").decode(), "utf-8")


def _about(told: PublicationFacts) -> str:
    west, south, east, north = told.extent.bbox
    crossing = ", across ±180°" if west > east else ""
    facts = [
        ("collection", told.name),
        ("tiles", f"{told.tiles:,} squares of {told.tile_size} on the ground"),
        ("vectors", f"{told.model.dim} numbers, float16, not normalised"),
        ("model", f"{told.model.name}, id `{told.model.model_id}` ([model.json](model.json))"),
        ("where", f"west {west:g}, south {south:g}, east {east:g}, north {north:g}, degrees WGS84{crossing}"),
        ("when", _dates(told)),
        ("imagery resolves", "not known" if told.gsd_m is None else f"{told.gsd_m:.3g} m (median)"),
        ("made", f"{told.created_at:%Y-%m-%d} with groundcast {told.version}"),
    ]
    notes = "".join(f"\n\n**Note.** {note}" for note in told.notes)
    meaning = _OURS if told.model.meta is not None else _THEIRS
    return f"""# {told.name}: vectors of overhead tiles

{meaning}

{_table(["", ""], [[name, value] for name, value in facts])}{notes}"""


def _dates(told: PublicationFacts) -> str:
    first, last, undated = told.extent.first, told.extent.last, told.extent.undated
    if first is None or last is None:
        return "it is not known when the imagery was taken"
    span = f"{first:%Y-%m-%d}" if first.date() == last.date() else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
    return f"imagery of {span} (UTC)" + (f"; of {undated:,} tiles that is not known" if undated else "")


def _rights(told: PublicationFacts) -> str:
    licence = (
        f"Published under **{told.licence}** (SPDX)."
        if told.licence
        else "Nobody has said under which licence this is published: ask whoever gave it to you. In STAC it is `other`."
    )
    rows = [[_code(one["source"] or "not named"), one["attribution"] or "nobody is named"] for one in told.sources]
    return f"""## Credit and licence

{licence} The vectors are made of what is named below; its own licence may ask for credit or set limits.

{_table(["source", "credit"], rows)}"""


def _columns(told: PublicationFacts) -> str:
    rows = [[f"`{name}`", what] for name, what in COLUMNS.items() if name != DATETIME or told.extent.first is not None]
    files = f"{len(told.tables)} file{'s' if len(told.tables) > 1 else ''}"
    return f"""## Tables

`embeddings/` holds {files} of GeoParquet 1.1 with one row a tile, in the order of a Hilbert curve: neighbours in a file
are neighbours on the map, and by the column `bbox` a reader skips what lies elsewhere.

{_table(["column", "what it is"], rows)}"""


def _numbers(told: PublicationFacts) -> str:
    time, relevance = "", ""
    if told.maps:
        relevance = "\n- **relevance**, 0 to 1: about how likely it is that one would see what was asked for."
    if told.model.meta is not None and told.model.meta.encoding is not None:
        time = (
            " This model knows time: the vectors here are those of no particular moment, and the score maps say which "
            "moment they are of."
        )
    return f"""## What the numbers mean

{NORM_RULE}{time}

- **cosine**, −1 to 1: how like a tile is to a question, or to another tile. It compares tiles of one answer; between
  questions it does not compare.{relevance}
- **norm**: the length of the vector before it was rounded to float16."""


def _maps(told: PublicationFacts) -> str:
    if not told.maps:
        return ""
    rows = [[_map_name(one), one.moment, f"`maps/{one.name}.tif`", f"`maps/{one.name}.pmtiles`"] for one in told.maps]
    return f"""## Score maps

The GeoTIFFs (cloud-optimised, bands cosine and relevance, no data is NaN) hold the numbers, the PMTiles hold pictures
of the relevance, whose colours are explained in their metadata.

{_table(["question", "moment", "numbers", "pictures"], rows)}"""


def _map_name(one: PublishedMap) -> str:
    return one.question + (f" ({one.note})" if one.note else "")


def _opening(told: PublicationFacts) -> str:
    first = f"embeddings/{told.tables[0].path.name}"
    return f"""## Opening it

QGIS: drag `{first}` or a file of `maps/` into the window. Parquet needs a GDAL with its Arrow and Parquet driver, as
QGIS has it on Windows, macOS and from conda-forge; Debian's GDAL lacks it.

GeoPandas:

    import geopandas, numpy
    tiles = geopandas.read_parquet("embeddings")
    vectors = numpy.stack(tiles.embedding).astype("float32")
    vectors /= numpy.linalg.norm(vectors, axis=1, keepdims=True)
    alike = tiles.assign(cosine=vectors @ vectors[0]).nlargest(9, "cosine")

DuckDB:

    SELECT tile_id, lat, lon, list_cosine_similarity(embedding, (SELECT embedding FROM '{first}' LIMIT 1)) AS cosine
    FROM 'embeddings/*.parquet' ORDER BY cosine DESC LIMIT 9;

torchgeo (0.9 or later):

    from torchgeo.datasets import ClayEmbeddings
    ClayEmbeddings("embeddings")[0]["embedding"]

pystac:

    import pystac
    for item in pystac.Collection.from_file("collection.json").get_items(): print(item.id, item.assets)

groundcast, into a collection of your own: `groundcast import embeddings --collection NAME`."""  # noqa: S608 - it is shown, not run


def _checks() -> str:
    return """## Is it whole?

    sha256sum --check SHA256SUMS"""


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _code(text: str) -> str:
    return f"`{text.replace('`', '')}`"
