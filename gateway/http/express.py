"""The short way for a request that came whole: no task, no request object, an answer put together.

aiohttp gives every request a parser's objects, a task, a request and a response. A platform's event
needs none of them: its head is plain, what came is judged and stored by functions that do not wait,
and its answer is short. That is half of what an acknowledgement costs. Whatever is not
so simple, fails, or is to be refused goes the ordinary way from its start, byte for byte, so
nothing is decided here.

aiohttp has no public way to ask whether a connection is between two requests, or to put off the end
of one that is idle. `INSIDE` names what we know of its inside for that.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, Protocol

from aiohttp import web

from gateway.http.plain import Heads, Plain, read_plain

INSIDE: Final = {
    "_waiter": "set while the connection waits for a request, and None while it answers one",
    "_messages": "requests that were read and are not answered; empty between two",
    "_close": "set once the connection is to end after what is under way",
    "_force_close": "set once it ends at once",
    "_next_keepalive_close_time": "the loop's time at which it ends if it is idle until then",
}
"""What is used of `web.RequestHandler` that aiohttp does not promise, and what it means there.

Nothing else is: a test of the architecture holds both against the aiohttp that is installed."""

_HELD = 1 << 16
"""Bytes that may come behind a request that is under way before no more are read."""


class Asker(Protocol):
    """Whoever asks for one thing, and waits for its answer."""

    @property
    def request(self) -> Plain:
        """The whole of it."""
        ...

    @property
    def remote(self) -> str | None:
        """The sender's address."""
        ...

    def done(self, answer: bytes | None) -> None:
        """Take the whole answer; None where the request is to go the ordinary way after all."""
        ...


class Take(Protocol):
    """Takes on the requests of one tick that are as simple as that. Never raises."""

    def __call__(self, askers: Sequence[Asker]) -> None:
        """See to each, in order, and call its `done` exactly once, now or later."""
        ...


Takes = Mapping[tuple[str, str], Take]
"""Who takes requests on, by method and target."""


class _Tick:
    """What came within one tick of the loop, from all connections, read in one go.

    Each read of a socket drives our code out of the processor's caches, and so does each step the
    one before: a step that is done with one request right after the other takes a tenth less.
    """

    def __init__(self, heads: Heads) -> None:
        self.heads = heads
        self._loop = asyncio.get_running_loop()
        self._came: list[tuple[_Connection, bytes]] = []

    def add(self, connection: "_Connection", data: bytes) -> None:
        """Read it with all else that comes before the loop is through with its sockets."""
        if not self._came:
            self._loop.call_soon(self._read)
        self._came.append((connection, data))

    def _read(self) -> None:
        came, self._came = self._came, []
        asking: list[_Connection] = []
        for connection, data in came:
            try:
                if connection.read(data):
                    asking.append(connection)
            except Exception as error:  # noqa: BLE001 - told to the loop, as asyncio does
                self.end([connection], error)
        for take, together in groupby(asking, key=attrgetter("take")):
            askers = list(together)
            try:
                take(askers)
            except Exception as error:  # noqa: BLE001 - as above
                self.end(askers, error)

    def end(self, connections: Sequence["_Connection"], error: Exception) -> None:
        """End those lines; what came on others goes on."""
        for connection in connections:
            connection.force_close()
        told = {"message": "what came on a connection cannot be read", "exception": error}
        self._loop.call_exception_handler(told)


