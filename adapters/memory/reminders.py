"""Reminders in memory: the twin of those in a database."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from adapters.memory.outbox import MemoryOutbox
from runtime.errors import Conflict
from runtime.ids import Platform, ReminderId
from runtime.model.address import Principal
from runtime.model.outbox import OutboxItem
from runtime.model.reminder import Reminder, ReminderState

_OPEN = frozenset({ReminderState.WAITING, ReminderState.SENT})


class MemoryReminders:
    """`runtime.ports.Reminders` in memory."""

    def __init__(self, outbox: MemoryOutbox) -> None:
        self._outbox = outbox
        self._rows: dict[ReminderId, Reminder] = {}

    async def add(self, reminder: Reminder) -> Reminder:
        """Store the reminder under the next number: see the port."""
        if reminder.id not in self._rows:
            self._rows[reminder.id] = replace(reminder, number=len(self._rows) + 1)
        return self._rows[reminder.id]

    async def get(self, number: int) -> Reminder | None:
        """The reminder of that number: see the port."""
        return next((row for row in self._rows.values() if row.number == number), None)

    async def by_id(self, reminder: ReminderId) -> Reminder | None:
        """The reminder of that id: see the port."""
        return self._rows.get(reminder)

    async def open_of(self, people: Sequence[Principal], *, limit: int = 50) -> list[Reminder]:
        """The people's reminders that are not done: see the port."""
        found = [row for row in self._rows.values() if row.person in people and row.state in _OPEN]
        found.sort(key=lambda r: (r.next_at is None, r.next_at or r.created_at, r.number))
        return found[:limit]

    async def due(self, *, now: datetime, platform: Platform, limit: int = 200) -> list[Reminder]:
        """Reminders whose time has come: see the port."""
        here = (row for row in self._waiting() if row.person.platform == platform)
        waiting = [(row.next_at, row) for row in here if row.next_at is not None]
        come = sorted((pair for pair in waiting if pair[0] <= now), key=lambda pair: pair[0])
        return [row for _, row in come[:limit]]

    async def remind(
        self,
        reminder: Reminder,
        *,
        becomes: ReminderState,
        next_at: datetime | None,
        rows: Sequence[OutboxItem],
    ) -> bool:
        """Move a due reminder on and enqueue its message: see the port."""
        row = self._rows.get(reminder.id)
        if row is None or row.state is not ReminderState.WAITING or row.next_at != reminder.next_at:
            return False
        self._rows[reminder.id] = replace(row, state=becomes, next_at=next_at)
        await self._outbox.enqueue(rows)
        return True

    async def change(
        self,
        reminder: ReminderId,
        *,
        was: ReminderState,
        becomes: ReminderState,
        next_at: datetime | None,
    ) -> None:
        """Change the state: see the port."""
        row = self._rows.get(reminder)
        if row is None or row.state is not was:
            raise Conflict(f"reminder {reminder} is no longer {was}")
        self._rows[reminder] = replace(row, state=becomes, next_at=next_at)

    async def next_time(self, *, after: datetime | None = None) -> datetime | None:
        """The earliest time of a waiting reminder: see the port."""
        times = [row.next_at for row in self._waiting() if row.next_at is not None]
        return min((at for at in times if after is None or at > after), default=None)

    def _waiting(self) -> list[Reminder]:
        return [row for row in self._rows.values() if row.state is ReminderState.WAITING]
