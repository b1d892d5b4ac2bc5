"""What is usual in a collection is made once, kept beside its field, and made anew when anything about it is wrong."""

from datetime import date, datetime

import numpy as np
import pytest

from search_ui.search.relevance.calibration import Calibration
from search_ui.search.relevance.usual_files import UsualFiles
from tests.test_relevance import DIM, encoder, field_of

BANK = np.random.default_rng(5).normal(size=(6, DIM)).astype(np.float32)
KINDS = (None, datetime(2025, 7, 1, 12), date(2025, 7, 1))


def field(folder, seed=0):
    return field_of(folder, np.random.default_rng(seed).normal(size=(300, DIM)).astype(np.float32), encoder())


def usual(tiles, folder, when=None, bank=BANK, of="m"):
    files = None if folder is None else UsualFiles(folder, f"{of} {tiles.fingerprint}")
    return Calibration.of(tiles, bank, knows_time=True, files=files).usual(when)


def same(one, other) -> bool:
    return (
        one.mean.tobytes() == other.mean.tobytes()
        and one.covariance.tobytes() == other.covariance.tobytes()
        and one.among.tobytes() == other.among.tobytes()
        and one.reach == other.reach
    )


@pytest.fixture
def made(monkeypatch):
    """How often it was reckoned."""
    from search_ui.search.relevance import calibration

    count, real = [], calibration.usual_at
    monkeypatch.setattr(calibration, "usual_at", lambda *told: count.append(1) or real(*told))
    return count


@pytest.mark.parametrize("when", KINDS)
def test_what_is_kept_is_what_was_reckoned_to_the_bit_and_is_not_reckoned_again(tmp_path, made, when) -> None:
    tiles = field(tmp_path / "a")
    first = usual(tiles, tmp_path, when)
    assert same(first, usual(tiles, None, when))
    made.clear()
    assert same(first, usual(tiles, tmp_path, when))
    assert not made


@pytest.mark.parametrize("harm", ["cut short", "a bit turned", "empty", "no archive"])
def test_a_damaged_file_is_made_anew(tmp_path, made, harm) -> None:
    tiles = field(tmp_path / "a")
    first = usual(tiles, tmp_path)
    (path,) = tmp_path.glob("usual-*.npz")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 8
    harmed = {"cut short": content[:-40], "a bit turned": content, "empty": b"", "no archive": b"x" * 900}
    path.write_bytes(harmed[harm])
    made.clear()
    assert same(first, usual(tiles, tmp_path))
    assert len(made) == 1
    assert same(first, usual(tiles, tmp_path))
    assert len(made) == 1


@pytest.mark.parametrize("other", ["tiles", "bank", "model"])
def test_a_file_of_other_tiles_prompts_or_model_is_not_taken(tmp_path, other) -> None:
    usual(field(tmp_path / "a"), tmp_path)
    tiles = field(tmp_path / "b", seed=1) if other == "tiles" else field(tmp_path / "a")
    bank = BANK[:5] if other == "bank" else BANK
    asked = usual(tiles, tmp_path, bank=bank, of="n" if other == "model" else "m")
    assert same(asked, usual(tiles, None, bank=bank))


def test_a_folder_that_cannot_be_written_costs_no_answer(tmp_path) -> None:
    tiles = field(tmp_path / "a")
    (tmp_path / "file").write_text("no folder")
    assert same(usual(tiles, tmp_path / "file"), usual(tiles, None))
