"""Texts without torch: the exported text tower against the tower itself."""

import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from open_clip.tokenizer import SimpleTokenizer

from tests.conftest import TINY_CLIP
from trainer.bundled import add_bundled
from trainer.checkpoint import read_meta
from trainer.embedder import Embedder
from trainer.errors import CheckpointError
from trainer.texts import text_export
from trainer.texts.exported_text import FOLDER, GRAPH, RECORD, read_exported
from trainer.texts.probe_texts import PROBE_TEXTS
from trainer.texts.text_export import ensure_exported
from trainer.texts.tokens import Rules, TextTokens
from trainer.texts.torch_text import TorchText
from trainer.weights.zoo import add_open_clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "clip"
    add_open_clip(folder, TINY_CLIP, random_seed=0)
    assert ensure_exported(folder) is not None
    return folder


def in_torch(folder: Path, texts: list[str]) -> np.ndarray:
    return TorchText(folder, read_meta(folder).text, torch.device("cpu"))(texts)


def least_cosine(folder: Path, texts: list[str]) -> float:
    """Of the exported tower to torch's."""
    a, b = Embedder.load(folder).embed_texts(texts).astype(float), in_torch(folder, texts).astype(float)
    return float(((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())


def test_the_exported_tower_gives_the_vectors_of_the_tower(clip: Path) -> None:
    assert len(PROBE_TEXTS) == 200
    assert least_cosine(clip, [*PROBE_TEXTS, "words that no probe has", "你好", "\ud800", "x" * 5000]) >= 0.99999


def test_the_bundled_model_comes_with_its_exported_tower(tmp_path: Path) -> None:
    meta = add_bundled(tmp_path / "m")
    assert read_exported(tmp_path / "m", meta.model_id) is not None
    assert least_cosine(tmp_path / "m", [*PROBE_TEXTS[::10], "the last ferry home"]) >= 0.99999


def test_tokens_are_those_of_open_clip_to_the_last() -> None:
    original = SimpleTokenizer(context_length=20)
    made = TextTokens(text_export._bpe(original, 20), Rules(20, "lower", original.pat.pattern))
    drawn = np.random.default_rng(0).integers(1, 0x2FFF, (60, 12))
    texts = [*PROBE_TEXTS, *("".join(map(chr, row)) for row in drawn), "it's <START_OF_TEXT> 12 İstanbul"]
    np.testing.assert_array_equal(made(texts), original(texts).numpy())


@pytest.mark.parametrize("damage", ["cut short", "another model", "other weights", "other rules", "no record"])
def test_a_damaged_export_is_refused(clip: Path, tmp_path: Path, damage: str) -> None:
    folder = shutil.copytree(clip, tmp_path / "model")
    record, graph = folder / FOLDER / RECORD, folder / FOLDER / GRAPH
    match damage:
        case "cut short":
            graph.write_bytes(graph.read_bytes()[:-100])
        case "another model":
            record.write_text(json.dumps(json.loads(record.read_text()) | {"model_id": "0" * 16}))
        case "other weights":
            with (folder / "model.safetensors").open("ab") as f:
                f.write(b"1")
        case "other rules":
            record.write_text(record.read_text().replace('"length": ', '"length": 1'))
        case _:
            record.write_text("{")
    with pytest.raises(CheckpointError):
        read_exported(folder, read_meta(folder).model_id)


def test_a_damaged_export_is_made_anew_and_that_is_said(
    clip: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = shutil.copytree(clip, tmp_path / "model")
    graph = folder / FOLDER / GRAPH
    graph.write_bytes(graph.read_bytes()[:-100])
    found = Embedder.load(folder, export_texts=True).embed_texts(["a road"])
    assert "cut short" in caplog.text and "made anew" in caplog.text
    assert read_exported(folder, read_meta(folder).model_id) is not None
    np.testing.assert_allclose(found, in_torch(folder, ["a road"]), atol=1e-5)


def test_what_cannot_be_exported_goes_on_in_torch_and_is_said_once(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = shutil.copytree(clip, tmp_path / "model", ignore=shutil.ignore_patterns(FOLDER))
    monkeypatch.setattr(text_export, "MIN_COSINE", 2.0)
    for _ in range(2):
        vectors = Embedder.load(folder, export_texts=True).embed_texts(["a road"])
        np.testing.assert_allclose(vectors, in_torch(folder, ["a road"]), atol=1e-5)
    said = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(said) == 1 and "gives other vectors" in said[0].getMessage()


def test_a_text_is_embedded_without_torch(clip: Path) -> None:
    code = """
import sys
from pathlib import Path
from trainer.embedder import Embedder
assert Embedder.load(Path(sys.argv[1])).embed_texts(["new words é"]).shape == (1, 32)
import search_ui.search.engine
sys.exit(", ".join(sorted({"torch", "torchvision", "open_clip", "transformers", "onnxscript"} & set(sys.modules))) or 0)
"""
    ran = subprocess.run([sys.executable, "-c", code, str(clip)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
