"""Discord, put together: its outbound side, its webhook, the gateway, and whether they work."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from zoneinfo import available_timezones

from adapters.discord.commands import ApplicationCommands, choices
from adapters.discord.files import ReadFile
from adapters.discord.inbound import DiscordInbound
from adapters.discord.outbound import DiscordChat
from adapters.discord.places import DISCORD, Places
from adapters.discord.probe import NO_CONTENTS, Expected, invitation
from adapters.discord.sync import synchronise
from bot.platforms.connecting import connecting
from bot.platforms.opened import Hear, MakeRoute, OpenPlatform
from bot.settings import DiscordSettings, Settings
from gateway.commands.forms import FORMS
from gateway.health import Check
from gateway.http.server import WebhookRoute
from gateway.verify.discord import DiscordVerifier, load
from runtime.access import permits
from runtime.clock import Clock
from runtime.errors import Ambiguous, ConfigurationError, Permanent, Retryable
from runtime.forms import form_for
from runtime.model.access import Action
from runtime.model.address import Principal
from runtime.model.events import Command, Wanted
from runtime.model.probe import Finding
from runtime.model.team import MemberRole, Team
from runtime.model.value import value
from runtime.people.members import named
from runtime.ports import Accept, Store

if TYPE_CHECKING:  # what loads discord.py is loaded where it is used
    from adapters.discord.listener import DiscordListener

log = logging.getLogger("nightdesk.discord")

SILENT_AFTER = 120.0
"""Seconds without an answered heartbeat after which the gateway counts as not connected."""
PATH = "/discord/interactions"
_TYPED = 25
_NEEDS = {"remind": Action.REMIND, "member": Action.MEMBER_READ}
"""What somebody must be allowed to be shown what a command can be about."""


def grammar() -> ApplicationCommands:
    """The commands as Discord has them."""
    return ApplicationCommands(
        FORMS, opens_form=lambda text: form_for(Command(text=text)) is not None
    )


class Heard(Protocol):
    """A listener at the gateway, of which readiness wants to know."""

    @property
    def heartbeat_age(self) -> float | None:
        """Seconds since the last answered heartbeat, or None where there was none."""
        ...


@dataclass(slots=True)
class _Hearing:
    """What readiness knows of the gateway.

    Attributes:
        begun: this process listens there, or is about to.
        listener: who listens, once its library is loaded.
    """

    begun: bool = False
    listener: Heard | None = None


@value()
class _Look:
    """Looks at the connection."""

    chat: DiscordChat
    hearing: _Hearing

    async def __call__(self) -> Check:
        """Whether Discord knows us, and whether the gateway lives."""
        if not self.chat.application.id:
            return Check(name="discord", ok=False, detail="not reached yet; trying again")
        detail = f"connected as {self.chat.places.user_id}"
        if not self.hearing.begun:  # this process takes no events in, or none over the gateway
            return Check(name="discord", ok=True, detail=detail)
        if not self.chat.hears_everything:
            detail = f"{detail}; {NO_CONTENTS}"
        listener = self.hearing.listener
        age = listener.heartbeat_age if listener is not None else None
        if age is None:
            return Check(name="discord", ok=False, detail="the gateway is not connected yet")
        if age > SILENT_AFTER:
            detail = "the gateway is silent; connecting again"
        return Check(name="discord", ok=age <= SILENT_AFTER, age_seconds=age, detail=detail)


@asynccontextmanager
async def open_discord(
    settings: DiscordSettings,
    clock: Clock,
    *,
    team: Callable[[], Team],
    store: Store,
    read: ReadFile,
) -> AsyncIterator[OpenPlatform]:
    """Connect while the block runs; where Discord cannot be reached, go on trying beside it.

    Args:
        settings: how.
        clock: the clock.
        team: the configuration as it is now.
        store: has what a person can choose from while typing a command.
        read: the bytes of a file that goes out.

    Raises:
        ConfigurationError: the token or the key is not good.
    """
    chat = _chat(settings, clock, read)
    guilds = frozenset(settings.guilds)
    inbound = DiscordInbound(chat.places, guilds=guilds, grammar=grammar(), form_for=form_for)
    suggest = Suggestions(team, store)
    routes = _routes(settings, clock, inbound, suggest)
    hearing = _Hearing()
    hears: list[Hear] = []
    if settings.gateway:
        hears.append(_gateway(settings, chat, inbound, suggest, hearing, clock, team))
    try:
        async with connecting(lambda: _connected(chat), clock, platform="discord"):
            yield OpenPlatform(chat=chat, look=_Look(chat, hearing), routes=routes, hears=hears)
    finally:
        await chat.close()


def _chat(settings: DiscordSettings, clock: Clock, read: ReadFile | None = None) -> DiscordChat:
    return DiscordChat(
        settings.bot_token.get_secret_value(),
        clock=clock,
        places=Places(),
        base_url=settings.base_url,
        application_id=settings.application_id,
        read=read,
        expected=Expected(
            guilds=settings.guilds, grammar=grammar().wanted(), gateway=settings.gateway
        ),
    )


def _gateway(
    settings: DiscordSettings,
    chat: DiscordChat,
    inbound: DiscordInbound,
    suggest: "Suggestions",
    hearing: _Hearing,
    clock: Clock,
    team: Callable[[], Team],
) -> Hear:
    """Listens at the gateway; its library is loaded by the process that does."""

    async def hear(accept: Accept) -> None:
        hearing.begun = True  # not ready any more, while the library is loaded
        listener_type = await asyncio.to_thread(_listener)
        channels = [rule.ref.channel for rule in team().channels if rule.ref.platform == DISCORD]
        listener = listener_type(
            settings.bot_token.get_secret_value(),
            chat,
            inbound,
            guilds=frozenset(settings.guilds),
            configured=frozenset(channels),
            clock=clock,
            suggest=suggest,
        )
        hearing.listener = listener
        await listener.run(accept)

    return hear


def _listener() -> "type[DiscordListener]":
    """The listener, with discord.py, which takes 30 MB and most of a second to load."""
    from adapters.discord.listener import DiscordListener as Listener  # noqa: PLC0415 - see above

    return Listener


def _routes(
    settings: DiscordSettings, clock: Clock, inbound: DiscordInbound, suggest: "Suggestions"
) -> Sequence[MakeRoute]:
    if settings.public_key is None:
        return ()
    keys = [settings.public_key]
    if settings.previous_public_key is not None:
        keys.append(settings.previous_public_key)
    verifier = DiscordVerifier(keys, clock)

    def interactions(accept: Accept) -> WebhookRoute:
        return WebhookRoute(
            path=PATH,
            verify=verifier,
            parse=inbound.parse_interaction,
            accept=accept,
            suggest=suggest,
            load=load,
        )

    return (interactions,)


class Suggestions:
    """What a person can choose from while they type a command, if they may see it."""

    def __init__(self, team: Callable[[], Team], store: Store) -> None:
        """Suggest what is in `store` to the people of `team`."""
        self._team = team
        self._store = store

    async def __call__(self, wanted: Wanted) -> str:
        """The body of the answer."""
        noun = wanted.command.partition(" ")[0]
        if not permits(self._team(), wanted.sender, _NEEDS.get(noun, Action.SCHEDULE_READ)):
            return choices([])
        found: Sequence[tuple[str, str | int]] = []
        match noun, wanted.argument:
            case _, "tz":
                return choices([(zone, zone) for zone in _zones(wanted.typed)])
            case "schedule", "number":
                found = await self._schedules()
            case "remind", "number":
                found = await self._reminders(wanted.sender)
            case "member", "person":
                found = self._people()
            case "member", "role":
                found = [(role, role) for role in MemberRole]
            case _:
                pass
        words = wanted.typed.casefold()
        return choices([(name, value) for name, value in found if words in name.casefold()])

    def _people(self) -> list[tuple[str, str]]:
        members = [member for member in self._team().members if member.principals]
        return [(f"{m.name}, {m.role}", named(m.principals[0])) for m in members]

    async def _schedules(self) -> list[tuple[str, int]]:
        found = await self._store.schedules.all()
        return [(f"{one.number}: {one.when.said}, {one.instruction}", one.number) for one in found]

    async def _reminders(self, person: Principal) -> list[tuple[str, int]]:
        found = await self._store.reminders.open_of([person])
        return [(f"{one.number}: {one.when.said}, {one.text}", one.number) for one in found]


def _zones(typed: str) -> list[str]:
    words = typed.casefold().replace(" ", "_")
    zones = sorted(available_timezones())
    # What begins with the words, or has a place that does, comes first.
    near = [zone for zone in zones if f"/{zone.casefold()}".find(f"/{words}") >= 0]
    return [*near, *(zone for zone in zones if words in zone.casefold() and zone not in near)][
        :_TYPED
    ]


async def _connected(chat: DiscordChat) -> bool:
    try:
        await chat.open()
    except Retryable as error:
        log.warning("discord.unreachable", extra={"why": str(error)})
        return False
    log.info("discord.connected", extra={"application": chat.application.id})
    return True


async def synchronise_commands(settings: Settings, clock: Clock, *, check: bool) -> bool:
    """Give Discord this version's commands where it has others; whether it had.

    Raises:
        ConfigurationError: Discord is not configured, cannot be reached, or refuses.
    """
    async with _asking(settings, clock) as chat:
        return await synchronise(chat.rest, chat.places, grammar().wanted(), check=check)


async def address_to_invite(settings: Settings, clock: Clock) -> str:
    """The address at which an administrator of a server lets the bot in.

    Raises:
        ConfigurationError: Discord is not configured, cannot be reached, or refuses.
    """
    async with _asking(settings, clock) as chat:
        return invitation(chat.places.application_id)


@asynccontextmanager
async def _asking(settings: Settings, clock: Clock) -> AsyncIterator[DiscordChat]:
    """A connection for one question of the command line."""
    if settings.discord is None:
        raise ConfigurationError(
            "Discord is not connected: set NIGHTDESK_DISCORD__BOT_TOKEN to the token of the "
            "application's page, Bot (docs/discord.md)"
        )
    chat = _chat(settings.discord, clock)
    try:
        await chat.open()
        yield chat
    except (Retryable, Ambiguous, Permanent) as error:
        raise ConfigurationError(f"Discord: {error}") from error
    finally:
        await chat.close()


async def examine(settings: DiscordSettings, team: Team, clock: Clock) -> list[Finding]:
    """What works on Discord's side and what does not: the bot, and each channel of the team."""
    chat = _chat(settings, clock)
    channels = [rule.ref for rule in team.channels if rule.ref.platform == DISCORD]
    found: dict[str, Finding] = {}
    try:
        for channel in [None, *channels]:
            found |= {finding.what: finding for finding in await chat.probe(channel)}
    finally:
        await chat.close()
    key = chat.application.verify_key
    if settings.public_key and key not in {None, settings.public_key}:
        what = "NIGHTDESK_DISCORD__PUBLIC_KEY is another application's"
        todo = "Copy it from General Information in the developer portal."
        found[what] = Finding(ok=False, what=what, todo=todo)
    return list(found.values())
