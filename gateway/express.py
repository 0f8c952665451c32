"""The short way for a request that came whole: no task, no request object, an answer put together.

aiohttp gives every request a task, a request object and a response object. A platform's event needs
none of them: what came is judged and stored by functions that do not wait, and its answer is the
same for all. That is a third of what an acknowledgement costs. Whatever is not so simple, fails, or
is to be refused goes the ordinary way from its start, so nothing is decided here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, cast

from aiohttp import HttpVersion11, StreamReader, web
from aiohttp.http import HttpRequestParser, RawRequestMessage

Done = Callable[[bytes | None], None]
"""Takes the whole answer; None where the request is to go the ordinary way after all."""

_HELD = 1 << 16
"""Bytes that may come behind a request that is under way before no more are read."""
_NOTHING: tuple[Sequence[Any], bool, bytes] = ((), False, b"")

_Whole = tuple[RawRequestMessage, StreamReader]
"""A request as aiohttp's parser gives it."""


class Take(Protocol):
    """Takes a request on, if it is as simple as that. Never raises."""

    def __call__(
        self, message: RawRequestMessage, body: bytes, remote: str | None, done: Done
    ) -> bool:
        """Take it on, and call `done` exactly once, later; or return False and do nothing.

        Args:
            message: its head. It came by HTTP/1.1 on a line that stays open.
            body: the whole body, as it was sent.
            remote: the sender's address.
            done: is told the answer.
        """
        ...


class _Parser:
    """aiohttp's parser, which keeps what went the short way to itself."""

    def __init__(self, connection: "_Connection", parser: HttpRequestParser, take: Take) -> None:
        self._connection = connection
        self._parser = parser
        self._take = take
        self._under_way: RawRequestMessage | None = None
        self._body = b""
        self._held = b""
        self._back: list[_Whole] = []
        self._quiet: asyncio.Event | None = None
        self.pause_reading = parser.pause_reading
        self.message_consumed = parser.message_consumed
        self.set_upgraded = parser.set_upgraded

    def feed_data(self, data: bytes) -> tuple[Sequence[Any], bool, bytes]:
        """What aiohttp is to work on of what came: see its parser.

        Raises:
            HttpProcessingError: it is no HTTP.
        """
        if self._back:
            back, self._back = self._back, []
            return back, False, b""
        if self._under_way is not None:
            self._hold(data)
            return _NOTHING
        fed: tuple[Sequence[Any], bool, bytes] = self._parser.feed_data(data)
        messages, upgraded, _ = fed
        if len(messages) == 1 and not upgraded and self._connection.idle:
            message, payload = messages[0]
            if _is_simple(message) and payload.is_eof() and payload.exception() is None:
                return self._try(message, payload)
        return fed

    @property
    def under_way(self) -> bool:
        """A request is on the short way."""
        return self._under_way is not None

    async def quiet(self) -> None:
        """Return once no request is under way here."""
        if self._under_way is not None:
            self._quiet = asyncio.Event()
            await self._quiet.wait()

    def _try(
        self, message: RawRequestMessage, payload: StreamReader
    ) -> tuple[Sequence[Any], bool, bytes]:
        self._under_way = message  # reading a body asks the parser for more
        self._body = payload.read_nowait()
        if self._take(message, self._body, self._connection.remote, self._done):
            self._parser.message_consumed()
            return _NOTHING
        self._under_way = None
        return [self._again(message)], False, b""

    def _again(self, message: RawRequestMessage) -> _Whole:
        """The request as if nobody had read it."""
        payload = StreamReader(self._connection, _HELD, loop=asyncio.get_running_loop())
        payload.feed_data(self._body)
        payload.feed_eof()
        return message, payload

    def _hold(self, data: bytes) -> None:
        """Keep what came early for when its turn has come, as answers go out in order."""
        self._held += data
        if len(self._held) > _HELD:
            self._connection.stop_reading()

    def _done(self, answer: bytes | None) -> None:
        message, self._under_way = self._under_way, None
        if self._quiet is not None:
            self._quiet.set()
        if answer is None and message is not None:
            self._back = [self._again(message)]
            self._connection.data_received(b"")
        elif answer is not None:
            self._connection.answer(answer)
        if self._held:
            held, self._held = self._held, b""
            if len(held) > _HELD:
                self._connection.go_on_reading()
            self._connection.data_received(held)


class _Connection(web.RequestHandler):
    """aiohttp's connection, with the short way beside the ordinary one."""

    __slots__ = ("_short", "remote")

    def __init__(self, server: web.Server, take: Take, **settings: Any) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **settings)
        self.remote: str | None = None
        self._short = _Parser(self, cast("HttpRequestParser", self._parser), take)
        self._parser = cast("Any", self._short)

    @property
    def idle(self) -> bool:
        """No request is on the ordinary way."""
        return self._waiter is not None and not self._messages

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self.remote = str(peer[0]) if isinstance(peer, tuple) and peer else None

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - aiohttp's
        """See aiohttp: called for each body that was read. Nothing is to be parsed meanwhile."""
        if self._reading_paused or not self._short.under_way:
            super().resume_reading(resume_parser)

    def answer(self, whole: bytes) -> None:
        """Send the answer, if there is still somebody to hear it."""
        self._next_keepalive_close_time = self._loop.time() + self.keepalive_timeout
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(whole)

    def stop_reading(self) -> None:
        """Let the sender wait."""
        if self.transport is not None:
            self.transport.pause_reading()

    def go_on_reading(self) -> None:
        """Let the sender go on."""
        if self.transport is not None:
            self.transport.resume_reading()

    async def shutdown(self, timeout: float | None = 15.0) -> None:
        """Answer what is under way, then close the line."""
        try:
            async with asyncio.timeout(timeout):
                await self._short.quiet()
        except TimeoutError:
            pass  # nobody is told that it was taken, so the platform sends it again
        await super().shutdown(timeout)


class ExpressServer(web.Server):
    """aiohttp's server, whose connections know the short way."""

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        take: Take,
        **settings: Any,
    ) -> None:
        """Serve; see `aiohttp.web.Server` for `handler` and the settings."""
        super().__init__(handler, **settings)
        self._take = take
        self._settings = settings

    def __call__(self) -> web.RequestHandler:
        """A new connection."""
        return _Connection(self, self._take, **self._settings)


def _is_simple(message: object) -> bool:
    return (
        isinstance(message, RawRequestMessage)
        and message.version == HttpVersion11
        and not message.should_close
        and not message.upgrade
        and message.compression is None
        and "Expect" not in message.headers
    )
