"""One name, one living process: a second process of the program over the same Postgres."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

import psycopg
import pytest

from bot.role import Role
from tests.support.crash_places import Places
from tests.support.crash_process import Process
from tests.support.crash_world import World, world
from tests.support.eventually import eventually

ROOT = Path(__file__).parents[2]
LOOKS = 0.2
"""Seconds between two signs of life, of which the second process has to see one."""
READY_WITHIN = 120.0
"""Seconds, on the busiest of machines, in which a process starts."""


async def test_a_second_process_of_the_same_name_is_refused_until_the_first_is_killed(
    on_postgres: Places, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, url = on_postgres.new("here")
    elsewhere = tmp_path_factory.mktemp("second")
    async with world(folder, url=url) as people:
        first = await _worker(people)
        code, said = await _second(people, elsewhere)
        assert code == 2, said
        assert "the name worker-0 is in use: process " in said
        assert str(first.pid) in said

        await first.kill()
        await eventually(lambda: _left_by_all(url), "the server to miss the first")
        third = await _worker(people)
        await third.stop()
        await eventually(lambda: _left_by_all(url), "the server to miss the third")
        await _worker(people)
        assert "slot.waiting" not in (folder / "worker-0.log").read_text()


async def _worker(people: World) -> Process:
    """A process that takes work, under the name that it has by default; it is ready."""
    process = people.start(Role.WORKER, port=0, looks=LOOKS)
    await process.ready()
    return process


async def _second(people: World, folder: Path) -> tuple[int, str]:
    """Start one as its supervisor would; its exit code, and what it said."""
    ours = people.environment(port=0) | {"NIGHTDESK_DATA_DIR": str(folder)}
    ours["NIGHTDESK_CONFIG"] = str(people.folder / "nightdesk.toml")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "worker"),
        cwd=ROOT,
        env=dict(os.environ) | ours,
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=PIPE,
    )
    try:
        async with asyncio.timeout(READY_WITHIN):
            _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


def _left_by_all(url: str | None) -> bool:
    """Whether the server has no connection to the database any more but this one."""
    others = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    assert url is not None
    with psycopg.connect(url) as connection:
        return connection.execute(others).fetchone() is None
