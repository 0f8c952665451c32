"""Hand-offs, put together: who is told that a thread has come to another agent."""

from bot.wiring.process import Parts
from runtime.handoffs import Handoffs
from runtime.mailboxes.queue import QueueDispatch
from runtime.model.handoff import HandOver
from runtime.rebinding import ConversationControl


def handoffs(parts: Parts) -> Handoffs:
    """What gives threads from agent to agent."""
    return Handoffs(parts.store, team=parts.team, clock=parts.clock)


def connect(parts: Parts, given: Handoffs, control: ConversationControl) -> None:
    """Let the agent that a thread has come to begin: here, or from the queue among many."""
    queue = None if parts.alone else QueueDispatch(parts.durable)

    async def begin(over: HandOver) -> None:
        conversation, thread = over.handoff.conversation, over.handoff.thread
        if thread is None:
            return  # a run, which goes on by itself
        control.bound(thread, conversation)
        if queue is not None and over.wakes is not None:
            await queue.post(conversation, over.wakes)

    given.on_happened(begin)
