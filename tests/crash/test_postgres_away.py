"""A Postgres that goes away under live processes, and comes back."""

import asyncio
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

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
        started = []
        for how in (signal.SIGQUIT, signal.SIGINT):
            before = await _start(web, f"before-{how}")
            await eventually(partial(place.effects_of, before[0]), "work under way")
            server.stop(how=how)
            async with asyncio.TaskGroup() as group:
                meanwhile = group.create_task(_start(web, f"meanwhile-{how}"))
                await asyncio.sleep(0.5)  # both meet the server that is away
                server.start()
            started += [*before, *meanwhile.result()]
        for run in started:
            assert await web.call("result", run) == STEPS
    done = [f"step {number}" for number in range(STEPS)]
    assert {run: place.steps_of(run) for run in started} == dict.fromkeys(started, done)


async def _start(web: Child, name: str) -> list[str]:
    """Start runs from a process that leaves them to another one."""
    runs = [f"{name}-{number}" for number in range(6)]
    for number, run in enumerate(runs):
        await web.call("start", "steps", run, STEPS, partition=f"p{number % 3}")
    return runs
