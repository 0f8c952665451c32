"""The promises of `runtime.ports.DeadLetters`, and that what was sent long ago goes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from runtime.errors import Conflict
from runtime.ids import MessageId, OutboxId, Platform
from runtime.model.address import ThreadRef
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.ports import Store
from tests.support.clock import ManualClock
from tests.support.stores import CHANNEL, SLACK, Rows

DAY = timedelta(days=1)


async def claimed(store: Store, clock: ManualClock) -> list[OutboxItem]:
    platforms: tuple[Platform, ...] = (SLACK,)
    return await store.outbox.claim(now=clock.now(), owner="here", platforms=platforms)


async def one(store: Store, rows: Rows, clock: ManualClock, key: str) -> OutboxItem:
    """A message that was claimed."""
    await store.outbox.enqueue([rows.item(key, key=key)])
    [item] = await claimed(store, clock)
    return item


async def dead(store: Store, rows: Rows, clock: ManualClock, key: str) -> OutboxItem:
    item = await one(store, rows, clock, key)
    await store.outbox.settle(item.id, item.attempts, OutboxState.DEAD, error="channel_not_found")
    return item


async def sent(store: Store, rows: Rows, clock: ManualClock, key: str) -> OutboxItem:
    item = await one(store, rows, clock, key)
    await store.outbox.sent(item.id, item.attempts, MessageId(f"17.{key}"))
    return item


async def test_dead_letters_are_listed_latest_first(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    for key in ("one", "two", "three"):
        await dead(store, rows, clock, key)
    await sent(store, rows, clock, "fine")
    await store.outbox.enqueue([rows.item("waits", key="waits")])

    latest = await store.dead_letters.latest(limit=2)

    assert [item.id for item in latest] == ["three", "two"]
    assert latest[0].error == "channel_not_found"
    assert latest[0].state is OutboxState.DEAD


async def test_a_dead_letter_that_is_tried_again_goes_out_as_if_it_were_new(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    item = await dead(store, rows, clock, "one")
    await clock.advance(DAY * 3)

    await store.dead_letters.retry(item.id, now=clock.now())

    assert await store.dead_letters.latest() == []
    [again] = await claimed(store, clock)
    assert (again.id, again.created_at) == (item.id, clock.now())
    assert again.attempts > item.attempts, "nobody who tried before can say what becomes of it"
    await store.outbox.sent(again.id, again.attempts, MessageId("17.9"))


async def test_a_dead_letter_that_is_dropped_is_gone(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    item = await dead(store, rows, clock, "one")
    await store.dead_letters.drop(item.id)
    assert await store.outbox.get(item.id) is None
    assert await store.outbox.count(OutboxState.DEAD) == 0


async def test_only_what_is_dead_can_be_tried_again_or_dropped(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    item = await sent(store, rows, clock, "one")
    for key, why in ((item.id, "outbox row is sent"), (OutboxId("none"), "there is no outbox row")):
        with pytest.raises(Conflict, match=why):
            await store.dead_letters.retry(key, now=clock.now())
        with pytest.raises(Conflict, match=why):
            await store.dead_letters.drop(key)
    assert await store.outbox.get(item.id) is not None


async def test_what_was_sent_long_ago_is_forgotten_and_nothing_else(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    await sent(store, rows, clock, "old")
    await dead(store, rows, clock, "dead")
    withheld = await one(store, rows, clock, "withheld")
    await store.outbox.settle(withheld.id, withheld.attempts, OutboxState.WITHHELD, error="closed")
    await clock.advance(DAY * 31)
    await sent(store, rows, clock, "young")
    await store.outbox.enqueue(
        [replace(rows.item("waits", key="waits"), created_at=clock.now() - DAY * 31)]
    )

    assert await store.outbox.forget(before=clock.now() - DAY * 30) == 1
    assert await store.outbox.get(OutboxId("old")) is None
    for key in ("dead", "withheld", "waits", "young"):
        assert await store.outbox.get(OutboxId(key)) is not None
    assert await store.outbox.forget(before=clock.now() - DAY * 30) == 0


async def test_many_are_forgotten_too(store: Store, rows: Rows, clock: ManualClock) -> None:
    many = [rows.item(key=f"m{n:04}", thread=ThreadRef(CHANNEL, str(n))) for n in range(450)]
    await store.outbox.enqueue(many)
    platforms: tuple[Platform, ...] = (SLACK,)
    items = await store.outbox.claim(
        now=clock.now(), owner="here", limit=len(many), platforms=platforms
    )
    for item in items:
        await store.outbox.sent(item.id, item.attempts, MessageId(f"17.{item.id}"))
    await clock.advance(DAY)

    assert await store.outbox.forget(before=clock.now()) == len(many)
    assert await store.outbox.count(OutboxState.SENT) == 0
