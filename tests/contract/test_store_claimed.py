"""Answers that are claimed as they are written: `Turns.finish` and `Outbox.hand_back`."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from runtime.errors import Conflict
from runtime.ids import AgentName, MessageId, StopId
from runtime.model.address import ThreadRef
from runtime.model.messages import Content
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.model.stop import Stop, StopKind
from runtime.model.turn import Turn, TurnState
from runtime.ports import Store
from tests.support.clock import ManualClock
from tests.support.stores import ADA, CHANNEL, DESK, SLACK, Rows, begun


def nothing(_: Turn) -> list[OutboxItem]:
    return []


def to_be_sent(item: OutboxItem) -> OutboxItem:
    return replace(item, state=OutboxState.SENDING)


async def finished(store: Store, turn: Turn, *replies: OutboxItem) -> list[OutboxItem]:
    return await store.turns.finish(
        turn.id, turn.fence, state=TurnState.DONE, replies=replies, sender="here"
    )


async def claimed(store: Store, clock: ManualClock, owner: str = "there") -> list[OutboxItem]:
    return await store.outbox.claim(now=clock.now(), owner=owner, platforms=[SLACK])


async def handed_back(
    store: Store, turn: Turn, *items: OutboxItem, owner: str = "here", fence: int = 0
) -> int:
    return await store.outbox.hand_back(
        [item.id for item in items], owner=owner, turn=turn.id, fence=fence or turn.fence
    )


async def stored(store: Store, items: Sequence[OutboxItem]) -> list[tuple[OutboxState, int]]:
    rows = [await store.outbox.get(item.id) for item in items]
    return [(row.state, row.attempts) for row in rows if row is not None]


async def test_an_answer_is_claimed_as_it_is_written(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    turn = (await begun(store, rows.received())).turn
    answer = to_be_sent(
        replace(rows.item(), turn=turn.id, agent=DESK, content=Content("**hi** \0 🙂"))
    )

    assert await finished(store, turn, answer) == [answer]

    assert await store.outbox.get(answer.id) == answer
    assert await store.outbox.holds(answer.id, 0)
    assert await claimed(store, clock) == []
    assert await store.outbox.next_time() is None


async def test_who_takes_over_from_its_owner_finds_it(store: Store, rows: Rows) -> None:
    turn = (await begun(store, rows.received())).turn
    answer = to_be_sent(rows.item())
    await finished(store, turn, answer)

    assert await store.outbox.take_on(owner="there", by="other", platforms=[SLACK]) == []
    [taken] = await store.outbox.take_on(owner="here", by="other", platforms=[SLACK])

    assert taken == replace(answer, attempts=1)


@pytest.mark.parametrize("sending", [False, True])
async def test_an_answer_behind_another_message_waits(
    store: Store, rows: Rows, clock: ManualClock, *, sending: bool
) -> None:
    turn = (await begun(store, rows.received())).turn
    await store.outbox.enqueue([before := rows.item("before")])
    if sending:
        await claimed(store, clock)
    answer = to_be_sent(rows.item("answer"))

    assert await finished(store, turn, answer) == []

    assert await stored(store, [answer]) == [(OutboxState.PENDING, 0)]
    [first] = [before] if sending else await claimed(store, clock)
    assert first.id == before.id
    assert await claimed(store, clock) == []


async def test_of_two_messages_the_second_waits_for_the_first(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    turn = (await begun(store, rows.received())).turn
    first, second = to_be_sent(rows.item("1")), rows.item("2")
    third = to_be_sent(rows.item("3"))
    elsewhere = to_be_sent(rows.item("4", thread=ThreadRef(CHANNEL, "17.99")))

    assert await finished(store, turn, first, second, third, elsewhere) == [first, elsewhere]

    states = await stored(store, [first, second, third, elsewhere])
    waits, is_sent = (OutboxState.PENDING, 0), (OutboxState.SENDING, 0)
    assert states == [is_sent, waits, waits, is_sent]
    assert await claimed(store, clock) == []


async def test_what_is_there_is_not_claimed_again(store: Store, rows: Rows) -> None:
    turn = (await begun(store, rows.received())).turn
    there = rows.item("first", thread=ThreadRef(CHANNEL, "17.99"))
    await store.outbox.enqueue([there])

    assert await finished(store, turn, to_be_sent(rows.item("second", key=there.id))) == []

    assert await store.outbox.get(there.id) == there


async def test_a_turn_that_is_anothers_claims_nothing(store: Store, rows: Rows) -> None:
    turn = (await begun(store, rows.received())).turn
    answer = to_be_sent(rows.item())

    with pytest.raises(Conflict):
        await finished(store, replace(turn, fence=2), answer)

    assert await store.outbox.get(answer.id) is None
    assert await handed_back(store, turn, answer) == 0


async def test_what_nobody_sends_is_handed_back(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    turn = (await begun(store, rows.received())).turn
    answer = to_be_sent(rows.item())
    await finished(store, turn, answer)

    assert await handed_back(store, turn, answer, owner="there") == 0
    assert await store.outbox.holds(answer.id, 0)
    assert await handed_back(store, turn, answer) == 1

    assert not await store.outbox.holds(answer.id, 0)
    [again] = await claimed(store, clock)
    assert (again.id, again.attempts) == (answer.id, 1)
    assert await handed_back(store, turn, answer, owner="there") == 0


async def test_what_waited_and_is_being_sent_is_not_handed_back(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    """It looks as if claimed as it was written: by the same owner, after the same turn's end."""
    turn = (await begun(store, rows.received())).turn
    await store.outbox.enqueue([rows.item("before")])
    answer = to_be_sent(rows.item("answer"))
    assert await finished(store, turn, answer) == []
    [first] = await claimed(store, clock, owner="here")
    await store.outbox.sent(first.id, first.attempts, MessageId("17.1"))
    [second] = await claimed(store, clock, owner="here")
    assert second.id == answer.id

    assert await handed_back(store, turn, answer) == 0

    assert await store.outbox.holds(second.id, second.attempts)


