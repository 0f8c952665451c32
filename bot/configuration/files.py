"""`[files]` of `nightdesk.toml`: which files of people are taken."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from bot.configuration.entries import Entry
from bot.configuration.problems import did_you_mean, listed
from runtime.model.files import MEGABYTE, FileKind, FileRules

KINDS = tuple(str(kind) for kind in FileKind if kind is not FileKind.PROGRAM)
"""What can be taken; programs never are."""
LARGEST = 100
"""Megabytes: beyond that a database is no place for them, and no platform gives more."""


def _megabytes(value: object) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < float(str(value)) <= LARGEST:
        raise ValueError(
            f"write a number of megabytes, above 0 and up to {LARGEST}, without quotes"
        )
    return float(str(value))


def _whole_bytes(value: float) -> float:
    if int(value * MEGABYTE) < 1:
        raise ValueError("that is less than a byte")
    return value


def _kinds(value: object) -> tuple[FileKind, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError(
            f'write a list such as ["text", "image"]; there are {listed(KINDS, "and")}'
        )
    for each in value:
        if each == FileKind.PROGRAM:
            raise ValueError("programs are never taken")
        if each not in KINDS:
            raise ValueError(did_you_mean(each, KINDS, f"there are {listed(KINDS, 'and')}"))
    return tuple(map(FileKind, value))


class FilesEntry(Entry):
    """`[files]`."""

    max_mb: Annotated[float, AfterValidator(_whole_bytes), BeforeValidator(_megabytes)] = 20.0
    types: Annotated[tuple[FileKind, ...], BeforeValidator(_kinds)] = tuple(map(FileKind, KINDS))

    def rules(self) -> FileRules:
        """The same for the core."""
        return FileRules(most=int(self.max_mb * MEGABYTE), kinds=frozenset(self.types))
