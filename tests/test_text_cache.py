"""Texts embedded once."""

import numpy as np
from diskcache import Cache

from search_ui.search.text_cache import cached_texts


class Counting:
    """Embeds a text as its length, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: list[str]) -> np.ndarray:
        self.asked += texts
        return np.array([[len(text), 0.1] for text in texts], np.float32)


def test_a_text_is_embedded_once_a_model(tmp_path) -> None:
    embed = Counting()
    first = cached_texts(tmp_path, "m1", ["a", "bb"], embed)
    again = cached_texts(tmp_path, "m1", ["bb", "ccc", "a"], embed)
    assert embed.asked == ["a", "bb", "ccc"]
    assert np.array_equal(again, np.array([[2, 0.1], [3, 0.1], [1, 0.1]], np.float32))
    assert first.dtype == again.dtype == np.float32
    cached_texts(tmp_path, "m2", ["a"], embed)
    assert embed.asked[-1] == "a"


def test_a_vector_that_is_not_what_was_written_is_made_anew(tmp_path) -> None:
    embed = Counting()
    cached_texts(tmp_path, "m", ["a"], embed)
    with Cache(str(tmp_path)) as cache:
        (key,) = cache
        kept = bytearray(cache[key])
        kept[-3] ^= 4
        cache[key] = bytes(kept)
    assert cached_texts(tmp_path, "m", ["a"], embed)[0].tolist() == [1.0, np.float32(0.1)]
    assert embed.asked == ["a", "a"]


def test_half_a_surrogate_is_a_key_like_any_other(tmp_path) -> None:
    embed = Counting()
    for _ in range(2):
        cached_texts(tmp_path, "m", ["\ud800"], embed)
    assert len(embed.asked) == 1


def test_a_vector_can_be_written_to_without_harm_to_the_cache(tmp_path) -> None:
    embed = Counting()
    cached_texts(tmp_path, "m", ["a"], embed)[:] = 7
    cached_texts(tmp_path, "m", ["a"], embed)[:] = 7
    assert cached_texts(tmp_path, "m", ["a"], embed)[0, 0] == 1
