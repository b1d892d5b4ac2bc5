"""One door to all imagery: every kind is recognised, and what cannot be read says why."""

import json
from pathlib import Path

import pytest
from make_data import pattern_raster, write_pyramid
from PIL import Image

from ingest.geo.geometry import Footprint
from ingest.opening import open_source
from ingest.sources.chips import ChipSource
from ingest.sources.pyramid import PyramidSource
from ingest.sources.rasters.raster import RasterSource
from ingest.sources.source import SourceOptions
from trainer.errors import SourceError, UsageError


def test_every_kind_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    pattern_raster(tmp_path / "deep" / "er" / "a.tif")
    write_pyramid(tmp_path / "xyz", (12,), lat=1, lon=2, around=0, wave_m=1e4)
    (tmp_path / "chips").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "chips" / "a.png")
    (tmp_path / "chips" / "manifest.csv").write_text("path,lat,lon,size_m\na.png,1,2,100\n")
    expected = {
        str(tmp_path / "deep"): RasterSource,
        str(tmp_path / "deep" / "er" / "a.tif"): RasterSource,
        str(tmp_path / "xyz"): PyramidSource,
        str(tmp_path / "xyz") + "/{z}/{x}/{y}.png": PyramidSource,
        str(tmp_path / "chips"): ChipSource,
        "https://tiles.example.org/{z}/{x}/{y}.png?key=abc": PyramidSource,
    }
    for uri, kind in expected.items():
        with open_source(uri) as source:
            assert isinstance(source, kind), uri
            assert "abc" not in source.uri
            assert not source.coverage().is_empty and len(source.fingerprint()) >= 8


@pytest.mark.parametrize(
    ("uri", "word"),
    [
        ("/nowhere/at/all.tif", "there is no such file or folder"),
        ("s3://bucket/a.tif", "not understood"),
        ("https://example.org/page?key=abc", "not clear what this is"),
        ("https://example.org/{x}/{y}.png", "needs {z}, {x} and {y}"),
        ("/nowhere/{z}/{x}/{y}.png", "is no folder"),
    ],
)
def test_what_is_not_understood_says_what_can_be_read(uri: str, word: str) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(uri)
    assert word in str(caught.value) and "abc" not in str(caught.value)


def test_an_empty_folder_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(SourceError, match=r"no manifest.csv .* no z/x/y tiles, no file ending in .tif"):
        open_source(str(tmp_path))


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), "red").save(path)
    return path


@pytest.mark.parametrize("name", ["22/7/15.png", "10/12/31.png"])
def test_pictures_by_year_month_and_day_are_no_tiles(tmp_path: Path, name: str) -> None:
    picture(tmp_path / name)
    with pytest.raises(SourceError, match="do not say where they lie"):
        open_source(str(tmp_path))
    pattern_raster((tmp_path / name).with_suffix(".tif"))
    with open_source(str(tmp_path)) as source:
        assert isinstance(source, RasterSource) and not source.problems


@pytest.mark.parametrize("raster", ["a.tif", "12/b.tif", "raw/c.tif"])
def test_rasters_among_tiles_are_refused_and_both_ways_out_work(tmp_path: Path, raster: str) -> None:
    write_pyramid(tmp_path / "a", (12,), lat=1, lon=2, around=0, wave_m=1e4)
    (tmp_path / "a" / raster).parent.mkdir(exist_ok=True)
    pattern_raster(tmp_path / "b.tif").rename(tmp_path / "a" / raster)
    with pytest.raises(SourceError) as caught:
        open_source(str(tmp_path / "a"))
    template = f"{tmp_path}/a/{{z}}/{{x}}/{{y}}.png"
    assert template in str(caught.value) and str(tmp_path / "a" / raster) in str(caught.value)
    with open_source(template) as tiles, open_source(str(tmp_path / "a" / raster)) as rasters:
        assert isinstance(tiles, PyramidSource) and isinstance(rasters, RasterSource)
    if raster.startswith("12/"):
        return
    (tmp_path / "a/tiles").mkdir()
    (tmp_path / "a/12").rename(tmp_path / "a/tiles/12")
    with open_source(str(tmp_path / "a")) as source:
        assert isinstance(source, RasterSource)
        assert [problem.subject for problem in source.problems] == [str(tmp_path / "a/tiles")]


def test_a_folder_that_says_itself_that_it_holds_tiles_tells_of_a_raster_in_it(tmp_path: Path) -> None:
    write_pyramid(tmp_path, (12,), lat=1, lon=2, around=0, wave_m=1e4)
    (tmp_path / "tilemapresource.xml").write_text('<TileMap><TileSets profile="mercator"/></TileMap>')
    pattern_raster(tmp_path / "a.tif")
    with open_source(str(tmp_path)) as source:
        assert isinstance(source, PyramidSource)
        assert [problem.subject for problem in source.problems] == [str(tmp_path / "a.tif")]


@pytest.mark.parametrize("name", ["{base}", "{z}", "town {2022}", "{x}{y}"])
def test_braces_in_the_name_of_a_folder_stand_for_themselves(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name / "tiles"
    write_pyramid(folder, (12,), lat=1, lon=2, around=0, wave_m=1e4)
    document = {"tilejson": "3.0.0", "tiles": ["./tiles/{z}/{x}/{y}.png"]}
    (tmp_path / name / "tiles.json").write_text(json.dumps(document))
    for uri in (folder, f"{folder}/{{z}}/{{x}}/{{y}}.png", tmp_path / name / "tiles.json"):
        with open_source(str(uri)) as source:
            assert isinstance(source, PyramidSource) and source.uri == str(folder)
            assert source.read(Footprint(1, 2, 1000.0), 8).valid.any()


def test_the_one_pyramid_below_a_folder_is_read_and_of_several_each_is_named(tmp_path: Path) -> None:
    write_pyramid(tmp_path / "a/b", (12,), lat=1, lon=2, around=0, wave_m=1e4)
    with open_source(str(tmp_path)) as source:
        assert source.uri == str(tmp_path / "a/b")
    write_pyramid(tmp_path / "c", (12,), lat=1, lon=2, around=0, wave_m=1e4)
    with pytest.raises(SourceError, match=rf"2 .* of map tiles: .*{tmp_path}/a/b"):
        open_source(str(tmp_path))


def test_a_file_that_is_no_imagery_says_why(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_text("a text\n" * 100)
    (tmp_path / "a.mbtiles").write_bytes(b"SQLite format 3\0" + b"\0" * 200)
    for name in ("a.tif", "a.mbtiles"):
        with pytest.raises(SourceError, match=f"{name}: not a raster that can be read"):
            open_source(str(tmp_path / name))


def test_options_that_make_no_sense_are_wrong_usage() -> None:
    with pytest.raises(UsageError, match="three band numbers"):
        SourceOptions(bands=(0, 1, 2))
    with pytest.raises(UsageError, match="black"):
        SourceOptions(scale=(5.0, 5.0))
    with pytest.raises(UsageError, match="above 0"):
        SourceOptions(rate_per_s=0)


def test_a_home_of_nobody_is_told() -> None:
    for uri in ("~nosuchuser/a.tif", "~nosuchuser/{z}/{x}/{y}.png"):
        with pytest.raises(SourceError, match="write the path without ~"):
            open_source(uri)
