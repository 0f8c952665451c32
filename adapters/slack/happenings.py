"""What Slack tells besides messages: pages opened, work stopped, channels that change.

Events: https://docs.slack.dev/reference/events. Pure.
"""

from datetime import UTC, datetime
from typing import Final

from adapters.slack import told, wire
from adapters.slack.told import AssistantThread, Happening
from runtime.errors import Malformed
from runtime.ids import Platform
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.events import (
    Body,
    ChannelChange,
    ChannelChanged,
    Command,
    HomeOpened,
    Ignored,
    Inbound,
    Parsed,
    Unknown,
)
from runtime.model.value import value

SLACK: Final = Platform("slack")
RATE_LIMITED: Final = "app_rate_limited"
NOT_FOR_US: Final = "not_for_us"

_CHANGES: Final = {
    "channel_shared": ChannelChange.SHARED,
    "channel_unshared": ChannelChange.UNSHARED,
    "channel_rename": ChannelChange.RENAMED,
    "group_rename": ChannelChange.RENAMED,
    "channel_archive": ChannelChange.ARCHIVED,
    "group_archive": ChannelChange.ARCHIVED,
    "channel_deleted": ChannelChange.ARCHIVED,
    "group_deleted": ChannelChange.ARCHIVED,
    "channel_unarchive": ChannelChange.UNARCHIVED,
    "group_unarchive": ChannelChange.UNARCHIVED,
    "channel_id_changed": ChannelChange.MOVED,
    "channel_left": ChannelChange.BOT_REMOVED,
    "group_left": ChannelChange.BOT_REMOVED,
    "app_uninstalled": ChannelChange.BOT_REMOVED,
    "tokens_revoked": ChannelChange.BOT_REMOVED,
}
_MEMBERS: Final = {
    "member_left_channel": ChannelChange.BOT_REMOVED,
    "member_joined_channel": ChannelChange.BOT_ADDED,
}
"""These are about anybody; they are for us where they are about the bot."""
_DELETED: Final = frozenset({"channel_deleted", "group_deleted"})
_EVERYWHERE: Final = frozenset({"app_uninstalled", "tokens_revoked"})
"""These are about the whole workspace: there is no channel."""
_WITHOUT_EFFECT: Final = frozenset(
    {
        "app_context_changed",
        "assistant_thread_context_changed",
        "file_change",
        "file_created",
        "file_deleted",
        "file_public",
        "file_shared",
        "file_unshared",
    }
)
"""What we know and need not hear: a file comes with its message."""


@value()
class _Told:
    """What an event says: where, by whom, what. An empty channel is the whole workspace."""

    body: Body
    channel: str = ""
    root: str = ""
    user: str = ""


def happened(body: bytes, *, bot: str | None, at: datetime | None) -> Parsed:
    """What the request says; it is signed, or came over our own socket.

    Args:
        body: the request.
        bot: our bot's user, for events that do not name it themselves.
        at: when it was sent, for events without a time.

    Raises:
        Malformed: it lacks what every event has.
    """
    envelope = told.happening(body)
    if envelope.type == "app_rate_limited":
        return Ignored(reason=RATE_LIMITED)
    event = envelope.event
    if envelope.type != "event_callback" or event is None:
        return Ignored(reason="unknown_kind")
    team = wire.given(envelope.team_id, "team_id")
    said = _told(event, wire.bot_of(envelope.authorizations) or bot)
    if said is None:
        return Ignored(reason=NOT_FOR_US)
    home = wire.installed(envelope.authorizations) or team
    return Inbound(
        event_key=wire.key(envelope.api_app_id, team, envelope.event_id),
        thread=ThreadRef(ChannelRef(SLACK, home, said.channel), said.root),
        sender=Principal(SLACK, event.user_team or team, said.user),
        body=said.body,
        sent_at=_time(event.event_ts, envelope.event_time, at),
    )


def _told(event: Happening, bot: str | None) -> _Told | None:
    """What the event says; None where it is nothing to us."""
    kind = event.type
    if kind in _CHANGES:
        return _changed(event, _CHANGES[kind])
    if kind in _MEMBERS:
        return _member(event, _MEMBERS[kind], bot)
    if kind in _WITHOUT_EFFECT:
        return None
    if kind == "app_home_opened":
        return _Told(HomeOpened(), wire.given(event.channel_id, "channel"), "", _person(event))
    if kind == "assistant_thread_started":
        begun = event.assistant_thread or AssistantThread()
        user = wire.given(begun.user_id, "user_id")
        return _Told(HomeOpened(), wire.given(begun.channel_id, "channel_id"), "", user)
    if kind == "agent_session_stopped":
        channel = wire.given(event.channel_id, "channel")
        return _Told(Command(text="stop"), channel, wire.root(event.thread_ts), _person(event))
    return _Told(Unknown(kind=kind[:80] or "event"))


def _changed(event: Happening, change: ChannelChange) -> _Told | None:
    kind = event.type
    if kind in _EVERYWHERE:
        gone = kind == "app_uninstalled" or bool(event.tokens and event.tokens.bot)
        return _Told(ChannelChanged(change=change, detail=kind)) if gone else None
    if change is ChannelChange.MOVED:
        channel = wire.given(event.old_channel_id or event.channel_id, "channel")
        return _Told(ChannelChanged(change=change, detail=event.new_channel_id or ""), channel)
    detail = {
        ChannelChange.SHARED: event.connected_team_id,
        ChannelChange.UNSHARED: event.previously_connected_team_id,
        ChannelChange.RENAMED: event.channel_name,
        ChannelChange.ARCHIVED: "deleted" if kind in _DELETED else "",
    }.get(change)
    channel = wire.given(event.channel_id, "channel")
    return _Told(ChannelChanged(change=change, detail=detail or ""), channel)


def _member(event: Happening, change: ChannelChange, bot: str | None) -> _Told | None:
    if bot is None or event.user_id != bot:
        return None
    return _Told(ChannelChanged(change=change), wire.given(event.channel_id, "channel"))


def _person(event: Happening) -> str:
    return wire.given(event.user_id, "user")


def _time(ts: str | None, seconds: int | None, at: datetime | None) -> datetime:
    """When it happened, as far as the event says; else about when it was sent."""
    for said in (ts, seconds):
        try:
            if said:
                return datetime.fromtimestamp(float(said), UTC)
        except (ValueError, OverflowError, OSError):
            continue
    if at is None:
        raise Malformed("the event has no time")
    return at
