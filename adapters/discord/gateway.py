"""Discord's gateway: one session, held over one connection after another.

https://discord.com/developers/docs/events/gateway says how a session begins, goes on and ends;
https://discord.com/developers/docs/topics/opcodes-and-status-codes#gateway names the close codes.
"""

import asyncio
import json
import logging
import sys
from collections.abc import Callable
from contextlib import suppress

import aiohttp
from yarl import URL

from adapters.discord import wire
from adapters.discord.rest import DiscordRest
from runtime.clock import Clock
from runtime.errors import Malformed

log = logging.getLogger("nightdesk.discord")

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, INVALID, HELLO, ACK = 0, 1, 2, 6, 7, 9, 10, 11

GUILDS, GUILD_MESSAGES, DIRECT_MESSAGES, MESSAGE_CONTENT = 1, 1 << 9, 1 << 12, 1 << 15
"""Intents: what is told of servers, of what is said there and to the bot alone, and its words."""

TOKEN_REFUSED, INTENT_REFUSED = 4004, 4014
IDENTIFY_PAUSE = 5.0
"""Seconds between two identifications, as Discord demands."""

_FOR_GOOD = frozenset({TOKEN_REFUSED, 4010, 4011, 4012, 4013, INTENT_REFUSED})
"""Close codes after which trying again is of no use."""
_SESSION_OVER = frozenset({4007, 4009})
"""The sequence number was wrong; the session timed out."""
_DONE, _TO_RESUME = 1000, 4000
"""What we close with: the first ends the session."""


class Closed(Exception):
    """Discord closed the connection for good.

    Attributes:
        code: its close code.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"close code {code}")
        self.code = code


class Gateway:
    """The bot's session. It outlives its connections: Discord tells the next what one missed.

    Attributes:
        resume_url: where the session can be gone on with; empty where that is not known.
    """

    def __init__(
        self,
        rest: DiscordRest,
        token: str,
        hear: Callable[[wire.Frame], None],
        *,
        clock: Clock,
        silence: float,
    ) -> None:
        """Hold a session.

        Args:
            rest: makes the connections.
            token: the bot's token.
            hear: is told of every frame, in order.
            clock: for heartbeats and pauses.
            silence: seconds without a frame after which a connection is taken for dead.
        """
        self.resume_url = ""
        self._rest = rest
        self._token = token
        self._hear = hear
        self._clock = clock
        self._silence = silence
        self._session = ""
        self._sequence: int | None = None
        self._identified = False

    async def hold(self, url: str, intents: int) -> bool:
        """Hold one connection as long as it lasts; whether Discord told anything over it.

        Raises:
            Closed: Discord closed it for good.
            Malformed: Discord's first words make no sense.
            Retryable: there is no connection.
            Ambiguous: the same.
        """
        if self._identified and not self._session:
            await self._clock.sleep(IDENTIFY_PAUSE)
        # The next connection goes where Discord says, unless this one comes to something.
        resume_url, self.resume_url = self.resume_url, ""
        ws = await self._rest.socket(str(URL(url).with_query(v=10, encoding="json")))
        leaving, told = _DONE, False
        try:
            hello = await self._next(ws)
            if hello is not None and hello.op == HELLO:
                self.resume_url = resume_url
                told = await self._listen(ws, hello, intents)
            leaving = _TO_RESUME if self._session else _DONE
        finally:
            await ws.close(code=leaving)
        if ws.close_code in _FOR_GOOD | _SESSION_OVER:
            self._forget()
        if ws.close_code in _FOR_GOOD:
            raise Closed(ws.close_code)
        return told

    async def _listen(
        self, ws: aiohttp.ClientWebSocketResponse, hello: wire.Frame, intents: int
    ) -> bool:
        """Greet, and hear until the connection is over; whether anything was told."""
        interval = wire.decoded(wire.Hello, hello.d).heartbeat_interval / 1000
        self._hear(hello)
        told = False
        async with asyncio.TaskGroup() as tasks:
            beating = tasks.create_task(self._beat(ws, interval))
            await self._greet(ws, intents)
            while (frame := await self._next(ws)) is not None:
                if frame.op == RECONNECT:
                    break
                if frame.op == INVALID:
                    if bytes(frame.d) != b"true":
                        self._forget()
                    break
                if frame.op == HEARTBEAT:
                    await self._pulse(ws)
                elif frame.op == DISPATCH:
                    told = True
                    if frame.t == "READY":
                        self._begin(frame)
                self._hear(frame)
            beating.cancel()
        return told

    async def _greet(self, ws: aiohttp.ClientWebSocketResponse, intents: int) -> None:
        """Go on with the session, or begin one."""
        if self._session:
            resume = {"token": self._token, "session_id": self._session, "seq": self._sequence}
            await _send(ws, RESUME, resume)
            return
        self._identified = True
        names = {"os": sys.platform, "browser": "nightdesk", "device": "nightdesk"}
        await _send(ws, IDENTIFY, {"token": self._token, "properties": names, "intents": intents})

    async def _beat(self, ws: aiohttp.ClientWebSocketResponse, interval: float) -> None:
        while True:
            await self._pulse(ws)
            await self._clock.sleep(interval)

    async def _pulse(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        await _send(ws, HEARTBEAT, self._sequence)

    async def _next(self, ws: aiohttp.ClientWebSocketResponse) -> wire.Frame | None:
        """The next frame; None once the connection is over, or silent for too long."""
        while True:
            try:
                message = await ws.receive(timeout=self._silence)
            except TimeoutError:
                return None
            if message.type is not aiohttp.WSMsgType.TEXT:
                return None
            raw: str = message.data
            try:
                frame = wire.decoded(wire.Frame, raw.encode("utf-8", "surrogatepass"))
            except Malformed as error:
                log.warning("discord.malformed", extra={"why": str(error)})
                continue
            if frame.s is not None:
                self._sequence = frame.s
            return frame

    def _begin(self, frame: wire.Frame) -> None:
        """A session has begun; one that we cannot read is not gone on with."""
        with suppress(Malformed):
            ready = wire.decoded(wire.Ready, frame.d)
            self._session = ready.session_id or ""
            self.resume_url = ready.resume_gateway_url or ""

    def _forget(self) -> None:
        """The session is over: the next connection begins one."""
        self._session = self.resume_url = ""
        self._sequence = None


async def _send(ws: aiohttp.ClientWebSocketResponse, op: int, data: object) -> None:
    """Send a frame, unless the connection is over, which whoever hears notices by itself."""
    with suppress(ConnectionError):
        await ws.send_str(json.dumps({"op": op, "d": data}))
