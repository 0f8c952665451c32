"""A message in the fields of the Bot API: text, entities, keyboard, place. Pure."""

from collections.abc import Sequence
from typing import Any

from adapters.telegram.inbound import callback_data
from adapters.telegram.places import answered_in, chat_of, topic_of
from adapters.telegram.render import Shown
from runtime.errors import Permanent
from runtime.model.address import ThreadRef
from runtime.model.messages import Button

DATA_LIMIT = 64
"""Bytes that a button can carry."""
NO_PREVIEW = {"is_disabled": True}

_LABEL_LIMIT = 64
_SHORT_LABEL = 14
_BESIDE = 3

Fields = dict[str, Any]


def place(thread: ThreadRef, *, topic: bool = True) -> Fields:
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
        else {"message_id": answered, "allow_sending_without_reply": True},
    }


def said(shown: Shown) -> Fields:
    """The text of a message; no link of it is previewed."""
    return {
        "text": shown.text,
        "entities": entities(shown),
        "link_preview_options": NO_PREVIEW,
    }


def entities(shown: Shown) -> list[Fields] | None:
    """What in the text looks otherwise."""
    return [
        {"type": span.kind, "offset": span.offset, "length": span.length}
        | ({"language": span.language} if span.language else {})
        for span in shown.spans
    ] or None


def keyboard(buttons: Sequence[Button]) -> Fields | None:
    """The buttons: short ones side by side, others one below the other.

    Raises:
        Permanent: one of them carries more than Telegram lets a button carry.
    """
    if not buttons:
        return None
    keys = [_key(button) for button in buttons]
    beside = _BESIDE if all(len(key["text"]) <= _SHORT_LABEL for key in keys) else 1
    return {"inline_keyboard": [keys[at : at + beside] for at in range(0, len(keys), beside)]}


def _key(button: Button) -> Fields:
    data = callback_data(button.action, button.value)
    size = len(data.encode())
    if size > DATA_LIMIT:
        raise Permanent(
            f"the button {button.action} carries {size} bytes, and Telegram takes {DATA_LIMIT}"
        )
    label = button.label or "…"
    if len(label) > _LABEL_LIMIT:
        label = label[: _LABEL_LIMIT - 1] + "…"
    return {"text": label, "callback_data": data}
