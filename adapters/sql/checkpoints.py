"""When SQLite's journal is copied into its database: while nobody waits for a commit.

By itself SQLite does it within the commit that makes the journal 1,000 pages long, and keeps
whoever waits for that commit: 5 to 15 ms, with two more fsyncs. Here the waiters are told first.
What is committed is safe in the journal all the while.
"""

import logging
import sqlite3

log = logging.getLogger("nightdesk.sql")

OWED = 500
"""Changed rows after which the journal is copied once the writer has nothing to do. One changed
row is one to four pages of the journal."""
PRESSING = 4_000
"""Changed rows after which it is copied although the writer has something to do."""
QUIET = 0.05
"""Seconds without a commit after which the writer has nothing to do."""
_BACKSTOP = 16_000
"""Pages of the journal (64 MB) after which SQLite copies it within a commit."""


class Checkpoints:
    """Copies the journal of a connection that writes; used by that connection's thread alone."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Take the matter over from SQLite."""
        self._connection = connection
        self._copied = connection.total_changes
        connection.execute(f"PRAGMA wal_autocheckpoint = {_BACKSTOP}")

    @property
    def owed(self) -> bool:
        """Whether it is time to copy the journal when nobody waits."""
        return self._changed >= OWED

    @property
    def pressing(self) -> bool:
        """Whether it is time to copy it in any case."""
        return self._changed >= PRESSING

    def copy(self) -> None:
        """Copy as much of the journal as no reader needs.

        Where that fails, nothing is lost: the journal has it all, and it is tried again later.
        SQLite ignores such a failure, too; one that matters meets the next commit.
        """
        self._copied = self._connection.total_changes
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as error:
            log.warning("sqlite.checkpoint_failed", extra={"error": str(error)})

    @property
    def _changed(self) -> int:
        return self._connection.total_changes - self._copied
