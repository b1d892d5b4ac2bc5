"""A text tower that needs no torch: ONNX beside the checkpoint that it is a view of, run by ONNX Runtime.

    onnx/text.onnx        what the tower computes; its weights stay in `model.safetensors`, to which it refers
    onnx/tokenizer.json   its tokenizer, as the library `tokenizers` writes it
    onnx/record.json      `Record`: of which model, with the hashes of all three; or why there is no such file
    onnx/SHA256SUMS       checksums of the others

`trainer.texts.text_export` writes the folder, whole or not at all. It is no part of the checkpoint: `model_id` does not
know it, and it may be deleted. Nothing here knows how a tower is exported.
"""

import hashlib
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.checkpoint import EXPORTED, WEIGHTS
from trainer.errors import CheckpointError
from trainer.sums import changed_files
from trainer.texts.tokens import Rules, TextTokens

FOLDER, GRAPH, TOKENIZER, RECORD = EXPORTED, "text.onnx", "tokenizer.json", "record.json"
VERSION = 1
_AT_ONCE = 32  # texts a run

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Record:
    """What the folder says about itself.

    Attributes:
        model_id: The model whose text tower it is.
        version: Of this form.
        refused: Why the tower cannot be exported, and with which versions that was found; None: it was.
        graph: SHA-256 of `text.onnx`.
        tokenizer: SHA-256 of `tokenizer.json`.
        weights: SHA-256 of the layout of `model.safetensors`, by which the graph finds its weights there.
        rules: See `trainer.texts.tokens.Rules`.
        min_cosine: The smallest to the tower, of the texts with which it was checked.
    """

    model_id: str
    version: int = VERSION
    refused: dict[str, str] | None = None
    graph: str = ""
    tokenizer: str = ""
    weights: str = ""
    rules: dict[str, Any] | None = None
    min_cosine: float = 0.0


class ExportedText:
    """Embeds texts. Make it with `read_exported`. May be used from several threads."""

    def __init__(self, graph: bytes, tokens: TextTokens, checkpoint: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # the weights are mapped, not copied: reordered for speed they would take their room once more
        options.add_session_config_entry("session.disable_prepacking", "1")
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(checkpoint))
        options.log_severity_level = 3  # errors, which are raised as well
        self._tokens = tokens
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def __call__(self, texts: Sequence[str]) -> Floats:
        """Texts → float32 [n, d], unnormalised."""
        found = []
        for start in range(0, len(texts), _AT_ONCE):
            found += self._session.run(None, {"tokens": self._tokens(texts[start : start + _AT_ONCE])})
        return np.concatenate(found).astype(np.float32, copy=False)


def read_record(checkpoint: Path) -> Record | None:
    """What the folder says about itself; None: there is none.

    Raises:
        CheckpointError: It cannot be read.
    """
    path = checkpoint / FOLDER / RECORD
    try:
        document = json.loads(path.read_text("utf-8"))
        return Record(**{f.name: document[f.name] for f in fields(Record)})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise CheckpointError(f"{path} cannot be read ({e!r})") from e


def read_exported(checkpoint: Path, model_id: str) -> ExportedText | None:
    """The exported text tower of a checkpoint.

    Args:
        checkpoint: The checkpoint's folder.
        model_id: Its id.

    Returns:
        None where there is none, or where it could not be exported.

    Raises:
        CheckpointError: It is of another model or form, or not what was written.
    """
    record = read_record(checkpoint)
    if record is None:
        return None
    folder = checkpoint / FOLDER
    if changed := changed_files(folder):
        raise CheckpointError(f"{folder}: {', '.join(changed)} is cut short or was changed")
    if (record.model_id, record.version) != (model_id, VERSION):
        raise CheckpointError(f"{folder} is of model {record.model_id}, form {record.version}, not of {model_id}")
    if record.refused is not None:
        return None
    try:
        graph, tokenizer = (folder / GRAPH).read_bytes(), (folder / TOKENIZER).read_bytes()
    except OSError as e:
        raise CheckpointError(f"{folder} is incomplete ({e})") from e
    for name, content, expected in ((GRAPH, graph, record.graph), (TOKENIZER, tokenizer, record.tokenizer)):
        if hashlib.sha256(content).hexdigest() != expected:
            raise CheckpointError(f"{folder / name} is cut short or was changed")
    if layout(checkpoint) != record.weights:
        raise CheckpointError(f"{folder} was made for another {WEIGHTS}")
    # what it holds has its hash: it is as it was when it was checked
    return ExportedText(graph, TextTokens(tokenizer.decode(), Rules(**(record.rules or {}))), checkpoint)


def layout(checkpoint: Path) -> str:
    """SHA-256 of the size and the header of `model.safetensors`: which tensor lies where.

    Raises:
        CheckpointError: It cannot be read.
    """
    path = checkpoint / WEIGHTS
    try:
        with path.open("rb") as f:
            start = f.read(8)
            return hashlib.sha256(start + f.read(header_bytes(start)) + str(path.stat().st_size).encode()).hexdigest()
    except (OSError, struct.error) as e:
        raise CheckpointError(f"checkpoint {checkpoint}: {WEIGHTS} cannot be read ({e}): copy the folder again") from e


def header_bytes(start: bytes) -> int:
    """Length of the header of a safetensors file, of its first eight bytes."""
    length: int = struct.unpack("<Q", start)[0]
    return length
