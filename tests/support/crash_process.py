"""Processes of the program under test, forked from a server that has imported it, and killed."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.support import crash_program
from tests.support.crash_program import Plan
from tests.support.forks import FORKS, ended, readable


class Process:
    """A process of the program.

    Attributes:
        started: the monotonic time at which it was.
        used: the seconds of a processor that it had used when it was ready, once that was waited for.
        imported: the modules that it had to import until it was ready, once that was waited for.
    """

    def __init__(self, process: ForkServerProcess, ready: Connection, *, log: Path) -> None:
        self._process = process
        self._ready = ready
        self._log = log
        self.started = time.monotonic()
        self.used = 0.0
        self.imported: tuple[str, ...] = ()
        self._took: float | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.is_alive()

    async def ready(self) -> float:
        """Wait until it is ready; the seconds that it took. Fails where it ends before."""
        took = await self._heard()
        if took is None:
            code, said = await self.ended(), self._log.read_text()[-2000:]
            raise AssertionError(f"ended before it was ready, with {code}: {said}")
        return took

    async def spent(self, *, idle: float) -> float | None:
        """Wait until it was killed for what it used, as one is that was given so much to spend.

        One that finds nothing to spend it on is killed when it has been ready for so many times as
        long as it took to become so.

        Returns:
            The seconds until it was ready; None if it never was.
        """
        took = await self._heard()
        with suppress(TimeoutError):
            async with asyncio.timeout(None if took is None else took * idle):
                await self.ended()
        await self.kill()
        code = await self.ended()
        assert code == -signal.SIGKILL, f"it ended with {code}: {self._log.read_text()[-2000:]}"
        return took

    async def _heard(self) -> float | None:
        """Wait until it is ready, or has ended; the seconds until it was ready, if it was."""
        if self._took is None:
            await readable(self._ready.fileno())
            with suppress(EOFError):
                at, self.used, imported = self._ready.recv()
                self._took, self.imported = at - self.started, tuple(imported)
        return self._took

    async def ended(self) -> int:
        """Wait until it has ended; its exit code, negative for a signal."""
        return await ended(self._process)

    async def kill(self) -> None:
        """Kill it as a power cut would."""
        if self._process.is_alive():
            self._process.kill()
        await self.ended()
        self._ready.close()

    async def stop(self) -> None:
        """Tell it to stop, and see that it ends in order."""
        os.kill(self.pid, signal.SIGTERM)
        code = await self.ended()
        self._ready.close()
        assert code == 0, f"it ended with {code}"


Live = Callable[[Plan, Connection], None]
"""What a process does."""


def start(plan: Plan, live: Live = crash_program.live_by) -> Process:
    """Start a process that lives by the plan."""
    ours, theirs = FORKS.Pipe(duplex=False)
    process = FORKS.Process(target=live, args=(plan, theirs), daemon=True)
    process.start()
    theirs.close()
    return Process(process, ours, log=plan.log)
