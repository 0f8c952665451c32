"""How long a start waits for a platform, and what goes on beside it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.platforms.connecting import FIRST_PAUSE, LONGEST_PAUSE, PATIENCE, connecting, side_by_side
from bot.platforms.opened import OpenPlatform
from bot.platforms.slack import open_slack
from bot.settings import Secret, SlackSettings
from runtime.errors import ConfigurationError
from tests.support.clock import ManualClock, settle
from tests.support.eventually import eventually


class Door:
    """A platform that answers a try with what the test says, once it says it."""

    def __init__(self) -> None:
        self.tries: list[asyncio.Future[bool]] = []

    async def connect(self) -> bool:
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.tries.append(answer)
        return await answer


@asynccontextmanager
async def starting(door: Door, clock: ManualClock) -> AsyncIterator[list[str]]:
    """A start that notes when it goes on, and ends with the block."""
    notes, over = list[str](), asyncio.Event()

    async def start() -> None:
        async with connecting(door.connect, clock, platform="slack"):
            notes.append("on")
            await over.wait()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(start())
        await settle()
        yield notes
        over.set()


async def test_a_start_waits_for_the_first_answer() -> None:
    door, clock = Door(), ManualClock()
    async with starting(door, clock) as notes:
        await clock.advance(PATIENCE / 2)
        assert notes == []
        door.tries[0].set_result(True)
        await settle()
        assert notes == ["on"]
        await clock.advance(LONGEST_PAUSE)
        assert len(door.tries) == 1
    assert clock.sleeping == 0


async def test_a_start_goes_on_without_a_platform_that_says_nothing() -> None:
    door, clock = Door(), ManualClock()
    async with starting(door, clock) as notes:
        await clock.advance(PATIENCE)
        await settle()
        assert notes == ["on"]
        door.tries[0].set_result(False)
        await settle()
        await clock.advance(FIRST_PAUSE)
        await settle()
        door.tries[1].set_result(True)
        await settle()
        await clock.advance(LONGEST_PAUSE)
        assert len(door.tries) == 2


async def test_a_platform_that_cannot_be_reached_is_tried_again_less_and_less_often() -> None:
    door, clock = Door(), ManualClock()
    async with starting(door, clock) as notes:
        for pause in (2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0):
            tries = len(door.tries)
            door.tries[-1].set_result(False)
            await settle()
            assert notes == ["on"]
            await clock.advance(pause - 0.1)
            assert len(door.tries) == tries
            await clock.advance(0.1)
            await settle()
            assert len(door.tries) == tries + 1


@pytest.mark.parametrize("late", [False, True])
async def test_a_refused_token_ends_the_start_whenever_it_is_refused(*, late: bool) -> None:
    door, clock, refused = Door(), ManualClock(), False
    try:
        async with starting(door, clock):
            await clock.advance(PATIENCE if late else 0.0)
            await settle()
            door.tries[0].set_exception(ConfigurationError("the token is not good"))
            await settle()
    except* ConfigurationError:
        refused = True
    assert refused


async def test_platforms_that_say_nothing_are_waited_for_side_by_side() -> None:
    clock, doors = ManualClock(), [Door(), Door(), Door()]
    notes: list[str] = []

    @asynccontextmanager
    async def opening(number: int) -> AsyncIterator[int]:
        async with connecting(doors[number].connect, clock, platform="slack"):
            yield number
            notes.append(f"closed {number}")

    async def start() -> None:
        async with side_by_side([opening(0), opening(1), opening(2)]) as opened:
            notes.append(f"on with {opened}")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(start())
        await settle()
        doors[1].tries[0].set_result(True)
        await settle()
        assert notes == []
        await clock.advance(PATIENCE)
        await settle()
    assert notes[0] == "on with [0, 1, 2]"
    assert sorted(notes[1:]) == ["closed 0", "closed 1", "closed 2"]


async def test_one_that_is_refused_closes_those_beside_it() -> None:
    clock, doors = ManualClock(), [Door(), Door()]
    closed, refused = list[int](), False

    @asynccontextmanager
    async def opening(number: int) -> AsyncIterator[int]:
        async with connecting(doors[number].connect, clock, platform="slack"):
            try:
                yield number
            finally:
                closed.append(number)

    async def start() -> None:
        async with side_by_side([opening(0), opening(1)]):
            raise AssertionError

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(start())
            await settle()
            doors[0].tries[0].set_result(True)
            await settle()
            doors[1].tries[0].set_exception(ConfigurationError("the token is not good"))
            await settle()
    except* ConfigurationError:
        refused = True
    assert (refused, closed) == (True, [0])


@pytest.mark.parametrize("lost", [False, True])
async def test_one_that_cannot_be_closed_lets_those_beside_it_close(*, lost: bool) -> None:
    clock, closed, failed = ManualClock(), list[int](), False

    @asynccontextmanager
    async def opening(number: int) -> AsyncIterator[int]:
        try:
            yield number
        finally:
            if number == 1:
                raise OSError
            await clock.sleep(1.0)
            closed.append(number)

    async def start() -> None:
        async with side_by_side([opening(0), opening(1), opening(2)]):
            if lost:
                raise EOFError

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(start())
            await settle()
            assert closed == []
            await clock.advance(1.0)
    except* (OSError, EOFError) as errors:
        failed = errors.subgroup(OSError) is not None
    assert (failed, closed) == (True, [0, 2])


async def test_a_start_that_is_cut_while_one_opens_ends_as_one_that_is_cut() -> None:
    door = asyncio.get_running_loop().create_future()

    @asynccontextmanager
    async def opening() -> AsyncIterator[int]:
        await door
        yield 1

    async def start() -> None:
        async with side_by_side([opening()]):
            raise AssertionError

    async with asyncio.TaskGroup() as tasks:
        started = tasks.create_task(start())
        await settle()
        door.set_result(None)
        started.cancel()
    assert started.cancelled()


async def test_slack_that_says_nothing_does_not_hold_the_start_and_readiness_says_so() -> None:
    clock, held = ManualClock(), list[asyncio.StreamWriter]()

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    settings = SlackSettings(
        signing_secret=Secret("s"),
        previous_signing_secret=None,
        bot_token=Secret("xoxb-1"),
        base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/",
    )

    async def start() -> None:
        async with open_slack(settings, clock) as platform:
            await opened(platform)

    async def opened(platform: OpenPlatform) -> None:
        check = await platform.look()
        assert (check.ok, check.detail) == (False, "not reached yet; trying again")
        assert len(platform.routes) == 3, "what Slack sends is taken meanwhile"

    async with server, asyncio.TaskGroup() as tasks:
        started = tasks.create_task(start())
        await eventually(lambda: held)
        assert not started.done()
        await clock.advance(PATIENCE)
        await started
        for writer in held:
            writer.close()
