"""One door to all imagery: every kind is recognised, and what cannot be read says why."""

from pathlib import Path

import pytest
from make_data import pattern_raster, write_pyramid
from PIL import Image

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
