"""Training a captioner, from samples to its folder: read it top to bottom.

The projector, and the language model unless it is frozen, learn captions word by word from S. The state is stored every
`store_every` steps, from which the same command goes on. Nothing here knows shards or the model behind the vectors.
"""

import hashlib
import json
import logging
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from trainer.captioning.folder import SHAPE, CaptionerMeta, write_captioner
from trainer.captioning.network import CaptionNetwork
from trainer.captioning.samples import WAYS, Samples
from trainer.captioning.words import END, learn_words, read_words
from trainer.errors import CheckpointError, UsageError, reason

logger = logging.getLogger(__name__)

Report = Callable[[int, dict[str, float]], None]  # step, numbers
_CHANCES = dict(zip(WAYS, (0.6, 0.1, 0.1, 0.2), strict=True))  # how often a sample is seen in each way
_MOST_TOKENS = 40
_VALIDATION = 2000  # samples at most


@dataclass(frozen=True, kw_only=True)
class CaptionerConfig:
    """Everything that decides what a training run does.

    Attributes:
        steps: Optimiser steps in all.
        batch: Samples a step.
        lr: Peak learning rate; warmed up over the first twentieth, then along a cosine to 0.
        prefix_length: Embeddings before the first word.
        lm: Folder of a GPT-2 in Hugging Face's form to start from; "": a small one from nothing.
        frozen: Leave that GPT-2 as it is and train the projector alone.
        width: Of a language model from nothing.
        layers: Blocks of a language model from nothing.
        heads: Attention heads of a language model from nothing; must divide `width`.
        words: Tokens of its vocabulary, at most.
        dropout: Share of numbers left out in the language model.
        noise: Standard deviation of noise on S, as a share of the vectors' own in each number.
        weight_decay: AdamW's, on matrices alone.
        seed: Decides the first weights, the order of samples, noise and dropout.
        store_every: Steps between two stored states, from which a stopped run goes on.
    """

    steps: int = 2500
    batch: int = 64
    lr: float = 2e-3
    prefix_length: int = 10
    lm: str = ""
    frozen: bool = False
    width: int = 128
    layers: int = 3
    heads: int = 4
    words: int = 1536
    dropout: float = 0.0
    noise: float = 0.2
    weight_decay: float = 0.05
    seed: int = 0
    store_every: int = 500

    def __post_init__(self) -> None:
        if self.frozen and not self.lm:
            raise UsageError("a language model from nothing cannot stay frozen: give a trained one with --lm")
        if self.width % self.heads:
            raise UsageError(f"width {self.width} does not divide into {self.heads} heads: give a multiple")


