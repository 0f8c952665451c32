"""A file as a channel: messages are added to its end, and are on disk when they are sent.

Each message stands between two comments that name its outbox row, so that one that was written
before a crash is found again and not written twice.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from adapters.oneway import OneWay
from runtime.clock import Clock
from runtime.errors import Permanent, Retryable
from runtime.ids import MessageId, Platform
from runtime.model.address import ChannelRef
from runtime.model.files import OutFile
from runtime.model.outbox import OutboxItem
from runtime.model.probe import Finding
from runtime.ports import ChatLimits

FILE = Platform("file")

_TAIL = 1_000_000
"""Bytes from the end in which a message is looked for: it was written last, or not at all."""


class FileChat(OneWay):
    """The `ChatPort` of files."""

    def __init__(
        self, folder: Path, *, clock: Clock, read: Callable[[OutFile], Awaitable[bytes]]
    ) -> None:
        """Write into a folder, which is made with the first message.

        Args:
            folder: where the files are; each channel is `<id>.md` in it.
            clock: dates messages.
            read: reads a file that goes with a message; it is kept beside the channel's.
        """
        super().__init__(FILE)
        self._folder = folder
        self._clock = clock
        self._read = read

    @property
    def limits(self) -> ChatLimits:
        """As fast as the disk."""
        return ChatLimits(per_channel=100.0, overall=100.0, burst=100)

    async def send(self, item: OutboxItem) -> MessageId:
        """Add the message; see `ChatPort.send`."""
        files = [(file.name, await self._read(file)) for file in item.content.files]
        try:
            await asyncio.to_thread(self._add, item, files)
        except OSError as error:
            raise Retryable(f"the file cannot be written: {error.strerror}") from error
        return MessageId(item.id)

    async def find(self, item: OutboxItem) -> MessageId | None:
        """Look for the end of the message near the end of the file."""
        try:
            there = await asyncio.to_thread(self._has, item)
        except OSError as error:
            raise Retryable(f"the file cannot be read: {error.strerror}") from error
        return MessageId(item.id) if there else None

    async def probe(self, channel: ChannelRef | None = None) -> Sequence[Finding]:
        """Whether the folder can be written to."""
        home = next(p for p in (self._folder, *self._folder.parents) if p.exists())
        if not os.access(home, os.W_OK | os.X_OK):
            todo = f"Let this user write to {home}."
            return [Finding(ok=False, what=f"the folder {self._folder}: not writable", todo=todo)]
        where = self._folder if channel is None else self._path(channel)
        return [Finding(ok=True, what=f"{where}: writable")]

    def _path(self, channel: ChannelRef) -> Path:
        name = channel.channel
        if not name or "/" in name or "\0" in name or name.startswith("."):
            raise Permanent(f"{name!r} is no name of a file")
        return self._folder / f"{name}.md"

    def _add(self, item: OutboxItem, files: Sequence[tuple[str, bytes]]) -> None:
        path = self._path(item.thread.channel)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        names = [self._put(item, number, *file) for number, file in enumerate(files)]
        listed = "".join(f"\n- file: {name}" for name in names)
        when = self._clock.now().isoformat(timespec="seconds")
        text = item.content.text.replace("<!--", "< !--")
        whole = f"<!-- begin {item.id} {when} -->\n{text}{listed}\n{_end(item)}\n\n"
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(handle, "ab") as file:
            file.write(whole.encode("utf-8", "replace"))
            file.flush()
            os.fsync(file.fileno())

    def _put(self, item: OutboxItem, number: int, name: str, content: bytes) -> str:
        """Keep a file beside the channel's, under a name that nobody else chose."""
        suffix = "".join(c for c in Path(name).suffix if c.isalnum() or c == ".")[:10]
        path = self._folder / f"{item.id}-{number}{suffix}"
        path.write_bytes(content)
        return path.name

    def _has(self, item: OutboxItem) -> bool:
        path = self._path(item.thread.channel)
        if not path.exists():
            return False
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            return f"\n{_end(item)}\n".encode() in file.read()


def _end(item: OutboxItem) -> str:
    return f"<!-- end {item.id} -->"
