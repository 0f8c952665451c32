"""One name, one living process: the real program, twice over one Postgres."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg

from tests.support.eventually import eventually

ROOT = Path(__file__).parents[2]
READY_WITHIN = 120.0
"""Seconds, on the busiest of machines, in which a process starts."""


@asynccontextmanager
async def worker(folder: Path, url: str) -> AsyncIterator[Process]:
    """A process that takes work, under the name that it has by default."""
    (folder / "nightdesk.toml").touch()
    ours = {
        "NIGHTDESK_DATA_DIR": str(folder),
        "NIGHTDESK_CONFIG": str(folder / "nightdesk.toml"),
        "NIGHTDESK_DATABASE_URL": url,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "worker"),
        cwd=ROOT,
        env=dict(os.environ) | ours,
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ready(process: Process) -> bytes:
    """Wait until it is; what it logged until then."""
    assert process.stderr is not None
    said = b""
    async with asyncio.timeout(READY_WITHIN):
        while b"process.ready" not in said:
            line = await process.stderr.readline()
            assert line, f"it ended instead: {said!r}"
            said += line
    return said


async def test_a_second_process_of_the_same_name_is_refused_until_the_first_is_killed(
    tmp_path: Path, postgres_url: str
) -> None:
    async with worker(tmp_path, postgres_url) as first:
        await ready(first)
        async with worker(tmp_path, postgres_url) as second:
            _, said = await asyncio.wait_for(second.communicate(), READY_WITHIN)
        assert second.returncode == 2
        assert "the name worker-0 is in use: process " in said.decode()
        assert str(first.pid) in said.decode()

        first.kill()
        await eventually(lambda: _left_by_all(postgres_url), "the server to miss the first")
        async with worker(tmp_path, postgres_url) as third:
            assert b"slot.waiting" not in await ready(third)
            third.terminate()
            await third.communicate()
            assert third.returncode == 0
        await eventually(lambda: _left_by_all(postgres_url), "the server to miss the third")
        async with worker(tmp_path, postgres_url) as fourth:
            assert b"slot.waiting" not in await ready(fourth)


def _left_by_all(url: str) -> bool:
    """Whether the server has no connection to the database any more but this one."""
    others = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with psycopg.connect(url) as connection:
        return connection.execute(others).fetchone() is None
