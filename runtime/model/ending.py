"""How a tool ends its turn: the task is done, or another agent goes on with it."""

from runtime.ids import AgentName
from runtime.model.value import value


@value(kw_only=True)
class HandTo:
    """What an agent hands over. A model's words: untrusted.

    Attributes:
        to: the agent that goes on.
        task: what that agent is to do.
        context: what it has to know for that.
    """

    to: AgentName
    task: str
    context: str = ""


@value(kw_only=True)
class Ending:
    """How a turn ends, where a tool ends it.

    Attributes:
        outcome: what the task came to; empty where it is handed over.
        hands: what another agent goes on with, or None.
    """

    outcome: str = ""
    hands: HandTo | None = None


@value(kw_only=True)
class Handed:
    """That a message was handed over by an agent: no person typed it.

    Attributes:
        chain: the agents that had it before, in order; the last of them wrote the message.
        context: what it gave along.
    """

    chain: tuple[AgentName, ...]
    context: str = ""
