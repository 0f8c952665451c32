"""What schedules are measured against: bare timers of the loop, and APScheduler with two stores.

APScheduler's own defaults hold but for the misfire time, which would drop what comes late. The
jobs are coroutines that do nothing but note the moment.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import sqlalchemy as sa
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from bench.burst import DUE, Burst, burst
from bench.child import live, obey, say
from bench.machine import SERVER_CORE, own_usage
from bench.stall import StallProbe

_started: list[float] = []
_everybody: list[asyncio.Event] = []
_FAR = timedelta(hours=3)


async def note() -> None:
    """The job: note when it was called."""
    _note()


def _note() -> None:
    _started.append(time.time())
    if len(_started) == DUE:
        _everybody[0].set()


async def _burst(fall_due_at: Callable[[datetime], None], lead: float) -> Burst:
    """Let a thousand fall due at the same moment, `lead` seconds from now."""
    _started.clear()
    _everybody[:] = [asyncio.Event()]
    due = datetime.now(UTC) + timedelta(seconds=lead)
    fall_due_at(due)
    left = due.timestamp() - time.time()
    assert left > 0.05, f"{lead} s were too few to prepare"
    await asyncio.sleep(left - 0.05)
    probe, cpu = StallProbe(), time.process_time()
    probe.start()
    await _everybody[0].wait()
    return burst(_started, due, stall=probe.stop(), cpu=cpu)


class _BareTimers:
    """`loop.call_at` for each: the limit."""

    async def burst(self, _: msgspec.Raw) -> Burst:
        loop = asyncio.get_running_loop()

        def fall_due_at(due: datetime) -> None:
            at = loop.time() + due.timestamp() - time.time()
            for _ in range(DUE):
                loop.call_at(at, _note)

        return await _burst(fall_due_at, 0.6)


class _Apscheduler:
    """APScheduler's AsyncIOScheduler.

    Args:
        store: the job store.
        jobs: how many jobs it holds beside those that fall due.
        lead: seconds that it takes to add those, and some.
        quick: called with True before jobs are added, and with False before they fall due.
    """

    def __init__(
        self,
        store: MemoryJobStore | SQLAlchemyJobStore,
        *,
        jobs: int,
        lead: float,
        quick: Callable[[bool], None],
    ) -> None:
        self._scheduler = AsyncIOScheduler(
            jobstores={"default": store}, job_defaults={"misfire_grace_time": None}, timezone=UTC
        )
        self._lead = lead
        self._quick = quick
        self._scheduler.start(paused=True)
        self._add(jobs, datetime.now(UTC) + _FAR)

    async def burst(self, _: msgspec.Raw) -> Burst:
        def fall_due_at(due: datetime) -> None:
            self._scheduler.pause()
            self._add(DUE, due)
            self._scheduler.resume()

        return await _burst(fall_due_at, self._lead)

    def _add(self, count: int, due: datetime) -> None:
        self._quick(True)
        for number in range(count):
            trigger = CronTrigger(hour=6 + number % 12, minute=7 * number % 60, timezone=UTC)
            self._scheduler.add_job(note, trigger, next_run_time=due)
        self._quick(False)


def _in_memory() -> _Apscheduler:
    return _Apscheduler(MemoryJobStore(), jobs=9_000, lead=2.0, quick=lambda _: None)


def _in_sqlite(folder: Path) -> _Apscheduler:
    """Its SQLAlchemy store over SQLite; the fsyncs are left out only while jobs are added."""
    engine = sa.create_engine(f"sqlite:///{folder / 'apscheduler.db'}")
    careless = False

    @sa.event.listens_for(engine, "connect")
    def _(connection: "sa.engine.interfaces.DBAPIConnection", _: object) -> None:
        if careless:
            connection.cursor().execute("PRAGMA synchronous = OFF")

    def quick(wanted: bool) -> None:  # noqa: FBT001 - a switch
        nonlocal careless
        careless = wanted
        engine.dispose()

    return _Apscheduler(SQLAlchemyJobStore(engine=engine), jobs=1_000, lead=5.0, quick=quick)


async def _live(arguments: Sequence[str]) -> None:
    kind, folder = arguments
    match kind:
        case "bare":
            peer: _BareTimers | _Apscheduler = _BareTimers()
        case "memory":
            peer = _in_memory()
        case _:
            peer = _in_sqlite(Path(folder))

    async def usage(_: msgspec.Raw) -> object:
        return own_usage()

    say("ready")
    await obey({"burst": peer.burst, "usage": usage})


if __name__ == "__main__":
    live(_live, core=SERVER_CORE)
