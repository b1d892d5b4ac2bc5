"""When one would see it: months by hours, and the best moment of each tile."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from search_ui.maps.calendars import PlaceCalendar, best_moments, calendar_of, check_target, table, write_calendar
from search_ui.maps.layers import Words
from search_ui.search.scores import Frames
from search_ui.search.series import Reel, calendar_moments
from tests.made_up import cosine_at, frames, island
from trainer.errors import GroundcastError, UsageError

WHENS = calendar_moments(2025)
WORDS = Words("“a beach”", ("of 144 tiles",), "© A", "collection demo", "{}")


def test_a_number_is_the_mean_of_the_highest_tiles_at_that_moment() -> None:
    calendar = calendar_of(Reel(frames, WHENS), top=5)
    for number in (0, 14, 6 * 24 + 14, 287):
        highest = np.sort(cosine_at(WHENS[number]))[-5:]
        assert calendar.cosine.ravel()[number] == pytest.approx(highest.mean(), abs=1e-6)
    assert calendar.best == (7, 14)
    said = "mean cosine of the 5 highest tiles, of 144 tiles; each month of 2025, on any weekday"
    assert calendar.description == said


@pytest.mark.parametrize(("top", "said"), [(1, "cosine of the highest tile"), (1000, "mean cosine of all tiles")])
def test_fewer_tiles_than_asked_for_are_averaged_and_said(top, said) -> None:
    assert calendar_of(Reel(frames, WHENS), top=top).statistic == said


def test_tiles_without_a_score_are_left_out_of_the_mean() -> None:
    def ask(whens):
        cosine = frames(whens).cosine.copy()
        cosine[:, 100:] = np.nan
        return Frames(*island(), tuple(whens), cosine)

    assert np.isfinite(calendar_of(Reel(ask, WHENS)).cosine).all()
    best = best_moments(Reel(ask, WHENS))
    assert np.isnan(best.month[100:]).all()
    assert np.isnan(best.cosine[100:]).all()
    assert np.isnan(best.spread[100:]).all()
    assert (best.month[:100] == 7).all()


def test_the_best_moment_is_the_middle_of_good_ones_and_no_single_high_number() -> None:
    cosine = np.zeros((12, 24), np.float32)
    cosine[6, 14] = 0.5  # alone
    for month, hour in ((11, 23), (0, 23), (1, 23), (0, 22), (0, 0)):  # across the new year and midnight
        cosine[month, hour] = 0.4
    cosine[3, :] = np.nan
    assert PlaceCalendar(cosine, top=9, tiles=20, year=2025).best == (1, 23)


def test_no_score_at_all_and_no_tiles_to_average_are_refused() -> None:
    def ask(whens):
        return Frames(*island(), tuple(whens), np.full((len(whens), 144), np.nan, np.float32))

    with pytest.raises(UsageError, match="widen"):
        calendar_of(Reel(ask, WHENS))
    with pytest.raises(UsageError, match="--top 0"):
        calendar_of(Reel(frames, WHENS), top=0)


@pytest.mark.parametrize("kept", [10**9, 3000])
def test_the_best_moment_of_a_tile_is_where_its_cosine_is_highest(kept) -> None:
    best = best_moments(Reel(frames, WHENS, kept=kept))
    everything = frames(WHENS).cosine
    assert (best.month == 7).all()
    assert (best.hour == 14).all()
    assert best.cosine == pytest.approx(everything.max(axis=0))
    assert best.spread == pytest.approx(np.ptp(everything, axis=0), abs=1e-6)


def test_files_say_the_same_numbers_and_where_they_come_from(tmp_path) -> None:
    calendar = calendar_of(Reel(frames, WHENS))
    for suffix in (".json", ".csv", ".png"):
        write_calendar(calendar, tmp_path / f"cal{suffix}", WORDS, {"collection": "demo"})
    document = json.loads((tmp_path / "cal.json").read_text("utf-8"))
    with (tmp_path / "cal.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert document["cosine"][6][14] == pytest.approx(calendar.cosine[6, 14], abs=1e-6)
    assert document["best"] == {"month": 7, "hour": 14, "cosine": document["cosine"][6][14]}
    assert document["provenance"] == {"collection": "demo"}
    assert len(rows) == 288
    assert float(rows[6 * 24 + 14]["cosine"]) == pytest.approx(calendar.cosine[6, 14], abs=1e-6)
    with Image.open(tmp_path / "cal.png") as picture:
        assert picture.text["provenance"] == "{}"
    assert "Jul" in table(calendar)


def test_a_flat_year_is_drawn_too(tmp_path) -> None:
    def ask(whens):
        return Frames(*island(), tuple(whens), np.full((len(whens), 144), 0.25, np.float32))

    write_calendar(calendar_of(Reel(ask, WHENS)), tmp_path / "cal.png", WORDS, {})
    assert (tmp_path / "cal.png").stat().st_size > 1000


def test_unknown_suffixes_and_missing_folders_are_refused(tmp_path) -> None:
    with pytest.raises(UsageError, match=r"\.png \.json \.csv"):
        check_target(tmp_path / "cal.tif")
    with pytest.raises(UsageError, match="does not exist"):
        check_target(tmp_path / "gone" / "cal.png")
    with pytest.raises(GroundcastError):
        write_calendar(calendar_of(Reel(frames, WHENS)), tmp_path / "gone" / "cal.png", WORDS, {})
