"""What comes in from a chat platform, in one vocabulary for all of them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from runtime.ids import InboxId, MessageId
from runtime.model.address import Principal, ThreadRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Something a person typed.

    Attributes:
        text: what the sender typed, without the mention of the bot.
        message_id: the platform's id of the message.
        direct: it was a direct message to the bot.
        mentioned: it addressed the bot by name.
        quoted: text in it that the sender did not type (shared, forwarded, attached): untrusted.
    """

    text: str
    message_id: MessageId
    direct: bool = False
    mentioned: bool = False
    quoted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command, from a slash command, from `!command` or from a mention that is one.

    Attributes:
        text: the command without its prefix: `schedule list`.
        reply_url: where the platform takes the answer to this very command, or empty.
            It is a secret: never logged.
    """

    text: str
    reply_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ButtonPress:
    """A button of a message that Nightdesk sent.

    Attributes:
        action: the action that the button names.
        value: what the button carries: an opaque id.
        message_id: the message that the button is on.
        reply_url: where the platform takes the answer to this press, or empty. A secret.
    """

    action: str
    value: str
    message_id: MessageId
    reply_url: str = ""


Body = Message | Command | ButtonPress


class Lane(StrEnum):
    """How an accepted event is processed."""

    TURN = "turn"
    """In order with the other messages of its conversation, by the agent."""
    COMMAND = "command"
    """In order with the other commands of its thread, by code, even while a turn runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """What an adapter's parser makes of a verified request.

    Attributes:
        event_key: the platform's id of this delivery; a retry carries the same one.
        content_key: the id of what was said, where several deliveries can carry it (Slack sends
            a mention as `app_mention` and as `message`); empty where there is only `event_key`.
        thread: where it was said; an answer goes there.
        sender: who said it.
        body: what was said.
        sent_at: when, by the platform's clock.
    """

    event_key: str
    content_key: str = ""
    thread: ThreadRef
    sender: Principal
    body: Body
    sent_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """A handshake to be answered with `answer`, as plain text. Nothing is stored."""

    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A verified event that starts nothing.

    Attributes:
        reason: why, as a constant for the log: `bot`, `edit`, `unknown_kind`.
    """

    reason: str


Parsed = Inbound | Challenge | Ignored


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """An accepted event: one row of the inbox.

    Attributes:
        id: time-ordered, so that the order of ids is the order of arrival.
        lane: how it is processed.
        inbound: what came in.
        received_at: when we stored it.
    """

    id: InboxId
    lane: Lane
    inbound: Inbound
    received_at: datetime
