"""The tokenizer of a captioner: byte-level BPE as GPT-2 has it, learnt from captions or read from GPT-2's own files.

One file, `tokenizer.json`, holds all of it. Nothing here knows models.
"""

from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from trainer.errors import CheckpointError, WeightsUnavailableError, reason

FILE = "tokenizer.json"
END = "<|endoftext|>"
_MOST_BYTES = 64 * 2**20  # of a file; that of a quarter of a million tokens has 17 MB
_GPT2 = "https://huggingface.co/openai-community/gpt2"


def learn_words(captions: Iterable[str], *, most: int) -> Tokenizer:
    """A tokenizer whose tokens are the most frequent words and pieces of words of captions; `END` is token 0."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    # all 256 bytes are tokens, so that no text is unknown, whatever script it is in
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=most, min_frequency=2, initial_alphabet=alphabet, special_tokens=[END], show_progress=False
    )
    tokenizer.train_from_iterator(captions, trainer)
    return tokenizer


def read_words(folder: Path) -> Tokenizer:
    """The tokenizer of a folder: `tokenizer.json`, or GPT-2's older pair `vocab.json` and `merges.txt`.

    Raises:
        WeightsUnavailableError: It has neither.
        CheckpointError: A file is broken, or larger than any tokenizer's.
    """
    whole, pair = folder / FILE, (folder / "vocab.json", folder / "merges.txt")
    for path in (whole, *pair):
        if path.is_file() and path.stat().st_size > _MOST_BYTES:  # the library would take ten times that of memory
            raise CheckpointError(
                f"{path} is larger than {_MOST_BYTES >> 20} MiB, which no tokenizer is: copy it again"
            )
    try:
        if whole.is_file():
            return Tokenizer.from_file(str(whole))
        if all(path.is_file() for path in pair):
            tokenizer = Tokenizer(models.BPE.from_file(*map(str, pair)))
            tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
            tokenizer.decoder = decoders.ByteLevel()
            return tokenizer
    except Exception as error:  # the library raises nothing narrower
        raise CheckpointError(f"tokenizer in {folder} cannot be read ({reason(error)}): copy it again") from error
    raise WeightsUnavailableError(f"no tokenizer in {folder}: download tokenizer.json from {_GPT2} into that folder")
