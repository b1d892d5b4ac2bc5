"""There are more readers where reading mostly waits, and fewer again where they crowd each other."""

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
    throttle = Throttle(readers=2)
    for _ in range(200):
        throttle.took(seconds=seconds, cpu_s=cpu_s)
    assert throttle.readers == readers


def test_readers_that_crowd_each_other_become_fewer_again_but_not_fewer_than_asked_for() -> None:
    throttle = Throttle(readers=3)
    for _ in range(200):
        throttle.took(seconds=1.0, cpu_s=0.01)
    assert throttle.readers == throttle.most
    for _ in range(200):
        throttle.took(seconds=1.0, cpu_s=0.9)
    assert throttle.readers == 3


def test_so_many_read_at_once_and_the_next_when_one_is_through() -> None:
    throttle = Throttle(readers=2)
    with throttle.reading():
        with ExitStack() as second:
            second.enter_context(throttle.reading())
            assert not passes(throttle)
        assert passes(throttle)
