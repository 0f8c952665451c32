"""The process's ticker, by APScheduler: it wakes jobs up, and remembers nothing.

APScheduler's job stores, cron triggers and time zones are not used: the schedules' table is the
truth, and here are only durations and one instant at a time.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

from runtime.clock import Clock
from runtime.errors import Retryable

if TYPE_CHECKING:
    from apscheduler.events import JobExecutionEvent
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

log = logging.getLogger("nightdesk.ticker")

_LONGEST_WAIT = timedelta(minutes=1)
"""The longest wait for an instant before the clock is looked at again: it may have been set."""

Job = Callable[[], Awaitable[None]]


class ApschedulerTicker:
    """The `Ticker` of APScheduler's AsyncIOScheduler, with jobs in memory.

    An error of a job is logged as `ticker.job_failed`, with its trace unless it is one that passes,
    and the job is called at its next time as before. A call that is late, because the loop or the
    machine slept, is made once.
    """

    def __init__(self, clock: Clock) -> None:
        """Wake up by `clock`: what it says decides whether an instant has come."""
        self._clock = clock
        self._scheduler = _new_scheduler()
        self._waking: dict[str, str] = {}
        self._numbers = count(1)
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def every(self, seconds: float, name: str, job: Job) -> None:
        """See `runtime.ports.Ticker`; the first call comes after that many seconds."""
        from adapters.timing.triggers import Every  # noqa: PLC0415 - kept out of the start

        trigger = Every(timedelta(seconds=seconds))
        self._scheduler.add_job(
            self._counted, trigger, [job], id=name, name=name, replace_existing=True
        )

    def wake_at(self, when: datetime, name: str, job: Job) -> None:
        """See `runtime.ports.Ticker`."""
        from adapters.timing.triggers import After  # noqa: PLC0415 - kept out of the start

        # Each wake-up has an id of its own: a job that asks to be woken at once is still under
        # way then, and APScheduler drops a second call under the same id.
        self._forget(name)
        self._waking[name] = wake_up = f"{name} {next(self._numbers)}"
        wait = min(max(when - self._clock.now(), timedelta()), _LONGEST_WAIT)
        self._scheduler.add_job(self._wake, After(wait), [when, name, job], id=wake_up, name=name)

    def start(self) -> None:
        """See `runtime.ports.Ticker`."""
        self._scheduler.start()

    async def stop(self) -> None:
        """See `runtime.ports.Ticker`."""
        if not self._scheduler.running:
            return
        self._scheduler.pause()
        await self._idle.wait()
        self._scheduler.shutdown()
        while self._scheduler.running:  # it ends with the loop's next turn
            await self._clock.sleep(0)

    async def _wake(self, when: datetime, name: str, job: Job) -> None:
        if self._clock.now() < when:  # far away still, or the clock was set back
            self.wake_at(when, name, job)
            return
        self._waking.pop(name, None)
        await self._counted(job)

    async def _counted(self, job: Job) -> None:
        self._under_way += 1
        self._idle.clear()
        try:
            await job()
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    def _forget(self, name: str) -> None:
        """Drop the wake-up of that name, unless it is just being carried out."""
        known = self._waking.pop(name, None)
        if known is not None and self._scheduler.get_job(known) is not None:
            self._scheduler.remove_job(known)


def _new_scheduler() -> "AsyncIOScheduler":
    from apscheduler.events import EVENT_JOB_ERROR  # noqa: PLC0415 - kept out of the start

    from adapters.timing.scheduler import SteadyScheduler  # noqa: PLC0415 - the same

    # It logs each call, each error and each call that was not doubled; what there is to say of
    # them is said here under a name of ours.
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    scheduler = SteadyScheduler(
        timezone=UTC,
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )
    scheduler.add_listener(_failed, EVENT_JOB_ERROR)
    return scheduler


def _failed(event: "JobExecutionEvent") -> None:
    error = event.exception
    if isinstance(error, Retryable):  # its words say all of what passes; a trace is for defects
        log.error("ticker.job_failed", extra={"job": event.job_id, "error": str(error)})
    else:
        log.error("ticker.job_failed", extra={"job": event.job_id}, exc_info=error)
