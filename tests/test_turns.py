"""Readers and a model on one processor take turns, unless reading mostly waits."""

import threading

import pytest

from ingest.jobs.throttle import Throttle


def passes(turns: Throttle) -> bool:
    """Whether a reader gets through within a moment."""
    through = threading.Event()
    reader = threading.Thread(target=lambda: (turns.to_read(), through.set()), daemon=True)
    reader.start()
    return through.wait(0.3)


def test_a_reader_waits_while_the_model_computes_and_goes_on_after() -> None:
    turns = Throttle(shared=True)
    assert passes(turns)
    with turns.computing():
        assert not passes(turns)
    assert passes(turns)


def test_a_model_with_a_device_of_its_own_never_stops_readers() -> None:
    turns = Throttle(shared=False)
    with turns.computing():
        assert passes(turns)


def test_readers_that_wait_for_a_network_go_on_beside_the_model() -> None:
    turns = Throttle(shared=True)
    turns.took(seconds=10.0, cpu_s=0.5)
    with turns.computing():
        assert passes(turns)
    turns.took(seconds=10.0, cpu_s=8.0)  # what was read since then was work
    with turns.computing():
        assert not passes(turns)


def test_a_model_that_fails_leaves_no_reader_waiting() -> None:
    turns = Throttle(shared=True)
    with pytest.raises(MemoryError), turns.computing():
        raise MemoryError
    assert passes(turns)
