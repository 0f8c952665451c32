"""What a turn was asked is in the log once, in its place, whatever becomes of the turn."""

from collections.abc import Sequence

import pytest

from runtime.errors import Conflict
from runtime.ids import ConversationId, StopId, TurnId
from runtime.model.conversation import Entry, Role
from runtime.model.outbox import OutboxItem
from runtime.model.stop import Stop, StopKind
from runtime.model.turn import Turn, TurnState
from runtime.ports import Store
from tests.support.clock import ManualClock
from tests.support.stores import ADA, DESK, Opener, Rows, begun, texts

RUN = TurnId("run-1")


def nothing(_: Turn) -> list[OutboxItem]:
    return []


def answer(rows: Rows, text: str, turn: TurnId) -> Entry:
    return rows.entry(text, turn, role=Role.ASSISTANT)


async def said(store: Store, rows: Rows, *questions: str) -> ConversationId:
    """A conversation with a turn for each, so that its log may be remembered."""
    turn: Turn | None = None
    for question in questions:
        turn = (await begun(store, rows.received(question))).turn
        entries = [answer(rows, f"on {question}", turn.id)]
        await store.turns.finish(turn.id, turn.fence, state=TurnState.DONE, entries=entries)
    assert turn is not None
    return turn.conversation


async def in_order(store: Store, conversation: ConversationId) -> Sequence[str]:
    """What the log says; its numbers have no gaps."""
    entries = await store.conversations.entries(conversation)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    return texts(entries)


async def test_a_question_is_in_the_log_before_anything_is_said(store: Store, rows: Rows) -> None:
    turn = (await begun(store, rows.received("1"))).turn
    assert await in_order(store, turn.conversation) == ["1"]

    await store.turns.park(turn.id, turn.fence, tries=1)

    assert await in_order(store, turn.conversation) == ["1"]


@pytest.mark.parametrize("earlier", [1, 2, 3])
async def test_a_turn_that_is_taken_up_was_asked_once(
    store: Store, rows: Rows, earlier: int
) -> None:
    conversation = await said(store, rows, *map(str, range(earlier)))
    first = await begun(store, rows.received("again?"))

    again = await store.turns.begin(conversation, owner="there")

    assert again is not None
    assert again.entries == first.entries
    assert list(again.entries) == await store.conversations.entries(conversation)
    entries = [answer(rows, "yes", again.turn.id)]
    await store.turns.finish(again.turn.id, again.turn.fence, state=TurnState.DONE, entries=entries)
    assert (await in_order(store, conversation))[-2:] == ["again?", "yes"]
    assert texts((await begun(store, rows.received("next"))).entries)[-3:] == [
        "again?",
        "yes",
        "next",
    ]


async def test_a_question_outlives_the_process_that_took_it(open_again: Opener, rows: Rows) -> None:
    async with open_again() as store:
        turn = (await begun(store, rows.received("one\ud800"))).turn
        here = await store.conversations.entries(turn.conversation)

    async with open_again() as store:
        assert await store.conversations.entries(turn.conversation) == here
        again = await store.turns.begin(turn.conversation, owner="there")
        assert again is not None
        assert list(again.entries) == here
        with pytest.raises(Conflict):
            await store.turns.finish(turn.id, turn.fence, state=TurnState.DONE)
        await store.turns.finish(turn.id, again.turn.fence, state=TurnState.FAILED)
        assert await store.conversations.entries(turn.conversation) == here


@pytest.mark.parametrize("kind", StopKind)
async def test_a_turn_that_is_stopped_leaves_its_question(
    store: Store, rows: Rows, clock: ManualClock, kind: StopKind
) -> None:
    turn = (await begun(store, rows.received("1"))).turn
    stop = Stop(id=StopId("stop"), kind=kind, agent=DESK, by=ADA, at=clock.now())
    chosen = [turn.id] if kind is StopKind.TURNS else []

    await store.stops.order(stop, turns=chosen, closing=nothing, why="stopped by Ada")

    assert await in_order(store, turn.conversation) == ["1"]
    assert texts((await begun(store, rows.received("2"))).entries) == ["1", "2"]
    assert await in_order(store, turn.conversation) == ["1", "2"]


async def test_nothing_is_lost_between_a_run_and_a_question(store: Store, rows: Rows) -> None:
    conversation = await said(store, rows, "1", "2")
    run = await store.turns.begin_run(
        RUN, conversation, requester=ADA, instruction="run", owner="here"
    )
    assert run is not None
    asked = await begun(store, rows.received("3"))
    assert texts(asked.entries)[-2:] == ["run", "3"]
    await store.turns.append(RUN, 1, [answer(rows, "half", RUN)])

    again = await store.turns.begin(conversation, owner="here")

    assert again is not None
    assert sorted(texts(again.entries)) == sorted(["1", "on 1", "2", "on 2", "run", "half", "3"])
    assert len({entry.seq for entry in again.entries}) == len(again.entries)
    await store.turns.finish(
        again.turn.id, 2, state=TurnState.DONE, entries=[answer(rows, "on 3", again.turn.id)]
    )
    await store.turns.finish(RUN, 1, state=TurnState.DONE, entries=[answer(rows, "all", RUN)])
    log = await in_order(store, conversation)
    assert sorted(log) == sorted([*texts(again.entries), "on 3", "all"])
    assert log.index("3") < log.index("on 3")
    assert texts((await begun(store, rows.received("4"))).entries) == [*log, "4"]
