"""Scores as bitmaps in Web-Mercator rows: the whole collection at once, or an XYZ tile of it, with what colours mean.

Which tile a pixel shows follows the rule of `search_ui.maps.pixels` and depends on the tiles alone, so it is worked out
once and kept; a new moment then costs the scores and one look-up a pixel. Pictures are PNG with 255 colours and one
that is transparent: no tile, no score, or below the least relevance asked for.

Where tiles are but a few pixels wide, a map of few coloured ones among many without a colour would be hardly seen: a
tile may then be drawn with a rim of its own colour and a halo round it (`Rim`), the more certain before the less.

One scale holds for all moments of a question, else the moment's effect would be erased: relevance is drawn from 0 to 1,
the cosine from its usual lowest to its usual highest over the year and the day. It does not know how scores are made.
"""

import io
from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from ingest.geo.footprints import Places, Squares
from search_ui.maps.mercator import TILE_PX, MercatorCanvas, canvas_over, tile_canvas, touching
from search_ui.maps.pixels import Owners, Resampler
from search_ui.maps.scales import AMOUNT, DIFFERENCE, Scale, difference_scale
from search_ui.maps.snapshots import UNITS, Value
from search_ui.search.query import Query
from search_ui.search.recent import Recent
from search_ui.search.scores import Scores
from trainer.errors import GroundcastError, UsageError

Palette = Literal["viridis", "cividis", "inferno", "PuOr_r"]
MIN_PX, MAX_PX = 64, 2048
_COLOURS = 255  # and a transparent one
_MOST, _LEAST_SPAN = 10.0, 1e-6  # of a scale's ends and between them: cosines and relevances differ by 2 at most
_OWNERS, _OWNERS_BYTES = 512, 96 * 2**20
_HALF = np.ceil(np.arange(256) * 127 / _COLOURS).astype(np.uint8)
_SEEN_PX, _WIDEST_PX, _HALO = 8.0, 3, 110  # pixels across, pixels of rim, opacity of 255

Floats32 = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """What a heat map shows.

    Args:
        query: The question at its moment; tiles of less than its `min_relevance` are transparent.
        minus: The same or another question at another moment, to be taken away; of the same area and dates.
        value: What colours show: relevance, 0..1, or cosine.
        low: Value of the first colour; None: chosen.
        high: Value of the last colour; None: chosen.
        palette: Colours, told apart by colour-blind eyes; None: the usual ones.

    Raises:
        UsageError: The range is empty, or the two questions are of different tiles.
    """

    query: Query
    minus: Query | None = None
    value: Value = "relevance"
    low: float | None = None
    high: float | None = None
    palette: Palette | None = None

    def __post_init__(self) -> None:
        if any(end is not None and not abs(end) <= _MOST for end in (self.low, self.high)):
            raise UsageError(f"the scale's ends must lie within ±{_MOST:g}: all values lie within ±2")
        if self.low is not None and self.high is not None and not self.high - self.low >= _LEAST_SPAN:
            raise UsageError(f"the scale from {self.low:g} to {self.high:g} is empty: low must be below high")
        if self.minus is not None and _tiles_of(self.minus) != _tiles_of(self.query):
            raise UsageError("a difference compares the same tiles: give both questions one area and the same dates")


@dataclass(frozen=True, kw_only=True)
class ProbabilityLayer:
    """What a heat map of a set of labels shows: how likely its classifier holds each tile for a yes.

    Args:
        labels: Id of the set.
        least: Tiles of less are transparent.
        low: Value of the first colour; None: 0.
        high: Value of the last colour; None: 1.
        palette: Colours, told apart by colour-blind eyes; None: the usual ones.

    Raises:
        UsageError: The range is empty.
    """

    labels: str
    least: float = 0.0
    low: float | None = None
    high: float | None = None
    palette: Palette | None = None

    def __post_init__(self) -> None:
        low, high = self.ends()
        if not high - low >= _LEAST_SPAN or max(abs(low), abs(high)) > _MOST:
            raise UsageError(f"the scale from {low:g} to {high:g} is empty or too wide: probabilities go from 0 to 1")

    def ends(self) -> tuple[float, float]:
        """Values of the first and of the last colour."""
        return 0.0 if self.low is None else self.low, 1.0 if self.high is None else self.high


