"""What is shown of imagery before it is added: the border, the tiles that are left out, and for how long one waits."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from conftest import make_raster

from ingest.geo.grid import Grid
from ingest.jobs.preview import SHOWN, Preview, preview
from ingest.jobs.request import Request
from ingest.settings import load_settings
from ingest.sources.source import FILL, SourceOptions
from search_ui.maps.previews import VIEW_PX, draw_preview
from search_ui.service.brought.previews import Previews

BORDER = 60  # pixels of half a metre
TILE = Grid(20.0, 20.0)


def bordered(path: Path, value: int) -> Path:
    """An orthophoto of 100 m with a border of 30 m in one value of all bands."""
    make_raster(path, width=200, height=200)
    with rasterio.open(path, "r+") as raster:
        image = raster.read()
        inner = image[:, BORDER:-BORDER, BORDER:-BORDER].clip(20, 230)
        image[:] = value
        image[:, BORDER:-BORDER, BORDER:-BORDER] = inner
        raster.write(image)
    return path


def seen(path: Path, grid: Grid = TILE, **options: object) -> Preview:
    request = Request("tiles", "x", str(path), grid=grid, options=SourceOptions(**options))  # type: ignore[arg-type]
    with closing(request.open(input_px=32)) as intake:
        return preview(intake, input_px=32)


@pytest.mark.parametrize("value", [255, 0])
def test_an_edge_of_one_colour_is_found_and_gone_once_it_is_no_data(tmp_path: Path, value: int) -> None:
    path = bordered(tmp_path / "ortho.tif", value)
    before, after = seen(path), seen(path, nodata=float(value))
    assert (before.edge, after.edge) == (value, None)
    assert before.count == after.count
    assert before.view is not None and after.view is not None
    kept = [sum(cell.kept for cell in one.view.cells) for one in (before, after) if one.view is not None]
    assert kept[0] >= 25 and 2 <= kept[1] <= 6  # of 100 m and of the 40 m within
    assert 0 < after.view.valid.mean() < 0.3 * before.view.valid.mean()
    assert all((tile.image[0, 0] != value).any() or tile.valid < 1 for tile in after.tiles if tile.kept)
    empty = [tile for tile in after.tiles if tile.valid == 0]
    assert all((tile.image == FILL).all() and not tile.kept for tile in empty)


def test_imagery_without_a_border_has_no_edge_to_leave_out(tmp_path: Path) -> None:
    found = seen(make_raster(tmp_path / "town.tif", width=200, height=200))
    assert found.edge is None and found.view is not None and found.view.whole
    assert found.gsd_m == pytest.approx(0.5, rel=0.01)
    assert len(found.tiles) == SHOWN and all(tile.kept for tile in found.tiles)


def test_of_wide_imagery_a_part_is_shown_under_tiles_that_can_be_told_apart(tmp_path: Path) -> None:
    found = seen(make_raster(tmp_path / "town.tif", width=400, height=400), Grid(5.0, 5.0))
    assert found.view is not None and not found.view.whole
    assert found.count > 1_500 and len(found.view.cells) < 1_100
    assert found.edge is None
    wide = seen(bordered(tmp_path / "ortho.tif", 255), Grid(1.25, 1.25))
    assert wide.view is not None and not wide.view.whole
    assert wide.edge == 255  # though the part that is shown lies within


def test_the_picture_crosses_out_what_is_left_out_and_shows_no_imagery_as_squares(tmp_path: Path) -> None:
    path = bordered(tmp_path / "ortho.tif", 255)
    before, after = (np.asarray(draw_preview(seen(path, nodata=nodata))) for nodata in (None, 255.0))
    assert before.shape == after.shape and before.shape[0] == VIEW_PX
    view = after[:, :VIEW_PX].reshape(-1, 3)
    assert {(205, 205, 205), (235, 235, 235)} <= set(map(tuple, view[::7].tolist()))
    crossed = [int(((one[..., 0] > 180) & (one[..., 1] < 80)).sum()) for one in (before, after)]
    assert crossed[1] > 3 * crossed[0]


def test_a_preview_that_takes_too_long_is_given_up_and_a_newer_one_takes_the_place_of_an_older(tmp_path: Path) -> None:
    settings = load_settings(tmp_path / "home")
    one, other = (Request("tiles", "x", str(tmp_path / name), grid=TILE) for name in ("one.tif", "other.tif"))
    slow = Previews(settings, limit_s=0.0).of("somebody", one, 32)
    previews = Previews(settings)
    older, newer = previews.of("somebody", one, 32), previews.of("somebody", other, 32)
    assert previews.of("somebody", replace(other, collection="y"), 32) is newer
    assert all(task.ended.wait(60) for task in (slow, older, newer))
    assert slow.pictured is None and "takes longer than 0 s" in str(slow.error)
    assert older.pictured is None and "another preview" in str(older.error)
    assert "there is no such file" in str(newer.error)
