"""How a process ends that is told to while it still starts."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bot.lifecycle import run
from bot.parts import Opened
from bot.role import Role
from bot.settings import Settings, load_settings

Opening = Callable[[Settings, Role], AbstractAsyncContextManager[Opened]]


def stuck(told: Sequence[signal.Signals]) -> Opening:
    """A start that waits for a platform that never says a word, and is told to end meanwhile."""

    @asynccontextmanager
    async def opening(_settings: Settings, _role: Role) -> AsyncIterator[Opened]:
        for each in told:
            os.kill(os.getpid(), each)
        await asyncio.Event().wait()
        yield Opened.__new__(Opened)

    return opening


@pytest.mark.parametrize(
    ("told", "seconds"), [((signal.SIGTERM,), 0.0), ((signal.SIGTERM, signal.SIGINT), 600.0)]
)
async def test_a_start_that_gets_nowhere_ends_when_it_is_told(
    tmp_path: Path, told: Sequence[signal.Signals], seconds: float
) -> None:
    settings = load_settings({"HOME": str(tmp_path)}, cwd=tmp_path)
    async with asyncio.timeout(60):
        short = replace(settings, drain_seconds=seconds)
        assert await run(short, Role.ALL, opening=stuck(told)) == 0
