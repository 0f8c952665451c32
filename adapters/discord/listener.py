"""Discord's gateway: what is said, heard over a connection that we open, so that no port is.

discord.py holds the connection: it identifies, sends heartbeats, resumes, reconnects. It is asked
for the frames as they come and for nothing else: its own parsing, caches and tasks are left out, so
that an odd event is an event we do not understand and not the end of the connection.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import discord
import msgspec
from discord.gateway import DiscordWebSocket
from discord.http import Route as SdkRoute
from yarl import URL

from adapters.discord import wire
from adapters.discord.changes import Changes, unknown
from adapters.discord.faults import ALREADY_ACKNOWLEDGED, Refusal
from adapters.discord.inbound import OTHER_GUILD, DiscordInbound
from adapters.discord.outbound import DiscordChat
from adapters.discord.places import Place
from adapters.discord.probe import NO_CONTENTS
from adapters.discord.rest import Route
from runtime.clock import Clock
from runtime.errors import Ambiguous, ConfigurationError, Malformed, Permanent, Retryable
from runtime.ids import derived
from runtime.model.events import Challenge, Ignored, Inbound, Message, Parsed, Wanted
from runtime.ports import Accept

log = logging.getLogger("nightdesk.discord")

FIRST_PAUSE = 2.0
"""Seconds before a connection that could not be made is tried again; doubled each time."""
LONGEST_PAUSE = 60.0
IDENTIFY_PAUSE = 5.0
"""Seconds between two identifications, as Discord demands."""
STORE_PAUSE = 1.0
"""Seconds before an event that could not be stored is tried again: Discord sends it only once."""
HEARTBEAT_TIMEOUT = 60.0
"""Seconds of silence after which the connection is taken for dead."""

_DISPATCH, _HELLO, _ACK = 0, 10, 11
_INTERACTION = "INTERACTION_CREATE"
_TOKEN_REFUSED = 4004

Suggest = Callable[[Wanted], Awaitable[str]]


# Below that it writes down what people say, and at its start that it lacks a library for voice.
logging.getLogger("discord").setLevel(logging.WARNING)
discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False


class _Limit(msgspec.Struct, frozen=True, gc=False):
    """How often a session may begin; times in milliseconds."""

    remaining: int = 1
    reset_after: int = 0


class _Gateway(msgspec.Struct, frozen=True, gc=False):
    """Where the gateway is."""

    url: str
    session_start_limit: _Limit = _Limit()


class _Client(discord.Client):
    """discord.py's client as a connection and nothing else."""

    def __init__(self, hear: Callable[[str], None], *, contents: bool, clock: Clock) -> None:
        intents = discord.Intents.none()
        intents.guilds = intents.guild_messages = intents.dm_messages = True
        intents.message_content = contents
        super().__init__(
            intents=intents,
            enable_debug_events=True,  # which hands over each frame as it came
            max_messages=None,
            chunk_guilds_at_startup=False,
            member_cache_flags=discord.MemberCacheFlags.none(),
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
        )
        self._hear = hear
        self._clock = clock
        # Its parsers keep objects of everything, and one that trips ends the connection.
        self._connection.parsers.clear()

    def dispatch(self, event: str, /, *args: Any, **_: Any) -> None:
        if event == "socket_raw_receive":
            self._hear(args[0])

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:  # noqa: ARG002 - discord.py's signature
        if not initial:
            await self._clock.sleep(IDENTIFY_PAUSE)


