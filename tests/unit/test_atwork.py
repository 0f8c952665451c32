"""How a turn's work is broken off, apart from whatever else cancels its task."""

import asyncio

import pytest

from runtime.errors import Conflict
from runtime.ids import AgentName, TurnId
from runtime.turns.atwork import AtWork
from tests.support.clock import settle

TURN, DESK = TurnId("t1"), AgentName("desk")


async def _for_ever() -> str:
    await asyncio.Event().wait()
    return "never"


async def _at_once() -> str:
    return "done"


async def test_work_that_ends_gives_what_it_returns() -> None:
    at_work = AtWork()

    assert await at_work.breakable(TURN, DESK, _at_once()) == "done"

    assert at_work.all() == []
    assert not at_work.break_off(TURN)


async def test_work_that_is_broken_off_is_a_conflict_and_its_task_goes_on() -> None:
    at_work = AtWork()

    async def turn() -> str:
        with pytest.raises(Conflict):
            await at_work.breakable(TURN, DESK, _for_ever())
        await settle()
        return "went on"

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(turn())
        await settle()
        assert at_work.all() == [(TURN, DESK)]
        assert at_work.break_off(TURN)
        assert at_work.break_off(TURN), "it has not let go yet"
        await at_work.left([TURN])
    assert (task.result(), task.cancelling()) == ("went on", 0)


async def test_a_task_that_is_cancelled_while_its_work_is_broken_off_is_cancelled() -> None:
    at_work = AtWork()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(at_work.breakable(TURN, DESK, _for_ever()))
        await settle()
        at_work.break_off(TURN)
        task.cancel()
    assert task.cancelled()


async def test_what_ends_before_it_is_broken_off_has_ended() -> None:
    at_work, let_go = AtWork(), asyncio.Event()

    async def work() -> str:
        await let_go.wait()
        return "done"

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(at_work.breakable(TURN, DESK, work()))
        await settle()
        let_go.set()
        at_work.break_off(TURN)
    assert (task.result(), task.cancelling()) == ("done", 0)
