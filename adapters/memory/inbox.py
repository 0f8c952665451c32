"""Accepted events and conversations, in memory."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from adapters.memory.tables import InboxRow, Progress, Tables
from runtime.clock import Clock
from runtime.ids import AgentName, ConversationId, IdSource, InboxId, Platform
from runtime.model.address import Principal, ThreadRef
from runtime.model.audit import AuditEvent
from runtime.model.conversation import Conversation, Entry, latest, since_summary
from runtime.model.events import Cursor, Lane, Received
from runtime.model.outbox import OutboxItem


class MemoryInbox:
    """`runtime.ports.Inbox` in memory."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._keys: set[tuple[Platform, str, str]] = set()
        self._positions: dict[str, int] = {}

    async def append(self, received: Received) -> bool:
        """Store the event unless it is there: see the port."""
        if received.inbound.cursor is not None:
            await self.move(received.inbound.cursor)
        keys = _keys(received)
        if keys & self._keys or received.id in self._tables.inbox:
            return False
        self._keys |= keys
        stored = replace(received.inbound, acknowledgement="", cursor=None)
        self._tables.inbox[received.id] = InboxRow(replace(received, inbound=stored))
        return True

    async def append_all(self, many: Sequence[Received]) -> Sequence[bool]:
        """Store each event unless it is there: see the port."""
        return [await self.append(received) for received in many]

    async def move(self, cursor: Cursor) -> None:
        """Remember where the stream goes on: see the port."""
        self._positions[cursor.name] = cursor.value

    async def position(self, name: str) -> int | None:
        """Where the stream goes on: see the port."""
        return self._positions.get(name)

    async def pending(self, *, after: InboxId | None = None, limit: int = 500) -> list[Received]:
        """Rows still to be processed: see the port."""
        waiting = [
            row.received
            for key, row in sorted(self._tables.inbox.items())
            if row.progress is Progress.PENDING and key > (after or "")
        ]
        return waiting[:limit]

    async def unbegun(self, thread: ThreadRef) -> list[Received]:
        """The messages of a thread that have begun no turn: see the port."""
        return [row for row in self._unbegun() if row.inbound.thread == thread]

    async def unbegun_of(self, people: Collection[Principal]) -> list[Received]:
        """The messages of these people that have begun no turn: see the port."""
        return [row for row in self._unbegun() if row.inbound.sender in people]

    async def get(self, row: InboxId) -> Received | None:
        """The row if it is still to be processed: see the port."""
        found = self._tables.inbox.get(row)
        return found.received if found and found.progress is Progress.PENDING else None

    async def finish(
        self,
        row: InboxId,
        replies: Sequence[OutboxItem],
        *,
        audit: Sequence[AuditEvent] = (),
    ) -> None:
        """Mark the row as processed and enqueue the answers: see the port."""
        found = self._tables.inbox.get(row)
        if found is None or found.progress is Progress.DONE:
            return
        self._tables.check_outbox(replies)
        found.progress = Progress.DONE
        self._tables.enqueue(replies)
        self._tables.audit.record(*audit)

    async def drop(self, rows: Sequence[InboxId]) -> None:
        """Mark rows as processed that start nothing: see the port."""
        for row in rows:
            await self.finish(row, ())

    async def forget(self, *, before: datetime) -> int:
        """Delete processed rows from before that time: see the port."""
        old = [
            row.received
            for row in self._tables.inbox.values()
            if row.progress is Progress.DONE and row.received.received_at < before
        ]
        for received in old:
            self._keys -= _keys(received)
            del self._tables.inbox[received.id]
        return len(old)

    def _unbegun(self) -> list[Received]:
        return [
            row.received
            for _, row in sorted(self._tables.inbox.items())
            if row.progress is Progress.PENDING and row.received.lane is Lane.TURN
        ]


class MemoryConversations:
    """`runtime.ports.Conversations` in memory."""

    def __init__(self, tables: Tables, *, clock: Clock, ids: IdSource) -> None:
        self._tables = tables
        self._clock = clock
        self._ids = ids

    async def bind(self, thread: ThreadRef, agent: AgentName) -> ConversationId:
        """The conversation of the thread, made if it has none: see the port."""
        known = self._tables.conversation_of(thread)
        if known is not None:
            return known
        fresh = ConversationId(self._ids.new())
        self._make(fresh, agent)
        self._tables.bind(thread, fresh)
        return fresh

    async def bound(self, thread: ThreadRef) -> ConversationId | None:
        """The conversation of the thread, or None: see the port."""
        return self._tables.conversation_of(thread)

    async def bound_among(self, threads: Collection[ThreadRef]) -> dict[ThreadRef, ConversationId]:
        """Those of the threads that have a conversation: see the port."""
        found = ((thread, self._tables.conversation_of(thread)) for thread in threads)
        return {thread: conversation for thread, conversation in found if conversation}

    async def rebind(self, thread: ThreadRef, conversation: ConversationId) -> None:
        """Bind the thread from now on: see the port."""
        self._tables.require(conversation)
        self._tables.bind(thread, conversation)

    async def create(
        self, conversation: ConversationId, agent: AgentName, *, opening: Sequence[Entry] = ()
    ) -> None:
        """Make the conversation unless it is there: see the port."""
        if conversation not in self._tables.conversations:
            self._make(conversation, agent)
            self._tables.write_log(conversation, opening)

    async def get(self, conversation: ConversationId) -> Conversation | None:
        """The conversation, or None: see the port."""
        return self._tables.conversations.get(conversation)

    async def earlier(self, thread: ThreadRef, *, limit: int = 10) -> list[Conversation]:
        """Conversations of the thread, latest first: see the port."""
        known = reversed(self._tables.bindings.get(thread, []))
        return [self._tables.conversations[conversation] for conversation in known][:limit]

    async def entries(self, conversation: ConversationId, *, limit: int = 200) -> list[Entry]:
        """The end of the log since its last summary: see the port."""
        return latest(since_summary(self._tables.logs.get(conversation, [])), limit)

    def _make(self, conversation: ConversationId, agent: AgentName) -> None:
        self._tables.conversations[conversation] = Conversation(
            id=conversation, agent=agent, created_at=self._clock.now()
        )
        self._tables.logs[conversation] = []


def _keys(received: Received) -> set[tuple[Platform, str, str]]:
    inbound = received.inbound
    platform = inbound.thread.platform
    keys = {(platform, "event", inbound.event_key)}
    if inbound.content_key:
        keys.add((platform, "content", inbound.content_key))
    return keys
