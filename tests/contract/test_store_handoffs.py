"""The promises of `runtime.ports.HandoffLog`, and of turns that end with one, on every store."""

from dataclasses import replace

import pytest

from runtime.errors import Conflict
from runtime.ids import AgentName, ConversationId, MessageId, RunId, StopId, TurnId
from runtime.model.address import ThreadRef
from runtime.model.conversation import Entry, Role
from runtime.model.ending import Ending, Handed, HandTo
from runtime.model.events import Message
from runtime.model.handoff import Handoff, HandOver
from runtime.model.outbox import thread_under
from runtime.model.stop import EVERYTHING, Stop, StopKind
from runtime.model.turn import (
    HANDED,
    Turn,
    TurnState,
    handed_by,
    handed_row_of,
    handing_key,
    run_of,
    turn_of_run,
)
from runtime.ports import Store
from tests.support.clock import ManualClock
from tests.support.stores import ADA, DESK, SLACK, THREAD, Opener, Rows, begun, texts

RESEARCH = AgentName("research")
NEW = ConversationId("new-talk")


def over(turn: Turn, rows: Rows, clock: ManualClock, *, task: str = "find out") -> HandOver:
    """Desk hands the turn's thread to research, with a task to begin with at once."""
    handoff = Handoff(
        conversation=NEW,
        before=turn.conversation,
        thread=THREAD,
        giver=DESK,
        taker=RESEARCH,
        task=task,
        requester=ADA,
        chain=(DESK,),
        at=clock.now(),
    )
    opening = Entry(role=Role.SUMMARY, text="before", at=clock.now(), turn=turn.id)
    said = Message(
        text=task,
        message_id=MessageId(""),
        handed=Handed(chain=(DESK,), context="by noon"),
    )
    row = rows.received(body=said, event_key=handing_key(turn.id))
    row = replace(row, id=handed_row_of(turn.id))
    assert handed_by(row) == turn.id
    return HandOver(handoff=handoff, opening=(opening,), wakes=row)


async def finished(store: Store, turn: Turn, handed: HandOver | None) -> None:
    await store.turns.finish(turn.id, turn.fence, state=TurnState.DONE, over=handed)


async def test_a_turn_ends_with_its_handoff_at_once(
    open_again: Opener, rows: Rows, clock: ManualClock
) -> None:
    async with open_again() as store:
        turn = (await begun(store, rows.received())).turn
        handed = over(turn, rows, clock)
        await finished(store, turn, handed)
    async with open_again() as store:
        assert await store.conversations.bound(THREAD) == NEW
        assert await store.handoffs.of(NEW) == handed.handoff
        assert await store.handoffs.of(turn.conversation) is None
        assert [row.id for row in await store.inbox.pending()] == [handed.wakes and handed.wakes.id]
        start = await store.turns.begin(NEW, owner="next life")
        assert start is not None
        assert (start.agent, start.turn.requester, start.turn.thread) == (RESEARCH, ADA, THREAD)
        assert start.turn.chain == (DESK,)
        assert [entry.sender for entry in start.entries] == [None, None]
        assert texts(start.entries)[0] == "before"
        assert texts(start.entries)[1].startswith(f"find out\n\n{HANDED} desk; no person")
        assert "by noon" in texts(start.entries)[1]
        again = await store.turns.begin(NEW, owner="a third")
        assert again is not None
        assert again.turn.chain == (DESK,)


@pytest.mark.parametrize("is_begun", [False, True], ids=["waits", "has-begun"])
async def test_what_a_turn_handed_on_goes_with_the_stop_of_that_turn(
    store: Store, rows: Rows, clock: ManualClock, *, is_begun: bool
) -> None:
    turn = (await begun(store, rows.received())).turn
    await finished(store, turn, over(turn, rows, clock))
    start = await store.turns.begin(NEW, owner="here") if is_begun else None

    stop = Stop(id=StopId("s"), kind=StopKind.TURNS, by=ADA, at=clock.now())
    seen = [handed_row_of(turn.id)]  # by who asks, who may know of its giver too or not
    did = await store.stops.order(
        stop, turns=[turn.id], unbegun=seen, behind=True, closing=lambda _: []
    )

    ended = turn if start is None else start.turn
    assert [(one.turn, one.conversation) for one in did.ended] == [(ended.id, ended.conversation)]
    assert did.unbegun == 0
    assert await store.inbox.pending() == []
    assert await store.turns.begin(NEW, owner="here") is None
    if start is not None:
        assert await store.turns.state(start.turn.id) is TurnState.STOPPED


