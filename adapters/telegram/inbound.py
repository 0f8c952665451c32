"""What an update of Telegram means.

The bot's own name is learned when Telegram was first reached; what names a bot before that is asked
to come again, so that nothing is taken for another bot's.
"""

import json
import logging
from collections.abc import Callable, Collection
from datetime import UTC, datetime

from adapters.telegram import quoted, wire
from adapters.telegram.places import Chains, channel, person, thread
from runtime.clock import Clock
from runtime.errors import Malformed, Retryable
from runtime.ids import MessageId
from runtime.model.address import Principal, ThreadRef
from runtime.model.events import (
    Body,
    ButtonPress,
    Challenge,
    ChannelChange,
    ChannelChanged,
    Command,
    Ignored,
    Inbound,
    Message,
    Parsed,
    Unknown,
)
from runtime.model.wire import VerifiedRequest

log = logging.getLogger("nightdesk.telegram")

ANONYMOUS = "anonymous"
BOT = "bot"
CHANNEL_POST = "channel_post"
EDIT = "edit"
EMPTY = "empty"
MEMBERSHIP = "membership"
NO_SENDER = "no_sender"
OTHER_BOT = "other_bot"
UNWANTED = "unwanted_kind"

ALLOWED_UPDATES = ("message", "callback_query", "my_chat_member")
"""The kinds that Telegram is asked for."""

_EDITS = frozenset({"edited_message", "edited_channel_post", "edited_business_message"})
_UNWANTED = frozenset(
    {
        "channel_post",
        "business_connection",
        "business_message",
        "deleted_business_messages",
        "guest_message",
        "message_reaction",
        "message_reaction_count",
        "inline_query",
        "chosen_inline_result",
        "shipping_query",
        "pre_checkout_query",
        "purchased_paid_media",
        "poll",
        "poll_answer",
        "chat_member",
        "chat_join_request",
        "chat_boost",
        "removed_chat_boost",
        "managed_bot",
    }
)
"""Kinds of Bot API 10.1 that we did not ask for and have no use for."""
_INSIDE = frozenset({"member", "administrator", "creator"})
_SEPARATOR = ":"


def callback_data(action: str, value: str) -> str:
    """What a button carries; `parse` takes it apart again."""
    return f"{action}{_SEPARATOR}{value}"


