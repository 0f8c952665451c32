"""The program under test: a process of its own, started, killed, started again, stopped."""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import aiohttp

import bot
from bot.selftest.guard import SAID
from bot.settings import LOG_NAME
from runtime.errors import ConfigurationError

_ROOT = Path(bot.__file__).parent.parent
_START_SECONDS = 30.0
_STOP_SECONDS = 15.0
_LOOK_EVERY = 0.03


class Program:
    """`nightdesk run --no-terminal` over a folder of its own."""

    def __init__(self, folder: Path, environ: Mapping[str, str], port: int) -> None:
        """Be started in `folder`, listening on `port` of loopback."""
        self.base = f"http://127.0.0.1:{port}"
        self.kills = 0
        self._folder = folder
        self._environ = {**environ, "PYTHONPATH": str(_ROOT)}
        self._console = folder / "console.txt"
        self._lacks = ""
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and wait until it says that it is ready.

        Raises:
            ConfigurationError: it ended instead, or does not become ready.
        """
        with self._console.open("ab") as console:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot.selftest.child"),
                cwd=self._folder,
                env=self._environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        try:
            async with asyncio.timeout(_START_SECONDS), aiohttp.ClientSession() as session:
                while not await self._is_ready(session):  # noqa: ASYNC110 - of another process
                    await asyncio.sleep(_LOOK_EVERY)
        except TimeoutError:
            waited = f"{_START_SECONDS:.0f} seconds"
            raise ConfigurationError(
                f"the program was not ready after {waited}: {self._lacks or self._last_words()}"
            ) from None

    async def kill(self) -> None:
        """Kill it with SIGKILL: it can do nothing any more."""
        assert self._process is not None, "it was started"  # noqa: S101
        self.kills += 1
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> None:
        """Ask it to end; kill it where it does not."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    @property
    def died(self) -> bool:
        """It ended, and nobody asked it to."""
        return self._process is not None and self._process.returncode is not None

    def refused(self) -> list[str]:
        """The hosts outside of this machine that it tried to reach."""
        return sorted({line.removeprefix(SAID).strip() for line in self._lines() if SAID in line})

    async def _is_ready(self, session: aiohttp.ClientSession) -> bool:
        if self.died:
            raise ConfigurationError(f"the program ended at its start: {self._last_words()}")
        try:
            async with session.get(f"{self.base}/readyz") as answer:
                checks = (await answer.json())["checks"]
                bad = [f"{check['name']}: {check['detail']}" for check in checks if not check["ok"]]
                self._lacks = "; ".join(bad)
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    def _lines(self) -> list[str]:
        return self._console.read_text("utf-8", "replace").splitlines()

    def _last_words(self) -> str:
        """What it said last; its log is kept where it can be read afterwards."""
        said = " ".join(self._lines()[-3:]) or "it said nothing"
        log = self._folder / "data" / LOG_NAME
        if not log.exists():
            return said
        kept = Path(tempfile.gettempdir()) / f"nightdesk-selftest-{os.getpid()}.log"
        shutil.copyfile(log, kept)
        return f"{said} (its log is kept as {kept})"
