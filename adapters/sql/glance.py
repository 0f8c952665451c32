"""Looking at a database without owning it: for `doctor` and `status`, beside a running process.

Nothing is made or migrated, and nothing is written but for `nightdesk outbox`. A SQLite file may
be read by anybody while its owner writes (https://sqlite.org/wal.html), so the owner's lock is
looked at and not taken.
"""

import fcntl
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from adapters.sql import failures
from adapters.sql.constants import SIGN
from adapters.sql.migrate import current, revisions
from adapters.sql.owner import LOCK_FILE, Holder
from adapters.sql.store import DATABASE_FILE, SqlStore
from adapters.sql.trail import Trail
from adapters.sql.transaction import CoreTransaction, Work
from runtime.clock import Clock
from runtime.errors import ConfigurationError, NightdeskError
from runtime.ids import IdSource
from runtime.model.value import value

T = TypeVar("T")

_CONNECT_SECONDS = 5


@value(kw_only=True)
class Glance:
    """A database that is only read.

    Attributes:
        store: its content; everything that would write raises.
        revision: the migration it is at; None where it has no tables yet.
        known: the migrations that this version knows, oldest first.
    """

    store: SqlStore
    revision: str | None
    known: tuple[str, ...]

    @property
    def readable(self) -> bool:
        """It has the tables that this version reads."""
        return self.revision == self.known[-1]


def sqlite_file(url: str | None, data_dir: Path) -> Path | None:
    """The database's file, or None where it is a Postgres database.

    Raises:
        ConfigurationError: the url is malformed.
    """
    if url is None:
        return data_dir / DATABASE_FILE
    parsed = _parse(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


def holder_of(folder: Path) -> Holder | None:
    """The process that owns the data folder, or None."""
    try:
        lock = os.open(folder / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # An owner that ended in order left nothing; one that was killed left its name, unlocked.
        holder = msgspec.json.decode(os.pread(lock, 4096, 0), type=Holder)
        return holder if _is_locked(lock) else None
    except msgspec.DecodeError:
        return None
    finally:
        os.close(lock)


def _is_locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


@asynccontextmanager
async def glance(
    url: str | None, *, data_dir: Path, clock: Clock, ids: IdSource, writable: bool = False
) -> AsyncIterator[Glance | None]:
    """Open the database as it is; None where there is none yet.

    What is `writable` is for the few rows that an administrator changes beside a running process.
    SQLite keeps the two apart, and each waits for the other's transaction.

    Raises:
        NightdeskError: it cannot be reached or read.
    """
    file = sqlite_file(url, data_dir)
    if file is not None and not _is_there(file):
        yield None
        return
    engine = _of_postgres(url or "", writable) if file is None else _of_file(file, writable)
    database = _Writable(engine, Trail(clock)) if writable else _ReadOnly(engine)
    try:
        yield Glance(
            store=SqlStore(database, clock=clock, ids=ids),
            revision=await database.revision(),
            known=tuple(revisions()),
        )
    finally:
        await database.close()


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}.") from error


class _ReadOnly:
    """A `Database` without its writing half."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def write(self, work: Work[T]) -> T:
        """Refuse.

        Raises:
            NightdeskError: always.
        """
        del work
        raise NightdeskError("this database is open for reading only")

    async def read(self, work: Work[T]) -> T:
        """Run the unit: see `Database`."""
        return await self._run(lambda connection: work(CoreTransaction(connection)))

    async def scan(self, work: Work[T]) -> T:
        """Run the unit: see `Database`."""
        return await self.read(work)

    async def check(self) -> None:
        """Ask for a sign of life: see `Database`."""
        await self.read(lambda t: t.one(SIGN))

    async def close(self) -> None:
        """Let go of the database."""
        await self._engine.dispose()

    async def revision(self) -> str | None:
        """The migration that the database is at."""
        return await self._run(current)

    async def _run(self, work: Callable[[sa.Connection], T]) -> T:
        try:
            async with self._engine.begin() as connection:
                return await connection.run_sync(work)
        except sa.exc.DBAPIError as error:
            if isinstance(error.orig, sqlite3.Error):
                raise failures.of_sqlite(error.orig) from error
            raise failures.of_a_start(error) from error


class _Writable(_ReadOnly):
    """The same with its writing half, for a transaction now and then."""

    def __init__(self, engine: AsyncEngine, trail: Trail) -> None:
        super().__init__(engine)
        self._trail = trail

    async def write(self, work: Work[T]) -> T:
        """Run the unit in a transaction: see `Database`."""

        def recorded(connection: sa.Connection) -> T:
            transaction = CoreTransaction(connection)
            result = work(transaction)
            self._trail.add(transaction, transaction.events)
            return result

        return await self._run(recorded)


def _of_file(file: Path, writable: bool) -> AsyncEngine:  # noqa: FBT001 - private, said twice
    options = {"uri": "true", "mode": "rw" if writable else "ro"}
    if not writable and not file.with_name(f"{file.name}-wal").exists():
        # Nobody has it open. Without this, SQLite would make its journal files beside it.
        options["immutable"] = "1"
    place = sa.URL.create("sqlite+aiosqlite", database=f"file:{quote(str(file))}", query=options)
    return create_async_engine(place, poolclass=sa.pool.NullPool)


def _of_postgres(url: str, writable: bool) -> AsyncEngine:  # noqa: FBT001 - the same
    return create_async_engine(
        _parse(url).set(drivername="postgresql+psycopg"),
        poolclass=sa.pool.NullPool,
        connect_args={"connect_timeout": _CONNECT_SECONDS},
        execution_options={"postgresql_readonly": not writable},
    )


def _parse(url: str) -> sa.URL:
    try:
        return sa.make_url(url)
    except sa.exc.ArgumentError:
        # Not the url itself: it may hold a password.
        raise ConfigurationError("NIGHTDESK_DATABASE_URL is no address of a database") from None
