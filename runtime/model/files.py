"""Files that people send and files that Nightdesk sends: what is known of them, never the bytes."""

from dataclasses import dataclass

from runtime.ids import FileId


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class OutFile:
    """A file in the file store, where its bytes are under its id; it may go out with a message.

    Attributes:
        id: its id in the file store.
        name: the name that people see, with its extension.
        media_type: its type: `image/png`, `text/csv`.
        size: its size in bytes.
    """

    id: FileId
    name: str
    media_type: str
    size: int


def too_large(name: str, most: int) -> str:
    """Why a file is not taken, for people; `most` is in bytes."""
    return f"{name or 'The file'} has more than {most / 1_000_000:g} MB, which is the most I take."
