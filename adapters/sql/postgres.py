"""Postgres: many processes, a pool of connections, transactions that may have to be run again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from adapters.sql import failures
from adapters.sql.constants import SIGN
from adapters.sql.migrate import bring_up_to_date
from adapters.sql.transaction import CoreTransaction, Work
from runtime.errors import Retryable

T = TypeVar("T")

POOL = 8
"""Connections that a process keeps."""
POOL_MORE = 8
"""Connections that it opens beyond those while it has that much to do."""
POOL_WAIT = 10.0
"""Seconds to wait for one of them."""
TRIES = 5
"""How often a transaction is run that Postgres undid for the sake of another."""


class PostgresDatabase:
    """A Postgres database that several processes may share."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def write(self, work: Work[T], *, single: bool = False) -> T:
        """Run the unit in a transaction: see `Database`."""
        del single  # Postgres undoes a failed transaction of one statement for nothing.
        return await self._run(work)

    async def read(self, work: Work[T]) -> T:
        """Run the unit in a transaction: see `Database`."""
        return await self._run(work)

    async def scan(self, work: Work[T]) -> T:
        """Run the unit in a transaction: see `Database`."""
        return await self._run(work)

    async def check(self) -> None:
        """Ask for a sign of life: see `Database`."""
        await self._run(lambda t: t.one(SIGN))

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()

    async def _run(self, work: Work[T]) -> T:
        tries = 1
        while True:
            try:
                async with self._engine.begin() as connection:
                    return await connection.run_sync(lambda c: work(CoreTransaction(c)))
            except sa.exc.DBAPIError as error:
                if not failures.is_undone(error) or tries == TRIES:
                    raise failures.of_postgres(error) from error
            except sa.exc.TimeoutError as error:
                raise Retryable("every connection to the database is busy") from error
            tries += 1


@asynccontextmanager
async def open_postgres(url: sa.URL) -> AsyncIterator[PostgresDatabase]:
    """Connect, and bring the tables up to date; processes that start together take turns.

    Raises:
        DatabaseTooNew: a newer Nightdesk wrote it.
        Retryable: it cannot be reached.
    """
    engine = create_async_engine(
        url, pool_size=POOL, max_overflow=POOL_MORE, pool_timeout=POOL_WAIT
    )
    try:
        try:
            async with engine.begin() as connection:
                await connection.run_sync(bring_up_to_date)
        except sa.exc.DBAPIError as error:
            raise failures.of_postgres(error) from error
        yield PostgresDatabase(engine)
    finally:
        await engine.dispose()
