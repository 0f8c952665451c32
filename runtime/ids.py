"""Identifiers: one `NewType` for each noun, and the only place that makes new ones."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import NewType, Protocol

from runtime.clock import Clock

Platform = NewType("Platform", str)
"""The short name of a chat platform, as configuration spells it: `slack`, `terminal`."""
MessageId = NewType("MessageId", str)
"""A platform's own id of one message (Slack: its `ts`)."""
InboxId = NewType("InboxId", str)
ConversationId = NewType("ConversationId", str)
TurnId = NewType("TurnId", str)
OutboxId = NewType("OutboxId", str)
ScheduleId = NewType("ScheduleId", str)
RunId = NewType("RunId", str)
AgentName = NewType("AgentName", str)
ModelName = NewType("ModelName", str)
ToolCallId = NewType("ToolCallId", str)
HoldId = NewType("HoldId", str)
FileId = NewType("FileId", str)
ApprovalId = NewType("ApprovalId", str)
ReminderId = NewType("ReminderId", str)
StopId = NewType("StopId", str)

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_SIXTY_BITS = (1 << 60) - 1
_CHARACTERS = (_ALPHABET * 8).encode()
"""A character for each byte: eight bytes for each of the 32, so that all are as likely."""
_FOUR_BITS = {character: number & 15 for number, character in enumerate(_ALPHABET)}
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
"""Two characters for each ten bits: every event gets an id, and this halves what that costs."""


class IdSource(Protocol):
    """Makes identifiers that sort by the time they were made."""

    def new(self) -> str:
        """A fresh identifier of 26 lower-case characters; later ones sort after earlier ones."""
        ...

    def several(self, count: int) -> Sequence[str]:
        """As many fresh identifiers, in their order."""
        ...


class TimeOrderedIds:
    """Identifiers of 48 bits of milliseconds, 16 bits of counter and 64 random bits.

    The order holds within one process; between processes it is as good as their clocks.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0
        self._high = -1
        self._beginning = ""
        self._random = ""
        self._used = 0

    def new(self) -> str:
        """A fresh identifier; later ones sort after earlier ones even within a millisecond."""
        return self._next(self._moment())

    def several(self, count: int) -> list[str]:
        """As many, in order, by one look at the clock."""
        moment = self._moment()
        return [self._next(moment) for _ in range(count)]

    def _moment(self) -> int:
        return int(self._clock.now().timestamp() * 1000) << 16

    def _next(self, moment: int) -> str:
        self._last = last = max(self._last + 1, moment)
        high, low = last >> 6, last & 63
        if high != self._high:  # shared by what is made within a millisecond
            self._high, self._beginning = high, _pairs(high)
        used = self._used
        if used == len(self._random):
            # Many at once: asking the kernel lets go of the interpreter, and waits to get it back.
            self._random = secrets.token_bytes(13 * 256).translate(_CHARACTERS).decode()
            used = 0
        self._used = end = used + 13
        middle = _PAIRS[low << 4 | _FOUR_BITS[self._random[used]]]
        return self._beginning + middle + self._random[used + 1 : end]


def unguessable() -> str:
    """An identifier of 26 characters and 130 random bits, for what may be done by whoever has it.

    It has no order, and only the work that stores it may ask for one: see `IdSource` otherwise.
    """
    return secrets.token_bytes(_LENGTH).translate(_CHARACTERS).decode()


def derived(*parts: str) -> str:
    """The same identifier for the same parts, for work that may be asked for twice.

    A schedule made by one inbox row, or the answer to it, gets the same id however often the row
    is processed, so that a second try after a crash finds the first one's row.
    """
    text = "\x1f".join(parts).encode()
    return _spell(int.from_bytes(hashlib.sha256(text).digest()[:16], "big"))


_LENGTH = 26
_MOMENT = 14
"""Characters of an identifier that hold its moment and its counter."""


def following(kind: str, source: str) -> str:
    """Like `derived`, but it sorts where `source` does, among others of its kind.

    Rows that follow from rows made one after the other so lie side by side in an index, which a
    commit then writes a page or two of, instead of a page for each.
    """
    part = hashlib.sha256(f"{kind}\x1f{source}".encode()).hexdigest()
    return source[:_MOMENT] + part[: _LENGTH - _MOMENT]


def derived_at(moment: datetime, *parts: str) -> str:
    """Like `derived`, but it sorts by the moment, among others of its kind.

    What falls due at the same moment so lies side by side in an index. 70 bits tell the parts
    apart that have one millisecond in common.
    """
    text = "\x1f".join(parts).encode()
    part = int.from_bytes(hashlib.sha256(text).digest()[:9], "big")
    beginning = _pairs(int(moment.timestamp() * 1000) << 10)
    return beginning + _pairs(part & _SIXTY_BITS) + _PAIRS[part >> 60 & 1023]


def _spell(number: int) -> str:
    """128 bits in 26 characters of Crockford's base 32: text order is number order."""
    return _pairs(number >> 70) + _pairs(number >> 10 & _SIXTY_BITS) + _PAIRS[number & 1023]


def _pairs(number: int) -> str:
    """60 bits in 12 characters. Written out, for every event and every row gets an id."""
    pairs = _PAIRS
    return (
        pairs[number >> 50]
        + pairs[number >> 40 & 1023]
        + pairs[number >> 30 & 1023]
        + pairs[number >> 20 & 1023]
        + pairs[number >> 10 & 1023]
        + pairs[number & 1023]
    )
