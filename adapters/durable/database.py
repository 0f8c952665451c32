"""The two databases that DBOS is given: a file of its own, or a schema of its own in Postgres."""

import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool
from sqlalchemy.util.queue import Empty

from adapters.durable.settings import Settings
from runtime.clock import Clock

FILE = "dbos.db"
SCHEMA = "dbos"

_UNFINISHED = """
SELECT 1 FROM workflow_status WHERE status IN ('PENDING', 'ENQUEUED', 'DELAYED') LIMIT 1
"""
_BUSY_MS = 30_000
_CONNECTIONS = 10
_PATIENCE = 0.03
"""Seconds to wait for a connection to come back before one more is opened, which takes longer than
most of what DBOS asks: its threads, which all begin at once, would have one each."""
_IDLE_IN_TRANSACTION_MS = 60_000
_PASSES = frozenset({"25006", "57014"})
"""Read-only, as a standby is, and cancelled. DBOS waits for a connection that was lost, and ends a
run for whatever else it meets. What passes is to be the former: these two, and a connection that
cannot be made. That it knows by psycopg's words, which are others of a socket or a name."""


def engine(settings: Settings) -> sa.Engine:
    """The engine that the settings ask for; nothing is connected yet."""
    if settings.url is None:
        return sqlite(settings.data_dir, settings.clock)
    return postgres(settings.url, settings.slot)


def unfinished(data_dir: Path) -> bool:
    """Whether the file has runs that have not ended; blocks.

    DBOS need not be loaded for that. A file that cannot be read is for DBOS to complain of.
    """
    file = data_dir / FILE
    if not file.exists():
        return False
    try:
        with closing(sqlite3.connect(file)) as connection:
            return connection.execute(_UNFINISHED).fetchone() is not None
    except sqlite3.Error:
        return True


def sqlite(data_dir: Path, clock: Clock) -> sa.Engine:
    """An engine on `dbos.db` in the data folder, made if absent: every commit is on disk.

    DBOS's own engine keeps SQLite's default journal, which costs twice as much a step, and stamps
    its rows in whole seconds on Python 3.11, which loses the order of a partition.

    It has one connection, for which DBOS's threads wait in line. With one each they would wait for
    the file's one writer, which SQLite does by looking again and again: up to a second, and each
    look takes the core from whoever is being acknowledged.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    # SQLite gives its journal the mode of the file, so what runs were given stays private.
    (data_dir / FILE).touch(mode=0o600)
    store = sa.create_engine(
        f"sqlite:///{data_dir / FILE}",
        pool_size=1,
        max_overflow=0,
        pool_timeout=_BUSY_MS / 1000,
    )
    stamps = Stamps(clock)

    @sa.event.listens_for(store, "connect")
    def prepare(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
        # As DBOS prepares its own: writers wait in line from their first statement.
        connection.isolation_level = "IMMEDIATE"
        connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        # The defaults of DBOS's columns call the functions below, and the schema must be trusted
        # to call functions of an application.
        connection.execute("PRAGMA trusted_schema=ON")
        connection.create_function("strftime", 2, stamps.strftime)
        connection.create_function("unixepoch", 1, stamps.unixepoch)

    return store


def postgres(url: str, slot: str) -> sa.Engine:
    """An engine on the given database. DBOS keeps to the schema `dbos` in it.

    The role needs the right to make that schema, which an owner of the database has; it needs no
    right to make databases, which DBOS would use if it were given a URL instead of an engine.
    """
    store = sa.create_engine(
        sa.make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=_CONNECTIONS,
        max_overflow=0,
        pool_pre_ping=True,
        # The one that was used last knows the tables and the statements best.
        pool_use_lifo=True,
        poolclass=_Thrifty,
        use_native_hstore=False,  # a question at each start about what no table has
        connect_args={
            "application_name": f"nightdesk {slot}",
            "connect_timeout": 10,
            # A frozen process lets go of its locks.
            "options": f"-c idle_in_transaction_session_timeout={_IDLE_IN_TRANSACTION_MS}",
        },
    )

    @sa.event.listens_for(store, "handle_error")
    def passes(context: sa.engine.ExceptionContext) -> None:
        state = getattr(context.original_exception, "sqlstate", None)
        if context.connection is None or state in _PASSES:
            context.is_disconnect = True

    return store


class _Thrifty(QueuePool):
    """Waits a moment for a connection to come back before it opens one more."""

    def _do_get(self) -> ConnectionPoolEntry:
        if self.checkedout() and not self.checkedin():
            with suppress(Empty):
                return self._pool.get(True, _PATIENCE)
        return super()._do_get()


class Stamps:
    """SQLite's clock as DBOS reads it, in milliseconds that never come twice.

    DBOS orders a queue, and the signals of a run, by the time at which SQLite wrote the row. It
    asks `strftime('%s', 'now')` on Python 3.11, which knows whole seconds only, and
    `unixepoch('subsec')` on later ones, which is NULL before SQLite 3.42. Both are answered here
    instead. One process owns the file and SQLite writes one row at a time, so stamps that never
    come twice are the order of writing, also while the machine's clock is set back.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0
        self._one = threading.Lock()

    def next(self) -> int:
        """Milliseconds since 1970, later than at any call before."""
        with self._one:
            self._last = max(self._last + 1, int(self._clock.now().timestamp() * 1000))
            return self._last

    def strftime(self, spelling: str, moment: str) -> str:
        """The seconds since 1970 with three decimals, in text, as SQLite gives them."""
        if (spelling, moment) != ("%s", "now"):
            raise ValueError(f"DBOS asks strftime for something new: {spelling!r}, {moment!r}")
        return str(self.next() / 1000)

    def unixepoch(self, moment: str) -> float:
        """The seconds since 1970 with three decimals."""
        if moment != "subsec":
            raise ValueError(f"DBOS asks unixepoch for something new: {moment!r}")
        return self.next() / 1000
