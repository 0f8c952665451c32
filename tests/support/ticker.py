"""A ticker that follows a clock which a test moves."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from runtime.clock import Clock
from runtime.errors import Retryable

Job = Callable[[], Awaitable[None]]

log = logging.getLogger(__name__)


class ClockTicker:
    """A `runtime.ports.Ticker` whose jobs come as the given clock says, a `ManualClock` usually."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started = False
        self._loops: dict[str, Callable[[], Awaitable[None]]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    def every(self, seconds: float, name: str, job: Job) -> None:
        async def repeat() -> None:
            while self._started:
                await self._clock.sleep(seconds)
                await self._call(job)

        self._arm(name, repeat)

    def wake_at(self, when: datetime, name: str, job: Job) -> None:
        async def wake() -> None:
            await self._clock.sleep_until(when)
            # From here on a new wake-up of the name does not take this one back.
            self._tasks.pop(name, None)
            self._loops.pop(name, None)
            await self._call(job)

        self._arm(name, wake)

    def start(self) -> None:
        self._started = True
        for name, loop in self._loops.items():
            self._run(name, loop)

    async def stop(self) -> None:
        self._started = False
        tasks = {*self._tasks.values(), *self._under_way}
        self._tasks.clear()
        for task in tasks - self._under_way:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def idle(self) -> bool:
        """No job is under way: what takes real time, as a database does, is done."""
        return not self._under_way

    def _arm(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        self._loops[name] = loop
        known = self._tasks.pop(name, None)
        if known is not None and known not in self._under_way:
            known.cancel()
        if self._started:
            self._run(name, loop)

    def _run(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        async def body() -> None:
            await loop()

        self._tasks[name] = asyncio.create_task(body(), name=f"ticker {name}")

    async def _call(self, job: Job) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._under_way.add(task)
        try:
            await job()
        except Retryable as error:
            log.error("ticker.job_failed", extra={"error": str(error)})  # noqa: TRY400 - no trace
        except Exception:
            log.exception("ticker.job_failed")
        finally:
            self._under_way.discard(task)
