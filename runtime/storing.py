"""What to do while the database takes nothing: wait, and try again."""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from runtime.clock import Clock
from runtime.errors import NightdeskError, Retryable

log = logging.getLogger("nightdesk.storing")

T = TypeVar("T")

STORE_PAUSE = 5.0
"""Seconds between tries while the database takes nothing."""


async def until_stored(
    work: Callable[[], Awaitable[T]],
    *,
    clock: Clock,
    what: str,
    trouble: type[NightdeskError] = Retryable,
    meanwhile: Callable[[], Awaitable[None]] | None = None,
) -> T:
    """Do the work, from its start again for as long as the database takes nothing.

    Args:
        work: may be done again: with the effect of once, or on from where it was.
        clock: for the pause.
        what: names the work in the log.
        trouble: what to wait out; by default the database is away, full, or has no connection
            free.
        meanwhile: is called after each try in vain.
    """
    while True:
        try:
            return await work()
        except trouble:
            log.exception("store.unavailable", extra={"what": what})
            if meanwhile is not None:
                await meanwhile()
            await clock.sleep(STORE_PAUSE)
