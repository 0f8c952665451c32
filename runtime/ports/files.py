"""Files that came in or go out."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol, runtime_checkable

from runtime.ids import FileId
from runtime.model.files import FileRef, OutFile


class Files(Protocol):
    """Bytes that came in or are to go out, apart from every agent's workspace."""

    async def keep(
        self,
        file: FileId,
        pieces: AsyncIterator[bytes],
        *,
        name: str,
        media_type: str,
        most: int,
    ) -> OutFile:
        """Store a file under that id; a whole one that is there already is left as it is.

        Raises:
            Refused: it has more bytes than `most`; nothing of it is kept.
        """
        ...

    async def find(self, file: FileId) -> OutFile | None:
        """What is known of a whole file, or None where it is not there, or not any more."""
        ...

    async def read(self, file: FileId) -> bytes:
        """The bytes of a file.

        Raises:
            Permanent: it is not there, or not any more.
        """
        ...

    async def forget(self, *, before: datetime) -> int:
        """Delete files stored before that time; returns how many."""
        ...


@runtime_checkable
class FetchesFiles(Protocol):
    """A chat platform that people send files on. Every `ChatPort` that has files is one, too."""

    def fetch(self, file: FileRef, *, most: int) -> AsyncIterator[bytes]:
        """The bytes of a file that came with a message, in pieces.

        Args:
            file: as the message named it.
            most: bytes to take at most.

        Raises:
            Refused: it has more bytes than that, or its address is not the platform's own.
            Retryable: the platform could not be asked.
            Permanent: it is gone, or we may not have it.
        """
        ...
