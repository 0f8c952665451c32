"""What a signed request of Slack means. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from adapters.slack import wire
from adapters.slack.forms import submitted
from adapters.slack.happenings import SLACK, happened
from runtime.errors import Malformed
from runtime.ids import MessageId
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.events import (
    ButtonPress,
    Challenge,
    Command,
    Ignored,
    Inbound,
    Message,
    Parsed,
)
from runtime.model.files import FileRef
from runtime.model.wire import VerifiedRequest

__all__ = ["SLACK", "SlackInbound", "action_name", "readable"]

BOT = "bot"
EDIT = "edit"
UNKNOWN_KIND = "unknown_kind"
NO_SENDER = "no_sender"
SSL_CHECK = "ssl_check"
PRIVATE = "private-"
"""Stands before the id of a message that one person was shown: it is in no history, and no call
can change it."""

_KINDS = frozenset({"app_mention", "message"})
_TYPED = frozenset({"", "file_share", "thread_broadcast", "me_message"})
"""Subtypes of messages that a person typed."""
_EDITS = frozenset({"message_changed", "message_deleted", "message_replied"})
_BOTS = frozenset({"bot_message"})
_SLACKBOT = "USLACKBOT"
_GONE = frozenset({"tombstone", "hidden_by_limit"})
"""Modes of files of which nothing is left to fetch."""
_LONGEST_QUOTE = 8_000

_BRACKETED = re.compile(r"<([^<>]+)>")


class SlackInbound:
    """The parsers of the three addresses.

    Raises of every method:
        Malformed: the request is not of the shape that Slack gives it.
    """

    def __init__(self, bot_user_id: str | None = None) -> None:
        """Parse.

        Args:
            bot_user_id: our bot's user, for events that do not name it themselves.
        """
        self._bot = bot_user_id

    def parse_event(self, request: VerifiedRequest) -> Parsed:
        """A request to `/slack/events`."""
        return self.event(request.body, request.signed_at)

    def event(self, body: bytes, at: datetime | None) -> Parsed:
        """An event that was signed, or that came over our own socket, sent at about that time."""
        envelope = wire.envelope(body, _KINDS)
        if envelope.type == "url_verification":
            return Challenge(answer=wire.given(envelope.challenge, "challenge"))
        event = envelope.event
        if envelope.type != "event_callback" or event is None or event.type not in _KINDS:
            return happened(body, bot=self._bot, at=at)
        bot = wire.bot_of(envelope.authorizations) or self._bot
        if bot is None:
            bot = next(iter(envelope.authed_users or ()), None)
        reason = _why_ignored(event, bot)
        return Ignored(reason=reason) if reason else _said(envelope, event, bot)

    def parse_command(self, request: VerifiedRequest) -> Parsed:
        """A request to `/slack/commands`: the words behind `/nightdesk`."""
        return self.command(wire.form(request.body), request.signed_at)

    def command(self, fields: Mapping[str, str], at: datetime | None) -> Parsed:
        """A command by its fields, typed at about that time."""
        if "ssl_check" in fields:
            return Ignored(reason=SSL_CHECK)
        team = wire.given(fields.get("team_id"), "team_id")
        channel = wire.given(fields.get("channel_id"), "channel_id")
        if at is None:
            raise Malformed("the request has no time")
        return Inbound(
            event_key=wire.key("command", fields.get("trigger_id")),
            # Slack does not take slash commands in threads: the channel itself is the place.
            thread=ThreadRef(ChannelRef(SLACK, team, channel)),
            sender=Principal(SLACK, team, wire.given(fields.get("user_id"), "user_id")),
            body=Command(
                text=readable(fields.get("text", "")).strip(),
                direct=channel.startswith("D"),
                reply_url=fields.get("response_url", ""),
                trigger=fields.get("trigger_id", ""),
            ),
            sent_at=at,
        )

    def parse_interaction(self, request: VerifiedRequest) -> Parsed:
        """A request to `/slack/interactivity`: a button of ours, or a form."""
        payload = wire.given(wire.form(request.body).get("payload"), "payload")
        return self.interaction(payload.encode("utf-8", "surrogatepass"), request.signed_at)

    def interaction(self, body: bytes, at: datetime | None) -> Parsed:
        """A press or a form, at about that time."""
        pressed = wire.interaction(body)
        if pressed.type == "view_submission" and at is not None:
            return submitted(pressed, at=at)
        if pressed.type != "block_actions":
            return Ignored(reason=UNKNOWN_KIND)
        action = pressed.actions[0] if pressed.actions else None
        if action is None or action.type != "button":
            return Ignored(reason=UNKNOWN_KIND)
        return _pressed(pressed, action)


def readable(text: str) -> str:
    """Slack's markup for links, groups and entities as a person would have typed it.

    Mentions of people stay as `<@U123>` and of channels as `<#C123|name>`: they are ids, not words.
    """
    if "<" in text:
        text = _BRACKETED.sub(_spelt, text)
    if "&" in text:
        text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return text.replace("\0", "\ufffd")


def action_name(action_id: str) -> str:
    """The action of a button from its `action_id`, which a number behind `#` keeps unique."""
    return action_id.rpartition("#")[0] or action_id


def _spelt(match: re.Match[str]) -> str:
    target, _, label = match[1].partition("|")
    match target[:1]:
        case "":
            return label
        case "@":
            return f"<{target}>"
        case "#":
            return match[0]
        case "!":
            word = target[1:].partition("^")[0]
            return label or f"@{word}"
        case _:
            address = target.removeprefix("mailto:").removeprefix("tel:")
            bare = address.partition("://")[2].rstrip("/")
            same = label in {"", target, address, bare, bare + "/"}
            return address if same else f"{label} ({address})"


def _why_ignored(event: wire.Event, bot: str | None) -> str:
    """Why the event starts nothing; empty where it does."""
    subtype = event.subtype or ""
    if subtype in _EDITS or event.edited is not None:
        return EDIT
    if event.bot_id or subtype in _BOTS:
        return BOT
    if subtype not in _TYPED or event.hidden:
        return UNKNOWN_KIND
    if not event.user:
        return NO_SENDER
    return BOT if event.user in (bot, _SLACKBOT) else ""


def _said(envelope: wire.Envelope, event: wire.Event, bot: str | None) -> Inbound:
    """What a person typed."""
    channel, ts = wire.given(event.channel, "channel"), wire.given(event.ts, "ts")
    direct = event.channel_type == "im" or channel.startswith("D")
    team = wire.given(envelope.team_id, "team_id")
    user_team = event.user_team or event.source_team or event.team or team
    text = event.text or ""
    mentioned = bool(bot and f"<@{bot}" in text and _mention(bot).search(text))
    return Inbound(
        # Not the event's own id: Slack sends a mention as `app_mention` and as `message`, and both
        # have to be one. It also grows with time, which an index likes better than chance.
        event_key=f"{channel}:{ts}",
        thread=_thread(
            wire.installed(envelope.authorizations) or team,
            channel,
            wire.root(event.thread_ts) or ("" if direct else ts),
        ),
        sender=_person(user_team, event.user or ""),
        body=Message(
            text=readable(_without(bot, text) if bot and mentioned else text).strip(),
            message_id=MessageId(ts),
            direct=direct,
            mentioned=mentioned or event.type == "app_mention",
            quoted=tuple(_quoted(event)) if event.attachments or event.files else (),
            files=tuple(_files(event.files)) if event.files else (),
        ),
        sent_at=_time(ts),
    )


def _pressed(pressed: wire.Interaction, action: wire.Action) -> Parsed:
    container = pressed.container or wire.Container()
    message = pressed.message or wire.PressedOn()
    channel = (pressed.channel or wire.Channel()).id or container.channel_id
    message_ts = container.message_ts or message.ts
    if not channel or not message_ts:
        return Ignored(reason=UNKNOWN_KIND)  # on the home tab or in a dialog, where we have none
    user = pressed.user or wire.User()
    # Where the app is installed for a whole organisation, Slack names no team: the message, which
    # is ours, has one, and a private message only whoever sees it.
    named = (pressed.team or wire.Team()).id or message.team
    team = wire.given(named or user.team_id, "team")
    user_id = wire.given(user.id, "user")
    # A private message is in nobody's history, so nothing can hang from it.
    own_root = "" if container.is_ephemeral or channel.startswith("D") else message_ts
    action_ts = wire.given(action.action_ts, "action_ts")
    return Inbound(
        event_key=wire.key(team, user_id, message_ts, action.action_id, action_ts),
        thread=ThreadRef(
            ChannelRef(SLACK, team, channel),
            wire.root(container.thread_ts, message.thread_ts, own_root),
        ),
        sender=Principal(SLACK, user.team_id or team, user_id),
        body=ButtonPress(
            action=action_name(wire.given(action.action_id, "action_id")),
            value=action.value or "",
            message_id=MessageId(
                f"{PRIVATE}{message_ts}" if container.is_ephemeral else message_ts
            ),
            reply_url=pressed.response_url or "",
            trigger=pressed.trigger_id or "",
        ),
        sent_at=_time(action_ts),
    )


def _quoted(event: wire.Event) -> Iterator[str]:
    """Text that came with the message and that the sender did not type."""
    for attachment in event.attachments or ():
        fields = [part for f in attachment.fields or () for part in (f.title, f.value)]
        parts = (
            attachment.pretext,
            attachment.author_name,
            attachment.title,
            attachment.text or attachment.fallback,
            *fields,
            attachment.footer,
        )
        text = "\n".join(readable(part) for part in parts if part)
        if text:
            yield text[:_LONGEST_QUOTE]
    for file in event.files or ():
        name = file.name or file.title
        if name and not _handle(file):
            yield f"file that is gone: {readable(name)}"[:_LONGEST_QUOTE]


def _files(files: Sequence[wire.File]) -> Iterator[FileRef]:
    """The files, but for those that Slack deleted or hides."""
    for file in files:
        if handle := _handle(file):
            name = readable(file.name or file.title or "").replace("\\", "/")
            size = file.size if file.size is not None and file.size >= 0 else None
            yield FileRef(
                handle=handle,
                name=name.rpartition("/")[2],
                media_type=file.mimetype or "",
                size=size,
            )


def _handle(file: wire.File) -> str | None:
    """What it is fetched by; nothing where Slack deleted or hides it."""
    if file.mode in _GONE:
        return None
    return file.url_private_download or file.url_private or file.id


@lru_cache(maxsize=4096)
def _thread(team: str, channel: str, root: str) -> ThreadRef:
    """The thread, the same object again: every message looks for what is known of it thrice."""
    return ThreadRef(_channel(team, channel), root)


@lru_cache(maxsize=4096)
def _channel(team: str, channel: str) -> ChannelRef:
    """The channel. Few of them are spoken in often, and this is on the way of every message."""
    return ChannelRef(SLACK, team, channel)


@lru_cache(maxsize=4096)
def _person(team: str, user: str) -> Principal:
    return Principal(SLACK, team, user)


@lru_cache(maxsize=64)
def _mention(bot: str) -> re.Pattern[str]:
    return re.compile(rf"<@{re.escape(bot)}(?:\|[^<>]*)?>[:,]?")


def _without(bot: str, text: str) -> str:
    """The text with one space for each mention and the spaces around it; or some at its ends."""
    name, _, rest = text.partition(" ")
    if name == f"<@{bot}>" and name[:-1] not in rest:  # most often it is there once, in front
        return rest
    mention = _mention(bot)
    return " ".join([part.strip(" \t") for part in mention.split(text)])


def _time(ts: str) -> datetime:
    try:
        return datetime.fromtimestamp(float(ts), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Malformed(f"{ts[:40]!r} is no time") from error
