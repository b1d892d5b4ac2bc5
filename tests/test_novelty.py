"""Imagery unlike what a model learned from: told from what is usual, said, and never called strong."""

from pathlib import Path

import numpy as np
import pytest

from search_ui.search.relevance.calibration import STRONG, Calibration
from search_ui.search.relevance.unlike import OUTSIDE, caution, share_outside
from tests.test_relevance import field_of, planted, relevance_of
from trainer import beside
from trainer import novelty as module
from trainer.bundled import bundled_folder, bundled_meta
from trainer.errors import CheckpointError, UsageError
from trainer.novelty import FILE, Novelty, read_novelty, write_novelty

DIM, WIDE = 24, 4


def tiles(count: int, seed: int, beyond: float = 0.0) -> np.ndarray:
    """Vectors in a few directions of their space with a little noise in all; `beyond` moves the others."""
    random = np.random.default_rng(seed)
    held = random.normal(size=(count, DIM)) * np.where(np.arange(DIM) < WIDE, 1.0, 0.01)
    return (held + beyond * (np.arange(DIM) == DIM - 1)).astype(np.float32)


@pytest.fixture(scope="module")
def learned() -> Novelty:
    return Novelty.of(tiles(6_000, 0))


def test_tiles_like_those_of_training_are_inside_and_others_outside(learned: Novelty) -> None:
    assert learned.share_outside(tiles(4_000, 1)) < 0.005
    assert learned.share_outside(tiles(4_000, 1, beyond=0.2)) == 1.0
    assert learned.share_outside(tiles(0, 1)) == 0.0


def test_few_tiles_do_not_tell_what_is_usual() -> None:
    with pytest.raises(UsageError, match="give 1500 or more"):
        Novelty.of(tiles(100, 0))


def test_a_model_keeps_what_is_usual_and_a_broken_file_is_an_error(tmp_path: Path, learned: Novelty) -> None:
    assert read_novelty(tmp_path, "m") is None
    write_novelty(tmp_path, learned)
    kept = read_novelty(tmp_path, "m")
    assert kept is not None
    assert np.array_equal(kept.errors(tiles(5, 3)), learned.errors(tiles(5, 3)))
    (tmp_path / FILE).write_bytes((tmp_path / FILE).read_bytes()[:100])
    with pytest.raises(CheckpointError, match=r"novelty.safetensors is broken .* copy it again"):
        read_novelty(tmp_path, "m")


def test_the_bundled_model_knows_what_is_usual_even_if_an_older_version_added_it(tmp_path: Path) -> None:
    beside._bundled.cache_clear()
    found = read_novelty(tmp_path, bundled_meta().model_id)
    assert found is not None
    assert found.directions.shape == (bundled_meta().dim // 3, bundled_meta().dim)
    assert (bundled_folder() / FILE).stat().st_mode & 0o044  # a package is read by others than who installed it


def test_unlike_imagery_is_never_strong_and_keeps_its_order(tmp_path: Path) -> None:
    vectors, thing, _, bank = planted()
    field = field_of(tmp_path, vectors)
    narrow = Novelty(np.zeros(64, np.float32), np.eye(64, dtype=np.float32)[:2], 0.5)
    usual, unlike = (Calibration.of(field, bank, knows_time=False, novelty=one) for one in (None, narrow))
    before, now = (relevance_of(field, one, thing) for one in (usual, unlike))
    assert before.max() >= STRONG > now.max() > 0.1
    some = np.argsort(-before)[:10]
    assert (np.diff(now[some]) <= 0).all()
    assert share_outside(field, narrow) == unlike.outside > OUTSIDE
    assert unlike.judged(field, thing, field.cosines(thing)).relevance.max() < STRONG


def test_caution_says_how_much_is_outside_and_nothing_where_all_is_usual() -> None:
    assert caution(0.003) is None
    told = caution(0.61)
    assert told is not None
    assert "unlike what the model learned from (61% of its tiles" in told


def test_photos_of_one_tile_do_not_judge_what_they_made(monkeypatch: pytest.MonkeyPatch) -> None:
    # nine tiles that have nothing in common, a hundred photos of each
    often, places = np.repeat(np.eye(DIM, dtype=np.float32)[:9], 100, axis=0), np.repeat(np.arange(9), 100)
    with pytest.raises(UsageError, match="9 tiles do not tell"):
        Novelty.of(often, places)
    monkeypatch.setattr(module, "FEWEST", 9)
    assert Novelty.of(often).limit < 0.01
    assert Novelty.of(often, places).limit > 0.9
