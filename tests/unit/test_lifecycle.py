"""How a process ends that is told to while it still starts."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bot.environ import load_settings
from bot.parts import Opened
from bot.role import Role
from bot.running.lifecycle import run
from bot.settings import Settings

BREAKS_OFF = (
    "import os, signal, sys\n"
    "from bot import cli, program\n"
    "def interrupted(*_, **__): os.kill(os.getpid(), signal.SIGINT)\n"
    "{where} = interrupted\n"
    "sys.argv[1:] = ['run']\n"
    "cli.main()\n"
)
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


async def test_what_ctrl_c_did_before_it_does_again_at_the_end(tmp_path: Path) -> None:
    settings = load_settings({"HOME": str(tmp_path)}, cwd=tmp_path)
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        told = (signal.SIGTERM, signal.SIGTERM)
        assert await run(settings, Role.ALL, opening=stuck(told)) == 0
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("where", "code"),
    [
        ("cli.hold_standard_streams", 130),
        ("program.Program.load_to_run", -signal.SIGINT),
    ],
)
def test_ctrl_c_in_a_start_prints_nothing(tmp_path: Path, where: str, code: int) -> None:
    environment = {"HOME": str(tmp_path), "NIGHTDESK_DATA_DIR": str(tmp_path / "data")}
    done = subprocess.run(
        [sys.executable, "-c", BREAKS_OFF.format(where=where)],
        env={**environment, "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")
