"""What runs, what comes next and what waits, read beside whatever process is running."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from adapters.sql.glance import Glance, glance, holder_of, sqlite_file
from bot import stops
from bot.settings import Settings
from runtime.clock import Clock, SystemClock
from runtime.ids import TimeOrderedIds
from runtime.model.localtime import show_time
from runtime.model.outbox import OutboxState
from runtime.model.schedule import Occurrence, Schedule
from runtime.model.team import Team
from runtime.model.value import value
from runtime.ports import Store
from runtime.text import clipped

ALIVE = timedelta(seconds=60)
"""A process whose last sign of life is older has probably ended."""

_LAST_RUNS = 5
_LONGEST = 60


@value(kw_only=True)
class ProcessLine:
    """A process.

    Attributes:
        name: its slot, or its number where it owns the data folder.
        role: what it does.
        since: when it took the data folder, or its last sign of life.
    """

    name: str
    role: str
    since: datetime


@value(kw_only=True)
class ScheduleLine:
    """A schedule: its number, words, next time and where its results go."""

    number: int
    state: str
    when: str
    instruction: str
    target: str
    next_at: datetime | None


@value(kw_only=True)
class RunLine:
    """A planned time that came."""

    schedule: int
    planned_at: datetime
    state: str
    delivery: str
    error: str


@value(kw_only=True)
class OutboxLine:
    """Messages on their way out: how many wait since when, and how many were set aside."""

    waiting: int
    oldest: datetime | None
    dead: int
    withheld: int


@value(kw_only=True)
class Status:
    """How the desk does.

    Attributes:
        now: when this was read.
        zone: the zone to show times in.
        stops: what is stopped.
        processes: those that work now.
        database: in what state the database is, in words.
        schedules: those not deleted, by next time.
        outbox: None where the database cannot be read.
        runs: the latest planned times, latest first.
    """

    now: datetime
    zone: str
    stops: tuple[stops.StopLine, ...]
    processes: tuple[ProcessLine, ...]
    database: str
    schedules: tuple[ScheduleLine, ...] = ()
    outbox: OutboxLine | None = None
    runs: tuple[RunLine, ...] = ()


async def read_status(settings: Settings, clock: Clock | None = None) -> Status:
    """Read it; nothing is written, and nobody is disturbed.

    Raises:
        NightdeskError: the database is there and cannot be read.
    """
    clock = clock or SystemClock()
    ids = TimeOrderedIds(clock)
    owner, asked = _owner(settings), stops.asked_for(settings, clock)
    async with glance(
        settings.database_url, data_dir=settings.data_dir, clock=clock, ids=ids
    ) as found:
        if found is None or not found.readable:
            return Status(
                now=clock.now(),
                zone=settings.team.zone,
                stops=asked,
                processes=owner,
                database=describe_database(found),
            )
        store = found.store
        return Status(
            now=clock.now(),
            zone=settings.team.zone,
            stops=(*asked, *await stops.in_force(store, settings.team)),
            processes=await processes(store, settings, clock.now()),
            database=describe_database(found),
            schedules=tuple(_schedule(s, settings.team) for s in await store.schedules.all()),
            outbox=await read_outbox(store),
            runs=await _runs(store),
        )


async def processes(store: Store, settings: Settings, now: datetime) -> tuple[ProcessLine, ...]:
    """Those that work now: the owner of a SQLite file, or whoever gave a sign of life just now."""
    return _owner(settings) or await _alive(store, now)


def describe_database(found: Glance | None) -> str:
    """In what state a database is, in words."""
    if found is None or found.revision is None:
        return "not made yet; the first start makes it"
    if found.revision not in found.known:
        return f"written by a newer Nightdesk (version {found.revision})"
    if not found.readable:
        return f"to be brought up to date from version {found.revision}: `nightdesk migrate`"
    return f"up to date (version {found.revision})"


async def read_outbox(store: Store) -> OutboxLine:
    """Count the messages on their way out."""
    pending = await store.outbox.count(OutboxState.PENDING)
    sending = await store.outbox.count(OutboxState.SENDING)
    return OutboxLine(
        waiting=pending + sending,
        oldest=await store.outbox.oldest_pending(),
        dead=await store.outbox.count(OutboxState.DEAD),
        withheld=await store.outbox.count(OutboxState.WITHHELD),
    )


def _owner(settings: Settings) -> tuple[ProcessLine, ...]:
    """The process that owns the SQLite file, where there is one."""
    file = sqlite_file(settings.database_url, settings.data_dir)
    holder = holder_of(file.parent) if file is not None else None
    if holder is None:
        return ()
    since = datetime.fromisoformat(holder.since)
    return (ProcessLine(name=f"process {holder.pid}", role=holder.role, since=since),)


async def _alive(store: Store, now: datetime) -> tuple[ProcessLine, ...]:
    """Every process that gave a sign of life just now."""
    return tuple(
        ProcessLine(name=worker.slot, role=worker.role, since=worker.seen_at)
        for worker in await store.workers.known()
        if worker.life and now - worker.seen_at < ALIVE
    )


def _schedule(schedule: Schedule, team: Team) -> ScheduleLine:
    channel = schedule.target.channel
    rule = team.rule_of(channel)
    return ScheduleLine(
        number=schedule.number,
        state=schedule.state,
        when=schedule.when.said,
        instruction=schedule.instruction,
        target=f"#{rule.name}" if rule else channel.channel,
        next_at=schedule.next_at,
    )


async def _runs(store: Store) -> tuple[RunLine, ...]:
    lines = []
    for run in await store.schedules.history(limit=_LAST_RUNS):
        schedule = await store.schedules.by_id(run.schedule)
        lines.append(_run(run, schedule.number if schedule else 0))
    return tuple(lines)


def _run(run: Occurrence, number: int) -> RunLine:
    return RunLine(
        schedule=number,
        planned_at=run.planned_at,
        state=run.state,
        delivery=run.delivery,
        error=run.error,
    )


# ------------------------------------------------------------------------------------- words


def to_json(status: Status) -> str:
    """The status for machines; times in ISO 8601."""
    return json.dumps(asdict(status), default=_iso, ensure_ascii=False, indent=2)


def in_words(status: Status) -> str:
    """The status for people; times in the team's zone."""
    return "\n".join(_lines(status))


