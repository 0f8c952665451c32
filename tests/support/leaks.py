"""What a test may not leave behind: tasks that still run, and threads that keep the process up."""

import asyncio
import threading
from collections.abc import Iterable

from tests.support.clock import settle

_GRACE_SECONDS = 2.0


async def lingering_tasks(before: Iterable[asyncio.Task[object]]) -> list[str]:
    """Describe the tasks of this loop that were not there before and do not end by themselves."""
    known = {*before, asyncio.current_task()}
    if asyncio.all_tasks() - known:
        await settle()
    return sorted(f"{task.get_name()}: {task.get_coro()!r}" for task in asyncio.all_tasks() - known)


def lingering_threads(before: Iterable[threading.Thread]) -> list[str]:
    """Describe the non-daemon threads that were not there before and do not end within a moment."""
    fresh = [t for t in set(threading.enumerate()) - set(before) if not t.daemon]
    for thread in fresh:
        thread.join(_GRACE_SECONDS / len(fresh))
    return sorted(thread.name for thread in fresh if thread.is_alive())
