"""What a start of a run gives way to, and for how long."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from adapters.durable.plays import CROWD, LOOK_SECONDS, LOOKS, Plays
from runtime.ids import RunId
from runtime.model.tools import Json
from runtime.ports import RunContext
from tests.support.clock import settle

NEW = RunId("new")


class Engine:
    """`Powers` whose signals never come, and whose steps are stored one by one when told so."""

    def __init__(self) -> None:
        self._storing = asyncio.Semaphore(0)

    async def store(self, steps: int = 1) -> None:
        for _ in range(steps):
            self._storing.release()
        await settle()

    async def step(self, name: str, work: Callable[[], Awaitable[Json]]) -> Json:
        value = await work()
        await self._storing.acquire()
        return value

    async def receive(self, topic: str) -> Json:
        await asyncio.Event().wait()
        raise AssertionError

    async def child(self, workflow: str, run: RunId, payload: Json) -> Json:
        raise AssertionError

    async def cancelled(self, runs: object) -> list[RunId]:
        return []


async def _at_once() -> Json:
    return "answer"


async def _never() -> Json:
    await asyncio.Event().wait()
    raise AssertionError


async def works(context: RunContext, _: Json) -> Json:
    return await context.step("turn", _at_once)


async def asks_a_model(context: RunContext, _: Json) -> Json:
    return await context.step("turn", _never)


async def asks_people(context: RunContext, _: Json) -> Json:
    return await context.wait("decided")


@asynccontextmanager
async def playing(engine: Engine, *names: str) -> AsyncIterator[Plays]:
    """So many runs in play, the first of them `run-0`."""
    plays = Plays({"works": works, "asks a model": asks_a_model, "asks people": asks_people})
    async with asyncio.TaskGroup() as tasks:
        for number, name in enumerate(names):
            tasks.create_task(plays.play(engine, name, RunId(f"run-{number}"), None, None))
        await settle()
        yield plays
        await plays.stop()


async def pauses(
    plays: Plays, run: RunId = NEW, store: Callable[[], Awaitable[None]] = settle
) -> Sequence[float]:
    """How long a start gives way, with what happens meanwhile."""
    paused = list[float]()

    async def pause(seconds: float) -> None:
        paused.append(seconds)
        await store()

    await plays.give_way(run, pause)
    return paused


async def test_a_start_gives_way_to_a_crowd_until_one_of_it_is_done() -> None:
    engine = Engine()
    async with playing(engine, *["works"] * (CROWD + 1)) as plays:
        assert await pauses(plays, store=engine.store) == [LOOK_SECONDS] * 2
        assert await pauses(plays) == []


async def test_a_start_is_made_however_long_the_others_take() -> None:
    async with playing(Engine(), *["works"] * CROWD) as plays:
        assert await pauses(plays) == [LOOK_SECONDS] * LOOKS


@pytest.mark.parametrize("waits", ["asks a model", "asks people"])
async def test_a_start_gives_way_to_no_runs_that_wait(waits: str) -> None:
    async with playing(Engine(), *[waits] * 10 * CROWD, *["works"] * (CROWD - 1)) as plays:
        assert await pauses(plays) == []


async def test_a_start_of_a_run_that_is_in_play_gives_way_to_nobody() -> None:
    engine = Engine()
    async with playing(engine, *["works"] * CROWD) as plays:
        assert await pauses(plays, RunId("run-0")) == []
        await engine.store(CROWD)
        assert plays.busy == 0
