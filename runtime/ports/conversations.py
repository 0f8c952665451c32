"""What people said, and the turns that answer it."""

from collections.abc import Awaitable, Collection, Sequence
from datetime import datetime
from typing import Protocol

from runtime.ids import AgentName, ConversationId, InboxId, MessageId, TurnId
from runtime.model.address import Principal, ThreadRef
from runtime.model.audit import AuditEvent
from runtime.model.conversation import Conversation, Entry
from runtime.model.events import Cursor, Received
from runtime.model.handoff import HandOver
from runtime.model.outbox import OutboxItem
from runtime.model.turn import Turn, TurnStart, TurnState


class Inbox(Protocol):
    """Accepted events, each stored once and processed once."""

    def append(self, received: Received) -> Awaitable[bool]:
        """Store the event; durable when this was awaited, so that it may be acknowledged.

        A future where the database is at work on it already and nobody need wait in a task. The
        answer is False, and nothing is stored, where a row with the same `event_key`, or the same
        non-empty `content_key`, is there already. Many appends of one loop tick share a commit.
        The event's cursor is moved in the same transaction, for a duplicate too.

        Raises:
            StorageFull: there is no room; nothing was stored.
        """
        ...

    def append_all(self, many: Sequence[Received]) -> Awaitable[Sequence[bool]]:
        """Store events in one transaction: of each, in order, what `append` promises.

        Raises:
            StorageFull: there is no room; none of them was stored.
        """
        ...

    async def move(self, cursor: Cursor) -> None:
        """Remember where a stream goes on, behind events of which nothing is stored."""
        ...

    async def position(self, name: str) -> int | None:
        """Where the stream of that name goes on, or None where it was never read."""
        ...

    async def pending(self, *, after: InboxId | None = None, limit: int = 500) -> list[Received]:
        """Rows that are neither finished nor begun by a turn, oldest first, beyond `after`."""
        ...

    async def unbegun(self, thread: ThreadRef) -> list[Received]:
        """The messages of a thread that are to begin turns and have not, oldest first."""
        ...

    async def unbegun_of(self, people: Collection[Principal]) -> list[Received]:
        """The same of whatever these people asked for, in every thread."""
        ...

    async def get(self, row: InboxId) -> Received | None:
        """The row, or None where it is finished, begun by a turn, or not there."""
        ...

    async def finish(
        self,
        row: InboxId,
        replies: Sequence[OutboxItem],
        *,
        audit: Sequence[AuditEvent] = (),
    ) -> None:
        """Mark a row as processed and enqueue what it is answered with, in one transaction.

        With it goes to the audit log what was done.

        A row that is finished already changes nothing, and an outbox row whose id is there
        already is left as it is: processing a row twice has the effect of processing it once.
        """
        ...

    async def drop(self, rows: Sequence[InboxId]) -> None:
        """Mark rows as processed that start nothing and are answered nothing, in one go."""
        ...

    async def forget(self, *, before: datetime) -> int:
        """Delete processed rows received before that time; returns how many.

        Platforms deliver again for up to some minutes, so keys are kept at least seven days.
        """
        ...


class Conversations(Protocol):
    """Conversations, their logs, and which thread belongs to which."""

    async def bind(self, thread: ThreadRef, agent: AgentName) -> ConversationId:
        """The conversation of the thread, made now (with that agent) if it has none.

        Two calls at the same time for the same thread return the same conversation.
        """
        ...

    async def bound(self, thread: ThreadRef) -> ConversationId | None:
        """The conversation of the thread, or None."""
        ...

    async def bound_among(self, threads: Collection[ThreadRef]) -> dict[ThreadRef, ConversationId]:
        """The conversations of those of the threads that have one, asked for in one go."""
        ...

    async def rebind(self, thread: ThreadRef, conversation: ConversationId) -> None:
        """Bind the thread to an existing conversation from now on; earlier ones stay stored."""
        ...

    async def create(
        self, conversation: ConversationId, agent: AgentName, *, opening: Sequence[Entry] = ()
    ) -> None:
        """Make a conversation with that id and its first entries; one that exists is left alone."""
        ...

    async def get(self, conversation: ConversationId) -> Conversation | None:
        """The conversation, or None."""
        ...

    async def earlier(self, thread: ThreadRef, *, limit: int = 10) -> list[Conversation]:
        """Conversations that the thread was bound to, latest first, the present one included."""
        ...

    async def entries(self, conversation: ConversationId, *, limit: int = 200) -> list[Entry]:
        """The latest entries since the last summary, that summary first, oldest first."""
        ...


