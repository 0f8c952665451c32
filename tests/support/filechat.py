"""A chat platform in memory that people send files on."""

from collections import deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from runtime.errors import Permanent
from runtime.model.files import FileRef
from tests.support.chat import MemoryChat


@dataclass(slots=True)
class FileChat(MemoryChat):
    """A `MemoryChat` that is a `runtime.ports.FetchesFiles` too.

    Attributes:
        held: the pieces of each file by its handle.
        fetched: the handles that were asked for, in order.
        troubles: raised by the next fetches, one each, after the first piece.
        closed: how many fetches came to an end, or were broken off.
    """

    held: dict[str, list[bytes]] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    troubles: deque[Exception] = field(default_factory=deque)
    closed: int = 0

    def hold(self, handle: str, *pieces: bytes, name: str = "", size: int | None = None) -> FileRef:
        """Somebody sent that file."""
        self.held[handle] = list(pieces)
        return FileRef(handle=handle, name=name or handle, size=size)

    async def fetch(self, file: FileRef, *, most: int) -> AsyncIterator[bytes]:
        del most  # like a platform that keeps to no limit
        self.fetched.append(file.handle)
        try:
            for piece in self._pieces(file):
                yield piece
                if self.troubles:
                    raise self.troubles.popleft()
            if self.troubles:
                raise self.troubles.popleft()
        finally:
            self.closed += 1

    def _pieces(self, file: FileRef) -> Iterable[bytes]:
        if file.handle not in self.held:
            raise Permanent("there is no such file at the platform")
        return self.held[file.handle]
