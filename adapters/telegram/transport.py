"""What carries python-telegram-bot's calls, and says exactly what became of each.

The library tells a refused connection from a broken one by words alone, and puts what a server
answers into errors of its own. `do_request` is the one place that sees the failure, the status and
the body as they are, so it judges them here and raises `Told`, which the library lets through.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING

import httpx
import msgspec
from telegram.error import TelegramError
from telegram.request import BaseRequest, HTTPXRequest, RequestData

from adapters.telegram.faults import Told, broken, told
from runtime.errors import Ambiguous, Permanent, Retryable

if TYPE_CHECKING:
    from telegram._utils.types import ODVInput

CONNECT_SECONDS = 10.0
POOL_SECONDS = 5.0
"""How long a call waits for a free connection."""
WRITE_SECONDS = 20.0
UPLOAD_SECONDS = 120.0
"""How long a piece of a file may take to be written."""
READ_SECONDS = 20.0
POLL_READ_SECONDS = 15.0
"""How long the answer to a poll may take beyond what Telegram was asked to hold it."""
CONNECTIONS = 50
POLL_CONNECTIONS = 2
"""One that waits, and one while that is being given up."""

_UNASKED = BaseRequest.DEFAULT_NONE
_NO_UPDATES = b'{"ok":true,"result":[]}'


class Request(HTTPXRequest):
    """The library's requests over httpx, with failures and answers judged here.

    No proxy is taken from the environment, which the settings alone read; no cookie is kept. An
    idle connection is given up after five seconds, as httpx has it: one that Telegram closes while
    we write leaves unknown what became of the call.
    """

    def __init__(
        self, tls: ssl.SSLContext, *, connections: int = CONNECTIONS, read: float = READ_SECONDS
    ) -> None:
        """Make a pool; nothing is asked yet.

        Args:
            tls: whom to trust.
            connections: how many there are at once.
            read: seconds that an answer may take.
        """
        super().__init__(
            connection_pool_size=connections,
            read_timeout=read,
            write_timeout=WRITE_SECONDS,
            connect_timeout=CONNECT_SECONDS,
            pool_timeout=POOL_SECONDS,
            media_write_timeout=UPLOAD_SECONDS,
            httpx_kwargs={
                "verify": tls,
                "trust_env": False,
                "cookies": CookieJar(DefaultCookiePolicy(allowed_domains=())),
            },
        )

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: "ODVInput[float]" = _UNASKED,
        write_timeout: "ODVInput[float]" = _UNASKED,
        connect_timeout: "ODVInput[float]" = _UNASKED,
        pool_timeout: "ODVInput[float]" = _UNASKED,
    ) -> tuple[int, bytes]:
        """Make a request; the status and the body of an answer that says "ok".

        httpx limits each step and not the whole, so that is limited here.

        Raises:
            Told: there is no such answer; it carries what became of the request.
        """
        read = read_timeout if isinstance(read_timeout, int | float) else self.read_timeout
        whole = (read or READ_SECONDS) + CONNECT_SECONDS
        if request_data is not None and request_data.contains_files:
            whole += UPLOAD_SECONDS
        try:
            async with asyncio.timeout(whole):
                status, body = await super().do_request(
                    url,
                    method,
                    request_data,
                    read_timeout,
                    write_timeout,
                    connect_timeout,
                    pool_timeout,
                )
        except (TelegramError, TimeoutError) as error:
            raise Told(broken(error)) from None
        return status, self._handed_on(_judged(status, body), body)

    @asynccontextmanager
    async def file(self, url: str) -> AsyncIterator[httpx.Response]:
        """Open a file whose bytes are read inside the block.

        Raises:
            Permanent: it is not there.
            Retryable: Telegram did not answer.
        """
        try:
            headers = {"Accept-Encoding": "identity"}
            async with self._client.stream("GET", url, headers=headers) as response:
                status = response.status_code
                if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise Retryable(f"Telegram answered {status}")
                if status == HTTPStatus.TOO_MANY_REQUESTS:
                    raise Retryable("Telegram asks us to slow down")
                if status != HTTPStatus.OK:
                    raise Permanent("Telegram does not have the file any more")
                yield response
        except (httpx.HTTPError, TimeoutError) as error:
            raise Retryable(str(broken(error))) from None

    def _handed_on(self, answer: Mapping[str, object], body: bytes) -> bytes:  # noqa: ARG002 - Polls reads it
        """What the library is to read of the answer."""
        return body


class Polls(Request):
    """Asks for updates, and keeps them as they came: they are for the parser of the webhooks.

    Attributes:
        found: what the last answer held.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        """Make a pool; nothing is asked yet."""
        super().__init__(tls, connections=POLL_CONNECTIONS, read=POLL_READ_SECONDS)
        self.found: object = None

    def _handed_on(self, answer: Mapping[str, object], body: bytes) -> bytes:  # noqa: ARG002 - see there
        self.found = answer.get("result")
        return _NO_UPDATES


def hush() -> None:
    """Let the libraries log nothing below a warning: an address holds the token."""
    for name in ("httpcore", "httpx", "telegram"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _judged(status: int, body: bytes) -> Mapping[str, object]:
    try:
        answer = msgspec.json.decode(body)
    except msgspec.DecodeError:
        answer = None
    if status != HTTPStatus.OK:
        raise Told(told(status, answer))
    if not isinstance(answer, dict) or answer.get("ok") is not True:
        raise Told(Ambiguous("Telegram's answer cannot be read"))
    return answer
