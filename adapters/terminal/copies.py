"""Copies of the files that go out, in a folder that the person at the terminal can open."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from runtime.errors import Permanent, Retryable
from runtime.model.files import OutFile, clean_name
from runtime.model.outbox import OutboxItem

ReadFile = Callable[[OutFile], Awaitable[bytes]]
"""The bytes of a file of ours."""

FOLDER = "files"
"""What the folder in the data folder is called."""


class Copies:
    """Writes copies; the same message writes the same ones."""

    def __init__(self, folder: Path | None, read: ReadFile | None) -> None:
        """Write into `folder`, which is made with the first; None writes nothing."""
        self._folder = folder
        self._read = read

    async def of(self, item: OutboxItem) -> str:
        """Copy the message's files; returns the lines that say where they are.

        Raises:
            Retryable: they cannot be written now.
            Permanent: a file is not there any more.
        """
        places = [
            await self._copy(item, number, file) for number, file in enumerate(item.content.files)
        ]
        return "\n".join(f"- file: `{place}`" for place in places)

    async def _copy(self, item: OutboxItem, number: int, file: OutFile) -> Path:
        if self._folder is None or self._read is None:
            raise Permanent(f"there is no folder to put {file.name} into")
        data = await self._read(file)
        # A folder for each message: two may have files of one name, and names stay as they are.
        path = self._folder / f"{item.id}-{number}" / clean_name(file.name)
        try:
            await asyncio.to_thread(_write, path, data)
        except OSError as error:
            raise Retryable(f"the copy of a file cannot be written: {error.strerror}") from error
        return path


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
