"""The demonstration, with the model that the package brings, in an empty home."""

import json

import numpy as np
import pytest
from PIL import Image

from ingest.archive import Archive
from search_ui.layers import Panel, draw_maps
from search_ui.scores import tile_scores
from tests.conftest import start_groundcast
from tests.test_cli import finish
from trainer.embedder import Embedder
from trainer.errors import ArchiveError


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What `groundcast demo --json` printed, and the home it made."""
    home = tmp_path_factory.mktemp("demo") / "home"
    ran = finish(start_groundcast(home, "demo", "--json"))
    assert ran.code == 0, ran.err
    return json.loads(ran.out), home


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


def test_the_demo_leaves_a_home_that_can_be_searched(shown):
    home = shown[1]
    ran = finish(start_groundcast(home, "search", "a lighthouse", "--collection", "demo", "--json"))
    assert len(json.loads(ran.out)["hits"]) == 9
    listed = finish(start_groundcast(home, "collections", "--json"))
    assert {c["name"] for c in json.loads(listed.out)} == {"demo", "gallery.demo"}


def test_the_demo_a_second_time_asks_only(shown):
    before = shown[1].stat().st_mtime_ns, sorted((shown[1] / "archive").rglob("*.parquet"))
    again = finish(start_groundcast(shown[1], "demo"))
    assert again.code == 0, again.err
    assert "nothing to do" in again.out and "in truth" in again.out
    assert sorted((shown[1] / "archive").rglob("*.parquet")) == before[1]


def test_scores_are_the_cosines_of_o_plus_e(shown):
    from datetime import datetime

    from ingest.settings import load_settings

    settings = load_settings(shown[1])
    archive = Archive(settings.archive_dir("demo"), "tiles")
    embedder = Embedder.load(settings.models_dir / "demo", precision="float32", device="cpu")
    query = embedder.embed_texts(["a crowded beach"])[0]
    when = datetime(2025, 7, 12, 14)
    scored = tile_scores(archive, embedder, query, when=when)
    record, o = archive.find(scored.tile_id[5])
    s = o + embedder.place_time(lat=record["lat"], lon=record["lon"], when=when)
    assert scored.cosine[5] == pytest.approx(s @ query / np.linalg.norm(s) / np.linalg.norm(query), abs=1e-6)
    still = tile_scores(archive, embedder, query, when=None)
    assert still.cosine[5] == pytest.approx(o @ query / np.linalg.norm(o) / np.linalg.norm(query), abs=1e-6)


def test_a_map_that_cannot_be_written_says_so(tmp_path):
    lat, lon, size_m = np.array([10.0, 10.01]), np.array([5.0, 5.0]), np.array([480.0, 480.0])
    panels = [Panel("one", np.array([0.1, 0.2]))]
    draw_maps(tmp_path / "map.png", panels, lat=lat, lon=lon, size_m=size_m, unit="cosine")
    assert (tmp_path / "map.png").stat().st_size > 1000
    with pytest.raises(ArchiveError, match="cannot be written"):
        draw_maps(tmp_path / "no" / "map.png", panels, lat=lat, lon=lon, size_m=size_m, unit="cosine")
