"""The seam to the database: units of work go in, what they return comes out, durable."""

from collections.abc import Awaitable
from typing import Protocol, TypeVar

from adapters.sql.transaction import Work

T = TypeVar("T")


class Database(Protocol):
    """Runs units of work. SQLite and Postgres differ here, and nowhere else.

    Every method raises the errors that `adapters.sql.failures` names; then nothing was stored.
    """

    def write(self, work: Work[T]) -> Awaitable[T]:
        """Run the unit in a transaction that is on disk when this was awaited.

        What the unit raises undoes the unit, and is raised here.
        """
        ...

    async def read(self, work: Work[T]) -> T:
        """Run a unit that only reads, and reads little: a row by its key, the next time."""
        ...

    async def scan(self, work: Work[T]) -> T:
        """Run a unit that only reads, but may read a lot; it keeps no short one waiting."""
        ...

    async def check(self) -> None:
        """Return where the database can be read and written.

        Raises:
            StorageDamaged: it was found damaged; nothing is written any more.
            NightdeskError: it does not answer.
        """
        ...

    async def close(self) -> None:
        """Finish what was begun and let go of the database."""
        ...
