"""Which agent has which thread, and how it came to it."""

from datetime import datetime
from typing import Protocol

from runtime.ids import ConversationId
from runtime.model.handoff import Handoff, HandOver


class HandoffLog(Protocol):
    """Hand-offs."""

    async def of(self, conversation: ConversationId) -> Handoff | None:
        """How the conversation came to its agent; None where it began with it."""
        ...

    async def record(self, over: HandOver) -> bool:
        """Let it happen: its conversation is made, the thread bound to it, the message accepted.

        In a run there is no thread to be bound, and no message: the run goes on by itself.

        False, and nothing is stored, where the thread is not bound to `before` any more, and
        where it happened already.
        """
        ...

    async def forget(self, *, before: datetime) -> int:
        """Delete hand-offs that happened before that time; returns how many.

        The one by which an agent has a thread now stays, or will have one once a message is sent,
        and so do all that led to a turn, or a run, that has not ended.
        """
        ...
