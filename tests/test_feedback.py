"""Thumbs: which way they turn the question."""

import numpy as np
import pytest

from search_ui.search.feedback import MOST, Feedback, steered
from trainer.errors import UsageError

X, Y, Z = np.eye(3, dtype=np.float32)
NONE = np.empty((0, 3), np.float32)


def test_the_question_turns_to_what_was_right_and_away_from_what_was_wrong() -> None:
    moved = steered(X, Y[None], Z[None])
    assert moved @ Y > 0 > moved @ Z
    assert np.linalg.norm(moved) == pytest.approx(1)


def test_tiles_count_by_their_direction_and_not_by_their_length() -> None:
    assert np.allclose(steered(X, np.stack([Y, 100 * Z]), NONE), steered(X, np.stack([Y, Z]), NONE))


def test_it_is_rocchios_formula() -> None:
    expected = X + 2.0 * (Y + Z) / 2 - 0.25 * Y
    assert np.allclose(
        steered(X, np.stack([Y, Z]), Y[None], beta=2.0, gamma=0.25), expected / np.linalg.norm(expected), atol=1e-6
    )


def test_nothing_said_changes_nothing() -> None:
    assert np.allclose(steered(X, NONE, NONE), X)
    assert Feedback(("a",), ("b",), frozenset("c")).no_hits == {"b", "c"}
    assert (
        not Feedback(hidden=frozenset("c"))
        and not Feedback()
        and Feedback().as_dict() == {}
        and Feedback().note() is None
    )


def test_thumbs_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(UsageError, match="both right and wrong"):
        Feedback(("a", "b"), ("b",))
    with pytest.raises(UsageError, match="at most"):
        Feedback(tuple(map(str, range(MOST + 1))))
    with pytest.raises(UsageError, match="cancel"):
        steered(X, NONE, X[None], gamma=1.0)


def test_what_is_said_beside_a_steered_answer_holds_for_a_list_in_the_order_of_relevance_too() -> None:
    note = Feedback(("a", "b"), ("c",)).note() or ""
    assert note.startswith("what you said of tiles (2 yes and 1 no) steers the cosine") and "ordered" not in note