@dataclass(frozen=True)
class HeatValues:
    """The values of a layer.

    Attributes:
        places: Centres and sides of n tiles.
        values: float32 [n]; NaN is transparent.
        scale: What colours mean: range, palette, unit.
        of: Says which tiles these are; equal for equal tiles.
        note: What a person should read beside it.
        rims: Whether tiles of a few pixels are drawn with a rim; where most have no colour, and the more the surer, or
            of a difference the further from its middle.
    """

    places: Places
    values: Floats32
    scale: Scale
    of: Hashable
    note: str | None = None
    rims: bool = False

    @cached_property
    def indexes(self) -> npt.NDArray[np.uint8]:
        """Colours of the tiles, 1 to 255, 0 where transparent; and one 0 more, for pixels without a tile, [n + 1]."""
        part = (self.values - self.scale.low) / (self.scale.high - self.scale.low)
        known = np.isfinite(part)
        # colour 0 is the transparent one; what lies beyond the scale takes the colour of its end
        index = 1 + np.clip(np.where(known, part, 0) * _COLOURS, 0, _COLOURS - 1).astype(np.uint8)
        return np.append(np.where(known, index, 0), 0).astype(np.uint8)


@dataclass(frozen=True)
class Bitmap:
    """A picture of a layer.

    Attributes:
        png: The PNG file, 255 colours and a transparent one.
        bounds: West, south, east and north, degrees; its rows are spaced as in Web Mercator.
        scale: What colours mean: range, palette, unit.
    """

    png: bytes
    bounds: tuple[float, float, float, float]
    scale: Scale


class Drawing:
    """Draws layers; remembers which tile each pixel shows. May be used from several threads."""

    def __init__(self) -> None:
        self._canvases: Recent[MercatorCanvas] = Recent(_OWNERS)
        self._owners: Recent[Owners] = Recent(_OWNERS, max_bytes=_OWNERS_BYTES)

    def whole(self, heat: HeatValues, px: int) -> Bitmap:
        """All tiles on one bitmap, `px` along its longer side.

        Raises:
            UsageError: There is no tile, or `px` is out of range.
        """
        if not MIN_PX <= px <= MAX_PX:
            raise UsageError(f"px = {px}: the bitmap has {MIN_PX} to {MAX_PX} pixels along its longer side")
        if not len(heat.values):
            raise UsageError("nothing to draw: no tile lies in that area and was acquired in that time")
        canvas = self._canvases.get((heat.of, px), lambda: canvas_over(heat.places, longest_px=px))
        return Bitmap(self._draw(heat, canvas), canvas.bounds, heat.scale)

    def tile(self, heat: HeatValues, z: int, x: int, y: int, *, px: int = TILE_PX) -> bytes:
        """An XYZ tile as PNG.

        Args:
            heat: What is drawn.
            z: Zoom.
            x: Column from the west.
            y: Row from the north.
            px: Pixels along a side.

        Raises:
            UsageError: There is no such tile.
        """
        canvas = tile_canvas(z, x, y, px=px)
        if not heat.rims or not len(heat.values):
            return self._draw(heat, canvas)
        width = float(np.median(heat.places.size_m)) / canvas.pixel_m
        around = Rim.of(width)
        if not around.reach:
            return self._draw(heat, canvas)
        # what lies just outside reaches in
        wider = replace(
            canvas, left=canvas.left - around.reach * canvas.dx, top=canvas.top + around.reach * canvas.dy,
            width=px + 2 * around.reach, height=px + 2 * around.reach,
        )  # fmt: skip
        whole = around.drawn(self._indexes(heat, wider), middle=heat.scale.low == -heat.scale.high)
        edge = around.reach
        return _png(whole.crop((edge, edge, edge + px, edge + px)), heat.scale, around)

    def _draw(self, heat: HeatValues, canvas: MercatorCanvas) -> bytes:
        return _png(self._indexes(heat, canvas), heat.scale)

    def _indexes(self, heat: HeatValues, canvas: MercatorCanvas) -> Image.Image:
        key = (heat.of, canvas)
        # by tiles and canvas, not by moment: a slider in time then costs one look-up a pixel
        owners = self._owners.get(key, lambda: _owners(canvas, heat.places), size=lambda made: made.nbytes)
        return Image.fromarray(heat.indexes[owners])  # −1 is the last one


