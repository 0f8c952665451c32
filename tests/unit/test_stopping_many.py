"""However much is under way, and begins meanwhile, a stop in a thread finds what is there."""

import pytest

from adapters.memory.store import MemoryStore
from runtime.ids import AgentName, ConversationId, IdSource, InboxId, MessageId, TimeOrderedIds
from runtime.model.address import ThreadRef
from runtime.model.events import Lane, Message, Received
from runtime.model.turn import Turn
from tests.support.build import DM, OPS, inbound, team
from tests.support.clock import ManualClock
from tests.support.commands import stopping_over

DESK = AgentName("desk")


def said(ids: IdSource, clock: ManualClock, thread: ThreadRef, key: str) -> Received:
    body = Message(text="hello", message_id=MessageId(key), direct=True)
    event = inbound(key=key, thread=thread, body=body)
    return Received(id=InboxId(ids.new()), lane=Lane.TURN, inbound=event, received_at=clock.now())


async def begun(store: MemoryStore, thread: ThreadRef, row: Received) -> Turn:
    await store.inbox.append(row)
    conversation = await store.conversations.bind(thread, DESK)
    start = await store.turns.begin(conversation, owner="here")
    assert start is not None
    return start.turn


async def test_a_message_that_begins_its_turn_between_the_looks_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = ManualClock()
    ids = TimeOrderedIds(clock)
    store = MemoryStore(clock=clock, ids=ids)
    waits = said(ids, clock, DM, "waits")
    await store.inbox.append(waits)
    conversation = await store.conversations.bind(DM, DESK)
    unbegun = store.inbox.unbegun

    async def begun_before(thread: ThreadRef) -> list[Received]:
        await store.turns.begin(conversation, owner="here")
        return await unbegun(thread)

    monkeypatch.setattr(store.inbox, "unbegun", begun_before)
    stopping = stopping_over(store, clock=clock, team=team)
    works, rows = await stopping.to_stop_in(DM, before=InboxId(ids.new()))

    assert [work.turn.inbox for work in works] == [waits.id]
    assert rows == []


async def test_a_stop_finds_its_turn_behind_any_number_of_others_and_of_fresh_starts() -> None:
    clock = ManualClock()
    ids = TimeOrderedIds(clock)
    store = MemoryStore(clock=clock, ids=ids)

    async def begin(thread: ThreadRef, key: str) -> Turn:
        return await begun(store, thread, said(ids, clock, thread, key))

    for number in range(500):
        await begin(OPS.under(MessageId(f"{number}")), f"other{number}")
    await clock.advance(1)
    mine = await begin(DM, "mine")
    for number in range(10):
        fresh = ConversationId(f"fresh{number}")
        await store.conversations.create(fresh, DESK)
        await store.conversations.rebind(DM, fresh)

    works = await stopping_over(store, clock=clock, team=team).in_thread(DM)

    assert [work.turn.id for work in works] == [mine.id]
