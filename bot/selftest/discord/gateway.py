"""The fake Discord's gateway: identify, heartbeats, resume, and every way in which it can end.

https://discord.com/developers/docs/events/gateway
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from bot.selftest.discord.content import Json, person
from bot.selftest.discord.names import APP, BOT, CONTENT_INTENT_FLAG
from bot.selftest.discord.world import World

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, INVALID, HELLO, ACK = 0, 1, 2, 6, 7, 9, 10, 11
CONTENT_INTENT = 1 << 15
DIRECT_MESSAGES, GUILD_MESSAGES, GUILDS = 1 << 12, 1 << 9, 1
_MESSAGES = frozenset({"MESSAGE_CREATE", "MESSAGE_UPDATE"})


@dataclass(slots=True)
class Session:
    """One session of the gateway: it outlives its connection.

    Attributes:
        id: its id.
        intents: what it wants to hear.
        events: what happened in it, in order; the place in the list is the sequence number.
        line: the connection, while there is one.
        alive: it can be resumed.
    """

    id: str
    intents: int
    events: list[Json] = field(default_factory=list)
    line: "Line | None" = None
    alive: bool = True


@dataclass(slots=True, eq=False)
class Line:
    """One connection."""

    ws: web.WebSocketResponse
    request: web.Request
    heartbeats: int = 0
    dead: bool = False
    """It hears and says nothing any more, and stays open: a zombie."""

    async def send(self, frame: Mapping[str, Any]) -> None:
        """Send a frame, where the connection still stands."""
        with suppress(ConnectionError):
            if not self.ws.closed and not self.dead:
                await self.ws.send_str(json.dumps(frame))

    def abort(self) -> None:
        """Cut it without a word."""
        if self.request.transport is not None:
            self.request.transport.abort()


class Gateway:
    """The gateway, and the controls of a test over it."""

    def __init__(self, world: World, *, token: str, heartbeat_ms: int = 41_250) -> None:
        """Tell of `world` to who has the token."""
        self.world = world
        self.token = token
        self.heartbeat_ms = heartbeat_ms
        self.url = ""
        self.sessions: list[Session] = []
        self.identified = 0
        self.resumed = 0
        self.twice = False
        """It tells every event twice."""
        self.sessions_left = 1_000
        self.problems: list[str] = []
        self._lines: list[Line] = []
        self._waiting: list[tuple[Line, Json]] = []

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Hold one connection."""
        ws = web.WebSocketResponse()
        try:
            await ws.prepare(request)
        except ConnectionError:  # who asked is gone
            return web.Response()
        line = Line(ws, request)
        self._lines.append(line)
        if request.query.get("v") != "10" or request.query.get("encoding") != "json":
            self.problems.append(f"the gateway was asked for {dict(request.query)}")
        await line.send({"op": HELLO, "d": {"heartbeat_interval": self.heartbeat_ms}})
        async for message in ws:
            if message.type is WSMsgType.TEXT and not line.dead:
                await self._heard(line, json.loads(message.data))
        self._lines.remove(line)
        for session in self.sessions:
            if session.line is line:
                session.line = None
                session.alive = ws.close_code not in {1000, 1001}
        return ws

    async def close(self) -> None:
        """Let go of every connection."""
        for line in [*self._lines]:
            await line.ws.close(code=1001)

    @property
    def connected(self) -> bool:
        """Somebody listens."""
        return any(session.line is not None for session in self.sessions)

    # ---- what happens

    async def tell(self, kind: str, data: Json) -> None:
        """Something happened: every session hears of it, now or when it resumes."""
        for session in self.sessions:
            if session.alive and _wants(session, kind, data):
                heard = self._withheld(session, kind, data)
                for _ in range(2 if self.twice else 1):
                    await self._event(session, kind, heard)

    async def raw(self, text: str) -> None:
        """Send something odd to everybody who listens."""
        for line in self._lines:
            await line.ws.send_str(text)

    async def reconnect(self) -> None:
        """Ask everybody to connect again."""
        for line in [*self._lines]:
            await line.send({"op": RECONNECT, "d": None})

    async def invalidate(self, *, resumable: bool) -> None:
        """Say that the session is no longer good."""
        for session in self.sessions:
            session.alive = session.alive and resumable
        for line in [*self._lines]:
            await line.send({"op": INVALID, "d": resumable})

    def silence(self) -> None:
        """Make every connection a zombie."""
        for line in self._lines:
            line.dead = True

    def drop(self) -> None:
        """Cut every connection."""
        for line in [*self._lines]:
            line.abort()

    # ---- frames

    async def _heard(self, line: Line, frame: Json) -> None:
        match frame["op"]:
            case 1:
                line.heartbeats += 1
                await line.send({"op": ACK})
            case 2:
                await self._identify(line, frame["d"])
            case 6:
                await self._resume(line, frame["d"])
            case other:
                self.problems.append(f"the gateway heard op {other}")

    async def _identify(self, line: Line, asked: Json) -> None:
        if asked["token"] != self.token:
            await line.ws.close(code=4004, message=b"Authentication failed.")
            return
        if asked["intents"] & CONTENT_INTENT and not self.world.flags & (CONTENT_INTENT_FLAG * 3):
            await line.ws.close(code=4014, message=b"Disallowed intent(s).")
            return
        self.identified += 1
        session = Session(f"session{len(self.sessions) + 1}", asked["intents"], line=line)
        self.sessions.append(session)
        guilds = [{"id": guild, "unavailable": True} for guild in sorted(self.world.member_of)]
        ready = {
            "v": 10,
            "user": person(BOT, bot=True),
            "guilds": guilds,
            "session_id": session.id,
            "resume_gateway_url": self.url,
            "application": {"id": APP, "flags": self.world.flags},
        }
        await self._event(session, "READY", ready)
        for guild in sorted(self.world.member_of):
            await self._event(session, "GUILD_CREATE", self.world.guild(guild))

    async def _resume(self, line: Line, asked: Json) -> None:
        found = [s for s in self.sessions if s.id == asked["session_id"] and s.alive]
        if asked["token"] != self.token or not found:
            await line.send({"op": INVALID, "d": False})
            return
        self.resumed += 1
        session = found[0]
        session.line = line
        for number in range(asked["seq"] or 0, len(session.events)):
            await line.send(session.events[number])
        await self._event(session, "RESUMED", {})

    async def _event(self, session: Session, kind: str, data: Json) -> None:
        frame = {"op": DISPATCH, "t": kind, "s": len(session.events) + 1, "d": data}
        session.events.append(frame)
        if session.line is not None:
            await session.line.send(frame)

    def _withheld(self, session: Session, kind: str, data: Json) -> Json:
        """What an application without the intent hears of a message that is not for it."""
        private = not data.get("guild_id")
        named = any(user["id"] == BOT for user in data.get("mentions", ()))
        own = data.get("author", {}).get("id") == BOT
        if kind not in _MESSAGES or session.intents & CONTENT_INTENT or private or named or own:
            return data
        return {**data, "content": "", "embeds": [], "attachments": [], "components": []}


def _wants(session: Session, kind: str, data: Json) -> bool:
    if kind in _MESSAGES or kind.startswith("MESSAGE_"):
        private = not data.get("guild_id")
        return bool(session.intents & (DIRECT_MESSAGES if private else GUILD_MESSAGES))
    if kind.startswith(("GUILD_", "CHANNEL_", "THREAD_")):
        return bool(session.intents & GUILDS)
    return True
