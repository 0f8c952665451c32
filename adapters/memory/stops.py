"""Stops in memory: the twin of those in a database."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from adapters.memory.tables import Progress, Tables, TurnRow
from runtime.ids import AgentName, InboxId, OutboxId, StopId, TurnId
from runtime.model import recorded
from runtime.model.address import Principal
from runtime.model.outbox import OutboxState
from runtime.model.stop import (
    Ended,
    Lifted,
    Stop,
    StopKind,
    Stopped,
    Work,
    stop_for,
)
from runtime.model.turn import TurnState, handed_row_of, turn_id_of
from runtime.ports import Closing

_OPEN = (TurnState.RUNNING, TurnState.WAITING)
_UNSENT = (OutboxState.PENDING, OutboxState.SENDING)


@dataclass(slots=True)
class _Row:
    """A stop, what it did, and by which command it was lifted."""

    stopped: Stopped
    lifted: bool = False
    lifted_at: int = 0
    lifted_with: StopId | None = None


class MemoryStops:
    """`runtime.ports.Stops` in memory."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._rows: dict[StopId, _Row] = {}

    async def active(self) -> list[Stop]:
        """The stops in force: see the port."""
        return self._active()

    async def lifted(self) -> int:
        """A number that grows with each that is lifted: see the port."""
        return self._last_lifted()

    async def under_way(self) -> list[Work]:
        """What is under way: see the port."""
        found = [
            Work(
                turn=row.turn,
                agent=self._agent(row),
                state=row.state,
                unsent=self._unsent(row.turn.id),
            )
            for row in self._tables.turns.values()
            if row.state in _OPEN or self._unsent(row.turn.id)
        ]
        return sorted(found, key=lambda one: (one.turn.started_at, one.turn.id))

    async def order(
        self,
        stop: Stop,
        *,
        closing: Closing,
        turns: Sequence[TurnId] = (),
        unbegun: Sequence[InboxId] = (),
        behind: bool = False,
        why: str = "",
    ) -> Stopped:
        """Store a stop and do what it says: see the port."""
        known = self._rows.get(stop.id)
        if known is not None:
            return replace(known.stopped, fresh=False)
        if stop.kind is StopKind.TURNS:
            ended, messages = self._end_turns(stop, turns, closing, why)
            kept: list[InboxId] = []
            if behind or not ended:
                kept = [row for row in unbegun if self._keep_from_beginning(row)]
                begun = [turn_id_of(row) for row in unbegun if row not in kept]
                more, taken = self._end_turns(stop, begun, closing, why)
                ended, messages = ended + more, messages + taken
            did = Stopped(
                stop=stop, fresh=True, ended=tuple(ended), messages=messages, unbegun=len(kept)
            )
            self._rows[stop.id] = _Row(did, lifted=True, lifted_at=_micros(stop.at))
            return did
        for row in self._rows.values():
            if not row.lifted and row.stopped.stop.agent == stop.agent:
                return replace(row.stopped, fresh=False)
        self._tables.audit.record(recorded.stop_ordered(stop))
        row = self._rows[stop.id] = _Row(Stopped(stop=stop, fresh=True))
        ended, messages = self._enforce(closing)
        row.stopped = replace(row.stopped, ended=tuple(ended), messages=messages)
        return row.stopped

    async def enforce(self, *, closing: Closing) -> list[Ended]:
        """End and hold what a stop covers: see the port."""
        ended, _ = self._enforce(closing)
        return ended

    async def lift(
        self, agent: AgentName, *, by: Principal, at: datetime, key: StopId
    ) -> Lifted | None:
        """End a stop: see the port."""
        known = await self.lifted_with(key)
        if known is not None:
            return Lifted(stop=known, messages=0)
        for row in self._rows.values():
            if not row.lifted and row.stopped.stop.agent == agent:
                row.lifted, row.lifted_with = True, key
                row.lifted_at = max(_micros(at), self._last_lifted() + 1)
                self._tables.audit.record(recorded.stop_lifted(row.stopped.stop, by))
                return Lifted(stop=row.stopped.stop, messages=self._release())
        return None

    async def lifted_with(self, key: StopId) -> Stop | None:
        """The stop that was ended with that key: see the port."""
        with_it = (row.stopped.stop for row in self._rows.values() if row.lifted_with == key)
        return next(with_it, None)

    async def forget(self, *, before: datetime) -> int:
        """Delete stops that hold no more: see the port."""
        last = self._last_lifted()
        old = [
            this
            for this, row in self._rows.items()
            if row.lifted
            and row.lifted_at < _micros(before)
            and (row.stopped.stop.kind is StopKind.TURNS or row.lifted_at != last)
        ]
        for this in old:
            del self._rows[this]
        return len(old)

    def _last_lifted(self) -> int:
        rows = self._rows.values()
        times = [row.lifted_at for row in rows if row.stopped.stop.kind is not StopKind.TURNS]
        return max(times, default=0)

    def _active(self) -> list[Stop]:
        active = [row.stopped.stop for row in self._rows.values() if not row.lifted]
        return sorted(active, key=lambda stop: stop.at)

    def _enforce(self, closing: Closing) -> tuple[list[Ended], int]:
        stops = self._active()
        running = [
            row
            for row in self._tables.turns.values()
            if row.state is TurnState.RUNNING and stop_for(self._agent(row), stops)
        ]
        for row in running:
            self._end(row, closing, by=stops[0].by)
        held = 0
        for message in self._tables.outbox.values():
            item = message.item
            waits = item.state is OutboxState.PENDING and item.agent is not None
            if waits and stop_for(item.agent, stops):
                message.item = replace(item, state=OutboxState.HELD)
                held += 1
        return [_ended(row) for row in running], held

    def _end_turns(
        self, stop: Stop, chosen: Sequence[TurnId], closing: Closing, why: str
    ) -> tuple[list[Ended], int]:
        ended: list[Ended] = []
        messages = 0
        left = list(reversed(chosen))
        while left:
            this = left.pop()
            row = self._tables.turns.get(this)
            if row is None:
                continue
            touched = row.state in _OPEN
            if touched:
                self._end(row, closing, by=stop.by)
            withheld: list[OutboxId] = []
            for message in self._tables.outbox.values():
                if message.item.turn != this:
                    continue
                if message.item.state in (OutboxState.PENDING, OutboxState.HELD):
                    withheld.append(message.item.id)
                    message.item = replace(message.item, state=OutboxState.WITHHELD, error=why)
                    settled = recorded.message_settled(message.item.id, OutboxState.WITHHELD)
                    self._tables.audit.record(settled)
                    messages += 1
                    touched = True
                elif message.item.state is OutboxState.SENDING:
                    message.taken_back = why
                    touched = True
            handed = handed_row_of(this)
            if self._keep_from_beginning(handed):
                touched = True
            else:  # it handed nothing on, or that has begun its turn
                left.append(turn_id_of(handed))
            if touched:
                ended.append(replace(_ended(row), withheld=tuple(withheld)))
        return ended, messages

    def _keep_from_beginning(self, row: InboxId) -> bool:
        """Process a message without a turn; False where it began one, or is not there."""
        found = self._tables.inbox.get(row)
        if found is None or found.progress is not Progress.PENDING:
            return False
        found.progress = Progress.DONE
        return True

    def _end(self, row: TurnRow, closing: Closing, *, by: Principal) -> None:
        replies = list(closing(row.turn))
        self._tables.check_outbox(replies)
        self._tables.enqueue(replies)
        row.state = TurnState.STOPPED
        self._tables.audit.record(recorded.turn_stopped(row.turn, by))
        if row.turn.inbox is not None:
            self._tables.inbox[row.turn.inbox].progress = Progress.DONE

    def _release(self) -> int:
        stops, released = self._active(), 0
        for message in self._tables.outbox.values():
            if message.item.state is OutboxState.HELD and not stop_for(message.item.agent, stops):
                message.item = replace(message.item, state=OutboxState.PENDING)
                released += 1
        return released

    def _unsent(self, turn: TurnId) -> int:
        rows = self._tables.outbox.values()
        return sum(row.item.turn == turn and row.item.state in _UNSENT for row in rows)

    def _agent(self, row: TurnRow) -> AgentName:
        return self._tables.conversations[row.turn.conversation].agent


def _micros(at: datetime) -> int:
    """Microseconds since 1970."""
    return int(at.timestamp() * 1_000_000)


def _ended(row: TurnRow) -> Ended:
    return Ended(turn=row.turn.id, conversation=row.turn.conversation)
