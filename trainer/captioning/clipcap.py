"""CLIPCap's weights as its authors published them, as a captioner folder (MLP variant).

    clip_project.model.0.*, clip_project.model.2.*   the projector, 512 → 3840 → 7680 (GPT-2: 10 × 768)
    gpt.transformer.…, gpt.lm_head.weight            GPT-2, with its old buffers `attn.bias`, `attn.masked_bias`

The file is a pickle, of which tensors alone are read. A caption ends with a full stop: they were trained without an
end token. The words are GPT-2's, whose files must lie beside (see `trainer.captioning.words`).
"""

import re
from collections.abc import Mapping
from pathlib import Path

import torch

from trainer.captioning.folder import CaptionerMeta, write_captioner
from trainer.captioning.words import read_words
from trainer.errors import CheckpointError, ModelMismatchError
from trainer.weights.files import read_weights

_BUFFERS = re.compile(r"\.attn\.(?:masked_)?bias$")
_LAYER = re.compile(r"lm\.transformer\.h\.\d+\.ln_1\.weight")
_HEAD_WIDTH = 64  # of every GPT-2 that was published
_MOST_TOKENS = 67  # as in the authors' script


def add_clipcap(
    weights: Path, words: Path, target: Path, *, model_id: str, dim: int, heads: int | None = None
) -> CaptionerMeta:
    """Write a captioner folder of the authors' weights.

    Args:
        weights: The `.pt` file, or the same tensors as safetensors.
        words: Folder with GPT-2's tokenizer, whose numbers the weights were trained with.
        target: Folder to write; must not exist.
        model_id: The model whose vectors it shall caption.
        dim: Width of that model's vectors.
        heads: Attention heads of the GPT-2; None: one for each 64 of its width.

    Raises:
        UsageError: No such file, or the target exists.
        UnsafeCheckpointError: A pickle that would run code.
        CheckpointError: Not CLIPCap's weights, or of its transformer variant.
        ModelMismatchError: The vectors are of another width.
        WeightsUnavailableError: The tokenizer is not there.
    """
    tensors = _renamed(read_weights(weights), weights)
    hidden, width = tensors["projector.0.weight"], tensors["lm.transformer.wte.weight"].shape[1]
    if hidden.shape[1] != dim:
        raise ModelMismatchError(
            f"{weights} captions vectors of {hidden.shape[1]} numbers, model {model_id} has {dim}: take a model of the "
            "same CLIP, such as ViT-B-32"
        )
    tokenizer = read_words(words)
    # the end of a caption, see above; and a vocabulary larger than the embedding would index past its end
    full_stop = tokenizer.token_to_id(".")
    if full_stop is None or tokenizer.get_vocab_size() > len(tensors["lm.transformer.wte.weight"]):
        raise CheckpointError(f"the tokenizer in {words} is not the one of {weights}: take GPT-2's own")
    meta = CaptionerMeta(
        model_id=model_id,
        dim=dim,
        prefix_length=tensors["projector.2.weight"].shape[0] // width,
        lm={
            "n_embd": width,
            "n_layer": sum(bool(_LAYER.fullmatch(name)) for name in tensors),
            "n_head": heads or max(1, width // _HEAD_WIDTH),
            "n_positions": len(tensors["lm.transformer.wpe.weight"]),
            "vocab_size": len(tensors["lm.transformer.wte.weight"]),
        },
        stop=full_stop,
        most_tokens=_MOST_TOKENS,
        origin={"clipcap": weights.name},
    )
    write_captioner(target, meta, tensors, tokenizer)
    return meta


def _renamed(found: Mapping[str, torch.Tensor], weights: Path) -> dict[str, torch.Tensor]:
    """The tensors under our names."""
    if any(name.startswith("clip_project.transformer") for name in found):
        raise CheckpointError(f"{weights} is CLIPCap's transformer variant, of which nothing is read: take the MLP one")
    names = {name: _name(name) for name in found if not _BUFFERS.search(name)}
    tensors = {ours: found[name] for name, ours in names.items() if ours is not None}
    needed = [f"projector.{i}.{part}" for i in (0, 2) for part in ("weight", "bias")]
    needed += ["lm.transformer.wte.weight", "lm.transformer.wpe.weight"]
    missing = [name for name in needed if name not in tensors]
    strange = sorted(name for name, ours in names.items() if ours is None)
    if missing or strange:
        what = f"has no {missing[0]}" if missing else f"has a tensor {strange[0]} that CLIPCap has not"
        raise CheckpointError(f"{weights} is not CLIPCap's MLP variant ({what})")
    return tensors


def _name(theirs: str) -> str | None:
    for before, ours in (("clip_project.model.", "projector."), ("gpt.", "lm.")):
        if theirs.startswith(before):
            return ours + theirs.removeprefix(before)
    return None
