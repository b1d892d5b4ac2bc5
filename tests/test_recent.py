"""What was computed lately."""

import threading

import pytest

from search_ui.search.recent import Recent


def test_what_was_not_asked_for_longest_goes_first() -> None:
    kept: Recent[int] = Recent(2)
    made = []
    for key in ("a", "b", "a", "c", "a", "b"):
        kept.get(key, lambda key=key: made.append(key) or 1)
    assert made == ["a", "b", "c", "b"]


def test_the_size_is_bounded_too() -> None:
    kept: Recent[bytes] = Recent(100, max_bytes=10)
    for number in range(5):
        kept.get(number, lambda: b"1234", size=len)
    assert len(kept) == 2


def test_two_threads_that_ask_at_once_get_one_value_made_once() -> None:
    kept: Recent[int] = Recent(5)
    made, begun, go = [], threading.Event(), threading.Event()

    def make() -> int:
        begun.set()
        go.wait(10)
        made.append(1)
        return 7

    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(kept.get("key", make))) for _ in range(5)]
    for thread in threads:
        thread.start()
    begun.wait(10)
    go.set()
    for thread in threads:
        thread.join()
    assert (found, made) == ([7] * 5, [1])


def test_an_error_is_passed_on_and_the_next_one_tries_again() -> None:
    kept: Recent[int] = Recent(5)
    with pytest.raises(ZeroDivisionError):
        kept.get("key", lambda: 1 // 0)
    assert kept.get("key", lambda: 3) == 3
