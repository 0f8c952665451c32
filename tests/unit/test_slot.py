"""One life of a process has the name of its slot, and the others hear of it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from adapters.memory.store import MemoryStore
from bot.running.slot import SILENT_AFTER, SILENT_LONG_SINCE, Life, Slot, place
from runtime.errors import ConfigurationError
from runtime.ids import TimeOrderedIds
from runtime.ports import Worker
from tests.support.clock import ManualClock

ELSEWHERE = Life(host="other-host", place="elsewhere", pid=4711, mark="one")


class Machine:
    """A store, and whoever takes a slot in it."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.ids = TimeOrderedIds(clock)
        self.workers = MemoryStore(clock=clock, ids=self.ids).workers

    def slot(self) -> Slot:
        return Slot("worker-0", "worker", workers=self.workers, clock=self.clock, ids=self.ids)

    async def another(self, life: Life = ELSEWHERE) -> Worker:
        """A sign of life of another process."""
        sign = Worker(
            slot="worker-0",
            role="worker",
            seen_at=self.clock.now(),
            life=msgspec.json.encode(life).decode(),
        )
        assert await self.workers.beat(sign)
        return sign


@pytest.fixture
def machine(clock: ManualClock) -> Machine:
    return Machine(clock)


async def outcome(slot: Slot) -> str:
    """Why the slot could not be taken, or empty."""
    try:
        await slot.take()
    except ConfigurationError as error:
        return str(error)
    return ""


def ended() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


async def test_a_free_slot_is_taken_at_once(machine: Machine) -> None:
    await machine.slot().take()
    held = await machine.workers.get("worker-0")
    assert held is not None
    assert f'"pid":{os.getpid()}' in held.life


async def test_a_slot_that_was_left_is_free_for_the_next_life(machine: Machine) -> None:
    first = machine.slot()
    await first.take()
    await first.leave()
    await machine.slot().take()
    assert not await first.beat()


async def test_a_process_that_lives_keeps_its_name_from_a_second_one(machine: Machine) -> None:
    await machine.another()
    async with asyncio.TaskGroup() as tasks:
        taking = tasks.create_task(outcome(machine.slot()))
        await machine.clock.advance(2.0)
        assert not taking.done()
        alive = await machine.another()
        await machine.clock.advance(1.0)
        assert taking.done()

    assert taking.result() == (
        "the name worker-0 is in use: process 4711 on other-host (worker) has it and is alive. "
        "Stop that one, or give this one a name of its own, such as NIGHTDESK_SLOT=worker-1."
    )
    assert await machine.workers.get("worker-0") == alive


async def test_a_process_of_elsewhere_is_dead_when_it_was_silent_for_long(
    machine: Machine,
) -> None:
    await machine.another()
    async with asyncio.TaskGroup() as tasks:
        taking = tasks.create_task(outcome(machine.slot()))
        await machine.clock.advance(SILENT_AFTER.total_seconds() - 1)
        assert not taking.done()
        await machine.clock.advance(2.0)
    assert taking.result() == ""


async def test_a_process_that_was_silent_for_long_already_is_not_waited_for(
    machine: Machine,
) -> None:
    await machine.another()
    await machine.clock.advance(SILENT_LONG_SINCE + timedelta(seconds=1))
    await machine.slot().take()


@pytest.mark.parametrize("ahead", [-60.0, 60.0])
async def test_a_process_whose_clock_differs_is_alive_while_it_gives_signs_and_dead_afterwards(
    machine: Machine, ahead: float
) -> None:
    await machine.another()
    await machine.clock.jump(-ahead)
    async with asyncio.TaskGroup() as tasks:
        taking = tasks.create_task(outcome(machine.slot()))
        await machine.clock.advance(2.0)
        await machine.clock.jump(ahead)
        await machine.another()
        await machine.clock.jump(-ahead)
        await machine.clock.advance(1.0)
        assert "is in use" in taking.result()
        taking = tasks.create_task(outcome(machine.slot()))
        await machine.clock.advance(SILENT_AFTER.total_seconds() - 1)
        assert not taking.done()
        await machine.clock.advance(2.0)
    assert taking.result() == ""


@pytest.mark.skipif(not place(), reason="only Linux tells where the numbers of processes count")
async def test_a_process_of_here_that_is_gone_is_not_waited_for(machine: Machine) -> None:
    await machine.another(replace_pid(ended()))
    await machine.slot().take()


@pytest.mark.skipif(not place(), reason="only Linux tells where the numbers of processes count")
async def test_a_process_of_here_that_nobody_buried_yet_is_gone(machine: Machine) -> None:
    with unburied() as pid:
        await machine.another(replace_pid(pid))
        await machine.slot().take()


async def test_a_process_of_here_that_runs_may_be_alive(machine: Machine) -> None:
    await machine.another(replace_pid(os.getppid()))
    async with asyncio.TaskGroup() as tasks:
        taking = tasks.create_task(outcome(machine.slot()))
        await machine.clock.advance(1.0)
        assert not taking.done()
        await machine.clock.advance(SILENT_AFTER)
    assert taking.result() == ""


async def test_this_process_before_it_began_anew_in_its_own_place_is_gone(machine: Machine) -> None:
    await machine.another(Life(host="", place=place(), pid=os.getpid(), mark="a", image="earlier"))
    await machine.slot().take()


async def test_a_life_that_nobody_can_read_is_judged_by_its_silence(machine: Machine) -> None:
    sign = await machine.another()
    assert await machine.workers.let_go(sign)
    assert await machine.workers.beat(replace(sign, life="not JSON"))
    async with asyncio.TaskGroup() as tasks:
        taking = tasks.create_task(outcome(machine.slot()))
        await machine.clock.advance(1.0)
        assert not taking.done()
        await machine.clock.advance(SILENT_AFTER)
    assert taking.result() == ""


async def test_who_lost_its_slot_is_told_who_has_it(machine: Machine) -> None:
    slot = machine.slot()
    await slot.take()
    held = await machine.workers.get("worker-0")
    assert held is not None
    assert await machine.workers.let_go(held)
    await machine.another()

    assert not await slot.beat()
    assert "process 4711 on other-host (worker) has it now" in str(await slot.lost())
    await slot.leave()
    now = await machine.workers.get("worker-0")
    assert now is not None
    assert now.life


@contextmanager
def unburied() -> Iterator[int]:
    """The number of a process that has ended, and whose parent did not ask after it yet."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        yield process.pid


def replace_pid(pid: int) -> Life:
    return Life(host="here", place=place(), pid=pid, mark="another")
