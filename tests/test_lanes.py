"""Turns in a lane: by who asks, not by who came first."""

from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import pytest

from search_ui.routes.lanes import Lanes, Turns
from search_ui.routes.problems import BusyError


def in_turn(asked: list[str], *, at_once: int = 1) -> list[str]:
    """Who works after whom, where all of these wait for one who holds the lane."""
    worked: list[str] = []

    async def run() -> None:
        turns = Turns(at_once, waiting=100)
        ended = anyio.Event()

        async def hold() -> None:
            async with turns.turn("holder"):
                await ended.wait()

        async def ask(who: str) -> None:
            async with turns.turn(who):
                worked.append(who)

        async with anyio.create_task_group() as group:
            for _ in range(at_once):
                group.start_soon(hold)
            await anyio.wait_all_tasks_blocked()
            for who in asked:
                group.start_soon(ask, who)
                await anyio.wait_all_tasks_blocked()
            assert not worked
            ended.set()

    anyio.run(run)
    return worked


def test_one_who_asks_for_much_does_not_hold_up_who_asks_for_one_thing() -> None:
    assert in_turn(["much"] * 6 + ["one", "two", "two"]) == ["much", "one", "two", "much", "two", *["much"] * 4]


def test_what_one_person_asks_is_answered_in_the_order_of_asking_whoever_holds_the_lane() -> None:
    assert in_turn(["a", "b", "a"], at_once=3) == ["a", "b", "a"]


def with_waiting(turns: Turns, waiting: list[str], then: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs something while one holds the lane and these wait for it."""

    async def run() -> None:
        async def wait(who: str) -> None:
            async with turns.turn(who):
                pass

        async with turns.turn("holder"), anyio.create_task_group() as group:
            for who in waiting:
                group.start_soon(wait, who)
            await anyio.wait_all_tasks_blocked()
            await then()
            group.cancel_scope.cancel()

    anyio.run(run)


async def is_let_in(turns: Turns, who: str) -> bool:
    """Whether it may wait."""
    with anyio.move_on_after(0.01):
        try:
            async with turns.turn(who):
                return True
        except BusyError:
            return False
    return True  # it waited


def test_a_full_lane_refuses_who_filled_it_and_lets_others_in() -> None:
    turns = Turns(1, waiting=4)

    async def then() -> None:
        assert not await is_let_in(turns, "much")
        assert await is_let_in(turns, "one")

    with_waiting(turns, ["much"] * 4, then)


def test_however_many_ask_those_who_wait_are_bounded() -> None:
    turns = Turns(1, waiting=4)

    async def then() -> None:
        assert not await is_let_in(turns, "another")

    with_waiting(turns, [f"user {number}" for number in range(8)], then)


def test_a_turn_that_is_given_up_goes_to_the_next() -> None:
    turns, worked = Turns(1, waiting=4), []

    async def run() -> None:
        async def hold(scope: anyio.CancelScope) -> None:
            async with turns.turn("a"):
                await anyio.wait_all_tasks_blocked()
                scope.cancel()  # of the one whose turn is next, at the moment in which it comes

        async def give_up(scope: anyio.CancelScope) -> None:
            with scope:
                async with turns.turn("b"):
                    worked.append("b")

        async def ask() -> None:
            async with turns.turn("c"):
                worked.append("c")

        scope = anyio.CancelScope()
        async with anyio.create_task_group() as group:
            group.start_soon(hold, scope)
            group.start_soon(give_up, scope)
            group.start_soon(ask)
        async with turns.turn("d"):  # the lane is free again
            worked.append("d")

    anyio.run(run)
    assert worked == ["c", "d"]


def test_an_error_of_the_work_gives_the_turn_back() -> None:
    async def run() -> int:
        lanes = Lanes()
        for _ in range(100):
            with pytest.raises(ZeroDivisionError):
                await lanes.run("heavy", lambda: 1 // 0)
        return await lanes.run("heavy", lambda: 3, who="somebody")

    assert anyio.run(run) == 3
