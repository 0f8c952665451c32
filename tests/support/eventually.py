"""Waiting in real time for what happens outside the event loop."""

import asyncio
import time
from collections.abc import Callable


async def eventually(
    reached: Callable[[], object], what: str = "the condition", within: float = 45.0
) -> None:
    """Return once `reached()` is true; fail, naming `what`, when it is not within that many seconds.

    For effects of threads, processes and sockets. Whatever waits on time takes a `ManualClock`.
    """
    deadline = time.monotonic() + within
    while not reached():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {within} s")
        await asyncio.sleep(0.005)
