"""Heat maps: what a pixel's colour says, one scale, differences, tiles beside the whole."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFilter

from ingest.geo.footprints import Places
from search_ui.maps.heatmap import Drawing, Layer, _grown, heat_of, legend, scale_of
from search_ui.maps.mercator import MercatorCanvas, ordinate, tile_canvas
from search_ui.maps.scales import HEAT, Scale
from search_ui.search.query import Part, Query
from search_ui.search.scores import Scores
from trainer.errors import UsageError

QUERY = Query(parts=(Part("text", "a beach"),))
STEP = 480 / 111_000


def grid(values, *, relevance=None):
    """A square of tiles of 480 m at 43° N, row by row from the south."""
    side = int(len(values) ** 0.5)
    rows, columns = np.divmod(np.arange(len(values)), side)
    lat, lon = 43 + rows * STEP, -165 + columns * STEP / np.cos(np.radians(43))
    cosine = np.array(values, np.float32)
    relevance = cosine if relevance is None else np.array(relevance, np.float32)
    size = np.full(len(values), 480, np.float32)
    return Scores([str(i) for i in range(len(values))], lat, lon, size, cosine, relevance, None)


def drawn(layer, scores, minus=None, usual=(0.0, 1.0)):
    heat = heat_of(layer, scores, minus, scale_of(layer, usual, scores, minus), of="test")
    bitmap = Drawing().whole(heat, 128)
    return heat, bitmap, np.asarray(Image.open(io.BytesIO(bitmap.png)).convert("RGBA"))


def pixel(image, bounds, scores, i):
    """The pixel in the middle of a tile."""
    west, _, east, north = bounds
    side = (east - west) / image.shape[1]
    canvas = MercatorCanvas(west, 0, side, side, image.shape[1], image.shape[0])
    top = canvas.to_pixels(lat=north, lon=west)[1]
    column, row = canvas.to_pixels(lat=scores.lat[i], lon=scores.lon[i])
    return tuple(image[int(row - top), int(column)].tolist())


def test_the_middle_of_each_tile_has_the_colour_of_its_value() -> None:
    scores = grid([0.0, 0.25, 0.5, 1.0])
    heat, bitmap, image = drawn(Layer(query=QUERY), scores)
    for i, value in enumerate(scores.relevance):
        wanted = heat.scale.colours(np.array(value))
        assert np.abs(np.array(pixel(image, bitmap.bounds, scores, i)[:3], int) - wanted).max() <= 4


def test_what_has_no_score_or_too_little_relevance_is_transparent() -> None:
    scores = grid([0.9, np.nan, 0.3, 0.9])
    layer = Layer(query=replace(QUERY, min_relevance=0.5))
    _, bitmap, image = drawn(layer, scores)
    assert [pixel(image, bitmap.bounds, scores, i)[3] for i in range(4)] == [255, 0, 0, 255]
    assert "relevance below 0.5" in legend(bitmap.scale)["transparent"]


def test_relevance_is_always_drawn_from_0_to_1_and_a_cosine_on_the_scale_of_all_moments() -> None:
    dim, bright = grid([0.1] * 4), grid([0.8] * 4)
    for scores in (dim, bright):
        heat, _, _ = drawn(Layer(query=QUERY), scores)
        assert (heat.scale.low, heat.scale.high) == (0, 1)
        heat, _, _ = drawn(Layer(query=QUERY, value="cosine"), scores, usual=(-0.2, 0.4))
        assert (heat.scale.low, heat.scale.high) == (-0.2, 0.4)


def test_a_difference_has_nothing_in_the_middle_and_as_far_to_either_side() -> None:
    scores, minus = grid([0.5, 0.2, 0.1, 0.1]), grid([0.1, 0.6, 0.1, 0.1])
    layer = Layer(query=QUERY, minus=QUERY)
    heat, bitmap, image = drawn(layer, scores, minus)
    assert heat.scale.low == -heat.scale.high
    assert min(pixel(image, bitmap.bounds, scores, 2)[:3]) > 235  # nearly white
    up, down = (pixel(image, bitmap.bounds, scores, i) for i in (0, 1))
    assert up[0] > up[2] and down[2] > down[0]  # orange; purple


def test_an_xyz_tile_shows_what_the_whole_shows() -> None:
    scores = grid(np.random.default_rng(0).random(64))
    heat, bitmap, image = drawn(Layer(query=QUERY), scores)
    z = 13
    canvas = tile_canvas(z, int((scores.lon[20] + 180) / 360 * 2**z), 0)
    y = int((180 - np.degrees(np.arcsinh(np.tan(np.radians(scores.lat[20]))))) / 360 * 2**z)
    tile = np.asarray(
        Image.open(io.BytesIO(Drawing().tile(heat, z, int((canvas.left + 180) / 360 * 2**z), y))).convert("RGBA")
    )
    column, row = tile_canvas(z, int((canvas.left + 180) / 360 * 2**z), y).to_pixels(
        lat=scores.lat[20], lon=scores.lon[20]
    )
    assert tuple(tile[int(row), int(column)].tolist()) == pixel(image, bitmap.bounds, scores, 20)


def test_a_scale_that_is_given_holds_and_an_empty_one_is_refused() -> None:
    heat, _, _ = drawn(Layer(query=QUERY, value="cosine", low=0.1, high=0.2), grid([0.0, 0.15, 0.3, 0.1]))
    assert (heat.scale.low, heat.scale.high, heat.scale.below, heat.scale.above) == (0.1, 0.2, True, True)
    with pytest.raises(UsageError, match="low must be below high"):
        Layer(query=QUERY, low=0.5, high=0.5)


def test_nothing_to_draw_says_so() -> None:
    scores = grid([])
    heat = heat_of(Layer(query=QUERY), scores, None, scale_of(Layer(query=QUERY), None, scores, None), of="test")
    with pytest.raises(UsageError, match="no tile lies in that area"):
        Drawing().whole(heat, 128)
    assert isinstance(heat.places, Places)


def rimmed(values, *, px_wide):
    """A row of tiles about so many pixels wide, drawn with rims, as RGBA, and its scale."""
    scores = grid(values)
    zoom = round(np.log2(360 / 256 / (480 / 111_320 / np.cos(np.radians(43))) * px_wide))
    heat = replace(heat_of(Layer(query=QUERY), scores, None, Scale(0.1, 1.0, "x", HEAT), of=str(values)), rims=True)
    column, row = (int((lon + 180) / 360 * 2**zoom) for lon in (scores.lon.mean(), -180))
    row = int((180 - float(ordinate(scores.lat.mean()))) / 360 * 2**zoom)
    return np.asarray(Image.open(io.BytesIO(Drawing().tile(heat, zoom, column, row))).convert("RGBA")), heat.scale


@pytest.mark.parametrize("within", [1, 2, 5, 9])
def test_colours_spread_as_pillow_spreads_them(within: int) -> None:
    rng = np.random.default_rng(within)
    values = ((rng.random((60, 41)) > 0.98) * rng.integers(1, 128, (60, 41))).astype(np.uint8)
    expected = Image.fromarray(values).filter(ImageFilter.MaxFilter(2 * within + 1))
    np.testing.assert_array_equal(_grown(values, within, middle=False), np.asarray(expected))


def test_a_tile_of_few_pixels_is_drawn_wide_enough_to_be_seen_with_a_halo_round_it() -> None:
    nan = np.nan
    image, scale = rimmed([nan, nan, nan, nan, 0.9, nan, nan, nan, nan], px_wide=3)
    solid, halo = image[..., 3] == 255, (image[..., 3] > 0) & (image[..., 3] < 255)
    assert solid.any(axis=0).sum() >= 8 and solid.any(axis=1).sum() >= 8
    assert halo.any() and not (image[..., 3] > 0).all()
    assert np.abs(image[solid][:, :3].astype(int) - scale.colours(np.array(0.9))).max() <= 6


def test_the_surer_of_two_tiles_hides_the_other_and_wide_tiles_have_no_rim() -> None:
    small, scale = rimmed([0.2, 0.9, np.nan, np.nan], px_wide=3)
    solid = small[small[..., 3] == 255][:, :3].astype(int)
    strong = np.abs(solid - scale.colours(np.array(0.9))).max(axis=1) <= 6
    assert strong.mean() > 0.6
    large, _ = rimmed([0.2, 0.9, np.nan, np.nan], px_wide=60)
    assert set(np.unique(large[..., 3]).tolist()) == {0, 255}
