"""Files that people sent, fetched; files of ours, sent."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit

from adapters.discord.faults import told
from adapters.discord.rest import DiscordRest, Upload
from runtime.errors import Ambiguous, Permanent, Refused, Retryable
from runtime.model.files import FileRef, OutFile

_HOSTS = frozenset({"cdn.discordapp.com", "media.discordapp.net"})
_PIECE = 64 * 1024
_UNSAFE_NAME = re.compile(r"[^\w .()+-]")

ReadFile = Callable[[OutFile], Awaitable[bytes]]
"""The bytes of a file that goes out."""


class DiscordFiles:
    """The files of one bot."""

    def __init__(self, rest: DiscordRest, read: ReadFile | None) -> None:
        """Fetch by `rest`, and send what `read` reads; without it, no files are sent."""
        self._rest = rest
        self._read = read

    async def fetch(self, file: FileRef, *, most: int) -> AsyncIterator[bytes]:
        """The bytes of a file that came with a message; see `FetchesFiles.fetch`."""
        parts = urlsplit(file.handle)
        own = parts.scheme == "https" and parts.hostname in _HOSTS and parts.port is None
        if not own and not self._rest.is_own_host(file.handle):
            raise Refused("The address of that file is not Discord's own.")
        taken = 0
        try:
            async with self._rest.download(file.handle) as response:
                error = told(response.status, response.headers, None)
                if error is not None:
                    raise error
                async for piece in response.content.iter_chunked(_PIECE):
                    taken += len(piece)
                    if taken > most:
                        raise Refused(f"{file.name or 'The file'} has more than {most} bytes.")
                    yield piece
        except Ambiguous as error:
            raise Retryable(str(error)) from error

    async def upload(self, file: OutFile) -> Upload:
        """The file as it goes along with a message.

        Raises:
            Permanent: files cannot be read here.
        """
        if self._read is None:
            raise Permanent("no files can be sent: there is nowhere to read them from")
        name = _UNSAFE_NAME.sub("_", file.name)[:200] or "file"
        return Upload(name, file.media_type, await self._read(file), file.alt)
