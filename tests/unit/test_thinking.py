"""The status line: shown where a turn takes a while, and no work where it does not."""

import asyncio
from contextlib import suppress

from runtime.turns.thinking import STATUS_AFTER, Thinking
from tests.support.build import DM, OPS
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock


async def test_a_turn_that_waits_for_nothing_needs_no_task() -> None:
    clock, chat = ManualClock(), MemoryChat()
    async with asyncio.TaskGroup() as tasks:
        thinking = Thinking(tasks, clock)
        before = asyncio.all_tasks()
        for _ in range(3):
            with thinking.during(chat, DM):
                pass
        assert asyncio.all_tasks() == before
        await clock.advance(0)
        assert asyncio.all_tasks() == before
    assert chat.statuses == []


async def test_a_turn_that_takes_a_while_is_shown_where_it_is() -> None:
    clock, chat = ManualClock(), MemoryChat()
    async with asyncio.TaskGroup() as tasks:
        thinking = Thinking(tasks, clock)
        with thinking.during(chat, OPS):
            pass
        with thinking.during(chat, DM):
            await clock.advance(0)
            await clock.advance(STATUS_AFTER / 2)
            with thinking.during(chat, OPS):
                await clock.advance(STATUS_AFTER / 2)
                await clock.advance(0)
                assert [thread for thread, _ in chat.statuses] == [DM]
                await clock.advance(STATUS_AFTER / 2)
                await clock.advance(0)
                assert [thread for thread, _ in chat.statuses] == [DM, OPS]
        await clock.advance(0)
    assert clock.sleeping == 0


async def test_a_turn_that_begins_while_everything_ends_is_not_watched() -> None:
    clock, chat = ManualClock(), MemoryChat()
    troubles: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: troubles.append(context))
    with suppress(ExceptionGroup):
        async with asyncio.TaskGroup() as tasks:
            thinking = Thinking(tasks, clock)

            async def fail() -> None:
                raise ValueError

            async def begin_late() -> None:
                with suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
                with thinking.during(chat, DM):
                    await clock.advance(STATUS_AFTER)

            tasks.create_task(begin_late())
            tasks.create_task(fail())
    assert troubles == []
    assert chat.statuses == []
