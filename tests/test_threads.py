"""Threads that share the cores of the model, and leave the rest of the process as it was."""

import threading
from collections.abc import Iterator

import pytest
import torch

from trainer.threads import cores, sharing_threads


@pytest.fixture
def four_cores() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("four_cores")
@pytest.mark.parametrize(("number", "each"), [(1, 4), (2, 2), (3, 1), (8, 1)])
def test_each_thread_computes_with_its_share_and_later_threads_with_all(number: int, each: int) -> None:
    together = threading.Barrier(number, timeout=120)

    def share() -> int:
        together.wait()  # so that every thread is begun
        return torch.get_num_threads()

    with sharing_threads(number) as threads:
        assert [future.result() for future in [threads.submit(share) for _ in range(number)]] == [each] * number
        assert cores() == 4
    later: list[int] = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert (cores(), later) == (4, [4])
