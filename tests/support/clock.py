"""A clock that stands still until a test moves it."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
"""A Monday morning, far from any change of the clocks."""

_ORIGIN = 1_000.0
_TURNS_TO_SETTLE = 25


@dataclass(eq=False)
class _Sleeper:
    """One waiter: due at a moment of the wall clock, or after some time has passed."""

    woken: asyncio.Future[None]
    at_wall: datetime | None = None
    at_elapsed: timedelta = field(default_factory=timedelta)


class ManualClock:
    """A `runtime.clock.Clock` for tests: time passes only in `advance`, and sleepers wake in order.

    It belongs to one event loop. Sleepers due at the same moment wake in the order in which they
    went to sleep; a sleeper that goes to sleep again while time is advanced takes its next turn
    within the same advance.
    """

    def __init__(self, start: datetime = START) -> None:
        if start.tzinfo is None:
            raise ValueError(f"a clock starts at an aware time, not at {start!r}")
        self._wall_origin = start.astimezone(UTC)
        self._elapsed = timedelta()
        self._sleepers: list[_Sleeper] = []

    def now(self) -> datetime:
        return self._wall_origin + self._elapsed

    def monotonic(self) -> float:
        return _ORIGIN + self._elapsed.total_seconds()

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        await self._wait(_Sleeper(_future(), None, self._elapsed + timedelta(seconds=seconds)))

    async def sleep_until(self, when: datetime) -> None:
        if when <= self.now():
            await asyncio.sleep(0)
            return
        await self._wait(_Sleeper(_future(), when))

    @property
    def sleeping(self) -> int:
        """How many wait on this clock."""
        return len(self._sleepers)

    async def advance(self, by: float | timedelta) -> None:
        """Let time pass: wake each sleeper at its moment, and let it act before time goes on."""
        step = by if isinstance(by, timedelta) else timedelta(seconds=by)
        if step < timedelta():
            raise ValueError("time does not go back; use jump() for a wall clock that was set")
        target = self._elapsed + step
        await settle()
        while (moment := self._next_moment()) is not None and moment <= target:
            self._elapsed = max(self._elapsed, moment)
            self._wake()
            await settle()
        self._elapsed = target
        await settle()

    async def advance_to(self, when: datetime) -> None:
        """Let time pass until the wall clock shows `when`."""
        await self.advance(when - self.now())

    async def jump(self, by: float | timedelta) -> None:
        """Set the wall clock, as an administrator would: no time passes, in either direction."""
        self._wall_origin += by if isinstance(by, timedelta) else timedelta(seconds=by)
        self._wake()
        await settle()

    async def _wait(self, sleeper: _Sleeper) -> None:
        self._sleepers.append(sleeper)
        try:
            await sleeper.woken
        finally:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)

    def _moment(self, sleeper: _Sleeper) -> timedelta:
        if sleeper.at_wall is not None:
            return sleeper.at_wall - self._wall_origin
        return sleeper.at_elapsed

    def _next_moment(self) -> timedelta | None:
        return min(map(self._moment, self._sleepers), default=None)

    def _wake(self) -> None:
        due = [sleeper for sleeper in self._sleepers if self._moment(sleeper) <= self._elapsed]
        for sleeper in due:
            self._sleepers.remove(sleeper)
            if not sleeper.woken.done():
                sleeper.woken.set_result(None)


async def settle(turns: int = _TURNS_TO_SETTLE) -> None:
    """Let everything that is ready run, and what that makes ready.

    It waits for the loop only. Work in a thread, in a process or on a socket takes real time: wait
    for its effect with `tests.support.eventually`.
    """
    for _ in range(turns):
        await asyncio.sleep(0)


def _future() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()
