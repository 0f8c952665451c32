"""Discord's REST API: the one client through which anything gets there.

It is not discord.py's. That one tries again by itself after a broken connection or a 5xx, sleeps
through rate limits inside a call, and raises the same error whether a request was refused or
perhaps carried out; the outbox has to know which, and when to come back. And a process that needs
no gateway is spared the library.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlsplit

import aiohttp

from adapters.discord import wire
from adapters.discord.buckets import Buckets
from adapters.discord.faults import network, told
from runtime.clock import Clock
from runtime.errors import Ambiguous, Malformed, Retryable
from runtime.model.value import value

DISCORD_API = "https://discord.com/api/v10"
USER_AGENT = "DiscordBot (https://github.com/nightdesk/nightdesk, 0.1)"
"""Discord demands a name in this form."""

_TIMEOUT = aiohttp.ClientTimeout(total=30, connect=10, sock_connect=10)
_DOWNLOAD = aiohttp.ClientTimeout(connect=10, sock_connect=10, sock_read=30)
"""Of a file, which may take longer than a request; how long in all, its reader says."""

T = TypeVar("T")

Body = Mapping[str, object] | Sequence[Mapping[str, object]]


@value()
class Upload:
    """A file that goes along.

    Attributes:
        name: what people see.
        media_type: its type.
        content: its bytes.
        alt: what a picture shows, in words; or empty.
    """

    name: str
    media_type: str
    content: bytes
    alt: str = ""


@value()
class Route:
    """Where a request goes.

    Attributes:
        method: the HTTP method.
        path: the path, with `{}` for each id.
        ids: the ids; the first one is what its rate limit is about.
        counted: it counts among the requests a second; those of interactions do not.
        secret: an id in it is a token, and the token of the bot is not needed.
    """

    method: str
    path: str
    ids: tuple[str, ...] = ()
    counted: bool = True
    secret: bool = False

    @property
    def name(self) -> str:
        """The route without its ids."""
        return f"{self.method} {self.path}"

    @property
    def about(self) -> str:
        """What the rate limit of the route is about."""
        return "/".join(self.ids[:2]) if self.secret else "".join(self.ids[:1])


class DiscordRest:
    """A connection to the API.

    Raises of every request:
        Retryable: nothing was done; `after` says when to come back, where Discord said so.
        Ambiguous: it may have been done.
        Refusal: Discord said no.
    """

    def __init__(self, token: str, *, base_url: str = DISCORD_API, clock: Clock) -> None:
        """Connect.

        Args:
            token: the bot's token.
            base_url: where the API is, without a slash at its end.
            clock: keeps the rate limits.
        """
        self._token = token
        self.base_url = base_url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None
        self._buckets = Buckets(clock)

    def open(self) -> None:
        """Get ready; no request is made."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=_TIMEOUT,
                connector=aiohttp.TCPConnector(limit=50),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": USER_AGENT},
            )

    async def close(self) -> None:
        """Disconnect."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def room(self, route: Route) -> int:
        """How many more such requests fit now, as far as it is known."""
        return self._buckets.room(route.name, route.about)

    async def write(
        self, route: Route, body: Body | None = None, *, uploads: Sequence[Upload] = ()
    ) -> bytes:
        """Make a request that changes something; the body of the answer."""
        wait = self._buckets.wait(route.name, route.about, counted=route.counted)
        if wait > 0:
            raise Retryable("Discord's rate limit is used up for now", after=wait)
        headers = {} if route.secret else {"Authorization": f"Bot {self._token}"}
        data = _form(body, uploads) if uploads else _json(body)
        if data is not None and not uploads:
            headers["Content-Type"] = "application/json"
        with network():
            async with self._opened.request(
                route.method,
                self.base_url + route.path.format(*route.ids),
                data=data,
                headers=headers,
                allow_redirects=False,
            ) as response:
                answer = await response.read()
                self._learn(route, response, answer)
                error = told(response.status, response.headers, answer)
        if error is not None:
            raise error
        return answer

    async def read(self, kind: type[T], route: Route) -> T:
        """Make a request that changes nothing, and read its answer; never `Ambiguous`."""
        try:
            return wire.decoded(kind, await self.write(route))
        except Ambiguous as error:
            raise Retryable(str(error)) from error
        except Malformed as error:
            raise Retryable("Discord's answer cannot be read") from error

    async def told(
        self, kind: type[T], route: Route, body: Body, *, uploads: Sequence[Upload] = ()
    ) -> T:
        """Make a request that changes something, and read its answer."""
        answer = await self.write(route, body, uploads=uploads)
        try:
            return wire.decoded(kind, answer)
        except Malformed as error:
            raise Ambiguous("Discord's answer cannot be read") from error

    @asynccontextmanager
    async def download(self, url: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """A file from Discord's own storage, without our token and without following anywhere."""
        with network():
            async with self._opened.get(url, allow_redirects=False, timeout=_DOWNLOAD) as response:
                yield response

    def is_own_host(self, url: str) -> bool:
        """Whether the address is on the host of the API itself."""
        parts, ours = urlsplit(url), urlsplit(self.base_url)
        return (parts.scheme, parts.netloc) == (ours.scheme, ours.netloc)

    @property
    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise Retryable("the connection to Discord is not open")
        return self._session

    def _learn(self, route: Route, response: aiohttp.ClientResponse, answer: bytes) -> None:
        headers = response.headers
        if response.status != HTTPStatus.TOO_MANY_REQUESTS:
            self._buckets.learn(route.name, route.about, headers)
            return
        error = told(response.status, headers, answer)
        after = error.after if isinstance(error, Retryable) and error.after else 0.0
        # Without Discord's own word on it, somebody before Discord stops us: that is for all.
        everything = headers.get("X-RateLimit-Scope", "global") == "global"
        self._buckets.hold(route.name, route.about, after, everything=everything)


def _json(body: Body | None) -> bytes | None:
    return None if body is None else json.dumps(body).encode()


def _form(body: Body | None, uploads: Sequence[Upload]) -> aiohttp.FormData:
    """Files go in a form, and what is said beside them in its field `payload_json`."""
    # Discord does not take the escaped brackets that aiohttp makes of files[0].
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("payload_json", (_json(body) or b"{}").decode(), content_type="application/json")
    for number, upload in enumerate(uploads):
        form.add_field(
            f"files[{number}]",
            upload.content,
            filename=upload.name,
            content_type=upload.media_type,
        )
    return form
