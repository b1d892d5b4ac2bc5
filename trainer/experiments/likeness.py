"""How alike two captions are: as sentences, and word by word, both by all-MiniLM-L6-v2 on this machine.

sentence    cosine of the mean over the last layer's tokens, what the model was trained for (sentence-transformers)
BERTScore   F1 of the greedy matching of tokens by cosine (Zhang et al. 2020), on MiniLM's last layer, without weights
            by rarity and without rescaling; the paper's is on a larger model, so levels differ and differences compare

A text tower that is MiniLM itself, as the bundled model's, shares the first measure's space. Nothing here knows models
of places.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch

from trainer import minilm
from trainer.measures.metrics import Floats, Vectors, unit

_BATCH = 64


class Likeness:
    """Compares captions; MiniLM is loaded when it is first needed."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Vectors, Vectors]] = {}

    def sentences(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of texts, float32 [n, 384]."""
        self._embed(texts)
        return np.stack([self._known[text][0] for text in texts])

    def tokens(self, texts: Sequence[str]) -> list[Vectors]:
        """Unit vectors of the tokens of each text, float32 [t, 384]."""
        self._embed(texts)
        return [self._known[text][1] for text in texts]

    @cached_property
    def _model(self) -> tuple[Any, Any]:
        from transformers import AutoTokenizer, BertConfig, BertModel

        folder = str(minilm.folder())
        model: Any = BertModel(BertConfig.from_pretrained(folder), add_pooling_layer=False)
        model.load_state_dict({name.removeprefix("transformer."): t for name, t in minilm.tensors().items()})
        return AutoTokenizer.from_pretrained(folder, local_files_only=True), model.eval()

    @torch.inference_mode()
    def _embed(self, texts: Sequence[str]) -> None:
        new = sorted({text for text in texts if text not in self._known}, key=len)  # alike in length, little padding
        for start in range(0, len(new), _BATCH):
            part = new[start : start + _BATCH]
            tokenizer, model = self._model
            given = tokenizer(part, padding=True, truncation=True, max_length=minilm.CONTEXT, return_tensors="pt")
            hidden = model(**given).last_hidden_state.numpy()  # [b, t, 384]
            for text, vectors, mask in zip(part, hidden, given["attention_mask"].numpy(), strict=True):
                # without the padding, which has vectors too
                whole = vectors[mask > 0]
                words = whole[1:-1] if len(whole) > 2 else whole  # without [CLS] and [SEP], as BERTScore has it
                self._known[text] = (unit(whole.mean(axis=0)), unit(words))


def bert_score(candidate: Vectors, reference: Vectors) -> float:
    """F1 of the greedy matching of two texts' tokens, unit vectors [t, d] each; 0 where they point away."""
    cosine = candidate @ reference.T  # [t, t']
    # each token takes the other text's nearest one: candidate's rows give precision, reference's columns recall
    precision, recall = (max(float(cosine.max(axis=axis).mean()), 0.0) for axis in (1, 0))
    return 2 * precision * recall / max(precision + recall, 1e-9)


def compare(likeness: Likeness, said: Sequence[str], references: Sequence[Sequence[str]]) -> tuple[Floats, Floats]:
    """The mean likeness of each caption to its references, as sentences and as BERTScore, [n] each.

    Args:
        likeness: Embeds the texts, and keeps what it has embedded.
        said: The n captions to judge.
        references: The texts that each is judged by, one or more.
    """
    sentence, words = np.empty(len(said)), np.empty(len(said))
    likeness.sentences([*said, *(text for several in references for text in several)])  # all at once
    for i, (text, several) in enumerate(zip(said, references, strict=True)):
        # mean over the references, not the best: what people wrote under one photo differs
        sentence[i] = float((likeness.sentences([text]) @ likeness.sentences(several).T).mean())
        mine = likeness.tokens([text])[0]
        words[i] = float(np.mean([bert_score(mine, theirs) for theirs in likeness.tokens(several)]))
    return sentence, words
