"""Lets a model understand other languages than English: fits an adapter over English texts, without any translation.

The texts say what one may see and do: the phrases of captions, at four moments; the thousand things of ImageNet and the
four hundred doings of Kinetics, as open_clip and torchvision list them. It does not know how a text is read.
"""

from pathlib import Path

from trainer.captioning.phrases import read_phrases
from trainer.embedder import Embedder
from trainer.texts.adapter import LanguageAdapter, write_adapter
from trainer.texts.multilingual import sentence_vectors

_MOMENTS = ("", " in winter", " on a summer afternoon", " at night")


def learn_languages(checkpoint: Path) -> LanguageAdapter:
    """Fit an adapter to a model's text tower and write it beside the checkpoint, in place of one that is there.

    Raises:
        UsageError: The tower's vectors do not follow what texts mean.
        WeightsUnavailableError: The multilingual tower is not installed.
        CheckpointError: The checkpoint is broken or without a text tower, or the disk refuses.
    """
    texts = english_texts()
    sentences = sentence_vectors(texts)  # first: it may not be installed
    adapter = LanguageAdapter.of(sentences, Embedder.load(checkpoint).embed_texts(texts))
    write_adapter(checkpoint, adapter)
    return adapter


def english_texts() -> tuple[str, ...]:
    """About 1,700 of them, each once; needs open_clip and torchvision."""
    from open_clip import IMAGENET_CLASSNAMES
    from torchvision.models._meta import _KINETICS400_CATEGORIES

    seen = [f"{phrase}{moment}" for phrase in read_phrases() for moment in _MOMENTS]
    doings = [name.lower() for name in _KINETICS400_CATEGORIES]
    return tuple(dict.fromkeys([*seen, *doings, *IMAGENET_CLASSNAMES]))
