"""What the gateway tells beside what people say: servers, channels and threads as they change."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

import msgspec

from adapters.discord import wire
from adapters.discord.places import DISCORD, Places, person
from runtime.model.address import ChannelRef, ThreadRef
from runtime.model.events import ChannelChange, ChannelChanged, Inbound, Unknown

NOT_NEEDED: Final = frozenset(
    {
        "RESUMED",
        "RATE_LIMITED",
        "APPLICATION_COMMAND_PERMISSIONS_UPDATE",
        "AUTO_MODERATION_RULE_CREATE",
        "AUTO_MODERATION_RULE_UPDATE",
        "AUTO_MODERATION_RULE_DELETE",
        "AUTO_MODERATION_ACTION_EXECUTION",
        "CHANNEL_INFO",
        "CHANNEL_PINS_UPDATE",
        "CHANNEL_TOPIC_UPDATE",
        "THREAD_MEMBER_UPDATE",
        "THREAD_MEMBERS_UPDATE",
        "ENTITLEMENT_CREATE",
        "ENTITLEMENT_UPDATE",
        "ENTITLEMENT_DELETE",
        "GUILD_UPDATE",
        "GUILD_AUDIT_LOG_ENTRY_CREATE",
        "GUILD_BAN_ADD",
        "GUILD_BAN_REMOVE",
        "GUILD_EMOJIS_UPDATE",
        "GUILD_STICKERS_UPDATE",
        "GUILD_INTEGRATIONS_UPDATE",
        "GUILD_MEMBER_ADD",
        "GUILD_MEMBER_REMOVE",
        "GUILD_MEMBER_UPDATE",
        "GUILD_MEMBERS_CHUNK",
        "GUILD_ROLE_DELETE",
        "GUILD_SCHEDULED_EVENT_CREATE",
        "GUILD_SCHEDULED_EVENT_UPDATE",
        "GUILD_SCHEDULED_EVENT_DELETE",
        "GUILD_SCHEDULED_EVENT_USER_ADD",
        "GUILD_SCHEDULED_EVENT_USER_REMOVE",
        "GUILD_SOUNDBOARD_SOUND_CREATE",
        "GUILD_SOUNDBOARD_SOUND_UPDATE",
        "GUILD_SOUNDBOARD_SOUND_DELETE",
        "GUILD_SOUNDBOARD_SOUNDS_UPDATE",
        "GUILD_JOIN_REQUEST_CREATE",
        "GUILD_JOIN_REQUEST_UPDATE",
        "GUILD_JOIN_REQUEST_DELETE",
        "SOUNDBOARD_SOUNDS",
        "INTEGRATION_CREATE",
        "INTEGRATION_UPDATE",
        "INTEGRATION_DELETE",
        "INVITE_CREATE",
        "INVITE_DELETE",
        "MESSAGE_UPDATE",
        "MESSAGE_DELETE",
        "MESSAGE_DELETE_BULK",
        "MESSAGE_REACTION_ADD",
        "MESSAGE_REACTION_REMOVE",
        "MESSAGE_REACTION_REMOVE_ALL",
        "MESSAGE_REACTION_REMOVE_EMOJI",
        "MESSAGE_POLL_VOTE_ADD",
        "MESSAGE_POLL_VOTE_REMOVE",
        "PRESENCE_UPDATE",
        "STAGE_INSTANCE_CREATE",
        "STAGE_INSTANCE_UPDATE",
        "STAGE_INSTANCE_DELETE",
        "SUBSCRIPTION_CREATE",
        "SUBSCRIPTION_UPDATE",
        "SUBSCRIPTION_DELETE",
        "TYPING_START",
        "USER_UPDATE",
        "VOICE_CHANNEL_EFFECT_SEND",
        "VOICE_CHANNEL_START_TIME_UPDATE",
        "VOICE_CHANNEL_STATUS_UPDATE",
        "VOICE_STATE_UPDATE",
        "VOICE_SERVER_UPDATE",
        "WEBHOOKS_UPDATE",
    }
)
"""Events that Discord documents and that start nothing. An edit or a deletion is one of them."""

_CHANNELS = frozenset({"CHANNEL_CREATE", "CHANNEL_UPDATE", "THREAD_CREATE", "THREAD_UPDATE"})
_ROLES = frozenset({"GUILD_ROLE_CREATE", "GUILD_ROLE_UPDATE"})


class _OfRole(msgspec.Struct, frozen=True, gc=False):
    role: wire.Role | None = None


class _OfThreads(msgspec.Struct, frozen=True, gc=False):
    guild_id: str | None = None
    threads: list[wire.Channel] | None = None


class Changes:
    """Follows the places, and says which changes the team is to know of."""

    def __init__(self, places: Places, *, configured: frozenset[str]) -> None:
        """Follow.

        Args:
            places: where what is learned goes.
            configured: the channels of the team's configuration; others are nobody's business.
        """
        self._places = places
        self._configured = configured
        self._guilds: set[str] = set()
        self._begun = False

    def begin(self, ready: wire.Ready) -> None:
        """A session begins: these are the servers we are in; each will tell of itself now."""
        self._guilds |= {guild.id for guild in ready.guilds or () if guild.id}
        self._begun = True

    def of(self, frame: wire.Frame, *, session: str, now: datetime) -> list[Inbound] | None:
        """What an event means for the team's channels; None where its kind is unknown.

        Raises:
            Malformed: it is not of the shape that Discord gives it.
        """
        kind = frame.t or ""
        if kind in NOT_NEEDED:
            return []
        changes = self._changes(kind, frame.d)
        if changes is None:
            return None
        return [
            _told(f"{session}:{frame.s}:{channel}", channel, change, now)
            for channel, change in changes
            if channel in self._configured
        ]

    def _changes(self, kind: str, data: msgspec.Raw) -> Iterable[tuple[str, ChannelChanged]] | None:
        if kind == "GUILD_CREATE":
            return self._guild(wire.decoded(wire.Guild, data))
        if kind == "GUILD_DELETE":
            return self._guild_gone(wire.decoded(wire.Guild, data))
        if kind in _CHANNELS:
            return self._channel(wire.decoded(wire.Channel, data))
        if kind in {"CHANNEL_DELETE", "THREAD_DELETE"}:
            return self._channel_gone(wire.decoded(wire.Channel, data))
        if kind == "THREAD_LIST_SYNC":
            self._threads(wire.decoded(_OfThreads, data))
            return ()
        if kind in _ROLES:
            self._role(wire.decoded(_OfRole, data).role)
            return ()
        return None

    def _guild(self, guild: wire.Guild) -> Iterator[tuple[str, ChannelChanged]]:
        """A server tells of itself: at the start of a session, after an outage, or as a new one."""
        for channel in [*(guild.channels or ()), *(guild.threads or ())]:
            self._places.learn(channel, guild.id or "")
            if channel.id and channel.name:
                self._places.renamed(channel.id, channel.name)
        for role in guild.roles or ():
            self._role(role)
        if not guild.id or guild.id in self._guilds:
            return iter(())
        self._guilds.add(guild.id)
        return self._all_of(guild.id, ChannelChange.BOT_ADDED, guild.name or "")

    def _guild_gone(self, guild: wire.Guild) -> Iterator[tuple[str, ChannelChanged]]:
        if guild.unavailable or not guild.id:
            return iter(())  # an outage of Discord's
        self._guilds.discard(guild.id)
        return self._all_of(guild.id, ChannelChange.BOT_REMOVED, "")

    def _all_of(
        self, guild: str, change: ChannelChange, detail: str
    ) -> Iterator[tuple[str, ChannelChanged]]:
        for channel in sorted(self._configured):
            if self._places.guild(channel) == guild:
                yield channel, ChannelChanged(change=change, detail=detail)

    def _channel(self, channel: wire.Channel) -> Iterator[tuple[str, ChannelChanged]]:
        self._places.learn(channel)
        renamed = channel.id and channel.name and self._places.renamed(channel.id, channel.name)
        if renamed and channel.id:
            change = ChannelChanged(change=ChannelChange.RENAMED, detail=channel.name or "")
            yield channel.id, change

    def _channel_gone(self, channel: wire.Channel) -> Iterator[tuple[str, ChannelChanged]]:
        if channel.id:
            self._places.forget(channel.id)
            yield channel.id, ChannelChanged(change=ChannelChange.ARCHIVED, detail="deleted")

    def _threads(self, found: _OfThreads) -> None:
        for thread in found.threads or ():
            self._places.learn(thread, found.guild_id or "")

    def _role(self, role: wire.Role | None) -> None:
        """A bot has a role of its own in each server; people call it by that, too."""
        if role is None or role.id is None or role.tags is None:
            return
        if role.tags.bot_id and role.tags.bot_id == self._places.user_id:
            self._places.own_roles.add(role.id)


def unknown(frame: wire.Frame, *, session: str, now: datetime) -> Inbound:
    """An event of a kind that this version does not know, for the record."""
    return Inbound(
        event_key=f"{session}:{frame.s}",
        thread=ThreadRef(ChannelRef(DISCORD, "", "")),
        sender=person(""),
        body=Unknown(kind=(frame.t or "")[:100]),
        sent_at=now,
    )


def _told(key: str, channel: str, body: ChannelChanged, now: datetime) -> Inbound:
    return Inbound(
        event_key=key,
        thread=ThreadRef(ChannelRef(DISCORD, "", channel)),
        sender=person(""),
        body=body,
        sent_at=now,
    )
