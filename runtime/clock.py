"""Time as an argument: the only place that reads the clock or sleeps."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits for it. Tests bring a clock that they advance by hand."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC. For showing, for schedules and for stored expiry."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back, for measuring and for time-outs within this process."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds; at once where they are not positive."""
        ...

    async def sleep_until(self, when: datetime) -> None:
        """Return once `now()` has reached `when`; at once where it has passed."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The machine's time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """The machine's monotonic seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Yield to the loop for that many seconds."""
        await asyncio.sleep(max(0.0, seconds))

    async def sleep_until(self, when: datetime) -> None:
        """Sleep in pieces of at most a minute, so that a changed clock is noticed."""
        while (left := (when - self.now()).total_seconds()) > 0:
            await asyncio.sleep(min(left, 60.0))
