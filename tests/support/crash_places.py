"""Folders and databases in which the program has been before, for tests that kill it."""

import asyncio
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from adapters.durable.database import FILE as RUNS_FILE
from adapters.sql.store import DATABASE_FILE
from tests.support import durable_process
from tests.support.crash_world import world
from tests.support.postgres import PostgresServer
from tests.support.ready import place


@dataclass(frozen=True, slots=True)
class Places:
    """Makes a folder, and on Postgres a database, for each chain."""

    folder: Path
    files: Mapping[str, bytes]
    server: PostgresServer | None = None
    template: str = ""
    made: list[str] = field(default_factory=list)

    def new(self, name: str) -> tuple[Path, str | None]:
        """The folder, and the address of the database; its tables are there."""
        folder = self.folder / name
        folder.mkdir()
        if self.server is None:
            for file, content in self.files.items():
                place(folder / file, content)
            return folder, None
        self.made.append(f"{self.template}_{len(self.made)}")
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {self.made[-1]} TEMPLATE {self.template}".encode())
        return folder, self.server.url(self.made[-1])


@pytest.fixture(scope="package")
def ready_database(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """A Postgres database in which the program has been, to be copied."""
    name = postgres_server.create()

    async def live() -> None:
        folder = tmp_path_factory.mktemp("first")
        async with world(folder, url=postgres_server.url(name)) as people:
            process = people.start()
            await process.ready()
            await process.stop()

    asyncio.run(live())
    return name


@pytest.fixture(scope="package")
def ready_files(
    migrated_sqlite: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, bytes]:
    """The SQLite files of a folder in which the program has been and runs were done."""
    folder = tmp_path_factory.mktemp("first")

    async def live() -> None:
        async with durable_process.Place(None, folder).child("first"):
            pass

    asyncio.run(live())
    with closing(sqlite3.connect(folder / RUNS_FILE)) as runs:
        return {DATABASE_FILE: migrated_sqlite, RUNS_FILE: runs.serialize()}


@pytest.fixture
def on_sqlite(ready_files: Mapping[str, bytes], tmp_path: Path) -> Places:
    """Places with files."""
    return Places(tmp_path, ready_files)


@pytest.fixture
def on_postgres(
    postgres_server: PostgresServer, ready_database: str, tmp_path: Path
) -> Iterator[Places]:
    """Places with a database of a server."""
    made = Places(tmp_path, {}, postgres_server, ready_database)
    yield made
    for database in made.made:
        postgres_server.drop(database)


@pytest.fixture(params=["sqlite", "postgres"])
def places(request: pytest.FixtureRequest) -> Places:
    """Places of the one and of the other kind."""
    found: Places = request.getfixturevalue(f"on_{request.param}")
    return found