class Turns(Protocol):
    """Turns. The conversation's log is their journal."""

    async def begin(self, conversation: ConversationId, *, owner: str) -> TurnStart | None:
        """Take up the conversation's open turn, or begin the next from its oldest pending message.

        A running turn is returned again, with `attempt` and `fence` one higher, whoever owned it
        before: the caller must know that the earlier owner is gone, and the fence makes sure.
        A new turn appends the message to the log and marks its inbox row as begun. None where
        the conversation has neither, and where its turn is `WAITING`. `owner` names the process,
        for people who look at the table. A run's turn is not meant: its run takes it up again, by
        `begin_run`.
        """
        ...

    async def begin_run(
        self,
        turn: TurnId,
        conversation: ConversationId,
        *,
        requester: Principal,
        instruction: str,
        owner: str,
        chain: tuple[AgentName, ...] = (),
    ) -> TurnStart | None:
        """The same for a run's turn, whose id the run fixes and whose message is an instruction.

        `chain` has the agents that had the run before, where one of them handed it over.

        None where that turn has ended already: `state` says how, and the log what it answered.
        One that is `WAITING` runs again with that.
        """
        ...

    async def state(self, turn: TurnId) -> TurnState | None:
        """Where the turn is, whoever owns it; None where it never began."""
        ...

    async def append(
        self,
        turn: TurnId,
        fence: int,
        entries: Sequence[Entry],
        *,
        audit: Sequence[AuditEvent] = (),
        notices: Sequence[OutboxItem] = (),
    ) -> None:
        """Append to the log, record what the entries do, and let people be told, at once.

        Raises:
            Conflict: the turn has ended, or another owner took it up since.
        """
        ...

    async def set_draft(self, turn: TurnId, fence: int, draft: MessageId) -> None:
        """Remember the message that shows the answer while it grows, so that a crash reuses it.

        Raises:
            Conflict: as for `append`.
        """
        ...

    async def finish(
        self,
        turn: TurnId,
        fence: int,
        *,
        state: TurnState,
        entries: Sequence[Entry] = (),
        replies: Sequence[OutboxItem] = (),
        over: HandOver | None = None,
        sender: str = "",
    ) -> list[OutboxItem]:
        """End the turn: its last entries, its state, its inbox row and its outbox rows, at once.

        `over` happens with that, as by `HandoffLog.record`.

        Replies that are `SENDING` are claimed by `sender` with that, with no attempts yet; one
        before which another message of its thread is not final is stored `PENDING` all the same.
        Returns those that are claimed.

        Raises:
            Conflict: as for `append`.
        """
        ...

    async def park(self, turn: TurnId, fence: int, *, tries: int) -> None:
        """Let the turn wait for people: it is `WAITING`, and its conversation begins no other.

        So many are taken from its `attempt`, as by `hand_back`.

        Raises:
            Conflict: as for `append`.
        """
        ...

    async def unpark(self, turn: TurnId) -> bool:
        """Let a waiting turn run again, for whoever takes it up next; False where it waits not."""
        ...

    async def parked(self, *, after: TurnId | None = None, limit: int = 500) -> list[Turn]:
        """Turns that are `WAITING`, by id, beyond `after`; those of runs too."""
        ...

    async def not_over(self, *, after: TurnId | None = None, limit: int = 500) -> list[Turn]:
        """Turns that are `RUNNING` or `WAITING`, by id, beyond `after`; those of runs too."""
        ...

    async def hand_back(self, turn: TurnId, fence: int, *, tries: int) -> None:
        """Take so many from the turn's `attempt`: they were no tries of its own.

        For a process that ends in order, and will take it up in its next life. Nothing where the
        turn has ended, or another owner took it up since.
        """
        ...

    async def open_conversations(
        self, *, after: ConversationId | None = None, limit: int = 500
    ) -> list[ConversationId]:
        """Conversations of which a turn that a message began is running, by id, beyond `after`.

        For recovery. What waits to be begun is in the inbox (`Inbox.pending`).
        """
        ...
