"""Writes the text tower of a checkpoint as ONNX beside it, checked against the tower; see `exported_text`.

Needs torch, and `onnxscript`, which torch's exporter writes with. What cannot be exported is recorded as refused, with
the versions that were tried: the tower then goes on in torch, and is tried again only where one of them is another.
"""

import contextlib
import hashlib
import io
import json
import logging
import os
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors
from torch import nn

from trainer.checkpoint import WEIGHTS, Meta, read_meta, read_tensors
from trainer.errors import CheckpointError
from trainer.sums import write_sums
from trainer.texts.exported_text import (
    FOLDER,
    GRAPH,
    RECORD,
    TOKENIZER,
    ExportedText,
    Record,
    header_bytes,
    layout,
    read_exported,
    read_record,
)
from trainer.texts.probe_texts import PROBE_TEXTS
from trainer.texts.tokens import Rules, TextTokens
from trainer.towers import Tokenizer as TorchTokenizer
from trainer.towers import TowerSpec, build_tokenizer, load_tower

logger = logging.getLogger(__name__)

MIN_COSINE = 0.99999
_OPSET = 20  # the first with GELU; ONNX Runtime reads it since 1.17
_SMALL = 1024  # bytes; what is less stands in the graph itself
_TRIED = ("torch", "onnxscript", "open_clip_torch", "transformers", "tokenizers")
_AT_ONCE = 25


class RefusedError(Exception):
    """Why a text tower cannot be exported."""


def ensure_exported(checkpoint: Path) -> ExportedText | None:
    """The exported text tower of a checkpoint, made if it is missing, another model's or broken.

    Returns:
        None where it cannot be exported, which is said once, or not written.

    Raises:
        CheckpointError: The checkpoint itself is broken.
    """
    meta = read_meta(checkpoint)
    try:
        found = read_exported(checkpoint, meta.model_id)
        record = read_record(checkpoint)
    except CheckpointError as e:
        logger.warning("%s: the exported text tower is made anew", e)
    else:
        if found is not None:
            return found
        if record is not None and record.refused is not None and record.refused["versions"] == _versions():
            return None
    return _export(checkpoint, meta)


def _export(checkpoint: Path, meta: Meta) -> ExportedText | None:
    part = checkpoint / f".{FOLDER}.{os.getpid()}.part"
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        try:
            record, found = _written(part, checkpoint, meta)
        except RefusedError as e:
            logger.warning("texts of model %s go on in torch, its text tower cannot be exported: %s", meta.model_id, e)
            shutil.rmtree(part)
            part.mkdir()
            record, found = Record(meta.model_id, refused={"reason": str(e), "versions": _versions()}), None
        (part / RECORD).write_text(json.dumps(asdict(record), indent=2, ensure_ascii=False) + "\n", "utf-8")
        write_sums(part)
        _take_place(part, checkpoint / FOLDER)
    except OSError as e:
        logger.warning("the text tower of model %s cannot be exported to %s: %s", meta.model_id, checkpoint, e)
        return None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    if found is not None:
        logger.info("exported the text tower of %s, smallest cosine %.7f", meta.model_id, record.min_cosine)
    return found


def _take_place(part: Path, folder: Path) -> None:
    """Another process may do the same: what is there then is as good."""
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(FileExistsError):
        part.rename(folder)


def _written(part: Path, checkpoint: Path, meta: Meta) -> tuple[Record, ExportedText]:
    """Everything but the record, written to `part` and checked.

    Raises:
        RefusedError: It cannot be exported, or gives other vectors.
        CheckpointError: The checkpoint is broken.
    """
    spec = meta.text
    tensors = read_tensors(checkpoint, f"{spec.stored_as}.")
    tower, tokenizer = load_tower(spec, tensors, checkpoint), build_tokenizer(spec, checkpoint)
    document, rules = _exported_tokenizer(spec, tokenizer)
    tokens = TextTokens(document, rules)
    expected_tokens = tokenizer(list(PROBE_TEXTS)).numpy()
    if not np.array_equal(tokens(PROBE_TEXTS), expected_tokens):
        raise RefusedError("its tokenizer makes other tokens without open_clip")
    graph = _graph(tower, torch.from_numpy(expected_tokens[:2]), checkpoint, spec)
    try:
        found = ExportedText(graph, tokens, checkpoint)
        vectors = found(PROBE_TEXTS)
    except Exception as e:
        raise RefusedError(f"ONNX Runtime does not run it: {_short(e)}") from e
    least = _least_cosine(tower, expected_tokens, vectors)
    if not least >= MIN_COSINE:
        raise RefusedError(f"ONNX Runtime gives other vectors: smallest cosine {least:.6f}, not {MIN_COSINE}")
    (part / GRAPH).write_bytes(graph)
    (part / TOKENIZER).write_text(document, "utf-8")
    digests = [hashlib.sha256(content).hexdigest() for content in (graph, document.encode())]
    record = Record(
        meta.model_id,
        graph=digests[0],
        tokenizer=digests[1],
        weights=layout(checkpoint),
        rules=asdict(rules),
        min_cosine=least,
    )
    return record, found