def _lines(status: Status) -> Iterator[str]:
    if status.stops:
        yield from _section("Stopped", [stops.in_words(s, status.zone) for s in status.stops], "")
    yield from _section("Running", [_process(p, status) for p in status.processes], "nothing")
    yield f"Database   {status.database}"
    if status.outbox is None:
        return
    yield f"Outbox     {_outbox(status.outbox, status)}"
    schedules = [_schedule_words(s, status) for s in status.schedules]
    yield from _section("Schedules", schedules, "none; `/schedule create` in the chat makes one")
    yield from _section("Last runs", [_run_words(r, status) for r in status.runs], "none yet")


def _section(title: str, lines: Sequence[str], otherwise: str) -> Iterator[str]:
    first, *rest = lines or (otherwise,)
    yield f"{title:<11}{first}"
    yield from (f"{'':<11}{line}" for line in rest)


def _process(process: ProcessLine, status: Status) -> str:
    return f"{process.name} ({process.role}) since {_local(process.since, status)}"


def _outbox(outbox: OutboxLine, status: Status) -> str:
    oldest = f", the oldest since {_local(outbox.oldest, status)}" if outbox.oldest else ""
    parts = [f"{outbox.waiting} waiting{oldest}", f"{outbox.dead} undeliverable"]
    if outbox.withheld:
        parts.append(f"{outbox.withheld} withheld, their channel is not proactive any more")
    return ", ".join(parts)


def _schedule_words(line: ScheduleLine, status: Status) -> str:
    comes = f"next {_local(line.next_at, status)}" if line.next_at else line.state
    return f"#{line.number} {line.when} -> {line.target}, {comes}: {_short(line.instruction)}"


def _run_words(line: RunLine, status: Status) -> str:
    notes = [line.state, *(note for note in (line.delivery, _short(line.error)) if note)]
    return f"#{line.schedule} {_local(line.planned_at, status)}: {', '.join(notes)}"


def _short(text: str) -> str:
    return clipped(" ".join(text.split()), _LONGEST)


def _local(moment: datetime, status: Status) -> str:
    return show_time(moment, status.zone)


def _iso(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
