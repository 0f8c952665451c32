"""The SQLite file: who owns it, who may read it, and what is done with a bad one."""

import os
import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from adapters.sql.failures import of_first_look, of_sqlite
from adapters.sql.owner import LOCK_FILE
from adapters.sql.sqlite import check_version, open_sqlite
from adapters.sql.store import DATABASE_FILE, open_store
from adapters.sql.transaction import Transaction
from runtime.errors import (
    ConfigurationError,
    DatabaseTooNew,
    DataFolderInUse,
    NightdeskError,
    StorageBusy,
    StorageDamaged,
    StorageFull,
    StorageUnavailable,
)
from runtime.ids import IdSource, TimeOrderedIds
from tests.support.clock import ManualClock
from tests.support.ready import place
from tests.support.stores import THREAD, Rows

ROOT = Path(__file__).parents[2]

_CHILD = """
import asyncio, sys
from pathlib import Path
from adapters.sql.store import open_store
from runtime.clock import SystemClock
from runtime.ids import AgentName, TimeOrderedIds
from runtime.model.address import ChannelRef, ThreadRef

async def main():
    clock = SystemClock()
    folder = Path(sys.argv[1])
    async with open_store(None, data_dir=folder, clock=clock, ids=TimeOrderedIds(clock)) as store:
        thread = ThreadRef(ChannelRef("slack", "T1", "C1"), "1700000000.000100")
        await store.conversations.bind(thread, AgentName("desk"))
        print("alembic" in sys.modules, flush=True)
        sys.stdin.readline()

asyncio.run(main())
"""


@pytest.fixture
def ids(clock: ManualClock) -> IdSource:
    return TimeOrderedIds(clock)


