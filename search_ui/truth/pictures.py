"""Pictures of an evaluation against truth, as PNG: where the hits and misses are, and the curves.

The map lies over the imagery where there is any. Colours are those of Okabe and Ito, told apart by all eyes; kinds of
tiles also differ by how their frame is drawn. Nothing here measures anything.
"""

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import shapely
from PIL import Image, ImageDraw

from ingest.geo.footprints import Places, Squares
from search_ui.maps.mercator import MercatorCanvas, canvas_over, together
from search_ui.truth.evaluation import ClassResult
from search_ui.truth.measures import BEST

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAP_PX = 760  # along the longer side
MOST_MAPS = 3
_APART = 6  # sides of a tile between two: more, and they are on maps of their own
HIT, MISS, FALSE, RIGHT_NO, OBJECT = "#009e73", "#d55e00", "#e69f00", "#8a949c", "#56b4e9"
_BLUE, _GREY = "#0072b2", "#777777"
_BARE = (232, 235, 233)
_DIMMED = 0.72  # of imagery, under frames
_MOST_VERTICES = 400_000  # of objects that are drawn on a map

Rgba = npt.NDArray[np.uint8]


def canvases(one: ClassResult) -> tuple[list[MercatorCanvas], int]:
    """The pixels of a class's maps: the tiles whose truth is known, those far from each other on maps of their own.

    Returns:
        At most `MOST_MAPS` canvases, those of the most tiles first, and on how many maps all tiles would be.
    """
    lat, lon, size_m = one.scores.lat[one.rows], one.scores.lon[one.rows], one.scores.size_m[one.rows]
    up, along = Squares.of(Places(lat, lon, size_m * 2 * _APART)).reach_deg()
    x = together(np.asarray(lon, float))
    groups = shapely.get_parts(shapely.union_all(shapely.box(x - along, lat - up, x + along, lat + up)))
    tile, group = shapely.STRtree(groups).query(shapely.points(x, lat), predicate="intersects")
    sizes = np.bincount(group, minlength=len(groups))
    chosen = [tile[group == number] for number in np.argsort(-sizes, kind="stable")[:MOST_MAPS]]
    made = [canvas_over(Places(lat[rows], lon[rows], size_m[rows] * 1.2), longest_px=MAP_PX) for rows in chosen]
    return made, len(groups)


def tiles_on(one: ClassResult, canvas: MercatorCanvas) -> npt.NDArray[np.int64]:
    """Rows of the tiles whose truth is known and whose middle lies on a canvas."""
    columns, lines = canvas.to_pixels(lat=one.scores.lat[one.rows], lon=one.scores.lon[one.rows])
    inside = (columns >= 0) & (columns <= canvas.width) & (lines >= 0) & (lines <= canvas.height)
    return np.asarray(one.rows[inside])


def shapes_on(one: ClassResult, canvas: MercatorCanvas) -> tuple[npt.NDArray[np.object_], int]:
    """Polygons and points of a class that lie on a canvas, as many as are drawn in a moment, and how many are not."""
    parts = shapely.get_parts(one.shapes)  # none of which crosses ±180°
    west, south, east, north = shapely.bounds(parts).T
    left, bottom = canvas.to_pixels(lat=south, lon=west)
    right, top = canvas.to_pixels(lat=north, lon=east)
    here = parts[(right >= 0) & (left <= canvas.width) & (bottom >= 0) & (top <= canvas.height)]
    few = np.cumsum(shapely.get_num_coordinates(here)) <= _MOST_VERTICES
    return here[few], int((~few).sum())


def truth_map(one: ClassResult, canvas: MercatorCanvas, imagery: Rgba | None, shapes: npt.NDArray[np.object_]) -> bytes:
    """The objects of a class (`shapes_on`) over the imagery, and the tiles that are positive; PNG."""
    page = _ground(canvas, imagery)
    pen = ImageDraw.Draw(page, "RGBA")
    for shape in shapes:
        _fill(pen, shape, canvas, OBJECT)
    _frames(pen, one, canvas, one.rows[one.sample.yes], HIT, 2)
    return _png(page)


def verdict_map(one: ClassResult, canvas: MercatorCanvas, imagery: Rgba | None) -> bytes:
    """Hits, misses and false alarms at the best threshold, over the imagery; PNG."""
    page = _ground(canvas, imagery)
    pen = ImageDraw.Draw(page, "RGBA")
    above, yes = best_of(one), one.sample.yes
    for rows, colour, wide in (
        (~above & ~yes, RIGHT_NO, 1),
        (above & ~yes, FALSE, 2),
        (~above & yes, MISS, 2),
        (above & yes, HIT, 2),
    ):
        _frames(pen, one, canvas, one.rows[rows], colour, wide, crossed=colour == MISS)
    return _png(page)


def best_of(one: ClassResult) -> npt.NDArray[np.bool_]:
    """Which judged tiles reach the best threshold, bool [n]."""
    return next(row.above for row in one.measures.operating if row.name == BEST)