class TelegramInbound:
    """Reads updates.

    Raises of every method:
        Malformed: the update is not of the shape that Telegram gives it.
        Retryable: who we are is not known yet, and the update depends on it.
    """

    def __init__(
        self,
        bot: int,
        *,
        username: Callable[[], str],
        nouns: Collection[str],
        chains: Chains,
        clock: Clock,
    ) -> None:
        """Read.

        Args:
            bot: our bot's id.
            username: our bot's name without `@`, or empty while it is not known.
            nouns: the first words of our commands: in a group, others are another bot's.
            chains: which message is in which chain.
            clock: the time of a press, of which Telegram says none.
        """
        self._bot = bot
        self._username = username
        self._nouns = frozenset(nouns)
        self._chains = chains
        self._clock = clock

    def parse(self, request: VerifiedRequest) -> Parsed:
        """A request to `/telegram/webhook`."""
        return self.read(*wire.update(request.body))

    def read(self, update: wire.Update, kind: str) -> Parsed:
        """An update, from wherever it came."""
        if update.message is not None:
            return self._said(update, update.message)
        if update.callback_query is not None:
            return self._pressed(update, update.callback_query)
        if update.my_chat_member is not None:
            return self._joined(update, update.my_chat_member)
        if kind in _EDITS:
            return Ignored(reason=EDIT)
        if kind in _UNWANTED or not kind:
            return Ignored(reason=UNWANTED)
        at = self._clock.now()
        return self._inbound(update, ThreadRef(channel(0)), person_of(None), Unknown(kind=kind), at)

    # ---- messages

    def _said(self, update: wire.Update, message: wire.Message) -> Parsed:
        at = _time(message.date)
        if told := _told(message):
            where = ThreadRef(channel(message.chat.id))
            return self._inbound(update, where, person_of(None), told, at)
        sender = message.from_
        if reason := _why_ignored(message):
            return Ignored(reason=reason)
        body = self._body(message)
        if sender is None or isinstance(body, Ignored):
            return body if isinstance(body, Ignored) else Ignored(reason=NO_SENDER)
        where = thread(message.chat.id, self._chains.of(message))
        return self._inbound(update, where, person(sender.id), body, at)

    def _body(self, message: wire.Message) -> Message | Command | Ignored:
        direct = message.chat.type == "private"
        text, mentioned = "", False
        if quoted.is_typed(message):
            command = self._command(message, direct=direct)
            if command is not None:
                return command
            text, mentioned = self._addressed(message)
        answered = message.reply_to_message
        to_us = answered is not None and self._is_us(answered.from_)
        body = Message(
            text=text,
            message_id=MessageId(str(message.message_id)),
            direct=direct,
            mentioned=mentioned or to_us,
            quoted=tuple(quoted.texts(message, answered=mentioned and not to_us)),
            files=tuple(quoted.files(message)),
        )
        return body if body.text or body.quoted or body.files else Ignored(reason=EMPTY)

    def _command(self, message: wire.Message, *, direct: bool) -> Command | Ignored | None:
        """The command that the message begins with, if it begins with one."""
        first = next(iter(_entities(message)), None)
        if first is None or first.type != "bot_command" or first.offset:
            return None
        text = quoted.words(message)
        word, _, target = text[1 : first.length].partition("@")  # commands are ASCII
        if target:
            if target.casefold() != self._known_name():
                return Ignored(reason=OTHER_BOT)
        elif not direct and word.casefold() not in self._nouns:
            return Ignored(reason=OTHER_BOT)
        return Command(text=f"{word} {text[first.length :].strip()}".strip(), direct=direct)

    def _addressed(self, message: wire.Message) -> tuple[str, bool]:
        """The words without the mentions of us, and whether there were any."""
        text = quoted.words(message)
        found = [entity for entity in _entities(message) if entity.type.endswith("mention")]
        if not found:
            return text.strip(), False
        kept, at, mentioned = [], 0, False
        for entity in sorted(found, key=lambda entity: entity.offset):
            start = _index(text, entity.offset)
            end = _index(text, entity.offset + entity.length)
            if start < at or end > len(text):
                raise Malformed("an entity does not lie within its text")
            if self._names_us(entity, text[start:end]):
                kept.append(text[at:start].rstrip(" \t"))
                at, mentioned = end, True
        kept.append(text[at:].lstrip(" \t:,"))
        return " ".join([part for part in kept if part]).strip(), mentioned

    def _names_us(self, entity: wire.Entity, words: str) -> bool:
        if entity.type == "text_mention":
            return self._is_us(entity.user)
        return words.removeprefix("@").casefold() == self._known_name()

    def _is_us(self, user: wire.User | None) -> bool:
        return user is not None and user.id == self._bot

    def _known_name(self) -> str:
        name = self._username()
        if not name:
            raise Retryable("Telegram was not reached yet, so our own name is not known")
        return name.casefold()

    # ---- the rest

    def _pressed(self, update: wire.Update, query: wire.CallbackQuery) -> Parsed:
        message, data = query.message, query.data
        # The answer to a webhook may be a call of a method: the button stops to wait.
        answered = json.dumps({"method": "answerCallbackQuery", "callback_query_id": query.id})
        if message is None or not data or query.from_.is_bot:
            return Challenge(answer=answered, media_type="application/json")  # no button of ours
        action, _, value = data.partition(_SEPARATOR)
        return self._inbound(
            update,
            thread(message.chat.id, self._chains.of(message)),
            person(query.from_.id),
            ButtonPress(action=action, value=value, message_id=MessageId(str(message.message_id))),
            self._clock.now(),
            answered,
        )

    def _joined(self, update: wire.Update, changed: wire.ChatMemberUpdated) -> Parsed:
        was, now = _is_inside(changed.old_chat_member), _is_inside(changed.new_chat_member)
        if was == now:
            return Ignored(reason=MEMBERSHIP)
        change = ChannelChange.BOT_ADDED if now else ChannelChange.BOT_REMOVED
        # Whoever configures the chat needs its number, which no client of Telegram shows.
        event = "telegram.bot_added" if now else "telegram.bot_removed"
        log.info(event, extra={"chat": changed.chat.id, "title": changed.chat.title})
        return self._inbound(
            update,
            ThreadRef(channel(changed.chat.id)),
            person_of(changed.from_),
            ChannelChanged(change=change, detail=changed.chat.title or ""),
            _time(changed.date),
        )

    def _inbound(
        self,
        update: wire.Update,
        thread: ThreadRef,
        sender: Principal,
        body: Body,
        sent_at: datetime,
        acknowledgement: str = "",
    ) -> Inbound:
        return Inbound(
            event_key=f"{self._bot}:{update.update_id}",
            thread=thread,
            sender=sender,
            body=body,
            sent_at=sent_at,
            acknowledgement=acknowledgement,
        )


def person_of(user: wire.User | None) -> Principal:
    """The person, or nobody, who may do nothing."""
    return person(user.id) if user is not None else Principal(channel(0).platform, "", "")


def _told(message: wire.Message) -> ChannelChanged | None:
    """What the message tells of its chat, if it is of that kind."""
    if message.migrate_to_chat_id is not None:
        return ChannelChanged(change=ChannelChange.MOVED, detail=str(message.migrate_to_chat_id))
    if message.new_chat_title:
        return ChannelChanged(change=ChannelChange.RENAMED, detail=message.new_chat_title)
    return None


def _why_ignored(message: wire.Message) -> str:
    """Why the message starts nothing whatever it says; empty where it may."""
    if message.chat.type == "channel" or message.is_automatic_forward:
        return CHANNEL_POST
    if message.sender_chat is not None:
        # Who speaks as a group or as a channel shows nobody: there is no one to judge.
        own = message.sender_chat.id == message.chat.id
        return ANONYMOUS if own else CHANNEL_POST
    if message.from_ is None:
        return NO_SENDER
    return BOT if message.from_.is_bot or message.sender_business_bot is not None else ""


def _entities(message: wire.Message) -> list[wire.Entity]:
    return (message.entities if message.text else message.caption_entities) or []


def _index(text: str, units: int) -> int:
    """Where in the text so many UTF-16 units end; behind its end where it has fewer."""
    if text.isascii() or units < 0:
        return units
    encoded = text.encode("utf-16-le", "surrogatepass")
    if 2 * units > len(encoded):
        return len(text) + 1
    return len(encoded[: 2 * units].decode("utf-16-le", "ignore"))


def _is_inside(member: wire.ChatMember) -> bool:
    return member.status in _INSIDE or (member.status == "restricted" and bool(member.is_member))


def _time(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Malformed("the update has no time") from error
