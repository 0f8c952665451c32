"""A message in the library's types: text, entities, keyboard, place, file. Pure."""

from collections.abc import Sequence
from typing import TypedDict

from telegram import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputFile,
    LinkPreviewOptions,
    MessageEntity,
    ReplyParameters,
)

from adapters.telegram.inbound import callback_data
from adapters.telegram.places import answered_in, chat_of, topic_of
from adapters.telegram.render import Shown
from runtime.errors import Permanent
from runtime.model.address import ThreadRef
from runtime.model.messages import Button
from runtime.text import clipped

DATA_LIMIT = 64
"""Bytes that a button can carry."""
NO_PREVIEW = LinkPreviewOptions(is_disabled=True)

_LABEL_LIMIT = 64
_SHORT_LABEL = 14
_BESIDE = 3

_SPOILS_A_HEADER = str.maketrans('"\\\r\n', "____")


class Place(TypedDict):
    """Where a new message goes, as arguments of the methods that send one."""

    chat_id: int
    message_thread_id: int | None
    reply_parameters: ReplyParameters | None


class Said(TypedDict):
    """What a message says, as arguments."""

    text: str
    entities: list[MessageEntity] | None
    link_preview_options: LinkPreviewOptions


class Caption(TypedDict):
    """What stands under a file, as arguments."""

    caption: str | None
    caption_entities: list[MessageEntity] | None


def place(thread: ThreadRef, *, topic: bool = True) -> Place:
    """Where a new message goes: the chat, the topic, the message it answers.

    Raises:
        Permanent: the thread is in no chat.
    """
    chat = chat_of(thread)
    if not chat:
        raise Permanent(f"{thread.channel.channel[:40]!r} is no Telegram chat: its id is a number")
    answered = answered_in(thread)
    return {
        "chat_id": chat,
        "message_thread_id": topic_of(thread) if topic else None,
        "reply_parameters": None
        if answered is None
        # Whoever deleted the question still gets an answer.
        else ReplyParameters(answered, allow_sending_without_reply=True),
    }


def said(shown: Shown) -> Said:
    """The text of a message; no link of it is previewed."""
    return {
        "text": shown.text,
        "entities": entities(shown),
        "link_preview_options": NO_PREVIEW,
    }


def caption(shown: Shown | None) -> Caption:
    """The text under a file; None for nothing."""
    if shown is None:
        return {"caption": None, "caption_entities": None}
    return {"caption": shown.text, "caption_entities": entities(shown)}


def entities(shown: Shown) -> list[MessageEntity] | None:
    """What in the text looks otherwise."""
    return [
        MessageEntity(span.kind, span.offset, span.length, language=span.language or None)
        for span in shown.spans
    ] or None


def file(name: str, media_type: str, content: bytes) -> InputFile:
    """A file under its name, with the type that is known of it and not one guessed from that."""
    made = InputFile(content, filename=name.translate(_SPOILS_A_HEADER) or "file")
    made.mimetype = media_type
    return made


def keyboard(buttons: Sequence[Button]) -> InlineKeyboardMarkup | None:
    """The buttons: short ones side by side, others one below the other.

    Raises:
        Permanent: one of them carries more than Telegram lets a button carry.
    """
    if not buttons:
        return None
    keys = [_key(button) for button in buttons]
    beside = _BESIDE if all(len(key.text) <= _SHORT_LABEL for key in keys) else 1
    return InlineKeyboardMarkup([keys[at : at + beside] for at in range(0, len(keys), beside)])


def _key(button: Button) -> InlineKeyboardButton:
    data = callback_data(button.action, button.value)
    size = len(data.encode())
    if size > DATA_LIMIT:
        raise Permanent(
            f"the button {button.action} carries {size} bytes, and Telegram takes {DATA_LIMIT}"
        )
    label = clipped(button.label, _LABEL_LIMIT) or "…"
    return InlineKeyboardButton(label, callback_data=data)
