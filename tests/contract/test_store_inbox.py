"""The promises of `runtime.ports.Inbox`, on every implementation."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from runtime.ids import InboxId, MessageId, Platform
from runtime.model.address import ChannelRef, ThreadRef
from runtime.model.events import Body, ButtonPress, Command, Cursor, Lane, Message
from runtime.ports import Store
from tests.support.clock import ManualClock
from tests.support.stores import Opener, Rows, begun


async def test_an_event_comes_back_as_it_was_stored(store: Store, rows: Rows) -> None:
    received = rows.received("what's up? \N{WAVING HAND SIGN} \0", content_key="C1:17.1")

    assert await store.inbox.append(received)

    assert await store.inbox.pending() == [received]
    assert await store.inbox.get(received.id) == received


@pytest.mark.parametrize(
    "body",
    [
        Message(
            text="look",
            message_id=MessageId("17.1"),
            direct=True,
            mentioned=True,
            quoted=("ignore all", "instructions"),
        ),
        Command(text="schedule list", reply_url="https://hooks.example/1"),
        ButtonPress(action="approve", value="a1", message_id=MessageId("17.2")),
    ],
    ids=["message", "command", "press"],
)
async def test_every_kind_of_body_comes_back(store: Store, rows: Rows, body: Body) -> None:
    received = rows.received(body=body, lane=Lane.COMMAND)

    await store.inbox.append(received)

    assert await store.inbox.pending() == [received]


async def test_a_retry_of_a_delivery_is_not_stored(store: Store, rows: Rows) -> None:
    first = rows.received(event_key="Ev1")

    assert await store.inbox.append(first)
    assert not await store.inbox.append(rows.received(event_key="Ev1"))

    assert await store.inbox.pending() == [first]


async def test_the_same_content_in_another_delivery_is_not_stored(store: Store, rows: Rows) -> None:
    first = rows.received(event_key="Ev1", content_key="C1:17.1")

    assert await store.inbox.append(first)
    assert not await store.inbox.append(rows.received(event_key="Ev2", content_key="C1:17.1"))

    assert await store.inbox.pending() == [first]


async def test_the_place_in_a_stream_is_stored_with_its_event(store: Store, rows: Rows) -> None:
    at = Cursor(name="telegram:7", value=12)
    received = rows.received(event_key="7:11", cursor=at)
    assert await store.inbox.position("telegram:7") is None

    assert await store.inbox.append(received)

    assert await store.inbox.position("telegram:7") == 12
    assert await store.inbox.position("telegram:8") is None
    [stored] = await store.inbox.pending()
    assert stored.inbound == replace(received.inbound, cursor=None)


async def test_the_place_in_a_stream_moves_past_a_duplicate_and_past_what_is_not_stored(
    store: Store, rows: Rows
) -> None:
    await store.inbox.append(rows.received(event_key="7:11"))

    again = rows.received(event_key="7:11", cursor=Cursor(name="telegram:7", value=12))
    assert not await store.inbox.append(again)
    assert await store.inbox.position("telegram:7") == 12

    await store.inbox.move(Cursor(name="telegram:7", value=20))
    assert await store.inbox.position("telegram:7") == 20


async def test_the_place_in_a_stream_can_go_back(store: Store) -> None:
    await store.inbox.move(Cursor(name="telegram:7", value=2**40))
    await store.inbox.move(Cursor(name="telegram:7", value=3))
    assert await store.inbox.position("telegram:7") == 3


async def test_events_without_a_content_key_are_no_duplicates(store: Store, rows: Rows) -> None:
    assert await store.inbox.append(rows.received(content_key=""))
    assert await store.inbox.append(rows.received(content_key=""))


async def test_keys_are_of_one_platform(store: Store, rows: Rows) -> None:
    elsewhere = ThreadRef(ChannelRef(Platform("telegram"), "", "7"))

    assert await store.inbox.append(rows.received(event_key="1", content_key="2"))
    assert await store.inbox.append(rows.received(event_key="1", content_key="2", thread=elsewhere))


async def test_of_many_deliveries_at_once_exactly_one_is_stored(store: Store, rows: Rows) -> None:
    rivals = [rows.received(event_key="Ev1") for _ in range(20)]

    stored = await asyncio.gather(*(store.inbox.append(received) for received in rivals))

    assert sum(stored) == 1
    assert await store.inbox.pending() == [rivals[stored.index(True)]]


async def test_many_are_stored_at_once_each_unless_it_is_there(store: Store, rows: Rows) -> None:
    await store.inbox.append(rows.received(event_key="Ev1"))
    many = [rows.received(event_key=key) for key in ("Ev0", "Ev1", "Ev2", "Ev0")]

    assert list(await store.inbox.append_all(many)) == [True, False, True, False]

    stored = [row.inbound.event_key for row in await store.inbox.pending()]
    assert stored == ["Ev1", "Ev0", "Ev2"]


async def test_the_cursors_of_many_are_moved_in_their_order(store: Store, rows: Rows) -> None:
    cursors = [Cursor(name="telegram:7", value=value) for value in (11, 12)]
    many = [rows.received(event_key="7:11", cursor=cursor) for cursor in cursors]

    assert list(await store.inbox.append_all(many)) == [True, False]

    assert await store.inbox.position("telegram:7") == 12


async def test_a_duplicate_among_many_takes_nothing_with_it(store: Store, rows: Rows) -> None:
    keys = [f"Ev{number % 30}" for number in range(60)]

    stored = await asyncio.gather(
        *(store.inbox.append(rows.received(event_key=key)) for key in keys)
    )

    assert sum(stored) == 30
    assert {row.inbound.event_key for row in await store.inbox.pending()} == set(keys)


async def test_an_event_is_there_after_a_restart(open_again: Opener, rows: Rows) -> None:
    received = rows.received()
    async with open_again() as store:
        await store.inbox.append(received)

    async with open_again() as store:
        assert await store.inbox.pending() == [received]
        assert not await store.inbox.append(rows.received(event_key=received.inbound.event_key))


async def test_pending_rows_come_oldest_first_in_pages(store: Store, rows: Rows) -> None:
    arrived = [rows.received() for _ in range(5)]
    for received in reversed(arrived):
        await store.inbox.append(received)

    first = await store.inbox.pending(limit=2)
    rest = await store.inbox.pending(after=first[-1].id)

    assert first + rest == arrived


async def test_a_finished_row_is_pending_no_more(store: Store, rows: Rows) -> None:
    received = rows.received(lane=Lane.COMMAND)
    await store.inbox.append(received)

    await store.inbox.finish(received.id, [rows.item("done")])

    assert await store.inbox.pending() == []
    assert await store.inbox.get(received.id) is None


async def test_finishing_enqueues_the_answers_in_order(store: Store, rows: Rows) -> None:
    received = rows.received()
    answers = [rows.item("one"), rows.item("two")]
    await store.inbox.append(received)

    await store.inbox.finish(received.id, answers)

    assert [await store.outbox.get(answer.id) for answer in answers] == answers


async def test_finishing_again_changes_nothing(store: Store, rows: Rows) -> None:
    received = rows.received()
    late = rows.item("a second answer")
    await store.inbox.append(received)
    await store.inbox.finish(received.id, [])

    await store.inbox.finish(received.id, [late])

    assert await store.outbox.get(late.id) is None


async def test_finishing_leaves_an_answer_that_is_there_as_it_is(store: Store, rows: Rows) -> None:
    received = rows.received()
    answer = rows.item("one", key="answer")
    await store.inbox.append(received)
    await store.outbox.enqueue([answer])

    await store.inbox.finish(received.id, [rows.item("other words", key="answer")])

    assert await store.outbox.get(answer.id) == answer


async def test_dropped_rows_are_pending_no_more(store: Store, rows: Rows) -> None:
    kept, *dropped = [rows.received(event_key=f"Ev{number}") for number in range(3)]
    for received in (*dropped, kept):
        await store.inbox.append(received)

    await store.inbox.drop([received.id for received in dropped])
    await store.inbox.drop([dropped[0].id, InboxId("nothing")])
    await store.inbox.drop([])

    assert await store.inbox.pending() == [kept]
    assert not await store.inbox.append(replace(dropped[0], id=InboxId("again")))


async def test_a_row_that_a_turn_began_is_pending_no_more(store: Store, rows: Rows) -> None:
    received = rows.received()

    await begun(store, received)

    assert await store.inbox.pending() == []
    assert await store.inbox.get(received.id) is None


async def test_an_unknown_row_is_not_there(store: Store) -> None:
    assert await store.inbox.get(InboxId("none")) is None


async def test_processed_rows_are_forgotten_after_their_time(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    old, unprocessed = rows.received(event_key="old"), rows.received(event_key="unprocessed")
    await clock.advance(timedelta(days=8))
    fresh = rows.received(event_key="fresh")
    for received in (old, unprocessed, fresh):
        await store.inbox.append(received)
    for received in (old, fresh):
        await store.inbox.finish(received.id, [])

    assert await store.inbox.forget(before=clock.now() - timedelta(days=7)) == 1

    assert await store.inbox.append(rows.received(event_key="old"))
    assert not await store.inbox.append(rows.received(event_key="unprocessed"))
    assert not await store.inbox.append(rows.received(event_key="fresh"))


async def test_more_than_a_page_of_rows_is_forgotten_at_once(store: Store, rows: Rows) -> None:
    gone = [rows.received() for _ in range(250)]
    await asyncio.gather(*(store.inbox.append(received) for received in gone))
    await asyncio.gather(*(store.inbox.finish(received.id, []) for received in gone))

    before = gone[0].received_at + timedelta(seconds=1)
    assert await store.inbox.forget(before=before) == 250
    assert await store.inbox.forget(before=before) == 0
