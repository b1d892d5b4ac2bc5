"""Readers and a model on one processor take turns, unless reading mostly waits."""

import threading

import pytest

from ingest.jobs.throttle import Throttle


def passes(throttle: Throttle) -> bool:
    """Whether a reader gets through within a moment."""
    through = threading.Event()
    reader = threading.Thread(target=lambda: (throttle.to_read(), through.set()), daemon=True)
    reader.start()
    return through.wait(0.3)


def test_a_reader_waits_while_the_model_computes_and_goes_on_after() -> None:
    throttle = Throttle(shared=True)
    assert passes(throttle)
    with throttle.computing():
        assert not passes(throttle)
    assert passes(throttle)


def test_a_model_with_a_device_of_its_own_never_stops_readers() -> None:
    throttle = Throttle(shared=False)
    with throttle.computing():
        assert passes(throttle)


def test_readers_that_wait_for_a_network_go_on_beside_the_model() -> None:
    throttle = Throttle(shared=True)
    throttle.took(seconds=10.0, cpu_s=0.5)
    with throttle.computing():
        assert passes(throttle)
    throttle.took(seconds=10.0, cpu_s=8.0)  # what was read since then was work
    with throttle.computing():
        assert not passes(throttle)


def test_a_model_that_fails_leaves_no_reader_waiting() -> None:
    throttle = Throttle(shared=True)
    with pytest.raises(MemoryError), throttle.computing():
        raise MemoryError
    assert passes(throttle)
