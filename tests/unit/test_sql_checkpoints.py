"""The journal is copied into the database when nobody waits, and never keeps who waits."""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql import checkpoints, connectionthread, failures
from adapters.sql.checkpoints import OWED, PRESSING, Beside, Checkpoints
from adapters.sql.connectionthread import ConnectionThread
from adapters.sql.transaction import First, Transaction, Work
from tests.support.eventually import eventually

TABLE = sa.table("numbers", sa.column("n", sa.Integer))
ADD = sa.insert(TABLE).values(n=bindparam("number"))
COUNT = sa.select(sa.func.count()).select_from(TABLE)
COPY = "PRAGMA wal_checkpoint(PASSIVE)"


class Held(Checkpoints):
    """Copies nothing before it is let."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self.copying = threading.Event()
        self.let = threading.Event()

    def copy(self) -> None:
        self.copying.set()
        assert self.let.wait(10)
        super().copy()


@pytest.fixture
def connection(tmp_path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        tmp_path / "numbers.db", isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
    return connection


@pytest.fixture
def written(connection: sqlite3.Connection) -> list[str]:
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    return statements


@pytest.fixture
def held(connection: sqlite3.Connection) -> Held:
    return Held(connection)


@pytest.fixture
async def writer(connection: sqlite3.Connection, held: Held) -> AsyncIterator[ConnectionThread]:
    writer = ConnectionThread(
        "writer",
        connection,
        begin="BEGIN IMMEDIATE",
        translate=failures.of_sqlite,
        checkpoints=held,
    )
    yield writer
    held.let.set()
    await writer.close()


def add(first: int, count: int) -> Work[int]:
    def work(transaction: Transaction) -> int:
        return transaction.each(ADD, [{"number": first + number} for number in range(count)])

    return work


async def test_whoever_waits_for_a_commit_does_not_wait_for_the_copy(
    writer: ConnectionThread, held: Held
) -> None:
    assert await writer.submit(add(0, PRESSING)) == PRESSING
    await eventually(held.copying.is_set, "the copy")
    assert not held.let.is_set()


async def test_a_quiet_moment_is_used_once_enough_is_owed(
    writer: ConnectionThread, held: Held, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.sql.connectionthread.QUIET", 0.001)
    held.let.set()
    await writer.submit(add(0, OWED - 1))
    await writer.submit(lambda transaction: transaction.one(COUNT))
    assert COPY not in written
    await writer.submit(add(OWED, 1))
    await eventually(lambda: written.count(COPY) == 1, "the copy")


async def test_a_busy_writer_copies_only_what_presses(
    writer: ConnectionThread, held: Held, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.sql.connectionthread.QUIET", 10)
    held.let.set()
    step = PRESSING // 4
    for number in range(3):
        await writer.submit(add(number * step, step))
    assert COPY not in written
    await writer.submit(add(3 * step, step))
    await writer.submit(lambda transaction: transaction.one(COUNT))
    assert written.count(COPY) == 1


async def test_the_copy_brings_the_rows_into_the_database_itself(
    writer: ConnectionThread, held: Held, tmp_path: Path
) -> None:
    await writer.submit(add(0, PRESSING))
    before = (tmp_path / "numbers.db").stat().st_size
    held.let.set()
    await writer.submit(lambda transaction: transaction.one(COUNT))
    assert (tmp_path / "numbers.db").stat().st_size > before


async def test_a_copy_that_fails_is_logged_and_loses_nothing(
    writer: ConnectionThread,
    held: Held,
    connection: sqlite3.Connection,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def deny(action: int, argument: str | None, *_: str | None) -> int:
        refused = (action, argument) == (sqlite3.SQLITE_PRAGMA, "wal_checkpoint")
        return sqlite3.SQLITE_DENY if refused else sqlite3.SQLITE_OK

    connection.set_authorizer(deny)
    held.let.set()
    with caplog.at_level(logging.WARNING, checkpoints.log.name):
        await writer.submit(add(0, PRESSING))
        row = await writer.submit(lambda transaction: transaction.one(COUNT))
    assert row is not None
    assert row[0] == PRESSING
    assert [record.message for record in caplog.records] == ["sqlite.checkpoint_failed"]


async def test_most_of_what_presses_is_copied_beside_the_writer(
    connection: sqlite3.Connection, written: list[str], tmp_path: Path
) -> None:
    begun, let = threading.Event(), threading.Event()
    copied: list[str] = []

    def connect() -> sqlite3.Connection:
        begun.set()
        assert let.wait(10)
        another = sqlite3.connect(tmp_path / "numbers.db", isolation_level=None)
        another.set_trace_callback(copied.append)
        return another

    writer = ConnectionThread(
        "writer",
        connection,
        begin="BEGIN IMMEDIATE",
        translate=failures.of_sqlite,
        checkpoints=Checkpoints(connection, Beside(connect)),
    )
    await writer.submit(add(0, PRESSING))
    await writer.submit(add(PRESSING, 1))
    await eventually(begun.is_set, "the copy beside the writer")
    # The writer writes on, and copies nothing itself before the copy beside it has ended.
    assert await writer.submit(add(PRESSING + 1, 1)) == 1
    assert COPY not in written
    let.set()
    number = PRESSING + 2
    while COPY not in written:
        await writer.submit(add(number, 1))
        number += 1
    assert copied == [COPY]
    await writer.close()


@pytest.mark.parametrize("late", [False, True])
def test_each_burst_is_copied_beside_the_writer_also_after_a_quiet_moment(
    connection: sqlite3.Connection, tmp_path: Path, *, late: bool
) -> None:
    """Whether what copies beside it ends before the quiet moment or after it."""
    let = threading.Event()
    began: list[threading.Thread] = []

    def connect() -> sqlite3.Connection:
        began.append(threading.current_thread())
        assert let.wait(10)
        return sqlite3.connect(tmp_path / "numbers.db", isolation_level=None)

    owed = Checkpoints(connection, Beside(connect))
    for burst in range(3):
        connection.execute("BEGIN")
        rows = ((burst * PRESSING + number,) for number in range(PRESSING))
        connection.executemany("INSERT INTO numbers VALUES (?)", rows)
        connection.execute("COMMIT")
        assert not owed.pressing(), "not all of it by the writer"
        if not late:
            let.set()
            owed.close()
        assert owed.owed
        owed.copy()
        let.set()
        owed.close()
        let.clear()
        assert len(began) == burst + 1
    connection.close()


async def test_what_presses_is_copied_while_the_writer_has_a_backlog(
    connection: sqlite3.Connection, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connectionthread, "FIRST_AGAIN", 3600.0)
    writer = ConnectionThread(
        "writer",
        connection,
        begin="BEGIN IMMEDIATE",
        translate=failures.of_sqlite,
        checkpoints=Checkpoints(connection),
    )
    await writer.submit(First(lambda transaction: transaction.one(COUNT)))
    step = PRESSING // 4
    await asyncio.gather(*(writer.submit(add(n * step, step)) for n in range(40)))
    await writer.close()
    # Eight units, twice what presses, to a commit.
    assert written.count("COMMIT") == 6
    assert written.count(COPY) == 5


async def test_without_a_thread_to_be_had_the_writer_copies_and_writes_on(
    connection: sqlite3.Connection, written: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    class NoThread(threading.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    def connect() -> sqlite3.Connection:
        raise AssertionError("there is no thread that could connect")

    writer = ConnectionThread(
        "writer",
        connection,
        begin="BEGIN IMMEDIATE",
        translate=failures.of_sqlite,
        checkpoints=Checkpoints(connection, Beside(connect, thread=NoThread)),
    )
    with caplog.at_level(logging.WARNING, checkpoints.log.name):
        for number in range(2):
            await writer.submit(add(number * PRESSING, PRESSING))
        await writer.submit(lambda transaction: transaction.one(COUNT))
    await writer.close()
    assert written.count(COPY) == 2
    assert [record.message for record in caplog.records] == ["sqlite.checkpoint_not_beside"] * 2
