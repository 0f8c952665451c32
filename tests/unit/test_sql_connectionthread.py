"""Group commit: what the writer's thread promises to those who wait for it."""

import asyncio
import random
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql import connectionthread, failures
from adapters.sql.connectionthread import (
    MOST_BESIDE_FIRST,
    MOST_TURNS,
    SHARE_BESIDE_FIRST,
    ConnectionThread,
)
from adapters.sql.trail import Trail
from adapters.sql.transaction import First, Transaction, Work
from runtime.errors import Conflict, NightdeskError, StorageFull
from runtime.model.audit import SYSTEM, AuditEvent, AuditKind
from tests.support.clock import ManualClock, settle

TABLE = sa.table("numbers", sa.column("n", sa.Integer))
ADD = sa.insert(TABLE).values(n=bindparam("number"))
CLEAR = sa.delete(TABLE)
ALL = sa.select(TABLE.c.n).order_by(TABLE.c.n)
ORPHAN = sa.insert(sa.table("children", sa.column("n", sa.Integer))).values(n=bindparam("number"))


class Written(list[str]):
    """The statements that the driver ran."""

    @property
    def commits(self) -> int:
        return self.count("COMMIT")


@pytest.fixture
def connection(tmp_path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        tmp_path / "numbers.db", isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
    connection.execute(
        "CREATE TABLE children (n INTEGER REFERENCES numbers (n) DEFERRABLE INITIALLY DEFERRED)"
    )
    return connection


@pytest.fixture
def written(connection: sqlite3.Connection) -> Written:
    statements = Written()
    connection.set_trace_callback(statements.append)
    return statements


@pytest.fixture
async def writer(
    connection: sqlite3.Connection, written: Written
) -> AsyncIterator[ConnectionThread]:
    writer = ConnectionThread(
        "writer", connection, begin="BEGIN IMMEDIATE", translate=failures.of_sqlite
    )
    yield writer
    await writer.close()


def add(number: int) -> Work[int]:
    return lambda transaction: transaction.run(ADD, {"number": number})


def numbers(transaction: Transaction) -> list[int]:
    return [row[0] for row in transaction.all(ALL)]


def refuse(transaction: Transaction) -> None:
    transaction.run(ADD, {"number": 99})
    raise Conflict("no")


class Trace(Trail):
    """Keeps what it is told to record, and with how many numbers in the table."""

    def __init__(self) -> None:
        super().__init__(ManualClock())
        self.added: list[tuple[str, int]] = []

    def add(self, transaction: Transaction, events: Sequence[AuditEvent]) -> None:
        count = len(numbers(transaction))
        self.added += [(str(event.body["n"]), count) for event in events]


def saying(number: int, work: Work[object]) -> Work[None]:
    def unit(transaction: Transaction) -> None:
        transaction.audit(AuditEvent(AuditKind.TOOL_ENDED, SYSTEM, None, {"n": number}))
        work(transaction)

    return unit


async def test_what_units_record_is_added_once_and_last_and_not_of_a_unit_that_raised(
    connection: sqlite3.Connection,
) -> None:
    trace = Trace()
    writer = ConnectionThread(
        "writer", connection, begin="BEGIN IMMEDIATE", translate=failures.of_sqlite, trail=trace
    )
    await asyncio.gather(
        writer.submit(saying(1, add(1))),
        writer.submit(saying(2, refuse)),
        writer.submit(saying(3, add(3))),
        return_exceptions=True,
    )
    with pytest.raises(Conflict):
        await writer.submit(saying(4, refuse))
    await writer.submit(add(5))
    await writer.close()
    assert trace.added == [("1", 2), ("3", 2)]


async def test_a_record_that_cannot_be_made_fails_only_its_unit(
    connection: sqlite3.Connection,
) -> None:
    class Broken(Trace):
        def add(self, transaction: Transaction, events: Sequence[AuditEvent]) -> None:
            super().add(transaction, events)
            if any(event.body["n"] == 1 for event in events):
                raise ValueError("no record")

    trace = Broken()
    writer = ConnectionThread(
        "writer", connection, begin="BEGIN IMMEDIATE", translate=failures.of_sqlite, trail=trace
    )
    results = await asyncio.gather(
        writer.submit(saying(1, add(1))),
        writer.submit(add(2)),
        writer.submit(saying(3, add(3))),
        writer.submit(refuse),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [ValueError, int, type(None), Conflict]
    assert await writer.submit(numbers) == [2, 3]
    assert trace.added[-1] == ("3", 2)
    await writer.close()


@pytest.mark.parametrize("full", [False, True])
async def test_of_a_mixture_of_units_is_stored_exactly_what_was_said_to_be(
    connection: sqlite3.Connection, *, full: bool
) -> None:
    """Units that raise, that go first, and that break their commit, or a disk that fills up."""
    if full:
        [[pages]] = connection.execute("PRAGMA page_count").fetchall()
        connection.execute(f"PRAGMA max_page_count = {pages}")
    trace = Trace()
    writer = ConnectionThread(
        "writer", connection, begin="BEGIN IMMEDIATE", translate=failures.of_sqlite, trail=trace
    )
    chance, units = random.Random(7), []
    for number in range(1000):
        work = _one_of_a_mixture(number, chance.random(), breaks=not full)
        units.append(writer.submit(First(work) if chance.random() < 0.3 else work))
        if chance.random() < 0.1:
            await settle(turns=1)
    results = await asyncio.gather(*units, return_exceptions=True)
    rows = set(await writer.submit(numbers))
    await writer.close()
    told = {n for n, result in enumerate(results) if not isinstance(result, BaseException)}
    assert rows == told
    assert len(told) < 1000
    assert told <= {int(number) for number, _ in trace.added}
    assert full == any(isinstance(result, StorageFull) for result in results)


def _one_of_a_mixture(number: int, chance: float, *, breaks: bool) -> Work[None]:
    def broken(transaction: Transaction) -> None:
        transaction.run(ADD, {"number": number})
        raise Conflict("no")

    def orphan(transaction: Transaction) -> None:
        transaction.run(ADD, {"number": number})
        transaction.run(ORPHAN, {"number": 1_000_000 + number})

    if chance < 0.02:
        return saying(number, broken)
    return orphan if breaks and chance < 0.025 else saying(number, add(number))


async def test_what_one_tick_submits_is_one_commit(
    writer: ConnectionThread, written: Written
) -> None:
    await asyncio.gather(*(writer.submit(add(number)) for number in range(50)))

    assert written.commits == 1
    assert await writer.submit(numbers) == list(range(50))


async def test_what_comes_while_a_commit_is_under_way_is_the_next_commit(
    writer: ConnectionThread, written: Written
) -> None:
    under_way, go_on = threading.Event(), threading.Event()

    def slow(transaction: Transaction) -> None:
        under_way.set()
        assert go_on.wait(10)

    first = writer.submit(slow)
    await asyncio.to_thread(under_way.wait, 10)
    waiting = []
    for number in range(10):  # ten ticks of the loop
        waiting.append(writer.submit(add(number)))
        await settle(turns=1)
    await settle(turns=MOST_TURNS)
    go_on.set()
    await asyncio.gather(first, *waiting)

    assert written.commits == 2


async def test_what_goes_first_waits_for_no_more_than_the_unit_under_way(
    writer: ConnectionThread, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connectionthread, "FIRST_AGAIN", 3600.0)
    under_way, go_on = threading.Event(), threading.Event()

    def slow(transaction: Transaction) -> int:
        under_way.set()
        assert go_on.wait(10)
        return transaction.run(ADD, {"number": 1000})

    others = [writer.submit(slow), *(writer.submit(add(number)) for number in range(20))]
    await asyncio.to_thread(under_way.wait, 10)
    first = writer.submit(First(numbers))
    await settle(turns=MOST_TURNS + 2)
    assert written.commits == 0
    go_on.set()

    assert await first == [1000]
    assert await asyncio.gather(*others) == [1] * 21
    # What was under way; what goes first, with a few others; the rest, a few at once.
    assert written.commits == 4
    assert await writer.submit(numbers) == [*range(20), 1000]


async def test_what_goes_first_together_is_one_commit(
    writer: ConnectionThread, written: Written
) -> None:
    under_way, go_on = threading.Event(), threading.Event()

    def slow(_: Transaction) -> int:
        under_way.set()
        return int(go_on.wait(10))

    early = [writer.submit(First(slow)), *(writer.submit(First(add(n))) for n in range(3))]
    await asyncio.to_thread(under_way.wait, 10)
    late = [writer.submit(First(add(10 + number))) for number in range(3)]
    await settle(turns=MOST_TURNS + 2)
    go_on.set()
    await asyncio.gather(*early, *late)
    assert written.commits == 2


async def test_after_what_went_first_commits_are_small_for_a_while(
    writer: ConnectionThread, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connectionthread, "FIRST_AGAIN", 3600.0)
    many = [add(number) for number in range(3 * MOST_BESIDE_FIRST)]
    await writer.submit(First(numbers))
    await asyncio.gather(*map(writer.submit, many))
    assert written.commits == 4
    monkeypatch.setattr(connectionthread, "FIRST_AGAIN", 0.0)
    await writer.submit(First(lambda t: t.run(CLEAR)))
    await asyncio.gather(*map(writer.submit, many))
    assert written.commits == 6


async def test_a_long_line_beside_what_goes_first_passes_in_few_commits(
    writer: ConnectionThread, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """STOP's own units stand at the end of it while platforms send event after event."""
    monkeypatch.setattr(connectionthread, "FIRST_AGAIN", 3600.0)
    count, busy = 1000, True

    def line_up(number: int) -> asyncio.Future[int]:
        """Whoever was served lines up again."""
        served = writer.submit(add(number))
        served.add_done_callback(lambda _: line_up(number + count) if busy else None)
        return served

    await writer.submit(First(numbers))
    line = [line_up(number) for number in range(count)]
    before = written.commits
    passed = await writer.submit(lambda _: written.commits) - before
    busy = False
    assert passed <= 4 * SHARE_BESIDE_FIRST < count // MOST_BESIDE_FIRST
    assert all(one.done() for one in line)


async def test_what_goes_first_is_before_what_came_before_it_in_its_tick(
    writer: ConnectionThread,
) -> None:
    added, first = writer.submit(add(1)), writer.submit(First(numbers))
    assert await first == []
    assert await added == 1


async def test_closing_finishes_what_goes_first(connection: sqlite3.Connection) -> None:
    writer = ConnectionThread(
        "writer", connection, begin="BEGIN IMMEDIATE", translate=failures.of_sqlite
    )
    first = writer.submit(First(add(1)))
    await writer.close()
    assert await first == 1


async def test_a_unit_that_raises_is_undone_alone(writer: ConnectionThread) -> None:
    results = await asyncio.gather(
        writer.submit(add(1)),
        writer.submit(refuse),
        writer.submit(add(2)),
        writer.submit(add(1)),
        return_exceptions=True,
    )

    assert results[0] == results[2] == 1
    assert isinstance(results[1], Conflict)
    assert isinstance(results[3], NightdeskError), "the same number twice"
    assert await writer.submit(numbers) == [1, 2]


async def test_a_unit_that_raises_alone_is_undone(writer: ConnectionThread) -> None:
    with pytest.raises(Conflict):
        await writer.submit(refuse)

    assert await writer.submit(numbers) == []


async def test_a_commit_that_fails_fails_all_its_units(writer: ConnectionThread) -> None:
    results = await asyncio.gather(
        writer.submit(add(1)),
        writer.submit(lambda t: t.run(ORPHAN, {"number": 7})),
        return_exceptions=True,
    )

    assert [type(result) for result in results] == [NightdeskError, NightdeskError]
    assert results[0] is not results[1], "each has an exception of its own"
    assert await writer.submit(numbers) == []


async def test_a_full_disk_stores_nothing_and_room_lets_it_go_on(
    writer: ConnectionThread, connection: sqlite3.Connection
) -> None:
    [[pages]] = connection.execute("PRAGMA page_count").fetchall()
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")

    def a_lot(transaction: Transaction) -> None:
        transaction.each(ADD, [{"number": number} for number in range(10_000)])

    results = await asyncio.gather(
        writer.submit(add(-1)), writer.submit(a_lot), return_exceptions=True
    )
    assert [type(result) for result in results] == [StorageFull, StorageFull]
    assert await writer.submit(numbers) == []

    connection.execute("PRAGMA max_page_count = 100000")
    await writer.submit(a_lot)
    assert len(await writer.submit(numbers)) == 10_000


async def test_a_waiter_that_went_away_harms_nobody(writer: ConnectionThread) -> None:
    gone, stays = writer.submit(add(1)), writer.submit(add(2))
    gone.cancel()

    assert await stays == 1


async def test_many_units_are_cut_into_several_commits(
    writer: ConnectionThread, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connectionthread, "MOST_IN_ONE_COMMIT", 10)

    await asyncio.gather(*(writer.submit(add(number)) for number in range(25)))

    assert written.commits == 3


async def test_closing_finishes_what_was_submitted_and_takes_nothing_more(
    connection: sqlite3.Connection, tmp_path: Path
) -> None:
    writer = ConnectionThread(
        "writer", connection, begin="BEGIN IMMEDIATE", translate=failures.of_sqlite
    )
    waiting = writer.submit(add(1))
    before = writer.alive

    await writer.close()
    await writer.close()

    assert await waiting == 1
    assert (before, writer.alive) == (True, False)
    with pytest.raises(NightdeskError):
        writer.submit(add(2))
    with sqlite3.connect(tmp_path / "numbers.db") as again:
        assert again.execute("SELECT n FROM numbers").fetchall() == [(1,)]
    again.close()


async def test_a_missing_parameter_is_a_mistake_and_not_a_null(writer: ConnectionThread) -> None:
    with pytest.raises(KeyError):
        await writer.submit(lambda transaction: transaction.run(ADD, {}))
