"""What comes in from a chat platform, in one vocabulary for all of them."""

from datetime import datetime
from enum import StrEnum

from runtime.ids import InboxId, MessageId
from runtime.model.address import Principal, ThreadRef
from runtime.model.ending import Handed
from runtime.model.files import FileRef
from runtime.model.value import value


@value(kw_only=True)
class Message:
    """Something a person typed.

    Attributes:
        text: what the sender typed, without the mention of the bot.
        message_id: the platform's id of the message.
        direct: it was a direct message to the bot.
        mentioned: it addressed the bot by name.
        verbatim: the sender said that it is no command, whatever it looks like.
        quoted: text in it that the sender did not type (shared, forwarded, attached): untrusted.
        files: what came with it: untrusted.
        handed: an agent wrote it, and hands it over; None for what a person typed, which is all
            that a platform delivers.
    """

    text: str
    message_id: MessageId
    direct: bool = False
    mentioned: bool = False
    verbatim: bool = False
    quoted: tuple[str, ...] = ()
    files: tuple[FileRef, ...] = ()
    handed: Handed | None = None


@value(kw_only=True)
class Command:
    """A command, from a slash command, from `!command` or from a mention that is one.

    Attributes:
        text: the command without its prefix: `schedule list`.
        direct: it was given in a direct message to the bot.
        reply_url: where the platform takes the answer to this very command, or empty.
            It is a secret: never logged.
        trigger: what the platform wants to see for a form (modal) in answer to this very command,
            good for seconds, or empty where it has none. A secret.
    """

    text: str
    direct: bool = False
    reply_url: str = ""
    trigger: str = ""


@value(kw_only=True)
class ButtonPress:
    """A button of a message that Nightdesk sent.

    Attributes:
        action: the action that the button names.
        value: what the button carries: an opaque id.
        message_id: the message that the button is on.
        reply_url: where the platform takes the answer to this press, or empty. A secret.
        trigger: as for a command.
    """

    action: str
    value: str
    message_id: MessageId
    reply_url: str = ""
    trigger: str = ""


@value(kw_only=True)
class FormSubmit:
    """A form (modal) that a person filled in.

    Attributes:
        action: the `FormSpec.action` of the form.
        value: the opaque id that the form was opened with, or empty.
        answers: the fields' names and what was written there, empty where nothing was.
        reply_url: where the platform takes the answer to this, or empty. A secret.
    """

    action: str
    value: str
    answers: tuple[tuple[str, str], ...]
    reply_url: str = ""


@value(kw_only=True)
class HomeOpened:
    """A person opened the app's own page (Slack's App Home), which is drawn for them now."""


class ChannelChange(StrEnum):
    """What can happen to a channel that changes how far it can be trusted or reached."""

    SHARED = "shared"
    """People of another organisation can read it from now on."""
    UNSHARED = "unshared"
    RENAMED = "renamed"
    ARCHIVED = "archived"
    """Nothing can be posted there; deleted ones too."""
    UNARCHIVED = "unarchived"
    MOVED = "moved"
    """It has another id from now on (Telegram: a group became a supergroup)."""
    BOT_ADDED = "bot_added"
    BOT_REMOVED = "bot_removed"


@value(kw_only=True)
class ChannelChanged:
    """Something happened to the channel of the event.

    Attributes:
        change: what.
        detail: the new name or id, for people to read; empty where there is none.
    """

    change: ChannelChange
    detail: str = ""


@value(kw_only=True)
class Unknown:
    """A signed event of a kind that this version does not know: stored, logged once, ignored.

    Attributes:
        kind: the platform's name of the kind.
    """

    kind: str


Body = Message | Command | ButtonPress | FormSubmit | HomeOpened | ChannelChanged | Unknown


def reply_url_of(body: Body) -> str:
    """Where the platform takes the answer to this very event, or empty. A secret."""
    return body.reply_url if isinstance(body, Command | ButtonPress | FormSubmit) else ""


class Lane(StrEnum):
    """How an accepted event is processed."""

    TURN = "turn"
    """In order with the other messages of its conversation, by the agent."""
    COMMAND = "command"
    """In order with the other commands of its thread, by code, even while a turn runs."""


@value(kw_only=True)
class Cursor:
    """How far we have read a stream that a platform keeps for us, and forgets up to there.

    Attributes:
        name: which stream: the platform, and whose stream it is there.
        value: where to go on.
    """

    name: str
    value: int


@value(kw_only=True)
class Inbound:
    """What an adapter's parser makes of a verified request.

    Attributes:
        event_key: the platform's id of this delivery; a retry carries the same one.
        content_key: the id of what was said, where several deliveries can carry it (Slack sends
            a mention as `app_mention` and as `message`); empty where there is only `event_key`.
        thread: where it was said; an answer goes there.
        sender: who said it. Of an event that nobody said, such as `ChannelChanged`, `user` may be
            empty: that is nobody, who may do nothing.
        body: what was said.
        sent_at: when, by the platform's clock.
        acknowledgement: the JSON that the platform wants to hear at once when the event is stored
            (Discord: that the answer comes later); empty for an empty answer. It is not stored.
        cursor: where its stream goes on behind it: stored with the event, in one transaction, so
            that the platform never forgets what we do not have. None where there is no stream.
    """

    event_key: str
    content_key: str = ""
    thread: ThreadRef
    sender: Principal
    body: Body
    sent_at: datetime
    acknowledgement: str = ""
    cursor: Cursor | None = None


@value(kw_only=True)
class Wanted:
    """What a person who is typing a command wants to choose from (Discord's autocomplete).

    Attributes:
        sender: who types.
        command: the command so far, without arguments: `schedule show`.
        argument: the argument that is being typed: `number`.
        typed: what of it is there already.
    """

    sender: Principal
    command: str
    argument: str
    typed: str


@value(kw_only=True)
class Challenge:
    """A request to be answered with `answer` at once; it has no effect and nothing is stored.

    A handshake, or a form that is only to be shown.

    Attributes:
        answer: the body of the answer; where something is wanted, the answer that has nothing.
        media_type: its type.
        wants: what is to be looked up for the answer, or None.
    """

    answer: str
    media_type: str = "text/plain"
    wants: Wanted | None = None


@value(kw_only=True)
class Ignored:
    """A verified event that starts nothing.

    Attributes:
        reason: why, as a constant for the log: `bot`, `edit`, `unknown_kind`.
    """

    reason: str


Parsed = Inbound | Challenge | Ignored


@value(kw_only=True)
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