class _Connection(web.RequestHandler):
    """aiohttp's connection, with the short way before the ordinary one."""

    __slots__ = (
        "_given",
        "_heads",
        "_held",
        "_idle_seconds",
        "_new",
        "_now",
        "_owed",
        "_quiet",
        "_takes",
        "_tick",
        "_under_way",
        "remote",
        "request",
        "take",
    )
    request: Plain
    take: Take

    def __init__(self, server: web.Server, takes: Takes, tick: _Tick, **settings: Any) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(server, loop=loop, **settings)
        self._tick = tick
        self._heads = tick.heads
        self._new = False
        self._now = loop.time
        self._idle_seconds = self.keepalive_timeout
        self.remote: str | None = None
        self._takes = takes
        self._under_way = False
        self._given = b""
        self._held = b""
        # Bytes that aiohttp's parser was not given yet of the request it is at; 0 between two, and
        # None for good once a head was not plain, for then only that parser knows.
        self._owed: int | None = 0
        self._quiet: asyncio.Event | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self.remote = str(peer[0]) if isinstance(peer, tuple) and peer else None

    def data_received(self, data: bytes) -> None:
        """See asyncio, and aiohttp, which says by no bytes that it takes more again."""
        if data:
            self._tick.add(self, data)
        else:
            self._read(data)

    def read(self, data: bytes) -> bool:
        """See to the requests in what came; True where one, `request`, is for `take` to take on."""
        before = self._under_way
        while data:
            data = self._read(data)
        return self._under_way and not before

    def _read(self, data: bytes) -> bytes:
        """See to the request that it begins with; what is behind that."""
        if self._under_way:
            self._hold(data)
            return b""
        if self._owed != 0 or not data:
            return self._go_on(data)
        request = self._heads.read(data)
        self._new = request is None
        if request is None:
            request = read_plain(data)
        if request is None:
            self._owed = None
            super().data_received(data)
            return b""
        if len(data) >= request.length and self._begins(request, data):
            return b""
        self._owed = max(0, request.length - len(data))
        super().data_received(data[: request.length])
        return data[request.length :]

    def _begins(self, request: Plain, data: bytes) -> bool:
        """Begin the short way, where nothing is on the ordinary one and the line is open."""
        if self._waiter is None or self._messages or self._close or self._force_close:
            return False
        take = self._takes.get((request.method, request.target))
        if take is None:
            return False
        self.take, self.request, self._under_way = take, request, True
        self._given, self._held = data[: request.length], data[request.length :]
        return True

    def _go_on(self, data: bytes) -> bytes:
        """More of a request that is on the ordinary way; what is behind it."""
        owed = self._owed
        if owed is None:
            super().data_received(data)
            return b""
        self._owed = max(0, owed - len(data))
        super().data_received(data[:owed])
        return data[owed:]

    def _hold(self, data: bytes) -> None:
        """Keep what came early for when its turn has come, as answers go out in order."""
        self._held += data
        if len(self._held) > _HELD and self.transport is not None:
            self.transport.pause_reading()

    def done(self, answer: bytes | None) -> None:
        """See `Asker.done`."""
        self._under_way = False
        if self._quiet is not None:
            self._quiet.set()
        try:
            if answer is None:
                super().data_received(self._given)
            else:
                self._answer(answer)
            if self._held:
                self._read_held()
        except Exception as error:  # noqa: BLE001 - told to the loop, as asyncio does
            self._tick.end((self,), error)

    def _answer(self, whole: bytes) -> None:
        """Send what only a genuine request has, if there is still somebody to hear it."""
        if self._new:
            self._heads.learn(self._given)
        self._next_keepalive_close_time = self._now() + self._idle_seconds
        transport = self.transport
        if transport is not None and not transport.is_closing():
            transport.write(whole)

    def _read_held(self) -> None:
        """See to what came early."""
        held, self._held = self._held, b""
        if self.transport is not None and not self.transport.is_closing():
            if len(held) > _HELD:
                self.transport.resume_reading()
            if self.read(held):
                self.take((self,))

    async def shutdown(self, timeout: float | None = 15.0) -> None:
        """Answer what is under way, then close the line."""
        if self._under_way:
            self._quiet = asyncio.Event()
            try:
                async with asyncio.timeout(timeout):
                    await self._quiet.wait()
            except TimeoutError:
                pass  # nobody is told that it was taken, so the platform sends it again
        await super().shutdown(timeout)


class ExpressServer(web.Server):
    """aiohttp's server, whose connections know the short way."""

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        takes: Takes,
        headers: Collection[str] = (),
        **settings: Any,
    ) -> None:
        """Serve.

        Args:
            handler: answers what goes the ordinary way; see `aiohttp.web.Server`, as for settings.
            takes: who takes on what goes the short way.
            headers: the names, in lower case, of the headers that they read.
            settings: of each connection.
        """
        super().__init__(handler, **settings)
        self._takes = takes
        self._tick = _Tick(Heads(headers))
        self._settings = settings

    def __call__(self) -> web.RequestHandler:
        """A new connection."""
        return _Connection(self, self._takes, self._tick, **self._settings)
