"""STOP, put together."""

from collections.abc import Callable

from bot.wiring.authority import Authority
from bot.wiring.doors import splitter
from bot.wiring.process import Parts
from runtime.halt import Halt, in_words
from runtime.ids import AgentName, ConversationId
from runtime.mailboxes.mailboxes import Mailboxes
from runtime.stopping import Stopping
from runtime.turns.runner import TurnRunner


def stopping_of(
    parts: Parts,
    halt: Halt,
    turns: TurnRunner,
    mailboxes: Mailboxes,
    *,
    drain: Callable[[ConversationId], None],
    asks: Authority,
    wake_outbox: Callable[[], None],
) -> Stopping:
    """What stops and resumes."""
    return Stopping(
        parts.store,
        halt,
        at_work=turns.at_work,
        interrupt=mailboxes.interrupt,
        drain=drain,
        over=asks.questions.turn_over,
        team=parts.team,
        split=splitter(parts),
        clock=parts.clock,
        wake_outbox=wake_outbox,
        hard=parts.hard_stop,
    )


def said_of(parts: Parts, halt: Halt) -> Callable[[AgentName], str]:
    """Says in words that an agent is stopped; nothing where it is not."""

    def said(agent: AgentName) -> str:
        stop = halt.of(agent)
        return "" if stop is None else in_words(stop, parts.team(), now=parts.clock.now())

    return said
