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
