"""The Bot API over one pool of connections: a dozen methods, called by their own names.

Not through a library: see `docs/adr/0007-telegram-without-a-library.md`. The token is part of every
address, so no address is ever logged or put into an error.
"""

from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec

from adapters.telegram.faults import network, told
from runtime.errors import Ambiguous, Permanent, Refused, Retryable

TELEGRAM_API = "https://api.telegram.org"
_SECONDS = 30.0
_CONNECT_SECONDS = 10.0
_UPLOAD_SECONDS = 120.0
_PIECE = 1 << 16

Fields = Mapping[str, Any]
"""Parameters of a method; those that are None are left out."""


class BotApi:
    """Calls methods of the Bot API as one bot."""

    def __init__(self, token: str, *, base_url: str = TELEGRAM_API) -> None:
        """Call.

        Args:
            token: the bot's token.
            base_url: where the Bot API is; another for tests and for a server of one's own.
        """
        self._token = token
        self._base = base_url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Make the pool; nothing is asked yet."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=50),
            cookie_jar=aiohttp.DummyCookieJar(),
            json_serialize=lambda value: msgspec.json.encode(value).decode(),
        )

    async def close(self) -> None:
        """Close the pool."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def call(self, method: str, fields: Fields, *, seconds: float = _SECONDS) -> Any:
        """Call a method that changes something; its result.

        Raises:
            Retryable: nothing was changed.
            Ambiguous: it may have been changed.
            Refusal: Telegram said no.
        """
        given = {name: value for name, value in fields.items() if value is not None}
        with network():
            async with self._opened.post(
                f"{self._base}/bot{self._token}/{method}",
                json=given,
                timeout=_timeout(seconds),
                allow_redirects=False,
            ) as response:
                return _result(response.status, await response.read())

    async def ask(self, method: str, fields: Fields | None = None) -> Any:
        """Call a method that changes nothing, so that it can always be called again; its result.

        Raises:
            Retryable: Telegram did not answer.
            Refusal: Telegram said no.
        """
        try:
            return await self.call(method, fields or {})
        except Ambiguous as error:
            raise Retryable(str(error)) from error

    async def upload(
        self, method: str, fields: Fields, *, part: str, name: str, media_type: str, content: bytes
    ) -> Any:
        """The same as `call` with a file in the field `part`."""
        form = aiohttp.FormData(quote_fields=False)
        for field, value in fields.items():
            if value is not None:
                text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
                form.add_field(field, text)
        safe = name.replace('"', "_").replace("\r", "_").replace("\n", "_").replace("\\", "_")
        form.add_field(part, content, filename=safe or "file", content_type=media_type)
        with network():
            async with self._opened.post(
                f"{self._base}/bot{self._token}/{method}",
                data=form,
                timeout=_timeout(_UPLOAD_SECONDS),
                allow_redirects=False,
            ) as response:
                return _result(response.status, await response.read())

    async def download(self, file_id: str, *, most: int) -> AsyncIterator[bytes]:
        """The bytes of a file that somebody sent.

        Raises:
            Refused: it has more bytes than `most`.
            Retryable: Telegram did not answer.
            Permanent: it is gone.
        """
        found = await self.ask("getFile", {"file_id": file_id})
        path, size = _place(found)
        if size is not None and size > most:
            raise Refused(f"The file has {size} bytes, and {most} are the most that I take.")
        url = f"{self._base}/file/bot{self._token}/{quote(path)}"
        taken = 0
        try:
            with network():
                async with self._opened.get(
                    url, timeout=_timeout(_UPLOAD_SECONDS), allow_redirects=False
                ) as response:
                    if response.status != HTTPStatus.OK:
                        raise told(response.status, None if _later(response.status) else _NO_FILE)
                    async for piece in response.content.iter_chunked(_PIECE):
                        taken += len(piece)
                        if taken > most:
                            raise Refused(f"The file has more than {most} bytes: I take no more.")
                        yield piece
        except Ambiguous as error:
            raise Retryable(str(error)) from error

    @property
    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise Retryable("the connection to Telegram is not open")
        return self._session


_NO_FILE = {"ok": False, "description": "Bad Request: the file is not there"}


def _later(status: int) -> bool:
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS


def _place(found: object) -> tuple[str, int | None]:
    """Where a file is, and its size."""
    if isinstance(found, dict):
        path, size = found.get("file_path"), found.get("file_size")
        # A server of one's own may name a file of its disk, or lead out of the bot's folder.
        if isinstance(path, str) and path and path[0] != "/" and ".." not in path.split("/"):
            return path, size if isinstance(size, int) else None
    raise Permanent("Telegram does not say where the file is")


def _timeout(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        total=seconds, connect=_CONNECT_SECONDS, sock_connect=_CONNECT_SECONDS
    )


def _result(status: int, body: bytes) -> Any:
    try:
        answer = msgspec.json.decode(body)
    except msgspec.DecodeError:
        answer = None
    if isinstance(answer, dict) and answer.get("ok") is True and status == HTTPStatus.OK:
        return answer.get("result")
    if status == HTTPStatus.OK:
        raise Ambiguous("Telegram's answer cannot be read")
    raise told(status, answer)
