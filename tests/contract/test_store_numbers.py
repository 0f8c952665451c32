"""Each log counts for itself, on every implementation, however long the others are."""

from runtime.ids import ConversationId, TurnId
from runtime.model.conversation import Entry, Role
from runtime.model.turn import TurnState
from runtime.ports import Store
from tests.support.clock import ManualClock
from tests.support.stores import DESK, Rows, begun


async def test_a_log_is_numbered_by_itself(store: Store, rows: Rows, clock: ManualClock) -> None:
    said = Entry(role=Role.ASSISTANT, text="long ago", at=clock.now(), turn=TurnId("earlier"))
    await store.conversations.create(ConversationId("a longer one"), DESK, opening=[said] * 7)

    start = await begun(store, rows.received("what ran?"))
    turn = start.turn
    answer = Entry(role=Role.ASSISTANT, text="The export.", at=clock.now(), turn=turn.id)
    await store.turns.append(turn.id, turn.fence, [answer])
    await store.turns.finish(turn.id, turn.fence, state=TurnState.DONE, entries=[answer])

    entries = await store.conversations.entries(turn.conversation)
    assert [entry.seq for entry in entries] == [1, 2, 3]
