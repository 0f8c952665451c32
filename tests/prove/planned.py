"""P15: each planned time fires once, over three years, five zones, two processes, kills and jumps.

Two processes, each a `ScheduleService` over its own connections to one Postgres database, tick at
every planned time of 25 schedules. They die in the middle of a tick and start again, sleep through
hours, and their clock is set forward and back. What must have been planned is computed here, day
by day from the zone's rules, by code that shares nothing with the program's.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from adapters.sql.store import SqlStore, open_store
from adapters.timing.timetable import CronsimTimetable
from runtime.ids import AgentName, Platform, RunId, ScheduleId, TimeOrderedIds
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.run import RunState
from runtime.model.schedule import OccurrenceState, Schedule, When, WhenKind
from runtime.model.tools import Json
from runtime.ports import Store, Workflow
from runtime.schedules.service import ScheduleService
from tests.prove.report import Check, Outcome
from tests.support.clock import ManualClock
from tests.support.postgres import running_postgres

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Africa/Cairo",
)
FIRST, YEARS = 2025, 3
TIMES = (
    ("0 0 * * *", time(0), range(7)),
    ("30 2 * * *", time(2, 30), range(7)),
    ("30 8 * * 1-5", time(8, 30), range(5)),
    ("15 1 * * sun", time(1, 15), (6,)),
    ("45 23 * * mon,thu", time(23, 45), (0, 3)),
)
"""The same three ways: as people write it, and the time and the days that it means."""

DEATHS = 0.03
"""How likely a tick dies at one of its calls."""
SLEEPS = 0.01
"""How likely nobody ticks for up to a day and a half."""
JUMPS = 0.01
"""How likely the clock is set, by up to three hours either way."""


class _Died(Exception):
    """The process was killed here."""


@dataclass(slots=True)
class _Chance:
    """When what goes wrong goes wrong.

    Attributes:
        random: the dice.
        deaths: how many processes died.
        armed: processes may die.
    """

    random: random.Random
    deaths: int = 0
    armed: bool = True

    def die(self) -> None:
        if self.armed and self.random.random() < DEATHS / 2:
            self.deaths += 1
            raise _Died


@dataclass(slots=True)
class _Runs:
    """Durable runs that end at once: a run of an id that was started before is left as it is.

    Attributes:
        store: where their planned times end.
        clock: when.
        started: how often each was started, first time or again.
        carried_out: the runs that were carried out.
    """

    store: Store
    clock: ManualClock
    chance: _Chance
    started: Counter[RunId] = field(default_factory=Counter)
    carried_out: Counter[RunId] = field(default_factory=Counter)

    async def start(
        self, workflow: str, run: RunId, payload: Json, *, partition: str | None = None
    ) -> None:
        self.chance.die()
        self.started[run] += 1
        if self.started[run] == 1:
            self.carried_out[run] += 1
            await self.store.schedules.end_occurrence(
                run, state=OccurrenceState.DONE, now=self.clock.now()
            )
        self.chance.die()

    def register(self, name: str, workflow: Workflow) -> None: ...

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def signal(self, run: RunId, topic: str, value: Json, *, key: str) -> None: ...

    async def cancel(self, run: RunId) -> None: ...

    async def state(self, run: RunId) -> RunState | None: ...

    async def result(self, run: RunId) -> Json: ...

    async def take_over(self, slot: str) -> int:
        return 0

    async def forget(self, *, before: datetime) -> int:
        return 0


class _MortalStore:
    """A store whose process may die before and after each write of a tick."""

    def __init__(self, store: Store, chance: _Chance) -> None:
        self._store = store
        self._chance = chance

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @property
    def schedules(self) -> Any:
        return _MortalSchedules(self._store.schedules, self._chance)


class _MortalSchedules:
    def __init__(self, schedules: object, chance: _Chance) -> None:
        self._schedules = schedules
        self._chance = chance

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._schedules, name)
        if name not in ("claim", "move_on"):
            return found

        async def write(claims: Sequence[Any]) -> Any:
            self._chance.die()
            result = await found(claims)
            self._chance.die()
            return result

        return write


@dataclass(slots=True)
class _Process:
    """A process that ticks, dies and starts again.

    Attributes:
        store: its connections.
        runs: the runs, which survive it.
        clock: its clock.
        chance: when it dies.
    """

    store: SqlStore
    runs: _Runs
    clock: ManualClock
    chance: _Chance
    _service: ScheduleService | None = None

    async def tick(self) -> None:
        if self._service is None:
            mortal: Any = _MortalStore(self.store, self.chance)
            self._service = ScheduleService(mortal, CronsimTimetable(), self.runs, clock=self.clock)
        try:
            await self._service.tick()
        except _Died:
            self._service = None


def once_each() -> Outcome:
    """Three years in some minutes."""
    with running_postgres() as server, server.database() as url:
        return asyncio.run(_live(url))


async def _live(url: str) -> Outcome:
    dice = random.Random()
    begin = datetime(FIRST, 1, 1, tzinfo=UTC)
    end = datetime(FIRST + YEARS, 1, 1, tzinfo=UTC)
    clock = ManualClock(begin)
    chance = _Chance(dice)
    sleeps = jumps = ticks = 0
    async with AsyncExitStack() as stack:
        stores = [
            await stack.enter_async_context(
                open_store(url, data_dir=Path(), clock=clock, ids=TimeOrderedIds(clock))
            )
            for _ in range(2)
        ]
        schedules = [s async for s in _made(stores[0], begin)]
        runs = _Runs(stores[0], clock, chance)
        processes = [_Process(store, runs, clock, chance) for store in stores]
        latest = begin
        while clock.now() < end:
            both = processes if dice.random() < 0.7 else [dice.choice(processes)]
            async with asyncio.TaskGroup() as tasks:
                for process in both:
                    tasks.create_task(process.tick())
            ticks += len(both)
            latest = max(latest, clock.now())
            kind = dice.random()
            if kind < SLEEPS:
                sleeps += 1
                await clock.advance(dice.uniform(0, 1.5 * 86_400))
            elif kind < SLEEPS + JUMPS:
                jumps += 1
                await clock.jump(dice.uniform(-3 * 3600, 3 * 3600))
            else:
                next_at = await stores[0].schedules.next_time()
                assert next_at is not None
                await clock.advance(max(1.0, (next_at - clock.now()).total_seconds()))
        chance.armed = False
        for process in processes:
            await process.tick()
        end = max(latest, clock.now())
        return await _judged(
            stores[0], schedules, runs, begin, end, (ticks, chance.deaths, sleeps, jumps)
        )


async def _made(store: Store, begin: datetime) -> Any:
    """Store the schedules; yields each with its days and time."""
    timetable = CronsimTimetable()
    place = ThreadRef(ChannelRef(Platform("slack"), "T1", "C1"))
    for zone in ZONES:
        for cron, at, days in TIMES:
            when = When(kind=WhenKind.CRON, cron=cron, zone=zone, said=cron)
            schedule = Schedule(
                id=ScheduleId(f"{zone} {cron}"),
                when=when,
                instruction="say so",
                agent=AgentName("desk"),
                target=place,
                made_by=Principal(Platform("slack"), "T1", "U1"),
                made_in=place,
                next_at=timetable.next_after(when, begin),
                created_at=begin,
            )
            yield await store.schedules.add(schedule), zone, at, days


async def _judged(
    store: Store,
    schedules: Sequence[Any],
    runs: _Runs,
    begin: datetime,
    end: datetime,
    events: tuple[int, int, int, int],
) -> Outcome:
    unseen, extra, doubled, planned, missed = 0, 0, 0, 0, 0
    for schedule, zone, at, days in schedules:
        expected = set(_planned(zone, at, days, begin, end))
        rows = await store.schedules.history(schedule=schedule.id, limit=10_000)
        written = Counter(row.planned_at for row in rows)
        planned += len(expected)
        unseen += len(expected - written.keys())
        extra += len(written.keys() - expected)
        doubled += sum(n - 1 for n in written.values())
        missed += sum(row.state is OccurrenceState.MISSED for row in rows)
        due = [row for row in rows if row.state is not OccurrenceState.MISSED]
        unseen += sum(row.state is not OccurrenceState.DONE for row in due)
        doubled += sum(runs.carried_out[row.run] - 1 for row in due)
    ticks, deaths, sleeps, jumps = events
    return Outcome(
        tried=f"{planned:,} planned times of {len(schedules)} schedules in {YEARS} years and "
        f"{len(ZONES)} zones, 2 processes, {deaths} deaths, {jumps} clock jumps",
        checks=(
            Check(what="missed unseen", value=unseen),
            Check(what="doubled", value=doubled),
            Check(what="never planned", value=extra),
        ),
        figures={
            "ticks": ticks,
            "hours slept through": sleeps,
            "missed and said so": missed,
            "runs": len(runs.carried_out),
        },
    )


def _planned(
    zone: str, at: time, days: Sequence[int], begin: datetime, end: datetime
) -> Iterator[datetime]:
    """Each day's instant by the zone's rules: in a gap the first after it, of two the first."""
    place = ZoneInfo(zone)
    day = begin.astimezone(place).date() - timedelta(days=1)
    while (instant := _instant(day, at, place)) <= end:
        if instant > begin and day.weekday() in days:
            yield instant
        day += timedelta(days=1)


def _instant(day: date, at: time, place: ZoneInfo) -> datetime:
    """Walk the real minutes of a day until the wall shows that time, or has passed it."""
    wanted = datetime.combine(day, at)
    instant = wanted.replace(tzinfo=UTC) - timedelta(hours=15)
    guess = datetime.combine(day, at, place).astimezone(UTC) - timedelta(hours=2)
    instant = max(instant, guess)
    while instant.astimezone(place).replace(tzinfo=None) < wanted:
        instant += timedelta(minutes=1)
    return instant