@torch.inference_mode()
def _least_cosine(tower: nn.Module, tokens: "np.typing.NDArray[np.int64]", vectors: "np.typing.NDArray[Any]") -> float:
    least = 1.0
    for start in range(0, len(tokens), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        expected = tower(torch.from_numpy(tokens[some])).double()
        cosines = torch.cosine_similarity(expected, torch.from_numpy(vectors[some]).double())
        least = min(least, float(cosines.min()))  # a NaN stays out of min(): compared by the caller as not >=
        if not torch.isfinite(cosines).all():
            return float("nan")
    return least


def _graph(tower: nn.Module, tokens: torch.Tensor, checkpoint: Path, spec: TowerSpec) -> bytes:
    """The tower as ONNX, its weights referring to the checkpoint's own file."""
    try:
        import onnx_ir
        import onnxscript  # noqa: F401 - torch asks for it deep inside
    except ModuleNotFoundError as e:
        raise RefusedError(f"the package {e.name} is not installed: pip install 'groundcast[ingest]'") from e

    try:
        with _quiet():
            program = torch.onnx.export(
                tower,
                (tokens,),
                dynamo=True,
                optimize=False,  # it would fold transposed copies of the weights into the graph
                opset_version=_OPSET,
                input_names=["tokens"],
                output_names=["vectors"],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                verbose=False,
            )
    except Exception as e:
        raise RefusedError(f"torch does not export it: {_short(e)}") from e
    assert program is not None  # noqa: S101 - for the type checker; with dynamo it is none
    model = program.model
    with (checkpoint / WEIGHTS).open("rb") as f:
        start = f.read(8)
        header, first = json.loads(f.read(header_bytes(start))), 8 + header_bytes(start)
        for name, initializer in model.graph.initializers.items():
            held, stored = initializer.const_value, header.get(f"{spec.stored_as}.{name}")
            if held is None or held.nbytes < _SMALL or stored is None:
                continue
            begin, end = stored["data_offsets"]
            f.seek(first + begin)
            if held.dtype.short_name() == stored["dtype"].lower() and held.tobytes() == f.read(end - begin):
                shape = onnx_ir.Shape(held.shape.numpy())
                initializer.const_value = onnx_ir.ExternalTensor(
                    WEIGHTS,
                    first + begin,
                    end - begin,
                    held.dtype,
                    shape=shape,
                    name=name,
                    base_dir=checkpoint,
                )
    for node in model.graph.all_nodes():
        node.metadata_props.clear()  # where in torch's and the tower's code it comes from
    graph: bytes = onnx_ir.to_proto(model).SerializeToString()
    return graph


def _exported_tokenizer(spec: TowerSpec, tokenizer: TorchTokenizer) -> tuple[str, Rules]:
    """A tokenizer as the library `tokenizers` has it, and what happens before and after.

    Raises:
        RefusedError: It does what these cannot say.
    """
    if spec.config.get("tokenizer_mode") or getattr(tokenizer, "reduction_fn", None) is not None:
        raise RefusedError("its tokenizer chooses among the words of a text")
    options, length = spec.config.get("tokenizer_kwargs") or {}, int(spec.config.get("context_length", 77))
    if not spec.config.get("hf_tokenizer_name"):
        plain: Any = tokenizer
        return _bpe(plain, length), Rules(length, options.get("clean", "lower"), words=plain.pat.pattern)
    inner: Any = tokenizer.tokenizer  # type: ignore[attr-defined]
    if getattr(inner, "backend_tokenizer", None) is None:
        raise RefusedError(f"its tokenizer {type(inner).__name__} is none of the library tokenizers")
    tokenizer(["it sets its own truncation and padding when it is called"])
    zeroed = inner.sep_token_id if options.get("strip_sep_token") else None
    return inner.backend_tokenizer.to_str(), Rules(length, options.get("clean", "whitespace"), zeroed=zeroed)


def _bpe(tokenizer: Any, length: int) -> str:
    """open_clip's own tokenizer, whose words come one by one, as JSON of the library."""
    ranked = sorted(tokenizer.bpe_ranks, key=tokenizer.bpe_ranks.get)
    special = [tokenizer.decoder[number] for number in tokenizer.all_special_ids]
    model = models.BPE(
        {word: number for word, number in tokenizer.encoder.items() if word not in special},
        [pair for pair in ranked if len(pair) == 2],  # the file's last line is empty
        end_of_word_suffix="</w>",
    )
    made = Tokenizer(model)
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in special])
    first, last = special[:2]
    made.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}",
        special_tokens=[(first, tokenizer.sot_token_id), (last, tokenizer.eot_token_id)],
    )
    made.enable_truncation(length)
    made.enable_padding(length=length, pad_id=0, pad_token="!")  # noqa: S106 - no password
    document: str = made.to_str()
    return document


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter prints, warns and logs what is none of a user's business; what matters it raises."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir", "torch.export")]
    levels = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)


def _versions() -> str:
    """Of all that has a say in whether a tower can be exported."""
    found = []
    for name in _TRIED:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    return ", ".join(found)


def _short(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {(lines or ['?'])[0][:200]}"
