"""CLIPCap's design: a projector turns a vector into a prefix of a causal language model, which goes on in words.

The vector is S, unnormalised. The projector is CLIPCap's MLP: d → width·prefix/2 → tanh → width·prefix, cut into
`prefix` embeddings (Mokady et al., ClipCap: CLIP Prefix for Image Captioning, 2021). The language model is any GPT-2.
Nothing here knows files, tokenizers or training.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

IGNORE = -100


class CaptionNetwork(nn.Module):
    """A projector and a language model.

    Args:
        dim: Width of the vectors, d.
        prefix_length: Embeddings before the first word.
        lm: What decides the tensors of the GPT-2, by the names of `trainer.captioning.folder.SHAPE`.
        dropout: Share of numbers that training leaves out, everywhere in the language model.
    """

    def __init__(self, dim: int, prefix_length: int, lm: Mapping[str, int], *, dropout: float = 0.0) -> None:
        from transformers import GPT2Config, GPT2LMHeadModel  # an optional package

        super().__init__()
        self.prefix_length = prefix_length
        settings: dict[str, Any] = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), dropout)
        # GPT-2's own end token may lie outside a small vocabulary; the end is given to `generate`
        settings |= {**lm, "bos_token_id": None, "eos_token_id": None}
        self.lm = GPT2LMHeadModel(GPT2Config(**settings))
        width = self.lm.config.n_embd
        self.projector = nn.Sequential(
            nn.Linear(dim, width * prefix_length // 2),
            nn.Tanh(),
            nn.Linear(width * prefix_length // 2, width * prefix_length),
        )

    def prefix(self, vectors: torch.Tensor) -> torch.Tensor:
        """Turn S, float [n, d], unnormalised, into embeddings, float [n, prefix_length, width]."""
        projected: torch.Tensor = self.projector(vectors)
        return projected.view(len(vectors), self.prefix_length, -1)

    def forward(self, vectors: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Logits of each token given those before it, float [n, t, vocabulary].

        Args:
            vectors: S, float [n, d].
            tokens: int64 [n, t]; what stands behind the end may be anything.
        """
        words = self.lm.transformer.wte(tokens)  # [n, t, width]
        whole = torch.cat([self.prefix(vectors), words], dim=1)
        hidden = self.lm.transformer(inputs_embeds=whole, use_cache=False).last_hidden_state
        # place i says token i + 1: the last of the prefix says the first word, the last word nothing
        logits: torch.Tensor = self.lm.lm_head(hidden[:, self.prefix_length - 1 : -1])
        return logits

    def loss(self, vectors: torch.Tensor, tokens: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Mean cross-entropy of a token, over the first `lengths` tokens of each row; arguments as for `forward`."""
        inside = torch.arange(tokens.shape[1], device=tokens.device) < lengths[:, None]  # [n, t]
        targets = tokens.masked_fill(~inside, IGNORE)
        return F.cross_entropy(self(vectors, tokens).flatten(0, 1), targets.flatten(), ignore_index=IGNORE)

    @torch.inference_mode()
    def tokens(
        self,
        vectors: torch.Tensor,
        *,
        beams: int,
        most: int,
        stop: int,
        length_penalty: float = 1.0,
        never: Sequence[Sequence[int]] = (),
    ) -> list[list[list[int]]]:
        """The words of every beam of a beam search, the likeliest first, without the token that ends them.

        Args:
            vectors: S, float [n, d].
            beams: Sentences followed side by side; 1: the likeliest word each time.
            most: Tokens of a sentence at most; then it ends unfinished.
            stop: The token that ends a sentence.
            length_penalty: 1: the likeliest per token, as CLIPCap has it; 0: the likeliest, which is shorter.
            never: Runs of tokens that no sentence may hold.
        """
        prefix = self.prefix(vectors)
        # transformers warns of a penalty without beams
        search: dict[str, Any] = {"length_penalty": length_penalty} if beams > 1 else {}
        if never:
            search["bad_words_ids"] = [list(run) for run in never]
        lm: Any = self.lm  # its mixin is typed for another base
        said = lm.generate(
            inputs_embeds=prefix,
            # nothing is padded; without a mask `generate` would have to guess
            attention_mask=torch.ones(prefix.shape[:2], dtype=torch.long, device=prefix.device),
            num_beams=beams,
            num_return_sequences=beams,
            do_sample=False,
            max_new_tokens=most,
            eos_token_id=stop,
            pad_token_id=stop,
            **search,
        )
        # behind the end stands padding, which is the end token too
        cut = [row[: row.index(stop)] if stop in row else row for row in said.tolist()]
        return [cut[start : start + beams] for start in range(0, len(cut), beams)]
