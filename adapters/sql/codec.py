"""Between the values of the core and the text and integers of the tables."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_encoder = msgspec.json.Encoder()


def micros(when: datetime) -> int:
    """Microseconds since 1970, which both databases compare and sort alike."""
    return (when - _EPOCH) // _MICROSECOND


def moment(count: int) -> datetime:
    """The time that `micros` made the number of, in UTC."""
    return _EPOCH + timedelta(microseconds=count)


def maybe_moment(count: int | None) -> datetime | None:
    """The same where there may be none."""
    return None if count is None else moment(count)


def maybe_micros(when: datetime | None) -> int | None:
    """The same where there may be none."""
    return None if when is None else micros(when)


def encode(value: object) -> str:
    """The value as JSON. Halves of surrogate pairs, which JSON text cannot hold, are replaced."""
    try:
        return _encoder.encode(value).decode()
    except UnicodeEncodeError:
        return _encoder.encode(_sound(msgspec.to_builtins(value))).decode()


def decoder(kind: type[T]) -> Callable[[str], T]:
    """A function that reads the JSON of such a value; unknown fields are ignored."""
    return msgspec.json.Decoder(kind).decode


def plain(text: str) -> str:
    """Text as a column of either database can hold it: no NUL, no half of a surrogate pair."""
    if text.isascii() and "\0" not in text:
        return text
    return _whole(text).replace("\0", "\N{REPLACEMENT CHARACTER}")


def _whole(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _sound(value: Any) -> object:
    """The tree with its texts made whole."""
    match value:
        case str():
            return _whole(value)
        case list() | tuple():
            return [_sound(item) for item in value]
        case dict():
            return {key: _sound(item) for key, item in value.items()}
        case _:
            return value
