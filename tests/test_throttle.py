"""Readers and a model on one processor take turns, unless reading mostly waits; then there are more readers."""

import threading
from contextlib import ExitStack

import pytest

from ingest.jobs.throttle import Throttle


def passes(throttle: Throttle) -> bool:
    """Whether a reader gets through within a moment."""
    through = threading.Event()

    def read() -> None:
        with throttle.reading():
            through.set()

    threading.Thread(target=read, daemon=True).start()
    return through.wait(0.3)


def test_a_reader_waits_while_the_model_computes_and_goes_on_after() -> None:
    throttle = Throttle(shared=True, readers=2)
    assert passes(throttle)
    with throttle.computing():
        assert not passes(throttle)
    assert passes(throttle)


def test_a_model_with_a_device_of_its_own_never_stops_readers() -> None:
    throttle = Throttle(shared=False, readers=2)
    with throttle.computing():
        assert passes(throttle)


def test_readers_that_wait_for_a_network_go_on_beside_the_model() -> None:
    throttle = Throttle(shared=True, readers=2)
    throttle.took(seconds=10.0, cpu_s=0.5)
    with throttle.computing():
        assert passes(throttle)
    throttle.took(seconds=10.0, cpu_s=8.0)  # what was read since then was work
    with throttle.computing():
        assert not passes(throttle)


def test_a_model_that_fails_leaves_no_reader_waiting() -> None:
    throttle = Throttle(shared=True, readers=2)
    with pytest.raises(MemoryError), throttle.computing():
        raise MemoryError
    assert passes(throttle)


@pytest.mark.parametrize(
    ("seconds", "cpu_s", "readers"),
    [
        (0.100, 0.010, 16),  # two of them keep a fifth of a core busy
        (0.010, 0.009, 2),  # they compute
        (0.020, 0.010, 2),  # one core between the two, as a lock has it: more would only wait for it too
        (0.0, 0.0, 2),
    ],
)
def test_there_are_more_readers_where_they_hardly_compute(seconds: float, cpu_s: float, readers: int) -> None:
    throttle = Throttle(shared=True, readers=2)
    for _ in range(200):
        throttle.took(seconds=seconds, cpu_s=cpu_s)
    assert throttle.readers == readers


def test_readers_that_crowd_each_other_become_fewer_again_but_not_fewer_than_asked_for() -> None:
    throttle = Throttle(shared=False, readers=3)
    for _ in range(200):
        throttle.took(seconds=1.0, cpu_s=0.01)
    assert throttle.readers == throttle.most
    for _ in range(200):
        throttle.took(seconds=1.0, cpu_s=0.9)
    assert throttle.readers == 3


def test_so_many_read_at_once_and_the_next_when_one_is_through() -> None:
    throttle = Throttle(shared=False, readers=2)
    with throttle.reading():
        with ExitStack() as second:
            second.enter_context(throttle.reading())
            assert not passes(throttle)
        assert passes(throttle)
