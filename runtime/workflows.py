"""Workflows: a person's question, or a planned time, and all that agents handed on for it."""

from runtime.handoffs import next_conversation
from runtime.ids import TurnId
from runtime.model.turn import Turn
from runtime.ports import HandoffLog


def begun_by(turn: TurnId) -> str:
    """The id of the workflow that the turn begins.

    It is that of the conversation in which another agent goes on, where the turn is handed over:
    by it, what comes later finds the way back.
    """
    return next_conversation(turn)


async def workflow_of(turn: Turn, handoffs: HandoffLog) -> str:
    """The id of the workflow that the turn is a part of."""
    if not turn.chain:
        return begun_by(turn.id)
    at, first = turn.conversation, turn.conversation
    for _ in turn.chain:
        handoff = await handoffs.of(at)
        if handoff is None:
            break
        at, first = handoff.before, handoff.conversation
    return first
