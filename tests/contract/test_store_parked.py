"""Turns that wait for people, on every implementation of `runtime.ports.Turns`."""

from collections.abc import Sequence

import pytest

from runtime.errors import Conflict
from runtime.ids import ConversationId, TurnId
from runtime.model.outbox import OutboxItem
from runtime.model.turn import Turn, TurnState
from runtime.ports import Store
from tests.support.stores import ADA, DESK, THREAD, Opener, Rows, begun

RUN = TurnId("run-1")
TALK = ConversationId("talk-of-run-1")


def nothing(_: Turn) -> Sequence[OutboxItem]:
    return ()


async def parked(store: Store, rows: Rows) -> Turn:
    turn = (await begun(store, rows.received())).turn
    await store.turns.park(turn.id, turn.fence, tries=1)
    return turn


async def test_a_parked_turn_is_nobodys_and_begins_no_other(store: Store, rows: Rows) -> None:
    turn = await parked(store, rows)
    await store.inbox.append(rows.received("and then?"))

    assert await store.turns.state(turn.id) is TurnState.WAITING
    assert await store.turns.begin(turn.conversation, owner="here") is None
    assert await store.turns.open_conversations() == []
    assert [waiting.id for waiting in await store.turns.parked()] == [turn.id]
    assert await store.turns.parked(after=turn.id) == []
    with pytest.raises(Conflict):
        await store.turns.append(turn.id, turn.fence, [])


async def test_an_unparked_turn_is_taken_up_and_the_wait_was_no_try(
    store: Store, rows: Rows
) -> None:
    turn = await parked(store, rows)
    assert await store.turns.unpark(turn.id)
    assert not await store.turns.unpark(turn.id)

    start = await store.turns.begin(turn.conversation, owner="here")

    assert start is not None
    assert (start.turn.id, start.turn.attempt, start.turn.fence) == (turn.id, 1, 2)
    assert await store.turns.parked() == []


async def test_a_parked_turn_waits_over_a_restart(open_again: Opener, rows: Rows) -> None:
    async with open_again() as store:
        turn = await parked(store, rows)
    async with open_again() as store:
        assert [waiting.id for waiting in await store.turns.parked()] == [turn.id]
        assert await store.turns.begin(turn.conversation, owner="next life") is None


async def test_only_the_owner_parks_a_turn(store: Store, rows: Rows) -> None:
    turn = (await begun(store, rows.received())).turn
    again = await store.turns.begin(turn.conversation, owner="another")
    assert again is not None
    with pytest.raises(Conflict):
        await store.turns.park(turn.id, turn.fence, tries=1)
    assert await store.turns.state(turn.id) is TurnState.RUNNING


async def test_a_runs_turn_that_waits_is_its_runs_business(store: Store) -> None:
    await store.conversations.create(TALK, DESK)
    start = await store.turns.begin_run(
        RUN, TALK, requester=ADA, instruction="brief us", owner="here"
    )
    assert start is not None
    await store.turns.park(RUN, start.turn.fence, tries=1)

    assert await store.turns.begin(TALK, owner="here") is None
    again = await store.turns.begin_run(
        RUN, TALK, requester=ADA, instruction="brief us", owner="here"
    )
    assert again is not None
    assert (again.turn.attempt, again.turn.fence) == (1, 2)
    assert await store.turns.state(RUN) is TurnState.RUNNING


async def test_a_waiting_run_does_not_hold_up_the_thread_under_its_result(
    store: Store, rows: Rows
) -> None:
    conversation = await store.conversations.bind(THREAD, DESK)
    start = await store.turns.begin_run(
        RUN, conversation, requester=ADA, instruction="brief us", owner="here"
    )
    assert start is not None
    await store.turns.park(RUN, start.turn.fence, tries=1)
    await store.inbox.append(rows.received())

    assert await store.turns.begin(conversation, owner="here") is not None
