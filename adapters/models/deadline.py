"""Waiting for something for so long and no longer, by the injected clock."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from runtime.clock import Clock
from runtime.errors import ModelTimeout

T = TypeVar("T")

LONGEST_CALL = 1_500.0
"""Seconds that any call may take: what its budget holds for it ends five minutes later."""


def next_limit(*, first: float, life: float | None, idle: float, last: float, begun: bool) -> float:
    """When the present wait is too long. All in the clock's monotonic seconds, `idle` in seconds.

    Args:
        first: when the first word must have come.
        life: the last sign of life, such as a thought before the first word; None before any.
        idle: how long may pass between two of them.
        last: when the whole call must have ended.
        begun: a word or a tool call has come.
    """
    if life is None:
        return min(first, last)
    # Before the first word a sign of life gives more time, never less.
    return min(life + idle if begun else max(first, life + idle), last)


async def within(clock: Clock, seconds: float, work: Coroutine[Any, Any, T], what: str) -> T:
    """The result of the work; it is cancelled, and has ended, where the time is over first.

    Raises:
        ModelTimeout: the time was over; `what` says in its message what did not come.
    """
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(work)
            timer = group.create_task(clock.sleep(seconds))
            await asyncio.wait((task, timer), return_when=asyncio.FIRST_COMPLETED)
            in_time = task.done()
            task.cancel()
            timer.cancel()
    except BaseExceptionGroup as errors:
        # Only the work can fail, so there is exactly one; the group says nothing more than it does.
        failure = errors.exceptions[0]
    else:
        if in_time:
            return task.result()
        raise ModelTimeout(f"{what} did not come within {seconds:g} s")
    raise failure from None  # out here: in there, the group would take the place of what led to it


class Watchdog:
    """Ends a wait that takes too long, at next to no cost for the waits that do not.

    One timer for all the waits of a stream: `within` would begin two tasks for every piece of it.

    Attributes:
        until: when the present wait is too long, by the clock's monotonic seconds; None while
            nobody waits.
        bitten: a wait was too long, and was ended.
    """

    def __init__(
        self, clock: Clock, *, every: float, bite: Callable[[], object] | None = None
    ) -> None:
        """Watch.

        Args:
            clock: tells the time.
            every: seconds between two looks at the least; the shortest wait that may be set.
            bite: ends the wait; None where all of them are under `guard`, which has its own way.
        """
        self._clock = clock
        self._every = every
        self._bite = bite
        self._group = asyncio.TaskGroup()
        self._task: asyncio.Task[None] | None = None
        self.until: float | None = None
        self.bitten = False

    async def __aenter__(self) -> Self:
        """Begin to watch."""
        await self._group.__aenter__()
        self._task = self._group.create_task(self._watch())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Watch no more; the watcher has ended. What went wrong inside goes on as it is."""
        if self._task is not None:
            self._task.cancel()
        # Not what went wrong inside: the group would wrap it, the end of a generator as well.
        await self._group.__aexit__(None, None, None)

    async def guard(self, work: Awaitable[T], *, until: float) -> T:
        """The result of the work; where the wait for it is too long, it is cancelled.

        Raises:
            ModelTimeout: it was too long.
        """
        waiter = asyncio.current_task()
        if waiter is None:
            raise AssertionError("only a task waits")
        cancelling = waiter.cancelling()
        self._bite, self.until = waiter.cancel, until
        try:
            return await work
        except asyncio.CancelledError:
            # As in `asyncio.timeout`: whoever else cancelled the task as well is obeyed.
            if self.bitten and waiter.uncancel() <= cancelling:
                raise ModelTimeout("the next piece did not come in time") from None
            raise
        finally:
            self.until = None

    def hurry(self, until: float) -> None:
        """The present wait is too long from then on, which may be before the next look."""
        self.until = until
        if self._task is not None:
            self._task.cancel()
        self._task = self._group.create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            until = self.until
            left = self._every if until is None else until - self._clock.monotonic()
            if left <= 0:
                self.bitten = True
                if self._bite is not None:
                    self._bite()
                return
            await self._clock.sleep(min(left, self._every))
