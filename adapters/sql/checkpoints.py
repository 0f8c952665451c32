"""When SQLite's journal is copied into its database: while nobody waits for a commit.

By itself SQLite does it within the commit that makes the journal 1,000 pages long, and keeps
whoever waits for that commit: 5 to 15 ms, with two more fsyncs. Here the waiters are told first.
What is committed is safe in the journal all the while.

While the writer has something to do all the time, the most of it is copied beside it, by a thread
with a connection of its own. What came meanwhile is left for the writer, which takes a millisecond:
only where all of it is copied can SQLite begin the journal anew.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress

log = logging.getLogger("nightdesk.sql")

OWED = 500
"""Changed rows after which the journal is copied once the writer has nothing to do. One changed
row is one to four pages of the journal."""
PRESSING = 8_000
"""Changed rows after which it is copied although the writer has something to do: seldom, for a page
that was changed by ten commits is copied once."""
QUIET = 0.05
"""Seconds without a commit after which the writer has nothing to do."""
_BACKSTOP = 32_000
"""Pages of the journal (128 MB) after which SQLite copies it within a commit."""


class Checkpoints:
    """Copies the journal of a connection that writes; used by that connection's thread alone."""

    def __init__(self, connection: sqlite3.Connection, beside: "Beside | None" = None) -> None:
        """Take the matter over from SQLite; what presses is copied by `beside` first."""
        self._connection = connection
        self._beside = beside
        self._copied = connection.total_changes
        connection.execute(f"PRAGMA wal_autocheckpoint = {_BACKSTOP}")

    @property
    def owed(self) -> bool:
        """Whether it is time to copy the journal when nobody waits."""
        return self._changed >= OWED

    def pressing(self) -> bool:
        """Whether it is time to copy it in any case; not while that is being done beside."""
        if self._changed < PRESSING:
            return False
        return self._beside is None or self._beside.through()

    def copy(self) -> None:
        """Copy as much of the journal as no reader needs.

        Where that fails, nothing is lost: the journal has it all, and it is tried again later.
        SQLite ignores such a failure, too; one that matters meets the next commit.
        """
        self._copied = self._connection.total_changes
        _copy(self._connection)
        if self._beside is not None:
            self._beside.overtaken()

    def close(self) -> None:
        """End what copies beside."""
        if self._beside is not None:
            self._beside.close()

    @property
    def _changed(self) -> int:
        return self._connection.total_changes - self._copied


class Beside:
    """Copies the journal by a connection of its own, while the writer writes on."""

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        *,
        thread: type[threading.Thread] = threading.Thread,
    ) -> None:
        """Copy by a connection that `connect` makes, each time in a `thread` of its own."""
        self._connect = connect
        self._make = thread
        self._thread: threading.Thread | None = None
        self._leaves_a_rest = False

    def through(self) -> bool:
        """Begin to copy, where nothing is being copied; True, once, when that has ended.

        True also where the system has no thread to give: then the writer copies all of it.
        """
        if self._thread is not None and self._thread.is_alive():
            return False
        if self._leaves_a_rest:
            self._leaves_a_rest = False
            return True
        self._leaves_a_rest = self._begun()
        return not self._leaves_a_rest

    def overtaken(self) -> None:
        """The writer copied all of it itself: what is being copied, or was, leaves it nothing."""
        self._leaves_a_rest = False

    def close(self) -> None:
        """Wait until nothing is being copied."""
        if self._thread is not None:
            self._thread.join()

    def _begun(self) -> bool:
        # A daemon, as the writer is: what it does is lost without loss.
        thread = self._make(target=self._live, name="sqlite-checkpoint", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            log.warning("sqlite.checkpoint_not_beside", extra={"error": str(error)})
            return False
        self._thread = thread
        return True

    def _live(self) -> None:
        # Where it cannot connect, the writer copies all of it, and says why where it cannot either.
        with suppress(sqlite3.Error), closing(self._connect()) as connection:
            _copy(connection)


def _copy(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    except sqlite3.Error as error:
        log.warning("sqlite.checkpoint_failed", extra={"error": str(error)})
