"""The demonstration, with the model that the package brings, in an empty home."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def shown(demo):
    """What `groundcast demo --json` printed, and the home it made."""
    return demo.printed, demo.home


@pytest.mark.timeout(600)
def test_the_demo_finds_what_is_true(shown):
    answers = shown[0]["answers"]
    by_day = {(a["concept"], a["when"][5:7] + a["when"][11:13]): a for a in answers}
    harvest = by_day["wheat_harvest", "0714"]
    assert np.mean([hit["probability"] for hit in harvest["hits"]]) > 0.5
    lights = by_day["night_lights", "0723"]
    assert np.mean([hit["probability"] for hit in lights["hits"]]) > 0.5


def test_the_demo_draws_a_map_that_is_not_one_colour(shown):
    with Image.open(shown[0]["map"]) as picture:
        assert min(picture.size) > 600
        assert len(picture.convert("RGB").resize((200, 200)).getcolors(40_000)) > 200


def test_the_demo_leaves_a_home_that_can_be_searched(shown, groundcast):
    home = shown[1]
    ran = groundcast("--home", home, "search", "a lighthouse", "--collection", "demo", "--json")
    assert len(ran.json()["hits"]) == 9
    listed = groundcast("--home", home, "collections", "--json").json()
    assert {c["name"] for c in listed} == {"demo", "gallery.demo"}


def test_the_demo_a_second_time_asks_only(shown, groundcast):
    before = shown[1].stat().st_mtime_ns, sorted((shown[1] / "archive").rglob("*.parquet"))
    again = groundcast("--home", shown[1], "demo", "--no-browser")
    assert again.code == 0, again.err
    assert "nothing to do" in again.out and "in truth" in again.out
    assert sorted((shown[1] / "archive").rglob("*.parquet")) == before[1]