def train_captioner(
    samples: Samples,
    out: Path,
    recipe: CaptionerConfig,
    *,
    model_id: str,
    validation: Samples | None = None,
    data_card: dict[str, Any] | None = None,
    report: Report | None = None,
) -> CaptionerMeta:
    """Train a captioner; the same call again goes on where the last one stopped.

    Args:
        samples: Vectors and captions that it learns from.
        out: The folder to write; beside it lies the state while it is trained.
        recipe: How it is trained; part of the state's name, so another recipe does not go on from it.
        model_id: The model whose vectors these are.
        validation: What it is measured on in the end.
        data_card: What it is trained on, in words.
        report: Called every 50 steps with the step and its loss and samples per second.

    Raises:
        UsageError: The folder exists, or its state is of another recipe.
        CheckpointError: The language model cannot be read, or the disk refuses.
    """
    if out.exists():
        raise UsageError(f"{out} exists: choose another name, or remove it first")
    torch.manual_seed(recipe.seed)
    words, shape, weights = _language_model(recipe, samples)
    network = CaptionNetwork(samples.overhead.shape[1], recipe.prefix_length, shape, dropout=recipe.dropout)
    if weights:
        network.lm.load_state_dict(weights)
    _start_projector(network, samples)
    network.lm.requires_grad_(not recipe.frozen)
    stop = _stop(words, recipe)

    encoded = _Encoded(samples, words, stop)
    # numbers of S differ in how far they spread: each is shaken by a share of its own
    spread = torch.from_numpy(samples.overhead.std(axis=0)) * recipe.noise  # [d]
    parameters = [p for p in network.parameters() if p.requires_grad]
    # decay draws weights to 0, where a norm's scale and a bias should not go
    matrices, others = ([p for p in parameters if (p.ndim > 1) is many] for many in (True, False))
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=recipe.lr,
        betas=(0.9, 0.98),
    )
    state = _State(out, recipe, model_id)
    began = state.restore(network, optimiser)
    network.train()
    for step in range(began, recipe.steps):
        rng = np.random.default_rng([recipe.seed, step])  # the same whether the run was stopped or not
        vectors, tokens, lengths = encoded.draw(rng, recipe.batch)  # [b, d], [b, t], [b]
        vectors = vectors + torch.from_numpy(rng.standard_normal(vectors.shape, np.float32)) * spread
        for group in optimiser.param_groups:
            group["lr"] = recipe.lr * _schedule(step, recipe.steps)
        started = time.perf_counter()
        torch.manual_seed(recipe.seed * 1_000_003 + step)  # of dropout
        loss = network.loss(vectors, tokens, lengths)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        # one odd batch must not undo the learning of many
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        if (step + 1) % 50 == 0 or step + 1 == recipe.steps:
            seconds = time.perf_counter() - started
            numbers = {"loss": loss.item(), "samples_per_s": recipe.batch / seconds}
            if report is not None:
                report(step + 1, numbers)
        if (step + 1) % recipe.store_every == 0 and step + 1 < recipe.steps:
            state.store(step + 1, network, optimiser)
    network.eval()
    meta = CaptionerMeta(
        model_id=model_id,
        dim=samples.overhead.shape[1],
        prefix_length=recipe.prefix_length,
        lm=shape,
        stop=stop,
        most_tokens=_MOST_TOKENS,
        length_penalty=0.0,  # else the longer of two ways to say it wins
        training=asdict(recipe) | {"lm": Path(recipe.lm).name},
        metrics={} if validation is None else {"loss": _validate(network, _Encoded(validation, words, stop))},
        data_card=data_card or {},
        origin={"trained": "by groundcast"},
    )
    write_captioner(out, meta, network.state_dict(), words, half=True)
    state.forget()
    return meta


