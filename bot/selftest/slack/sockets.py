"""The fake Slack's Socket Mode: tickets, several sockets at once, envelopes and their acks.

https://docs.slack.dev/apis/events-api/using-socket-mode
"""

import asyncio
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from aiohttp import WSMsgType, web

from bot.selftest.slack.names import APP
from runtime.model.value import value

MOST_SOCKETS = 10
ACK_SECONDS = 3.0
"""How long Slack waits for an acknowledgement before it delivers again."""
TRIES = 4


@dataclass(slots=True)
class Socket:
    """One connection of the app.

    Attributes:
        ws: the connection.
        delivered: the ids of the envelopes that were sent over it.
    """

    ws: web.WebSocketResponse
    request: web.Request
    delivered: list[str] = field(default_factory=list)

    def abort(self) -> None:
        """Cut it without a word."""
        if self.request.transport is not None:
            self.request.transport.abort()


@value()
class Envelope:
    """What is delivered.

    Attributes:
        kind: `events_api`, `slash_commands` or `interactive`.
        payload: what Slack would post to the app's address.
    """

    kind: str
    payload: Mapping[str, Any]


class Sockets:
    """The sockets that the app has open."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.open: list[Socket] = []
        self.opened = 0
        self.acks: dict[str, list[Any]] = {}
        """The acknowledgements of each envelope, with what they carried."""
        self.acked_at: dict[str, float] = {}
        self.violations: list[str] = []
        self.lose_acks = 0
        """How many of the next acknowledgements get lost."""
        self._over: dict[str, Socket] = {}
        """The socket over which each envelope was sent last."""
        self._tickets: set[str] = set()
        self._numbers = itertools.count(1)
        self._turn = itertools.count()
        self._changed = asyncio.Event()

    def ticket(self) -> str:
        """A ticket for one socket."""
        ticket = f"ticket-{next(self._numbers)}"
        self._tickets.add(ticket)
        return ticket

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Be one socket until it closes."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=HTTPStatus.FORBIDDEN)
        self._tickets.discard(ticket)
        ws = web.WebSocketResponse()
        try:
            await ws.prepare(request)
            if len(self.open) >= MOST_SOCKETS:
                await ws.send_json({"type": "disconnect", "reason": "too_many_websockets"})
                await ws.close()
            else:
                await self._hold(Socket(ws, request))
        except ConnectionError:  # who asked is gone
            return web.Response()
        return ws

    async def _hold(self, socket: Socket) -> None:
        self.opened += 1
        self.open.append(socket)
        try:
            await socket.ws.send_json(
                {
                    "type": "hello",
                    "num_connections": len(self.open),
                    "debug_info": {"host": "fake", "approximate_connection_time": 18060},
                    "connection_info": {"app_id": APP},
                }
            )
            self._note()
            async for message in socket.ws:
                if message.type is WSMsgType.TEXT:
                    self._heard(socket, message.data)
        finally:
            self.open.remove(socket)
            self._note()

    async def close(self) -> None:
        """Close every socket."""
        for socket in list(self.open):
            await socket.ws.close()

    async def connected(self, count: int = 1) -> None:
        """Wait until so many sockets are open."""
        await self._until(lambda: len(self.open) >= count)

    async def ended(self, socket: Socket) -> None:
        """Wait until the app closed the socket."""
        await self._until(lambda: socket not in self.open)

    async def deliver(
        self,
        envelope: Envelope,
        *,
        retry: int = 0,
        socket: Socket | None = None,
        envelope_id: str = "",
    ) -> str:
        """Send an envelope over one socket, each in its turn; returns its id.

        Raises:
            ConnectionError: the socket was cut; it is not among the open ones any more.
        """
        chosen = socket or self.open[next(self._turn) % len(self.open)]
        name = envelope_id or f"env-{next(self._numbers)}"
        body: dict[str, Any] = {
            "envelope_id": name,
            "type": envelope.kind,
            "payload": dict(envelope.payload),
            "accepts_response_payload": envelope.kind != "events_api",
        }
        if envelope.kind == "events_api":
            body |= {"retry_attempt": retry, "retry_reason": "timeout" if retry else ""}
        self.acks.setdefault(name, [])
        chosen.delivered.append(name)
        self._over[name] = chosen
        try:
            await chosen.ws.send_json(body)
        except ConnectionError:
            await self.ended(chosen)  # else whoever tries again tries the same one, for ever
            raise
        return name

    async def answered(self, name: str, seconds: float = ACK_SECONDS) -> Any:
        """What the acknowledgement of an envelope carried, None where nothing.

        Raises:
            TimeoutError: there was none in time.
            ConnectionError: the socket over which the envelope was sent closed before.
        """
        async with asyncio.timeout(seconds):
            await self._until(lambda: self.acks[name] or self._over[name] not in self.open)
        if not self.acks[name]:
            raise ConnectionError("the socket closed before the acknowledgement")
        return self.acks[name][0]

    async def tell(self, envelope: Envelope, *, seconds: float = ACK_SECONDS) -> Any:
        """Deliver as Slack does: again where no acknowledgement comes; returns what it carried.

        Raises:
            TimeoutError: none came, however often it was tried.
        """
        for attempt in range(TRIES):
            await self.connected()
            try:
                name = await self.deliver(envelope, retry=attempt)
                return await self.answered(name, seconds)
            except (TimeoutError, ConnectionError):
                continue
        raise TimeoutError("Slack gave up on an envelope")

    async def refresh(self, reason: str = "refresh_requested") -> None:
        """Ask for a new connection in place of each that is open; Slack closes them a bit later."""
        for socket in list(self.open):
            await socket.ws.send_json(
                {"type": "disconnect", "reason": reason, "debug_info": {"host": "fake"}}
            )

    def _heard(self, socket: Socket, text: str) -> None:
        try:
            said = json.loads(text)
            name = said["envelope_id"]
        except (ValueError, KeyError, TypeError):
            self.violations.append(f"not an acknowledgement: {text[:80]!r}")
            return
        if name not in self.acks:
            self.violations.append(f"acknowledges the unknown envelope {name!r}")
        elif name not in socket.delivered:
            self.violations.append(f"acknowledges {name} on another socket")
        elif self.lose_acks:
            self.lose_acks -= 1
        else:
            self.acks[name].append(said.get("payload"))
            self.acked_at[name] = self._now()
        self._note()

    async def _until(self, true: Callable[[], object]) -> None:
        while not true():
            self._changed.clear()
            await self._changed.wait()

    def _note(self) -> None:
        self._changed.set()
