"""Maps as files: every tile at one moment, or at one less another; `search_ui.maps.time_series` has many moments.

    .tif        cloud-optimised GeoTIFF: bands are cosine and relevance, or moments, or month, hour, cosine and spread
    .png        a picture with title, legend, scale bar and credit
    .parquet    GeoParquet, one row a tile (or hexagon)
    .gif .mp4   a film of many moments

What was asked of what travels in each. `as_published` is the way of the Sat2Cap paper's maps: scores are scaled to 0..1
over the map and those below 0.5 are not shown. It does not know how scores are made.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ingest.geo.footprints import Places
from search_ui.files.writing import check_name
from search_ui.maps.layers import Panel, Words, draw_page, screen
from search_ui.maps.lettering import plain
from search_ui.maps.scales import Scale, amount_scale, difference_scale
from search_ui.search.moments import say_moment
from search_ui.search.query import Query
from search_ui.search.relevance.unrated import WHY
from search_ui.search.scores import Frames, Scores
from trainer.errors import GroundcastError, UsageError

Value = Literal["cosine", "relevance"]
Kind = Literal["scores", "difference", "frames", "best moment", "hexagons"]
Floats32 = npt.NDArray[np.float32]

SUFFIXES: dict[Kind, tuple[str, ...]] = {
    "scores": (".tif", ".png", ".parquet"),
    "difference": (".tif", ".png", ".parquet"),
    "frames": (".tif", ".png", ".parquet", ".gif", ".mp4"),
    "best moment": (".tif", ".png", ".parquet"),
    "hexagons": (".png", ".parquet"),
}
UNITS = {"cosine": "cosine with the question", "relevance": "relevance: chance that one would see it"}
CUT = 0.5
_PUBLISHED = "scaled to 0..1 over the map; below 0.5 not shown"


@dataclass(frozen=True)
class About:
    """What a map is of.

    Attributes:
        question: The question in words, for titles.
        provenance: What was asked of what, in JSON types; see `search_ui.search.provenance.Provenance.facts`.
    """

    question: str
    provenance: Mapping[str, Any]

    def words(self, title: str, *notes: str | None) -> Words:
        """What stands round the maps of a page."""
        import json

        told = self.provenance
        foot = f"collection {told['collection']} · model {told['model_id']} · groundcast {told['groundcast_version']}"
        # a path whose bytes are no UTF-8 has lone surrogates, which no file takes
        text = json.dumps(told, ensure_ascii=False).encode("utf-8", "replace").decode()
        return Words(title, tuple(note for note in notes if note), told.get("attribution"), foot, text)


def check_target(path: Path, kind: Kind) -> None:
    """Refuse a file that a map of this kind cannot be written to.

    Raises:
        UsageError: unknown suffix, missing folder, or the path is a folder.
    """
    if kind != "frames" and path.suffix.lower() in (".gif", ".mp4"):
        raise UsageError(f"'{path}' is a film, which needs --frames: give hours, months, calendar or moments")
    if kind == "hexagons" and path.suffix.lower() == ".tif":
        raise UsageError(f"'{path}': hexagons are no raster; write .parquet or .png, or leave --h3 out")
    check_name(path, SUFFIXES[kind])


def say_question(query: Query) -> str:
    """A question in words, such as `“a beach” + tile g480… − “a harbour”`."""
    said = ""
    for part in query.parts:
        sign = ("" if not said else " + ") if part.weight > 0 else " − "
        value = plain(str(part.value))
        said += sign + (f"“{value}”" if part.kind == "text" else f"{part.kind} {Path(value).name}")
    return said


def as_published(values: Floats32, low: float, high: float) -> Floats32:
    """Scores scaled to 0..1 between two values; NaN below 0.5, and everywhere if the two are one."""
    if not high > low:
        return np.full_like(values, np.nan)
    scaled = (values - np.float32(low)) / np.float32(high - low)
    return np.where(scaled >= CUT, scaled, np.float32(np.nan)).astype(np.float32)


def write_scores(path: Path, scores: Scores, about: About, *, value: Value, published: bool) -> dict[str, Any]:
    """Write a map of one moment.

    Args:
        path: Its suffix says what; see the top.
        scores: Of every tile of the area at one moment; at least one.
        about: The question in words for titles, and the provenance that travels in the file.
        value: Which value a picture shows; the other files hold both.
        published: Scale and cut as the paper does.

    Returns:
        What was written, in JSON types.

    Raises:
        UsageError: There is no tile.
        GroundcastError: The file cannot be written, such as on a full disk.
    """
    places = places_of(scores)
    columns = values_of(scores, value)
    scale = replace(amount_scale(columns[value], UNITS[value]), hidden=_hidden(columns[value]))
    shown, remark = columns[value], None
    if published:
        low, high = range_of(columns[value])
        columns["as_published"] = shown = as_published(columns[value], low, high)
        scale = Scale(CUT, 1.0, f"{value}, scaled to 0..1 over the map", hidden="below 0.5")
        remark = _PUBLISHED if high > low else "all tiles have one score: nothing stands out"
    title = f"{about.question} · {say_moment(scores.when)}"
    match path.suffix.lower():
        case ".parquet":
            write_table(path, scores.tile_id, columns, places, about)
            return {}
        case ".tif":
            bands = {name: (_unit(name), column) for name, column in columns.items()}
            return write_raster(path, bands, places, about, title)
    words = about.words(title, _summary(scores), remark, scores.note)
    draw_page(path, screen(places, 1), [Panel("", shown)], scale, words)
    return {}


def write_difference(path: Path, scores: Scores, minus: Scores, about: About, *, value: Value) -> dict[str, Any]:
    """Write a map of one moment less another; 0 is the middle of its colours.

    Args:
        path: Its suffix says what; see the top.
        scores: At the moment asked about, of at least one tile.
        minus: At the moment that is taken away; of the same tiles in the same order.
        about: The question in words for titles, and the provenance that travels in the file.
        value: Which value a picture shows; the other files hold both.

    Returns:
        What was written, in JSON types.

    Raises:
        UsageError: There is no tile.
        GroundcastError: The file cannot be written, or the tiles are not the same.
    """
    places = places_of(scores)
    # an ingest may have finished between the two: then rows are no longer the same tiles
    if scores.tile_id != minus.tile_id:
        raise GroundcastError("the collection changed while its moments were scored: run the command again")
    here, there = values_of(scores, value), values_of(minus, value)
    differences = {name: here[name] - there[name] for name in here}
    title = f"{about.question} · {say_moment(scores.when)} less {say_moment(minus.when)}"
    match path.suffix.lower():
        case ".parquet":
            columns = here | {f"{name}_minus": column for name, column in there.items()}
            columns |= {f"{name}_difference": column for name, column in differences.items()}
            write_table(path, scores.tile_id, columns, places, about)
            return {}
        case ".tif":
            bands = {f"{name} difference": (f"difference of {name}", column) for name, column in differences.items()}
            return write_raster(path, bands, places, about, title)
    shown = differences[value]
    scale = replace(difference_scale(shown, f"difference of {value}"), hidden=_hidden(shown))
    moments = f"{say_moment(scores.when)} less {say_moment(minus.when)}"
    words = about.words(about.question, moments, count_tiles(scores), scores.note)
    draw_page(path, screen(places, 1), [Panel("", shown)], scale, words)
    return {}


def write_hexagons(
    path: Path, scores: Scores, about: About, *, value: Value, resolution: int, statistic: Literal["mean", "max"]
) -> dict[str, Any]:
    """Write a map of H3 hexagons.

    Args:
        path: A ``.png`` or ``.parquet``.
        scores: Of every tile of the area at one moment; at least one.
        about: The question in words for titles, and the provenance that travels in the file.
        value: Whether cosines or relevances are gathered.
        resolution: Of H3, 0 (2,200 km across) to 15 (1 m).
        statistic: What a picture shows; a table holds both.

    Returns:
        What was written, in JSON types.

    Raises:
        UsageError: There is no tile, or no such resolution.
        GroundcastError: The file cannot be written, such as on a full disk.
    """
    from search_ui.maps import hexagons as h3
    from search_ui.maps.layers import Screen, screen_canvas

    places = places_of(scores)
    values = values_of(scores, value)[value]
    cells = h3.gather(resolution, values, lat=places.lat, lon=places.lon)
    if not len(cells.cell):
        raise UsageError("no tile has a score: there is nothing to gather")
    note = h3.fitting_note(resolution, places.size_m)
    if path.suffix.lower() == ".parquet":
        h3.write_hexagons(path, cells, value, {"provenance": dict(about.provenance) | {"resolution": resolution}})
    else:
        canvas = screen_canvas(h3.places(cells), 1)
        shown = cells.values(statistic)
        unit = f"{statistic} of the tiles' {value}"
        scale = amount_scale(shown, unit)
        counted = (
            f"{len(cells.cell):,} H3 hexagons of resolution {resolution} ({_say_m(h3.across_m(resolution))} across)"
        )
        title = f"{about.question} · {say_moment(scores.when)}"
        words = about.words(title, f"{counted}, {count_tiles(scores)}", note, scores.note)
        draw_page(path, Screen(canvas, h3.owners(cells, canvas)), [Panel("", shown)], scale, words)
    return {"hexagons": len(cells.cell)} | ({"note": note} if note else {})


def values_of(scores: Scores, value: Value) -> dict[str, Floats32]:
    """What there is to be mapped, by name.

    Raises:
        UsageError: The relevance is asked for, and there is none.
    """
    if scores.rated:
        return {"cosine": scores.cosine, "relevance": scores.relevance}
    if value == "relevance":
        raise UsageError(f"{WHY}: map the cosine")
    return {"cosine": scores.cosine}


def places_of(scores: Scores | Frames) -> Places:
    """Where the tiles are.

    Raises:
        UsageError: There is none.
    """
    if not len(scores.tile_id):
        raise UsageError(f"nothing to map: {scores.note or 'no tile is asked for'}")
    return Places(scores.lat, scores.lon, scores.size_m)


def write_table(
    path: Path,
    tile_id: Sequence[str],
    columns: Mapping[str, npt.NDArray[Any]],
    places: Places,
    about: About,
    told: Mapping[str, Any] | None = None,
) -> None:
    """Write values of tiles as GeoParquet, with what they are of."""
    from search_ui.files.tables import write_tiles

    write_tiles(path, tile_id, columns, places=places, told=told or {"provenance": dict(about.provenance)})


def write_raster(
    path: Path,
    bands: Mapping[str, tuple[str, Floats32]],
    places: Places,
    about: About,
    title: str,
    *,
    averaged: bool = True,
) -> dict[str, Any]:
    """Write bands, each with its unit and values, as GeoTIFF; what was written, in JSON types."""
    from dataclasses import asdict

    from search_ui.maps.raster import Band, write_geotiff

    def parts() -> Iterator[tuple[int, Floats32]]:
        yield 0, np.stack([column for _, column in bands.values()]).astype(np.float32)

    named = [Band(name, unit) for name, (unit, _) in bands.items()]
    told = dict(about.provenance)
    written = write_geotiff(path, named, parts, places=places, provenance=told, description=title, averaged=averaged)
    return asdict(written)


def _summary(scores: Scores) -> str:
    """How many tiles, and the best relevance in a word."""
    best = float(np.nanmax(scores.relevance)) if np.isfinite(scores.relevance).any() else None
    if best is None:
        return count_tiles(scores)
    from search_ui.search.relevance.calibration import grade, say_relevance

    return f"{count_tiles(scores)} · best relevance {say_relevance(best)} ({grade(best)})"


def count_tiles(scores: Scores | Frames) -> str:
    """How many tiles of which size; those without a score are told."""
    sizes = np.unique(scores.size_m)
    least, most = _say_m(float(sizes[0])), _say_m(float(sizes[-1]))
    size = least if least == most else f"{least} to {most}"
    count = len(scores.tile_id)
    said = f"{count:,} tile{'s' if count != 1 else ''} of {size}"
    missing = int((~np.isfinite(scores.cosine)).sum()) if isinstance(scores, Scores) else 0
    return f"{said}, {missing:,} without a score" if missing else said


def _hidden(values: Floats32) -> str:
    return "" if np.isfinite(values).all() else "no score"


def _say_m(metres: float) -> str:
    return f"{metres / 1000:,.3g} km" if metres >= 1000 else f"{metres:.3g} m"


def _unit(name: str) -> str:
    return _PUBLISHED if name == "as_published" else UNITS[name]


def range_of(values: Floats32) -> tuple[float, float]:
    """Lowest and highest value; NaN is left out."""
    known = values[np.isfinite(values)]
    return (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