@dataclass(frozen=True)
class Rim:
    """What is drawn round tiles of few pixels.

    Attributes:
        wide: Pixels by which a tile grows on each side, in its own colour.
        halo: Pixels of half its colour beyond.
    """

    wide: int
    halo: int

    @classmethod
    def of(cls, width_px: float) -> "Rim":
        """For tiles so many pixels wide: none is drawn less than `_SEEN_PX` wide, unless it is far too small."""
        wide = int(np.clip(round((_SEEN_PX - width_px) / 2), 0, _WIDEST_PX))
        return cls(wide, 0 if width_px > 3 * _SEEN_PX else 2)

    @property
    def reach(self) -> int:
        """Pixels by which a tile reaches beyond itself."""
        return self.wide + self.halo

    def drawn(self, indexes: Image.Image, *, middle: bool = False) -> Image.Image:
        """Colours 0 to 255 as 0 to 127, and as 128 to 254 where they are halo: the larger hides the smaller.

        Args:
            indexes: Numbers of colours, 0 where there is none.
            middle: What lies further from the middle colour hides what lies nearer.
        """
        half = _HALF[np.asarray(indexes)]
        solid = _grown(half, self.wide, middle)
        around = _grown(solid, self.halo, middle)
        return Image.fromarray(
            np.where((solid == 0) & (around > 0), around.astype(np.int16) + 127, solid).astype(np.uint8)
        )


def _grown(colours: npt.NDArray[np.uint8], by: int, middle: bool) -> npt.NDArray[np.uint8]:
    """Colours 1 to 127 that spread by so many pixels, in a square; 0 is none."""
    import cv2  # when first drawn: the app starts without it

    def spread(values: npt.NDArray[np.uint8]) -> npt.NDArray[np.int16]:
        return cv2.dilate(values, np.ones((2 * by + 1, 2 * by + 1), np.uint8)).astype(np.int16)

    if not by:
        return colours
    if not middle:
        return spread(colours).astype(np.uint8)
    signed = np.where(colours > 0, colours.astype(np.int16) - 64, 0)
    up, down = (spread(np.maximum(sign * signed, 0).astype(np.uint8)) for sign in (1, -1))
    return np.where(np.maximum(up, down) > 0, np.where(up >= down, 64 + up, 64 - down), colours).astype(np.uint8)


def _png(picture: Image.Image, scale: Scale, rim: Rim | None = None) -> bytes:
    """A picture of colour numbers as PNG with their colours; number 0 is transparent."""
    colours, strength = np.zeros((256, 3), np.uint8), np.full(256, 255, np.uint8)
    strength[0] = 0
    if rim is None:
        colours[1:] = scale.lut[np.linspace(0, len(scale.lut) - 1, _COLOURS).round().astype(int)]
    else:
        half = scale.lut[np.linspace(0, len(scale.lut) - 1, 127).round().astype(int)]
        colours[1:128], colours[128:255], strength[128:255] = half, half, _HALO
    # `putpalette` takes an L image as it stands and makes it one with a palette
    picture = picture.convert("P") if picture.mode != "L" else picture
    picture.putpalette(colours.tobytes())
    out = io.BytesIO()
    picture.save(out, "PNG", transparency=strength.tobytes(), compress_level=3)
    return out.getvalue()


def heat_of(layer: Layer, scores: Scores, minus: Scores | None, scale: Scale, *, of: Hashable) -> HeatValues:
    """The values of a layer.

    Args:
        layer: Says which value is shown, and from which relevance on.
        scores: Of the layer's query at its moment.
        minus: Of its `minus`, of the same tiles; None: no difference.
        scale: What colours mean, see `scale_of`.
        of: Says which tiles these are; equal for equal tiles, so that pixels are worked out once.

    Raises:
        GroundcastError: The tiles changed between the two.
    """
    values = scores.cosine if layer.value == "cosine" else scores.relevance
    if minus is not None:
        if minus.tile_id != scores.tile_id:
            raise GroundcastError("the collection changed while its moments were scored: ask again")
        values = values - (minus.cosine if layer.value == "cosine" else minus.relevance)
    least = layer.query.min_relevance
    if least:
        # of a difference a tile is shown if it is relevant at either moment: what vanishes is what is asked about
        best = scores.relevance if minus is None else np.maximum(scores.relevance, minus.relevance)
        values = np.where(best >= least, values, np.float32(np.nan))
    return HeatValues(Places(scores.lat, scores.lon, scores.size_m), values.astype(np.float32), scale, of, scores.note)


