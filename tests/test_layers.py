"""Pictures of scores: right colours at right places, and what must be readable beside them."""

import numpy as np
import pytest
from PIL import Image

from ingest.geo.footprints import Places
from search_ui.maps.furniture import EMPTY, degrees
from search_ui.maps.layers import Panel, Sheet, Words, draw_page, screen
from search_ui.maps.lettering import fitted, plain, typeface, wrapped
from search_ui.maps.scales import Scale, amount_scale, difference_scale, hour_scale, month_scale, round_numbers
from trainer.errors import GroundcastError

GRID = np.arange(20) * 0.0044


def island() -> Places:
    lat, lon = (axis.ravel() for axis in np.meshgrid(GRID + 43, GRID + 10, indexing="ij"))
    return Places(lat, lon, np.full(400, 480.0))


def opened(path):
    with Image.open(path) as picture:
        picture.load()
        return picture


def rgb(name: str) -> tuple[int, ...]:
    return tuple(int(name[at : at + 2], 16) for at in (1, 3, 5))


def test_a_pixel_of_the_map_has_the_colour_of_its_tile() -> None:
    places = island()
    values = np.linspace(0, 1, 400)
    scale = Scale(0.0, 1.0, "cosine")
    sheet = Sheet(screen(places, 1), [Panel("", values)], scale, Words())
    painted = sheet.paint(values, scale)
    columns, rows = sheet.canvas.to_pixels(lat=places.lat[[0, 210]], lon=places.lon[[0, 210]])
    for tile, column, row in zip((0, 210), columns, rows, strict=True):
        assert painted[int(row), int(column)].tolist() == scale.colours(values[[tile]])[0].tolist()
    assert tuple(painted[2, 2]) == rgb(EMPTY)


def test_a_tile_without_a_score_is_grey_and_not_the_colour_of_the_lowest() -> None:
    values = np.full(400, 0.5)
    values[0] = np.nan
    scale = amount_scale(values, "cosine")
    sheet = Sheet(screen(island(), 1), [Panel("", values)], scale, Words())
    painted = sheet.paint(values, scale)
    column, row = sheet.canvas.to_pixels(lat=43.0, lon=10.0)
    assert tuple(painted[int(row), int(column)]) not in {tuple(scale.lut[0]), tuple(scale.lut[-1]), rgb(EMPTY)}


@pytest.mark.parametrize("where", [(43.0, 10.0), (-17.0, 179.99), (89.95, 0.0), (0.0, 0.0)])
@pytest.mark.parametrize("count", [1, 2, 400])
def test_a_map_is_drawn_wherever_it_is_and_of_however_few_tiles(tmp_path, where, count) -> None:
    lat = np.clip(where[0] + np.repeat(GRID, 20), -90, 90)[:count]
    lon = ((where[1] + np.tile(GRID, 20) + 180) % 360 - 180)[:count]
    values = np.full(count, 0.25)  # all equal
    path = tmp_path / "map.png"
    ground = screen(Places(lat, lon, np.full(count, 480.0)), 1)
    draw_page(path, ground, [Panel("a beach", values)], amount_scale(values, "cosine"), Words())
    width, height = opened(path).size
    assert 400 < width < 2000
    assert 300 < height < 2000


def test_the_provenance_travels_in_the_picture(tmp_path) -> None:
    scale = amount_scale(np.arange(400.0), "cosine")
    words = Words("“x” \x00 \ud83d", ("note",), "© A & B", "collection demo", '{"query": "x é"}')
    draw_page(tmp_path / "map.png", screen(island(), 1), [Panel("", np.arange(400.0))], scale, words)
    assert opened(tmp_path / "map.png").text["provenance"] == '{"query": "x é"}'


def test_a_title_of_ten_thousand_characters_takes_two_lines(tmp_path) -> None:
    scale = Scale(0, 1, "cosine")
    for number, title in enumerate(("short", "x" * 10_000, "many words " * 1000, "🏖️" * 100)):
        path = tmp_path / f"{number}.png"
        draw_page(path, screen(island(), 1), [Panel("", np.zeros(400))], scale, Words(title))
    heights = [opened(tmp_path / f"{number}.png").height for number in range(4)]
    assert max(heights) - min(heights) <= 40


def test_a_picture_that_cannot_be_written_says_so_and_leaves_the_old_one(tmp_path) -> None:
    panels = [Panel("", np.array([0.1]))]
    ground = screen(Places(np.array([1.0]), np.array([1.0]), np.array([480.0])), 1)
    with pytest.raises(GroundcastError, match="cannot write"):
        draw_page(tmp_path / "no" / "map.png", ground, panels, amount_scale(panels[0].values, "cosine"), Words())
    assert list(tmp_path.iterdir()) == []


def test_a_scale_is_not_flattened_by_one_tile_and_says_so() -> None:
    values = np.append(np.linspace(0, 1, 2000), 50.0)
    scale = amount_scale(values, "cosine")
    assert 0.9 < scale.high < 1.1
    assert scale.above
    assert scale.below


def test_a_difference_is_coloured_round_nought() -> None:
    scale = difference_scale(np.array([-0.1, 0.02, 0.3]), "difference")
    assert scale.low == -scale.high
    low, middle, high = (scale.colours(np.array([value]))[0].astype(int) for value in (scale.low, 0.0, scale.high))
    assert np.ptp(middle) < 12  # grey
    assert abs(low - high).max() > 80


@pytest.mark.parametrize("values", [np.array([]), np.array([np.nan]), np.array([0.3, 0.3]), np.array([-0.0])])
def test_scales_of_nothing_or_of_one_value_have_a_range(values) -> None:
    for scale in (amount_scale(values, "cosine"), difference_scale(values, "cosine")):
        assert scale.high > scale.low
        assert scale.marks()
        assert scale.colours(values).shape == (len(values), 3)


def test_december_and_january_are_as_alike_as_other_neighbours() -> None:
    for scale, count in ((month_scale(), 12), (hour_scale(), 24)):
        first = 1 if count == 12 else 0
        colours = scale.colours(np.arange(count) + first).astype(int)
        steps = np.abs(colours - np.roll(colours, 1, axis=0)).sum(axis=1)
        assert len({tuple(colour) for colour in colours}) == count
        assert steps[0] <= steps.max()


def test_round_numbers_are_round_and_inside() -> None:
    values, digits = round_numbers(-0.037, 0.213, 5)
    assert values == [0.0, 0.05, 0.1, 0.15, 0.2]
    assert digits == 2
    assert degrees(-85.5, "EW", 2) == "85.50° W"
    assert degrees(0.0, "NS", 1) == "0.0°"


def test_text_is_cut_to_fit_and_controls_do_not_print() -> None:
    font = typeface(14)
    assert plain("a\x00b\n\tc") == "a b c"
    assert fitted("short", font, 500) == "short"
    cut = fitted("long " * 500, font, 200)
    assert cut.endswith("…")
    assert font.getlength(cut) <= 200
    assert len(wrapped("word " * 100, font, 200, lines=2)) == 2
    assert wrapped("", font, 200, lines=2) == [""]
