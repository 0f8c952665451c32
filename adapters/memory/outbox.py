"""Messages on their way out, in memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from adapters.memory.tables import OutboxRow, Tables
from runtime.errors import Conflict
from runtime.ids import MessageId, OutboxId, Platform, TurnId
from runtime.model import recorded
from runtime.model.address import ChannelRef, ThreadRef
from runtime.model.audit import AuditEvent
from runtime.model.outbox import (
    OutboxEvent,
    OutboxItem,
    OutboxState,
    after,
    is_final,
    thread_under,
)

_BAD_ENDS = {OutboxState.DEAD: OutboxEvent.REJECTED, OutboxState.WITHHELD: OutboxEvent.WITHHELD}


class MemoryOutbox:
    """`runtime.ports.Outbox` in memory."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def forget(self, *, before: datetime) -> int:
        """Delete messages sent long ago: see the port."""
        old = [
            key
            for key, row in self._tables.outbox.items()
            if row.item.state is OutboxState.SENT and row.item.created_at < before
        ]
        for key in old:
            del self._tables.outbox[key]
        return len(old)

    async def enqueue(
        self,
        items: Sequence[OutboxItem],
        *,
        audit: Sequence[AuditEvent] = (),
        first: bool = False,  # noqa: ARG002 - nothing waits here
    ) -> None:
        """Store messages to be sent: see the port."""
        self._tables.check_outbox(items)
        is_new = any(item.id not in self._tables.outbox for item in items)
        self._tables.enqueue(items)
        if is_new:
            self._tables.audit.record(*audit)

    async def claim(
        self,
        *,
        now: datetime,
        owner: str,
        limit: int = 50,
        platforms: Sequence[Platform],
        first: bool = False,  # noqa: ARG002 - nothing waits here
    ) -> list[OutboxItem]:
        """Take messages that may be sent now: see the port."""
        claimed: list[OutboxItem] = []
        for row in self._first_of_each_thread():
            due = row.item.state is OutboxState.PENDING and row.item.not_before <= now
            if due and row.item.thread.platform in platforms and len(claimed) < limit:
                row.owner = owner
                row.item = replace(
                    row.item, state=OutboxState.SENDING, attempts=row.item.attempts + 1
                )
                claimed.append(row.item)
        return claimed

    async def take_on(
        self, *, owner: str, by: str, platforms: Sequence[Platform]
    ) -> list[OutboxItem]:
        """Claim what a process that is gone was sending: see the port."""
        taken: list[OutboxItem] = []
        for row in self._tables.outbox.values():
            sending = row.item.state is OutboxState.SENDING and row.owner == owner
            if sending and row.item.thread.platform in platforms:
                row.owner = by
                row.item = replace(row.item, attempts=row.item.attempts + 1)
                taken.append(row.item)
        return taken

    async def holds(self, item: OutboxId, attempt: int) -> bool:
        """Whether the claim still holds: see the port."""
        row = self._tables.outbox.get(item)
        mine = row is not None and row.item.attempts == attempt
        return mine and row is not None and row.item.state is OutboxState.SENDING

    async def sent(
        self, item: OutboxId, attempt: int, message: MessageId, *, audit: Sequence[AuditEvent] = ()
    ) -> None:
        """Mark the message as sent and bind the thread under it: see the port."""
        row = self._move(item, attempt, OutboxEvent.ACCEPTED, OutboxState.SENT)
        if row is None:
            return
        row.item = replace(row.item, message_id=message)
        self._tables.audit.record(*audit)
        if row.item.binds is not None:
            self._tables.bind(thread_under(row.item.thread, message), row.item.binds)

    async def hand_back(
        self, items: Sequence[OutboxId], *, owner: str, turn: TurnId, fence: int
    ) -> int:
        """Let messages wait that were claimed as they were written: see the port."""
        ended = self._tables.turns.get(turn)
        if ended is None or ended.turn.fence != fence:
            return 0
        rows = [row for key in items if (row := self._tables.outbox.get(key)) is not None]
        mine = [row for row in rows if row.owner == owner and row.item.attempts == 0]
        mine = [row for row in mine if row.item.state is OutboxState.SENDING]
        for row in mine:
            row.owner = None
            row.item = replace(row.item, state=OutboxState.PENDING)
            self._withhold_taken_back(row)
        return len(mine)

    async def postpone(self, item: OutboxId, attempt: int, *, until: datetime, error: str) -> None:
        """Hand a claimed message back: see the port."""
        row = self._move(item, attempt, OutboxEvent.POSTPONED, None)
        if row is not None:
            row.owner = None
            row.item = replace(row.item, not_before=until, error=error)
            self._withhold_taken_back(row)

    async def hold(self, item: OutboxId, attempt: int) -> None:
        """Hand a claimed message back that a stop holds: see the port."""
        row = self._move(item, attempt, OutboxEvent.STOPPED, OutboxState.HELD)
        if row is not None:
            row.owner = None
            self._withhold_taken_back(row)

    async def settle(self, item: OutboxId, attempt: int, state: OutboxState, *, error: str) -> None:
        """End the message as dead or withheld: see the port."""
        row = self._move(item, attempt, _BAD_ENDS[state], state)
        if row is not None:
            row.item = replace(row.item, error=error)
            self._tables.audit.record(recorded.message_settled(item, state))

    async def get(self, item: OutboxId) -> OutboxItem | None:
        """The message, or None: see the port."""
        row = self._tables.outbox.get(item)
        return row.item if row else None

    async def next_time(self) -> datetime | None:
        """The earliest time of a pending message: see the port."""
        waiting = self._where(lambda item: item.state is OutboxState.PENDING)
        return min((item.not_before for item in waiting), default=None)

    async def binds_soon(self, channel: ChannelRef) -> bool:
        """Whether a message that binds a thread is being sent there: see the port."""
        sending = self._where(lambda item: item.state is OutboxState.SENDING)
        return any(item.binds and item.thread.channel == channel for item in sending)

    async def count(self, state: OutboxState) -> int:
        """How many messages are in that state: see the port."""
        return len(self._where(lambda item: item.state is state))

    async def oldest_pending(self) -> datetime | None:
        """Since when something waits: see the port."""
        waiting = self._where(lambda item: not is_final(item.state))
        return min((item.created_at for item in waiting), default=None)

    async def last_sent(self) -> dict[ChannelRef, datetime]:
        """For each channel, when the latest message sent there was written: see the port."""
        latest: dict[ChannelRef, datetime] = {}
        for row in self._tables.outbox.values():
            if row.item.state is OutboxState.SENT:
                channel = row.item.thread.channel
                latest[channel] = max(row.item.created_at, latest.get(channel, row.item.created_at))
        return latest

    async def sent_to(
        self,
        channel: ChannelRef,
        *,
        root: str | None = None,
        messages: Sequence[MessageId] = (),
        limit: int = 20,
    ) -> list[OutboxItem]:
        """Messages that were sent there, the latest first: see the port."""
        found = [
            item
            for item in self._where(lambda item: item.state is OutboxState.SENT)
            if item.thread.channel == channel
            and root in (None, item.thread.root)
            and (not messages or item.message_id in messages)
        ]
        return found[::-1][:limit]

    def _withhold_taken_back(self, row: OutboxRow) -> None:
        if row.taken_back:
            row.item = replace(row.item, state=OutboxState.WITHHELD, error=row.taken_back)

    def _where(self, holds: Callable[[OutboxItem], bool]) -> list[OutboxItem]:
        return [row.item for row in self._tables.outbox.values() if holds(row.item)]

    def _first_of_each_thread(self) -> Iterator[OutboxRow]:
        """The first message of each thread that is not final, in the order of their storing."""
        seen: set[ThreadRef] = set()
        for row in self._tables.outbox.values():
            if not is_final(row.item.state) and row.item.thread not in seen:
                seen.add(row.item.thread)
                yield row

    def _move(
        self, item: OutboxId, attempt: int, event: OutboxEvent, said: OutboxState | None
    ) -> OutboxRow | None:
        """Let the event happen to the message; None where it had come to this end before."""
        row = self._tables.outbox.get(item)
        if row is None:
            raise Conflict(f"there is no outbox row {item}")
        if row.item.attempts != attempt:
            raise Conflict(f"outbox row was claimed again since attempt {attempt}")
        if row.item.state is said:
            return None
        row.item = replace(row.item, state=after(row.item.state, event))
        return row
