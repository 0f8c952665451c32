"""The audit log in memory: the twin of the one in a database."""

from collections.abc import Sequence

from runtime.clock import Clock
from runtime.ids import TurnId
from runtime.model.audit import AuditEvent, AuditRecord, Head, micros_of, sealed
from runtime.ports import AuditQuery


class MemoryAudit:
    """`runtime.ports.Audit` in memory."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._records: list[AuditRecord] = []

    def record(self, *events: AuditEvent) -> None:
        """Add to the chain; the parts of the store call it as the last thing of a change."""
        at = micros_of(self._clock.now())
        for event in events:
            self._records.append(sealed(event, self._head(), at=at))

    async def add(self, events: Sequence[AuditEvent]) -> None:
        """Record what changes nothing else: see the port."""
        self.record(*events)

    async def page(self, *, after: int = 0, limit: int = 500) -> list[AuditRecord]:
        """The records after that number: see the port."""
        return self._records[max(0, after) :][:limit]

    async def find(self, wanted: AuditQuery) -> list[AuditRecord]:
        """The latest records that are wanted: see the port."""
        first = None if wanted.since is None else micros_of(wanted.since)
        found = [
            record
            for record in reversed(self._records)
            if (first is None or record.at >= first)
            and wanted.kind in ("", record.kind, record.kind.partition(".")[0])
            and (not wanted.actors or record.actor in wanted.actors)
        ]
        return found[: wanted.limit]

    async def of_turn(self, turn: TurnId, *, limit: int = 200) -> list[AuditRecord]:
        """What happened in a turn: see the port."""
        return [record for record in self._records if turn and record.turn == turn][:limit]

    async def head(self) -> Head:
        """Where the chain ends: see the port."""
        return self._head()

    def _head(self) -> Head:
        return Head(self._records[-1].seq, self._records[-1].hash) if self._records else Head()
