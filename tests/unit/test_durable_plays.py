"""What a start of a run gives way to, and for how long."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from adapters.durable.plays import CROWD, LOOK_SECONDS, LOOKS, Plays, give_way
from runtime.ids import RunId
from runtime.model.tools import Json
from runtime.ports import RunContext
from tests.support.clock import settle


@pytest.mark.parametrize(
    ("busy", "paused"),
    [
        ([CROWD - 1], 0),
        ([CROWD, CROWD, CROWD - 1], 2),
        ([CROWD] * LOOKS, LOOKS),  # made then, however long the others take
    ],
)
async def test_a_start_gives_way_to_busy_runs_and_not_for_long(
    busy: list[int], paused: int
) -> None:
    left, pauses = iter(busy), list[float]()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    await give_way(lambda: next(left), pause)
    assert pauses == [LOOK_SECONDS] * paused


class Powers:
    """An engine whose signals never come."""

    async def step(self, name: str, work: Callable[[], Awaitable[Json]]) -> Json:
        return await work()

    async def receive(self, topic: str) -> Json:
        await asyncio.Event().wait()
        raise AssertionError

    async def child(self, workflow: str, run: RunId, payload: Json) -> Json:
        raise AssertionError

    async def cancelled(self, runs: object) -> list[RunId]:
        return []


async def test_a_run_that_waits_for_people_is_not_busy() -> None:
    async def works(_: RunContext, __: Json) -> Json:
        await asyncio.Event().wait()
        raise AssertionError

    async def waits(context: RunContext, _: Json) -> Json:
        return await context.wait("decided")

    plays = Plays({"works": works, "waits": waits})
    async with asyncio.TaskGroup() as tasks:
        for name in ("works", "waits", "works"):
            tasks.create_task(plays.play(Powers(), name, RunId(name), None, None))
        await settle()
        assert plays.busy == 2
        await plays.stop()
    assert plays.busy == 0
