"""Hand-offs: how a thread comes from one agent to another."""

from collections.abc import Callable, Iterable
from datetime import datetime

from runtime.ids import AgentName, ConversationId, TurnId, derived
from runtime.model.address import Principal, ThreadRef
from runtime.model.conversation import Entry
from runtime.model.events import Received
from runtime.model.value import value

DEEPEST = 5
"""Hand-offs that one cause may lead to, one after the other."""
LONGEST_TASK = 2_000
"""Characters of a task."""
LONGEST_CONTEXT = 8_000
"""Characters of the context that is given along."""


@value(kw_only=True)
class Handoff:
    """That a thread, or a run, came to another agent. It never changes.

    Attributes:
        conversation: the conversation in which the agent goes on.
        before: the conversation that it came from.
        thread: where; None in a run, which has none until its result is posted.
        giver: the agent that had it.
        taker: the agent that has it now.
        task: what that one is to do; empty where a person decided, or a task was done.
        context: what it has to know for that, in a run; in a thread the message that wakes it
            has it.
        requester: the person for whom the agents act.
        by: the person who decided it; None where the agent did.
        chain: the agents that had it for the same cause before `taker`, in order.
        at: when.
    """

    conversation: ConversationId
    before: ConversationId
    thread: ThreadRef | None
    giver: AgentName
    taker: AgentName
    task: str = ""
    context: str = ""
    requester: Principal
    by: Principal | None = None
    chain: tuple[AgentName, ...] = ()
    at: datetime


def led_to(
    ends: Iterable[Handoff], of: Callable[[ConversationId], Handoff | None]
) -> set[ConversationId]:
    """The conversations of these hand-offs, and of those before them for the same cause."""
    found: set[ConversationId] = set()
    for end in ends:
        at: Handoff | None = end
        for _ in range(DEEPEST):
            if at is None:
                break
            found.add(at.conversation)
            at = of(at.before)
    return found


@value(kw_only=True)
class HandOver:
    """A hand-off as it is stored: all of it at once, or nothing.

    Attributes:
        handoff: the hand-off.
        opening: the first entries of its conversation: what was said before, bounded.
        wakes: the message that the agent begins with at once; None where it waits for a person.
    """

    handoff: Handoff
    opening: tuple[Entry, ...]
    wakes: Received | None = None


def next_conversation(turn: TurnId) -> ConversationId:
    """The conversation in which another agent goes on, where the turn ends with a hand-off."""
    return ConversationId(derived("handoff", turn))
