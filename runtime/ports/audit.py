"""The audit log: what was decided and done."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from runtime.ids import TurnId
from runtime.model.audit import Actor, AuditEvent, AuditRecord, Head
from runtime.model.value import value


@value(kw_only=True)
class AuditQuery:
    """Which records are wanted.

    Attributes:
        since: none from before.
        kind: a kind (`tool.ended`) or the word before its dot (`tool`); empty for all.
        actors: of one of these; empty for everybody's.
        limit: how many at most: the latest ones.
    """

    since: datetime | None = None
    kind: str = ""
    actors: tuple[Actor, ...] = ()
    limit: int = 50


class Audit(Protocol):
    """The chain of what was decided and done; see `runtime.model.audit`.

    Every method of the store that decides or does something adds its records itself, in its own
    transaction: nothing is done without its record, and nothing is recorded that was not done. What
    only a caller knows it hands over as `audit`. There is one chain over all processes, records are
    only ever added, and the database refuses to change or delete one.
    """

    async def add(self, events: Sequence[AuditEvent]) -> None:
        """Record what changes nothing else that is stored, such as a file that was read."""
        ...

    async def page(self, *, after: int = 0, limit: int = 500) -> list[AuditRecord]:
        """The records whose number is higher than `after`, in the order of the chain."""
        ...

    async def find(self, wanted: AuditQuery) -> list[AuditRecord]:
        """The latest records that are wanted, the latest first."""
        ...

    async def of_turn(self, turn: TurnId, *, limit: int = 200) -> list[AuditRecord]:
        """What happened in a turn, or in the run of that id, oldest first."""
        ...

    async def head(self) -> Head:
        """Where the chain ends now."""
        ...
