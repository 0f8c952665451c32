"""The launch of DBOS for a process, with settings of ours. Importing this module imports DBOS.

That takes 0.6 s and 50 MB, so only `adapters.durable.dbos` imports it, in a thread.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, Serializer, _sys_db

from adapters.durable import database, wire
from adapters.durable.engine import VERSION, DurableEngine, Play
from adapters.durable.settings import Settings
from runtime.errors import ConfigurationError, StorageUnavailable

_NEVER_SECONDS = 86_400.0
_THREADS = 16
_RECOVERS_EVERY = 0.1
_RECOVERS_FOR = 1.0
"""DBOS puts the unfinished runs of a start into a queue of its own and looks at that once a second:
whose run was broken off would wait for it. We have it look so often while it is launched, and for
so many seconds more."""

_RETRIES_EVERY = 5.0
"""Seconds at most between DBOS's tries while the database is away; by itself it waits 90."""

_one = threading.Lock()
"""DBOS is one to a process: a second one would silently be the first."""


class JsonSerializer(Serializer):
    """Has DBOS store JSON where it would store pickles."""

    def serialize(self, data: Any) -> str:
        """Spell a value or an error."""
        return wire.write(data)

    def deserialize(self, serialized_data: str) -> Any:
        """Read a value or an error back."""
        return wire.read(serialized_data)

    def name(self) -> str:
        """The name under which DBOS notes how a row is spelled."""
        return "nightdesk-json"


class Waits:
    """The module `time` for DBOS's tries, which sleep in threads while the database is away.

    A process does not end before its threads have, so those sleeps end with DBOS, and their calls.
    """

    def __init__(self) -> None:
        self._over = threading.Event()

    def __getattr__(self, name: str) -> Any:
        """Everything else, as it is."""
        return getattr(time, name)

    def sleep(self, seconds: float) -> None:
        """Wait so long, and not too long.

        Raises:
            StorageUnavailable: DBOS is not open any more.
        """
        if self._over.wait(min(seconds, _RETRIES_EVERY)):
            raise StorageUnavailable("durable execution is closed")

    def end(self) -> None:
        """Let nobody sleep any more."""
        self._over.set()


def launch(settings: Settings, play: Play, loop: asyncio.AbstractEventLoop) -> DurableEngine:
    """Launch DBOS for this process, to play runs on that loop. Blocks: call it in a thread.

    Raises:
        ConfigurationError: it is launched already.
    """
    if not _one.acquire(blocking=False):
        raise ConfigurationError("durable execution is open already: DBOS is one to a process")
    with ExitStack() as stack:
        stack.callback(_one.release)
        _quieten()
        store = database.engine(settings)
        stack.callback(store.dispose)
        stack.callback(_bounded().end)
        dbos = DBOS(config=_config(settings, store))
        stack.callback(DBOS.destroy, destroy_registry=True)
        look_as_usual = _look_often(dbos)
        engine = DurableEngine(dbos, settings, play)
        engine.launch_blocking(loop)
        # From here on: a launch takes seconds where the database is slow.
        loop.call_soon_threadsafe(loop.call_later, _RECOVERS_FOR, look_as_usual)
        engine.until_destroyed(stack)
        return engine


def _bounded() -> Waits:
    """Have DBOS's tries wait as we say; they ask a module for it."""
    _sys_db.time = waits = Waits()  # type: ignore[attr-defined,assignment]
    return waits


def _look_often(dbos: DBOS) -> Callable[[], None]:
    """Have DBOS look often at the runs that a start goes on with; returns what ends that."""
    queue = dbos._registry.get_internal_queue()  # noqa: SLF001 - nothing public reaches it
    usual = queue._polling_interval_sec  # noqa: SLF001 - its setter is for queues in the database

    def look_as_usual() -> None:
        queue._polling_interval_sec = usual  # noqa: SLF001

    queue._polling_interval_sec = _RECOVERS_EVERY  # noqa: SLF001
    return look_as_usual


def _config(settings: Settings, store: sa.Engine) -> DBOSConfig:
    return {
        "name": "nightdesk",
        "system_database_engine": store,
        "dbos_system_schema": database.SCHEMA,
        "application_version": VERSION,
        "executor_id": settings.slot,
        "max_executor_threads": _THREADS,
        "serializer": JsonSerializer(),
        "notification_listener_polling_interval_sec": settings.pace.signal,
        # Our schedules are not DBOS's.
        "scheduler_polling_interval_sec": _NEVER_SECONDS,
        "log_level": "WARNING",
    }


def _quieten() -> None:
    """Let DBOS's log go where ours goes: it adds a console of its own only where it finds none."""
    log = logging.getLogger("dbos")
    if not log.handlers:
        log.addHandler(logging.NullHandler())
