"""One owner for each data folder: a lock that the kernel lets go of when its holder dies."""

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from runtime.clock import Clock
from runtime.errors import ConfigurationError, DataFolderInUse, StorageFull

LOCK_FILE = "nightdesk.lock"

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


class Holder(msgspec.Struct, kw_only=True):
    """Who holds a data folder, as its lock file says.

    Attributes:
        pid: the process.
        host: the machine it runs on.
        since: when it took the folder, ISO 8601 in UTC.
        role: what it does.
    """

    pid: int
    host: str
    since: str
    role: str


@contextmanager
def own(folder: Path, *, clock: Clock, role: str) -> Iterator[None]:
    """Hold the folder, which is made where it is missing, for this process alone.

    Raises:
        DataFolderInUse: another process holds it; says which and what to do.
        StorageFull: there is no room to say who holds it.
        ConfigurationError: it cannot be made or written.
    """
    with _explained(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataFolderInUse(_refusal(folder, lock)) from None
        holder = Holder(
            pid=os.getpid(),
            host=socket.gethostname(),
            since=clock.now().isoformat(timespec="seconds"),
            role=role,
        )
        with _explained(folder):
            _write(lock, msgspec.json.encode(holder))
        yield
        _write(lock, b"")
    finally:
        os.close(lock)


def _write(lock: int, text: bytes) -> None:
    os.pwrite(lock, text, 0)
    os.truncate(lock, len(text))


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Say what a file system's refusal means, and what to do about it."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise StorageFull(
                f"the disk is full: nothing can be written to the data folder {folder}. Make room, "
                "then start again."
            ) from error
        raise ConfigurationError(
            f"the data folder {folder} cannot be used: {error.strerror}. Let this user write to "
            "it, or give this one a folder of its own with NIGHTDESK_DATA_DIR."
        ) from error


def _refusal(folder: Path, lock: int) -> str:
    try:
        holder = msgspec.json.decode(os.pread(lock, 4096, 0), type=Holder)
    except msgspec.DecodeError:
        who = "another Nightdesk"
    else:
        who = f"Nightdesk process {holder.pid} on {holder.host} ({holder.role})"
        who += f", since {holder.since},"
    return (
        f"{who} uses the data folder {folder}. Stop it first, or give this one a folder of its own "
        "with NIGHTDESK_DATA_DIR; several processes at once need Postgres (NIGHTDESK_DATABASE_URL)."
    )
