"""Turns, in memory."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from adapters.memory.tables import Progress, Tables, TurnRow
from runtime.clock import Clock
from runtime.errors import Conflict
from runtime.ids import AgentName, ConversationId, MessageId, TurnId
from runtime.model import recorded
from runtime.model.address import Principal, key_of
from runtime.model.audit import AuditEvent
from runtime.model.conversation import Entry, Role, model_of, since_summary
from runtime.model.events import Lane, Message, Received
from runtime.model.handoff import HandOver
from runtime.model.outbox import OutboxItem
from runtime.model.turn import Turn, TurnStart, TurnState, chain_of, sender_of, turn_id_of, words_of

_OPEN = (TurnState.RUNNING, TurnState.WAITING)


class MemoryTurns:
    """`runtime.ports.Turns` in memory."""

    def __init__(self, tables: Tables, *, clock: Clock) -> None:
        self._tables = tables
        self._clock = clock

    async def begin(self, conversation: ConversationId, *, owner: str) -> TurnStart | None:
        """Take up the open turn or begin the next: see the port."""
        del owner  # for people who look at a table
        for row in self._open(conversation):
            if row.turn.inbox is not None:
                return self._take_up(row) if row.state is TurnState.RUNNING else None
        received = self._next_message(conversation)
        return None if received is None else self._begin_with(conversation, received)

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
        """Take up or begin a run's turn: see the port."""
        del owner
        self._tables.require(conversation)
        known = self._tables.turns.get(turn)
        if known is not None:
            return self._take_up(known) if known.state in _OPEN else None
        fresh = Turn(
            id=turn,
            conversation=conversation,
            inbox=None,
            thread=None,
            requester=requester,
            attempt=1,
            fence=1,
            draft=None,
            started_at=self._clock.now(),
            chain=chain,
        )
        return self._start(fresh, instruction, sender=None)

    async def state(self, turn: TurnId) -> TurnState | None:
        """Where the turn is: see the port."""
        known = self._tables.turns.get(turn)
        return None if known is None else known.state

    async def append(
        self,
        turn: TurnId,
        fence: int,
        entries: Sequence[Entry],
        *,
        audit: Sequence[AuditEvent] = (),
        notices: Sequence[OutboxItem] = (),
    ) -> None:
        """Append to the log: see the port."""
        row = self._owned(turn, fence)
        self._tables.check_outbox(notices)
        self._tables.write_log(row.turn.conversation, entries)
        self._tables.enqueue(notices)
        self._tables.audit.record(*audit)

    async def set_draft(self, turn: TurnId, fence: int, draft: MessageId) -> None:
        """Remember the draft: see the port."""
        row = self._owned(turn, fence)
        row.turn = replace(row.turn, draft=draft)

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
        """End the turn with everything that follows from it: see the port."""
        row = self._owned(turn, fence)
        self._tables.check_outbox(replies)
        self._tables.write_log(row.turn.conversation, entries)
        claimed = self._tables.enqueue_claimed(replies, sender)
        self._end(row, state)
        self._tables.audit.record(
            recorded.turn_ended(turn, row.turn.conversation, state, model_of(entries))
        )
        if over is not None:
            self._tables.hand_over(over)
        return claimed

    async def park(self, turn: TurnId, fence: int, *, tries: int) -> None:
        """Let the turn wait: see the port."""
        row = self._owned(turn, fence)
        row.turn = replace(row.turn, attempt=row.turn.attempt - tries)
        row.state = TurnState.WAITING

    async def unpark(self, turn: TurnId) -> bool:
        """Let a waiting turn run again: see the port."""
        row = self._tables.turns.get(turn)
        if row is None or row.state is not TurnState.WAITING:
            return False
        row.state = TurnState.RUNNING
        return True

    async def parked(self, *, after: TurnId | None = None, limit: int = 500) -> list[Turn]:
        """Turns that wait: see the port."""
        return self._in((TurnState.WAITING,), after, limit)

    async def not_over(self, *, after: TurnId | None = None, limit: int = 500) -> list[Turn]:
        """Turns that have not ended: see the port."""
        return self._in(_OPEN, after, limit)

    def _in(self, states: Collection[TurnState], after: TurnId | None, limit: int) -> list[Turn]:
        rows = (row for row in self._tables.turns.values() if row.state in states)
        found = sorted((row.turn for row in rows), key=lambda turn: turn.id)
        return [turn for turn in found if turn.id > (after or "")][:limit]

    async def hand_back(self, turn: TurnId, fence: int, *, tries: int) -> None:
        """Forget tries of the turn: see the port."""
        row = self._tables.turns.get(turn)
        if row is not None and row.state is TurnState.RUNNING and row.turn.fence == fence:
            row.turn = replace(row.turn, attempt=row.turn.attempt - tries)

    async def open_conversations(
        self, *, after: ConversationId | None = None, limit: int = 500
    ) -> list[ConversationId]:
        """Conversations of which a turn is running: see the port."""
        running = {
            row.turn.conversation
            for row in self._tables.turns.values()
            if row.state is TurnState.RUNNING and row.turn.inbox is not None
        }
        return [conversation for conversation in sorted(running) if conversation > (after or "")][
            :limit
        ]

    def _open(self, conversation: ConversationId) -> list[TurnRow]:
        return [
            row
            for row in self._tables.turns.values()
            if row.turn.conversation == conversation and row.state in _OPEN
        ]

    def _next_message(self, conversation: ConversationId) -> Received | None:
        waiting = (
            row.received
            for _, row in sorted(self._tables.inbox.items())
            if row.progress is Progress.PENDING
            and row.received.lane is Lane.TURN
            and self._tables.conversation_of(row.received.inbound.thread) == conversation
        )
        return next(waiting, None)

    def _begin_with(self, conversation: ConversationId, received: Received) -> TurnStart:
        inbound = received.inbound
        if not isinstance(inbound.body, Message):
            raise TypeError(f"inbox row {received.id} is in the turn lane and holds no message")
        self._tables.inbox[received.id].progress = Progress.BEGUN
        fresh = Turn(
            id=turn_id_of(received.id),
            conversation=conversation,
            inbox=received.id,
            thread=inbound.thread,
            requester=inbound.sender,
            attempt=1,
            fence=1,
            draft=None,
            started_at=self._clock.now(),
            chain=chain_of(inbound.body),
        )
        words = words_of(inbound.body, received.id)
        return self._start(fresh, words, sender=sender_of(inbound.body, inbound.sender))

    def _start(self, turn: Turn, words: str, *, sender: Principal | None) -> TurnStart:
        self._tables.turns[turn.id] = TurnRow(turn)
        by = None if sender is None else key_of(sender)
        asked = Entry(role=Role.USER, text=words, at=turn.started_at, turn=turn.id, by=by)
        self._tables.write_log(turn.conversation, [asked])
        agent = self._tables.conversations[turn.conversation].agent
        self._tables.audit.record(recorded.turn_started(turn, agent))
        return self._with_log(turn)

    def _take_up(self, row: TurnRow) -> TurnStart:
        row.state = TurnState.RUNNING
        row.turn = replace(row.turn, attempt=row.turn.attempt + 1, fence=row.turn.fence + 1)
        return self._with_log(row.turn)

    def _with_log(self, turn: Turn) -> TurnStart:
        log = since_summary(self._tables.logs[turn.conversation])
        agent = self._tables.conversations[turn.conversation].agent
        said = self._tables.inbox[turn.inbox].received.inbound.body if turn.inbox else None
        files = said.files if isinstance(said, Message) else ()
        return TurnStart(turn=turn, agent=agent, entries=tuple(log), files=files)

    def _owned(self, turn: TurnId, fence: int) -> TurnRow:
        row = self._tables.turns.get(turn)
        if row is None or row.state is not TurnState.RUNNING or row.turn.fence != fence:
            raise Conflict("the turn has ended, or another owner took it up since")
        return row

    def _end(self, row: TurnRow, state: TurnState) -> None:
        row.state = state
        if row.turn.inbox is not None:
            self._tables.inbox[row.turn.inbox].progress = Progress.DONE