def curves(one: ClassResult) -> bytes:
    """Precision over recall, the ROC curve, and the share of positives over relevance; PNG."""
    from matplotlib.figure import Figure
    from sklearn.metrics import precision_recall_curve, roc_curve

    figure = Figure(figsize=(12.6, 4.1), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    yes, cosine = one.sample.yes, one.sample.cosine
    share = float(yes.mean())
    precision, recall, _ = precision_recall_curve(yes, cosine)
    left.step(recall, precision, where="post", color=_BLUE)
    left.axhline(share, color=_GREY, linestyle=":")
    left.text(0.99, share, "knows nothing", color=_GREY, ha="right", va="bottom", fontsize=9)
    area = one.measures.number("average_precision").estimate
    _axes(left, "recall", "precision", f"precision and recall: AP {area.value:.3f}")
    false, true, _ = roc_curve(yes, cosine)
    middle.plot(false, true, color=_BLUE)
    middle.plot([0, 1], [0, 1], color=_GREY, linestyle=":")
    area = one.measures.number("roc_auc").estimate
    _axes(middle, "share of negatives above", "share of positives above", f"ROC: area {area.value:.3f}")
    right.plot([0, 1], [0, 1], color=_GREY, linestyle=":")
    _reliability(right, one)
    _axes(right, "relevance", "share of positives", "reliability of relevance")
    return _saved(figure)


def _reliability(axis: Any, one: ClassResult) -> None:
    bins = one.measures.bins
    x, y = [place.relevance for place in bins], [place.share.value for place in bins]
    low = [max(0.0, place.share.value - place.share.low) for place in bins]
    high = [max(0.0, place.share.high - place.share.value) for place in bins]
    axis.errorbar(x, y, yerr=[low, high], color=_BLUE, marker="o", capsize=3, label="relevance in answers")
    if one.fitting is not None:
        chance, yes = one.fitting.held_out, one.sample.yes
        number = np.minimum((chance * 10).astype(int), 9)
        some = np.unique(number)
        axis.plot(
            [chance[number == place].mean() for place in some],
            [yes[number == place].mean() for place in some],
            color=HIT, marker="s", label="fitted, on ground held out",
        )  # fmt: skip
    axis.legend(fontsize=9, loc="upper left")
    top = axis.twinx()
    top.bar(
        [(place.low + place.high) / 2 for place in bins], [place.tiles for place in bins], 0.09, color=_GREY, alpha=0.25
    )
    top.set_ylim(0, 4 * max(place.tiles for place in bins))
    top.set_yticks([])


def _axes(axis: Any, across: str, up: str, title: str) -> None:
    axis.set(xlabel=across, ylabel=up, title=title, xlim=(0, 1), ylim=(0, 1.02))
    axis.spines[["top", "right"]].set_visible(False)


def _saved(figure: "Figure") -> bytes:
    sink = io.BytesIO()
    figure.savefig(sink, format="png", dpi=110)
    return sink.getvalue()


def _ground(canvas: MercatorCanvas, imagery: Rgba | None) -> Image.Image:
    page = np.full((canvas.height, canvas.width, 3), _BARE, np.uint8)
    if imagery is not None:
        seen = imagery[..., 3] > 0
        # a little towards white, so that frames are seen on any ground
        page[seen] = (imagery[seen][:, :3] * _DIMMED + 255 * (1 - _DIMMED)).astype(np.uint8)
    return Image.fromarray(page)


def _frames(
    pen: ImageDraw.ImageDraw,
    one: ClassResult,
    canvas: MercatorCanvas,
    rows: npt.NDArray[np.int64],
    colour: str,
    wide: int,
    *,
    crossed: bool = False,
) -> None:
    """Frames of tiles a little inside of their edges, so that neighbours do not hide each other."""
    lat, lon, size_m = one.scores.lat[rows], one.scores.lon[rows], one.scores.size_m[rows]
    columns, lines = canvas.to_pixels(lat=lat, lon=lon)
    half = np.asarray(size_m, float) / 2 / canvas.pixel_m
    inner = np.maximum(half - wide, 0.5)
    for x, y, r in zip(columns.tolist(), lines.tolist(), inner.tolist(), strict=True):
        pen.rectangle((x - r, y - r, x + r, y + r), outline=colour, width=wide if r > 3 else 1)
        if crossed and r > 4:
            pen.line((x - r, y - r, x + r, y + r), fill=colour)
            pen.line((x - r, y + r, x + r, y - r), fill=colour)


def _fill(pen: ImageDraw.ImageDraw, part: Any, canvas: MercatorCanvas, colour: str) -> None:
    """A polygon, its holes too, or a point."""
    ring = part.exterior if part.geom_type == "Polygon" else part
    lon, lat = shapely.get_coordinates(ring).T
    columns, lines = canvas.to_pixels(lat=lat, lon=lon)
    if part.geom_type == "Polygon":
        pen.polygon(list(zip(columns.tolist(), lines.tolist(), strict=True)), fill=colour + "66", outline=colour)
    else:
        x, y = float(columns[0]), float(lines[0])
        pen.ellipse((x - 3, y - 3, x + 3, y + 3), fill=colour, outline="#ffffff")


def _png(page: Image.Image) -> bytes:
    sink = io.BytesIO()
    page.save(sink, "PNG", optimize=True)
    return sink.getvalue()
