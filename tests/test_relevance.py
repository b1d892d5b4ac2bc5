"""Relevance on collections in which what is there was planted, and on ones in which nothing is."""

from datetime import date, datetime, time

import numpy as np
import pytest

from benchmarks.relevance import Cases, auroc, fit
from ingest.archive.parts import Archive
from ingest.field.scorer import ExactScorer, FieldEncoder, open_scorer
from ingest.sandbox.words import PROMPTS
from search_ui.search.relevance import BANK, POSSIBLE, STRONG, WEAK, Calibration, chance, grade
from trainer.embedder import EncoderWeights
from trainer.encoding import DIMENSIONS

DIM, N = 64, 4000
MOMENTS = [None, datetime(2025, 7, 14, 18), date(2025, 1, 3), time(6, 30)]


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def encoder(dim=DIM, hidden=16):
    rng = np.random.default_rng(3)
    shapes = ((hidden, DIMENSIONS["cyclic"]), (hidden,), (dim, hidden), (dim,))
    return FieldEncoder("cyclic", EncoderWeights(*(rng.normal(0, 0.05, shape).astype(np.float32) for shape in shapes)))


def field_of(folder, vectors, e=None) -> ExactScorer:
    archive = Archive(folder / "archive", "tiles")
    for part, some in enumerate(np.array_split(np.arange(len(vectors)), max(1, len(vectors) // 1000))):
        records = [
            {
                "tile_id": f"t{i:06d}",
                "lat": 27 + i // 100 * 0.004,
                "lon": 85 + i % 100 * 0.005,
                "size_m": 480.0,
                "acquired_at": None,
                "gsd_m": 1.0,
                "valid_fraction": 1.0,
                "origin": "",
            }
            for i in some.tolist()
        ]
        archive.write(f"p-{part:06d}", records, vectors[some].astype(np.float32), {"model_id": "m"})
    return open_scorer(folder / "field", archive, model_id="m", encoder=e)


def planted(seed=0):
    """Tiles of noise, ten with a thing in them; the text for it, and for a thing which is nowhere; a bank."""
    rng = np.random.default_rng(seed)
    tiles, thing, other = unit(rng.normal(0, 1, (N, DIM))), *unit(rng.normal(0, 1, (2, DIM)))
    tiles[:10] = unit(0.5 * tiles[:10] + thing)
    other = unit(other - thing * (other @ thing))
    return tiles, thing, other, rng.normal(0, 1, (40, DIM)).astype(np.float32)


def relevance_of(field, calibration, query, when=None, rows=None):
    return calibration.relevance(field, query, field.cosines(query, when=when, rows=rows), when=when, rows=rows)


@pytest.mark.parametrize("when", MOMENTS)
def test_what_is_there_is_strong_where_it_is_and_nothing_elsewhere(tmp_path, when):
    tiles, thing, _, bank = planted()
    field = field_of(tmp_path, tiles, encoder())
    found = relevance_of(field, Calibration.of(field, bank), thing, when)
    here = np.array(field.ids()) < "t000010"
    assert (found[here] >= STRONG).all()
    assert (found[~here] < POSSIBLE).all()
    assert (found[~here] < WEAK).mean() > 0.99


def test_what_is_nowhere_is_nowhere_more_than_possible(tmp_path):
    tiles, _, other, bank = planted()
    field = field_of(tmp_path, tiles)
    found = relevance_of(field, Calibration.of(field, bank), other)
    assert found.max() < STRONG
    assert (found < WEAK).mean() > 0.99


def test_with_random_weights_next_to_nothing_is_strong(tmp_path):
    rng = np.random.default_rng(1)
    field = field_of(tmp_path, rng.normal(0, 1, (N, DIM)))
    calibration = Calibration.of(field, rng.normal(0, 1, (40, DIM)).astype(np.float32))
    found = np.stack([relevance_of(field, calibration, q) for q in unit(rng.normal(0, 1, (50, DIM)))])
    assert (found.max(axis=1) >= STRONG).mean() < 0.1
    assert (found >= POSSIBLE).mean() < 1e-3


def test_a_model_whose_cosines_are_shifted_and_squeezed_gets_the_same_relevance(tmp_path):
    tiles, thing, _, bank = planted()

    def changed(vectors, last):  # every cosine becomes (cosine + 4) / 10, about as in a model with a gap of modalities
        return np.concatenate([unit(vectors), np.full((*vectors.shape[:-1], 1), last, np.float32)], axis=-1)

    plain, gap = field_of(tmp_path / "plain", tiles), field_of(tmp_path / "gap", changed(tiles, 2.0))
    before = relevance_of(plain, Calibration.of(plain, bank), thing)
    after = relevance_of(gap, Calibration.of(gap, changed(bank, 2.0)), unit(changed(thing, 2.0)))
    assert after == pytest.approx(before, abs=0.02)  # float16 columns


@pytest.mark.parametrize("when", MOMENTS)
def test_rows_get_the_relevance_they_have_among_all(tmp_path, when):
    tiles, thing, _, bank = planted()
    field = field_of(tmp_path, tiles, encoder())
    calibration = Calibration.of(field, bank)
    rows = np.array([0, 5, 17, 300, 3999])
    assert relevance_of(field, calibration, thing, when, rows) == pytest.approx(
        relevance_of(field, calibration, thing, when)[rows], abs=1e-5
    )


def test_the_shortcut_changes_nothing_from_weak_on(tmp_path):
    tiles, thing, _, bank = planted()
    field = field_of(tmp_path, tiles, encoder())
    calibration, when = Calibration.of(field, bank), MOMENTS[1]
    quick = relevance_of(field, calibration, thing, when)
    cosine = field.cosines(thing, when=when)
    whole = chance(calibration.evidence(field, thing, cosine, when=when))
    seen = (quick >= WEAK) | (whole >= WEAK)
    assert quick[seen] == pytest.approx(whole[seen], abs=1e-5)


def test_a_higher_cosine_with_the_same_tile_is_never_less_relevant(tmp_path):
    tiles, thing, _, bank = planted()
    field = field_of(tmp_path, tiles)
    calibration, cosine = Calibration.of(field, bank), field.cosines(thing)
    lower = calibration.relevance(field, thing, cosine)
    assert (calibration.relevance(field, thing, cosine + 0.05) >= lower).all()


def test_the_same_collection_is_calibrated_alike_every_time(tmp_path):
    tiles, thing, _, bank = planted()
    field = field_of(tmp_path, tiles, encoder())
    first, second = (relevance_of(field, Calibration.of(field, bank), thing, MOMENTS[1]) for _ in range(2))
    assert np.array_equal(first, second)


def test_an_empty_area_has_no_relevance(tmp_path):
    tiles, thing, _, bank = planted()
    field = field_of(tmp_path, tiles)
    none = np.empty(0, np.int64)
    assert relevance_of(field, Calibration.of(field, bank), thing, rows=none).shape == (0,)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_tiles_have_nothing_to_be_compared_with_and_are_not_strong(tmp_path, count):
    tiles, thing, _, bank = planted()
    field = field_of(tmp_path, np.repeat(tiles[:1], count, axis=0))
    found = relevance_of(field, Calibration.of(field, bank), thing)
    assert np.isfinite(found).all() and (found < POSSIBLE).all()


def test_a_tile_without_a_cosine_has_no_relevance(tmp_path):
    tiles, thing, _, bank = planted()
    field = field_of(tmp_path, tiles)
    cosine = field.cosines(thing)
    cosine[3] = np.nan
    assert Calibration.of(field, bank).relevance(field, thing, cosine)[3] == 0


def test_grades_are_words_for_steps_of_relevance():
    steps = [1.0, STRONG, STRONG - 0.01, POSSIBLE, POSSIBLE - 0.01, WEAK, WEAK - 0.01, 0.0]
    assert [grade(step) for step in steps] == [*["strong"] * 2, *["possible"] * 2, *["weak"] * 2, *["nothing"] * 2]


def test_the_neutral_prompts_are_many_and_none_is_a_query_of_the_sandbox():
    asked = {text for texts in PROMPTS.values() for text in texts}
    assert len(set(BANK)) == len(BANK) >= 50
    assert not asked & set(BANK)
    assert all(text == text.strip() and text for text in BANK)


def test_the_benchmark_finds_the_regression_that_made_the_data():
    rng = np.random.default_rng(0)
    evidence = rng.normal(0, 2, (50_000, 2))
    target = 1 / (1 + np.exp(-(evidence @ [0.5, 1.5] - 3)))
    assert fit(evidence, target, np.ones(len(target))) == pytest.approx([0.5, 1.5, -3], abs=0.01)


def test_the_benchmark_counts_ties_as_half_and_leaves_the_undecided_out():
    truth = np.array([0.9, 0.9, 0.3, 0.0, 0.0])
    nothing = np.zeros(5)
    cases = Cases(**dict.fromkeys(Cases.__dataclass_fields__, nothing) | {"truth": truth})
    assert auroc(np.array([3.0, 1.0, 9.0, 1.0, 0.0]), cases, np.ones(5)) == pytest.approx((2 + 1.5) / 4)
