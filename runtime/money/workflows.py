"""Workflows: a person's question, or a planned time, and all that agents handed on for it."""

from collections.abc import AsyncIterator

from runtime.ids import AgentName, ConversationId, TurnId
from runtime.model.events import Message
from runtime.model.handoff import next_conversation
from runtime.model.schedule import Occurrence
from runtime.model.turn import Turn, chain_of, run_of, turn_of_run
from runtime.model.value import value
from runtime.ports import HandoffLog, Store

_PAGE = 500


@value()
class _Link:
    """Where a workflow is.

    Attributes:
        at: the conversation in which its present agent has it.
        chain: the agents that had it before.
    """

    at: ConversationId
    chain: tuple[AgentName, ...]


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
    return await _first_of(_Link(turn.conversation, turn.chain), handoffs)


async def unfinished(store: Store) -> set[str]:
    """The ids of the turns, runs and workflows that are not over, whatever they wait for.

    Those of which a part was handed on and waits to be begun are among them.
    """
    # What is handed on first: it is begun as a turn, and no turn goes back to be a message.
    found = {await _first_of(link, store.handoffs) async for link in _handed_on(store)}
    async for planned in _planned(store):
        first = turn_of_run(planned.run, 0)
        found |= {first, begun_by(first)}
    async for turn in _open(store):
        whole = await workflow_of(turn, store.handoffs)
        found |= {turn.id, turn_of_run(run_of(turn.id), 0), whole}
    return found


async def _first_of(link: _Link, handoffs: HandoffLog) -> str:
    """The way back to where the first agent handed it on."""
    at, first = link.at, link.at
    for _ in link.chain:
        handoff = await handoffs.of(at)
        if handoff is None:
            break
        at, first = handoff.before, handoff.conversation
    return first


async def _handed_on(store: Store) -> AsyncIterator[_Link]:
    last = None
    while page := await store.inbox.pending(after=last, limit=_PAGE):
        for row in page:
            body, thread = row.inbound.body, row.inbound.thread
            if isinstance(body, Message) and body.handed is not None:
                bound = await store.conversations.bound(thread)
                if bound is not None:
                    yield _Link(bound, chain_of(body))
        last = page[-1].id


async def _planned(store: Store) -> AsyncIterator[Occurrence]:
    last = None
    while page := await store.schedules.unfinished(after=last, limit=_PAGE):
        for occurrence in page:
            yield occurrence
        last = page[-1]


async def _open(store: Store) -> AsyncIterator[Turn]:
    last = None
    while page := await store.turns.not_over(after=last, limit=_PAGE):
        for turn in page:
            yield turn
        last = page[-1].id
