"""When the end of a turn has somebody look for what is to be sent."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from adapters.memory.store import MemoryStore
from runtime.errors import Conflict
from runtime.ids import AgentName, ConversationId, TimeOrderedIds
from runtime.model.address import ThreadRef
from runtime.model.handoff import Handoff, HandOver
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.model.turn import Turn, TurnState
from runtime.turns.replying import Replying
from tests.support.clock import ManualClock
from tests.support.stores import ADA, DESK, THREAD, Rows, begun


class Taking:
    """Notes what it is given to send."""

    def __init__(self) -> None:
        self.taken: list[OutboxItem] = []
        self.handed_back: list[OutboxItem] = []

    def claims(self, thread: ThreadRef) -> bool:
        return thread == THREAD

    def take(self, items: Sequence[OutboxItem]) -> None:
        self.taken += items

    def let_go(self, turn: Turn, items: Sequence[OutboxItem]) -> None:
        self.handed_back += items


@pytest.mark.parametrize(
    ("states", "taken", "woken"),
    [
        ([], 0, 0),
        ([OutboxState.SENDING], 1, 0),
        ([OutboxState.PENDING], 0, 1),
        ([OutboxState.SENDING, OutboxState.SENDING], 1, 1),
        ([OutboxState.SENDING, OutboxState.PENDING], 1, 1),
    ],
)
@pytest.mark.parametrize("handed", [False, True])
async def test_somebody_looks_where_a_reply_is_not_on_its_way(
    states: list[OutboxState], taken: int, woken: int, *, handed: bool, clock: ManualClock
) -> None:
    store, rows = MemoryStore(clock=clock, ids=TimeOrderedIds(clock)), Rows(clock)
    sender, wakes = Taking(), list[None]()
    replying = Replying(
        store.turns, sender, owner="here", clock=clock, wake_outbox=lambda: wakes.append(None)
    )
    turn = (await begun(store, rows.received())).turn
    handoff = Handoff(
        conversation=ConversationId("new"),
        before=turn.conversation,
        thread=THREAD,
        giver=DESK,
        taker=AgentName("research"),
        task="find out",
        requester=ADA,
        chain=(DESK,),
        at=clock.now(),
    )

    await replying.finish(
        turn,
        state=TurnState.DONE,
        entries=[rows.entry("hi", turn.id)],
        replies=[replace(rows.item(), state=state) for state in states],
        over=HandOver(handoff=handoff, opening=()) if handed else None,
    )

    assert (len(sender.taken), len(wakes)) == (taken, woken)
    assert sender.handed_back == []


@pytest.mark.parametrize(
    ("states", "handed_back", "woken"),
    [
        ([OutboxState.SENDING], 1, 0),
        ([OutboxState.PENDING], 0, 1),
        ([OutboxState.SENDING, OutboxState.PENDING], 1, 0),
    ],
)
async def test_what_may_have_been_stored_unheard_is_handed_back_or_looked_for(
    states: list[OutboxState], handed_back: int, woken: int, clock: ManualClock
) -> None:
    """Who is handed something back looks for what is to be sent, once that is stored."""
    store, rows = MemoryStore(clock=clock, ids=TimeOrderedIds(clock)), Rows(clock)
    sender, wakes = Taking(), list[None]()
    replying = Replying(
        store.turns, sender, owner="here", clock=clock, wake_outbox=lambda: wakes.append(None)
    )
    turn = (await begun(store, rows.received())).turn
    replies = [replace(rows.item(), state=state) for state in states]

    with pytest.raises(Conflict), replying.ending(turn, replies):
        raise Conflict("the turn has ended")

    assert (len(sender.handed_back), len(wakes)) == (handed_back, woken)
