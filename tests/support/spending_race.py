"""Many processes that spend from one limit at the same time, some of which are killed.

On Postgres they are what Nightdesk is among many processes. A SQLite file has one owner in
Nightdesk; here many processes write to it, by the same statements, so that it is these that are
tried and not the lock in front of them.
"""

import asyncio
import os
import random
import signal
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from adapters.sql.database import Database
from adapters.sql.ledger import SqlLedger
from adapters.sql.postgres import PostgresDatabase
from adapters.sql.trail import Trail
from adapters.sql.transaction import DriverTransaction, Work
from runtime.clock import SystemClock
from runtime.ids import AgentName, HoldId, ModelName, TurnId
from runtime.model.completion import Usage
from runtime.model.ledger import Call, CallState, Settlement, Spender
from runtime.model.meter import Bound, Meter, Period, Scope
from runtime.money.spenders import meters_of
from tests.support.build import ANN, OPS, team
from tests.support.forks import FORKS

AT_ONCE = 13
"""Calls that each process has under way: with 16 processes that is two hundred."""
WORST = 40_000
_LINE = 20
"""Bytes of a line of a diary, about."""
START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PATIENCE = timedelta(hours=1)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Race:
    """One trial.

    Attributes:
        place: the address of a Postgres database, or the path of a SQLite file.
        folder: where each process writes down what it did.
        stamp: names the trial's meter.
        naive: look first and spend then, as it is not to be done.
        tries: calls that each caller makes, one after the other.
        limit: what may be spent, in micro-units; a dollar.
    """

    place: str
    folder: Path
    stamp: str
    naive: bool = False
    tries: int = 3
    limit: int = 1_000_000

    @property
    def meter(self) -> Meter:
        """What is limited."""
        return Meter(scope=Scope.ORGANISATION, subject="", period=Period.DAY, stamp=self.stamp)

    def open(self) -> Database:
        """A connection, or a few."""
        return _postgres(self.place) if "://" in self.place else _SharedSqlite(self.place)


@dataclass(slots=True)
class Result:
    """What came of a trial.

    Attributes:
        overshoot: micro-units above the limit, at the worst moment that anybody saw.
        unaccounted: micro-units by which the books differ: from the entries, from the calls, or
            from what the processes wrote down.
        settled: calls that were settled.
        refused: calls that were refused.
        expired: calls that a killed process had left.
        kills: processes that were killed.
    """

    overshoot: int = 0
    unaccounted: int = 0
    settled: int = 0
    refused: int = 0
    expired: int = 0
    kills: int = 0


@dataclass(slots=True)
class _Diary:
    """What a process did, a line each, that outlives it."""

    handle: int
    lines: int = field(default=0)

    def write(self, *words: object) -> None:
        """One line, in one write."""
        os.write(self.handle, (" ".join(map(str, words)) + "\n").encode())


async def run(race: Race, *, processes: int, kills: int, seed: int) -> Result:
    """Let so many processes spend, kill some of them, and look at the books."""
    dice = random.Random(seed)
    race.folder.mkdir(parents=True, exist_ok=True)
    alive = [_start(race, seed * 1_000 + number) for number in range(processes)]
    killed = 0
    for number in range(kills):
        await _until_written(race.folder, dice.randrange(5, 60) * (number + 1), alive)
        victim = dice.choice(alive)
        if victim.is_alive() and victim.pid is not None:
            os.kill(victim.pid, signal.SIGKILL)
            killed += 1
        alive.append(_start(race, seed * 1_000 + processes + number))
    for process in alive:
        await asyncio.to_thread(process.join)
    failed = [code for p in alive if (code := p.exitcode) not in (0, -signal.SIGKILL)]
    assert not failed, f"processes ended with {failed}"
    result = await _look(race)
    result.kills = killed
    return result


def _start(race: Race, seed: int) -> ForkServerProcess:
    process = FORKS.Process(target=_live, args=(race, seed))
    process.start()
    return process


async def _until_written(folder: Path, lines: int, alive: Sequence[ForkServerProcess]) -> None:
    """Wait until the processes have done so much, or have ended."""
    while any(process.is_alive() for process in alive):
        if _written(folder) > lines * _LINE:
            return
        await asyncio.sleep(0.002)