def probability_heat(
    layer: ProbabilityLayer, places: Places, probability: Floats32, *, of: Hashable, note: str | None
) -> HeatValues:
    """The values of a layer of probabilities.

    Args:
        layer: Says from which probability on tiles are shown, and their colours.
        places: Centres and sides of n tiles.
        probability: float32 [n], 0..1; NaN is transparent.
        of: Says which tiles these are; equal for equal tiles.
        note: What a person should read beside it.
    """
    low, high = layer.ends()
    hidden = f"probability below {layer.least:g}" if layer.least else ""
    unit = "probability: chance of a yes, as the labels say it"
    below, above = bool((probability < low).any()), bool((probability > high).any())
    scale = Scale(low, high, unit, layer.palette or AMOUNT, below=below, above=above, hidden=hidden)
    values = np.where(probability >= layer.least, probability, np.float32(np.nan))
    return HeatValues(places, values.astype(np.float32), scale, of, note)


def scale_of(layer: Layer, usual: tuple[float, float] | None, scores: Scores, minus: Scores | None) -> Scale:
    """What a layer's colours mean.

    Args:
        layer: Its `low` and `high` are heeded.
        usual: Lowest and highest cosine of the question over all moments; needed where amounts of it are shown.
        scores: Of the layer's query at its moment.
        minus: Of its `minus`; None: no difference.
    """
    hidden = f"relevance below {layer.query.min_relevance:g}" if layer.query.min_relevance else ""
    if minus is not None:
        change = scores.cosine - minus.cosine if layer.value == "cosine" else scores.relevance - minus.relevance
        made = difference_scale(change, f"difference of {layer.value}")
        # 0 stays in the middle whatever ends are given: the palette's middle means no change
        reach = max(abs(layer.low or 0.0), abs(layer.high or 0.0)) or made.high
        return Scale(-reach, reach, made.unit, layer.palette or DIFFERENCE, hidden=hidden)
    values = scores.cosine if layer.value == "cosine" else scores.relevance
    low, high = (0.0, 1.0) if layer.value == "relevance" or usual is None else usual
    low, high = (low if layer.low is None else layer.low), (high if layer.high is None else layer.high)
    if not high - low >= _LEAST_SPAN:  # one of them was given, and lies beyond the other
        low, high = min(low, high), min(low, high) + 1e-3
    known = values[np.isfinite(values)]
    below, above = (bool(len(known) and known.min() < low), bool(len(known) and known.max() > high))
    return Scale(low, high, UNITS[layer.value], layer.palette or AMOUNT, below=below, above=above, hidden=hidden)


def legend(scale: Scale) -> dict[str, Any]:
    """What colours mean, in JSON types: range, unit, and marks with their colours."""
    marks = [
        {"value": value, "label": name, "colour": "#{:02x}{:02x}{:02x}".format(*scale.colours(np.array(value)))}
        for value, name in scale.marks()
    ]
    ends = {"low": scale.low, "high": scale.high, "below": scale.below, "above": scale.above}
    transparent = " or ".join(filter(None, (scale.empty, scale.hidden)))
    return ends | {"unit": scale.unit, "palette": scale.palette, "marks": marks, "transparent": transparent}


def _owners(canvas: MercatorCanvas, places: Places) -> Owners:
    """Which place each pixel shows, −1 for none."""
    # of a collection of a million tiles an XYZ tile shows few
    some = touching(canvas, places)
    if not len(some):
        return np.full((canvas.height, canvas.width), -1, np.int32)
    near = Squares.of(Places(places.lat[some], places.lon[some], places.size_m[some]))
    found = Resampler(canvas, near).whole()
    return np.append(some, -1).astype(np.int32)[found]  # rows of all places again; −1, none, finds the last


def _tiles_of(query: Query) -> Hashable:
    return query.area, query.acquired_from, query.acquired_to