class DiscordListener:
    """Hears the gateway until it is cancelled."""

    def __init__(
        self,
        token: str,
        chat: DiscordChat,
        inbound: DiscordInbound,
        *,
        guilds: frozenset[str],
        configured: frozenset[str],
        clock: Clock,
        suggest: Suggest | None = None,
    ) -> None:
        """Hear.

        Args:
            token: the bot's token.
            chat: answers interactions, and is asked what is where.
            inbound: reads what comes.
            guilds: the servers whose events are taken; those of others are dropped.
            configured: the channels of the team's configuration.
            clock: for pauses, and for the age of the last heartbeat.
            suggest: makes the answer to somebody who is typing a command.
        """
        self._token = token
        self._chat = chat
        self._inbound = inbound
        self._places = chat.places
        self._guilds = guilds
        self._clock = clock
        self._suggest = suggest
        self._changes = Changes(chat.places, configured=configured)
        self._frames: asyncio.Queue[wire.Frame] = asyncio.Queue()
        # Apart: an interaction is lost after three seconds, a message can wait for its place.
        self._interactions: asyncio.Queue[wire.Frame] = asyncio.Queue()
        self._others: set[str] = set()
        self._contents = True
        self._session = ""
        self._acked: float | None = None
        self.without_contents = False

    @property
    def heartbeat_age(self) -> float | None:
        """Seconds since Discord last answered a heartbeat, or None where it never did."""
        return None if self._acked is None else self._clock.monotonic() - self._acked

    async def run(self, accept: Accept) -> None:
        """Hear; reconnects by itself.

        Raises:
            ConfigurationError: Discord does not let us in.
        """
        async with asyncio.TaskGroup() as tasks:
            taking = [
                tasks.create_task(self._take_all(queue, accept, tasks))
                for queue in (self._frames, self._interactions)
            ]
            try:
                pause = FIRST_PAUSE
                while True:
                    connected = await self._connect()
                    pause = FIRST_PAUSE if connected else min(pause * 2, LONGEST_PAUSE)
                    await self._clock.sleep(pause)
            finally:
                for taker in taking:
                    taker.cancel()

    # ------------------------------------------------------------------------- connection

    async def _connect(self) -> bool:
        """Hold one connection as long as it lasts; whether there was one."""
        try:
            await self._find_gateway()
        except (Retryable, Permanent) as error:
            log.warning("discord.no_gateway", extra={"why": str(error)})
            return False
        contents = self._contents and self._chat.hears_everything
        self.without_contents = not contents
        if not contents:
            log.warning("discord.no_contents", extra={"why": NO_CONTENTS})
        client = _Client(self._heard, contents=contents, clock=self._clock)
        before = self._acked
        try:
            await client.login(self._token)
            await client.connect()
        except discord.LoginFailure as error:
            raise ConfigurationError(f"Discord: {Refusal(401)}") from error
        except discord.PrivilegedIntentsRequired:
            self._contents = False  # it was switched off since we asked
        except discord.ConnectionClosed as error:
            _refuse(error.code)
        except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("discord.disconnected", extra={"why": type(error).__name__})
        finally:
            await client.close()
        return self._acked != before

    async def _find_gateway(self) -> None:
        """Ask where the gateway is, and wait where too many sessions began lately."""
        if not self._chat.application.id:  # which says what we may hear
            await self._chat.open()
        found = await self._chat.rest.read(_Gateway, Route("GET", "/gateway/bot"))
        limit = found.session_start_limit
        if limit.remaining <= 0:
            seconds = limit.reset_after / 1000
            log.warning("discord.too_many_sessions", extra={"wait": seconds})
            await self._clock.sleep(seconds)
        # Both are attributes of discord.py's classes: one Discord for each process.
        SdkRoute.BASE = self._chat.rest.base_url
        DiscordWebSocket.DEFAULT_GATEWAY = URL(found.url)

    def _heard(self, raw: str) -> None:
        """A frame came; what is to be done about it is done in its turn."""
        try:
            frame = wire.decoded(wire.Frame, raw.encode("utf-8", "surrogatepass"))
        except Malformed as error:
            log.warning("discord.malformed", extra={"why": str(error)})
            return
        if frame.op in {_HELLO, _ACK}:
            self._acked = self._clock.monotonic()
        elif frame.op == _DISPATCH:
            pressed = frame.t == _INTERACTION
            (self._interactions if pressed else self._frames).put_nowait(frame)

    # ----------------------------------------------------------------------------- events

    async def _take_all(
        self, frames: asyncio.Queue[wire.Frame], accept: Accept, tasks: asyncio.TaskGroup
    ) -> None:
        while True:
            frame = await frames.get()
            for parsed in await self._understood(frame):
                if isinstance(parsed, Inbound):
                    await self._stored(parsed, accept)
                if frame.t == _INTERACTION:
                    tasks.create_task(self._answer(frame, parsed))

    async def _understood(self, frame: wire.Frame) -> list[Parsed]:
        """What an event means, whatever it is.

        A supervision point: one event that we trip over does not end the connection.
        """
        try:
            return await self._read(frame)
        except Malformed as error:
            log.warning("discord.malformed", extra={"kind": frame.t, "why": str(error)})
        except Exception:
            reference = derived("discord", self._session, str(frame.s))[-8:]
            log.exception("discord.failed", extra={"kind": frame.t, "reference": reference})
        return []

    async def _read(self, frame: wire.Frame) -> list[Parsed]:
        match frame.t:
            case "MESSAGE_CREATE":
                return [await self._message(wire.decoded(wire.Message, frame.d))]
            case "INTERACTION_CREATE":
                return [self._inbound.interaction(bytes(frame.d))]
            case "READY":
                return self._ready(wire.decoded(wire.Ready, frame.d))
            case _:
                return self._change(frame)

    def _ready(self, ready: wire.Ready) -> list[Parsed]:
        self._session = ready.session_id or ""
        self._places.user_id = (ready.user or wire.User()).id or self._places.user_id
        self._changes.begin(ready)
        log.info("discord.listening", extra={"guilds": len(ready.guilds or ())})
        for guild in ready.guilds or ():
            self._note_guild(guild.id)
        return []

    def _change(self, frame: wire.Frame) -> list[Parsed]:
        now = self._clock.now()
        if frame.t == "GUILD_CREATE":
            self._note_guild(wire.decoded(wire.Guild, frame.d).id)
        told = self._changes.of(frame, session=self._session, now=now)
        return [unknown(frame, session=self._session, now=now)] if told is None else [*told]

    async def _message(self, said: wire.Message) -> Parsed:
        if said.guild_id and said.guild_id not in self._guilds:
            self._note_guild(said.guild_id)
            return Ignored(reason=OTHER_GUILD)
        here = wire.snowflake(said.channel_id, "channel_id")
        place = await self._place(here) if said.guild_id else Place(here, direct=True)
        if place is None:
            return Ignored(reason="channel_gone")
        parsed = self._inbound.message(said, place)
        if isinstance(parsed, Inbound) and isinstance(parsed.body, Message):
            self._places.entitle(parsed.body.message_id, parsed.body.text)
        return parsed

    async def _place(self, channel: str) -> Place | None:
        """Which channel, or which thread of which channel; None where it is gone already."""
        parent = self._places.parent(channel)
        while parent is None:
            try:
                route = Route("GET", "/channels/{}", (channel,))
                self._places.learn(await self._chat.rest.read(wire.Channel, route))
            except Retryable as error:
                log.warning("discord.place_unknown", extra={"why": str(error)})
                await self._clock.sleep(error.after or STORE_PAUSE)
            except Permanent:
                return None
            parent = self._places.parent(channel)
        return Place(parent, channel) if parent else Place(channel)

    async def _stored(self, inbound: Inbound, accept: Accept) -> None:
        """Store the event, however long that takes: it comes only once."""
        while True:
            try:
                await accept(inbound)
            except Retryable as error:
                log.error("discord.not_stored", extra={"why": str(error)})  # noqa: TRY400 - the cause is known and the trace says nothing
                await self._clock.sleep(STORE_PAUSE)
            else:
                return

    async def _answer(self, frame: wire.Frame, parsed: Parsed) -> None:
        """Answer an interaction at once, as a webhook would in its response. Never raises."""
        came = wire.decoded(wire.Interaction, frame.d)
        try:
            answer = await self._at_once(parsed)
            if answer and came.id and came.token:
                await self._chat.acknowledge(came.id, came.token, answer.encode())
        except (Retryable, Ambiguous, Permanent) as error:
            # With two processes at the gateway, the other one may have been faster.
            if not (isinstance(error, Refusal) and error.code == ALREADY_ACKNOWLEDGED):
                log.warning("discord.not_answered", extra={"why": str(error)})

    async def _at_once(self, parsed: Parsed) -> str:
        match parsed:
            case Challenge(wants=Wanted() as wanted) if self._suggest is not None:
                return await self._suggest(wanted)
            case Challenge(answer=answer):
                return answer
            case Inbound(acknowledgement=answer):
                return answer
            case _:
                return ""

    def _note_guild(self, guild: str | None) -> None:
        """Say once that a server is none of the team's."""
        if guild and guild not in self._guilds and guild not in self._others:
            self._others.add(guild)
            log.warning(
                "discord.other_guild",
                extra={
                    "guild": guild,
                    "why": "nothing of it is heard: add its id to [discord] guilds in "
                    "nightdesk.toml, or remove the bot there",
                },
            )


def _refuse(code: int) -> None:
    """The gateway closed for good.

    Raises:
        ConfigurationError: why.
    """
    if code == _TOKEN_REFUSED:
        raise ConfigurationError(f"Discord: {Refusal(401)}")
    raise ConfigurationError(f"Discord's gateway does not let the bot in (close code {code})")