async def test_a_run_is_handed_over_without_a_thread(
    open_again: Opener, rows: Rows, clock: ManualClock
) -> None:
    run, first = RunId("run"), ConversationId("run-talk")
    async with open_again() as store:
        await store.conversations.create(first, DESK)
        start = await store.turns.begin_run(
            turn_of_run(run, 0), first, requester=ADA, instruction="Look.", owner="here"
        )
        assert start is not None
        handed = over(start.turn, rows, clock)
        alone = replace(handed.handoff, thread=None, context="by noon")
        await finished(store, start.turn, replace(handed, handoff=alone, wakes=None))
    async with open_again() as store:
        assert await store.handoffs.of(NEW) == alone
        assert await store.conversations.bound(THREAD) is None
        assert await store.inbox.pending() == []
        turn = turn_of_run(run, 1)
        for owner in ("here", "there"):
            on = await store.turns.begin_run(
                turn, NEW, requester=ADA, instruction="Find out.", owner=owner, chain=(DESK,)
            )
            assert on is not None
            assert (on.agent, on.turn.chain, on.turn.thread) == (RESEARCH, (DESK,), None)
            assert texts(on.entries) == ["before", "Find out."]
        assert run_of(turn) == run
        await store.turns.park(turn, 2, tries=0)
        assert [one.chain for one in await store.turns.parked()] == [(DESK,)]


