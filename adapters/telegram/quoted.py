"""What comes with a message beside the sender's own words: files, and text that others wrote."""

import re
from collections.abc import Iterator

from adapters.telegram import wire
from runtime.model.files import FileRef

_LONGEST_QUOTE = 8_000
_LONGEST_NAME = 200
_NO_NAME = re.compile(r"[\x00-\x1f\x7f/\\]")
_EXTENSIONS = {"photo": "jpg", "voice": "ogg", "video_note": "mp4", "video": "mp4", "audio": "mp3"}


def words(message: wire.Message) -> str:
    """What stands in the message or under its picture."""
    return (message.text or message.caption or "").replace("\0", "\ufffd")


def is_typed(message: wire.Message) -> bool:
    """Whether the sender typed the words: not forwarded, and not made by another bot for them."""
    return message.forward_origin is None and message.via_bot is None


def texts(message: wire.Message, *, answered: bool) -> Iterator[str]:
    """Text that came with the message and that the sender did not type: untrusted.

    Args:
        message: the message.
        answered: the words of the message that is answered belong to it.
    """
    for text in _all(message, answered=answered):
        if text.strip():
            yield text.strip()[:_LONGEST_QUOTE]


def files(message: wire.Message) -> Iterator[FileRef]:
    """The files that came with the message. A picture comes in several sizes: the largest."""
    if message.photo:
        yield _file("photo", max(message.photo, key=lambda size: size.file_size or 0))
    document = None if message.animation is not None else message.document  # it is there twice
    for kind, media in (
        ("animation", message.animation),
        ("document", document),
        ("audio", message.audio),
        ("video", message.video),
        ("video_note", message.video_note),
        ("voice", message.voice),
    ):
        if media is not None:
            yield _file(kind, media)


def _all(message: wire.Message, *, answered: bool) -> Iterator[str]:
    if not is_typed(message):
        yield _from(message) + words(message)
    if message.quote is not None:
        yield message.quote.text
    elif answered and message.reply_to_message is not None:
        yield words(message.reply_to_message)
    if message.external_reply is not None:
        named = message.external_reply.document
        yield _name(message.external_reply.origin)
        yield f"file: {named.file_name}" if named is not None and named.file_name else ""


def _from(message: wire.Message) -> str:
    if message.via_bot is not None:
        return f"via @{message.via_bot.username or message.via_bot.id}: "
    name = _name(message.forward_origin)
    return f"{name}: " if name else ""


def _name(origin: wire.Origin | None) -> str:
    """Who wrote it, in the words that Telegram shows. It carries no authority."""
    if origin is None:
        return ""
    chat, user = origin.sender_chat or origin.chat, origin.sender_user
    name = f"{user.first_name} {user.last_name or ''}".strip() if user else origin.sender_user_name
    return f"from {name or (chat.title if chat else '') or 'somebody else'}"


def _file(kind: str, media: wire.Media) -> FileRef:
    name = media.file_name or (f"{kind}.{_EXTENSIONS[kind]}" if kind in _EXTENSIONS else "")
    return FileRef(
        handle=media.file_id,
        name=_NO_NAME.sub("_", name)[:_LONGEST_NAME].strip(". "),
        media_type=media.mime_type or ("image/jpeg" if kind == "photo" else ""),
        size=media.file_size if (media.file_size or 0) >= 0 else None,
    )
