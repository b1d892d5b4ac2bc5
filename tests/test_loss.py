"""The two losses and the queue, against the formulas written out one sample at a time."""

import math

import pytest
import torch
import torch.nn.functional as F

from trainer.training.loss import UNKNOWN, Queue, both_ways, queue_loss

SCALE = torch.tensor(10.0)


def vectors(n: int, seed: int, d: int = 8) -> torch.Tensor:
    return F.normalize(torch.randn(n, d, generator=torch.Generator().manual_seed(seed)), dim=1)


def softmax_loss(positive: torch.Tensor, negatives: list[torch.Tensor]) -> float:
    scores = [10 * float(x) for x in (positive, *negatives)]
    return math.log(sum(math.exp(s) for s in scores)) - scores[0]


def filled(n: int, ids: torch.Tensor | None = None, d: int = 8) -> Queue:
    queue = Queue(n, d, 1 if ids is None else ids.shape[1], torch.device("cpu"))
    queue.push(vectors(n, 9, d), torch.arange(100, 100 + n)[:, None] if ids is None else ids)
    return queue


def test_the_papers_loss_has_one_positive_and_the_queue_but_no_batch_negatives() -> None:
    s, g, queue = vectors(3, 0), vectors(3, 1), vectors(5, 2)
    expected = [softmax_loss(s[i] @ g[i], [s[i] @ q for q in queue]) for i in range(3)]
    assert queue_loss(s, g, SCALE, queue).item() == pytest.approx(sum(expected) / 3, rel=1e-5)


def test_our_loss_goes_both_ways_with_negatives_of_batch_and_queue() -> None:
    s, g, queue = vectors(3, 0), vectors(3, 1), filled(5)
    expected = 0.0
    for i in range(3):
        others = [j for j in range(3) if j != i]
        expected += softmax_loss(s[i] @ g[i], [s[i] @ g[j] for j in others] + [s[i] @ q for q in queue.vectors]) / 6
        expected += softmax_loss(g[i] @ s[i], [g[i] @ s[j] for j in others]) / 6
    assert both_ways(s, s, g, SCALE, torch.arange(3)[:, None], queue=queue).item() == pytest.approx(expected, rel=1e-5)


def test_samples_that_share_an_id_are_no_negatives_in_batch_and_queue() -> None:
    s, g = vectors(3, 0), vectors(3, 1)
    ids = torch.tensor([[0, 7, 1], [1, 7, 2], [2, UNKNOWN, 2]])  # 0 and 1 share a place, 1 and 2 an owner
    queue = filled(2, torch.tensor([[50, 7, UNKNOWN], [2, UNKNOWN, UNKNOWN]]))
    no = {0: {1}, 1: {0, 2}, 2: {1}}
    no_queue = {0: {0}, 1: {0}, 2: {1}}
    expected = 0.0
    for i in range(3):
        others = [j for j in range(3) if j != i and j not in no[i]]
        past = [q for j, q in enumerate(queue.vectors) if j not in no_queue[i]]
        expected += softmax_loss(s[i] @ g[i], [s[i] @ g[j] for j in others] + [s[i] @ q for q in past]) / 6
        expected += softmax_loss(g[i] @ s[i], [g[i] @ s[j] for j in others]) / 6
    assert both_ways(s, s, g, SCALE, ids, queue=queue).item() == pytest.approx(expected, rel=1e-5)


def test_what_is_unknown_equals_nothing_so_all_stay_negatives() -> None:
    s, g = vectors(4, 0), vectors(4, 1)
    told = both_ways(s, s, g, SCALE, torch.arange(4)[:, None])
    untold = both_ways(s, s, g, SCALE, torch.full((4, 1), UNKNOWN))
    assert told.item() == untold.item()


def test_the_shares_of_two_processes_average_to_the_loss_of_the_joined_batch() -> None:
    s, g, ids, queue = vectors(6, 0), vectors(6, 1), torch.tensor([[0], [1], [2], [1], [4], [0]]), filled(3)
    whole = both_ways(s, s, g, SCALE, ids, queue=queue)
    shares = [both_ways(s[f : f + 3], s, g, SCALE, ids, first=f, queue=queue) for f in (0, 3)]
    assert torch.stack(shares).mean().item() == pytest.approx(whole.item(), rel=1e-6)


def test_the_queue_overwrites_its_oldest_and_keeps_vectors_beside_their_ids() -> None:
    queue = Queue(5, 2, 1, torch.device("cpu"))
    for number in range(4):
        ids = torch.tensor([[2 * number], [2 * number + 1]])
        queue.push(ids.float().expand(2, 2), ids)
    assert sorted(queue.ids[:, 0].tolist()) == [3, 4, 5, 6, 7]
    torch.testing.assert_close(queue.vectors, queue.ids.float().expand(5, 2))
    queue.push(torch.zeros(9, 2), torch.arange(20, 29)[:, None])
    assert sorted(queue.ids[:, 0].tolist()) == [24, 25, 26, 27, 28]


def test_a_restored_queue_goes_on_at_the_same_place() -> None:
    one, two = filled(5), Queue(5, 8, 1, torch.device("cpu"))
    one.push(vectors(2, 3), torch.tensor([[1], [2]]))
    two.load_state_dict(one.state_dict())
    for queue in (one, two):
        queue.push(vectors(2, 4), torch.tensor([[3], [4]]))
    assert torch.equal(one.vectors, two.vectors) and torch.equal(one.ids, two.ids)


def test_no_queue_at_all_is_allowed() -> None:
    queue = Queue(0, 8, 1, torch.device("cpu"))
    queue.push(vectors(2, 0), torch.tensor([[0], [1]]))
    s, g, ids = vectors(3, 0), vectors(3, 1), torch.arange(3)[:, None]
    assert both_ways(s, s, g, SCALE, ids, queue=queue).item() == both_ways(s, s, g, SCALE, ids).item()


def test_gradients_reach_both_sides_of_the_joined_batch() -> None:
    s = vectors(4, 0).requires_grad_(True)
    both_ways(s[:2], s, vectors(4, 1), SCALE, torch.arange(4)[:, None]).backward()
    assert s.grad is not None and bool((s.grad.abs().sum(dim=1) > 0).all())
