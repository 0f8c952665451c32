"""Files that people send and files that Nightdesk sends: what is known of them, never the bytes."""

import unicodedata
from enum import StrEnum

from runtime.ids import FileId
from runtime.model.value import value


@value(kw_only=True)
class FileRef:
    """A file that came with a message. Everything in it is the sender's claim.

    Attributes:
        handle: what the platform wants to see when the file is fetched: an id or an address. It
            may be a secret: never logged, never shown to a model.
        name: the name that the sender gave it, without any folder; empty where it has none.
        media_type: the type that the platform or the sender says it has, or empty.
        size: its size in bytes as the platform says it, or None where it does not.
    """

    handle: str
    name: str = ""
    media_type: str = ""
    size: int | None = None


@value(kw_only=True)
class OutFile:
    """A file in the file store, where its bytes are under its id; it may go out with a message.

    Attributes:
        id: its id in the file store.
        name: the name that people see, with its extension.
        media_type: its type: `image/png`, `text/csv`. Of a file from outside, what its first bytes
            say.
        size: its size in bytes.
        alt: what a picture shows, for who cannot see it, in at most 1,000 characters; empty where
            nobody says so.
    """

    id: FileId
    name: str
    media_type: str
    size: int
    alt: str = ""


class FileKind(StrEnum):
    """What a file is, as its first bytes say it: what a team takes or refuses."""

    TEXT = "text"
    """Anything that is readable as it is: logs, CSV, JSON, source."""
    IMAGE = "image"
    PDF = "pdf"
    ARCHIVE = "archive"
    """Kept, and never opened; office documents are archives too."""
    OTHER = "other"
    PROGRAM = "program"
    """Something that a machine could run: never taken."""


MEGABYTE = 1_000_000


@value(kw_only=True)
class FileRules:
    """Which files of people are taken.

    Attributes:
        most: the most bytes that one may have.
        kinds: the kinds that are taken.
        at_once: how many are taken with one message.
    """

    most: int = 20 * MEGABYTE
    kinds: frozenset[FileKind] = frozenset(FileKind) - {FileKind.PROGRAM}
    at_once: int = 5


LONGEST_NAME = 100
_LONGEST_ENDING = 12
_NOT_IN_A_NAME = frozenset('/\\"<>|:*?[]`')


def clean_name(name: str) -> str:
    """A name that is only a name: no folder, nothing invisible, nothing that turns text around.

    Never empty. What was in front of a slash is gone; a character that does not belong in a name
    is `_`. It is bounded and keeps its ending.
    """
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    shown = "".join("_" if _is_odd(character) else character for character in last)
    shown = " ".join(shown.split()).strip(". ")
    if len(shown) > LONGEST_NAME:
        stem, dot, ending = shown.rpartition(".")
        ending = dot + ending if stem and len(ending) <= _LONGEST_ENDING else ""
        end = LONGEST_NAME - len(ending) - 1
        while end and unicodedata.category(shown[end])[0] == "M":
            end -= 1  # an accent stays with its letter
        shown = (shown[:end].rstrip() or "file") + "…" + ending
    return shown or "file"


def _is_odd(character: str) -> bool:
    if character == " ":
        return False
    # Control, format (where the turns of right to left are), surrogate, private, unassigned; and
    # the separators that are no plain space.
    return character in _NOT_IN_A_NAME or unicodedata.category(character)[0] in "CZ"


def size_of(count: int) -> str:
    """A size in words: `1,234 bytes`, `3.4 MB`."""
    if count < MEGABYTE:
        return f"{count:,} byte{'' if count == 1 else 's'}"
    return f"{count / MEGABYTE:.1f} MB"


def too_large(name: str, most: int) -> str:
    """Why a file is not taken, for people; `most` is in bytes."""
    return f"{name or 'The file'} has more than {most / MEGABYTE:g} MB, which is the most I take."
