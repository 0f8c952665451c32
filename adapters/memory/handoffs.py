"""Hand-offs in memory: the twin of those in a database."""

from datetime import datetime

from adapters.memory.tables import Tables
from runtime.ids import ConversationId
from runtime.model.handoff import Handoff, HandOver, led_to
from runtime.model.outbox import NOT_TO_BE_SENT
from runtime.model.turn import TurnState

_OPEN = (TurnState.RUNNING, TurnState.WAITING)


class MemoryHandoffs:
    """`runtime.ports.HandoffLog` in memory."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def of(self, conversation: ConversationId) -> Handoff | None:
        """How the conversation came to its agent: see the port."""
        return self._tables.handoffs.get(conversation)

    async def record(self, over: HandOver) -> bool:
        """Let it happen: see the port."""
        return self._tables.hand_over(over)

    async def forget(self, *, before: datetime) -> int:
        """Delete old hand-offs: see the port."""
        handoffs, tables = self._tables.handoffs, self._tables
        bound = {known[-1] for known in tables.bindings.values() if known}
        items = [row.item for row in tables.outbox.values()]
        bound |= {one.binds for one in items if one.binds and one.state not in NOT_TO_BE_SENT}
        at_work = {row.turn.conversation for row in tables.turns.values() if row.state in _OPEN}
        needed = bound | led_to([handoffs[this] for this in at_work & set(handoffs)], handoffs.get)
        old = [this for this, one in handoffs.items() if one.at < before and this not in needed]
        for this in old:
            del handoffs[this]
        return len(old)