class _Encoded:
    """Samples with their captions as tokens."""

    def __init__(self, samples: Samples, words: Tokenizer, stop: int) -> None:
        self.samples = samples
        self._chances = np.array([_CHANCES[way] for way in (WAYS if len(samples.dynamic) > 1 else WAYS[-1:])])
        # of a model without time one way is left
        self._chances /= self._chances.sum()
        self._count = np.array([len(texts) for texts in samples.captions[0]])  # captions of each sample
        # captions of all samples lie one after the other: where each sample's begin
        self._first = np.concatenate([[0], np.cumsum(self._count)[:-1]])
        texts = [[text for some in way for text in some] for way in samples.captions]
        known: dict[str, list[int]] = {}
        for way in texts:
            # ways share most captions: each text is encoded once
            fresh = [text for text in dict.fromkeys(way) if text not in known]
            encoded = zip(fresh, words.encode_batch(fresh), strict=True)
            known |= {text: [*one.ids[: _MOST_TOKENS - 1], stop] for text, one in encoded}
        self._tokens = [[known[text] for text in way] for way in texts]

    def draw(self, rng: np.random.Generator, batch: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Vectors, float32 [b, d]; tokens, int64 [b, t]; how many of them count, int64 [b]."""
        rows = rng.integers(0, len(self.samples), batch)
        ways = rng.choice(len(self._chances), batch, p=self._chances)
        numbers = self._first[rows] + np.floor(rng.random(batch) * self._count[rows]).astype(np.int64)
        said = [self._tokens[way][number] for way, number in zip(ways.tolist(), numbers.tolist(), strict=True)]
        lengths = torch.tensor([len(one) for one in said])
        # padded with 0, which `lengths` keeps out of the loss
        tokens = torch.nn.utils.rnn.pad_sequence([torch.tensor(one) for one in said], batch_first=True)
        return torch.from_numpy(self.samples.vectors(ways, rows)), tokens, lengths


class _State:
    """Where a run stands, beside the folder that it will write."""

    def __init__(self, out: Path, recipe: CaptionerConfig, model_id: str) -> None:
        self._path = out.with_name(f".{out.name}.state.pt")
        said = json.dumps([asdict(recipe), model_id], sort_keys=True)
        self._run = hashlib.sha256(said.encode()).hexdigest()[:16]

    def restore(self, network: CaptionNetwork, optimiser: torch.optim.Optimizer) -> int:
        """The step to go on with."""
        if not self._path.is_file():
            return 0
        try:
            # no code in it: a state may come from another machine
            found = torch.load(self._path, weights_only=True)
        except Exception as error:  # torch raises whatever the bytes lead it to
            raise CheckpointError(f"{self._path} is broken ({reason(error)}): remove it to begin anew") from error
        # steps of two recipes in one network would be a model that neither recipe describes
        if found["run"] != self._run:
            raise UsageError(f"{self._path} is the state of another recipe: remove it, or give its options")
        network.load_state_dict(found["network"])
        optimiser.load_state_dict(found["optimiser"])
        logger.info("going on at step %d", found["step"])
        return int(found["step"])

    def store(self, step: int, network: CaptionNetwork, optimiser: torch.optim.Optimizer) -> None:
        """Write it whole or not at all."""
        part = self._path.with_name(f"{self._path.name}.{os.getpid()}.part")
        content = {"run": self._run, "step": step, "network": network.state_dict(), "optimiser": optimiser.state_dict()}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(content, part)
            part.replace(self._path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise CheckpointError(f"{self._path} cannot be written ({error.strerror}): make room") from error

    def forget(self) -> None:
        """The run is done."""
        self._path.unlink(missing_ok=True)


def _language_model(
    recipe: CaptionerConfig, samples: Samples
) -> tuple[Tokenizer, dict[str, int], dict[str, torch.Tensor]]:
    """Tokenizer, shape and weights of the GPT-2 to start from; no weights where it starts from nothing."""
    if not recipe.lm:
        words = learn_words((t for way in samples.captions for some in way for t in some), most=recipe.words)
        sizes = (recipe.width, recipe.layers, recipe.heads, recipe.prefix_length + _MOST_TOKENS, words.get_vocab_size())
        return words, dict(zip(SHAPE, sizes, strict=True)), {}
    folder = Path(recipe.lm)
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        weights = load_file(folder / "model.safetensors")
        shape = {name: int(config[name]) for name in SHAPE}
    except Exception as error:
        raise CheckpointError(
            f"language model {folder} cannot be read ({reason(error)}): "
            "give a folder with config.json, model.safetensors and tokenizer.json of a GPT-2"
        ) from error
    # Hugging Face stores GPT-2 with and without that prefix; masks were buffers once, the output layer is the embedding
    whole = {name if name.startswith("transformer.") else f"transformer.{name}": t for name, t in weights.items()}
    whole = {name: t for name, t in whole.items() if not name.endswith((".attn.bias", ".attn.masked_bias"))}
    return read_words(folder), shape, whole | {"lm_head.weight": whole["transformer.wte.weight"]}


def _stop(words: Tokenizer, recipe: CaptionerConfig) -> int:
    """The token that ends a caption."""
    stop = words.token_to_id(END)
    if stop is None:
        raise CheckpointError(f"the tokenizer in {recipe.lm} has no {END}: take GPT-2's own")
    return stop


def _start_projector(network: CaptionNetwork, samples: Samples) -> None:
    """The first layer takes vectors of any length: weights are drawn for numbers as large as these."""
    with torch.no_grad():
        network.projector[0].get_parameter("weight").div_(max(float(np.sqrt((samples.overhead**2).mean())), 1e-6))


def _schedule(step: int, steps: int) -> float:
    warmup = max(1, steps // 20)
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


@torch.inference_mode()
def _validate(network: CaptionNetwork, encoded: _Encoded) -> float:
    """Mean loss of a token over samples that it did not learn from."""
    rng, losses = np.random.default_rng(0), []
    for _ in range(max(1, min(len(encoded.samples), _VALIDATION) // 100)):
        losses.append(network.loss(*encoded.draw(rng, 100)).item())
    return float(np.mean(losses))
