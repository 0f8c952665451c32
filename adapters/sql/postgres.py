"""Postgres: many processes, a pool of connections, transactions that may have to be run again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry
from sqlalchemy.util.queue import Empty

from adapters.sql import failures
from adapters.sql.constants import SIGN
from adapters.sql.migrate import bring_up_to_date
from adapters.sql.prepared import PreparedTransaction
from adapters.sql.trail import Trail
from adapters.sql.transaction import Work
from runtime.clock import Clock
from runtime.errors import StorageUnavailable
from runtime.model.meter import DOLLARS

T = TypeVar("T")

POOL = 8
"""Connections that a process keeps."""
POOL_MORE = 8
"""Connections that it opens beyond those while it has that much to do."""
POOL_FEW = 2
"""Connections that are opened as soon as they are asked for."""
POOL_PATIENCE = 0.03
"""Seconds to wait for one of them before another is opened. That takes the server and us longer
than most transactions take: a start, which asks much at once, opened six."""
POOL_WAIT = 10.0
"""Seconds to wait for one of them."""
IDLE_MS = 700
"""Milliseconds after which Postgres undoes a transaction of a process that stands still in it: its
locks would hold up what others stop. A process that goes on runs the transaction again."""
_PATIENT = "SET LOCAL idle_in_transaction_session_timeout = 0"
TRIES = 5
"""How often a transaction is run that Postgres undid, for another's sake or by going away."""


class _Thrifty(AsyncAdaptedQueuePool):
    """Waits a moment for a connection to come back before it opens one more."""

    def _do_get(self) -> ConnectionPoolEntry:
        if self.checkedout() >= POOL_FEW and not self.checkedin():
            with suppress(Empty):
                return self._pool.get(True, POOL_PATIENCE)
        return super()._do_get()


class PostgresDatabase:
    """A Postgres database that several processes may share."""

    def __init__(self, engine: AsyncEngine, trail: Trail) -> None:
        self._engine = engine
        self._trail = trail

    async def write(self, work: Work[T]) -> T:
        """Run the unit in a transaction: see `Database`."""
        return await self._run(work)

    async def read(self, work: Work[T]) -> T:
        """Run the unit in a transaction: see `Database`."""
        return await self._run(work, writes=False)

    async def scan(self, work: Work[T]) -> T:
        """Run the unit in a transaction: see `Database`."""
        return await self._run(work, writes=False)

    async def check(self) -> None:
        """Ask for a sign of life: see `Database`."""
        await self._run(lambda t: t.one(SIGN))

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()

    async def _run(self, work: Work[T], *, writes: bool = True) -> T:
        tries, committing = 0, False
        while True:
            tries += 1
            try:
                async with self._engine.begin() as connection:
                    result = await connection.run_sync(lambda c: self._all_of(work, c))
                    committing = writes
                return result
            except sa.exc.DBAPIError as error:
                # A connection that broke before the commit took everything with it. One that broke
                # in the commit of what was written may not have: the caller has to find that out.
                undone = failures.is_undone(error) or (
                    error.connection_invalidated and not committing
                )
                if not undone or tries == TRIES:
                    raise failures.of_postgres(error) from error
            except sa.exc.TimeoutError as error:
                raise StorageUnavailable("every connection to the database is busy") from error

    def _all_of(self, work: Work[T], connection: sa.Connection) -> T:
        """Run the unit, and record what is to be recorded of it."""
        transaction = PreparedTransaction(connection)
        result = work(transaction)
        self._trail.add(transaction, transaction.events)
        return result


@asynccontextmanager
async def open_postgres(
    url: sa.URL, *, clock: Clock, currency: str = DOLLARS
) -> AsyncIterator[PostgresDatabase]:
    """Connect, and bring the tables up to date; processes that start together take turns.

    What the address asks of its sessions itself (`?options=-c%20name%3Dvalue`) comes after ours.

    Raises:
        DatabaseTooNew: a newer Nightdesk wrote it.
        StorageUnavailable: it cannot be reached.
    """
    engine = create_async_engine(
        url,
        pool_size=POOL,
        max_overflow=POOL_MORE,
        pool_timeout=POOL_WAIT,
        # The one that was used last knows the tables and the statements best.
        pool_use_lifo=True,
        poolclass=_Thrifty,
        use_native_hstore=False,  # a question at each start about what no table has
        connect_args={"options": _options(url)},
    )
    try:
        try:
            async with engine.begin() as connection:
                # It may load what it needs for that, which takes its time.
                await connection.exec_driver_sql(_PATIENT)
                await connection.run_sync(bring_up_to_date, currency)
        except sa.exc.DBAPIError as error:
            raise failures.of_a_start(error) from error
        yield PostgresDatabase(engine, Trail(clock))
    finally:
        await engine.dispose()


def _options(url: sa.URL) -> str:
    ours = f"-c idle_in_transaction_session_timeout={IDLE_MS}"
    return " ".join((ours, *url.normalized_query.get("options", ())))
