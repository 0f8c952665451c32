"""An event loop in which waiting takes no time: its clock jumps to whatever comes next.

For programs that only wait and compute. Where a thread or a socket has the next word, nothing says
when that will be, so neither may be used in it.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

_BEGAN = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)


class SimulatedLoop(asyncio.SelectorEventLoop):
    """Its time begins at 0 and moves only while everything waits."""

    def __init__(self) -> None:
        self.at = 0.0
        super().__init__(_Impatient(self))

    def time(self) -> float:
        """Simulated seconds."""
        return self.at


class _Impatient(selectors.DefaultSelector):
    """Waits for nothing: moves the time on instead."""

    def __init__(self, loop: SimulatedLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if not found and timeout is None:
            raise RuntimeError("everything waits, and nothing will ever come")
        if not found and timeout is not None and timeout > 0:
            self._loop.at += timeout
        return found


class SimulatedClock:
    """The clock of a `SimulatedLoop`. Implements `runtime.clock.Clock`."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        """Simulated time."""
        return _BEGAN + timedelta(seconds=self._loop.at)

    def monotonic(self) -> float:
        """Simulated seconds."""
        return self._loop.at

    async def sleep(self, seconds: float) -> None:
        """Yield for that many simulated seconds."""
        await asyncio.sleep(max(0.0, seconds))

    async def sleep_until(self, when: datetime) -> None:
        """Sleep to the microsecond that a datetime can tell."""
        while (left := (when - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - time is all
            await asyncio.sleep(max(left, 1e-6))


def simulate(work: Coroutine[Any, Any, T], loop: SimulatedLoop) -> T:
    """Run it to its end in that loop."""
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(work)
