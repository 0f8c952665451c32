"""What a person sets up on Discord's side: whether it is there, and what is missing."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from http import HTTPStatus

import msgspec

from adapters.discord import commands, wire
from adapters.discord.faults import Refusal
from adapters.discord.places import DIRECT, GROUP_DIRECT, THREAD_TYPES, Places
from adapters.discord.rest import DiscordRest, Route
from adapters.discord.sync import synchronise
from runtime.model.probe import Finding
from runtime.model.value import value

PERMISSIONS = {
    "View Channel": 1 << 10,
    "Send Messages": 1 << 11,
    "Embed Links": 1 << 14,
    "Attach Files": 1 << 15,
    "Read Message History": 1 << 16,
    "Create Public Threads": 1 << 35,
    "Send Messages in Threads": 1 << 38,
}
"""What the bot needs in a channel, by Discord's own names, and their bits."""

_ADMINISTRATOR = 1 << 3
_TEXT_CHANNELS = frozenset({0, 5})
NO_CONTENTS = (
    "the application has no message content intent: replies in threads reach the bot only when "
    'they mention it, and `listen = "all"` hears only mentions'
)
"""What does not work without the intent."""

REFUSED_TODO = (
    "Copy the token again from the developer portal, Bot, into NIGHTDESK_DISCORD__BOT_TOKEN."
)
REACH_TODO = "Check that this machine reaches Discord."

_SWITCH_ON = "Switch it on in the developer portal, Bot, Privileged Gateway Intents."


@value(kw_only=True)
class Expected:
    """What the configuration expects of Discord.

    Attributes:
        guilds: the servers.
        grammar: the commands that Discord is to have.
        gateway: messages are heard over the gateway.
    """

    guilds: Sequence[str] = ()
    grammar: Sequence[commands.Json] = ()
    gateway: bool = True


class _Member(msgspec.Struct, frozen=True, gc=False):
    roles: list[str] | None = None


def invitation(application: str) -> str:
    """The address at which an administrator of a server lets the bot in."""
    bits = sum(PERMISSIONS.values())
    return (
        f"https://discord.com/oauth2/authorize?client_id={application}"
        f"&scope=bot+applications.commands&permissions={bits}"
    )


async def findings(
    rest: DiscordRest,
    places: Places,
    channel: str | None,
    *,
    contents: bool,
    expected: Expected,
) -> AsyncIterator[Finding]:
    """What works and what is missing, of the bot, its servers, and the channel where one is given.

    Args:
        rest: asks.
        places: who we are.
        channel: the channel to look at, or None.
        contents: the application has the intent for what is said.
        expected: what the configuration says.

    Raises:
        Retryable: Discord cannot be asked.
        Refusal: it answers something else than it was asked.
    """
    yield Finding(ok=True, what=f"the token: good, as {places.user_id}")
    if not expected.gateway:
        what = "messages: not heard, only commands and buttons (gateway = false)"
        yield Finding(ok=True, what=what)
    elif contents:
        yield Finding(ok=True, what="the message content intent: on")
    else:
        intent = "Message Content Intent"
        yield Finding(ok=False, what=NO_CONTENTS, missing=intent, todo=_SWITCH_ON)
    servers: dict[str, wire.Guild] = {}
    for guild in expected.guilds:
        try:
            servers[guild] = await rest.read(wire.Guild, Route("GET", "/guilds/{}", (guild,)))
            yield Finding(ok=True, what=f"the server {servers[guild].name} ({guild}): joined")
        except Refusal:
            todo = f"An administrator invites it: {invitation(places.application_id)}"
            what = f"the server {guild}: the bot is not in it"
            yield Finding(ok=False, what=what, missing="membership", todo=todo)
    if channel is not None:
        yield await _of_channel(rest, places, channel, servers)
    if await synchronise(rest, places, expected.grammar, check=True):
        what = "the commands: Discord has other ones than this version"
        yield Finding(ok=False, what=what, missing="commands", todo="Run `nightdesk discord sync`.")
    else:
        yield Finding(ok=True, what="the commands: up to date")


async def _of_channel(
    rest: DiscordRest, places: Places, channel: str, servers: Mapping[str, wire.Guild]
) -> Finding:
    try:
        there = await rest.read(wire.Channel, Route("GET", "/channels/{}", (channel,)))
    except Refusal as refusal:
        if refusal.status == HTTPStatus.NOT_FOUND:
            todo = "Correct the id in nightdesk.toml."
            return Finding(ok=False, what=f"the channel {channel}: there is none", todo=todo)
        todo = "Let the bot view the channel."
        what = f"the channel {channel}: the bot does not see it"
        return Finding(ok=False, what=what, missing="View Channel", todo=todo)
    name = f"#{there.name or channel}"
    if there.type in {DIRECT, GROUP_DIRECT}:
        return Finding(ok=True, what="a direct conversation")
    if there.type in THREAD_TYPES:
        todo = f"List the channel that it is in, {there.parent_id}."
        return Finding(ok=False, what=f"{name} is a thread", todo=todo)
    server = servers.get(there.guild_id or "")
    if server is None:
        todo = "Add the id of that server to guilds in [discord] of nightdesk.toml."
        return Finding(ok=False, what=f"{name} is in another server, {there.guild_id}", todo=todo)
    if there.type not in _TEXT_CHANNELS:
        return Finding(ok=False, what=f"{name} is no text channel", todo="List another channel.")
    allowed = await _permissions(rest, places.user_id, server, there)
    lacking = [permission for permission, bit in PERMISSIONS.items() if not allowed & bit]
    if lacking:
        missing = ", ".join(lacking)
        what, todo = f"{name}: the bot may not do everything", f"Allow it there: {missing}."
        return Finding(ok=False, what=what, missing=missing, todo=todo)
    open_to_all = _may(server.roles or (), {server.id or ""}) & PERMISSIONS["View Channel"]
    closed = any(
        rule.id == server.id and _bits(rule.deny) & PERMISSIONS["View Channel"]
        for rule in there.permission_overwrites or ()
    )
    readers = "everybody in the server" if open_to_all and not closed else "some of the server"
    return Finding(ok=True, what=f"{name}: the bot is in it and may post; {readers} can read it")


async def _permissions(
    rest: DiscordRest, me: str, server: wire.Guild, channel: wire.Channel
) -> int:
    """What the bot may do in a channel, by Discord's own order: roles first, then the channel.

    https://discord.com/developers/docs/topics/permissions#permission-overwrites
    """
    guild = server.id or ""
    route = Route("GET", "/guilds/{}/members/{}", (guild, me))
    mine = {guild, *((await rest.read(_Member, route)).roles or ())}
    allowed = _may(server.roles or (), mine)
    if allowed & _ADMINISTRATOR:
        return ~0
    rules = channel.permission_overwrites or []
    for group in ({guild}, mine - {guild}, {me}):
        concerned = [rule for rule in rules if rule.id in group]
        for rule in concerned:
            allowed &= ~_bits(rule.deny)
        for rule in concerned:
            allowed |= _bits(rule.allow)
    return allowed


def _may(roles: Sequence[wire.Role], mine: Collection[str]) -> int:
    allowed = 0
    for role in roles:
        if role.id in mine:
            allowed |= _bits(role.permissions)
    return allowed


def _bits(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0
