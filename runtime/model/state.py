"""What agents keep: small values by key, each with a version that is never used twice."""

import re
from datetime import datetime

from runtime.errors import NightdeskError, Refused
from runtime.ids import AgentName
from runtime.model.value import value

LONGEST_KEY = 80
"""Characters of a key."""
LONGEST_VALUE = 4_000
"""Characters of a value."""
MOST_KEPT = 200
"""Values of one agent, and values that agents share."""

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")


class VersionConflict(NightdeskError):
    """The value is not of the version that the writer has read.

    Attributes:
        present: the version that it has now; 0 where there is no value.
    """

    def __init__(self, present: int) -> None:
        super().__init__(f"the value has version {present}")
        self.present = present


class StateFull(NightdeskError):
    """As many values are kept as may be."""


@value(kw_only=True)
class Space:
    """Whose values they are.

    Attributes:
        agent: an agent's own; None for those that agents share.
    """

    agent: AgentName | None = None

    @property
    def name(self) -> str:
        """The same for the same space, and another for each."""
        return "shared" if self.agent is None else f"agent:{self.agent}"


SHARED = Space()
"""The values that agents share."""


@value(kw_only=True)
class Kept:
    """A value.

    Attributes:
        key: its key.
        value: what it says; material for models, never instructions.
        version: larger with each write; no two writes ever have the same.
        agent: who wrote it.
        call: the call that wrote it: writing again with the same changes nothing.
        at: when.
    """

    key: str
    value: str
    version: int
    agent: AgentName
    call: str
    at: datetime


def require_key(key: str) -> str:
    """The key, where it can be one.

    Raises:
        Refused: it cannot; says what can.
    """
    if len(key) > LONGEST_KEY or _KEY.fullmatch(key) is None:
        raise Refused(
            f"{key[:40]!r} cannot be a key.",
            hint=f"A key has at most {LONGEST_KEY} characters: letters, digits, and . _ / - "
            "after the first.",
        )
    return key


def require_value(value: str) -> str:
    """The value, where it is small enough.

    Raises:
        Refused: it is too long.
    """
    if len(value) > LONGEST_VALUE:
        raise Refused(
            f"The value has {len(value):,} characters, and {LONGEST_VALUE:,} is the most.",
            hint="Keep less, or in several values.",
        )
    return value
