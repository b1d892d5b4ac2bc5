"""Maps as files, from made-up scores."""

import json
from dataclasses import replace
from datetime import datetime

import duckdb
import geopandas as gpd
import numpy as np
import pyarrow.parquet as pq
import pytest
import rasterio
from PIL import Image

from search_ui.maps.snapshots import (
    About,
    as_published,
    check_target,
    say_question,
    write_difference,
    write_hexagons,
    write_scores,
)
from search_ui.maps.time_series import write_best_moment, write_frames
from search_ui.search.query import Part, Query
from search_ui.search.scores import Scores
from search_ui.search.series import Reel, calendar_moments
from tests.made_up import cosine_at, frames, scores
from trainer.errors import GroundcastError, UsageError

SUMMER, WINTER = datetime(2025, 7, 12, 14), datetime(2025, 1, 12, 14)
TOLD = {
    "query": {"text": "é"},
    "collection": "demo",
    "model_id": "3f2a",
    "groundcast_version": "1",
    "attribution": "© A",
}
ABOUT = About("“a beach”", TOLD)


def empty() -> Scores:
    none = np.empty(0)
    return Scores([], none, none, none, none, none, None, "no tile in that area; the nearest is 12 km away")


def test_a_table_has_one_row_a_tile_with_its_footprint(tmp_path) -> None:
    path = tmp_path / "map.parquet"
    write_scores(path, scores(SUMMER), ABOUT, value="cosine", published=False)
    table = gpd.read_parquet(path)
    assert list(table.columns) == ["tile_id", "lat", "lon", "cosine", "relevance", "size_m", "geometry"]
    assert table.cosine.to_numpy() == pytest.approx(cosine_at(SUMMER))
    assert table.geometry.contains(gpd.GeoSeries(gpd.points_from_xy(table.lon, table.lat), crs=table.crs)).all()
    assert table.crs.to_string() == "OGC:CRS84"
    assert json.loads(pq.read_metadata(path).metadata[b"provenance"]) == TOLD
    assert duckdb.sql(f"select count(*), max(cosine) from '{path}'").fetchall()[0][0] == 144


def test_a_raster_has_cosine_and_relevance_and_the_moment_in_its_description(tmp_path) -> None:
    path = tmp_path / "map.tif"
    written = write_scores(path, scores(SUMMER), ABOUT, value="cosine", published=False)
    with rasterio.open(path) as raster:
        assert raster.descriptions == ("cosine", "relevance")
        assert raster.tags()["TIFFTAG_IMAGEDESCRIPTION"] == "“a beach” · 12 July 2025, 14:00"
        assert (raster.width, raster.height) == (written["width"], written["height"])
        assert np.nanmax(raster.read(1)) == pytest.approx(cosine_at(SUMMER).max())


def test_as_published_is_scaled_over_the_map_and_cut_at_a_half(tmp_path) -> None:
    path = tmp_path / "map.parquet"
    write_scores(path, scores(SUMMER), ABOUT, value="cosine", published=True)
    table = gpd.read_parquet(path)
    assert table.as_published.max() == 1.0
    assert table.as_published.min() >= 0.5
    assert table.as_published.isna().sum() == pytest.approx(72, abs=1)
    low, high = table.cosine.min(), table.cosine.max()
    shown = table[table.as_published.notna()]
    assert shown.as_published.to_numpy() == pytest.approx((shown.cosine - low) / (high - low), abs=1e-5)


def test_as_published_of_equal_scores_shows_nothing_rather_than_noise(tmp_path) -> None:
    same = replace(scores(SUMMER), cosine=np.full(144, 0.25, np.float32))
    assert np.isnan(as_published(same.cosine, 0.25, 0.25)).all()
    for suffix in (".png", ".tif", ".parquet"):
        write_scores(tmp_path / f"map{suffix}", same, ABOUT, value="cosine", published=True)


def test_a_difference_is_the_first_moment_less_the_second(tmp_path) -> None:
    write_difference(tmp_path / "d.parquet", scores(SUMMER), scores(WINTER), ABOUT, value="cosine")
    table = gpd.read_parquet(tmp_path / "d.parquet")
    expected = cosine_at(SUMMER) - cosine_at(WINTER)
    assert (expected > 0).all()
    assert table.cosine_difference.to_numpy() == pytest.approx(expected)
    assert (table.cosine - table.cosine_minus).to_numpy() == pytest.approx(expected)
    write_difference(tmp_path / "d.tif", scores(SUMMER), scores(WINTER), ABOUT, value="cosine")
    with rasterio.open(tmp_path / "d.tif") as raster:
        assert raster.descriptions == ("cosine difference", "relevance difference")
        assert np.nanmean(raster.read(1)) == pytest.approx(expected.mean(), abs=1e-3)
    write_difference(tmp_path / "d.png", scores(SUMMER), scores(WINTER), ABOUT, value="relevance")


def test_tiles_that_changed_between_two_moments_are_an_error_and_no_wrong_difference(tmp_path) -> None:
    with pytest.raises(GroundcastError, match="changed"):
        write_difference(tmp_path / "d.png", scores(SUMMER), scores(WINTER, 13), ABOUT, value="cosine")


