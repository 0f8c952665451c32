"""SQLite: one file, one owning process, one writer thread with group commit.

Everything that waits for the file waits in a thread. SQLAlchemy's asynchronous engine does the
same, and brings its ORM with it: 9 MB that nothing here needs.
"""

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from adapters.sql import failures
from adapters.sql.checkpoints import Beside, Checkpoints
from adapters.sql.connectionthread import ConnectionThread
from adapters.sql.constants import SIGN
from adapters.sql.migrate import bring_up_to_date
from adapters.sql.owner import own
from adapters.sql.trail import Trail
from adapters.sql.transaction import ReadTransaction, Work
from runtime.clock import Clock
from runtime.errors import ConfigurationError, NightdeskError, StorageDamaged
from runtime.model.meter import DOLLARS

T = TypeVar("T")

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # What is acknowledged survives a power cut, too: an fsync for each commit.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    # Nobody else writes; somebody's `sqlite3` shell may, for a moment.
    "PRAGMA busy_timeout = 5000",
    # After a large transaction the journal file shrinks to this again.
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA cache_size = -8000",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA trusted_schema = OFF",
)
_READ_ONLY = "PRAGMA query_only = ON"
_FEW_PAGES = "PRAGMA cache_size = -1000"
"""For who only reads: each commit of the writer makes a reader's pages stale."""

_SCANS = 2
"""Long reads at the same time."""

_OLDEST = (3, 35, 0)
_OLDEST_FOR_THE_ENGINE = (3, 42, 0)
_SINCE_PYTHON = (3, 12)


def check_version(sqlite: tuple[int, ...], python: tuple[int, ...]) -> None:
    """Make sure that the interpreter's SQLite can do what the store and the engine ask.

    The store needs `RETURNING` (3.35). DBOS on Python 3.12 and newer needs
    `unixepoch('subsec')` (3.42); without it, it does not start.

    Raises:
        ConfigurationError: it is too old; says what to install.
    """
    needed = _OLDEST_FOR_THE_ENGINE if python >= _SINCE_PYTHON else _OLDEST
    if sqlite >= needed:
        return
    raise ConfigurationError(
        f"This Python ({_dotted(python)}) comes with SQLite {_dotted(sqlite)}, and Nightdesk needs "
        f"{_dotted(needed)} or newer on it. Run it with Python 3.11, or with a Python that brings "
        "a newer SQLite (such as those of uv or python.org), or use Postgres "
        "(NIGHTDESK_DATABASE_URL)."
    )


class SqliteDatabase:
    """A SQLite file that this process owns."""

    def __init__(self, path: Path, engine: sa.Engine, trail: Trail) -> None:
        self._path = path
        self._engine = engine
        self._scans = ThreadPoolExecutor(max_workers=_SCANS, thread_name_prefix="sqlite-scan")
        self._damage: str | None = None
        self._writer = self._thread_on("writer", "BEGIN IMMEDIATE", *_PRAGMAS, trail=trail)
        self._reader = self._thread_on("reader", "BEGIN", *_PRAGMAS, _READ_ONLY, _FEW_PAGES)

    def write(self, work: Work[T]) -> asyncio.Future[T]:
        """Run the unit in the writer's next commit: see `Database`."""
        if self._damage is not None:
            raise StorageDamaged(self._damage)
        return self._writer.submit(work)

    async def read(self, work: Work[T]) -> T:
        """Run the unit in the reader's next snapshot: see `Database`."""
        return await self._reader.submit(work)

    async def scan(self, work: Work[T]) -> T:
        """Run the unit on a connection and in a thread of its own: see `Database`."""
        return await asyncio.get_running_loop().run_in_executor(self._scans, self._scan, work)

    def _scan(self, work: Work[T]) -> T:
        try:
            with self._engine.connect() as connection:
                return work(ReadTransaction(connection))
        except sa.exc.DBAPIError as error:
            raise self._translate(_driver_error(error)) from error

    async def check(self) -> None:
        """Ask both threads for a sign of life: see `Database`."""
        await self.write(lambda t: t.one(SIGN))
        await self.read(lambda t: t.one(SIGN))

    async def close(self) -> None:
        """Commit what was submitted and close every connection."""
        await self._reader.close()
        await self._writer.close()
        # A long read that is under way ends first; the loop does not wait for it.
        await asyncio.to_thread(self._scans.shutdown)
        self._engine.dispose()

    def _translate(self, error: sqlite3.Error) -> NightdeskError:
        ours = failures.of_sqlite(error)
        if isinstance(ours, StorageDamaged):
            self._damage = f"{ours} File: {self._path}"
        return ours

    def _thread_on(
        self, name: str, begin: str, *pragmas: str, trail: Trail | None = None
    ) -> ConnectionThread:
        connection = self._connect(*pragmas)
        return ConnectionThread(
            f"sqlite-{name}",
            connection,
            begin=begin,
            translate=self._translate,
            checkpoints=None if _READ_ONLY in pragmas else self._checkpoints(connection),
            trail=trail,
        )

    def _checkpoints(self, connection: sqlite3.Connection) -> Checkpoints:
        return Checkpoints(connection, Beside(lambda: self._connect(*_PRAGMAS, _FEW_PAGES)))

    def _connect(self, *pragmas: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        for pragma in pragmas:
            connection.execute(pragma)
        return connection


@asynccontextmanager
async def open_sqlite(
    path: Path, *, clock: Clock, role: str, currency: str = DOLLARS
) -> AsyncIterator[SqliteDatabase]:
    """Own, examine, migrate and open the file; it is made where it is missing.

    Raises:
        ConfigurationError: the interpreter's SQLite is too old.
        DataFolderInUse: another process owns the folder.
        DatabaseTooNew: a newer Nightdesk wrote it.
        StorageDamaged: it is damaged, or no database.
        StorageFull: there is no room to look at it.
    """
    check_version(sqlite3.sqlite_version_info, sys.version_info[:3])
    with own(path.parent, clock=clock, role=role):
        _make(path)
        engine = _engine(path)
        try:
            await asyncio.to_thread(_examine, engine, path, currency)
            database = SqliteDatabase(path, engine, Trail(clock))
        except BaseException:
            engine.dispose()
            raise
        try:
            yield database
        finally:
            await database.close()


def _examine(engine: sa.Engine, path: Path, currency: str) -> None:
    """Look for damage, then bring the tables up to date."""
    try:
        with engine.connect() as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
            if found != "ok":
                raise failures.damaged(path, str(found))
        with engine.begin() as connection:
            bring_up_to_date(connection, currency)
    except sa.exc.DBAPIError as error:
        raise failures.of_first_look(_driver_error(error), path) from error


def _make(path: Path) -> None:
    """Make the empty file, so that nobody but its owner could ever read it.

    SQLite gives its journal files the same mode. Only ever before the first connection: closing
    the file that SQLite has open would drop its locks (https://sqlite.org/howtocorrupt.html).
    """
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _engine(path: Path) -> sa.Engine:
    """The engine for long reads and for the tables themselves."""
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)), pool_size=_SCANS)
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: "sa.engine.interfaces.DBAPIConnection", _: object) -> None:
    # The driver's own transactions begin too late: not before a SELECT or a CREATE TABLE.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (*_PRAGMAS, _FEW_PAGES):
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _driver_error(error: sa.exc.DBAPIError) -> sqlite3.Error:
    """The driver's error inside SQLAlchemy's."""
    return error.orig if isinstance(error.orig, sqlite3.Error) else sqlite3.Error(str(error))


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
