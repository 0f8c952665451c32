"""The shapes of Telegram's updates that we read, and strict decoding.

Field names are Telegram's (Bot API 10.1, "Available types"); fields we do not read are skipped.
What Telegram documents as optional may be absent.

What a body may not be: other than UTF-8, nested deeper than 64 (a message can quote a message that
quotes one), `NaN`, half a surrogate pair.
"""

import json
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from adapters.strictjson import refuse_loose
from runtime.errors import Malformed

MAX_DEPTH = 64


T = TypeVar("T")


class _Shape(msgspec.Struct, frozen=True, gc=False, rename={"from_": "from"}):
    """A part of an update."""


class User(_Shape, frozen=True):
    """A person or a bot."""

    id: int
    is_bot: bool = False
    first_name: str = ""
    last_name: str | None = None
    username: str | None = None


class Chat(_Shape, frozen=True):
    """Where: `private`, `group`, `supergroup` or `channel`."""

    id: int
    type: str = ""
    title: str | None = None


class Entity(_Shape, frozen=True):
    """A part of a text that is more than text; counted in UTF-16 units."""

    type: str
    offset: int
    length: int
    user: User | None = None


class Quote(_Shape, frozen=True):
    """The part of another message that the sender answers to."""

    text: str = ""


class Origin(_Shape, frozen=True):
    """Who wrote a forwarded message."""

    type: str = ""
    sender_user: User | None = None
    sender_user_name: str | None = None
    sender_chat: Chat | None = None
    chat: Chat | None = None


class Media(_Shape, frozen=True):
    """A file: documents, pictures, sound and film have these in common."""

    file_id: str
    file_name: str | None = None
    mime_type: str | None = None
    file_size: int | None = None


class External(_Shape, frozen=True):
    """A message of another chat that the sender answers to."""

    origin: Origin | None = None
    document: Media | None = None


class Message(_Shape, frozen=True):
    """A message. A service message has none of the contents."""

    message_id: int
    chat: Chat
    date: int = 0
    message_thread_id: int | None = None
    is_topic_message: bool | None = None
    from_: User | None = None
    sender_chat: Chat | None = None
    sender_business_bot: User | None = None
    is_automatic_forward: bool | None = None
    forward_origin: Origin | None = None
    reply_to_message: "Message | None" = None
    external_reply: External | None = None
    quote: Quote | None = None
    via_bot: User | None = None
    text: str | None = None
    entities: list[Entity] | None = None
    caption: str | None = None
    caption_entities: list[Entity] | None = None
    animation: Media | None = None
    audio: Media | None = None
    document: Media | None = None
    photo: list[Media] | None = None
    video: Media | None = None
    video_note: Media | None = None
    voice: Media | None = None
    migrate_to_chat_id: int | None = None
    new_chat_title: str | None = None


class CallbackQuery(_Shape, frozen=True):
    """A button of ours that somebody pressed."""

    id: str
    from_: User
    message: Message | None = None
    data: str | None = None


class ChatMember(_Shape, frozen=True):
    """What a member of a chat is there: `member`, `administrator`, `left`, `kicked`, ..."""

    status: str = ""
    is_member: bool | None = None


class ChatMemberUpdated(_Shape, frozen=True):
    """What the bot is in a chat has changed."""

    chat: Chat
    from_: User
    date: int
    old_chat_member: ChatMember
    new_chat_member: ChatMember


class Update(_Shape, frozen=True):
    """An update; at most one of the others is there."""

    update_id: int
    message: Message | None = None
    callback_query: CallbackQuery | None = None
    my_chat_member: ChatMemberUpdated | None = None


_UPDATE = msgspec.json.Decoder(Update)
_ANY = msgspec.json.Decoder(dict[str, msgspec.Raw])


def update(body: bytes) -> tuple[Update, str]:
    """Read an update: the update and, where nothing of it is there, what kind it is.

    Raises:
        Malformed: it is none, or not of the shape that its kind has.
    """
    refuse_loose(body, deepest=MAX_DEPTH)
    found = _decode(_UPDATE, body)
    if found.message or found.callback_query or found.my_chat_member:
        return found, ""
    parts = _decode(_ANY, body)
    return found, _kind(parts)


def polled(found: object) -> tuple[Update, str]:
    """The same, and as strictly, for an update that was polled and decoded already.

    Raises:
        Malformed: as for `update`.
    """
    try:
        return update(json.dumps(found).encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise Malformed(f"the update cannot be read: {error}") from error


def _kind(parts: Iterable[str]) -> str:
    return next((name for name in parts if name != "update_id"), "")


def _decode(decoder: msgspec.json.Decoder[T], body: bytes | msgspec.Raw) -> T:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Malformed(f"the body cannot be read: {error}") from error