async def test_old_handoffs_are_forgotten_but_none_that_is_needed(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    # A thread that was handed over, and is with another now; that one's hand-off is the last.
    turn = (await begun(store, rows.received())).turn
    await finished(store, turn, over(turn, rows, clock))
    present = ConversationId("present")
    first = replace(over(turn, rows, clock).handoff, conversation=present, before=NEW)
    assert await store.handoffs.record(HandOver(handoff=first, opening=()))
    # A run that was handed over twice, and waits; and one that ended.
    for name, ends in (("waits", False), ("ended", True)):
        before = ConversationId(name)
        await store.conversations.create(before, DESK)
        for place in (1, 2):
            at = ConversationId(f"{name}-{place}")
            link = replace(first, conversation=at, before=before, thread=None)
            assert await store.handoffs.record(HandOver(handoff=link, opening=()))
            before = at
        start = await store.turns.begin_run(
            TurnId(name), before, requester=ADA, instruction="Look.", owner="here"
        )
        assert start is not None
        if ends:
            await finished(store, start.turn, None)
        else:
            await store.turns.park(start.turn.id, start.turn.fence, tries=0)

    assert await store.handoffs.forget(before=clock.now()) == 0
    await clock.advance(1)
    assert await store.handoffs.forget(before=clock.now()) == 3
    assert await store.handoffs.forget(before=clock.now()) == 0
    known = (NEW, present, "waits-1", "waits-2", "ended-1", "ended-2")
    left = [this for this in known if await store.handoffs.of(ConversationId(this)) is not None]
    assert left == [present, "waits-1", "waits-2"]
    assert await store.conversations.bound(THREAD) == present


async def test_a_handoff_stays_whose_thread_a_message_will_bind(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    turn = (await begun(store, rows.received())).turn
    await finished(store, turn, None)
    link = replace(over(turn, rows, clock).handoff, thread=None)
    assert await store.handoffs.record(HandOver(handoff=link, opening=()))
    result = rows.item("the result", thread=ThreadRef(THREAD.channel), binds=NEW)
    await store.outbox.enqueue([result])
    stop = Stop(id=StopId("s"), kind=StopKind.EVERYTHING, agent=EVERYTHING, by=ADA, at=clock.now())
    await store.stops.order(stop, closing=lambda _: ())
    await clock.advance(40 * 86_400)
    assert await store.handoffs.forget(before=clock.now()) == 0
    assert await store.handoffs.of(NEW) == link

    await store.stops.lift(EVERYTHING, by=ADA, at=clock.now(), key=StopId("r"))
    claimed = await store.outbox.claim(now=clock.now(), owner="here", platforms=(SLACK,))
    [sent] = [item for item in claimed if item.id == result.id]
    await store.outbox.sent(sent.id, sent.attempts, MessageId("17.1"))
    assert await store.handoffs.forget(before=clock.now()) == 0
    under = thread_under(result.thread, MessageId("17.1"))
    assert await store.conversations.bound(under) == NEW
    await store.conversations.rebind(under, turn.conversation)
    assert await store.handoffs.forget(before=clock.now()) == 1


async def test_a_message_of_a_person_has_no_chain(store: Store, rows: Rows) -> None:
    start = await begun(store, rows.received())
    assert start.turn.chain == ()
    assert start.entries[0].sender == ADA


async def test_who_lost_the_turn_hands_nothing_over(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    turn = (await begun(store, rows.received())).turn
    assert await store.turns.begin(turn.conversation, owner="another") is not None
    with pytest.raises(Conflict):
        await finished(store, turn, over(turn, rows, clock))
    assert await store.conversations.bound(THREAD) == turn.conversation
    assert await store.handoffs.of(NEW) is None
    assert await store.conversations.get(NEW) is None
    assert await store.inbox.pending() == []


async def test_a_thread_that_somebody_moved_meanwhile_stays_where_it_is(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    turn = (await begun(store, rows.received())).turn
    elsewhere = ConversationId("elsewhere")
    await store.conversations.create(elsewhere, DESK)
    await store.conversations.rebind(THREAD, elsewhere)
    await finished(store, turn, over(turn, rows, clock))
    assert await store.turns.state(turn.id) is TurnState.DONE
    assert await store.conversations.bound(THREAD) == elsewhere
    assert await store.handoffs.of(NEW) is None
    assert await store.inbox.pending() == []


async def test_a_handoff_happens_once(store: Store, rows: Rows, clock: ManualClock) -> None:
    turn = (await begun(store, rows.received())).turn
    await finished(store, turn, None)
    handed = over(turn, rows, clock)
    assert await store.handoffs.record(handed)
    assert not await store.handoffs.record(handed)
    assert len(await store.inbox.pending()) == 1
    assert [one.id for one in await store.conversations.earlier(THREAD)] == [NEW, turn.conversation]


async def test_what_was_handed_over_comes_before_what_people_wrote_meanwhile(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    turn = (await begun(store, rows.received())).turn
    await clock.advance(1)
    await store.inbox.append(rows.received("and then?"))
    await finished(store, turn, over(turn, rows, clock))
    first = await store.turns.begin(NEW, owner="here")
    assert first is not None
    assert first.entries[-1].text.startswith("find out")
    await finished(store, first.turn, None)
    second = await store.turns.begin(NEW, owner="here")
    assert second is not None
    assert (second.entries[-1].text, second.turn.chain) == ("and then?", ())


async def test_how_a_tool_ends_a_turn_is_in_the_log(open_again: Opener, rows: Rows) -> None:
    ending = Ending(hands=HandTo(to=RESEARCH, task="find out", context="by noon"))
    async with open_again() as store:
        turn = (await begun(store, rows.received())).turn
        entry = rows.entry("handed", turn.id, Role.TOOL)._replace(ending=ending)
        await store.turns.append(turn.id, turn.fence, [entry, rows.entry("plain", turn.id)])
    async with open_again() as store:
        start = await store.turns.begin(turn.conversation, owner="next life")
        assert start is not None
        assert [entry.ending for entry in start.entries] == [None, ending, None]
