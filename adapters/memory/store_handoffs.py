"""Hand-offs in memory: the twin of those in a database."""

from adapters.memory.store_tables import Tables
from runtime.ids import ConversationId
from runtime.model.handoff import Handoff, HandOver


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
