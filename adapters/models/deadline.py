"""Waiting for something for so long and no longer, by the injected clock."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from runtime.clock import Clock
from runtime.errors import ModelTimeout

T = TypeVar("T")


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
        raise errors.exceptions[0] from None
    if in_time:
        return task.result()
    raise ModelTimeout(f"{what} did not come within {seconds:g} s")
