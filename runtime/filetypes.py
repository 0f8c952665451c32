"""What a file is, judged by its first bytes: names and claimed types carry no authority.

The signatures are those of the formats' own specifications; where a name alone makes a machine run
a file (Windows), the name is enough to refuse it.
"""

import codecs

from runtime.model.files import FileKind

HEAD = 4096
"""Bytes of the beginning that are looked at."""

TEXT = "text/plain"
BINARY = "application/octet-stream"

_SIGNATURES: tuple[tuple[bytes, str, FileKind], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png", FileKind.IMAGE),
    (b"\xff\xd8\xff", "image/jpeg", FileKind.IMAGE),
    (b"GIF87a", "image/gif", FileKind.IMAGE),
    (b"GIF89a", "image/gif", FileKind.IMAGE),
    (b"%PDF-", "application/pdf", FileKind.PDF),
    (b"PK\x03\x04", "application/zip", FileKind.ARCHIVE),
    (b"PK\x05\x06", "application/zip", FileKind.ARCHIVE),
    (b"\x1f\x8b", "application/gzip", FileKind.ARCHIVE),
    (b"\xfd7zXZ\x00", "application/x-xz", FileKind.ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed", FileKind.ARCHIVE),
    (b"Rar!\x1a\x07", "application/vnd.rar", FileKind.ARCHIVE),
    (b"\x28\xb5\x2f\xfd", "application/zstd", FileKind.ARCHIVE),
    (b"\x7fELF", BINARY, FileKind.PROGRAM),
    (b"\xfe\xed\xfa\xce", BINARY, FileKind.PROGRAM),
    (b"\xfe\xed\xfa\xcf", BINARY, FileKind.PROGRAM),
    (b"\xce\xfa\xed\xfe", BINARY, FileKind.PROGRAM),
    (b"\xcf\xfa\xed\xfe", BINARY, FileKind.PROGRAM),
    (b"\xca\xfe\xba\xbe", BINARY, FileKind.PROGRAM),
    (b"\x00asm", BINARY, FileKind.PROGRAM),
    (b"dex\n0", BINARY, FileKind.PROGRAM),
)
_WEAK_SIGNATURES: tuple[tuple[bytes, str, FileKind], ...] = (
    (b"MZ", BINARY, FileKind.PROGRAM),
    (b"BZh", "application/x-bzip2", FileKind.ARCHIVE),
)
"""So short that a text could begin so: they count only where it is no text."""
_RUN_BY_NAME = frozenset(
    [
        "apk",
        "appx",
        "bat",
        "cmd",
        "com",
        "cpl",
        "dll",
        "exe",
        "hta",
        "jar",
        "js",
        "lnk",
        "msi",
        "msix",
        "pif",
        "ps1",
        "scr",
        "vbe",
        "vbs",
        "wsf",
    ]
)
"""Endings that make Windows, or a phone, run what they stand on. Scripts of a shell are text."""
_SCRIPTS = frozenset(["bat", "cmd", "js", "ps1"])
"""Of these, the ones that people show each other as text: taken where they are text."""

_RIFF = b"RIFF"
_WEBP = b"WEBP"
_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_STRANGE = bytes(set(range(0x20)) - set(b"\t\n\x0b\x0c\r\x1b\b"))
"""Control characters that no text has."""


def kind_of(head: bytes, name: str) -> tuple[FileKind, str]:
    """The kind and the media type of a file that begins so and is called so.

    `head` is its first `HEAD` bytes, or all of it.
    """
    kind, media_type = _by_signature(head) or _by_text(head)
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    shown_as_text = ending in _SCRIPTS and kind is FileKind.TEXT
    if ending in _RUN_BY_NAME and not shown_as_text:
        return FileKind.PROGRAM, BINARY
    return kind, media_type


def text_of(content: bytes) -> tuple[str, str] | None:
    """The content as text, and how it was read; None where it is none.

    UTF-8, else UTF-16 where it says so itself, else Latin-1, in which any byte is a character.
    """
    if _by_signature(content[:HEAD]) is not None:
        return None
    if not _is_text(content[:HEAD]):
        return None
    if content.startswith(_MARKS):
        return content.decode("utf-16", "replace"), "UTF-16"
    try:
        return content.decode("utf-8-sig"), "UTF-8"
    except UnicodeDecodeError:
        return content.decode("latin-1"), "Latin-1, because it is not UTF-8"


def _by_signature(head: bytes) -> tuple[FileKind, str] | None:
    if head[:4] == _RIFF and head[8:12] == _WEBP:
        return FileKind.IMAGE, "image/webp"
    for signature, media_type, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind, media_type
    for signature, media_type, kind in _WEAK_SIGNATURES:
        if head.startswith(signature) and not _is_text(head):
            return kind, media_type
    return None


def _by_text(head: bytes) -> tuple[FileKind, str]:
    return (FileKind.TEXT, TEXT) if _is_text(head) else (FileKind.OTHER, BINARY)


def _is_text(head: bytes) -> bool:
    return head.startswith(_MARKS) or head.translate(None, _STRANGE) == head