@pytest.fixture
def data(tmp_path: Path, migrated_sqlite: bytes) -> Path:
    """A data folder with a migrated database in it."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    place(folder / DATABASE_FILE, migrated_sqlite)
    return folder


@contextmanager
def another_process(data: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that owns the folder until it is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD, data],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            yield child
        finally:
            child.kill()


async def test_only_the_owner_can_read_what_is_stored(
    tmp_path: Path, clock: ManualClock, ids: IdSource
) -> None:
    data = tmp_path / "new" / "data"
    async with open_store(None, data_dir=data, clock=clock, ids=ids) as store:
        await store.conversations.bound(THREAD)

        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in data.iterdir()}

    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    files = {DATABASE_FILE, f"{DATABASE_FILE}-wal", f"{DATABASE_FILE}-shm", LOCK_FILE}
    assert modes == dict.fromkeys(files, 0o600)


async def test_what_is_acknowledged_survives_a_power_cut(data: Path, clock: ManualClock) -> None:
    def settings(transaction: Transaction) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        every: sa.ColumnElement[object] = sa.literal_column("*")
        asked = [sa.select(every).select_from(sa.text(f"pragma_{name}")) for name in names]
        return [row[0] for statement in asked for row in transaction.all(statement)]

    async with open_sqlite(data / DATABASE_FILE, clock=clock, role="all") as database:
        assert await database.write(settings) == ["wal", 2, 1, 5000]
        assert await database.scan(settings) == ["wal", 2, 1, 5000]


async def test_what_only_reads_cannot_write(data: Path, clock: ManualClock, rows: Rows) -> None:
    async with open_sqlite(data / DATABASE_FILE, clock=clock, role="all") as database:
        table = sa.table("workers", sa.column("slot"))
        with pytest.raises(Exception, match="readonly"):
            await database.read(lambda t: t.run(sa.delete(table)))


async def test_a_second_process_is_refused_and_told_who_holds_the_folder(
    data: Path, clock: ManualClock, ids: IdSource
) -> None:
    with another_process(data) as child:
        assert child.stdout is not None
        child.stdout.readline()

        with pytest.raises(DataFolderInUse) as refused:
            async with open_store(None, data_dir=data, clock=clock, ids=ids):
                pass

        assert f"process {child.pid} on" in str(refused.value)
        assert "since 2" in str(refused.value)
        assert "NIGHTDESK_DATA_DIR" in str(refused.value)


async def test_a_second_store_in_this_process_is_refused_too(
    data: Path, clock: ManualClock, ids: IdSource
) -> None:
    async with open_store(None, data_dir=data, clock=clock, ids=ids, role="web"):
        with pytest.raises(DataFolderInUse, match=rf"process {os.getpid()} on .* \(web\)"):
            async with open_store(None, data_dir=data, clock=clock, ids=ids):
                pass


async def test_a_folder_whose_owner_was_killed_is_free_and_complete(
    data: Path, clock: ManualClock, ids: IdSource
) -> None:
    with another_process(data) as child:
        assert child.stdout is not None
        child.stdout.readline()

    async with open_store(None, data_dir=data, clock=clock, ids=ids) as store:
        assert await store.conversations.bound(THREAD) is not None


def test_opening_what_is_up_to_date_does_not_import_alembic(data: Path) -> None:
    with another_process(data) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "False\n"


async def test_a_database_from_a_newer_version_is_refused_and_left_alone(
    data: Path, clock: ManualClock, ids: IdSource
) -> None:
    file = data / DATABASE_FILE
    _change(
        file,
        lambda connection: connection.execute("UPDATE alembic_version SET version_num = '9999'"),
    )
    before = file.read_bytes()

    with pytest.raises(DatabaseTooNew, match="9999"):
        async with open_store(None, data_dir=data, clock=clock, ids=ids):
            pass

    assert file.read_bytes() == before


async def test_a_file_that_is_no_database_is_refused_and_left_alone(
    tmp_path: Path, clock: ManualClock, ids: IdSource
) -> None:
    file = tmp_path / DATABASE_FILE
    file.write_bytes(b"These are my notes, and not a database. " * 50)
    before = file.read_bytes()

    with pytest.raises(StorageDamaged, match="backup"):
        async with open_store(None, data_dir=tmp_path, clock=clock, ids=ids):
            pass

    assert file.read_bytes() == before


async def test_a_damaged_database_is_refused_at_the_start(
    data: Path, clock: ManualClock, ids: IdSource, rows: Rows
) -> None:
    async with open_store(None, data_dir=data, clock=clock, ids=ids) as store:
        for _ in range(100):
            await store.inbox.append(rows.received("some words " * 50))
    file = data / DATABASE_FILE
    content = bytearray(file.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = os.urandom(4096)
    file.write_bytes(content)

    with pytest.raises(StorageDamaged, match="backup"):
        async with open_store(None, data_dir=data, clock=clock, ids=ids):
            pass


def failing(code: int, name: str) -> sqlite3.Error:
    """An error as the driver raises it."""
    error = sqlite3.DatabaseError("made up")
    error.sqlite_errorcode = code
    error.sqlite_errorname = name
    return error


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (sqlite3.SQLITE_CORRUPT, "SQLITE_CORRUPT"),
        (sqlite3.SQLITE_IOERR | 3 << 8, "SQLITE_IOERR_WRITE"),
        (sqlite3.SQLITE_NOTADB, "SQLITE_NOTADB"),
    ],
)
async def test_after_damage_nothing_more_is_written(
    data: Path, clock: ManualClock, code: int, name: str
) -> None:
    def fail(_: Transaction) -> None:
        raise failing(code, name)

    async with open_sqlite(data / DATABASE_FILE, clock=clock, role="all") as database:
        await database.check()
        with pytest.raises(StorageDamaged, match=name):
            await database.write(fail)

        with pytest.raises(StorageDamaged, match=name):
            await database.write(lambda _: None)
        with pytest.raises(StorageDamaged, match=name):
            await database.check()


async def test_a_full_disk_refuses_and_goes_on_when_there_is_room(
    data: Path, clock: ManualClock
) -> None:
    def fail(_: Transaction) -> None:
        raise failing(sqlite3.SQLITE_FULL, "SQLITE_FULL")

    async with open_sqlite(data / DATABASE_FILE, clock=clock, role="all") as database:
        with pytest.raises(StorageFull):
            await database.write(fail)

        await database.write(lambda _: None)
        await database.check()


async def test_what_this_user_may_not_open_is_told_and_not_called_damaged(
    tmp_path: Path, clock: ManualClock
) -> None:
    """A folder in the place of the file; a file of somebody else's is refused by the same code."""
    file = tmp_path / DATABASE_FILE
    file.mkdir()
    with pytest.raises(ConfigurationError, match="Let this user read and write it"):
        async with open_sqlite(file, clock=clock, role="all"):
            pass
    closed = failing(sqlite3.SQLITE_READONLY, "SQLITE_READONLY")
    assert isinstance(of_sqlite(closed), StorageUnavailable), "it can be put right while we run"


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        (sqlite3.SQLITE_IOERR | 3 << 8, StorageDamaged, "cannot be read or written.*ulimit -f"),
        (sqlite3.SQLITE_FULL, StorageFull, "the disk is full .*Make room"),
        (sqlite3.SQLITE_READONLY, ConfigurationError, "Let this user read and write it"),
        (sqlite3.SQLITE_CORRUPT, StorageDamaged, "is damaged.*put a backup in its place"),
        (sqlite3.SQLITE_BUSY, StorageBusy, "Another program holds the database"),
    ],
)
def test_what_is_wrong_at_the_first_look_is_said_with_what_to_do(
    code: int, kind: type[NightdeskError], said: str
) -> None:
    found = of_first_look(failing(code, "SQLITE"), Path("/data/nightdesk.db"))
    assert isinstance(found, kind)
    assert re.search(said, str(found))


@pytest.mark.parametrize(
    ("sqlite", "python"),
    [((3, 34, 1), (3, 11, 7)), ((3, 41, 2), (3, 12, 0)), ((3, 40, 1), (3, 13, 1))],
)
def test_an_interpreter_with_too_old_a_sqlite_is_refused_and_told_what_to_install(
    sqlite: tuple[int, ...], python: tuple[int, ...]
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        check_version(sqlite, python)

    assert ".".join(map(str, sqlite)) in str(refused.value)
    assert "Python 3.11" in str(refused.value)


@pytest.mark.parametrize(
    ("sqlite", "python"),
    [((3, 35, 0), (3, 11, 7)), ((3, 42, 0), (3, 12, 0)), ((3, 50, 1), (3, 13, 1))],
)
def test_an_interpreter_with_a_new_enough_sqlite_is_taken(
    sqlite: tuple[int, ...], python: tuple[int, ...]
) -> None:
    check_version(sqlite, python)


def _change(file: Path, change: Callable[[sqlite3.Connection], object]) -> None:
    connection = sqlite3.connect(file)
    with connection:
        change(connection)
    connection.close()
