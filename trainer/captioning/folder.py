"""A captioner on disk: one folder that describes itself. Loading needs the folder alone, never a download or pickle.

    model.safetensors   projector.… and lm.…, float16 or float32; the output layer is the word embedding and not stored
    meta.json           everything else, see `CaptionerMeta`; the model whose vectors it captions is named by its id
    tokenizer.json      its words

Format 1. The folder is written under a temporary name and renamed. Where it lies, and what it says, is read without
torch. Nothing here knows captioning or training.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer

from trainer.bundled import bundle_folder
from trainer.captioning.words import FILE as WORDS
from trainer.checkpoint import META, WEIGHTS, new_folder, read_tensors
from trainer.errors import CheckpointError, reason

if TYPE_CHECKING:
    import torch

FORMAT, VERSION = "groundcast-captioner", 1
BUNDLED = "captions"
BESIDE = "captioner"  # in the folder of the model that it belongs to, so that both are copied together
SHAPE = ("n_embd", "n_layer", "n_head", "n_positions", "vocab_size")  # what decides the tensors of a GPT-2
_TIED = "lm.lm_head.weight"


@dataclass(frozen=True, slots=True)
class CaptionerMeta:
    """What a captioner says about itself.

    Attributes:
        model_id: The model whose S it captions.
        dim: Width of S that the projector takes, d.
        prefix_length: Embeddings before the first word.
        lm: Shape of the GPT-2, see `SHAPE`.
        stop: Number of the token that ends a caption.
        most_tokens: Tokens of a caption at most.
        length_penalty: Power of its length by which the beam search divides a caption's log-probability.
        training: The training's configuration; None where it was not trained here.
        metrics: Name → number, as measured at the end of training.
        data_card: What it was trained on, in words.
        origin: Where the weights come from: trained here, or the file of CLIPCap.
    """

    model_id: str
    dim: int
    prefix_length: int
    lm: dict[str, int]
    stop: int
    most_tokens: int = 40
    length_penalty: float = 1.0
    training: dict[str, Any] | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    data_card: dict[str, Any] = field(default_factory=dict)
    origin: dict[str, Any] = field(default_factory=dict)


def write_captioner(
    folder: Path, meta: CaptionerMeta, tensors: "Mapping[str, torch.Tensor]", words: Tokenizer, *, half: bool = False
) -> None:
    """Write a captioner, whole or not at all.

    Args:
        folder: The folder to write; must not exist.
        meta: What it says about itself, but for the format.
        tensors: Weights by the names of `CaptionNetwork.state_dict`.
        words: The tokenizer that its numbers belong to.
        half: Store floating-point tensors as float16; they are read as float32 again.

    Raises:
        UsageError: The folder exists.
        CheckpointError: The disk refuses.
    """
    from safetensors.torch import save_file

    # the output layer is the same tensor as the word embedding: stored once, put back on reading
    kept = {name: t.detach().cpu() for name, t in tensors.items() if name != _TIED}
    stored = {name: (t.half() if half and t.is_floating_point() else t).contiguous() for name, t in kept.items()}
    with new_folder(folder) as part:
        save_file(stored, part / WEIGHTS, metadata={"format": "pt"})
        document = {"format": FORMAT, "format_version": VERSION, **asdict(meta)}
        (part / META).write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")
        words.save(str(part / WORDS))


def read_captioner_meta(folder: Path) -> CaptionerMeta:
    """Read what a captioner says about itself.

    Raises:
        CheckpointError: No captioner, broken, or of a newer format.
    """
    try:
        document = json.loads((folder / META).read_text("utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"captioner {folder} has no {META}: give the folder that holds {META}") from None
    except (OSError, ValueError) as e:
        raise CheckpointError(f"captioner {folder}: {META} cannot be read ({reason(e)}): copy the folder again") from e
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise CheckpointError(f"captioner {folder}: {META} is not a captioner's: make one with `groundcast captioner`")
    version = document.get("format_version")
    if version != VERSION:
        raise CheckpointError(
            f"captioner {folder} has format {version}, this program reads {VERSION}: update groundcast"
        )
    try:
        meta = CaptionerMeta(**{f.name: document[f.name] for f in fields(CaptionerMeta)})
        whole = all(isinstance(meta.lm[name], int) for name in SHAPE)
    except (KeyError, TypeError) as e:
        raise CheckpointError(f"captioner {folder}: {META} is incomplete ({reason(e)}): copy the folder again") from e
    if not whole:
        raise CheckpointError(f"captioner {folder}: {META} has sizes that are no numbers: copy the folder again")
    return meta


def read_captioner_tensors(folder: Path) -> "dict[str, torch.Tensor]":
    """All tensors as float32, the tied output layer put back.

    Raises:
        CheckpointError: The file is missing or cut short.
    """
    tensors = {name: t.float() for name, t in read_tensors(folder).items()}
    embedding = tensors.get("lm.transformer.wte.weight")
    if embedding is None:
        raise CheckpointError(f"captioner {folder}: {WEIGHTS} has no word embedding: copy the folder again")
    return tensors | {_TIED: embedding}


def captioner_of(checkpoint: Path, model_id: str) -> Path | None:
    """The captioner of a model: the folder `captioner` in its checkpoint's, else the bundled one if it is its.

    Args:
        checkpoint: Folder of the model's checkpoint, which may hold a captioner.
        model_id: Id of the model: the bundled captioner belongs to one alone.
    """
    beside = checkpoint / BESIDE
    if beside.is_dir():
        return beside
    bundled = bundle_folder() / BUNDLED
    return bundled if bundled.is_dir() and read_captioner_meta(bundled).model_id == model_id else None
