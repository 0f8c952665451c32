"""Discord's gateway: what is said, heard over a connection that we open, so that no port is.

An odd event is an event that we do not understand, and not the end of the connection.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec

from adapters.discord import wire
from adapters.discord.changes import Changes, unknown
from adapters.discord.faults import ALREADY_ACKNOWLEDGED, Refusal
from adapters.discord.gateway import (
    ACK,
    DIRECT_MESSAGES,
    DISPATCH,
    GUILD_MESSAGES,
    GUILDS,
    HELLO,
    INTENT_REFUSED,
    MESSAGE_CONTENT,
    TOKEN_REFUSED,
    Closed,
    Gateway,
)
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
STORE_PAUSE = 1.0
"""Seconds before an event that could not be stored is tried again: Discord sends it only once."""
HEARTBEAT_TIMEOUT = 60.0
"""Seconds of silence after which the connection is taken for dead."""

_INTERACTION = "INTERACTION_CREATE"

Suggest = Callable[[Wanted], Awaitable[str]]


class _Limit(msgspec.Struct, frozen=True, gc=False):
    """How often a session may begin; times in milliseconds."""

    remaining: int = 1
    reset_after: int = 0


class _Gateway(msgspec.Struct, frozen=True, gc=False):
    """Where the gateway is."""

    url: str
    session_start_limit: _Limit = _Limit()


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
        heartbeat_timeout: float = HEARTBEAT_TIMEOUT,
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
            heartbeat_timeout: seconds of silence after which the connection is taken for dead.
        """
        self._chat = chat
        self._inbound = inbound
        self._places = chat.places
        self._guilds = guilds
        self._clock = clock
        self._suggest = suggest
        self._gateway = Gateway(
            chat.rest, token, self._heard, clock=clock, silence=heartbeat_timeout
        )
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
                    if await self._connect():
                        pause = FIRST_PAUSE
                    else:
                        await self._clock.sleep(pause)
                        pause = min(pause * 2, LONGEST_PAUSE)
            finally:
                for taker in taking:
                    taker.cancel()

    # ------------------------------------------------------------------------- connection

    async def _connect(self) -> bool:
        """Hold one connection as long as it lasts; whether Discord told anything over it."""
        try:
            url = self._gateway.resume_url or await self._find_gateway()
        except (Retryable, Permanent) as error:
            log.warning("discord.no_gateway", extra={"why": str(error)})
            return False
        contents = self._contents and self._chat.hears_everything
        if not contents and not self.without_contents:
            log.warning("discord.no_contents", extra={"why": NO_CONTENTS})
        self.without_contents = not contents
        try:
            return await self._gateway.hold(url, _intents(contents=contents))
        except Closed as error:
            if error.code != INTENT_REFUSED:
                raise _refused(error.code) from error
            self._contents = False  # it was switched off since we asked
            return True
        except (Retryable, Ambiguous, Malformed) as error:
            log.warning("discord.disconnected", extra={"why": str(error)})
            return False

    async def _find_gateway(self) -> str:
        """Ask where the gateway is, and wait where too many sessions began lately."""
        if not self._chat.application.id:  # which says what we may hear
            await self._chat.open()
        found = await self._chat.rest.read(_Gateway, Route("GET", "/gateway/bot"))
        limit = found.session_start_limit
        if limit.remaining <= 0:
            seconds = limit.reset_after / 1000
            log.warning("discord.too_many_sessions", extra={"wait": seconds})
            await self._clock.sleep(seconds)
        return found.url

    def _heard(self, frame: wire.Frame) -> None:
        """A frame came; what is to be done about it is done in its turn."""
        if frame.op in {HELLO, ACK}:
            self._acked = self._clock.monotonic()
        elif frame.op == DISPATCH:
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


def _intents(*, contents: bool) -> int:
    """What Discord is to tell: of servers, of what is said, and what the words are."""
    return GUILDS | GUILD_MESSAGES | DIRECT_MESSAGES | (MESSAGE_CONTENT if contents else 0)


def _refused(code: int) -> ConfigurationError:
    """Why the gateway closed for good."""
    if code == TOKEN_REFUSED:
        return ConfigurationError(f"Discord: {Refusal(401)}")
    return ConfigurationError(f"Discord's gateway does not let the bot in (close code {code})")