def test_frames_are_bands_lists_panels_or_a_film(tmp_path) -> None:
    whens = [datetime(2025, month, 15, 14) for month in range(1, 13)]
    for suffix in (".tif", ".parquet", ".png", ".gif"):
        write_frames(tmp_path / f"f{suffix}", Reel(frames, whens), ABOUT, published=False, fps=4)
    with rasterio.open(tmp_path / "f.tif") as raster:
        assert raster.descriptions[6] == "15 July 2025, 14:00"
        assert raster.tags(7)["GROUNDCAST_WHEN"] == "2025-07-15T14:00:00"
        assert np.nanmax(raster.read(7)) == pytest.approx(cosine_at(whens[6]).max())
    table = gpd.read_parquet(tmp_path / "f.parquet")
    assert np.stack(table.cosine)[:, 6] == pytest.approx(cosine_at(whens[6]))
    assert json.loads(pq.read_metadata(tmp_path / "f.parquet").metadata[b"moments"])[6] == "2025-07-15T14:00:00"
    with Image.open(tmp_path / "f.png") as picture:
        assert picture.width > 1000


def test_frames_as_published_share_one_scale(tmp_path) -> None:
    whens = [WINTER, SUMMER]
    write_frames(tmp_path / "f.parquet", Reel(frames, whens), ABOUT, published=True, fps=4)
    columns = np.stack(gpd.read_parquet(tmp_path / "f.parquet").cosine).astype(float)
    assert np.isnan(columns[:, 0]).all()  # nothing in winter reaches half of what summer has
    assert np.nanmax(columns[:, 1]) == 1.0


def test_too_many_moments_for_a_page_are_refused(tmp_path) -> None:
    with pytest.raises(UsageError, match=r"at most 24"):
        write_frames(tmp_path / "f.png", Reel(frames, calendar_moments(2025)), ABOUT, published=False, fps=4)


def test_the_best_moment_is_a_month_and_an_hour_of_every_tile(tmp_path) -> None:
    reel = Reel(frames, calendar_moments(2025))
    for suffix in (".tif", ".parquet", ".png"):
        write_best_moment(tmp_path / f"b{suffix}", reel, ABOUT)
    with rasterio.open(tmp_path / "b.tif") as raster:
        assert raster.descriptions == ("month", "hour", "cosine", "spread")
        assert set(np.unique(raster.read(1)[np.isfinite(raster.read(1))])) == {7.0}
    table = gpd.read_parquet(tmp_path / "b.parquet")
    assert table.month.unique().tolist() == [7]
    assert table.hour.unique().tolist() == [14]


def test_hexagons_are_a_picture_or_a_table_and_no_raster(tmp_path) -> None:
    for suffix in (".png", ".parquet"):
        path = tmp_path / f"h{suffix}"
        written = write_hexagons(path, scores(SUMMER), ABOUT, value="cosine", resolution=7, statistic="max")
        assert path.stat().st_size > 1000
        assert written["hexagons"] > 3
    with pytest.raises(UsageError, match="no raster"):
        check_target(tmp_path / "h.tif", "hexagons")


def test_no_tiles_say_why_and_write_nothing(tmp_path) -> None:
    with pytest.raises(UsageError, match="12 km away"):
        write_scores(tmp_path / "map.png", empty(), ABOUT, value="cosine", published=False)
    with pytest.raises(UsageError, match="nothing to map"):
        write_difference(tmp_path / "map.tif", empty(), empty(), ABOUT, value="cosine")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".png", ".tif", ".parquet"])
@pytest.mark.parametrize("count", [1, 144])
def test_scores_that_are_missing_leave_holes(tmp_path, suffix, count) -> None:
    whole = scores(SUMMER)
    some = Scores(
        whole.tile_id[:count], whole.lat[:count], whole.lon[:count], whole.size_m[:count],
        np.where(np.arange(count) % 2 == 0, np.nan, whole.cosine[:count]).astype(np.float32),
        np.full(count, np.nan, np.float32), SUMMER,
    )  # fmt: skip
    path = tmp_path / f"map{suffix}"
    write_scores(path, some, ABOUT, value="cosine", published=False)
    if suffix == ".parquet":
        assert gpd.read_parquet(path).cosine.isna().sum() == -(-count // 2)


def test_films_need_frames_and_unknown_suffixes_are_refused_with_those_that_are_known(tmp_path) -> None:
    with pytest.raises(UsageError, match="needs --frames"):
        check_target(tmp_path / "map.mp4", "scores")
    with pytest.raises(UsageError, match=r"\.tif \.png \.parquet"):
        check_target(tmp_path / "map.jpg", "difference")


def test_a_question_is_said_in_words() -> None:
    parts = (Part("text", "a beach"), Part("tile", "g480-r1"), Part("text", "a harbour\n", -0.5))
    assert say_question(Query(parts=parts)) == "“a beach” + tile g480-r1 − “a harbour”"
