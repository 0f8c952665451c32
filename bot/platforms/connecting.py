"""How a start meets a platform: it waits a moment for it, and else goes on without it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

from runtime.clock import Clock

T = TypeVar("T")

log = logging.getLogger("nightdesk.connecting")

PATIENCE = 2.0
"""Seconds that a start waits for a platform that says nothing. The other doors wait as long."""
FIRST_PAUSE = 2.0
"""Seconds before the second try to reach a platform; doubled for each further one."""
LONGEST_PAUSE = 60.0


@asynccontextmanager
async def connecting(
    connect: Callable[[], Awaitable[bool]], clock: Clock, *, platform: str
) -> AsyncIterator[None]:
    """Connect, and go on trying while the block runs.

    The block begins with the end of the first try, or without it after `PATIENCE`.

    Args:
        connect: one try; False where another is to follow. What it raises ends the block.
        clock: the clock.
        platform: its name, for the log.
    """
    tried = asyncio.Event()

    async def attempt() -> bool:
        connected = await connect()
        tried.set()
        return connected

    async with asyncio.TaskGroup() as tasks:
        log.info("platform.connecting", extra={"platform": platform})  # the start waits for it
        trying = tasks.create_task(keep_trying(attempt, clock))
        patience = tasks.create_task(_lose_patience(clock, tried, platform))
        try:
            await tried.wait()
            patience.cancel()
            yield
        finally:
            patience.cancel()
            trying.cancel()


@asynccontextmanager
async def side_by_side(
    opening: Sequence[AbstractAsyncContextManager[T]],
) -> AsyncIterator[list[T]]:
    """Open them all at once, each in a task of its own; close them so when the block ends.

    Where one cannot be opened, the others are closed, and its error is raised in a group. So is
    the error of one that cannot be closed, once the others are.
    """
    over, all_closed = asyncio.Event(), asyncio.Event()
    held = 0

    async def hold(one: AbstractAsyncContextManager[T], opened: asyncio.Future[T]) -> None:
        nonlocal held
        held += 1
        try:
            async with one as what:
                if not opened.done():  # who waits for it may be cancelled in the same turn
                    opened.set_result(what)
                await over.wait()
        finally:
            held -= 1
            if not held:
                all_closed.set()
            elif over.is_set():  # an error from here cuts the closing of the others off
                await all_closed.wait()

    async with asyncio.TaskGroup() as tasks:
        places: list[asyncio.Future[T]] = []
        for one in opening:
            places.append(asyncio.get_running_loop().create_future())
            tasks.create_task(hold(one, places[-1]))
        try:
            yield [await place for place in places]
        finally:
            over.set()


async def keep_trying(attempt: Callable[[], Awaitable[bool]], clock: Clock) -> None:
    """Try until a try says True, with a pause after each that does not, longer every time."""
    pause = FIRST_PAUSE
    while not await attempt():
        await clock.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


async def _lose_patience(clock: Clock, tried: asyncio.Event, platform: str) -> None:
    await clock.sleep(PATIENCE)
    log.warning("platform.not_waited_for", extra={"platform": platform, "seconds": PATIENCE})
    tried.set()
