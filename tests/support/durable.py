"""Durable engines for tests, opened as often as a test likes."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from adapters.durable.dbos import DbosDurable
from adapters.durable.settings import Pace
from adapters.memory.durable import MemoryDurable
from runtime.clock import Clock, SystemClock
from runtime.ports import Durable, Workflow
from tests.support.postgres import PostgresServer

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


@contextmanager
def copied(server: PostgresServer, name: str) -> Iterator[str]:
    """The address of a copy of a database, for as long as the block lasts."""
    copy = f"{name}_copy"
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {copy} TEMPLATE {name}".encode())
    try:
        yield server.url(copy)
    finally:
        server.drop(copy)


@contextmanager
def migrated(server: PostgresServer) -> Iterator[str]:
    """The name of a database in which DBOS has made its tables, to make others from."""

    async def migrate() -> None:
        async with DbosHouse(server.url(name), Path(), SystemClock()).opened({}):
            pass

    name = server.create()
    try:
        asyncio.run(migrate())
        yield name
    finally:
        server.drop(name)
