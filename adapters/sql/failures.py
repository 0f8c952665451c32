"""What a driver's error means to the caller of the store."""

import sqlite3
from pathlib import Path

import sqlalchemy as sa

from runtime.errors import (
    ConfigurationError,
    NightdeskError,
    StorageBusy,
    StorageDamaged,
    StorageFull,
    StorageUnavailable,
)

_SQLITE: dict[int, type[NightdeskError]] = {
    sqlite3.SQLITE_FULL: StorageFull,
    sqlite3.SQLITE_CORRUPT: StorageDamaged,
    sqlite3.SQLITE_NOTADB: StorageDamaged,
    # The disk failed under a write, so what is on it now is unknown.
    sqlite3.SQLITE_IOERR: StorageDamaged,
    sqlite3.SQLITE_BUSY: StorageBusy,
    sqlite3.SQLITE_LOCKED: StorageBusy,
    # Who may use the file can be put right while we run.
    sqlite3.SQLITE_CANTOPEN: StorageUnavailable,
    sqlite3.SQLITE_READONLY: StorageUnavailable,
    sqlite3.SQLITE_PERM: StorageUnavailable,
}
"""By primary result code (https://sqlite.org/rescode.html)."""

_POSTGRES: dict[str, type[NightdeskError]] = {
    "53100": StorageFull,
    "XX001": StorageDamaged,
    "XX002": StorageDamaged,
    # Reached, and takes nothing just now. Whoever runs it can put that right while we run.
    "25006": StorageUnavailable,  # read-only: made so, or a standby since a failover
    "53200": StorageUnavailable,  # out of memory
    "53300": StorageUnavailable,  # too many connections
    "55P03": StorageUnavailable,  # a lock was not to be had within `lock_timeout`
    "57014": StorageUnavailable,  # cancelled, by somebody or by `statement_timeout`
    "57P03": StorageUnavailable,  # starting up, or shutting down
}
"""By SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""

_TRY_AGAIN = {
    "40001",  # serialisation failure
    "40P01",  # deadlock
    "25P03",  # this process stood still in it, and kept locks from others
    # The same key twice. Whatever may be stored twice says `ON CONFLICT`; the rest are two that
    # took the same next number of a log in the same moment.
    "23505",
}
"""Postgres undid the transaction for another's sake, whatever it was at."""


def of_sqlite(error: sqlite3.Error) -> NightdeskError:
    """The error as ours, with SQLite's own name of it."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    name: str = getattr(error, "sqlite_errorname", type(error).__name__)
    ours = _with_cause(_SQLITE.get(code & 0xFF, NightdeskError), f"{name}: {error}")
    ours.__cause__ = error
    return ours


def of_first_look(error: sqlite3.Error, file: Path) -> NightdeskError:
    """The error as ours when the file is opened: names the file, and says what to do about it."""
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_IOERR:
            return StorageDamaged(
                f"{file} cannot be read or written: {error}. Look at the disk, and at how large "
                "this user's files may become (ulimit -f). Keep a copy of the folder."
            )
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return ConfigurationError(
                f"{file} cannot be opened: {error}. Let this user read and write it, and the "
                "folder that it is in."
            )
        case sqlite3.SQLITE_FULL:
            return StorageFull(f"the disk is full ({file}). Make room, then start again.")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return damaged(file, str(error))
        case _:
            return of_sqlite(error)


def damaged(file: Path, found: str) -> StorageDamaged:
    """What to say of a file in which that was found."""
    return StorageDamaged(
        f"{file} is damaged: {found}. Nothing was written to it. Keep a copy of the folder, and "
        "put a backup in its place."
    )


def of_postgres(error: sa.exc.DBAPIError) -> NightdeskError:
    """The error as ours; one of the connection may pass."""
    state = sqlstate(error)
    kind = _POSTGRES.get(state, NightdeskError)
    if kind is NightdeskError and (error.connection_invalidated or not state):
        kind = StorageUnavailable
    ours = _with_cause(kind, f"{state or type(error.orig).__name__}: {error.orig}")
    ours.__cause__ = error
    return ours


def of_a_start(error: sa.exc.DBAPIError) -> NightdeskError:
    """The same of a database that is being opened: where it is not reached, what to do about it."""
    ours = of_postgres(error)
    if type(ours) is not StorageUnavailable or sqlstate(error) in _POSTGRES:
        return ours
    found = " ".join(str(error.orig).split())
    return StorageUnavailable(
        f"The database cannot be reached. Start it, or correct NIGHTDESK_DATABASE_URL. ({found})"
    )


def sqlstate(error: sa.exc.DBAPIError) -> str:
    """Postgres's five-letter code of the error, or an empty string for one of the connection."""
    return getattr(error.orig, "sqlstate", None) or ""


def is_undone(error: sa.exc.DBAPIError) -> bool:
    """Whether Postgres undid the transaction so that another could go on: simply run it again."""
    return sqlstate(error) in _TRY_AGAIN


def _with_cause(kind: type[NightdeskError], cause: str) -> NightdeskError:
    """The kind's own sentence, which says what it means, and then what the database said."""
    return kind(f"{(kind.__doc__ or '').splitlines()[0]} ({cause})")
