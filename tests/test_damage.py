"""A few damaged files of every format; `python -m tools.damage` throws thousands."""

import warnings
from pathlib import Path

import pytest

from tests.damage import FORMATS, attempt, damaged

FEW = 20


@pytest.mark.parametrize("name", list(FORMATS))
def test_a_damaged_file_is_an_error_of_ours_or_what_its_library_decodes(tmp_path: Path, name: str) -> None:
    form = FORMATS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # libraries warn of much before they refuse
        file = form.make(tmp_path)
        whole = file.read_bytes()
        assert attempt(form, file, whole) is None
        errors = [attempt(form, file, damaged(whole, number, name)) for number in range(FEW)]
    assert any(errors)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("cog", 6696),  # GDAL's own error, of a tag
        ("jpeg2000", 3872),  # GDAL's search for GML goes round for ever
        ("mbtiles", 2807),  # SQLite quotes bytes that are not UTF-8
        ("kml", 9763),  # an outline of places that are no numbers
        ("kmz", 9938),  # a name in the archive that is not UTF-8
        ("torch", 477),  # an archive of a version that nobody writes
        ("part", 4276),  # its schema says less than its vectors need
        ("photo", 1106),  # a JPEG of which most is missing ends like a marker
        ("vrt", 2681),  # a raster larger than its sources
        ("vrt", 8165),  # PROJ's error, of a unit
    ],
)
def test_damage_that_was_once_taken_badly(tmp_path: Path, name: str, number: int) -> None:
    form = FORMATS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = form.make(tmp_path)
        attempt(form, file, damaged(file.read_bytes(), number, name))
