"""What the store in memory holds, and what its parts share.

No method of the parts awaits between its first look and its last change, so each is a transaction
like those of the database; what may be refused is refused before anything is changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from adapters.memory.audit import MemoryAudit
from runtime.errors import NightdeskError
from runtime.ids import ConversationId, InboxId, OutboxId, RunId, ScheduleId, TurnId
from runtime.model import recorded
from runtime.model.address import ThreadRef
from runtime.model.conversation import Conversation, Entry, Role, title_of
from runtime.model.events import Received
from runtime.model.handoff import Handoff, HandOver
from runtime.model.outbox import OutboxItem, OutboxState, is_final
from runtime.model.schedule import Occurrence, Schedule
from runtime.model.turn import Turn, TurnState
from runtime.ports import Worker


class Progress(StrEnum):
    """Where an accepted event is."""

    PENDING = "pending"
    BEGUN = "begun"
    DONE = "done"


@dataclass(slots=True)
class InboxRow:
    """An accepted event and where it is."""

    received: Received
    progress: Progress = Progress.PENDING


@dataclass(slots=True)
class TurnRow:
    """A turn and where it is."""

    turn: Turn
    state: TurnState = TurnState.RUNNING


@dataclass(slots=True)
class OutboxRow:
    """A message, who claimed it last, and why it is not to be tried again."""

    item: OutboxItem
    owner: str | None = None
    taken_back: str = ""


@dataclass(slots=True)
class WorkerRow:
    """A process slot, the sign of life after which it was taken over, and who is still at it."""

    worker: Worker
    taken_at: datetime | None = None
    taken_by: str | None = None


@dataclass(slots=True)
class Tables:
    """Everything. The orders of the dictionaries are the orders in which rows were stored."""

    audit: MemoryAudit
    inbox: dict[InboxId, InboxRow] = field(default_factory=dict)
    conversations: dict[ConversationId, Conversation] = field(default_factory=dict)
    logs: dict[ConversationId, list[Entry]] = field(default_factory=dict)
    bindings: dict[ThreadRef, list[ConversationId]] = field(default_factory=dict)
    """The conversations a thread was ever bound to, the present one last."""
    turns: dict[TurnId, TurnRow] = field(default_factory=dict)
    outbox: dict[OutboxId, OutboxRow] = field(default_factory=dict)
    schedules: dict[ScheduleId, Schedule] = field(default_factory=dict)
    occurrences: dict[RunId, Occurrence] = field(default_factory=dict)
    workers: dict[str, WorkerRow] = field(default_factory=dict)
    handoffs: dict[ConversationId, Handoff] = field(default_factory=dict)

    def conversation_of(self, thread: ThreadRef) -> ConversationId | None:
        """The conversation that the thread belongs to now."""
        known = self.bindings.get(thread)
        return known[-1] if known else None

    def require(self, conversation: ConversationId | None) -> None:
        """Refuse what points to a conversation that is not there.

        Raises:
            NightdeskError: it is not.
        """
        if conversation is not None and conversation not in self.conversations:
            raise NightdeskError(f"there is no conversation {conversation}")

    def write_log(self, conversation: ConversationId, entries: Sequence[Entry]) -> None:
        """Append to a log that is there, under the next numbers."""
        log = self.logs[conversation]
        for entry in entries:
            log.append(entry._replace(seq=len(log) + 1))
            row = self.conversations[conversation]
            if entry.role is Role.USER and not row.title:
                self.conversations[conversation] = replace(row, title=title_of(entry.text))

    def bind(self, thread: ThreadRef, conversation: ConversationId) -> None:
        """Bind a thread from now on."""
        known = self.bindings.setdefault(thread, [])
        if conversation in known:
            known.remove(conversation)
        known.append(conversation)

    def hand_over(self, over: HandOver) -> bool:
        """Let a hand-off happen: see `runtime.ports.HandoffLog.record`."""
        handoff = over.handoff
        new = handoff.conversation
        thread = handoff.thread
        bound = handoff.before if thread is None else self.conversation_of(thread)
        if new in self.handoffs or bound != handoff.before:
            return False
        self.handoffs[new] = handoff
        self.conversations[new] = Conversation(
            id=new, agent=handoff.taker, created_at=handoff.at, title=""
        )
        self.logs[new] = []
        self.write_log(new, over.opening)
        if thread is not None:
            self.bind(thread, new)
        if over.wakes is not None:
            self.inbox.setdefault(over.wakes.id, InboxRow(over.wakes))
        self.audit.record(recorded.handed_over(handoff))
        return True

    def check_outbox(self, items: Sequence[OutboxItem]) -> None:
        """Refuse messages that could not be stored.

        Raises:
            NightdeskError: one binds a conversation that is not there.
        """
        for item in items:
            self.require(item.binds)

    def enqueue(self, items: Sequence[OutboxItem]) -> None:
        """Store checked messages; those that are there are left as they are."""
        for item in items:
            self.outbox.setdefault(item.id, OutboxRow(item))

    def enqueue_claimed(self, items: Sequence[OutboxItem], sender: str) -> list[OutboxItem]:
        """Store checked messages, and claim those that are `SENDING` and first in their thread."""
        claimed: list[OutboxItem] = []
        for item in items:
            if item.id in self.outbox:
                continue
            row = OutboxRow(item)
            if item.state is OutboxState.SENDING:
                others = (other.item for other in self.outbox.values())
                if any(one.thread == item.thread and not is_final(one.state) for one in others):
                    row.item = replace(item, state=OutboxState.PENDING)
                else:
                    row.owner = sender
                    claimed.append(item)
            self.outbox[item.id] = row
        return claimed
