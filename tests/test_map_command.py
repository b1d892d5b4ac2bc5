"""`groundcast map` and `groundcast calendar` on the demonstration's island."""

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from PIL import Image
from rio_cogeo.cogeo import cog_validate

BEACH = "people swimming at a sandy beach"


@pytest.fixture
def island(groundcast, demo):
    """Runs the command line on the home of the demonstration."""
    return lambda *arguments: groundcast("--home", demo.home, *arguments, "--collection", "demo")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-o", "map.png", "--minus-when", "2025-01"], "--minus-when needs --when"),
        (["-o", "map.png", "--when", "2025-07", "--minus-when", "2025-01", "--as-published"], "--as-published"),
        (["-o", "map.png", "--h3", "7", "--as-published"], "cannot go with --h3"),
        (["-o", "map.png", "--h3", "7", "--frames", "months"], "--h3 and --frames: give one of them"),
        (["-o", "map.png", "--best-moment", "--when", "2025-07"], "leave --when out"),
        (["-o", "map.gif", "--frames", "months", "--value", "relevance"], "--frames shows the cosine"),
        (["-o", "map.png", "--best-moment", "--value", "relevance"], "--best-moment shows the cosine"),
        (["-o", "map.jpg"], ".tif .png .parquet"),
        (["-o", "map.mp4"], "needs --frames"),
        (["-o", "gone/map.png"], "does not exist"),
        (["-o", "map.tif", "--h3", "7"], "no raster"),
        (["-o", "map.png", "--h3", "16"], "0 (2,200 km across) to 15"),
        (["-o", "map.gif", "--frames", "2025-02-30,T12"], "does not exist"),
        (["-o", "map.gif", "--frames", "T12"], "give 2 to 366"),
        (["-o", "map.gif", "--frames", "hours", "--fps", "0"], "--fps 0"),
        (["-o", "map.png", "--when", "2025-07-14T24"], "does not exist"),
        (["-o", "map.png", "--best-moment", "--year", "0"], "--year 0"),
        (["-o", "map.png", "--bbox", "1,1,1,1"], "its south"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_makes_no_sense_is_refused_before_any_work(groundcast, tmp_path, monkeypatch, options, said) -> None:
    monkeypatch.chdir(tmp_path)
    ran = groundcast("map", BEACH, "--collection", "demo", *options)
    assert ran.code == 2
    assert said in ran.err
    assert ran.err.count("\n") == 1
    assert not list(tmp_path.glob("map*"))


@pytest.mark.parametrize("command", [["map", "-o", "map.png"], ["calendar"]])
def test_empty_questions_and_collections_that_are_not_there_are_refused(
    groundcast, command, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert groundcast(*command, "", "--collection", "demo").code == 2
    assert groundcast(*command, "--collection", "demo").code == 2
    assert groundcast(*command, "--not", "a beach", "--collection", "demo").code == 2
    ran = groundcast(*command, BEACH, "--collection", "nowhere")
    assert ran.code == 1
    assert "nowhere" in ran.err


def test_a_map_of_the_island_is_a_sound_raster_whose_bathers_are_on_the_coast(island, tmp_path) -> None:
    tif, table = tmp_path / "map.tif", tmp_path / "map.parquet"
    ran = island("map", BEACH, "--when", "2025-07-12T14", "-o", tif, "--json")
    assert ran.code == 0, ran.err
    told = ran.json()
    assert (told["kind"], told["output"], told["hidden"]) == ("scores", str(tif), 0)
    assert cog_validate(tif, strict=True, quiet=True)[0]
    island("map", BEACH, "--when", "2025-07-12T14", "-o", table)
    rows = gpd.read_parquet(table)
    assert len(rows) == told["tiles"]
    with rasterio.open(tif) as raster:
        assert raster.tags()["GROUNDCAST_COLLECTION"] == "demo"
        seen = np.array(list(raster.sample(zip(rows.lon, rows.lat, strict=True))))
    assert seen[:, 0] == pytest.approx(rows.cosine.to_numpy(), abs=1e-6)
    assert seen[:, 1] == pytest.approx(rows.relevance.to_numpy(), abs=1e-6)


def test_pictures_and_differences_and_calendars_of_the_island_are_written(island, tmp_path) -> None:
    commands = [
        ("map", BEACH, "--when", "2025-07-12T14", "--minus-when", "2025-01-12T14", "-o", tmp_path / "d.png"),
        ("map", BEACH, "--best-moment", "--year", "2025", "-o", tmp_path / "b.png"),
        ("calendar", BEACH, "--year", "2025", "--json", "-o", tmp_path / "c.png"),
    ]
    ran = [island(*command) for command in commands]
    assert [one.code for one in ran] == [0, 0, 0], [one.err for one in ran]
    calendar = ran[2].json()
    assert np.array(calendar["cosine"]).shape == (12, 24)
    assert 6 <= calendar["best"]["hour"] <= 20  # nobody bathes at night
    for name in "dbc":
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert picture.text["provenance"]


def test_an_area_without_tiles_says_so(island, tmp_path) -> None:
    ran = island("map", BEACH, "--bbox", "10,10,11,11", "-o", tmp_path / "map.png")
    assert ran.code == 2
    assert "nearest tile" in ran.err