async def test_what_a_later_owner_of_the_turn_claimed_is_not_handed_back_for_an_earlier_one(
    store: Store, rows: Rows
) -> None:
    """Both are lives of the turn in the same process, and its answer has one id."""
    turn = (await begun(store, rows.received())).turn
    again = await store.turns.begin(turn.conversation, owner="here")
    assert again is not None
    assert await finished(store, again.turn, answer := to_be_sent(rows.item())) == [answer]

    assert await handed_back(store, turn, answer) == 0
    assert await store.outbox.holds(answer.id, 0)
    assert await handed_back(store, turn, answer, fence=again.turn.fence) == 1


async def test_what_was_sent_is_not_handed_back(store: Store, rows: Rows) -> None:
    turn = (await begun(store, rows.received())).turn
    answer = to_be_sent(rows.item())
    await finished(store, turn, answer)
    await store.outbox.settle(answer.id, 0, OutboxState.DEAD, error="no such channel")

    assert await handed_back(store, turn, answer) == 0
    assert await stored(store, [answer]) == [(OutboxState.DEAD, 0)]


async def test_what_was_taken_back_is_withheld_where_it_is_handed_back(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    turn = (await begun(store, rows.received())).turn
    answer = to_be_sent(replace(rows.item(), turn=turn.id, agent=DESK))
    await finished(store, turn, answer)
    stop = Stop(id=StopId("s"), kind=StopKind.TURNS, agent=AgentName(""), by=ADA, at=clock.now())
    await store.stops.order(stop, turns=[turn.id], closing=nothing, why="stopped by Ada")

    assert await handed_back(store, turn, answer) == 1

    found = await store.outbox.get(answer.id)
    assert found is not None
    assert (found.state, found.error) == (OutboxState.WITHHELD, "stopped by Ada")
