"""APScheduler's scheduler where the machine's clock, which it goes by, may be set back."""

from datetime import UTC, datetime

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from runtime.clock import SystemClock


class SteadyScheduler(AsyncIOScheduler):  # type: ignore[misc]  # APScheduler has no types
    """Lets no job wait until a clock that was set back says again what it said before."""

    _now = datetime.min.replace(tzinfo=UTC)

    def _process_jobs(self) -> object:
        """See what is due, and how long to wait then: APScheduler's, with its own clock."""
        before, self._now = self._now, SystemClock().now()
        if self._now < before:
            for job in self.get_jobs():
                job.modify(next_run_time=job.next_run_time - (before - self._now))
        return super()._process_jobs()
