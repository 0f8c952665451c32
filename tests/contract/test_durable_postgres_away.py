"""A Postgres that goes away under live processes, and comes back."""

import asyncio
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.clock import SystemClock
from runtime.ids import RunId
from runtime.model.tools import Json
from runtime.ports import RunContext
from tests.support.durable import DbosHouse
from tests.support.durable_process import Child, Place
from tests.support.eventually import eventually
from tests.support.postgres import PostgresServer, running_postgres

STEPS = 3


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of this module's own: to stop that of the others would be their end."""
    with running_postgres(keeps=True) as running:
        yield running


@pytest.fixture
def place(server: PostgresServer, tmp_path: Path) -> Iterator[Place]:
    with server.database() as url:
        yield Place(url, tmp_path)


async def test_no_process_ends_and_no_run_is_lost_when_it_goes_away_and_comes_back(
    server: PostgresServer, place: Place
) -> None:
    async with place.child("web", work=False) as web, place.child("worker"):
        before = await _start(web, "before")
        await eventually(lambda: place.effects_of(before[0]), "work under way")
        server.stop(how=signal.SIGQUIT)
        async with asyncio.TaskGroup() as group:
            meanwhile = group.create_task(_start(web, "meanwhile"))
            await SystemClock().sleep(0.5)  # both meet the server that is away, in real time
            server.start()
        started = [*before, *meanwhile.result()]
        for run in started:
            assert await web.call("result", run) == STEPS
    done = [f"step {number}" for number in range(STEPS)]
    assert {run: place.steps_of(run) for run in started} == dict.fromkeys(started, done)


async def test_nothing_waits_for_it_any_more_once_the_process_is_to_end(
    server: PostgresServer, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    others = set(threading.enumerate())

    def left() -> list[str]:
        """Threads that a process waits for before it ends."""
        return [one.name for one in set(threading.enumerate()) - others if not one.daemon]

    async def never(_context: RunContext, _payload: Json) -> Json:
        raise AssertionError

    async with DbosHouse(place.url, place.data_dir, SystemClock()).opened({"never": never}) as it:
        server.stop()
        try:
            async with asyncio.TaskGroup() as group:
                start = group.create_task(it.start("never", RunId("run"), None, partition="p"))
                await eventually(lambda: "Database connection failed" in caplog.text, "a try")
                start.cancel()
            assert left()
            await it.close()
            await eventually(lambda: not left(), "the end of its threads", within=10.0)
        finally:
            server.start()
            # Those that were left for all that would keep the process of these tests.
            await eventually(lambda: not left(), "the end of its threads")


async def _start(web: Child, name: str) -> list[str]:
    """Start runs from a process that leaves them to another one."""
    runs = [f"{name}-{number}" for number in range(6)]
    for number, run in enumerate(runs):
        await web.call("start", "steps", run, STEPS, partition=f"p{number % 3}")
    return runs
