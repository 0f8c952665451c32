"""People who were made members in the chat, beside those whom the configuration names."""

from datetime import datetime
from enum import StrEnum

from runtime.model.address import Principal
from runtime.model.team import MemberRole
from runtime.model.value import value


@value(kw_only=True)
class Enrolment:
    """What was last said of somebody in the chat.

    Attributes:
        who: the person, by platform id.
        name: for showing only; it carries no authority.
        role: what they may do; None where they were let go.
        was: what they might do before, by the chat; None where nobody was.
        by: who said so; the person themselves where a one-time code did.
        at: when.
        key: names the asking, so that carrying it out again after a crash is told from the next.
    """

    who: Principal
    name: str
    role: MemberRole | None
    was: MemberRole | None
    by: Principal
    at: datetime
    key: str


class Enrolled(StrEnum):
    """What became of a change of the list."""

    DONE = "done"
    CHANGED = "changed"
    """Somebody else changed it first, and nothing was written."""
    LAST_OWNER = "last_owner"
    """Nobody would be owner any more, and nothing was written."""
