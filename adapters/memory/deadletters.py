"""Messages that could not be delivered, in memory."""

from dataclasses import replace
from datetime import datetime

from adapters.memory.tables import OutboxRow, Tables
from runtime.errors import Conflict
from runtime.ids import OutboxId
from runtime.model import recorded
from runtime.model.outbox import OutboxEvent, OutboxItem, OutboxState, after


class MemoryDeadLetters:
    """`runtime.ports.DeadLetters` in memory."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def latest(self, *, limit: int = 10) -> list[OutboxItem]:
        """Those written last: see the port."""
        rows = reversed(self._tables.outbox.values())
        return [row.item for row in rows if row.item.state is OutboxState.DEAD][:limit]

    async def retry(self, item: OutboxId, *, now: datetime) -> None:
        """Put it in line again: see the port."""
        row = self._row(item)
        state = after(row.item.state, OutboxEvent.RETRIED)
        row.owner = None
        row.item = replace(row.item, state=state, not_before=now, created_at=now)
        self._tables.audit.record(recorded.message_retried(item))

    async def drop(self, item: OutboxId) -> None:
        """Delete it: see the port."""
        row = self._row(item)
        if row.item.state is not OutboxState.DEAD:
            after(row.item.state, OutboxEvent.DROPPED)
        del self._tables.outbox[item]
        self._tables.audit.record(recorded.message_dropped(item))

    def _row(self, item: OutboxId) -> OutboxRow:
        row = self._tables.outbox.get(item)
        if row is None:
            raise Conflict(f"there is no outbox row {item}")
        return row