def _written(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


# ---- in a process


def _live(race: Race, seed: int) -> None:
    asyncio.run(_spend(race, seed))


async def _spend(race: Race, seed: int) -> None:
    flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND
    diary = _Diary(os.open(race.folder / f"{seed}", flags, 0o600))
    database = race.open()
    ledger = SqlLedger(database)
    dice = random.Random(seed)
    async with asyncio.TaskGroup() as tasks:
        for place in range(AT_ONCE):
            tasks.create_task(_caller(race, ledger, diary, dice, f"{race.stamp}-{seed}-{place}"))
    await database.close()


async def _caller(
    race: Race, ledger: SqlLedger, diary: _Diary, dice: random.Random, name: str
) -> None:
    for number in range(race.tries):
        call = _call(race, f"{name}-{number}", dice.randrange(1, WORST))
        if not await _reserved(race, ledger, call):
            diary.write("refused")
            continue
        diary.write("held", call.id, call.worst)
        [balance] = await ledger.balances([race.meter])
        diary.write("seen", balance.taken)
        cost = dice.randrange(call.worst + 1)
        done = Settlement(state=CallState.SETTLED, spent=cost, usage=Usage(cost, 1), at=START)
        await ledger.settle(call.id, done)
        diary.write("settled", call.id, cost)


async def _reserved(race: Race, ledger: SqlLedger, call: Call) -> bool:
    if not race.naive:
        return await ledger.reserve(call, [Bound(race.meter, race.limit)]) is None
    [balance] = await ledger.balances([race.meter])
    await asyncio.sleep(0)
    if balance.taken + call.worst > race.limit:
        return False
    return await ledger.reserve(call, []) is None


def _call(race: Race, name: str, worst: int) -> Call:
    spender = Spender(
        provider="acme", agent=AgentName("desk"), run=TurnId(name), person=ANN, thread=OPS
    )
    others = meters_of(spender, team(), at=START)
    limited = [meter for meter in others if meter.scope is not Scope.ORGANISATION]
    return Call(
        id=HoldId(name),
        spender=spender,
        model=ModelName("fast"),
        at=START,
        expires_at=START + PATIENCE,
        worst=worst,
        meters=(race.meter, *limited),
    )


# ---- afterwards


async def _look(race: Race) -> Result:
    """Compare the books with the entries, and with what the processes wrote down."""
    database = race.open()
    ledger, result = SqlLedger(database), Result()
    try:
        while swept := await ledger.sweep(now=START + 2 * PATIENCE):
            result.expired += len(swept)
        lines = [line.split() for path in race.folder.iterdir() for line in _whole(path)]
        [balance] = await ledger.balances([race.meter])
        seen = [int(words[1]) for words in lines if words[0] == "seen"]
        result.overshoot = max(
            [0, balance.taken - race.limit, *(taken - race.limit for taken in seen)]
        )
        held = {words[1]: int(words[2]) for words in lines if words[0] == "held"}
        settled = {words[1]: int(words[2]) for words in lines if words[0] == "settled"}
        result.refused = sum(words[0] == "refused" for words in lines)
        result.settled = len(settled)
        # Some were held or settled by processes that died before they wrote it down.
        entries = await _entries(database, race.stamp)
        result.unaccounted = (
            abs(balance.held)
            + abs(balance.spent - sum(spent for _, spent, _ in entries.values()))
            + sum(held_ for held_, _, _ in entries.values())
            + sum(abs(entries[call][1] - cost) for call, cost in settled.items())
            + sum(worst for call, worst in held.items() if call not in entries)
        )
    finally:
        await database.close()
    return result


def _whole(path: Path) -> list[str]:
    """The lines of a diary; a kill may have cut off the last one."""
    text = path.read_text()
    return text[: text.rfind("\n") + 1].splitlines()


async def _entries(database: Database, stamp: str) -> dict[str, tuple[int, int, int]]:
    """For each call of a trial what its entries sum up to: held, spent, and how many there are."""
    statement = sa.text(
        "SELECT call, sum(held), sum(spent), count(*) FROM ledger_entries GROUP BY call"
    )
    rows = await database.scan(lambda t: t.all(statement))  # type: ignore[arg-type]
    return {
        call: (int(held), int(spent), int(count))
        for call, held, spent, count in rows
        if call.startswith(f"{stamp}-")
    }


def _postgres(url: str) -> PostgresDatabase:
    trail = Trail(SystemClock())
    made = sa.make_url(url).set(drivername="postgresql+psycopg")
    return PostgresDatabase(
        create_async_engine(made, pool_size=4, max_overflow=0, pool_timeout=120), trail
    )


class _SharedSqlite:
    """A SQLite file that many processes write to, a transaction at a time."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, timeout=120, isolation_level=None)
        self._connection.execute("PRAGMA synchronous=OFF")

    async def write(self, work: Work[T]) -> T:
        """Run the unit in a transaction."""
        await asyncio.sleep(0)  # the others of this process get their turn
        cursor = self._connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        try:
            result = work(DriverTransaction(cursor))
        except BaseException:
            cursor.execute("ROLLBACK")
            raise
        cursor.execute("COMMIT")
        return result

    async def read(self, work: Work[T]) -> T:
        """The same."""
        return await self.write(work)

    async def scan(self, work: Work[T]) -> T:
        """The same."""
        return await self.write(work)

    async def check(self) -> None:
        """It answers."""

    async def close(self) -> None:
        """Let go of it."""
        self._connection.close()
