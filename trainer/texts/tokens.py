"""Texts as numbers of tokens without torch, as open_clip makes them: its own BPE, and Hugging Face's tokenizers.

What a tokenizer knows stands in a JSON document of the library `tokenizers`; how a text is cleaned before, and what
that library cannot say, in `Rules`. Nothing here knows towers or files.
"""

import html
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Encoding, Tokenizer

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True, slots=True)
class Rules:
    """What happens to a text before and after the library's part.

    Attributes:
        length: Tokens of every text, n: shorter ones are filled up, longer ones cut.
        clean: How it is cleaned: `lower`, `whitespace` or `canonicalize`, as open_clip calls them.
        words: Regular expression of the words that are tokenized one by one; None: the library finds them.
        zeroed: A token that becomes 0 afterwards; None: no such.
    """

    length: int
    clean: str
    words: str | None = None
    zeroed: int | None = None


class TextTokens:
    """Makes tokens of texts. May be used from several threads.

    Args:
        document: JSON of the library `tokenizers`, with truncation and padding.
        rules: What happens before and after.
    """

    def __init__(self, document: str, rules: Rules) -> None:
        self._tokenizer = Tokenizer.from_str(document)
        self._rules = rules
        self._clean = CLEANING[rules.clean]
        self._pattern: Any = None
        if rules.words is not None:
            import regex

            self._pattern = regex.compile(rules.words, regex.IGNORECASE)

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.int64]:
        """Token numbers, int64 [len(texts), length]."""
        cleaned: list[Any] = [self._clean(text) for text in texts]
        apart = self._pattern is not None
        if apart:
            cleaned = [self._pattern.findall(text) for text in cleaned]
        encoded: list[Encoding] = self._tokenizer.encode_batch(cleaned, is_pretokenized=apart)
        tokens = np.array([one.ids for one in encoded], np.int64).reshape(len(texts), self._rules.length)
        if self._rules.zeroed is not None:
            tokens[tokens == self._rules.zeroed] = 0
        return tokens


def _mended(text: str) -> str:
    # printable ASCII without & is what both would give back, and importing ftfy takes as long as embedding the text
    if text.isascii() and text.isprintable() and "&" not in text:
        return text.strip()
    import ftfy

    return html.unescape(html.unescape(ftfy.fix_text(text))).strip()


def _whitespace(text: str) -> str:
    return " ".join(_mended(text).split())


def _lower(text: str) -> str:
    return _whitespace(text).lower()


def _canonicalize(text: str) -> str:
    bare = _mended(text).replace("_", " ").translate(_NO_PUNCTUATION)
    return " ".join(bare.lower().split())


CLEANING: dict[str, Callable[[str], str]] = {
    "lower": _lower,
    "whitespace": _whitespace,
    "canonicalize": _canonicalize,
}
