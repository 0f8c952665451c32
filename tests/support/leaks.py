"""What a test may not leave behind: tasks, threads that keep the process up, another log."""

import asyncio
import logging
import threading
from collections.abc import Iterable, Mapping

from tests.support.clock import settle

_GRACE_SECONDS = 2.0
_OF_SDKS = ("nightdesk.slack.bolt", "nightdesk.slack.sdk", "nightdesk.slack.socket")
"""Logs that SDKs write in: an adapter gives each its level when it first uses it."""


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


def log_levels() -> dict[str, tuple[int, bool]]:
    """The level of the root log and of each of ours, and whether it is shut; "all" is for all."""
    found = {"all": (logging.root.manager.disable, False), "root": _level(logging.root)}
    for name, logger in logging.root.manager.loggerDict.items():
        ours = name.startswith("nightdesk") and not name.startswith(_OF_SDKS)
        if ours and isinstance(logger, logging.Logger):
            found[name] = _level(logger)
    return found


def changed_logs(before: Mapping[str, tuple[int, bool]]) -> list[str]:
    """Describe each log whose level is another one than before, and give it the old one again."""
    fresh = (logging.NOTSET, False)
    changed = {name: now for name, now in log_levels().items() if now != before.get(name, fresh)}
    for name in changed:
        level, shut = before.get(name, fresh)
        if name == "all":
            logging.disable(level)
        else:
            logger = logging.getLogger(None if name == "root" else name)
            logger.disabled = shut
            logger.setLevel(level)
    return [f"{name}: {before.get(name, fresh)} became {now}" for name, now in changed.items()]


def _level(logger: logging.Logger) -> tuple[int, bool]:
    return logger.level, logger.disabled
