"""What comes with a message beside the sender's own words: files, and text that others wrote."""

import re
from collections.abc import Iterator, Sequence

from adapters.discord import wire
from runtime.model.files import FileRef

_LONGEST_QUOTE = 8_000
_MOST_QUOTES = 20
_LONGEST_NAME = 200
_EMOJI = re.compile(r"<a?(:\w{1,64}:)\d{1,20}>")
_NO_NAME = re.compile(r"[\x00-\x1f\x7f/\\]")


def readable(text: str) -> str:
    """Discord's markup for emojis as a person would have typed it.

    Mentions of people stay as `<@123>` and of channels as `<#123>`: they are ids, not words.
    """
    if "<" in text:
        text = _EMOJI.sub(r"\1", text)
    return text.replace("\0", "\ufffd").strip()


def texts(said: wire.Message) -> Iterator[str]:
    """Text that came with the message and that the sender did not type: untrusted."""
    found = _all(said)
    for _, text in zip(range(_MOST_QUOTES), found, strict=False):
        yield text[:_LONGEST_QUOTE]


def files(said: wire.Message) -> Iterator[FileRef]:
    """The files that came with the message. Their addresses are good for a day, and secret."""
    for attached in said.attachments or ():
        if attached.url:
            yield FileRef(
                handle=attached.url,
                name=_NO_NAME.sub("_", attached.filename or "")[:_LONGEST_NAME].strip(". "),
                media_type=(attached.content_type or "").partition(";")[0].strip().lower(),
                size=attached.size if (attached.size or 0) >= 0 else None,
            )


def _all(said: wire.Message) -> Iterator[str]:
    if said.referenced_message is not None:
        yield from _said(said.referenced_message)
    for snapshot in said.message_snapshots or ():
        if snapshot.message is not None:
            yield from _said(snapshot.message)
    yield from _embedded(said.embeds or ())


def _said(other: wire.Said) -> Iterator[str]:
    if other.content and readable(other.content):
        yield readable(other.content)
    yield from _embedded(other.embeds or ())


def _embedded(embeds: Sequence[wire.Embed]) -> Iterator[str]:
    for embed in embeds:
        fields = [part for f in embed.fields or () for part in (f.name, f.value)]
        parts = (
            embed.author.name if embed.author else None,
            embed.title,
            embed.description,
            *fields,
            embed.footer.text if embed.footer else None,
        )
        text = "\n".join(readable(part) for part in parts if part)
        if text.strip():
            yield text
