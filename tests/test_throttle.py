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
    ("seconds", "cpu_s", "awaited", "readers"),
    [
        (0.100, 0.010, True, 16),  # two of them keep a fifth of a core busy
        (0.010, 0.009, True, 2),  # they compute
        (0.020, 0.010, True, 2),  # one core between the two, as a lock has it: more would only wait for it too
        (0.100, 0.010, False, 2),  # the model is at work, and they wait for the cores that it takes
        (0.0, 0.0, True, 2),
    ],
)
def test_there_are_more_readers_where_they_hardly_compute(
    seconds: float, cpu_s: float, awaited: bool, readers: int
) -> None:
    throttle = Throttle(readers=2)
    for _ in range(200):
        throttle.took(seconds=seconds, cpu_s=cpu_s, awaited=awaited)
    assert throttle.readers == readers


def test_readers_that_crowd_each_other_become_fewer_again_but_not_fewer_than_asked_for() -> None:
    throttle = Throttle(readers=3)
    for _ in range(200):
        throttle.took(seconds=1.0, cpu_s=0.01, awaited=True)
    assert throttle.readers == throttle.most
    for _ in range(200):
        throttle.took(seconds=1.0, cpu_s=0.9, awaited=True)
    assert throttle.readers == 3


def test_so_many_read_at_once_and_the_next_when_one_is_through() -> None:
    throttle = Throttle(readers=2)
    with throttle.reading():
        with ExitStack() as second:
            second.enter_context(throttle.reading())
            assert not passes(throttle)
        assert passes(throttle)
