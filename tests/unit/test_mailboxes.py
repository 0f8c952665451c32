"""Which conversation's turns are run when there are more than places."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from runtime.activity import Activity
from runtime.ids import ConversationId
from runtime.mailboxes.mailboxes import TURNS_AT_ONCE, Mailboxes
from runtime.model.events import Received
from runtime.parked import Parked
from tests.support.clock import ManualClock, settle


class Runner:
    """Runs turns that end when the test lets them.

    Attributes:
        pending: how many turns each conversation has.
        begun: the conversations of the turns that began, in order.
        lets: set while turns may end.
        activity: what is under way.
    """

    def __init__(self) -> None:
        self.pending: Counter[ConversationId] = Counter()
        self.begun: list[ConversationId] = []
        self.lets = asyncio.Event()
        self.activity = Activity()

    def open(self, tasks: asyncio.TaskGroup) -> None:
        del tasks

    def close(self) -> None:
        pass

    async def work(self, conversation: ConversationId) -> bool:
        if not self.pending[conversation]:
            return False
        self.begun.append(conversation)
        await self.lets.wait()
        self.pending[conversation] -= 1
        return True


async def _none(_: Received) -> None:
    pass


@asynccontextmanager
async def open_mailboxes(runner: Runner) -> AsyncIterator[Mailboxes]:
    mailboxes = Mailboxes(
        runner,  # type: ignore[arg-type]  # what it calls of a `TurnRunner`
        queued=_none,
        clock=ManualClock(),
        activity=runner.activity,
        parked=Parked(),
    )
    async with asyncio.TaskGroup() as tasks:
        mailboxes.open(tasks, _none)
        try:
            yield mailboxes
        finally:
            mailboxes.close()


def ids(count: int) -> list[ConversationId]:
    return [ConversationId(f"c{number:05}") for number in range(count)]


async def test_of_very_many_conversations_only_those_with_a_place_take_one() -> None:
    """After a long outage 50,000 may wait; what waits costs an id, not a task."""
    runner, every = Runner(), ids(50_000)
    runner.pending.update(every)
    before = len(asyncio.all_tasks())
    async with open_mailboxes(runner) as mailboxes:
        for conversation in every:
            mailboxes.wake(conversation)
        await settle()
        assert len(asyncio.all_tasks()) - before == TURNS_AT_ONCE
        assert runner.begun == every[:TURNS_AT_ONCE]


async def test_each_conversation_gets_its_place_in_the_order_of_their_waking() -> None:
    runner, every = Runner(), ids(1_000)
    runner.pending.update(every)
    runner.lets.set()
    async with open_mailboxes(runner) as mailboxes:
        for conversation in every:
            mailboxes.wake(conversation)
        await runner.activity.idle()
    assert runner.begun == every
    assert not runner.pending.total()


async def test_one_with_a_long_line_gives_its_place_up_to_those_that_wait() -> None:
    runner, every = Runner(), ids(TURNS_AT_ONCE + 1)
    for conversation in every[:-1]:
        runner.pending[conversation] = 20
    runner.pending[every[-1]] = 1
    runner.lets.set()
    async with open_mailboxes(runner) as mailboxes:
        for conversation in every:
            mailboxes.drain(conversation)
        await runner.activity.idle()
    assert runner.begun.index(every[-1]) <= 2 * TURNS_AT_ONCE
    assert not runner.pending.total()


async def test_what_waits_for_a_place_is_not_begun_once_the_mailboxes_close() -> None:
    runner, every = Runner(), ids(TURNS_AT_ONCE + 10)
    runner.pending.update(every)
    async with open_mailboxes(runner) as mailboxes:
        for conversation in every:
            mailboxes.wake(conversation)
        await settle()
        mailboxes.close()
        mailboxes.wake(every[-1])
        await settle()
    assert len(runner.begun) == TURNS_AT_ONCE


async def test_an_interrupted_conversation_goes_on_when_it_is_drained() -> None:
    runner, [one] = Runner(), ids(1)
    runner.pending[one] = 2
    async with open_mailboxes(runner) as mailboxes:
        mailboxes.wake(one)
        mailboxes.wake(one)
        await settle()
        assert mailboxes.interrupt(one)
        runner.pending[one] -= 1
        runner.lets.set()
        mailboxes.drain(one)
        await settle()
        assert not mailboxes.turning
    assert runner.begun == [one, one]


async def test_what_is_worked_for_a_queue_is_under_way_too() -> None:
    runner, [one, another, broken] = Runner(), ids(3)
    runner.pending.update([one, another, broken])
    async with open_mailboxes(runner) as mailboxes, asyncio.TaskGroup() as tasks:
        for conversation in (one, another):
            tasks.create_task(mailboxes.work(conversation))
        stopped = tasks.create_task(mailboxes.work(broken))
        await settle()
        assert mailboxes.turning == 3
        stopped.cancel()
        await settle()
        assert mailboxes.turning == 2
        runner.lets.set()
        await settle()
        assert mailboxes.turning == 0
