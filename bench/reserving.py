"""S12: what money costs: a call of a model reserved in eighteen meters, and settled, durable."""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from adapters.sql.store import open_store
from bench.report import Bound, Figure, Gate, Report
from runtime.clock import SystemClock
from runtime.ids import AgentName, HoldId, ModelName, Platform, ScheduleId, TimeOrderedIds, TurnId
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.ledger import Call, CallState, Settlement, Spender
from runtime.model.meter import Bound as Limited
from runtime.model.meter import Scope
from runtime.model.team import Team
from runtime.money.spenders import meters_of
from runtime.ports import Ledger

AT_ONCE = 64
CALLS = 2_560
ROUNDS = 3
_PLATFORM = Platform("bench")
_LIMIT = 10**15
_HOLD = "UPDATE meter SET held = held + 2000 WHERE spent + held + 2000 <= 1000000000000000"
_SETTLE = "UPDATE meter SET held = held - 2000, spent = spent + 1000"
_NOTE = (
    "Each call counts in eighteen meters, four of which are limited, and leaves its own row and "
    "two entries. The bare table is one conditional update and one more."
)


@dataclass(frozen=True, slots=True)
class _Spent:
    """Seconds that a call took: of this process's CPU, and by the clock."""

    cpu: float
    wall: float


def measure() -> Report:
    """Reserve and settle, in turn with a bare table."""
    with tempfile.TemporaryDirectory(prefix="nightdesk-bench-") as folder:
        ours, alone, bare = asyncio.run(_measured(Path(folder)))
    return Report(
        id="S12",
        gates=(
            Gate(
                words="{} CPU to reserve and settle a call",
                value=ours.cpu * 1e3,
                bound=Bound.AT_MOST,
                limit=1.0,
                unit=" ms",
            ),
        ),
        figures=(
            Figure(what=f"CPU, {AT_ONCE} at once", value=ours.cpu * 1e6, unit="us", places=0),
            Figure(what=f"time, {AT_ONCE} at once", value=ours.wall * 1e6, unit="us", places=0),
            Figure(what="CPU, one at a time", value=alone.cpu * 1e6, unit="us", places=0),
            Figure(what="time, one at a time", value=alone.wall * 1e6, unit="us", places=0),
            Figure(
                what=f"CPU, one row of sqlite3, {AT_ONCE} to a commit",
                value=bare.cpu * 1e6,
                unit="us",
                places=0,
            ),
        ),
        notes=(_NOTE,),
    )


async def _measured(folder: Path) -> tuple[_Spent, _Spent, _Spent]:
    clock = SystemClock()
    ids = TimeOrderedIds(clock)
    ours, alone, bare = [], [], []
    async with open_store(None, data_dir=folder, clock=clock, ids=ids) as store:
        for _ in range(ROUNDS):

            async def together() -> None:
                for _ in range(CALLS // AT_ONCE):
                    await asyncio.gather(*(_call(store.ledger, ids) for _ in range(AT_ONCE)))

            async def singly() -> None:
                for _ in range(AT_ONCE):
                    await _call(store.ledger, ids)

            ours.append(await _timed(together, CALLS))
            alone.append(await _timed(singly, AT_ONCE))
            bare.append(_bare(folder / "bare.db"))
    return _middle(ours), _middle(alone), _middle(bare)


async def _call(ledger: Ledger, ids: TimeOrderedIds) -> None:
    now = SystemClock().now()
    spender = Spender(
        provider="acme",
        agent=AgentName("desk"),
        run=TurnId(ids.new()),
        person=Principal(_PLATFORM, "w", "ann"),
        thread=ThreadRef(ChannelRef(_PLATFORM, "w", "ops"), "1"),
        schedule=ScheduleId("s"),
    )
    call = Call(
        id=HoldId(ids.new()),
        spender=spender,
        model=ModelName("fast"),
        at=now,
        expires_at=now + timedelta(minutes=30),
        worst=2_000,
        meters=meters_of(spender, _TEAM, at=now),
    )
    limited = (Scope.ORGANISATION, Scope.AGENT)
    bounds = [Limited(meter, _LIMIT) for meter in call.meters if meter.scope in limited]
    if await ledger.reserve(call, bounds) is not None:
        raise RuntimeError("the limit of the benchmark was passed")
    await ledger.settle(call.id, Settlement(state=CallState.SETTLED, spent=1_000, at=now))


_TEAM = Team(name="bench", zone="Europe/Berlin", members=(), channels=(), agents=())


async def _timed(work: Callable[[], Awaitable[None]], calls: int) -> _Spent:
    cpu, wall = time.process_time(), time.perf_counter()
    await work()
    return _Spent((time.process_time() - cpu) / calls, (time.perf_counter() - wall) / calls)


def _bare(path: Path) -> _Spent:
    """The least there is: one row, one condition, a commit for as many as are at once."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS meter (spent INTEGER, held INTEGER)")
    connection.execute("INSERT INTO meter VALUES (0, 0)")
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(CALLS // AT_ONCE):
        for statement in (_HOLD, _SETTLE):
            connection.execute("BEGIN IMMEDIATE")
            for _ in range(AT_ONCE):
                connection.execute(statement)
            connection.execute("COMMIT")
    spent = _Spent((time.process_time() - cpu) / CALLS, (time.perf_counter() - wall) / CALLS)
    connection.close()
    return spent


def _middle(rounds: list[_Spent]) -> _Spent:
    ordered = sorted(rounds, key=lambda spent: spent.cpu)
    return ordered[len(ordered) // 2]
