"""Files of databases that are up to date and hold no row: making one takes longer than a test."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters.sql.store import DATABASE_FILE, migrate
from tests.support.clock import ManualClock


@cache
def store_file() -> bytes:
    """The SQLite file of a store, made once in this process."""
    with TemporaryDirectory(prefix="nd-ready-") as name, ThreadPoolExecutor(1) as beside:
        folder = Path(name)
        # In a thread, which has no loop: whoever asks may be in one.
        beside.submit(asyncio.run, migrate(None, data_dir=folder, clock=ManualClock())).result()
        assert not (folder / f"{DATABASE_FILE}-wal").exists()
        return (folder / DATABASE_FILE).read_bytes()


def put_store(folder: Path) -> None:
    """Make the folder a store's, which has all its tables, where none lived in it before."""
    if not (folder / DATABASE_FILE).exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        place(folder / DATABASE_FILE, store_file())


def place(path: Path, content: bytes) -> None:
    """Put a database file where a store will find it."""
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
