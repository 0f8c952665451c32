"""Files in memory: the twin of those in a database."""

from collections.abc import AsyncIterator
from datetime import datetime

from runtime.clock import Clock
from runtime.errors import Permanent, Refused
from runtime.ids import FileId
from runtime.model.files import OutFile, too_large


class MemoryFiles:
    """`runtime.ports.Files` in memory."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._files: dict[FileId, tuple[OutFile, bytes, datetime]] = {}

    async def keep(
        self,
        file: FileId,
        pieces: AsyncIterator[bytes],
        *,
        name: str,
        media_type: str,
        most: int,
    ) -> OutFile:
        """Store a file under that id: see the port."""
        if file in self._files:
            return self._files[file][0]
        held, kept_at = b"", self._clock.now()
        async for piece in pieces:
            held += piece
            if len(held) > most:
                raise Refused(too_large(name, most))
        kept = OutFile(id=file, name=name, media_type=media_type, size=len(held))
        return self._files.setdefault(file, (kept, held, kept_at))[0]

    async def find(self, file: FileId) -> OutFile | None:
        """What is known of a whole file: see the port."""
        return self._files[file][0] if file in self._files else None

    async def read(self, file: FileId) -> bytes:
        """The bytes of a file: see the port."""
        if file not in self._files:
            raise Permanent(f"there is no file {file}, or not any more")
        return self._files[file][1]

    async def forget(self, *, before: datetime) -> int:
        """Delete old files: see the port."""
        old = [file for file, (_, _, kept_at) in self._files.items() if kept_at < before]
        for file in old:
            del self._files[file]
        return len(old)
