"""A process for what people bring: its bounds, its end, and that it goes on after each."""

import os
import time
from collections.abc import Iterator

import pytest

from ingest.sources.picture import open_picture
from search_ui.service.brought.confined import Confined
from trainer.errors import ItemError, UploadError

MANY = 10**9


class StoppedError(Exception):
    """Nobody waits any more."""


@pytest.fixture(scope="module")
def process() -> Iterator[Confined]:
    made = Confined(memory_bytes=300 * 2**20, seconds=60.0, refused=lambda why: UploadError(f"it {why}: no"))
    yield made
    made.close()


def test_it_gives_back_what_a_function_gives_from_another_process_that_stays(process: Confined) -> None:
    first, again = process.run(os.getpid), process.run(os.getpid)
    assert first == again != os.getpid()


def test_errors_of_ours_come_back_as_they_are(process: Confined) -> None:
    with pytest.raises(ItemError, match="'a' is empty") as caught:
        process.run(open_picture, b"", "'a'")
    assert caught.value.reason == "empty"


def test_too_much_memory_is_refused_and_the_next_is_served(process: Confined) -> None:
    before = process.run(os.getpid)
    with pytest.raises(UploadError, match="it takes more than 300 MiB of memory to read: no"):
        process.run(bytearray, MANY)
    assert process.run(os.getpid) != before
    with pytest.raises(UploadError, match="takes more than 300 MiB"):  # as libraries end that have no memory left
        process.run(os.abort)


def test_too_much_time_is_refused_and_who_stops_waiting_ends_it() -> None:
    short = Confined(memory_bytes=300 * 2**20, seconds=0.1, refused=UploadError)
    with pytest.raises(UploadError, match="takes longer than 0 s"):
        short.run(time.sleep, 60)
    short.close()

    def stop(_: float) -> None:
        raise StoppedError

    stopped = Confined(memory_bytes=300 * 2**20, seconds=60, refused=UploadError, tick=stop)
    with pytest.raises(StoppedError):
        stopped.run(time.sleep, 60)
    assert stopped._process is None


def test_one_that_was_idle_ends_and_the_next_work_begins_another() -> None:
    made = Confined(memory_bytes=300 * 2**20, seconds=60.0, refused=UploadError)
    first = made.run(os.getpid)
    assert made._connection is not None and made._process is not None
    made._connection.send((os._exit, (0,), {}))  # as it ends when nothing comes for a while
    assert made.run(os.getpid) != first
    made.close()
