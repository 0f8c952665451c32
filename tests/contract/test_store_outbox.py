"""The promises of `runtime.ports.Outbox`, on every implementation."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from runtime.errors import Conflict, NightdeskError
from runtime.ids import ConversationId, MessageId, OutboxId, Platform, TurnId
from runtime.model import recorded
from runtime.model.address import ChannelRef, ThreadRef
from runtime.model.messages import Button, Content
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.ports import Store
from tests.support.clock import ManualClock
from tests.support.stores import ADA, CHANNEL, DESK, SLACK, TERMINAL, THREAD, Opener, Rows

SECOND = timedelta(seconds=1)


async def claim(
    store: Store,
    clock: ManualClock,
    *,
    owner: str = "here",
    limit: int = 50,
    platforms: tuple[Platform, ...] = (SLACK,),
) -> list[OutboxItem]:
    return await store.outbox.claim(now=clock.now(), owner=owner, limit=limit, platforms=platforms)


def ids(items: list[OutboxItem]) -> list[OutboxId]:
    return [item.id for item in items]


def thread(root: str) -> ThreadRef:
    return ThreadRef(CHANNEL, root)


async def test_a_message_comes_back_as_it_was_stored(store: Store, clock: ManualClock) -> None:
    conversation = await store.conversations.bind(THREAD, DESK)
    item = OutboxItem(
        id=OutboxId("answer"),
        thread=THREAD,
        content=Content("**hi** \0 \N{WAVING HAND SIGN}", (Button("Yes", "approve", "a1"),)),
        proactive=True,
        only_for=ADA,
        reply_url="https://hooks.example/1",
        draft=MessageId("17.1"),
        binds=conversation,
        turn=TurnId("t1"),
        not_before=clock.now() + SECOND,
        created_at=clock.now(),
    )

    await store.outbox.enqueue([item])

    assert await store.outbox.get(item.id) == item


@pytest.mark.parametrize("ahead", [False, True], ids=["in turn", "first"])
async def test_a_message_that_is_there_is_left_as_it_is(
    store: Store, rows: Rows, *, ahead: bool
) -> None:
    first = rows.item("first", key="answer")
    await store.outbox.enqueue([first], first=ahead)

    more = [rows.item("second", key="answer"), rows.item("new", key="new")]
    await store.outbox.enqueue(more, first=ahead)

    assert await store.outbox.get(first.id) == first
    assert await store.outbox.get(OutboxId("new")) is not None


async def test_what_is_recorded_of_messages_is_recorded_once(store: Store, rows: Rows) -> None:
    event = recorded.message_unasked(rows.item())
    for items in ([rows.item(key="a"), rows.item(key="b")], [rows.item(key="b")], []):
        await store.outbox.enqueue(items, audit=[event])
    assert [one.kind for one in await store.audit.page()] == [event.kind]


async def test_nothing_to_enqueue_is_nothing(store: Store) -> None:
    await store.outbox.enqueue([])

    assert await store.outbox.count(OutboxState.PENDING) == 0


async def test_a_message_binds_only_what_exists(store: Store, rows: Rows) -> None:
    good = rows.item()

    with pytest.raises(NightdeskError):
        await store.outbox.enqueue([good, rows.item(binds=ConversationId("nowhere"))])

    assert await store.outbox.get(good.id) is None


async def test_a_claimed_message_is_being_sent(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    item = rows.item()
    await store.outbox.enqueue([item])

    [claimed] = await claim(store, clock)

    assert claimed == replace(item, state=OutboxState.SENDING, attempts=1)
    assert await store.outbox.get(item.id) == claimed
    assert await claim(store, clock) == []


async def test_messages_are_claimed_oldest_first_up_to_the_limit(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    # The ids fall, the time stands still: the order is that of storing.
    items = [rows.item(thread=thread(str(n)), key=f"out-{9 - n}") for n in range(5)]
    for item in items:
        await store.outbox.enqueue([item])

    assert ids(await claim(store, clock, limit=3)) == ids(items[:3])
    assert ids(await claim(store, clock, limit=3)) == ids(items[3:])


async def test_one_message_of_a_thread_goes_at_a_time_and_in_order(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    one, two, three = rows.item("1"), rows.item("2"), rows.item("3")
    elsewhere = rows.item("elsewhere", thread=thread("2"))
    await store.outbox.enqueue([one, two, three, elsewhere])

    assert ids(await claim(store, clock)) == ids([one, elsewhere])
    assert await claim(store, clock) == []
    await store.outbox.sent(one.id, 1, MessageId("17.1"))
    assert ids(await claim(store, clock)) == [two.id]
    await store.outbox.settle(two.id, 1, OutboxState.DEAD, error="too long")
    assert ids(await claim(store, clock)) == [three.id]


async def test_a_postponed_message_holds_its_thread_back(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    one, two = rows.item("1"), rows.item("2")
    await store.outbox.enqueue([one, two])
    await claim(store, clock)

    await store.outbox.postpone(one.id, 1, until=clock.now() + 5 * SECOND, error="slow down")

    assert await claim(store, clock) == []
    await clock.advance(5 * SECOND)
    [again] = await claim(store, clock)
    assert (again.id, again.attempts, again.error) == (one.id, 2, "slow down")


async def test_a_message_waits_for_its_time(store: Store, rows: Rows, clock: ManualClock) -> None:
    item = rows.item(not_before=clock.now() + SECOND)
    await store.outbox.enqueue([item])

    assert await claim(store, clock) == []
    await clock.advance(SECOND)
    assert ids(await claim(store, clock)) == [item.id]


async def test_a_process_claims_for_its_platforms(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    slack = rows.item()
    terminal = rows.item(thread=ThreadRef(ChannelRef(TERMINAL, "", "#ops")))
    await store.outbox.enqueue([slack, terminal])

    assert await claim(store, clock, platforms=()) == []
    assert ids(await claim(store, clock, platforms=(TERMINAL,))) == [terminal.id]
    assert ids(await claim(store, clock, platforms=(TERMINAL, SLACK))) == [slack.id]


async def test_threads_of_the_same_root_are_apart(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    items = [
        rows.item(thread=ThreadRef(ChannelRef(SLACK, workspace, channel), root))
        for workspace in ("T1", "T2")
        for channel in ("C1", "C2")
        for root in ("", "1")
    ]
    await store.outbox.enqueue(items)

    assert ids(await claim(store, clock)) == ids(items)


async def test_two_processes_never_claim_the_same_message(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    items = [rows.item(thread=thread(str(n % 10))) for n in range(40)]
    await store.outbox.enqueue(items)
    order: dict[ThreadRef, list[OutboxId]] = {}

    async def process(owner: str) -> None:
        while True:
            claimed = await claim(store, clock, owner=owner, limit=3)
            for item in claimed:
                order.setdefault(item.thread, []).append(item.id)
                await store.outbox.sent(item.id, 1, MessageId(f"sent-{item.id}"))
            if not claimed and await store.outbox.count(OutboxState.SENT) == len(items):
                return

    await asyncio.gather(*(process(str(number)) for number in range(4)))

    assert order == {place: [item.id for item in items if item.thread == place] for place in order}
    assert sum(map(len, order.values())) == len(items)


async def test_a_sent_message_knows_the_platforms_id(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    item = rows.item()
    await store.outbox.enqueue([item])
    await claim(store, clock)

    await store.outbox.sent(item.id, 1, MessageId("17.1"))

    stored = await store.outbox.get(item.id)
    assert stored is not None
    assert (stored.state, stored.message_id) == (OutboxState.SENT, "17.1")


async def test_the_thread_under_a_message_is_bound_when_it_is_sent(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    briefing = ConversationId("briefing")
    await store.conversations.create(briefing, DESK)
    item = rows.item(thread=ThreadRef(CHANNEL), binds=briefing)
    await store.outbox.enqueue([item])
    await claim(store, clock)

    await store.outbox.sent(item.id, 1, MessageId("17.9"))

    assert await store.conversations.bound(thread("17.9")) == briefing
    assert await store.conversations.bound(ThreadRef(CHANNEL)) is None


async def test_what_will_bind_a_thread_is_known_from_its_claim_until_it_is_sent(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    briefing = ConversationId("briefing")
    await store.conversations.create(briefing, DESK)
    item = rows.item(thread=ThreadRef(CHANNEL), binds=briefing)
    await store.outbox.enqueue([item, rows.item("an answer")])
    assert not await store.outbox.binds_soon(CHANNEL)

    [claimed, _] = await claim(store, clock)

    assert claimed.id == item.id
    assert await store.outbox.binds_soon(CHANNEL)
    assert not await store.outbox.binds_soon(replace(CHANNEL, channel="C2"))
    await store.outbox.sent(item.id, 1, MessageId("17.9"))
    assert not await store.outbox.binds_soon(CHANNEL)


async def test_a_message_sent_into_a_thread_binds_that_thread(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    before = await store.conversations.bind(THREAD, DESK)
    briefing = ConversationId("briefing")
    await store.conversations.create(briefing, DESK)
    item = rows.item(thread=THREAD, binds=briefing)
    await store.outbox.enqueue([item])
    await claim(store, clock)

    await store.outbox.sent(item.id, 1, MessageId("17.9"))

    assert await store.conversations.bound(THREAD) == briefing
    earlier = await store.conversations.earlier(THREAD)
    assert [conversation.id for conversation in earlier] == [briefing, before]
    assert await store.conversations.bound(thread("17.9")) is None


async def test_saying_again_that_it_was_sent_changes_nothing(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    item = rows.item()
    await store.outbox.enqueue([item])
    await claim(store, clock)
    await store.outbox.sent(item.id, 1, MessageId("17.1"))

    await store.outbox.sent(item.id, 1, MessageId("17.2"))

    stored = await store.outbox.get(item.id)
    assert stored is not None
    assert stored.message_id == "17.1"


async def test_what_was_not_claimed_cannot_be_sent_or_postponed(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    item = rows.item()
    await store.outbox.enqueue([item])

    for key in (item.id, OutboxId("none")):
        with pytest.raises(Conflict):
            await store.outbox.sent(key, 0, MessageId("17.1"))
        with pytest.raises(Conflict):
            await store.outbox.postpone(key, 0, until=clock.now(), error="")
        with pytest.raises(Conflict):
            await store.outbox.settle(key, 0, OutboxState.DEAD, error="")

    assert await store.outbox.get(item.id) == item


async def test_a_dead_message_keeps_the_reason(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    item = rows.item()
    await store.outbox.enqueue([item])
    await claim(store, clock)

    await store.outbox.settle(item.id, 1, OutboxState.DEAD, error="channel_not_found")
    await store.outbox.settle(item.id, 1, OutboxState.DEAD, error="said again")

    stored = await store.outbox.get(item.id)
    assert stored is not None
    assert (stored.state, stored.error) == (OutboxState.DEAD, "channel_not_found")
    with pytest.raises(Conflict):
        await store.outbox.sent(item.id, 1, MessageId("17.1"))


@pytest.mark.parametrize("claimed", [True, False], ids=["claimed", "pending"])
async def test_a_message_may_be_withheld_before_and_after_it_was_claimed(
    store: Store, rows: Rows, clock: ManualClock, claimed: bool
) -> None:
    item = rows.item()
    await store.outbox.enqueue([item])
    if claimed:
        await claim(store, clock)

    attempt = 1 if claimed else 0
    await store.outbox.settle(item.id, attempt, OutboxState.WITHHELD, error="not on the list")

    stored = await store.outbox.get(item.id)
    assert stored is not None
    assert (stored.state, stored.error) == (OutboxState.WITHHELD, "not on the list")


async def take_on(
    store: Store, owner: str, by: str, platforms: tuple[Platform, ...] = (SLACK,)
) -> list[OutboxItem]:
    return await store.outbox.take_on(owner=owner, by=by, platforms=platforms)


async def test_what_a_process_left_being_sent_is_taken_on(
    open_again: Opener, rows: Rows, clock: ManualClock
) -> None:
    items = [rows.item(thread=thread(str(number))) for number in range(3)]
    async with open_again() as store:
        await store.outbox.enqueue(items)
        await claim(store, clock, owner="here", limit=1)
        await claim(store, clock, owner="there", limit=1)

    async with open_again() as store:
        [mine] = await take_on(store, "here", "here")
        assert (mine.id, mine.state, mine.attempts) == (items[0].id, OutboxState.SENDING, 2)
        assert await store.outbox.get(mine.id) == mine
        assert ids(await take_on(store, "there", "here")) == [items[1].id]
        assert await take_on(store, "there", "here") == []


async def test_what_its_taker_left_is_taken_on_by_a_third(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    item = rows.item()
    await store.outbox.enqueue([item])
    await claim(store, clock, owner="first")
    await take_on(store, "first", "second")

    [third] = await take_on(store, "second", "third")

    assert (third.id, third.attempts) == (item.id, 3)


async def test_only_messages_of_its_platforms_are_taken_on(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    items = [rows.item(), rows.item(thread=ThreadRef(ChannelRef(TERMINAL, "", "#ops")))]
    await store.outbox.enqueue(items)
    await claim(store, clock, owner="first", platforms=(SLACK, TERMINAL))

    assert await take_on(store, "first", "second", ()) == []
    assert ids(await take_on(store, "first", "second", (TERMINAL,))) == [items[1].id]
    assert ids(await take_on(store, "first", "second", (SLACK, TERMINAL))) == [items[0].id]


async def test_who_was_taken_for_dead_can_write_nothing_about_its_messages(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    item = rows.item()
    await store.outbox.enqueue([item])
    [late] = await claim(store, clock, owner="stale")
    assert await store.outbox.holds(item.id, late.attempts)
    [taken] = await take_on(store, "stale", "taker")

    assert not await store.outbox.holds(item.id, late.attempts)
    with pytest.raises(Conflict):
        await store.outbox.sent(item.id, late.attempts, MessageId("17.1"))
    with pytest.raises(Conflict):
        await store.outbox.postpone(item.id, late.attempts, until=clock.now(), error="late")
    for state in (OutboxState.DEAD, OutboxState.WITHHELD):
        with pytest.raises(Conflict):
            await store.outbox.settle(item.id, late.attempts, state, error="late")

    assert await store.outbox.get(item.id) == taken
    assert await store.outbox.holds(item.id, taken.attempts)
    await store.outbox.sent(item.id, taken.attempts, MessageId("17.2"))
    with pytest.raises(Conflict):
        await store.outbox.sent(item.id, late.attempts, MessageId("17.1"))
    stored = await store.outbox.get(item.id)
    assert stored is not None
    assert (stored.state, stored.message_id) == (OutboxState.SENT, "17.2")


async def test_a_claim_ends_with_a_message_that_was_handed_back(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    item = rows.item()
    await store.outbox.enqueue([item])
    [first] = await claim(store, clock, owner="stale")
    await store.outbox.postpone(item.id, first.attempts, until=clock.now(), error="")
    assert not await store.outbox.holds(item.id, first.attempts)
    [second] = await claim(store, clock, owner="other")

    with pytest.raises(Conflict):
        await store.outbox.sent(item.id, first.attempts, MessageId("17.1"))

    assert await store.outbox.get(item.id) == second
    assert not await store.outbox.holds(OutboxId("none"), 1)


async def test_the_next_time_is_the_earliest_of_what_is_pending(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    assert await store.outbox.next_time() is None
    now = clock.now()
    await store.outbox.enqueue(
        [
            rows.item(thread=thread("1")),
            rows.item(thread=thread("2"), not_before=now + 2 * SECOND),
            rows.item(thread=thread("3"), not_before=now + SECOND),
        ]
    )
    assert await store.outbox.next_time() == now

    await claim(store, clock)

    assert await store.outbox.next_time() == now + SECOND


async def test_messages_are_counted_by_state(store: Store, rows: Rows, clock: ManualClock) -> None:
    items = [rows.item(thread=thread(str(number))) for number in range(7)]
    await store.outbox.enqueue(items)
    await claim(store, clock, limit=5)
    await store.outbox.sent(items[0].id, 1, MessageId("1"))
    await store.outbox.settle(items[1].id, 1, OutboxState.DEAD, error="")
    await store.outbox.settle(items[2].id, 1, OutboxState.WITHHELD, error="")
    await store.outbox.hold(items[3].id, 1)

    counts = {state: await store.outbox.count(state) for state in OutboxState}

    assert counts == {
        OutboxState.PENDING: 2,
        OutboxState.SENDING: 1,
        OutboxState.SENT: 1,
        OutboxState.DEAD: 1,
        OutboxState.WITHHELD: 1,
        OutboxState.HELD: 1,
    }


async def test_the_oldest_message_that_is_not_final_says_since_when(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    assert await store.outbox.oldest_pending() is None
    began = clock.now()
    first = rows.item(thread=thread("1"))
    await clock.advance(SECOND)
    second = rows.item(thread=thread("2"))
    await store.outbox.enqueue([first, second])
    await claim(store, clock)
    assert await store.outbox.oldest_pending() == began

    await store.outbox.sent(first.id, 1, MessageId("1"))
    assert await store.outbox.oldest_pending() == began + SECOND

    await store.outbox.sent(second.id, 1, MessageId("2"))
    assert await store.outbox.oldest_pending() is None
