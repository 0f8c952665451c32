"""What people stopped: turns for good; an agent, or everything, until somebody resumes it."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from runtime.ids import AgentName, ConversationId, OutboxId, StopId, TurnId
from runtime.model.address import Principal
from runtime.model.outbox import OutboxItem
from runtime.model.turn import Turn, TurnState
from runtime.model.value import value

EVERYTHING = AgentName("")
"""The agent of a stop that holds for every agent, and for what no agent does."""


class StopKind(StrEnum):
    """What was stopped."""

    TURNS = "turns"
    """Turns, by their ids. They have ended with that, and nothing is left to be resumed."""
    AGENT = "agent"
    """One agent: its turns have ended, and it does nothing until it is resumed."""
    EVERYTHING = "everything"
    """Every agent, and every message that nobody asked for."""


@value(kw_only=True)
class Stop:
    """Somebody's word that something stops.

    Attributes:
        id: of the command, so that a command that is carried out twice stops once.
        kind: what stops.
        agent: the agent; `EVERYTHING` for all of them, and for turns, which have agents themselves.
        by: who said so.
        at: when.
    """

    id: StopId
    kind: StopKind
    agent: AgentName = EVERYTHING
    by: Principal
    at: datetime


@value(kw_only=True)
class Work:
    """A turn that is under way, waits for people, or has messages that were not sent yet.

    Attributes:
        turn: the turn.
        agent: whose it is.
        state: where the turn is.
        unsent: messages of it that wait or are being sent.
    """

    turn: Turn
    agent: AgentName
    state: TurnState
    unsent: int


@value(kw_only=True)
class Ended:
    """A turn that a stop ended, or of which it took messages back.

    Attributes:
        turn: the turn.
        conversation: the conversation that it was in.
        withheld: the messages of it that were taken back, in no order.
    """

    turn: TurnId
    conversation: ConversationId
    withheld: tuple[OutboxId, ...] = ()


@value(kw_only=True)
class Stopped:
    """What a stop did.

    Attributes:
        stop: the stop; where it was in force before, the one that holds.
        fresh: it was stored by this call. A second call with the same id tells what the first did.
        ended: the turns that it ended.
        messages: how many messages it took back or holds.
        unbegun: how many messages of people it kept from beginning their turns.
    """

    stop: Stop
    fresh: bool
    ended: tuple[Ended, ...] = ()
    messages: int = 0
    unbegun: int = 0


@value(kw_only=True)
class Lifted:
    """What a resume did.

    Attributes:
        stop: the stop that holds no longer.
        messages: how many messages that it held may go out now.
    """

    stop: Stop
    messages: int


def stop_for(agent: AgentName | None, stops: Iterable[Stop]) -> Stop | None:
    """The stop that holds an agent back, one for everything first; None where none does.

    No agent is meant by None: only a stop of everything holds that.
    """
    held = {stop.agent: stop for stop in stops if stop.kind is not StopKind.TURNS}
    return held.get(EVERYTHING) or (held.get(agent) if agent else None)


def holds(stops: Iterable[Stop], item: OutboxItem) -> Stop | None:
    """The stop that holds the message back: one of its agent's, or of what nobody asked for."""
    if item.agent is None and not item.proactive:
        return None
    return stop_for(item.agent, stops)
